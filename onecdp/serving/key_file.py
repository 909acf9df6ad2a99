"""Adds a key to .dlt/secrets.toml: by its hash."""

from __future__ import annotations

import json
import math
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from onecdp.destinations.options import Options
from onecdp.errors import OnecdpError, UsageProblem
from onecdp.project.settings import read_section
from onecdp.serving.keys import make_key
from onecdp.serving.settings import NAME, SECTION, check_scopes


@dataclass(frozen=True)
class Added:
    """A key that was made, the section that has its hash, and the file of that."""

    key: str
    section: str
    file: Path


def add_key(
    project: Path,
    environment: Mapping[str, str],
    name: str,
    scopes: Sequence[str],
    fields: Sequence[str] | None,
    rate: float | None,
    tenant: str | None,
) -> Added:
    """Makes a key and adds it to the settings.

    Args:
        project: The project's folder.
        environment: Usually `os.environ`.
        name: Of the key.
        scopes: What it may ask.
        fields: What it may see of profiles; None is all.
        rate: Requests per second; None takes the default.
        tenant: The tenant; None is the project's own warehouse.

    Raises:
        UsageProblem: The name is taken, or one of the arguments is wrong.
        OnecdpError: The file can't be written.
    """
    said = Options(SECTION, read_section(project, SECTION, environment))
    if not NAME.fullmatch(name):
        raise UsageProblem(f"{name!r} is no name for a key; use a-z, 0-9, - and _")
    section, where = f"{SECTION}.keys.{name}", said
    if tenant is not None:
        tenants = said.section("tenants")
        if tenant not in tenants:
            known = ", ".join(tenants) or "none"
            raise UsageProblem(f"[{SECTION}.tenants] has no {tenant!r}; there are {known}")
        section, where = (
            f"{SECTION}.tenants.{tenant}.keys.{name}",
            said.inner("tenants").inner(tenant),
        )
    if name in where.section("keys"):
        raise UsageProblem(f"[{section}] is there already; choose another name, or delete it")
    check_scopes(scopes, "--scope")
    key, digest = make_key()
    lines = [f"[{section}]", f'hash = "{digest}"', f"scopes = {json.dumps(sorted(set(scopes)))}"]
    if fields is not None:
        lines.append(f"fields = {json.dumps(sorted(set(fields)), ensure_ascii=False)}")
    if rate is not None:
        if not math.isfinite(rate):
            raise UsageProblem("--rate must be a number above 0")
        lines.append(f"requests_per_second = {rate!r}")
    file = project / ".dlt" / "secrets.toml"
    try:
        # For the owner alone, if the file is new.
        handle = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(handle, "a+", encoding="utf-8") as stream:
            stream.seek(0)
            before = stream.read()
            gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
            more = gap + "\n".join(lines) + "\n"
            _check_toml(before + more, file, section)
            stream.write(more)
    except OSError as error:
        raise OnecdpError(f"{file} can't be written: {error.strerror}") from error
    return Added(key, section, file)


def _check_toml(text: str, file: Path, section: str) -> None:
    """Raises if a section can't follow what is there: none of the file could be read any more."""
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise UsageProblem(
            f"{file}: [{section}] can't be added, as a line there names what it is in; make that a"
            " section of its own"
        ) from None
