"""Resolves links into clusters."""
