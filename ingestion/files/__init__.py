"""Intake of files: found, read, checked and compared with what is already stored."""
