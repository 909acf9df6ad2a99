"""What `onecdp check` shows of files: columns, likely fixes, whose they are."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.cli import REPOSITORY
from support.landing_writer import file_bytes, xlsx_bytes
from support.odd_files import FORMATS, event, line, link, member
from support.raw_store import RawStore

from ingestion.declaration import TableSpec
from ingestion.landing.arrivals import Arrivals, Chunk, Place, string_table
from ingestion.pipelines import tables
from ingestion.preview import NoSource, preview
from ingestion.preview.one_file import find_table
from ingestion.preview.preview import preview_source
from ingestion.readers.reader import Context
from ingestion.sources.source import Source
from onecdp.cli.main import main


def check(tmp_path: Path, *args: str) -> Result:
    options = ("--project-dir", str(REPOSITORY), "--warehouse", str(tmp_path / "warehouse"))
    return CliRunner().invoke(main, ["check", *args, *options])


FILES = {
    "semicolon.csv": b"member_id;level\nM1;gold\n",
    "tab.csv": b"member_id\tlevel\nM1\tgold\n",
    "utf16.csv": "member_id,level\nM1,gold\n".encode("utf-16"),
    "latin.csv": "member_id,real_name\nL1,Zoë\n".encode("latin-1"),
    "comma.csv": b'member_id,total_points\nC1,"12,5"\nC2,"1.250,5"\n',
    "unquoted.csv": b"member_id,total_points\nU1,12,5\n",
    "thousands.csv": b'member_id,total_points\nT1,"1,250.5"\n',
    "dots.csv": b"member_id,birthday\nD1,28.02.2001\n",
    "serial.csv": b"member_id,birthday\nS1,36950\n",
    "dayfirst.csv": b"member_id,birthday\nF1,28/02/2001\n",
    "ambiguous.csv": b"member_id,birthday\nA1,02/03/2001\n",
    "epochs.csv": b"member_id,updated_at\nE1,1727776800\nE2,1727776800000\n",
    "scientific.csv": b"member_id,email_hash\n4.47911E+11,a\n",
    "names.csv": b"Member-Number,level\nM1,gold\n",
    "fine.csv": b"member_id,level\nM9,gold\n",
}
FIXES = {
    ("semicolon.csv", "separator"), ("tab.csv", "separator"), ("utf16.csv", "encoding"),
    ("latin.csv", "encoding"), ("comma.csv", "decimal_comma"), ("unquoted.csv", "decimal_comma"),
    ("thousands.csv", "thousands"), ("dots.csv", "date"), ("serial.csv", "date"),
    ("dayfirst.csv", "day_first"), ("ambiguous.csv", "day_first"), ("epochs.csv", "epoch"),
    ("scientific.csv", "scientific"), ("names.csv", "columns"),
}  # fmt: skip


def test_likely_fixes(tmp_path: Path) -> None:
    (tmp_path / "crm").mkdir()
    for name, content in FILES.items():
        (tmp_path / "crm" / name).write_bytes(content)
    shown = preview(tmp_path, "crm", tmp_path / "warehouse", lambda _: None).shown
    assert {(fix.file, fix.kind) for fix in shown.fixes} == FIXES
    texts = {fix.file: f"{fix.problem}; {fix.fix}" for fix in shown.fixes}
    assert '"Member-Number" = "member_id"' in texts["names.csv"]
    assert "[sources.crm.columns]" in texts["names.csv"]
    assert "others in another unit" in texts["epochs.csv"]
    assert 'date_order = "day_first"' in texts["dayfirst.csv"]
    assert "windows-1252" in texts["latin.csv"].lower()


@pytest.mark.parametrize("suffix", FORMATS)
def test_source_is_guessed_from_the_columns(tmp_path: Path, suffix: str) -> None:
    rows = {"crm": member("M1", level="A"), "app": event("E", union_id="U"), "retail": line("1")}
    for source, row in {**rows, "id_graph": link("A", "B")}.items():
        file = tmp_path / f"{source}.{suffix}"
        file.write_bytes(file_bytes(file.name, [row]))
        assert find_table(file, tables(), None).spec.source == source
        assert find_table(file, tables(), "app").spec.source == "app"
    (tmp_path / "retail").mkdir()
    inside = (tmp_path / f"crm.{suffix}").rename(tmp_path / f"retail/crm.{suffix}")
    assert find_table(inside, tables(), None).because == "by its folder retail/"


def test_source_is_guessed_of_odd_files(tmp_path: Path) -> None:
    files = {
        "a.xlsx": xlsx_bytes({"empty": [], "one": [line("1")]}),
        "b.csv.gz": gzip.compress("event_id;event_type;event_time;union_id\n".encode("utf-16")),
        "c.csv": "member_id,straße\n".encode("latin-1"),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    found = [find_table(tmp_path / name, tables(), None).spec.source for name in files]
    assert found == ["retail", "app", "crm"]
    for name, content in (("d.csv", b"a,b\n"), ("e.parquet", b"none"), ("f.xlsx", b""), ("g", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(NoSource, match="say --source crm or app or retail or shop"):
            find_table(tmp_path / name, tables(), None)


def test_command_shows_columns_rows_and_fixes(tmp_path: Path) -> None:
    file = tmp_path / "members.csv"
    file.write_text('member_id,total_points,Nick\nM1,"12,5",x\nM2,7,\nM2,7,\n4E+11,1,\n')

    result = check(tmp_path, str(file))

    assert result.exit_code == 3, result.output
    told = result.stdout
    assert "as source crm (guessed from its columns; --source names another)" in told
    assert "compared with no warehouse" in told
    assert "members.csv line 2: member_id 'M1'" in told
    assert "quarantined, 1 row: member_id: … is a number that may have lost digits" in told
    assert "duplicate, 1 row" in told
    assert "12,5': a decimal comma; export them with a decimal point" in told
    assert not (tmp_path / "warehouse").exists()


def test_every_value_that_cannot_be_read_is_counted(tmp_path: Path) -> None:
    (tmp_path / "crm").mkdir()
    (tmp_path / "crm/bad.csv").write_text(
        "member_id,mobile_hash,birthday,total_points,updated_at\n"
        'M1,13912345678,01.02.1990,"1,234",2024-01-01\n'
        'M2,13912345679,01.02.1991,"12,5",2024-01-01\n'
        "M3,,01.02.1992,1,2024-01-01\n"
        "M4,,01.02.1993,1,never\n"
        "M3,,01.02.1992,1,2024-01-01\n"
        'M5,,,"1,234,567",2024-01-01\n'
        'M6,,,"0,234",2024-01-01\n'
    )
    (tmp_path / "crm/refused.csv").write_text("level,birthday\nA,01.02.1990\n")
    found = preview(tmp_path, "crm", tmp_path / "warehouse", lambda _: None)
    counts = {
        layout.files: {column.column: column.unreadable for column in layout.columns}
        for layout in found.shown.layouts
    }
    assert counts == {
        ("bad.csv",): {
            "member_id": 0, "mobile_hash": 2, "birthday": 5, "total_points": 4, "updated_at": 1,
        },
        ("refused.csv",): {"level": None, "birthday": None},
    }  # fmt: skip
    problems = [fix.problem for fix in found.shown.fixes if fix.file == "bad.csv"]
    assert problems == [
        "5 values of birthday, such as '01.02.1990': dates that are no ISO 8601",
        "1 value of total_points, such as '1,234,567': a separator of thousands",
        "1 value of total_points, such as '1,234': a decimal comma or a separator of thousands",
        "2 values of total_points, such as '0,234': a decimal comma",
    ]
    result = check(tmp_path, str(tmp_path / "crm/refused.csv"))
    assert re.search(r"birthday +date +-\s", result.stdout)


class Lag:
    """A stream of one bad row and growing numbers of sound ones, all of them read each time."""

    name = "lag"
    setting_names = ()

    def __init__(self) -> None:
        self.sound = 0

    def is_configured(self, source: str) -> bool:
        return True

    def arrivals(self, tables: Sequence[TableSpec], context: Context) -> Mapping[str, Arrivals]:
        self.sound += 1
        members = ["4E+11", *(f"M{number}" for number in range(self.sound))]
        rows = string_table(("member_id",), [members], list(range(len(members))))
        name = f"lag/{self.sound}"
        place = Place(
            name, name, lambda: iter([Chunk(rows, position=name)]), stream="lag", repeats=True
        )
        return {tables[0].table: Arrivals([place])}


def test_rows_of_all_groups_are_those_that_were_read(tmp_path: Path) -> None:
    """Also where the quarantine has a bad row already, that a stream repeats."""
    (crm,) = (spec for spec in tables() if spec.source == "crm")
    store, lag = RawStore(tmp_path, crm), Lag()
    store.load(lag)
    source = Source("crm", (crm,), lag)
    landed, shown = preview_source(source, [crm], tmp_path, store.database, lambda _: None)
    assert (landed.counts.read, landed.counts.duplicate) == (3, 2)
    assert [(g.outcome, g.rows, g.reason.partition(":")[0]) for g in shown.groups] == [
        ("loaded", 1, ""),
        ("duplicate", 1, "the same member_id with nothing new, in the warehouse"),
        ("duplicate", 1, "in the quarantine already"),
    ]
    assert shown.groups[-1].examples[0].values == {"member_id": "4E+11"}


def test_document(tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    file.write_text("Member ID,Nick,birthday\nM1,x,none\n")

    result = check(tmp_path, str(file), "--json")

    document = json.loads(result.stdout)
    assert (result.exit_code, document["source"], document["rows_loaded"]) == (0, "crm", 1)
    columns = document["headers"][0]["columns"]
    assert [tuple(column.values()) for column in columns] == [
        ("Member ID", "member_id", "identifier", True, 0),
        ("Nick", "nick", "text", False, 0),
        ("birthday", "birthday", "date", True, 1),
    ]
    assert document["rows"][1]["examples"] == [
        {"file": "m.csv", "line": 2, "values": {"birthday": "none"}}
    ]


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (("semicolon.csv",), 4, "looks semicolon-separated; save it with commas"),
        (("notes.txt", "--source", "crm"), 4, "is not a kind of file that is loaded"),
        (("other.csv",), 2, "other.csv: nothing tells which source it is for (its columns: a, b)"),
        (("nothing.csv",), 2, "is neither a file nor a source; name a file, or a source with"),
        ((".",), 2, "is a folder; name a file, or a source with --data DIR: crm or app or"),
        (("crm", "--source", "app"), 2, "crm is a source itself; leave out --source app"),
        (("other.csv", "--source", "erp"), 2, "no source is called 'erp'; expected crm or app"),
        (("other.csv", "--data", "."), 2, "--data goes with a source: crm or app or"),
        (("crm", "--data", "."), 2, "holds no source; expected a folder with any of crm/"),
    ],
)
def test_exit_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], code: int, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in (
        ("semicolon.csv", "member_id;level\n"), ("notes.txt", "n"), ("other.csv", "a,b\n1,2\n"),
    ):  # fmt: skip
        (tmp_path / name).write_text(text)

    result = check(tmp_path, *args)

    assert (result.exit_code, told in result.output) == (code, True), result.output
    assert "Traceback" not in result.output


def test_personal_data_is_shown_as_hashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONAL_DATA__DEFAULT_REGION", "CN")
    rows = (
        "M1,bob@a.example,13800138000\nM2,bob@localhost,13800138000\n,bob@a.example,13800138000\n"
    )
    (tmp_path / "crm").mkdir()
    (tmp_path / "crm" / "a.csv").write_text(f"member_id,email,phone\n{rows}M3,bob@a.example,1,2\n")

    shown = check(tmp_path, str(tmp_path / "crm" / "a.csv"))
    as_json = check(tmp_path, str(tmp_path / "crm" / "a.csv"), "--json")

    for output in (shown.output, as_json.output):
        assert "bob@" not in output
        assert "13800138000" not in output
        assert "email_hash: '…' is no e-mail address" in output or "email_hash: …" in output
    (tmp_path / "headless.csv").write_text("M1,bob@a.example,13800138000\nM2,,\n")
    for args in ((), ("--source", "crm")):
        output = check(tmp_path, str(tmp_path / "headless.csv"), *args).output
        assert "bob@" not in output
        assert "13800138000" not in output
    assert "e-mail address, hashed" in shown.output
    assert "phone number, hashed" in shown.output
