"""Explains why identifiers are one person, or why they are not."""
