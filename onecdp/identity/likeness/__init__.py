"""Probabilistic links between member accounts."""
