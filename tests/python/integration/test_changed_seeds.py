"""A changed seed counts for the rows of before, though only what is downstream of it is built."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.line import Line, copy_project, differences
from support.line_days import first_day

from onecdp.project.dbt import ChangedSeeds

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
