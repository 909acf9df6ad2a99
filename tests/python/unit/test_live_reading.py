"""What `onecdp live` reads: lines of the collector's log, and the declarations of a project."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import duckdb
import pytest

from ingestion.declaration import Kind
from ingestion.landing.kinds import typed
from onecdp.collector.times import is_iso_time
from onecdp.errors import UsageProblem
from onecdp.live.events import Event, microseconds, parse_event, parse_link
from onecdp.live.features import HEADER, SEED, read_features
from onecdp.live.settings import read_live_settings

REPOSITORY = Path(__file__).resolve().parents[3]
SECOND = 1_000_000
MINUTE = 60 * SECOND
NOON = microseconds(dt.datetime(2026, 6, 6, 12))
U1, D1 = ("union_id", "U1"), ("device_id", "D1")
GOOD = {
    "event_id": "E1", "device_id": "D1", "union_id": " U1 ", "event_type": "Purchase",
    "item_price": "12.50", "event_time": "2026-06-06T14:00:00+02:00", "channel": "Web",
    "session_id": "", "page_name": None,
}  # fmt: skip
COLUMNS = [("union_id", "union_id"), ("device_id", "device_id")]


def parsed(**changes: object) -> Event | None:
    line = json.dumps({**GOOD, **changes}).encode()
    return parse_event(line, COLUMNS, dt.datetime(2026, 6, 6, 12))


def test_line_is_an_event_as_the_warehouse_has_it() -> None:
    assert parsed() == Event("E1", NOON, "purchase", 125_000, None, "web", (U1, D1))
    refunded = parsed(event_type="refund", channel=None)
    assert refunded is not None
    assert (refunded.event_type, refunded.channel) == ("return", "app")


@pytest.mark.parametrize(
    "changes",
    [
        {"event_id": ""}, {"event_type": None}, {"event_time": None}, {"event_time": "06/06/2026"},
        {"event_time": "1899-12-30"}, {"event_time": "2026-06-07T12:00:01"},
        {"item_price": "twelve"}, {"item_price": "1e13"},
    ],
)  # fmt: skip
def test_line_that_the_warehouse_sets_aside_is_no_event(changes: dict[str, object]) -> None:
    assert parsed(**changes) is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-06-01", "2026-6-1", "2026-06-01T08:26:00Z", "2026-06-01 08:26:00+02:00",
        "2026-6-1 8:26 +0530", "2026-06-01 08:26:00 UTC", "2026-06-01T08:26:00.123456UTC",
        "2026-06-01T08:26:00.5-03", "2026-06-01T08:26:00.", "2026-06-01T08:26:00.1234567Z",
    ],
)  # fmt: skip
def test_time_that_the_collector_takes_is_that_of_the_warehouse(text: str) -> None:
    assert is_iso_time(text)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        sql = f"select {typed('time', Kind.TIMESTAMP)} from (select $1 as time)"
        ((time,),) = connection.execute(sql, [text]).fetchall()
    event = parsed(event_time=text)
    assert event is not None
    assert event.event_time == microseconds(time)


def test_broken_line_is_no_event() -> None:
    for line in (b"{", b"[]", b"\xff"):
        assert parse_event(line, COLUMNS, dt.datetime(2026, 6, 6)) is None
        assert parse_link(line) is None


@pytest.mark.parametrize(
    ("project", "types", "said"),
    [
        (b"vars: {session_gap_minutes: soon}", b"", "session_gap_minutes 'soon'"),
        (b"vars: {session_gap_minutes: yes}", b"", "session_gap_minutes True"),
        (b"vars: [", b"", "dbt_project.yml can't be read"),
        (b"name: \xfc", b"", "dbt_project.yml can't be read"),
        (b"vars: [1]", b"", "dbt_project.yml: vars must be names with values"),
        (b"", b"id_type,max_values\nunion_id,many\n", "line 2: max_values 'many' of union_id"),
        (b"", b"type,max_values\nunion_id,1\n", "csv: the first line must name id_type"),
        (b"", b"id_type,max_values\n\xfc,1\n", "seeds/id_types.csv is no CSV in UTF-8"),
    ],
)
def test_settings_that_cannot_be_read_are_named(
    tmp_path: Path, project: bytes, types: bytes, said: str
) -> None:
    (tmp_path / "seeds").mkdir()
    (tmp_path / "dbt_project.yml").write_bytes(project)
    (tmp_path / "seeds/id_types.csv").write_bytes(types or b"id_type,max_values\n")
    with pytest.raises(UsageProblem, match=said):
        read_live_settings(tmp_path)


def test_variables_of_the_project_alone_come_before_those_of_all(tmp_path: Path) -> None:
    """As in dbt: `vars: {NAME: {…}}` is for the project of that name."""
    (tmp_path / "dbt_project.yml").write_text(
        "name: shop\nvars:\n  session_gap_minutes: 10\n"
        "  shop: {session_gap_minutes: 20}\n  dbt_utils: {session_gap_minutes: 40}\n"
    )
    assert read_live_settings(tmp_path).session_gap == 20 * MINUTE


def test_settings_of_the_project_are_read() -> None:
    settings_ = read_live_settings(REPOSITORY)
    assert settings_.max_values["union_id"] == 1
    assert settings_.session_gap == 30 * MINUTE


def test_features_of_the_project_are_read() -> None:
    features = read_features(REPOSITORY)
    assert len({feature.name for feature in features}) == len(features) > 10


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("x,y,count", "3 values instead of 4"),
        ("X,y,count,5m", "'X' is no name"),
        ("x,Y,count,5m", "lower case"),
        ("x,y,average,5m", "'average' is none of"),
        ("x,y,count,5 minutes", "'5 minutes' is none of"),
        ("x,y,count,25h", "longer than 24h"),
        ("x,y,count,since Purchase", "'Purchase' must be in lower case"),
        ("x,refund,count,24h", "'refund' is return"),
        ("x,y,count,since refund", "'refund' is return"),
    ],
)
def test_row_that_cannot_be_used_says_which_and_why(tmp_path: Path, row: str, said: str) -> None:
    (tmp_path / "seeds").mkdir()
    (tmp_path / SEED).write_text(f"{','.join(HEADER)}\nx,y,count,5m\n{row}\n")
    with pytest.raises(UsageProblem, match=f"line 3.*{said}"):
        read_features(tmp_path)
