"""Tables of MySQL, MariaDB and PostgreSQL as destinations.

`destination` is the delivery, in one transaction; `table` makes or checks the user's table;
`mysql` and `postgresql` have what differs; `lines` is how rows travel.
"""
