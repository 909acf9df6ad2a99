"""The warehouse folder: its files, its lock, and SQL on them."""
