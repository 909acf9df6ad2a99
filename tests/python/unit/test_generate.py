"""The generated shop: what is promised of it, read back from its files."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result

from benchmarks.quality_parts.comparison import compare
from onecdp.cli.main import main
from onecdp.generate import LEAST_CUSTOMERS, Rates, generate

CUSTOMERS = 1_000
SOURCES = ("crm", "app", "retail", "id_graph")


def call(*args: str) -> Result:
    return CliRunner().invoke(main, ["generate", *args])


def digests(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated") / "shop"
    generate(folder, CUSTOMERS, 7, lambda _: None)
    return folder


@pytest.fixture(scope="module")
def files(shop: Path) -> duckdb.DuckDBPyConnection:
    """Every source and every truth as a table of texts, with the name of the file."""
    files = duckdb.connect()
    for source in SOURCES:
        parts = []
        for file in sorted((shop / source).iterdir()):
            is_json = ".jsonl" in file.name
            reader = "read_json" if is_json else "read_csv"
            kinds = "format = 'newline_delimited'" if is_json else "all_varchar = true"
            parts.append(
                f"select columns(*)::varchar, '{file.name}' as file"
                f" from {reader}('{file}', {kinds})"
            )
        files.execute(f"create table {source} as {' union all by name '.join(parts)}")
    for file in (shop / "truth").glob("*.csv"):
        files.execute(f"create table {file.stem} as from read_csv('{file}', all_varchar = true)")
    return files


def values(files: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return files.execute(query).fetchall()


def one(files: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(values(files, query)[0][0])


SEEN = """
    select 'member_id' as id_type, member_id as id_value from crm
    union select 'mobile_hash', lower(trim(mobile_hash)) from crm
    union select 'email_hash', lower(trim(email_hash)) from crm
    union select 'retail_customer_id', retail_customer_id from crm
    union select 'union_id', union_id from app
    union select 'open_id', open_id from app
    union select 'device_id', device_id from app
    union select 'retail_customer_id', replace("Customer ID", '.0', '') from retail
    union select left_id_type, case when left_id_type like '%hash'
        then lower(trim(left_id_value)) else left_id_value end from id_graph
    union select right_id_type, case when right_id_type like '%hash'
        then lower(trim(right_id_value)) else right_id_value end from id_graph
"""


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        generate(tmp_path / name, 200, seed, lambda _: None)

    first, second, other = (digests(tmp_path / name) for name in ("one", "two", "three"))
    assert first == second
    for source in SOURCES:
        ours = {v for k, v in first.items() if k.startswith(source)}
        theirs = {v for k, v in other.items() if k.startswith(source)}
        assert ours
        assert not ours & theirs


def test_the_truth_holds_every_identifier_of_the_files_but_junk_and_no_other(files) -> None:
    seen = f"from ({SEEN}) where id_value is not null"
    held = "select distinct id_type, id_value from identifiers"
    assert values(files, f"({seen}) except ({held}) except (from junk)") == []
    assert values(files, f"({held}) except ({seen})") == []
    assert values(files, f"({held}) intersect (from junk)") == []


def test_everybody_holds_something(files) -> None:
    assert one(files, "select count(distinct person_id) from identifiers") == CUSTOMERS


def test_the_summary_counts_the_rows_of_the_files(shop: Path, files) -> None:
    summary = json.loads((shop / "truth" / "summary.json").read_text())
    assert summary["customers"] == CUSTOMERS
    for source in SOURCES:
        assert summary["sources"][source]["rows"] == one(files, f"select count(*) from {source}")
    for source in ("crm", "app", "id_graph"):
        rows = one(files, f"select count(*) from {source}")
        distinct = one(files, f"select count(*) from (select distinct * from {source})")
        assert summary["sources"][source]["duplicates"] == rows - distinct > 0
    events = one(files, "select count(distinct event_id) from app")
    app = summary["sources"]["app"]
    assert app["rows"] - app["duplicates"] - app["conflicts"] == events
    assert app["conflicts"] > 0
    kinds = dict(
        values(
            files, "select kind, count(distinct (id_type, id_value)) from identifiers group by 1"
        )
    )
    assert {kind: n for kind, n in summary["identifiers"].items() if n} == kinds


def test_shares_are_kept_to_the_person(shop: Path, files) -> None:
    rates = Rates()
    assert one(files, "select count(distinct member_id) from crm") == rates.member * CUSTOMERS
    assert one(files, "select count(*) from people where is_online_customer") == (
        rates.online * CUSTOMERS
    )
    links = Counter(dict(values(files, "select kind, count(*) from wrong_links group by 1")))
    assert links == {
        "wrong": rates.wrong_link * CUSTOMERS,
        "withdrawn": rates.withdrawn_link * CUSTOMERS,
    }
    visitors = """select count(distinct person_id) from identifiers
        where kind = 'till_device' group by id_value"""
    app_users = one(
        files,
        """select count(distinct person_id) from identifiers
            where id_type = 'union_id'""",
    )
    assert values(files, visitors) == [(min(rates.till_visitors, app_users // 2),)]
    hidden = json.loads((shop / "truth" / "summary.json").read_text())["hidden"]
    found = dict(
        values(files, "select hidden_by, count(*) from people where hidden_by <> '' group by 1")
    )
    assert {kind: n for kind, n in hidden.items() if n} == found
    assert {"unlinked", "weak_link"} <= found.keys()


def test_every_trouble_stands_in_the_files(files) -> None:
    families = """select count(distinct person_id) as people from identifiers
        where kind = 'family_device' group by id_value"""
    assert {people for (people,) in values(files, families)} <= {2, 3, 4}

    mailboxes = "where kind = 'shared_email' group by id_value"
    assert {n for (n,) in values(files, f"select count(*) from identifiers {mailboxes}")} == {2}

    # A number has two holders, and the second registered after the graph saw the first for the last
    # time.
    handed = values(
        files,
        """select max(g.last_seen) < min(c.updated_at)
        from (select id_value from identifiers where kind = 'handed_mobile' group by 1) as h
        inner join id_graph as g
            on lower(trim(h.id_value)) in
                (lower(trim(g.left_id_value)), lower(trim(g.right_id_value)))
        inner join crm as c on lower(trim(c.mobile_hash)) = h.id_value
            and c.register_date >= '2024-07-01'
        where g.confidence::double >= 0.8
        group by h.id_value""",
    )
    assert handed
    assert all(is_after for (is_after,) in handed)

    odd = "select count(*) from crm where mobile_hash <> lower(trim(mobile_hash))"
    assert one(files, odd) > 0
    for id_type, table in (("device_id", "app"), ("mobile_hash", "crm"), ("email_hash", "crm")):
        column = f"select count(*) from {table} where {id_type} in "
        assert one(files, f"{column} (select id_value from junk)") > 0
    withdrawn = """select count(*) from id_graph as a inner join id_graph as b
        using (left_id_type, left_id_value, right_id_type, right_id_value)
        where a.is_active = 'true' and b.is_active = 'false' and a.file <= b.file"""
    assert one(files, withdrawn) >= Rates().withdrawn_link * CUSTOMERS
    late = "select count(*) from app where event_time < regexp_extract(file, '_(.*?)[.]', 1)"
    assert one(files, late) > 0
    unsure = "select count(*) from id_graph where confidence::double < 0.8"
    assert one(files, unsure) >= 0.9 * Rates().wrong_link * CUSTOMERS


def test_a_chain_hangs_together_by_its_links_alone(files) -> None:
    chain = {
        value for (value,) in values(
            files, "select id_value from identifiers where kind = 'chain_device'"
        )
    }  # fmt: skip
    assert Rates().chain_least <= len(chain) <= Rates().chain_most
    ends = values(
        files,
        """select distinct left_id_value, right_id_value from id_graph
        where left_id_type = 'device_id' and right_id_type = 'device_id'""",
    )
    assert len(ends) == len(chain)
    degrees = Counter(end for pair in ends for end in pair)
    # A path: from the device that the app saw, through the others, to the last.
    assert sorted(degrees.values()) == [1, 1] + [2] * (len(chain) - 1)
    assert one(files, "select count(*) from app where device_id in "
               "(select id_value from identifiers where kind = 'chain_device')") == 0  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--customers", "99"), f"99 customers can't be generated; name {LEAST_CUSTOMERS} to"),
        (("--customers", "10000001"), "10,000,001 customers can't be generated"),
        (("--customers", "many"), "--customers"),
        (("--customers", "200", "--seed", "-1"), "the seed -1 is below 0"),
        ((), "--customers"),
    ],
)
def test_bad_arguments_are_usage_errors_and_leave_nothing(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    result = call(*arguments, str(tmp_path / "shop"))

    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "shop").exists()


def test_a_folder_that_holds_something_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    result = call("--customers", "200", str(tmp_path))

    assert result.exit_code == 1
    assert result.stderr == f"onecdp: {tmp_path} isn't an empty folder; name a new one\n"
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_a_place_below_a_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    result = call("--customers", "200", str(tmp_path / "file" / "shop"))

    assert result.exit_code == 1
    assert result.stderr.startswith(f"onecdp: {tmp_path}/file/shop can't be created: ")
    assert result.stderr.count("\n") == 1


def test_the_comparison_counts_what_listing_all_pairs_gives(tmp_path: Path) -> None:
    held = [("a", 1), ("b", 1), ("c", 1), ("d", 2), ("e", 2), ("f", 3), ("till", 1), ("till", 3)]
    clusters = {"a": "X", "b": "X", "c": "Y", "d": "Y", "e": "Z", "till": "X", "stray": "X"}
    truth = tmp_path / "truth"
    truth.mkdir()
    lines = [f"member_id,{value},{person},own" for value, person in held]
    (truth / "identifiers.csv").write_text("\n".join(["id_type,id_value,person_id,kind", *lines]))
    (truth / "junk.csv").write_text("id_type,id_value\nmember_id,0\n")
    (truth / "people.csv").write_text("person_id,hidden_by\n1,unlinked\n2,\n3,\n")
    (truth / "wrong_links.csv").write_text(
        "kind,left_id_type,left_id_value,right_id_type,right_id_value,confidence,is_active\n"
        "wrong,member_id,c,member_id,d,0.9,true\n"
    )
    with duckdb.connect(tmp_path / "marts.duckdb") as marts:
        marts.execute("create table id_map (id_type text, id_value text, one_id text)")
        marts.executemany("insert into id_map values ('member_id', ?, ?)", clusters.items())

    quality = compare(truth, tmp_path / "marts.duckdb")

    person = {value: owner for value, owner in held if value != "till"}
    pairs = list(combinations(person, 2))
    true = {pair for pair in pairs if person[pair[0]] == person[pair[1]]}
    joined = {pair for pair in pairs if clusters.get(pair[0], pair[0]) == clusters.get(pair[1])}
    assert (quality.right, quality.joined, quality.true) == (
        len(true & joined), len(joined), len(true)
    )  # fmt: skip
    assert (quality.absent, quality.invented) == (1, 1)
    assert quality.misses.rows == [("not in the files: unlinked", 1, 2), ("plain", 1, 1)]
    assert quality.false_merges.rows == [("wrong_link", 1, 2, 1)]
    ((_, *placed),) = quality.shared.rows
    # The till stands with person 1, who is one of its two holders.
    assert placed == [1, 0, 1, 0, 0]
