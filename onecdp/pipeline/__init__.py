"""The daily job and its steps, for a command line, a scheduler or a server.

Each is a function of one `Context` and returns a report:

    context = Context(open_project(Path("my-cdp"), None, os.environ))
    report = run(context, Path("exports"))

They hold the warehouse folder while they work, but for `preview`, which only reads; they raise
`OnecdpError` for what the user can fix, and print nothing.
"""

from onecdp.pipeline.add_source import add_source
from onecdp.pipeline.audit import audit
from onecdp.pipeline.build import build
from onecdp.pipeline.context import Context
from onecdp.pipeline.flink import flink_script
from onecdp.pipeline.forget import forget
from onecdp.pipeline.history import trim_history
from onecdp.pipeline.ingest import ingest
from onecdp.pipeline.live import live
from onecdp.pipeline.preview import preview
from onecdp.pipeline.publish import publish
from onecdp.pipeline.run import run
from onecdp.pipeline.watch import watch

__all__ = [
    "Context",
    "add_source",
    "audit",
    "build",
    "flink_script",
    "forget",
    "ingest",
    "live",
    "preview",
    "publish",
    "run",
    "trim_history",
    "watch",
]
