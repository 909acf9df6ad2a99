"""Where data is: a path on this machine, or the URL of object storage."""

from __future__ import annotations

from pathlib import Path

from onecdp.errors import UsageProblem

Data = Path | str
"""A path, or a URL such as `s3://bucket/exports`."""


def is_url(text: str) -> bool:
    """Whether a text is the URL of something elsewhere."""
    return "://" in text and not text.startswith("file://")


def parse_data(text: str) -> Data:
    """What a user calls a folder or a file.

    Raises:
        UsageProblem: It is a URL with credentials, which would get into logs.
    """
    if not is_url(text):
        return Path(text.removeprefix("file://"))
    if "@" in text.partition("://")[2].partition("/")[0]:
        raise UsageProblem(
            "a URL with credentials in it is not read; put them into .dlt/secrets.toml "
            "(docs/object-storage.md)"
        )
    return text.rstrip("/")
