"""The erasure of a person: `onecdp forget`.

`person` finds everything that belongs to the person, `rules` reads what each table declares,
`tables` deletes from the tables that dbt keeps, `files` removes deleted bytes from disk. The
command itself is `onecdp.pipeline.forget`.
"""
