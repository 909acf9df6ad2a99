"""`onecdp forget` on real builds: nothing of the person is left, and everything else stands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest
from support.cli import BuiltProject, Finished, clean_environment, run_cli
from support.forget import AS_OF, forget, query
from support.line import differences, read_tables

from onecdp.destinations.signed_post import keep_letter
from onecdp.live.events import LINK, Event, Version
from onecdp.live.state import LiveState
from onecdp.live.triggers import outbox, stays
from onecdp.live.triggers.outbox import Waiting
from onecdp.live.triggers.stays import Stay

VALUES = (
    "MBR004", "hash_mobile_004", "hash_email_004", "union_004", "open_004", "DEV004", "sess_004",
    "David Zhang",
)  # fmt: skip
TICKET = "TCK-of-004"
PLAIN = "david.zhang.004@example.com"
TOTALS = """select channel, event_type, count(*), sum(revenue), sum(quantity)
    from unified_events group by all order by all"""
# Each ends the process where the line says, as a power cut would.
KILLS = {
    "before the commit": "f.files.clean = lambda *a: os._exit(9)",
    "after the commit": "f.Dbt.build = lambda *a, **k: os._exit(9)",
    "after the build": "f.tables.prune = lambda *a: os._exit(9)",
    "while writing": "f.files.replace_file = lambda *a: os._exit(9)",
    "after writing": "f.publish_marts = lambda *a, **k: os._exit(9)",
    "at the end": "f.tables.set_finished = lambda *a: os._exit(9)",
}


def holding(folder: Path, values: tuple[str, ...]) -> dict[str, list[str]]:
    """The files below a folder that hold any of the values, byte by byte."""
    found = {}
    for file in folder.rglob("*"):
        content = file.read_bytes() if file.is_file() else b""
        if held := [value for value in values if value.encode() in content]:
            found[str(file.relative_to(folder))] = held
    return found


def keep_store(project: BuiltProject) -> Path:
    """Has the project keep an online store, and publishes it."""
    with (project.folder / ".dlt" / "config.toml").open("a") as config:
        config.write("\n[serving]\nonline_store = true\n")
    assert run_cli("publish", cwd=project.folder).code == 0
    return project.warehouse / "online.sqlite"


def keep_live(project: BuiltProject, one_id: str) -> None:
    """A recent event of the person, and what triggers keep, as `onecdp live` does."""
    recent = LiveState(project.warehouse / "live.sqlite", has_triggers=True)
    device = ("device_id", "DEV004")
    event = Event("E1", 0, "page_view", None, None, "app", (device,))
    recent.take("app/collector/a.jsonl", 1, [(1, event)])
    # Of a ticket that is loaded with the person.
    said = Event("E2", 0, LINK, None, None, "", (), Version(TICKET, "{}"))
    recent.take("support/collector/a.jsonl", 1, [(1, said)])
    body = orjson.dumps({"one_id": one_id})
    with recent.transaction() as state:
        stays.put_stay(state, Stay("browsing", one_id, "S1", "treatment", 0, True, 0, device))
        outbox.put_out(state, "shop", Waiting(0, "browsing", one_id, "S1-entered", body, 0))
        stays.set_due(state, one_id, 1)
    recent.close()
    keep_letter(project.warehouse / "dead-letters/triggers/shop.jsonl", 422, body)


def bytes_left(project: BuiltProject, values: tuple[str, ...]) -> dict[str, dict[str, list[str]]]:
    folders = (project.warehouse, project.folder / "target", project.folder / "logs")
    return {folder.name: held for folder in folders if (held := holding(folder, values))}


@pytest.fixture(scope="module")
def forgotten(
    built_warehouse: BuiltProject, tmp_path_factory: pytest.TempPathFactory
) -> tuple[BuiltProject, Finished, str, int]:
    """MBR004 erased by an identifier of lower priority; with the one_id and one_int that went."""
    project = built_warehouse.copy(tmp_path_factory.mktemp("forgotten") / "project")
    keep_store(project)
    ((one_id, one_int),) = query(
        project.warehouse / "marts.duckdb",
        "select one_id, one_int from customer_profiles where member_id = 'MBR004'",
    )
    keep_live(project, one_id)
    # A load that was killed, a log with a name in it, and a build's spill, stopped half-way.
    for name in (
        ".dlt/crm/load/normalized/1/x.parquet",
        "onecdp.duckdb.tmp/spill",
        "marts.duckdb.1.tmp",
    ):
        stray = project.warehouse / name
        stray.parent.mkdir(parents=True, exist_ok=True)
        stray.write_text("union_004")
    (project.folder / "logs" / "dbt.log.1").write_text(f"duplicate key: {one_id}")
    with duckdb.connect(str(project.warehouse / "onecdp.duckdb")) as database:
        # As the setting store_plain_pii keeps it.
        database.execute(
            "create table raw_crm.plain_identifiers as select 'email_hash' as id_type, "
            f"'hash_email_004' as id_value, '{PLAIN}' as plain_value, 'x' as _dlt_load_id"
            " union all select 'email_hash', 'hash_email_001', 'alice@example.com', 'x'"
        )
        # Deleted at the help desk, so that no count has it.
        database.execute(
            f"insert into raw_support.tickets select * replace ('{TICKET}' as ticket_id,"
            " null as customer_id, 'hash_email_004' as email_hash, true as is_deleted)"
            " from raw_support.tickets where ticket_id = 'TCK001'"
        )
        # As the next build would show it.
        database.execute(
            f"update marts.customer_profiles set email = '{PLAIN}' where member_id = 'MBR004'"
        )
    values = (*VALUES, one_id)
    before = bytes_left(project, values)
    assert {"DEV004", one_id} <= set(before["warehouse"]["live.sqlite"])
    assert TICKET.encode() in (project.warehouse / "live.sqlite").read_bytes()
    assert one_id in before["warehouse"]["dead-letters/triggers/shop.jsonl"]
    assert {"onecdp.duckdb", "marts.duckdb", "online.sqlite"} <= {
        # The online store has its people in a base.
        name.partition(".base-")[0]
        for name, held in before["warehouse"].items()
        if set(held) == set(values)
    }
    finished = forget(project, "email_hash: HASH_email_004 ", "--yes")
    return project, finished, one_id, one_int


def test_no_file_holds_a_byte_of_the_person(
    forgotten: tuple[BuiltProject, Finished, str, int],
) -> None:
    project, finished, one_id, _ = forgotten
    assert finished.code == 0, finished.stderr
    assert bytes_left(project, (*VALUES, one_id, PLAIN)) == {}
    assert TICKET.encode() not in (project.warehouse / "live.sqlite").read_bytes()
    said = finished.stdout + finished.stderr
    assert not [value for value in (*VALUES, one_id) if value in said]
    assert (
        "your own files still hold the person: app/events.csv, consents/events.csv, crm/members.csv"
        in said
    )
    key = (project.warehouse / ".erasure-key").read_text().strip()
    assert key not in said
    assert list(holding(project.warehouse, (key,))) == [".erasure-key"]


def test_only_the_person_is_gone(
    forgotten: tuple[BuiltProject, Finished, str, int], built_warehouse: BuiltProject
) -> None:
    project, _, one_id, one_int = forgotten
    now, before = (p.warehouse / "marts.duckdb" for p in (project, built_warehouse))
    assert query(now, TOTALS) == query(before, TOTALS)
    profiles = "select * exclude ({}) from customer_profiles where one_id <> '{}' order by all"
    # Quintiles are of all customers, and plain addresses of the fixture.
    profiles = profiles.format("grid_segment, email", one_id)
    assert query(now, profiles) == query(before, profiles)
    history = "select * exclude (grid_segment) from {} where one_id <> '{}' order by all"
    for table in ("customer_profiles_daily", "customer_profiles_as_of"):
        assert query(now, history.format(table, one_id)) == query(
            before, history.format(table, one_id)
        )
    counted = "select sum(customers) from segment_daily where scheme = 'rfm'"
    assert query(now, counted)[0][0] == query(before, counted)[0][0] - 1
    emails = "select distinct email from customer_profiles where email not like 'hash_email%'"
    assert query(now, emails) == [("alice@example.com",)]
    members = "select package_id, one_id from audience_packages where one_id <> '{}' order by all"
    assert query(now, members.format("")) == query(before, members.format(one_id))
    assert query(before, members.format("")) != query(before, members.format(one_id))
    customers = "select count(*) from customer_profiles"
    assert query(now, customers)[0][0] == query(before, customers)[0][0] - 1
    inside = f"select count(*) from audience_bitmaps where bitmap_contains(user_bitmap, {one_int})"
    assert run_cli("sql", "--json", inside, cwd=built_warehouse.folder).document() != [
        {"count_star()": 0}
    ]
    assert run_cli("sql", "--json", inside, cwd=project.folder).document() == [{"count_star()": 0}]


def test_the_next_runs_bring_nobody_back_and_change_nothing(
    forgotten: tuple[BuiltProject, Finished, str, int], tmp_path: Path
) -> None:
    made, _, one_id, one_int = forgotten
    project = made.copy(tmp_path / "project")
    stands = read_tables(project.warehouse / "marts.duckdb", "main")
    sample = project.folder / "ingestion" / "sample"
    for name in ("app/events", "crm/members", "id_graph/links"):
        again = (sample / f"{name}.csv").rename(sample / f"{name}-again.csv")
        # Otherwise it would be a file that moved, which isn't loaded again.
        again.write_text(again.read_text() + "\n")
    done = run_cli("run", *AS_OF, "--json", cwd=project.folder)
    assert done.code == 0, done.stderr
    erased = {source["source"]: source["rows_erased"] for source in done.document()["sources"]}
    assert {source: rows for source, rows in erased.items() if rows} == {"crm": 1, "id_graph": 1}
    assert done.document()["new_one_ids"] == 0
    assert bytes_left(project, (*VALUES, one_id)) == {}
    assert not differences(stands, read_tables(project.warehouse / "marts.duckdb", "main"))
    # A new customer, and one who comes by the way of an erased identifier alone.
    with (sample / "crm" / "members-again.csv").open("a") as members:
        members.write("MBR900,hash_mobile_004,hash_email_900,New One,F,,2026-06-01,app,gold,1,\n")
    assert run_cli("run", *AS_OF, cwd=project.folder).code == 0
    ((number,),) = query(
        project.warehouse / "marts.duckdb",
        "select one_int from customer_profiles where member_id = 'MBR900'",
    )
    minted = query(
        project.warehouse / "onecdp.duckdb",
        "select count(*), max(one_int) from intermediate.int_identity__one_ids",
    )
    assert minted == [(number, number)]
    assert number > one_int
    assert query(
        project.warehouse / "onecdp.duckdb",
        f"select one_id, root_id_type, root_id_value from intermediate.int_identity__one_ids"
        f" where one_int = {one_int}",
    ) == [(f"erased-{one_int}", "erased", f"erased-{one_int}")]
    assert bytes_left(project, (*VALUES, one_id)) == {}


def test_it_is_told_that_nothing_is_left_to_do(
    forgotten: tuple[BuiltProject, Finished, str, int],
) -> None:
    project, *_ = forgotten
    again = forget(project, "member_id:MBR004", "--yes", "--json")
    assert (again.code, again.document()["status"]) == (0, "already")


@pytest.mark.parametrize(
    "moment",
    [
        "after the commit",
        *(pytest.param(m, marks=pytest.mark.soak) for m in KILLS if m != "after the commit"),
    ],
)
def test_a_kill_and_the_same_command_again(
    moment: str,
    project: BuiltProject,
    forgotten: tuple[BuiltProject, Finished, str, int],
) -> None:
    undisturbed, _, one_id, _ = forgotten
    store = keep_store(project)
    command = ["forget", "member_id:MBR004", "--yes", *AS_OF]
    killed = subprocess.run(
        [
            sys.executable, "-c",
            "import importlib, os, sys; from onecdp.cli.main import main\n"
            "f = importlib.import_module('onecdp.pipeline.forget')\n"
            f"{KILLS[moment]}\nmain({command})",
        ],
        cwd=project.folder, env=clean_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert killed.returncode == 9, killed.stderr
    if moment != "before the commit":
        # Whoever asks the API does not wait for the build.
        assert not [value for value in (*VALUES, one_id) if value.encode() in store.read_bytes()]
    finished = run_cli(*command, "--json", cwd=project.folder)
    assert finished.code == 0, finished.stderr
    assert finished.document()["status"] == (
        "erased" if moment == "before the commit" else "finished"
    )
    assert bytes_left(project, (*VALUES, one_id)) == {}
    for schema in ("raw_crm", "raw_app", "raw_id_graph", "marts"):
        theirs = read_tables(undisturbed.warehouse / "onecdp.duckdb", schema)
        assert not differences(
            # The fixture has made that table.
            {k: _plain(t) for k, t in theirs.items() if k != "plain_identifiers"},
            {
                k: _plain(t)
                for k, t in read_tables(project.warehouse / "onecdp.duckdb", schema).items()
            },
        )
    counts = [
        query(p.warehouse / "onecdp.duckdb", "select count(*) from raw_erasure.tombstones")
        for p in (project, undisturbed)
    ]
    assert counts[0] == counts[1]


def _plain(table: Any) -> Any:
    """Without the moments of the run, and the plain addresses that only the fixture has."""
    left_out = ("changed_at", "run_id", "email")
    return table.drop_columns([n for n in table.column_names if n in left_out])


def test_a_run_tells_of_an_interrupted_erasure(project: BuiltProject) -> None:
    with duckdb.connect(str(project.warehouse / "onecdp.duckdb")) as private:
        private.execute("create schema raw_erasure")
        private.execute("create table raw_erasure.unfinished as select now() as since")
    # Told first, whatever comes of the run.
    (project.folder / "seeds/id_types.csv").write_text("id_type;priority\n")
    told = run_cli("run", *AS_OF, cwd=project.folder)
    assert told.code == 1
    assert "run the same `onecdp forget` again" in told.stderr
