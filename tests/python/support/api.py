"""A running `onecdp serve` with two tenants, and a client with a key."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from onecdp.serving.keys import digest_of
from onecdp.serving.settings import SCOPES
from support.cli import REPOSITORY, clean_environment

KEYS: Mapping[str, str] = {
    name: f"key-of-{name}" for name in ("own", "other", "narrow", "none", "few", "slow")
}
"""Plain keys by what they are: of the own tenant, of the other one, of few fields, of the scope
metrics alone, of profiles alone, and of one request per second."""


def settings(other: Path, more: str = "") -> str:
    """`[serving]` for the own warehouse and another."""

    def key(section: str, name: str, scopes: Iterator[str] | list[str], *lines: str) -> str:
        scoped = ", ".join(f'"{scope}"' for scope in scopes)
        return "\n".join(
            [f"[serving.{section}.{name}]", f'hash = "{digest_of(KEYS[name])}"',
             f"scopes = [{scoped}]", *lines, ""]
        )  # fmt: skip

    fast = "requests_per_second = 1e6"
    return "\n".join(
        [
            "[serving]", "online_store = true", "refresh_seconds = 0.05", more, "",
            key("keys", "own", list(SCOPES), fast),
            key("keys", "narrow", list(SCOPES), fast, 'fields = ["level", "member_id"]'),
            key("keys", "none", ["metrics:read"], fast),
            key("keys", "few", ["profiles:read"], fast),
            key("keys", "slow", list(SCOPES), "requests_per_second = 0.3"),
            "[serving.tenants.other]", f'warehouse = "{other}"', "",
            key("tenants.other.keys", "other", list(SCOPES), fast),
        ]
    )  # fmt: skip


@dataclass
class Api:
    """An API in a process of its own."""

    process: subprocess.Popen[str]
    url: str
    session: requests.Session = field(default_factory=requests.Session)

    def ask(
        self, path: str, key: str | None = "own", document: object = None, **more: Any
    ) -> requests.Response:
        """GET, or POST of a document: as JSON, or as it is if it is bytes."""
        headers = {"Authorization": f"Bearer {KEYS[key]}"} if key else {}
        headers |= more.pop("headers", {})
        if document is not None:
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            more["data"] = body
        method = more.pop("method", "GET" if document is None else "POST")
        return self.session.request(method, self.url + path, headers=headers, timeout=30, **more)

    def stop(self) -> str:
        """Ends it as a supervisor does; returns what it said."""
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=20)
        assert self.process.returncode == 0, said
        return said

    def kill(self) -> None:
        """Kills it, if it runs."""
        self.process.kill()
        self.process.wait()
        if self.process.stderr is not None:
            self.process.stderr.close()
        self.session.close()


def make_api_project(folder: Path, text: str) -> Path:
    """The parts of a project that the API reads."""
    (folder / ".dlt").mkdir(parents=True)
    (folder / "warehouse").mkdir()
    (folder / "dbt_project.yml").write_text("name: onecdp\n")
    (folder / ".dlt/secrets.toml").write_text(text)
    return folder


def start_api(project: Path, *options: str) -> Api:
    """Starts `onecdp serve`."""
    command = [sys.executable, "-m", "onecdp", "serve", "--port", "0", *options]
    process = subprocess.Popen(
        [*command, "--project-dir", str(project)],
        cwd=REPOSITORY,
        env=clean_environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = process.stderr.readline()
    found = re.search(r"serving \S.* on (http://\S+)", said)
    if not found:
        process.kill()
        raise AssertionError(said + process.stderr.read())
    return Api(process, found[1])


@contextmanager
def serving(project: Path, *options: str) -> Iterator[Api]:
    """An API until the block ends."""
    api = start_api(project, *options)
    try:
        yield api
    finally:
        api.kill()


def refused(answer: requests.Response) -> tuple[int, str]:
    """The status and the code of a refusal, which must be problem details."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    document = answer.json()
    assert document["status"] == answer.status_code
    assert document["title"]
    assert document["detail"]
    return answer.status_code, document["code"]
