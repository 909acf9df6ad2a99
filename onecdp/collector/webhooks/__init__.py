"""Signed calls of other services: `signatures` checks them, `shapes` says which row a call is."""
