"""Audiences: tags as Roaring bitmaps, the rule language, packages of customers."""
