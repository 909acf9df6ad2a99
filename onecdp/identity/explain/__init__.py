"""Explains why identifiers are one person, or why they are not."""

from onecdp.identity.explain.answer import Apart, Person, Together, explain
from onecdp.identity.explain.text import lines

__all__ = ["Apart", "Person", "Together", "explain", "lines"]
