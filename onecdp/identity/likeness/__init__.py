"""Finds links between member accounts by the likeness of their attributes."""

from onecdp.identity.likeness.links import LINKS, no_links, probabilistic_links

__all__ = ["LINKS", "no_links", "probabilistic_links"]
