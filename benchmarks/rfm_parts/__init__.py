"""Parts of the RFM benchmark: the ways in SQL, and the project's models through dbt."""
