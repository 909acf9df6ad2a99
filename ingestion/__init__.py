"""What is loaded into the raw tables: one folder per source, and the files they share.

To add a source: a folder with `settings.py` (a `TableSpec`: its columns, its key and what a
repeated key means) and an `__init__.py` like those beside it, and its name in
`pipelines.SOURCES`. Its files are then found below `DIR/<source>/` and land in
`raw_<source>.<table>`, with `raw_<source>.quarantine` and `raw_<source>.loads` beside it.
"""
