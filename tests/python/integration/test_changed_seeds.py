"""A changed seed counts for the rows of before, though only what is downstream of it is built."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.line import Line, copy_project, differences
from support.line_days import CHOICES, MEMBERS, first_day

from onecdp.project.nodes import ChangedSeeds

TYPES = "select event_type, count(*) from marts.unified_events group by all order by all"
NEXT_LINE = "a line behind the header"
# The seed, a text in it, and what stands there then.
CHANGES = [
    ("retail_non_product_codes", NEXT_LINE, "K,a test"),
    ("id_blocklist", NEXT_LINE, "device_id,exact,D1,a test"),
    ("id_types", "open_id,7,true,20,,0.95", "open_id,7,true,20,,0.5"),
    ("id_link_overrides", NEXT_LINE, "cannot_link,union_id,U1,open_id,O1,a test"),
    ("survivorship", "country,retail,2,most_recent", "country,retail,3,most_frequent"),
    ("rfm_segment_rules", "2,Loyal Customers,600,2,", "2,Loyal Customers,5,2,"),
    ("rfm_grid_segments", "5,5,champions", "5,5,stars"),
    ("value_bands", "recency,1,Active,30,", "recency,1,Active,20,"),
    ("channels", NEXT_LINE, "kiosk,A kiosk"),
    ("tags", "High Value,purchase,,,,300,", "High Value,purchase,,,,10,"),
    ("audiences", NEXT_LINE, 'PKG900,Buyers,"""High Value"" OR repeat_buyer",,'),
    ("suppressions", NEXT_LINE, "retail_customer_id,100,a test"),
]


@pytest.mark.soak
def test_every_seed_counts_for_rows_of_before(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "project")
    line = Line.at(tmp_path / "line", project)
    first_day(line)
    line.run(tests=False)
    before = line.query(TYPES)

    for seed, old, new in CHANGES:
        file = project / "seeds" / f"{seed}.csv"
        text = file.read_text()
        if old == NEXT_LINE:
            old = text.partition("\n")[0]
            new = f"{old}\n{new}"
        assert text.count(old) == 1, seed
        file.write_text(text.replace(old, new))
        assert line.build() == ChangedSeeds([seed])

    assert line.query(TYPES) != before
    assert not line.query("from marts.id_map where id_value = 'D1'")
    # The device's row has a union id and an open id, whose link is weak now.
    assert line.query(
        "select count(distinct one_id) from marts.id_map where id_value in ('U1', 'O1')"
    ) == [(2,)]
    rebuilt = line.copy_warehouse(tmp_path / "rebuilt")
    rebuilt.build("--full-refresh", tests=False)
    assert not differences(line.marts(), rebuilt.marts())


def test_a_blocked_identifier_leaves_its_customer(tmp_path: Path) -> None:
    """E1 was M1's, and E2 is M2's until it is blocked: no mail address withdraws any more."""
    project = copy_project(tmp_path / "project")
    line = Line.at(tmp_path / "line", project)
    tables = ("customers", "consents")
    part = ("--select", *(f"+int_customers__{table}" for table in tables))

    def write_members(first_email: str) -> None:
        line.write(
            f"crm/{first_email}.csv",
            MEMBERS,
            f"M1,H1,{first_email},2024-01-01,offline,gold,,2026-05-0{first_email[1]} 10:00:00",
            "M2,H2,E2,2024-01-02,online,silver,,2026-05-01 10:00:00",
        )

    line.write(
        "consents/day1.csv",
        CHOICES,
        "email_hash,E1,news,withdrawn,2026-05-01 07:00:00",
        "email_hash,E2,news,withdrawn,2026-05-01 07:00:00",
        "member_id,M1,news,granted,2026-05-01 07:00:00",
        "member_id,M2,news,granted,2026-05-01 07:00:00",
    )
    for email in ("E1", "E3"):
        write_members(email)
        line.ingest()
        line.build(*part, tests=False)
    status = "select status from intermediate.int_customers__consents order by all"
    assert line.query(status) == [("withdrawn",), ("withdrawn",)]

    with (project / "seeds" / "id_blocklist.csv").open("a") as seed:
        seed.write("email_hash,exact,e1,a test\nemail_hash,exact,e2,a test\n")
    line.build(*part, tests=False)
    assert line.query(status) == [("granted",), ("granted",)]

    def rows(of: Line) -> list[list[tuple[object, ...]]]:
        table = "select * exclude (changed_at) from intermediate.int_customers__"
        return [of.query(f"{table}{name} order by all") for name in tables]

    rebuilt = line.copy_warehouse(tmp_path / "rebuilt")
    rebuilt.build(*part, "--full-refresh", tests=False)
    assert rows(line) == rows(rebuilt)
