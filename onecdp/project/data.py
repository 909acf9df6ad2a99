"""Where data is: a path on this machine, or the URL of object storage."""

from __future__ import annotations

from pathlib import Path

Data = Path | str
"""A path, or a URL such as `s3://bucket/exports`."""


def is_url(text: str) -> bool:
    """Whether a text is the URL of something elsewhere."""
    return "://" in text and not text.startswith("file://")


def parse_data(text: str) -> Data:
    """What a user calls a folder or a file."""
    return text.rstrip("/") if is_url(text) else Path(text.removeprefix("file://"))
