"""Reads tables of MySQL, MariaDB and PostgreSQL, by a column that grows with every change."""
