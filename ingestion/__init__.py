"""What is loaded into the raw tables: one folder per source, and the files they share."""
