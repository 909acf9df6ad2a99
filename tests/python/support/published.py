"""What a published file holds."""

from __future__ import annotations

import hashlib
from pathlib import Path


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
