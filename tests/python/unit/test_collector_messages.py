"""What the collector writes of an event: hashes, columns, times, and what breaks the plan."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from urllib.parse import urlencode

import duckdb
import pyarrow as pa
import pytest

from ingestion.declaration import Kind
from ingestion.landing.kinds import typed
from onecdp.collector.messages import Mapper
from onecdp.collector.refusals import BadEvent
from onecdp.collector.settings import Settings
from onecdp.collector.times import as_iso_time, is_iso_time
from onecdp.collector.tracking_plan import TrackingPlan, read_plan
from onecdp.collector.webhooks.shapes import MAILCHIMP, ZENDESK, BadCall, make_shape
from onecdp.identity.personal import hash_address, hash_phone, without_addresses


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("text", "hashed"),
    [
        (" A.B+c@Example.COM ", "a.b+c@example.com"),
        ("\uff41@b.example", "a@b.example"),
        ("O'Brien@b.example", "o'brien@b.example"),
        ("a@b.xn--p1ai", "a@b.xn--p1ai"),
        ("a@b", None),
        ("no address", None),
    ],
)
def test_addresses_are_normalised_before_they_are_hashed(text: str, hashed: str | None) -> None:
    assert hash_address(text) == (hashed and sha256(hashed))


@pytest.mark.parametrize(
    ("text", "hashed"),
    [
        ("+49 (30) 901-820", "+4930901820"),
        ("0049 30 901820", "+4930901820"),
        ("\uff0b86 138 0000 0000", "+8613800000000"),
        ("030 901820", None),
        ("call me", None),
    ],
)
def test_phone_numbers_need_their_country(text: str, hashed: str | None) -> None:
    assert hash_phone(text) == (hashed and sha256(hashed))


def test_addresses_inside_a_text_are_replaced() -> None:
    hashed = sha256("a@b.example")

    assert without_addresses("to A@b.example, a%40b.example") == f"to {hashed}, {hashed}"
    assert without_addresses("'a@b.example'") == f"'{hashed}'"
    assert without_addresses("c'a@b.example") == sha256("c'a@b.example")
    assert without_addresses("12:30 @ the shop") == "12:30 @ the shop"


def test_columns_event_types_and_user_ids_follow_the_settings() -> None:
    settings = Settings(
        user_id_type="member_id",
        columns={"coupon": (("properties", "code"), ("context", "x", "0"))},
        event_types={"Bought": "purchase"},
    )
    event = {"type": "track", "event": "Bought", "userId": 17, "properties": {"code": True}}

    ((folder, row),) = Mapper(settings, TrackingPlan()).rows(event, None, "web", "now")

    assert folder == "app/collector"
    assert (row["member_id"], row["coupon"], row["event_type"]) == ("17", "true", "purchase")
    mapper = Mapper(settings, TrackingPlan())
    for user, column, value in (
        ("a@b.example", "email_hash", sha256("a@b.example")),
        ("+4930901820", "mobile_hash", sha256("+4930901820")),
    ):
        ((_, row),) = mapper.rows({**event, "userId": user}, None, "web", "now")
        assert (row[column], row["member_id"]) == (value, None)
    with pytest.raises(BadEvent, match="userId is neither"):
        mapper.rows({**event, "userId": {"a": 1}}, None, "web", "now")


def test_identifiers_that_stand_elsewhere_are_found() -> None:
    mapper = Mapper(Settings(columns={"device_id": (("context", "device", "id"),)}), TrackingPlan())

    def rows(**message: object) -> list[dict[str, str | None]]:
        return [row for _, row in mapper.rows({"userId": "u", **message}, None, "web", "now")]

    event = {"type": "track", "event": "Bought", "context": {"device": {"id": "D"}}}
    (row,) = rows(**event, messageId=17)
    assert (row["event_id"], row["device_id"]) == ("17", "D")
    assert rows(**event, anonymousId="A")[0]["device_id"] == "A"
    (row,) = rows(type="identify", traits={}, context={"traits": {"email": "a@b.example"}})
    assert row["right_id_value"] == sha256("a@b.example")
    (row,) = rows(type="alias", previousId="visitor a@b.example")
    assert row["right_id_type"] == "device_id"


def test_an_item_without_its_id_does_not_refuse_the_others() -> None:
    click = {"event": "click", "_id": "x", "ts": 1780302360}
    sync = {"type": "blacklist", "action": "add", "ts": 1780302360}

    def rows(*items: object) -> list[dict[str, str | None]]:
        return MAILCHIMP.rows(urlencode({"mandrill_events": json.dumps(items)}).encode())

    assert [row["event_id"] for row in rows(click, sync)] == ["x-click-1780302360", None]
    with pytest.raises(BadCall, match="it has no event_id"):
        rows(sync)


def test_events_of_zendesk_that_are_of_no_ticket_are_left_out() -> None:
    def rows(kind: str) -> list[dict[str, str | None]]:
        call = {"type": f"zen:event-type:{kind}", "detail": {"id": "7", "status": "OPEN"}}
        return ZENDESK.rows(json.dumps(call).encode())

    assert [row["ticket_id"] for row in rows("ticket.status_changed")] == ["7"]
    # Its `detail` is a user, whose number some ticket has, too.
    assert rows("user.created") == []
    assert ZENDESK.rows(b'{"ticket_id": 8, "status": "open"}')[0]["ticket_id"] == "8"


def test_a_call_says_nothing_of_what_it_does_not_name() -> None:
    """The requester stays, if only the state is told; what is empty there is empty here."""
    detail = {"id": "7", "status": "open", "solved_at": None}
    call = {"type": "zen:event-type:ticket.x", "detail": detail}
    (row,) = ZENDESK.rows(json.dumps(call).encode())
    assert row == {"ticket_id": "7", "status": "open", "solved_at": None}


def test_a_zendesk_body_of_ones_own_may_have_a_type() -> None:
    """The type of a ticket, which is no event's."""
    (row,) = ZENDESK.rows(b'{"ticket_id": 8, "type": "question", "status": "open"}')
    assert row == {"ticket_id": "8", "status": "open"}


def test_a_state_that_is_not_mapped_says_nothing() -> None:
    shape = make_shape("zendesk", {"values": {"status": {"open": "new"}}})

    def status(stated: object) -> dict[str, str | None]:
        (row,) = shape.rows(json.dumps({"ticket_id": 8, "status": stated}).encode())
        return row

    assert status("open") == {"ticket_id": "8", "status": "new"}
    assert status("on leave") == {"ticket_id": "8"}
    assert status(None) == {"ticket_id": "8", "status": None}


def test_joined_paths_are_absent_or_empty_as_their_parts_are() -> None:
    shape = make_shape("zendesk", {"columns": {"priority": "level+team"}})

    def row(**stated: object) -> dict[str, str | None]:
        (found,) = shape.rows(json.dumps({"ticket_id": 8, **stated}).encode())
        return found

    assert row(level=1, team="a")["priority"] == "1-a"
    assert "priority" not in row(level=1)
    assert row(level=1, team=None)["priority"] is None


def test_the_plan_names_what_an_event_breaks(tmp_path: Path) -> None:
    (tmp_path / "plan.csv").write_text(
        "event,property,type,required\nA,n,integer,true\nA,t,text,\nB,,,\n"
    )
    plan = read_plan(tmp_path / "plan.csv")

    assert plan.violation("A", {"n": 3.0, "t": "x"}) is None
    assert plan.violation("A", {"t": 1}) == "n is missing; t is no text"
    assert plan.violation("A", {"n": True}) == "n is no integer"
    assert plan.violation("B", {}) is None
    assert plan.violation("C", {}) == "event is not in the tracking plan"
    assert read_plan(tmp_path / "none.csv").violation("C", {}) is None


TIMES = [
    "2026-06-01",
    "2026-06-01T08:26:00Z",
    "2026-06-01 08:26:00+02:00",
    "2026-6-1 8:26 +0530",
    "2026-06-01T08:26:00.123456UTC",
]
NO_TIMES = [
    "01/06/2026",
    "2026-W23-1",
    "20260601T080000Z",
    "2026-06-01T08:00:00,123Z",
    "2026-06-01T08:00:00+05:30:15",
    "2026-06-01T08",
    "2026-06-01x08:00:00Z",
    "2026-02-30",
    "0001-01-01T00:00:00Z",
    "soon",
    "",
]


@pytest.mark.parametrize("text", TIMES)
def test_times_in_iso_8601(text: str) -> None:
    assert is_iso_time(text)
    assert as_iso_time(text) == text


@pytest.mark.parametrize("value", [*NO_TIMES, True, None, 10**30, [], "20260601", 20260601])
def test_no_times(value: object) -> None:
    assert as_iso_time(value) is None


def test_what_counts_as_a_time_is_loaded() -> None:
    """What is acknowledged must not be set aside later."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.register("texts", pa.table({"time": TIMES}))
        sql = f"select {typed('time', Kind.TIMESTAMP)} from texts"
        assert None not in [time for (time,) in connection.execute(sql).fetchall()]


@pytest.mark.parametrize(
    ("value", "time"),
    [
        (1780300800, "2026-06-01T08:00:00.000Z"),
        ("1780300800123", "2026-06-01T08:00:00.123Z"),
        (1780300800123, "2026-06-01T08:00:00.123Z"),
    ],
)
def test_numbers_are_seconds_or_milliseconds_by_their_size(value: object, time: str) -> None:
    assert as_iso_time(value) == time


def test_a_time_that_cannot_be_read_is_said_for_quarantine() -> None:
    """Without it, an older call would count as newer than what is known."""
    (row,) = ZENDESK.rows(
        b'{"ticket_id": 7, "status": "open", "updated_at": "06/01/2026 of ada@x.example"}'
    )
    assert str(row["updated_at"]).startswith("unreadable 06/01/2026 of ")
    assert "@" not in str(row["updated_at"])
    assert ZENDESK.rows(b'{"ticket_id": 7, "updated_at": ""}') == [
        {"ticket_id": "7", "updated_at": None}
    ]
