"""A running collector, and a client that says what was acknowledged."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from support.cli import REPOSITORY, clean_environment

KEY = "a-write-key-for-tests"
SETTINGS = f"""
[collector]
segment_seconds = 600
events_per_second = 1e9

[collector.write_keys]
web = "{KEY}"

[collector.webhooks.zendesk]
secret = "zendesk-secret"

[collector.webhooks.mailchimp]
secret = "mailchimp-secret"
url = "https://shop.example/v1/webhooks/mailchimp"
"""


@dataclass
class Collector:
    """A collector in a process of its own."""

    process: subprocess.Popen[str]
    url: str
    data: Any  # a Path, or None where rows go to Kafka
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def post(self, path: str, document: object, **more: Any) -> requests.Response:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        settings = {"auth": (KEY, ""), "timeout": 20, **more}
        return self.session.post(f"{self.url}/v1/{path}", data=body, **settings)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> str:
        """Ends it as a supervisor does; returns what it said."""
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=20)
        assert self.process.returncode == 0, said
        return said


def make_collector_project(folder: Path, settings: str = SETTINGS) -> Path:
    """The parts of a project that the collector reads."""
    (folder / ".dlt").mkdir(parents=True)
    (folder / "seeds").mkdir()
    (folder / "dbt_project.yml").write_text("name: onecdp\n")
    (folder / "seeds/tracking_plan.csv").write_text("event,property,type,required\n")
    (folder / ".dlt/secrets.toml").write_text(settings)
    return folder


def start_collector(
    project: Path, data: Path | None, port: int = 0, largest_file: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> Collector:  # fmt: skip
    """Starts `onecdp collect`; `largest_file` is how many bytes the system lets a file have."""

    def limit() -> None:
        if largest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    process = subprocess.Popen(
        [sys.executable, "-m", "onecdp", "collect", *(["--data", str(data)] if data else []),
         "--port", str(port), "--project-dir", str(project)],
        cwd=REPOSITORY,
        env={**clean_environment(), **(environment or {})},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,
    )  # fmt: skip
    assert process.stderr is not None
    said = process.stderr.readline()
    found = re.search(r"collecting on (http://\S+)", said)
    assert found, said + process.stderr.read()
    return Collector(process, found[1], data)


@contextmanager
def collecting(project: Path, data: Path | None, **more: Any) -> Iterator[Collector]:
    """A collector until the block ends."""
    collector = start_collector(project, data, **more)
    try:
        yield collector
    finally:
        if collector.process.poll() is None:
            collector.kill()
        if collector.process.stderr is not None:
            collector.process.stderr.close()
        collector.session.close()


def rows(data: Path, folder: str) -> list[dict[str, Any]]:
    """The rows in the closed files below a folder."""
    files = sorted((data / folder).glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def open_files(data: Path) -> list[str]:
    return sorted(name for _, _, names in os.walk(data) for name in names if name.startswith("."))


def track(number: int, **more: object) -> dict[str, object]:
    """An event as an SDK sends it."""
    return {
        "type": "track",
        "event": "Order Completed",
        "messageId": f"m{number}",
        "anonymousId": f"device-{number % 7}",
        "timestamp": "2026-06-01T08:26:00.123Z",
        "properties": {"revenue": 9.5, "product_id": f"SKU{number}"},
        **more,
    }


def code(answer: requests.Response) -> tuple[int, str]:
    """The status and the code of an answer that refuses, which must say why."""
    document = answer.json()
    assert document["success"] is False
    assert document["message"]
    return answer.status_code, document["code"]
