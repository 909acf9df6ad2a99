"""The erasure of a person: `onecdp forget`.

`person` finds who is meant, `tables` takes the person out of what dbt keeps, `files` out of the
bytes, and `forget` does it all in an order in which it may be stopped at any moment.
"""
