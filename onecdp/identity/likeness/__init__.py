"""Probabilistic links: pairs of member accounts whose attributes are alike."""

from onecdp.identity.likeness.links import LINKS, no_links, probabilistic_links

__all__ = ["LINKS", "no_links", "probabilistic_links"]
