"""What is loaded into the raw tables, and how.

- `sources/<name>/`: a source each: its tables (`TableSpec`: columns, key, what a repeated key
  means) and its reader.
- `readers/`: where rows come from. A reader names places, such as files, and yields their rows as
  Arrow chunks of text. `live.py` lists those of live systems, which every source has.
- `landing/`: the only entrance to the raw tables: types, quarantine, deduplication, balance.
- `erasure/`: keeps erased people out, and erases them from what is stored.
- `identifiers`: which columns hold identifiers, read from the YAML of the staging models.
- `pipelines`: runs them all; `dlt_load` is one load by dlt.

Who may import whom is in pyproject.toml ("Layers of ingestion").

A load starts at `onecdp ingest` or `run`: `onecdp/cli/run.py` calls `onecdp/pipeline/ingest.py`,
which imports this folder with `onecdp/project/ingestion.py` and calls `pipelines.load`. For each
source that calls `dlt_load.run_load`, which opens a scratch database, lets `landing/land.py` read
the new places with the source's reader (`readers/files.py`), and has dlt write the result.

To add a source: a folder `sources/<name>/` like those beside it, and its `SOURCE` in
`sources.SOURCES`. Its files are found below `DIR/<name>/` (with several tables, below
`DIR/<name>/<table>/`) and land in `raw_<name>.<table>`, with `quarantine`, `warnings`,
`superseded` and `loads` beside.
"""
