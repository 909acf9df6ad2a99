"""What is loaded into the raw tables, and how.

- `sources/<name>/`: a source each: its tables (`TableSpec`: columns, key, what a repeated key
  means) and its reader.
- `readers/`: where rows come from. A reader names places, such as files, and yields their rows as
  Arrow chunks of text.
- `landing/`: the only entrance to the raw tables: types, quarantine, deduplication, balance.
- `erasure/`: keeps erased people out, and erases them from what is stored.
- `identifiers`: which columns hold identifiers, read from the YAML of the staging models.
- `pipelines`: runs them all and hands the result to dlt.

`pipelines` uses `sources`, these use `readers`, these `landing`, it `erasure`; nothing imports the
other way. `declaration` and `raw_tables` are at the bottom.

To add a source: a folder `sources/<name>/` like those beside it, and its `SOURCE` in
`sources.SOURCES`. Its files are found below `DIR/<name>/` (with several tables, below
`DIR/<name>/<table>/`) and land in `raw_<name>.<table>`, with `quarantine` and `loads` beside.
"""
