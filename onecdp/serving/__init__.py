"""The online store and the API that serves it: who is this, what do we know, in which audience.

- `places` chooses where the online store is. `marts_documents` is what it is made of: the published
  marts alone.
- `store_file`, `store_base`, `write_store`, `erase_store`, `online_store`: in two files of SQLite
  beside `marts.duckdb`.
- `redis_settings`, `redis_keys`, `redis_place`, `write_redis`, `redis_tickets`, `redis_store`: in
  Redis or Valkey.
- `lookups`, `audience_masks`, `current_store`: one publication, and the change to the next.
- `batch_state`, `batch_tickets`: what its build has read and decided, for the live side;
  `store_directory` is a publication as that asks it, `live_answers` and `ready_features` are batch
  and live in one answer, `publications` is what triggers see.
- `settings`, `keys`, `tenants`: who may ask what, of which warehouse.
- `routes`, `endpoints`, `answers`, `problems`, `openapi`, `app`: the API; `direct` answers its
  commonest question, `marts_questions` those about rules; `metrics` counts, `server` runs it,
  with the collector if that is wanted (`beside_collector`).

docs/serving.md describes it for its users. The API needs the extra `onecdp[server]`, the store
nothing.
"""
