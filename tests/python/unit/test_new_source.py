"""`onecdp source add`: what it learns from a file, what it refuses, and how it edits files."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
import xlsxwriter
from click.testing import CliRunner, Result
from support.ingestion import ROOT

from ingestion.preview import NoShape, read_shape
from onecdp.cli.main import main
from onecdp.errors import OnecdpError
from onecdp.new_source import write
from onecdp.new_source.edits import add_row_source, add_to_sources, add_to_union
from onecdp.new_source.plan import Asked, make_plan

CALLS = """Call ID,device_id,Started At,seconds,cost,ok,card,note,day,far
C1,d1,2026-06-01 10:00:00,10,1.5,true,0123,hi,2026-06-01,1.123456
C2,d2,2026-06-01 11:00:00,20,2.25,false,0124,,2026-06-01,2
C2,d2,2026-06-01 11:00:00,20,2.25,false,0124,,2026-06-01,2
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The parts of a project that the command reads or changes."""
    folder = tmp_path / "project"
    junk = shutil.ignore_patterns("__pycache__")
    for part in ("ingestion", "models/staging", "models/intermediate/events", "macros/identity"):
        shutil.copytree(ROOT / part, folder / part, ignore=junk)
    (folder / "seeds").mkdir()
    for part in ("seeds/id_types.csv", "dbt_project.yml"):
        shutil.copyfile(ROOT / part, folder / part)
    return folder


def add(project: Path, *args: str) -> Result:
    return CliRunner().invoke(main, ["source", "add", *args, "--project-dir", str(project)])


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_kinds_keys_and_identifiers_are_read_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "calls.csv.gz").write_bytes(gzip.compress(CALLS.encode()))
    shape: Any = read_shape(tmp_path / "calls.csv.gz", ROOT)
    kinds = {column.name: column.kind for column in shape.columns}
    assert kinds == {
        "call_id": "text", "device_id": "text", "started_at": "timestamp", "seconds": "integer",
        "cost": "money", "ok": "boolean", "card": "text", "note": "text", "day": "date",
        "far": "text",
    }  # fmt: skip
    plan = make_plan(shape, Asked("calls"), shape.id_types)
    assert (plan.key, plan.time, plan.has_events) == (("call_id",), "started_at", True)
    assert [(c.name, c.id_type) for c in plan.identifiers] == [("device_id", "device_id")]
    without = make_plan(shape, Asked("calls", events=False), shape.id_types)
    assert (without.table, without.has_events) == ("records", False)

    (tmp_path / "lines.jsonl").write_text('{"id": "1", "when": "31/12/2025"}\n{"id": "2"}\n')
    lines = read_shape(tmp_path / "lines.jsonl", ROOT)
    assert lines.day_first
    assert [(c.kind, c.empty_lines) for c in lines.columns] == [("integer", ()), ("date", (2,))]
    with xlsxwriter.Workbook(tmp_path / "book.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["id", "n"])
        sheet.write_row(1, 0, ["a", 1])
    assert [c.name for c in read_shape(tmp_path / "book.xlsx", ROOT).columns] == ["id", "n"]
    (tmp_path / "empty.csv").write_text("id,n\n")
    with pytest.raises(NoShape, match="it has no rows"):
        read_shape(tmp_path / "empty.csv", ROOT)


LEADS = """Lead-No,Telefon,手机号,Mail,Owner,tel,reached,created
L1,+8613800138000,13800138001,a@b.cc,agent@d.ee,+442079460958,+44 20 7946 0958,2024-06-01
L2,+8613800138002,13800138003,a2@b.cc,agent@d.ee,+442079460959,+44 20 7946 0959,2024-06-02
"""
PLAIN = ("1380013", "4420794", "7946", "b.cc", "d.ee")


def test_personal_columns_are_hashed_whoever_they_name(project: Path, tmp_path: Path) -> None:
    """By the name in any spelling, or by all values; a clear name alone tells whose."""
    data = tmp_path / "data"
    (data / "leads").mkdir(parents=True)
    (data / "leads" / "leads.csv").write_text(LEADS)
    shape: Any = read_shape(data / "leads" / "leads.csv", ROOT)
    plan = make_plan(shape, Asked("leads"), shape.id_types)
    assert [(c.name, c.id_type) for c in plan.identifiers] == [("mail", "email_hash")]
    assert [(c.name, c.kind) for c in plan.columns if c.is_hashed] == [
        ("telefon", "mobile_hash"),
        ("owner", "email_hash"),
        ("tel", "mobile_hash"),
        ("reached", "mobile_hash"),
    ]

    done = add(project, "leads", "--from", str(data / "leads" / "leads.csv"))
    assert done.exit_code == 0, done.output
    assert "mail names people, as email_hash" in done.output
    assert "say --identifier reached=mobile_hash" in done.output
    declared = next((project / "models/staging/leads").glob("*sources.yml")).read_text()
    assert "owner: email_hash" in declared
    # A process reads the code of one project.
    loaded = subprocess.run(
        [sys.executable, "-m", "onecdp", "ingest", "--data", str(data), "--source", "leads",
         "--warehouse", str(tmp_path / "w")],
        cwd=project, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert loaded.returncode == 0, loaded.stderr
    with duckdb.connect(str(tmp_path / "w" / "onecdp.duckdb"), read_only=True) as private:
        rows = private.execute(f"from raw_leads.{plan.table}").fetchall()
    assert len(rows) == 2
    assert not [plain for plain in PLAIN if plain in str(rows)]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"email;call_id\na@b.cc;C1\n", "it looks semicolon-separated; save it with commas"),
        (b"id;price;day\nO1;12,50;2024-06-01\n", "it looks semicolon-separated"),
        (b"id\tprice\nO1\t12\n", "it looks tab-separated; save it with commas"),
        ("id,name\nO1,é\n".encode("latin-1"), "no rows that can be read; line 2: "),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "rows.csv").write_bytes(content)
    with pytest.raises(NoShape, match=told):
        read_shape(tmp_path / "rows.csv", ROOT)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("Calls",), "'Calls' can't be the name of a source: expected lower-case letters"),
        (("crm",), "there is a source crm already"),
        (("order",), "order means something in SQL"),
        (("calls", "--key", "device_id"), "device_id can't be the key: 'd1' is in lines 2, 3, 4"),
        (("calls", "--key", "note"), "note can't be in the key: it is empty in 2 rows, such as 2"),
        (("calls", "--key", "call"), "the file has no column call; did you mean call_id?"),
        (("calls", "--time", "device_id"), "--time device_id: its values can't all be read"),
        (("calls", "--identifier", "note"), "--identifier note: expected COLUMN=ID_TYPE"),
        (("calls", "--identifier", "note=phone"), "there is no such type in seeds/id_types.csv"),
        (("calls",), "none can be the key; name columns that are together: --key A,B"),
    ],
)
def test_what_cannot_work_is_told_and_nothing_is_written(
    project: Path, tmp_path: Path, args: tuple[str, ...], told: str
) -> None:
    rows = ["a,d1,2026-06-01,", "a,d1,2026-06-02,", "b,d1,2026-06-03,x"]
    (tmp_path / "calls.csv").write_text("\n".join(["call_id,device_id,day,note", *rows, ""]))
    before = files(project)
    done = add(project, args[0], "--from", str(tmp_path / "calls.csv"), *args[1:])
    assert done.exit_code == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert files(project) == before


def test_an_address_that_cannot_be_asked_is_one_line(project: Path) -> None:
    done = add(project, "calls", "--from", "http://127.0.0.1:9/my calls.csv")
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1].startswith(
        "onecdp: http://127.0.0.1:9/my calls.csv can't be fetched: URL can't contain control"
    )


@pytest.mark.parametrize("command", [("check", "crm", "--data"), ("ingest", "--data")])
def test_settings_that_cannot_be_read_are_one_line(
    project: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "data" / "crm").mkdir(parents=True)
    (project / ".dlt").mkdir(exist_ok=True)
    (project / ".dlt" / "secrets.toml").write_text("[sources.crm.sql\npassword = 'hidden'\n")
    folders = (str(tmp_path / "data"), "--project-dir", str(project))
    done = CliRunner().invoke(main, [*command, *folders])
    assert done.exit_code == 1
    told = done.stderr.splitlines()[-1]
    assert told.startswith(f"onecdp: {project / '.dlt' / 'secrets.toml'}: ")
    assert told.endswith("(at line 1, column 17)")


def test_a_failure_leaves_nothing_and_files_that_are_there_stay(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "calls.csv").write_text(CALLS)
    own = project / "models/staging/calls/stg_calls__events.sql"
    own.parent.mkdir()
    own.write_text("select 1")
    taken = add(project, "calls", "--from", str(tmp_path / "calls.csv"))
    assert "stg_calls__events.sql is there already" in taken.stderr
    shutil.rmtree(own.parent)

    before, left, replace = files(project), [0], write._replace
    shape: Any = read_shape(tmp_path / "calls.csv", project)
    plan = make_plan(shape, Asked("calls"), shape.id_types)

    def fail(path: Path, text: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise OSError(28, "No space left on device", str(path))
        replace(path, text)

    monkeypatch.setattr(write, "_replace", fail)
    for number in range(1, 12):
        left[0] = number
        with pytest.raises(OnecdpError, match="No space left on device; nothing was written"):
            write.write_source(plan, project)
        assert files(project) == before
        assert not own.parent.exists()
    monkeypatch.undo()
    written = write.write_source(plan, project)
    assert len(written.new) + len(written.changed) == 11


def test_nothing_of_the_rows_gets_into_the_project(project: Path, tmp_path: Path) -> None:
    header = "order_no,email,union_id,created_at,remark,select,updated_at"
    row = "O-secret-1,secret@x.example,u-secret,2001-02-03 04:05:06,secret,secret,2001-02-03"
    (tmp_path / "orders.csv").write_text(f"{header}\n{row}\n")
    before = files(project)
    done = add(project, "orders", "--from", str(tmp_path / "orders.csv"))
    assert done.exit_code == 0, done.stderr
    new = {name: text for name, text in files(project).items() if before.get(name) != text}
    assert not any(b"secret" in text or b"2001" in text for text in new.values())
    assert "union_id names people, as union_id, by its name" in done.stdout
    assert "select is stored, but is no name of a column in SQL" in done.stdout
    assert done.stdout.endswith("put files into DIR/orders/; next:\n  onecdp run\n")
    declared = new["ingestion/sources/orders/__init__.py"].decode()
    # Its time may change with it, so a later version replaces the row.
    assert "rule=OnRepeatedKey.NEWER_WINS" in declared
    assert 'version="updated_at"' in declared
    # Plain addresses are hashed, and kept where the settings want that, in a table of their own.
    assert 'Column("email", Kind.EMAIL_HASH)' in declared
    assert b"plain_identifiers" in new["models/staging/orders/_orders__sources.yml"]
    again = add(project, "orders", "--from", str(tmp_path / "orders.csv"))
    assert again.exit_code == 2


def test_files_of_another_shape_are_left_alone_and_the_user_is_told(
    project: Path, tmp_path: Path
) -> None:
    (tmp_path / "calls.csv").write_text(CALLS)
    sources = project / "ingestion/sources/__init__.py"
    head, _, listed = sources.read_text().rpartition("(")
    sources.write_text(f"{head}tuple([{listed.rstrip().removesuffix(')')}])\n")
    union = project / "models/intermediate/events/int_events__unioned.sql"
    union.write_text("select 1 as event_id\n")
    before = (sources.read_text(), union.read_text())
    done = add(project, "calls", "--from", str(tmp_path / "calls.csv"))
    assert done.exit_code == 0, done.stderr
    assert (sources.read_text(), union.read_text()) == before
    assert "add calls.SOURCE to SOURCES" in done.stderr
    assert "add a CTE calls that selects from {{ ref('int_events__calls') }}" in done.stderr
    assert "'calls': {" in (project / "macros/identity/row_sources.sql").read_text()


UNION = """{%- set columns = ['a'] %}

with app as (

    select * from {{ ref('int_events__app') }}

),

final as (

    BODY

)

select * from final
"""
LOOP = """{%- for source_name in ['app'] %}
    select {{ columns }} from {{ source_name }}
    {%- if not loop.last %} union all {%- endif %}
    {%- endfor %}"""


def test_edits_go_by_structure() -> None:
    by_loop = add_to_union(UNION.replace("BODY", LOOP), "calls")
    named = UNION.replace("final as", "{%- set sources = ['app'] %}\n\nfinal as")
    by_name = add_to_union(named, "calls")
    assert by_name is not None
    assert "),\n{%- set sources = ['app', 'calls'] %}" in by_name.replace("\n\n{%", "\n{%")
    assert by_loop is not None
    assert "for source_name in ['app', 'calls'] %}" in by_loop
    assert "calls as (\n\n    select * from {{ ref('int_events__calls') }}" in by_loop
    branches = "select\n        a\n    from app"
    by_branch = add_to_union(UNION.replace("BODY", branches), "calls")
    assert by_branch is not None
    branch = "    select\n        a\n    from "
    assert f"app\n    union all\n{branch}calls\n\n)\n\nselect * from final\n" in by_branch
    twice = add_to_union(by_branch, "stores")
    assert twice is not None
    assert twice.count("union all") == 2
    assert add_to_union(UNION.replace("BODY", branches.replace("app", "other")), "calls") is None
    assert add_to_union(UNION.replace("BODY", "select a from app where 1"), "calls") is None

    one = "from . import app\nSOURCES = (app.SOURCE,)\n"
    assert add_to_sources(one, "zoo") == (
        "from . import app, zoo\nSOURCES = (app.SOURCE, zoo.SOURCE)\n"
    )
    assert add_to_sources(one.replace("app.SOURCE,", "app.SOURCE,  # first\n"), "zoo") is None
    assert add_to_sources("SOURCES = (", "zoo") is None
    assert add_row_source("{{ return({}) }}", "entry") is None
    assert add_row_source("        'a': {\n        },\n    }) }}\n", "X\n") == (
        "        'a': {\n        },\nX\n    }) }}\n"
    )
