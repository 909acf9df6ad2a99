"""Readers: they say which places hold rows of a source, and yield those rows as chunks of text.

`reader` is what every reader is. `files` finds files, opens them and reads them by their format.
"""
