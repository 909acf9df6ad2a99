"""SDKs as their makers ship them send to the collector; only the host is another one."""

from __future__ import annotations

import functools
import hashlib
import http.server
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import rudderstack.analytics.client as rudder
import segment.analytics.client as segment
from support.cli import REPOSITORY
from support.collector import (
    KEY,
    Collector,
    collecting,
    make_collector_project,
    rows,
)

NODE = REPOSITORY / "tests" / "node"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_node = pytest.mark.skipif(
    not (shutil.which("node") and (NODE / "node_modules").is_dir()),
    reason="the SDKs of npm are not at hand: node, and `npm ci` in tests/node",
)
needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="chromium is not at hand")


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    project = make_collector_project(tmp_path / "project")
    with collecting(project, tmp_path / "data") as running:
        yield running


def events(collector: Collector) -> list[dict[str, Any]]:
    return rows(collector.data, "app/collector")


def links(collector: Collector) -> set[tuple[str, str, str]]:
    return {
        (row["left_id_value"], row["right_id_type"], row["right_id_value"][:16])
        for row in rows(collector.data, "id_graph/collector")
    }


HASHED = hashlib.sha256(b"a@b.example").hexdigest()[:16]


@pytest.mark.parametrize("sdk", ["segment", "rudder", "rudder, gzip"])
def test_sdks_in_python(collector: Collector, sdk: str) -> None:
    errors: list[object] = []

    def fail(error: object, _: object) -> None:
        errors.append(error)

    client: Any
    if sdk == "segment":
        client = segment.Client(KEY, host=collector.url, on_error=fail)
    else:
        client = rudder.Client(KEY, host=collector.url, on_error=fail, gzip=sdk == "rudder, gzip")
    for number in range(50):
        client.track(
            "py-user",
            "Order Completed",
            {"revenue": number, "product_id": f"SKU{number}"},
            anonymous_id="py-device",
        )
    client.identify("py-user", {"email": "A@b.example"}, anonymous_id="py-device")
    client.alias("py-earlier", "py-user")
    client.shutdown()
    collector.stop()

    assert errors == []
    found = events(collector)
    assert sorted(float(row["item_price"]) for row in found) == list(range(50))
    assert {(row["union_id"], row["device_id"], row["event_type"]) for row in found} == {
        ("py-user", "py-device", "purchase")
    }
    assert links(collector) >= {
        ("py-user", "device_id", "py-device"),
        ("py-user", "device_id", "py-earlier"),
        ("py-user", "email_hash", HASHED),
    }


@needs_node
def test_the_sdk_of_npm_in_node(collector: Collector) -> None:
    subprocess.run(["node", "send.mjs", collector.url, KEY], cwd=NODE, check=True, timeout=60)
    collector.stop()

    found = events(collector)
    assert len({row["event_id"] for row in found}) == len(found) == 51
    assert {row["event_type"] for row in found} == {"purchase", "page_view"}
    assert links(collector) == {
        ("node-user", "device_id", "node-device"),
        ("node-user", "device_id", "node-earlier"),
        ("node-user", "email_hash", HASHED),
    }


@contextmanager
def serving_the_page() -> Iterator[str]:
    """The page and the SDK that it loads, on an origin of their own."""
    folder = NODE / "node_modules" / "@segment" / "analytics-next" / "dist" / "umd"

    class Handler(http.server.SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            name = path.partition("?")[0]
            return str(NODE / "page.html") if name == "/" else super().translate_path(path)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))
    )
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


@needs_node
@needs_chromium
def test_analytics_next_in_a_browser(collector: Collector, tmp_path: Path) -> None:
    def has_all() -> bool:
        folder = collector.data / "app" / "collector"
        return bool(sum(f.read_bytes().count(b"\n") for f in folder.glob(".*.open")) >= 2)

    with serving_the_page() as page:
        browser = subprocess.Popen(
            [str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-dev-shm-usage", "--disable-background-networking",
             f"--user-data-dir={tmp_path / 'profile'}", f"{page}#{collector.url}|{KEY}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + 60
            while not has_all() and time.monotonic() < deadline:
                time.sleep(0.1)
        finally:
            browser.terminate()
            browser.wait(timeout=30)
    collector.stop()

    found = {row["event_type"]: row for row in events(collector)}
    assert set(found) == {"page_view", "purchase"}
    assert found["page_view"]["page_name"] == "Home"
    assert found["purchase"]["item_price"] == "7"
    assert found["purchase"]["union_id"] == "browser-user"
    assert ("browser-user", "email_hash", HASHED) in links(collector)
