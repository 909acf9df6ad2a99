"""A day of the benchmarks: each kind of change is in it, and the same shop gives the same files."""

from __future__ import annotations

import csv
import gzip
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks.days_parts.day import Day, Sizes, write_days
from benchmarks.days_parts.report import Findings
from benchmarks.days_parts.running import Finished
from onecdp.generate import generate

DATES = (date(2026, 1, 13), date(2026, 1, 15))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated") / "shop"
    generate(folder, 500, 7, lambda _: None)
    return folder


@pytest.fixture(scope="module")
def days(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Day]:
    sizes = Sizes.share(shop, 0.003)
    return write_days(shop, tmp_path_factory.mktemp("days"), DATES, sizes)


def rows(file: Path) -> list[dict[str, Any]]:
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def lines_of(file: Path) -> list[str]:
    is_packed = file.suffix == ".gz"
    text = gzip.decompress(file.read_bytes()).decode() if is_packed else file.read_text()
    return text.splitlines()


def of_day(day: Day, source: str) -> list[dict[str, Any]]:
    (file,) = (day.folder / source).iterdir()
    return rows(file)


def people(shop: Path) -> dict[tuple[str, str], set[str]]:
    held: dict[tuple[str, str], set[str]] = {}
    for row in rows(shop / "truth" / "identifiers.csv"):
        held.setdefault((row["id_type"], row["id_value"]), set()).add(row["person_id"])
    return held


def ends(link: dict[str, Any]) -> tuple[tuple[str, str], tuple[str, str]]:
    return (
        (link["left_id_type"], link["left_id_value"]),
        (link["right_id_type"], link["right_id_value"]),
    )


def test_a_day_brings_rows_to_every_source_in_the_size_asked_for(
    shop: Path, days: list[Day]
) -> None:
    sizes = Sizes.share(shop, 0.003)
    for day in days:
        assert day.rows["crm"] == sizes.crm
        assert day.rows["app"] == sizes.app
        assert day.rows["id_graph"] == sizes.id_graph
        # Whole invoices.
        assert sizes.retail <= day.rows["retail"] < sizes.retail + 20
        assert {source: len(of_day(day, source)) for source in day.rows} == day.rows


def test_links_merge_two_people_and_withdraw_what_joins_one(shop: Path, days: list[Day]) -> None:
    held = people(shop)
    given = [line for file in (shop / "id_graph").iterdir() for line in lines_of(file)]
    for day in days:
        links = of_day(day, "id_graph")
        merging = [
            link
            for link in links
            if len(set.union(*(held.get(end, set()) for end in ends(link)))) == 2
        ]
        assert len(merging) == day.merges >= 1
        assert all(link["is_active"] == "true" for link in merging)
        withdrawn = [link for link in links if link["is_active"] == "false"]
        assert len(withdrawn) == day.splits >= 1
        for link in withdrawn:
            (one,), (other,) = (held[end] for end in ends(link))
            assert one == other
            # Spelled as it was given: the raw table knows a link by its values.
            values = [value for _, value in ends(link)]
            assert any(all(value in line for value in values) for line in given)


def test_some_events_are_a_month_late(days: list[Day]) -> None:
    for day in days:
        times = [datetime.fromisoformat(row["event_time"]) for row in of_day(day, "app")]
        late = [time for time in times if (day.when - time.date()).days == 31]
        assert len(late) == day.late >= 1
        assert all(time.date() == day.when for time in times if time not in late)


def test_crm_brings_new_members_and_newer_versions(shop: Path, days: list[Day]) -> None:
    known = {member for kind, member in people(shop) if kind == "member_id"}
    for day in days:
        is_known = [row["member_id"] in known for row in of_day(day, "crm")]
        assert any(is_known)
        assert not all(is_known)


def test_days_share_no_key_and_no_pair(days: list[Day]) -> None:
    one, other = days
    for source, key in (("app", "event_id"), ("retail", "Invoice")):
        keys = [{row[key] for row in of_day(day, source)} for day in days]
        assert not keys[0] & keys[1]
    changed = [
        {ends(link) for link in of_day(day, "id_graph") if "device_id" not in str(ends(link))}
        for day in (one, other)
    ]
    assert not changed[0] & changed[1]


def test_the_same_shop_gives_the_same_files(shop: Path, days: list[Day], tmp_path: Path) -> None:
    again = write_days(shop, tmp_path, DATES, Sizes.share(shop, 0.003))
    for one, other in zip(days, again, strict=True):
        for source in one.rows:
            assert of_day(one, source) == of_day(other, source)


def test_a_shop_that_has_no_pair_left_is_too_small(shop: Path, tmp_path: Path) -> None:
    sizes = Sizes(crm=2, app=20, retail=5, id_graph=100_000)
    with pytest.raises(ValueError, match="too small for 2 days"):
        write_days(shop, tmp_path, DATES, sizes)


def test_files_arrive_beside_those_of_the_shop(shop: Path, tmp_path: Path) -> None:
    (day,) = write_days(shop, tmp_path / "days", DATES[:1], Sizes.share(shop, 0.003))
    for source in day.rows:
        (tmp_path / "data" / source).mkdir(parents=True)
    day.arrive(tmp_path / "data")
    assert len(list((tmp_path / "data").glob("*/*_2026-01-13.csv"))) == 4


def test_goals_are_held_to_medians() -> None:
    findings = Findings()
    printed = '{"seconds": {"build": 1.5}}'
    full = findings.add("shop", "full", [Finished(s, s, 1, printed) for s in (16, 90, 15)])
    day = findings.add("shop", "day", [Finished(2, 2, 1, printed)])
    findings.compare(full, day, 8)
    findings.compare(day, full, 0.1, at_least=False)
    findings.compare(full, day)
    document = findings.document()
    assert [goal["verdict"] for goal in document["goals"]] == ["met", "missed", None]
    assert document["measured"][1]["stages"] == {"start": 0.5, "build": 1.5}
