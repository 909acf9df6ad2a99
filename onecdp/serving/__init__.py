"""The online store and the API that serves it: who is this, what do we know, in which audience.

- `store_file`, `marts_documents`, `write_store`: `onecdp publish` writes `online.sqlite` beside
  `marts.duckdb`, from the published marts alone.
- `online_store`, `current`: one publication of it, for look-ups, and the change to the next one.
- `settings`, `keys`, `tenants`: who may ask what, of which warehouse.
- `routes`, `answers`, `questions`, `app`, `openapi`, `docs_page`, `metrics`: the API; `server` runs
  it.

docs/serving.md describes it for its users. The API needs the extra `onecdp[server]`, the store
nothing.
"""
