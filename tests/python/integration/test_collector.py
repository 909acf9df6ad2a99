"""The collector over HTTP: what it takes, refuses and writes, and what `ingest` makes of it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from support.collector import (
    KEY,
    SETTINGS,
    Collector,
    code,
    collecting,
    make_collector_project,
    open_files,
    rows,
    track,
)
from support.ingestion import Warehouse


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_collector_project(tmp_path_factory.mktemp("collector") / "project")


@pytest.fixture(scope="module")
def shared(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """One collector for the tests that only look at answers."""
    with collecting(project, tmp_path_factory.mktemp("shared") / "data") as collector:
        yield collector


def packed(body: bytes) -> bytes:
    """Gzip without the time: these bytes name a test, and its name is the same in all workers."""
    return gzip.compress(body, mtime=0)


@pytest.mark.parametrize(
    ("path", "body", "more", "expected"),
    [
        ("track", track(1), {"auth": ("wrong", "")}, (401, "invalid_write_key")),
        ("track", track(1), {"auth": None}, (401, "invalid_write_key")),
        ("batch", {"batch": [], "writeKey": "é"}, {"auth": None}, (401, "invalid_write_key")),
        ("track", b"{", {}, (400, "invalid_json")),
        ("track", b"[" * 20_000, {}, (400, "invalid_json")),
        ("track", [1], {}, (400, "invalid_request")),
        ("batch", {"batch": {}}, {}, (400, "invalid_request")),
        ("track", {"event": "x"}, {}, (400, "invalid_event")),
        ("track", {"userId": "u"}, {}, (400, "invalid_event")),
        ("track", track(1, timestamp="28/02/2011"), {}, (400, "invalid_event")),
        ("alias", {"userId": "u"}, {}, (400, "invalid_event")),
        ("track", track(1, long="x" * 33_000), {}, (413, "too_large")),
        ("batch", b" " * 513_000, {}, (413, "too_large")),
        ("batch", packed(b" " * 50_000_000), {"headers": {"Content-Encoding": "gzip"}},
         (413, "too_large")),
        ("batch", b"no", {"headers": {"Content-Encoding": "gzip"}}, (400, "invalid_gzip")),
        ("batch", packed(b"{}")[:-9], {"headers": {"Content-Encoding": "gzip"}},
         (400, "invalid_gzip")),
        ("batch", b"{}", {"headers": {"Content-Encoding": "br"}}, (415, "unsupported_encoding")),
        ("nothing", {}, {}, (404, "not_found")),
        ("webhooks/other", {}, {}, (404, "unknown_provider")),
        ("webhooks/zendesk", {}, {"headers": {"X-Zendesk-Webhook-Signature": "é".encode()}},
         (401, "invalid_signature")),
    ],
)  # fmt: skip
def test_what_is_refused_is_told_as_json(
    shared: Collector, path: str, body: object, more: dict[str, object], expected: object
) -> None:
    assert code(shared.post(path, body, **more)) == expected


def test_a_key_may_be_in_the_body_and_browsers_may_ask(shared: Collector) -> None:
    in_body = {**track(900), "writeKey": KEY}
    assert shared.post("t", in_body, auth=None, headers={"Content-Type": "text/plain"}).ok
    settings = requests.get(
        f"{shared.url}/v1/projects/{KEY}/settings", headers={"Origin": "https://a.b"}, timeout=9
    )
    assert settings.headers["Access-Control-Allow-Origin"] == "*"
    assert settings.json()["integrations"]["Segment.io"]["apiHost"].startswith("127.0.0.1:")
    assert requests.get(f"{shared.url}/v1/projects/no/settings", timeout=9).status_code == 401
    assert requests.get(f"{shared.url}/healthz", timeout=9).json() == {"status": "ok"}


def test_events_links_and_bad_events_reach_the_raw_tables_once(
    project: Path, warehouse: Warehouse
) -> None:
    (project / "seeds/tracking_plan.csv").write_text(
        "event,property,type,required\nOrder Completed,revenue,number,true\n"
    )
    batch = [
        track(1),
        track(2, userId="Bob@Example.com", properties={"path": "/?to=bob@example.com"}),
        {**track(3, userId="u1", name="Home"), "type": "page"},
        {"type": "track", "messageId": "m4", "event": "plain@example.com"},
        track(5, long="x" * 33_000),
        "carol@example.com",
    ]
    identify = {
        "userId": "u1",
        "anonymousId": "device-1",
        "traits": {"email": " Bob@Example.COM", "phone": "0049 (30) 901820", "name": "Bob"},
        "timestamp": "2026-06-01T08:26:00Z",
    }
    with collecting(project, warehouse.data) as collector:
        for _ in range(2):  # As SDKs repeat what they got no answer to.
            taken = collector.post("batch", {"batch": batch})
            assert taken.ok
            assert [r["index"] for r in taken.json()["rejected"]] == [3, 4, 5]
            assert collector.post("identify", identify).ok
        # What stands beside the batch is said of each of its events.
        assert collector.post("batch", b'{"context":{"page":{"path":"/shared"}},'
                              b'"batch":[{"type":"track","event":"\\ud83d",'
                              b'"userId":"u1","messageId":"m6"}]}').ok  # fmt: skip
        assert len(open_files(warehouse.data)) == 2
        said = collector.stop()

    assert open_files(warehouse.data) == []
    report = warehouse.load()["app"]

    assert warehouse.counts(report) == (13, 4, 6, 3, 0)
    found = warehouse.query(
        "select event_id, event_type, event_name, violation, item_price::varchar, channel, "
        "coalesce(union_id, device_id), page_name from raw_app.events order by event_id"
    )
    hashed = hashlib.sha256(b"bob@example.com").hexdigest()
    assert found == [
        ("m1", "purchase", "Order Completed", None, "9.5000", "web", "device-1", None),
        ("m2", "purchase", "Order Completed", "revenue is missing", None, "web", "device-2",
         f"/?to={hashed}"),
        ("m3", "page_view", "Home", None, "9.5000", "web", "u1", "Home"),
        ("m6", "?", "?", "event is not in the tracking plan", None, "web", "u1", "/shared"),
    ]  # fmt: skip
    assert warehouse.query("select email_hash from raw_app.events where event_id = 'm2'") == [
        (hashed,)
    ]
    (why,) = {reason for _, _, reason in warehouse.quarantine("app")}
    assert "event_type" in why
    payloads = " ".join(p for (p,) in warehouse.query("select payload from raw_app.quarantine"))
    assert "the event has more than 32 KB" in payloads
    assert "userId or anonymousId is missing" in payloads
    links = warehouse.query(
        "select left_id_type, left_id_value, right_id_type, right_id_value from raw_id_graph.links"
    )
    phone = hashlib.sha256(b"+4930901820").hexdigest()
    assert sorted(links) == [
        ("union_id", "u1", "device_id", "device-1"),
        ("union_id", "u1", "email_hash", hashed),
        ("union_id", "u1", "mobile_hash", phone),
    ]
    written = "".join(f.read_text() for f in warehouse.data.rglob("*.jsonl"))
    for plain in ("ob@", "carol", "plain@", "901820", '"Bob"'):
        assert plain not in written + said + payloads


def test_signed_webhooks_are_rows_of_support_and_email(project: Path, tmp_path: Path) -> None:
    ticket = {
        "type": "zen:event-type:ticket.status_changed",
        "detail": {"id": 17, "status": "SOLVED", "updated_at": "2026-06-01T08:26:00Z",
                   "subject": "My order", "requester": {"email": "a@b.example"}},
    }  # fmt: skip
    events = [
        {"event": "hard_bounce", "_id": "x1", "ts": 1780302360, "msg": {"email": "A@B.example"}},
        {"event": "deferral", "_id": "x1", "ts": 1780302361, "msg": {"email": "a@b.example"}},
    ]
    body = json.dumps(ticket).encode()
    signed = hmac.new(b"zendesk-secret", b"2026-06-01T08:26:01Z" + body, "sha256").digest()
    headers = {
        "X-Zendesk-Webhook-Signature": base64.b64encode(signed).decode(),
        "X-Zendesk-Webhook-Signature-Timestamp": "2026-06-01T08:26:01Z",
    }
    text = json.dumps(events)
    address = "https://shop.example/v1/webhooks/mailchimp"
    over = f"{address}mandrill_events{text}".encode()
    mandrill = base64.b64encode(hmac.new(b"mailchimp-secret", over, "sha1").digest()).decode()
    form = requests.Request("POST", address, data={"mandrill_events": text}).prepare().body
    with collecting(project, tmp_path / "data") as collector:
        assert collector.post("webhooks/zendesk", body, headers=headers).ok
        assert code(collector.post("webhooks/zendesk", body + b" ", headers=headers))[0] == 401
        assert requests.head(f"{collector.url}/v1/webhooks/mailchimp", timeout=9).ok
        more = {"headers": {"X-Mandrill-Signature": mandrill}}
        assert collector.post("webhooks/mailchimp", str(form).encode(), **more).ok
        collector.stop()

    hashed = hashlib.sha256(b"a@b.example").hexdigest()
    (row,) = rows(tmp_path / "data", "support/tickets/webhooks")
    assert {name: value for name, value in row.items() if value} == {
        "ticket_id": "17", "requester_email": hashed, "status": "SOLVED",
        "updated_at": "2026-06-01T08:26:00Z",
    }  # fmt: skip
    (row,) = rows(tmp_path / "data", "email/events/webhooks")
    assert row == {
        "event_id": "x1-hard_bounce-1780302360", "event_type": "bounce", "email": hashed,
        "event_time": "2026-06-01T08:26:00.000Z",
    }  # fmt: skip


def test_a_key_that_sends_too_much_is_told_to_wait(tmp_path: Path) -> None:
    settings = f'[collector]\nevents_per_second = 1\n[collector.write_keys]\nweb = "{KEY}"\n'
    project = make_collector_project(tmp_path / "project", settings)
    with collecting(project, tmp_path / "data") as collector:
        batch = {"batch": [track(number) for number in range(30)]}
        assert collector.post("batch", batch).ok
        refused = collector.post("batch", batch)

    assert code(refused) == (429, "rate_limited")
    assert int(refused.headers["Retry-After"]) in range(1, 21)


def test_pages_of_other_origins_may_not_send(tmp_path: Path) -> None:
    settings = SETTINGS.replace("[collector]", '[collector]\norigins = ["https://shop.example"]', 1)
    project = make_collector_project(tmp_path / "project", settings)
    event = {**track(1), "writeKey": KEY}
    # A browser asks nobody before it sends a plain text.
    plain = {"Content-Type": "text/plain"}
    with collecting(project, tmp_path / "data") as collector:
        for origin, status in (("https://evil.example", 403), ("https://shop.example", 200)):
            headers = {**plain, "Origin": origin}
            assert collector.post("t", event, auth=None, headers=headers).status_code == status
        assert collector.post("track", track(2)).ok


def test_no_event_refuses_its_batch(shared: Collector) -> None:
    deep = track(1, deep=json.loads("[" * 400 + "]" * 400), long="x" * 30_000)

    answer = shared.post("batch", {"batch": [deep, track(2, long="x" * 3_000)]})
    assert [(r["index"], r["message"]) for r in answer.json()["rejected"]] == [
        (0, "the event is nested too deeply")
    ]
    for number, huge in enumerate(("1e999", "1" * 400, "1" * 5_000), start=3):
        batch = json.dumps({"batch": [track(number, price="HUGE")]}).replace('"HUGE"', huge)
        assert shared.post("batch", batch.encode()).json() == {"success": True}
