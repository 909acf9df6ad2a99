"""Reads what changes in tables of MySQL and MariaDB from the binary log (change data capture).

The log tells which keys changed. Their rows are then read from the tables, so that every value is
what the SQL reader gives, whatever the log makes of it; a key that has no row any more was deleted.
The position is taken first: what changes while rows are read is in the log after it, and is read
again. So the raw table converges without a lock.
"""
