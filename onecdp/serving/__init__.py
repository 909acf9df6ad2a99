"""The online store and the API that serves it: who is this, what do we know, in which audience.

- `store_file`, `marts_documents`, `write_store`: `onecdp publish` writes `online.sqlite` beside
  `marts.duckdb`, from the published marts alone.
- `online_store`, `audience_masks`: one publication of it, for look-ups, and the change to the next.
- `settings`, `keys`, `tenants`: who may ask what, of which warehouse.
- `routes`, `endpoints`, `answers`, `problems`, `openapi`, `app`: the API; `direct` answers its
  commonest question, `marts_questions` those about rules; `metrics` counts, `server` runs it.

docs/serving.md describes it for its users. The API needs the extra `onecdp[server]`, the store
nothing.
"""
