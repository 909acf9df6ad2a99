"""The tables of docs/real-year.md."""
