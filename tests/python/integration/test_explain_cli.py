"""Explain and the report through the command line, on what a real build left."""

from __future__ import annotations

import hashlib
import re
import shlex

import duckdb
import pytest
from support.cli import REPOSITORY, BuiltProject, run_cli
from support.line import Line, copy_project

BOB = hashlib.sha256(b"bob@example.com").hexdigest()


def test_two_identifiers_with_their_source_rows(built_warehouse: BuiltProject) -> None:
    ends = ("Member_ID: MBR001", "open_id:open_001")

    text = run_cli("explain", *ends, cwd=built_warehouse.folder)
    document = run_cli("explain", *ends, "--json", cwd=built_warehouse.folder).document()

    assert text.code == 0, text.stderr
    assert "id_graph: links.csv line 2" in text.stdout
    assert "app: events.csv line 2, events.csv line 7" in text.stdout
    assert document["is_same_person"] is True
    assert [row["to_id_value"] for row in document["path"]] == ["union_001", "open_001"]
    places = {(s["step"], s["source"], s["source_line"]) for s in document["sources"]}
    assert places == {(1, "id_graph", 2), (2, "app", 2), (2, "app", 7)}


def test_one_identifier_and_no_real_name(built_warehouse: BuiltProject) -> None:
    text = run_cli("explain", "device_id:DEV001", cwd=built_warehouse.folder)
    document = run_cli("explain", "device_id:DEV001", "--json", cwd=built_warehouse.folder)

    assert text.code == 0, text.stderr
    assert "Alice" not in text.stdout + document.stdout
    one_id = document.document()["one_id"]
    assert len(document.document()["identifiers"]) == 7
    assert [change["kind"] for change in document.document()["changes"]] == ["create"]
    by_one_id = run_cli("explain", one_id, "--json", cwd=built_warehouse.folder).document()
    assert by_one_id["given"] == "member_id:MBR001"


def test_two_people(built_warehouse: BuiltProject) -> None:
    ends = ("member_id:MBR001", "member_id:MBR002")
    text = run_cli("explain", *ends, cwd=built_warehouse.folder)
    assert text.code == 0
    assert text.stdout.splitlines()[-1] == "no links connect them"


@pytest.mark.parametrize(
    ("given", "code", "problem"),
    [
        ("member_id:mbr01", 1, "nearest: member_id:MBR001"),
        ("MBR001", 2, "write ID_TYPE:VALUE"),
        ("fax:1", 2, "no identifier has the type 'fax'"),
        ("email: Bob@Example.com", 1, f"the identifier email_hash:{BOB}"),
        ("email_hash:bob@example", 2, "email_hash: the value is no e-mail address"),
        ("phone:13800138000", 2, "phone: the value has no country code; write it with one"),
    ],
)
def test_a_mistake_is_one_line(
    built_warehouse: BuiltProject, given: str, code: int, problem: str
) -> None:
    finished = run_cli("explain", given, cwd=built_warehouse.folder)
    assert (finished.code, finished.stdout) == (code, "")
    assert finished.stderr.count("\n") == 1
    assert problem in finished.stderr
    assert "example" not in finished.stderr


@pytest.mark.parametrize("command", [("explain", "member_id:MBR001"), ("identity", "report")])
def test_while_a_build_holds_the_file_it_is_one_line(
    built_warehouse: BuiltProject, tmp_path: object, command: tuple[str, ...]
) -> None:
    copy = built_warehouse.copy(tmp_path / "project")  # type: ignore[operator]
    with duckdb.connect(copy.warehouse / "onecdp.duckdb"):
        finished = run_cli(*command, cwd=copy.folder)
    assert (finished.code, finished.stdout) == (1, "")
    assert finished.stderr.count("\n") == 1
    assert "is held by process" in finished.stderr


def test_the_report(built_warehouse: BuiltProject) -> None:
    text = run_cli("identity", "report", cwd=built_warehouse.folder)
    document = run_cli("identity", "report", "--json", cwd=built_warehouse.folder).document()

    assert text.code == 0, text.stderr
    assert text.stdout.startswith("15 people with 53 identifiers\n")
    assert (document["people"], document["identifiers"]) == (15, 53)
    assert sum(row["people"] for row in document["sizes"]) == 15
    # A shop's customer whom address and number both join with a member loses nobody by one.
    assert (document["bridges"]["bridges"], document["bridges"]["links"]) == (37, 38)
    assert document["bridges"]["cutting"] == 10
    assert {
        (row["left_size"], row["right_size"]) for row in document["bridges"]["weakest"][:2]
    } == {(3, 3)}


def test_the_sql_functions_survive_a_full_refresh_and_say_why_people_are_apart(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("explain")
    line = Line.at(folder, copy_project(folder / "project"))
    line.write(
        "crm/members.csv",
        "member_id,mobile_hash,email_hash,real_name,gender,birthday,register_date,channel,level,"
        "total_points,updated_at",
        "M1,phone,mail1,Ann,F,1990-01-01,2020-01-01,app,gold,1,2024-01-01 00:00:00",
        "M2,phone,mail2,Bob,M,1991-01-01,2021-01-01,app,gold,1,2024-01-02 00:00:00",
    )
    line.run(tests=False)
    line.build("--full-refresh", tests=False)

    rows = line.query(
        "select link_status, constraint_name, from_id_value, to_id_value"
        " from explain_apart('member_id', 'M1', 'member_id', ' M2 ')"
    )
    assert rows == [("refused", "max_values", "phone", "M2")]
    joined = "select count(*) from explain_path('email_hash', 'MAIL1', 'mobile_hash', 'phone')"
    assert line.query(joined) == [(2,)]
    report = run_cli("identity", "report", "--json", "--project-dir", str(line.project.folder),
                     "--warehouse", str(line.project.warehouse.folder)).document()  # fmt: skip
    assert report["rejections"] == [
        {"constraint_name": "max_values", "constrained_id_type": "member_id", "links": 1}
    ]


def test_the_commands_and_queries_of_the_docs(built_warehouse: BuiltProject) -> None:
    text = (REPOSITORY / "docs" / "identity.md").read_text()
    blocks = re.findall(r"^```(sh|sql)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    commands = [shlex.split(line) for kind, body in blocks if kind == "sh"
                for line in body.splitlines()]  # fmt: skip
    commands += [["onecdp", "sql", "--private", body] for kind, body in blocks if kind == "sql"]
    assert [words[1] for words in commands] == ["explain"] * 3 + ["identity", "sql"]
    for words in commands:
        finished = run_cli(*words[1:], cwd=built_warehouse.folder)
        assert finished.code == 0, finished.stderr
        assert finished.stdout


def test_the_docs_name_every_sql_function(built_warehouse: BuiltProject) -> None:
    text = (REPOSITORY / "docs" / "identity.md").read_text()
    named = set(re.findall(r"^\| `(explain_\w+)\(", text, re.MULTILINE))
    query = (
        "select distinct function_name from duckdb_functions() where function_name like 'explain%'"
    )
    made = run_cli("sql", "--private", "--json", query, cwd=built_warehouse.folder).document()
    assert {row["function_name"] for row in made} == named
