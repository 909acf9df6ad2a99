"""The HTTP collector: takes events from SDKs and webhooks, and writes JSON lines for `ingest`.

- `app`: the routes, as an ASGI application; `server` and `process` run it.
- `requests`, `keys`: bodies within limits, write keys and their rates.
- `messages`: a call of the Segment protocol as rows of the sources; `personal` hashes addresses.
- `webhooks/`: signed calls of other services as rows.
- `journal`, `segments`: rows are durable before they are acknowledged.
- `settings`, `tracking_plan`: what the project says.

docs/collector.md describes it for its users. Needs the extra `onecdp[server]`.
"""
