"""The warehouse folder: the one place in onecdp that opens DuckDB."""
