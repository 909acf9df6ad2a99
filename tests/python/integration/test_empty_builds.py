"""`dbt build --empty` tries the SQL without rows, and keeps what only stored rows tell."""

from __future__ import annotations

from pathlib import Path

from support.line import Line, copy_project, differences
from support.line_days import first_day, third_day


def test_an_empty_build_changes_no_row_that_is_kept(tmp_path: Path) -> None:
    """Identifiers that are gone, one_ids, histories, and who entered an audience when."""
    line = Line.at(tmp_path / "line", copy_project(tmp_path / "project"))
    for day in (first_day, third_day):
        day(line)
        line.run(tests=False)
    before = line.marts()
    assert line.query("from marts.id_map where not is_active")
    versions = "select count(*), max(dbt_valid_to) from snapshots."
    histories = [f"{versions}{name}" for name in ("id_map_history", "customer_profiles_history")]
    kept = [line.query(history) for history in histories]

    line.build("--empty", tests=False)
    line.build(tests=False)

    assert not differences(before, line.marts())
    assert [line.query(history) for history in histories] == kept
