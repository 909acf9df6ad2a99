"""What the data quality tests of a build measured."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from onecdp.warehouse.files import Warehouse, connect
from onecdp.warehouse.schemas import AUDIT


@dataclass(frozen=True)
class QualityResult:
    """One data quality test of one run; docs/quality.md describes the rules.

    Attributes:
        check: Name of the dbt test.
        rule: The generic test, such as `null_share`.
        table: What was tested, as `schema.table`.
        column: The tested column; None for a rule about whole rows.
        value: What was measured; None if there was nothing to measure.
        at_least: Lower bound, inclusive; None if there is none.
        at_most: Upper bound, inclusive; None if there is none.
        verdict: `pass`, `warn`, `fail`, `error` or `skipped`.
    """

    check: str
    rule: str
    table: str
    column: str | None
    value: float | None
    at_least: float | None
    at_most: float | None
    verdict: str

    def __str__(self) -> str:
        """The measured value and the bound that it breaks."""
        what = f"{self.table}.{self.column}" if self.column else self.table
        is_low = self.at_least is not None and self.value is not None and self.value < self.at_least
        bound = f"at least {self.at_least:.6g}" if is_low else f"at most {self.at_most or 0:.6g}"
        return f"{self.rule} of {what} is {self.value:.6g}; {bound} is allowed"


def read_quality(warehouse: Warehouse, run_id: str) -> tuple[QualityResult, ...]:
    """Returns what the data quality tests of a dbt run measured, in the order of their names."""
    with connect(warehouse.build_file, read_only=True) as private:
        try:
            rows = private.execute(
                "select check_name, rule, table_name, column_name, value, at_least, at_most,"
                f" verdict from {AUDIT}.data_quality where run_id = $1 order by check_name",
                [run_id],
            ).fetchall()
        except duckdb.CatalogException:
            # A project that was made before onecdp had data quality tests.
            return ()
    return tuple(QualityResult(*row) for row in rows)
