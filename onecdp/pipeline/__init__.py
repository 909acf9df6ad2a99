"""The stages of a run: ingest, build, publish, and all of them in order."""
