"""Files: whole or not at all, with a manifest; differences add up to the mart."""

from __future__ import annotations

import csv
import json
import os
import signal
from pathlib import Path

import duckdb
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from support.deliveries import Marts, counts, sha256

from onecdp.destinations import files
from onecdp.destinations.memory import Memory
from onecdp.errors import OnecdpError, UsageProblem


@pytest.fixture
def marts(tmp_path: Path) -> Marts:
    made = Marts(tmp_path / "project")
    made.publish(20)
    return made


READERS = {"csv": "read_csv", "parquet": "read_parquet", "jsonl": "read_json"}


@pytest.mark.parametrize("file_format", READERS)
def test_a_file_has_the_rows_of_the_mart(marts: Marts, tmp_path: Path, file_format: str) -> None:
    marts.deliver(f"{tmp_path}/out/", file_format=file_format)
    file = tmp_path / "out" / f"profiles.{file_format}"
    manifest = json.loads((tmp_path / "out" / "profiles.manifest.json").read_text())
    options = ", all_varchar=true, allow_quoted_nulls=false" if file_format == "csv" else ""
    if file_format == "jsonl":
        options = (
            ", columns={one_id: 'varchar', real_name: 'varchar', gross_revenue: 'decimal(18,4)',"
        )
        options += " last_event_at: 'timestamp', birthday: 'date', one_int: 'bigint'}"
    columns = (
        "one_id, real_name, gross_revenue::decimal(18, 4), last_event_at::timestamp, birthday::date"
    )
    found = duckdb.sql(
        f"select {columns} from {READERS[file_format]}('{file}'{options})"
    ).fetchall()
    wanted = marts.read(f"select {columns} from customer_profiles order by one_id")
    assert found == wanted
    assert manifest["rows"] == 20
    assert manifest["sha256"] == sha256(file)
    assert manifest["as_of"] == "2026-06-06"


def test_a_package_says_its_rule_and_has_identifiers(marts: Marts, tmp_path: Path) -> None:
    (receipt,) = marts.deliver(f"{tmp_path}/out", "PKG001")
    with (tmp_path / "out" / "PKG001.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 10
    assert {"package_id", "one_id", "member_id", "email_hash"} <= set(rows[0])
    manifest = json.loads((tmp_path / "out" / "PKG001.manifest.json").read_text())
    assert manifest["segment_rule"] == receipt["segment_rule"] == "even"
    assert marts.sent(f"{tmp_path}/out", "PKG002") == (0, 0, 0, 0)
    assert (tmp_path / "out" / "PKG002.csv").read_text().count("\n") == 1


def test_differences_add_up_to_the_mart(marts: Marts, tmp_path: Path) -> None:
    to = f"{tmp_path}/out"
    assert marts.sent(to, "PKG001", diff=True) == (10, 0, 0, 0)
    marts.publish(
        24,
        "update customer_profiles set member_id = 'new' where one_int = 4",
        "delete from audience_packages where one_id = format('ONE{:016x}', 6)",
    )
    assert marts.sent(to, "PKG001", diff=True) == (2, 1, 1, 8)
    assert marts.sent(to, "PKG001", diff=True) == (0, 0, 0, 11)
    held: dict[str, dict[str, str]] = {}
    named = sorted(Path(to).glob("*.csv"))
    assert [file.name for file in named] == [f"PKG001.diff-00000{n}.csv" for n in (1, 2)]
    for file in named:
        with file.open(newline="") as stream:
            for row in csv.DictReader(stream):
                change = row.pop("change")
                if change == "removed":
                    del held[row["one_id"]]
                else:
                    assert (change == "added") == (row["one_id"] not in held)
                    held[row["one_id"]] = row
    wanted = marts.read(
        "select one_id, member_id from audience_packages join customer_profiles using (one_id)"
    )
    assert {(key, row["member_id"]) for key, row in held.items()} == set(wanted)


def test_a_withdrawal_is_a_removal_of_the_next_difference(marts: Marts, tmp_path: Path) -> None:
    to = f"{tmp_path}/out"
    asks = "update audience_package_summary set purpose = 'sms'"
    granted = "insert into customer_consents (one_id, purpose, status) select one_id, 'sms',"
    marts.publish(20, asks)
    assert marts.sent(to, "PKG001", diff=True) == (0, 0, 0, 0)  # nobody has granted it
    marts.publish(20, asks, f"{granted} 'granted' from customer_profiles")
    assert marts.sent(to, "PKG001", diff=True) == (10, 0, 0, 0)
    marts.publish(
        20, asks, f"{granted} if(one_int = 4, 'withdrawn', 'granted') from customer_profiles"
    )
    assert marts.sent(to, "PKG001", diff=True) == (0, 0, 1, 9)
    with max(Path(to).glob("*.csv")).open(newline="") as stream:
        assert [(row["change"], row["one_id"]) for row in csv.DictReader(stream)] == [
            ("removed", "ONE0000000000000004")
        ]


def test_only_the_arm_treatment_is_delivered_and_it_is_no_column(
    marts: Marts, tmp_path: Path
) -> None:
    marts.publish(20, "update audience_packages set arm = 'hold_out' where one_id like '%4'")
    assert marts.sent(f"{tmp_path}/out", "PKG001") == (8, 0, 0, 0)
    header, *rows = (tmp_path / "out" / "PKG001.csv").read_text().splitlines()
    assert "arm" not in header.split(",")
    assert not any("ONE0000000000000004" in row for row in rows)


def test_marts_of_before_consents_are_not_delivered(marts: Marts, tmp_path: Path) -> None:
    marts.publish(20, "drop table customer_consents")
    with pytest.raises(OnecdpError, match="have no customer_consents; run `onecdp run`"):
        marts.deliver(f"{tmp_path}/out", "PKG001")


def test_an_advertising_platform_never_gets_who_is_suppressed(marts: Marts, tmp_path: Path) -> None:
    out = f"{tmp_path}/out"
    suppressed = (
        "insert into customer_consents (one_id, purpose, status)"
        " select one_id, '*', 'suppressed' from customer_profiles where one_int in (1, 2)"
    )
    marts.publish(20, suppressed)
    assert marts.sent(out) == (20, 0, 0, 0)  # the user's own database of customers
    sent = [marts.sent(out, what, platform="google")[0] for what in ("profiles", "PKG001")]
    marts.publish(20)
    again = [marts.sent(out, what, platform="google")[0] for what in ("profiles", "PKG001")]
    assert (sent, again) == ([17, 8], [2, 1])  # 12 has no hash


def test_equal_rows_give_equal_bytes(marts: Marts, tmp_path: Path) -> None:
    for name in ("a", "b"):
        marts.deliver(f"{tmp_path}/{name}", file_format="parquet")
    assert sha256(tmp_path / "a" / "profiles.parquet") == sha256(
        tmp_path / "b" / "profiles.parquet"
    )


@pytest.mark.parametrize("point", ["write", "close", "complete"])
def test_a_kill_leaves_no_half_file(marts: Marts, tmp_path: Path, point: str) -> None:
    to = f"{tmp_path}/out"
    marts.deliver(to)
    before = (tmp_path / "out" / "profiles.csv").read_bytes()
    marts.publish(30)
    child = os.fork()
    if not child:
        place = Memory if point == "complete" else files._Writer
        setattr(place, point, lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL))
        marts.deliver(to)
    os.waitpid(child, 0)
    after = (tmp_path / "out" / "profiles.csv").read_bytes()
    assert (after == before) == (point != "complete")
    # What was written and not remembered counts as sent again: no row is lost or counted twice.
    assert marts.sent(to) == (10, 0, 0, 20)
    assert (tmp_path / "out" / "profiles.csv").read_bytes().count(b"ONE") == 30
    assert sorted(file.name for file in Path(to).iterdir()) == [
        "profiles.csv",
        "profiles.manifest.json",
    ]


def test_a_removal_survives_a_kill_before_the_receipt(marts: Marts, tmp_path: Path) -> None:
    to = f"{tmp_path}/out"
    child = os.fork()
    if not child:
        kill = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731
        pytest.MonkeyPatch().setattr(Memory, "complete", kill)
        marts.deliver(to, diff=True)
    os.waitpid(child, 0)
    # The file of the killed delivery may have been read; customer 20 is erased meanwhile.
    marts.publish(19)
    (receipt,) = marts.deliver(to, diff=True)
    assert counts(receipt) == (19, 0, 0, 0)
    with (Path(to) / "profiles.diff-000001.csv").open(newline="") as stream:
        removed = [row["one_id"] for row in csv.DictReader(stream) if row["change"] == "removed"]
    assert removed == [f"ONE{20:016x}"]


def test_other_addresses_are_written_at_once(marts: Marts) -> None:
    marts.deliver("memory://bucket/lists", "PKG001", file_format="parquet")
    system = MemoryFileSystem()
    assert {Path(name).name for name in system.ls("/bucket/lists", detail=False)} == {
        "PKG001.parquet",
        "PKG001.manifest.json",
    }
    assert not list(marts.warehouse.folder.glob("deliveries.files*"))


def test_names_that_are_wrong_are_told(marts: Marts, tmp_path: Path) -> None:
    for wrong, part in (("PKG01", "nearest: PKG001"), ("zzz", "there are PKG001, PKG002")):
        with pytest.raises(UsageProblem, match=part):
            marts.deliver(f"{tmp_path}/out", wrong)
    with pytest.raises(UsageProblem, match=r"for a folder write \./out"):
        marts.deliver("out")
    settings = {"DESTINATIONS__LAKE__TYPE": "files", "DESTINATIONS__LAKE__URI": "x"}
    with pytest.raises(UsageProblem, match=r"destinations.lake.url must be a text"):
        marts.deliver("lake", environment=settings)
    settings["DESTINATIONS__LAKE__URL"] = f"{tmp_path}/lake"
    with pytest.raises(UsageProblem, match=r"no setting 'uri'; did you mean url"):
        marts.deliver("lake", environment=settings)


def test_a_package_that_is_gone_has_no_members(marts: Marts, tmp_path: Path) -> None:
    to = f"{tmp_path}/out"
    marts.deliver(to, "PKG001")
    marts.publish(20, "delete from audience_packages", "delete from audience_package_summary")
    assert marts.sent(to, "PKG001") == (0, 0, 10, 0)


def test_columns_can_be_chosen_and_renamed(marts: Marts, tmp_path: Path) -> None:
    settings = {
        "DESTINATIONS__LAKE__TYPE": "files",
        "DESTINATIONS__LAKE__URL": f"{tmp_path}/lake",
        "DESTINATIONS__LAKE__PROFILES__COLUMNS": '{"customer": "one_id", "spent": "gross_revenue"}',
    }
    marts.deliver("lake", environment=settings)
    head = (tmp_path / "lake" / "profiles.csv").read_text().partition("\n")[0]
    assert head == '"customer","spent"'
    settings["DESTINATIONS__LAKE__PROFILES__COLUMNS"] = '["gros_revenue"]'
    with pytest.raises(UsageProblem, match="nearest: gross_revenue"):
        marts.deliver("lake", environment=settings)


def test_a_dry_run_sends_nothing(marts: Marts, tmp_path: Path) -> None:
    assert marts.sent(f"{tmp_path}/out", is_dry=True) == (20, 0, 0, 0)
    assert not (tmp_path / "out").exists()
    assert marts.sent(f"{tmp_path}/out") == (20, 0, 0, 0)


@pytest.mark.parametrize("renamed", ["spent", "points"])
def test_a_renamed_column_is_a_change_of_every_row(
    marts: Marts, tmp_path: Path, renamed: str
) -> None:
    """Also where two columns only change names: the values stay the same, in the same order."""
    before = {"spent": "gross_revenue", "points": "total_points"}
    after = {"points": "gross_revenue", "spent": "total_points"}
    if renamed == "spent":
        after = {"money": "gross_revenue", "points": "total_points"}
    to, sent = f"{tmp_path}/out", []
    for columns in (before, before, after):
        environment = {
            "DESTINATIONS__OUT__TYPE": "files",
            "DESTINATIONS__OUT__URL": to,
            "DESTINATIONS__OUT__PROFILES__COLUMNS": json.dumps(columns),
        }
        sent.append(marts.sent("out", environment=environment, diff=True))
    assert sent == [(20, 0, 0, 0), (0, 0, 0, 20), (0, 20, 0, 0)]


def test_a_package_whose_rule_failed_is_not_delivered(marts: Marts, tmp_path: Path) -> None:
    """It has no members: delivering it would take everybody out of the destination."""
    to = f"{tmp_path}/out"
    assert marts.sent(to, "PKG001", diff=True) == (10, 0, 0, 0)
    marts.publish(
        20,
        "delete from audience_packages",
        "update audience_package_summary set status = 'failed', error = 'unknown tag \"evn\"'"
        " where package_id = 'PKG001'",
    )
    with pytest.raises(OnecdpError, match=r"PKG001 .*unknown tag \"evn\"") as told:
        marts.sent(to, "PKG001", diff=True)
    assert "\n" not in str(told.value)
    marts.publish(20)
    assert marts.sent(to, "PKG001", diff=True) == (0, 0, 0, 10)
