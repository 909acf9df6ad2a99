"""Writes a new source into a project: declaration, sample, staging, events, and their tests."""
