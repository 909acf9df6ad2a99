"""Messages as rows without a broker: fast and slow way, Debezium's times, gaps."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ingestion.declaration import DateOrder, TableSpec
from ingestion.landing.arrivals import FLAW, LINE, Refused
from ingestion.readers.kafka.broker import Broker, Messages, Partition
from ingestion.readers.kafka.debezium import NotAnEnvelope, unwrap
from ingestion.readers.kafka.lines import MessageLines
from ingestion.readers.kafka.reader import _start
from ingestion.readers.kafka.settings import Kafka
from ingestion.sources.app import EVENTS
from ingestion.sources.crm import SOURCE as CRM

(MEMBERS,) = CRM.tables
Read = tuple[list[dict[str, object]], dict[int, str]]


def read(spec: TableSpec, *batches: list[tuple[int, bytes | None]]) -> Read:
    """The rows of messages, and the reasons of the broken ones, by offset."""
    lines = MessageLines(spec, False)
    rows: list[dict[str, object]] = []
    broken: dict[int, str] = {}
    listed = (
        Messages([n for n, _ in batch], [v for _, v in batch], {n: b"K" for n, v in batch if not v})
        for batch in batches
    )
    for chunk in lines.chunks(listed):
        rows += chunk.table.to_pylist()
        broken |= {row.line: row.reason for row in chunk.broken}
    return rows, broken


def test_offsets_follow_their_messages_in_any_order_of_sound_and_broken() -> None:
    rows, broken = read(
        EVENTS,
        [(3, b'{"event_id":"a"}'), (7, b'{"event_id":"b"}')],
        [(8, b"{"), (9, b'{\n"event_id": "c"\r\n}'), (12, b" "), (13, None)],
        [(20, b'{"event_id":"d","x":1.10}')],
        [(21, b"no")],
    )

    assert [(row[LINE], row["event_id"]) for row in rows] == [
        (3, "a"),
        (7, "b"),
        (9, "c"),
        (20, "d"),
    ]
    assert sorted(broken) == [8, 12, 13, 21]


def test_a_message_that_is_nested_deeply_is_broken_alone() -> None:
    deep = b'{"event_id":"b","x":' + b"[" * 300 + b"]" * 300 + b"}"

    rows, broken = read(EVENTS, [(1, b'{"event_id":"a"}'), (2, deep), (3, b'{"event_id":"c"}')])

    assert [row["event_id"] for row in rows] == ["a", "c"]
    assert broken == {2: "row is nested too deeply"}


def test_broken_messages_alone_are_a_chunk_of_their_own() -> None:
    assert read(EVENTS, [(5, None)], [(6, b"")])[1].keys() == {5, 6}
    assert read(EVENTS) == ([], {})


@pytest.mark.parametrize(
    "key",
    [b"M1", b'"M1"', b'{"member_id":"M1"}', b'\0\0\0\0\7"M1"', b'\0\0\0\0\7{"member_id":"M1"}'],
)
def test_a_tombstone_deletes_the_row_of_its_key(key: bytes) -> None:
    lines = MessageLines(MEMBERS, False)

    (chunk,) = [c for c in lines.chunks([Messages([4], [None], {4: key})]) if c.table.num_rows]

    assert chunk.table.select(["member_id", "is_deleted"]).to_pylist() == [
        {"member_id": "M1", "is_deleted": "true"}
    ]


def test_a_tombstone_without_a_key_says_so() -> None:
    lines = MessageLines(MEMBERS, False)

    (row,) = [row for c in lines.chunks([Messages([4], [None], {4: None})]) for row in c.broken]

    assert row.reason == "message is a tombstone without a key"


def test_broken_messages_are_handed_on_before_they_fill_the_memory() -> None:
    drawn = 0

    def poison() -> Iterator[Messages]:
        nonlocal drawn
        for number in range(100):
            drawn += 1
            yield Messages([number], [b"x" * 1_000_000], {})

    # Of what is no JSON line the reader of lines takes care.
    lines = MessageLines(EVENTS, True)
    chunks = lines.chunks(poison())
    first = next(chunk for chunk in chunks if chunk.broken)

    assert drawn < 20
    found = [*first.broken, *(row for chunk in chunks for row in chunk.broken)]
    assert [row.line for row in found] == list(range(100))


def test_slash_dates_are_flaws_until_their_order_is_set() -> None:
    values: list[tuple[int, bytes | None]] = [
        (1, b'{"event_id":"a","event_time":"1/2/2024"}'),
        (2, b'{"event_id":"b","event_time":"2024-01-02"}'),
        (3, b'{"event_id":4.5,"event_time":"1/2/2024"}'),
    ]

    rows, _ = read(EVENTS, values)
    assert [FLAW in row and row[FLAW] for row in rows] == [
        "event_time: '1/2/2024' is a date with slashes; set date_order, or send ISO 8601",
        None,
        "event_id: '4.5' is a number that may have lost digits, export the column as text",
    ]
    rows, _ = read(replace(EVENTS, date_order=DateOrder.DAY_FIRST), values)
    assert rows[0]["event_time"] == "1/2/2024"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_730_419_200_000, "2024-11-01T00:00:00+00:00"),
        (1_730_419_200_123_456, "2024-11-01T00:00:00.123456+00:00"),
        (1_730_419_200_123_456_789, "2024-11-01T00:00:00.123456+00:00"),
        ("2024-11-01T00:00:00Z", "2024-11-01T00:00:00Z"),
        (None, None),
    ],
)
def test_debezium_counts_times_from_1970(value: object, expected: object) -> None:
    envelope = json.dumps({"op": "c", "after": {"Updated At": value, "total_points": 7}})
    assert json.loads(unwrap(envelope.encode(), MEMBERS)) == {
        "Updated At": expected, "total_points": 7, "is_deleted": False,
    }  # fmt: skip


def test_numbers_in_an_envelope_stay_as_they_are_written() -> None:
    row = b'{"points":1.10,"money":12345678901234567.89,"id":12345678901234567890}'

    assert unwrap(b'{"op":"r","after":' + row + b"}", EVENTS) == row


def test_each_envelope_says_whether_the_row_is_deleted() -> None:
    def stated(op: str, row: dict[str, object]) -> dict[str, object]:
        envelope = json.dumps({"op": op, "before": row, "after": row})
        found: dict[str, object] = json.loads(unwrap(envelope.encode(), MEMBERS))
        return found

    assert stated("d", {"member_id": "M"}) == {"member_id": "M", "is_deleted": True}
    assert stated("d", {"Is Deleted": 0}) == {"is_deleted": True}
    assert stated("c", {"member_id": "M"}) == {"member_id": "M", "is_deleted": False}
    assert stated("u", {"Is Deleted": 1}) == {"Is Deleted": 1}


@pytest.mark.parametrize(
    "value",
    [
        b"{", b"[]", b'{"op":"c"}', b'{"payload":3}', b'{"op":"d","before":null}', b"\xff",
        b'{"op":"c","after":{"member_id":"\\ud83d"}}',
        b'{"op":"c","after":{"member_id":' + b"[" * 300 + b"]" * 300 + b"}}",
    ],
)  # fmt: skip
def test_what_is_no_envelope_says_so(value: bytes) -> None:
    with pytest.raises(NotAnEnvelope):
        unwrap(value, MEMBERS)
    with pytest.raises(NotAnEnvelope, match="not deleted"):
        unwrap(b'{"op":"d","before":{"event_id":"a"}}', EVENTS)


@pytest.mark.parametrize(
    ("stored", "start", "gap"),
    [
        (None, 5, None),
        ({"offset": 7, "topic_id": "A"}, 7, None),
        ({"offset": 9, "topic_id": ""}, 9, None),
        ({"offset": 3, "topic_id": "A"}, 5, "offsets 3 to 4 were deleted"),
        ({"offset": 12, "topic_id": "A"}, 5, "created anew"),
        ({"offset": 7, "topic_id": "B"}, 5, "created anew"),
        # A topic that the settings gave another table.
        ({"offset": 7, "topic_id": "A", "table": "events"}, 7, None),
        ({"offset": 7, "topic_id": "A", "table": "others"}, 5, None),
    ],
)
def test_where_a_partition_goes_on(stored: object, start: int, gap: str | None) -> None:
    position = json.dumps(stored) if stored else None
    found, told = _start(Partition("t", "A", 0, 5, 9), "events", position)

    assert found == start
    assert (gap or "") in (told or "")
    assert (told is None) == (gap is None)


def test_without_the_extra_the_reader_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)

    with pytest.raises(Refused, match=r"pip install 'onecdp\[kafka\]'"):
        Broker(Kafka({"bootstrap.servers": "x"}, {}, False, False, 1))
