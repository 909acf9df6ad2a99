"""A new type of identifier: one seed row and one line of a staging model's YAML."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import pytest
from support.cli import REPOSITORY, make_project, run_cli

AS_OF = ("--as-of", "2026-06-06")
SEED_ROW = "loyalty_card,9,true,,,0.95\n"
DECLARATION = "      - {name: loyalty_card, config: {meta: {id_type: loyalty_card}}}\n"
MEMBER_ID = "      - name: member_id\n"


def declare(project: Path) -> None:
    """Adds the type, as CONTRIBUTING.md says."""
    seed = project / "seeds" / "id_types.csv"
    seed.write_text(seed.read_text() + SEED_ROW)
    models = project / "models" / "staging" / "crm" / "_crm__models.yml"
    text = models.read_text()
    assert text.count(MEMBER_ID) == 1
    models.write_text(text.replace(MEMBER_ID, DECLARATION + MEMBER_ID))


def lay_out(data: Path) -> None:
    """Two members of the sample with cards; the ID graph knows a device of the first card."""
    sample = REPOSITORY / "ingestion" / "sample"
    with (sample / "crm" / "members.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    cards = {"MBR001": " LC-1 ", "MBR002": "LC-2"}
    for row in rows:
        row["loyalty_card"] = cards.get(row["member_id"], "")
    links = (sample / "id_graph" / "links.csv").read_text().splitlines()[0]
    (data / "crm").mkdir(parents=True)
    (data / "id_graph").mkdir()
    with (data / "crm" / "members.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (data / "id_graph" / "links.csv").write_text(
        f"{links}\nloyalty_card,LC-1,device_id,CARD-READER,shop,0.95,2025-01-01,2025-02-01,true\n"
    )


@pytest.mark.soak
def test_one_seed_row_and_one_line_add_a_type(tmp_path: Path) -> None:
    project, data = make_project(tmp_path / "project"), tmp_path / "data"
    declare(project)
    lay_out(data)

    built = run_cli("run", "--data", str(data), *AS_OF, cwd=project)
    assert built.code == 0, built.stdout + built.stderr

    # It merges: the card leads from the member to a device that no other row shows.
    marts = project / "warehouse" / "marts.duckdb"
    ends = ("device_id:CARD-READER", "member_id:MBR001")
    with duckdb.connect(str(marts), read_only=True) as connection:
        people = connection.execute(
            "select distinct one_id from id_map where id_value in ('MBR001', 'LC-1', 'CARD-READER')"
        ).fetchall()
        assert len(people) == 1
        ((profile, device, count),) = connection.execute(
            "select one_id, device_id, identifier_count from customer_profiles"
            " where member_id = 'MBR001'"
        ).fetchall()
        assert (profile,) == people[0]
        assert device == "CARD-READER"
        # The card is counted in the profile, and stands in id_map beside its one_id.
        assert count == len(
            connection.execute("select 1 from id_map where one_id = ?", [profile]).fetchall()
        )
    # It explains, with the source rows.
    document = run_cli("explain", *ends, "--json", cwd=project).document()
    assert [row["to_id_value"] for row in document["path"]] == ["LC-1", "MBR001"]
    assert {(row["source"], row["source_line"]) for row in document["sources"]} == {
        ("id_graph", 2), ("crm", 2),
    }  # fmt: skip
    # It forgets the person, named by the card.
    forgotten = run_cli("forget", "loyalty_card:LC-1", "--yes", *AS_OF, cwd=project)
    assert forgotten.code == 0, forgotten.stdout + forgotten.stderr
    for file in (project / "warehouse").rglob("*"):
        content = file.read_bytes() if file.is_file() else b""
        assert b"CARD-READER" not in content, file
        assert b"LC-1" not in content, file
    with duckdb.connect(str(marts), read_only=True) as connection:
        cards = connection.execute(
            "select id_value from id_map where id_type = 'loyalty_card'"
        ).fetchall()
    assert cards == [("LC-2",)]
