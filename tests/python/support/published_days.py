"""What was published for each day, kept by the test, to compare the history with later."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from support import pandas_marts
from support.line import Line

_AS_OF = "customer_profiles_as_of"
_SCHEMES = ["rfm", "grid", "recency", "frequency", "monetary", "engagement"]


@dataclass
class PublishedDays:
    """The profiles of each day, as the last build for it made them."""

    days: dict[date, pa.Table] = field(default_factory=dict)

    def remember(self, line: Line, as_of: str) -> None:
        """Keeps the profiles of a build, all of the columns that the history has."""
        with duckdb.connect(str(line.project.warehouse.build_file), read_only=True) as private:
            columns = [
                name
                for name, *_ in private.execute(f"describe marts.{_AS_OF}").fetchall()
                if name != "dt"
            ]
            self.days[date.fromisoformat(as_of)] = private.execute(
                f"select {', '.join(columns)} from marts.customer_profiles"
            ).to_arrow_table()

    def without(self, one_ids: set[str], columns: set[str]) -> PublishedDays:
        """The same days without some customers, and without some columns."""
        return PublishedDays(
            {
                day: table.filter(
                    pc.invert(pc.is_in(table["one_id"], pa.array(sorted(one_ids), pa.string())))
                ).drop_columns(sorted(columns))
                for day, table in self.days.items()
            }
        )

    def differences(self, line: Line) -> list[object]:
        """What the history says otherwise of any day, with a build or without one."""
        first, last = min(self.days), max(self.days)
        found: list[object] = []
        with duckdb.connect(str(line.project.warehouse.build_file), read_only=True) as private:
            for day in (first + timedelta(n) for n in range((last - first).days + 1)):
                private.register("theirs", self.days[max(d for d in self.days if d <= day)])
                columns = ", ".join(self.days[last].column_names)
                ours = f"(select {columns} from marts.{_AS_OF} where dt = '{day}')"
                for left, right in ((ours, "theirs"), ("theirs", ours)):
                    rows = private.execute(f"from {left} except all from {right}").fetchall()
                    found += [(day, left, row) for row in rows[:3]]
            assert private.execute(f"select min(dt), max(dt) from marts.{_AS_OF}").fetchone() == (
                first,
                last,
            )
            found += self._repeated(private)
        return found

    def _repeated(self, private: duckdb.DuckDBPyConnection) -> list[object]:
        """Rows that say what the customer's row before says."""
        rows = private.execute(
            "select one_id, * exclude (one_id, dt, next_dt) from marts.customer_profiles_daily"
            " order by one_id, dt"
        ).fetchall()
        return [row for former, row in pairwise(rows) if former == row]

    def assert_segments(self, line: Line) -> None:
        """segment_daily and segment_changes are what pandas makes of the days."""
        long = pd.concat(
            table.to_pandas()
            .rename(columns={f"{scheme}_segment": scheme for scheme in _SCHEMES})
            .melt(["one_id", "gross_revenue"], _SCHEMES, "scheme", "segment")
            .assign(as_of_date=pd.Timestamp(day))
            for day, table in sorted(self.days.items())
        )
        long["gross_revenue"] = long["gross_revenue"].astype(float)
        daily = long.groupby(["as_of_date", "scheme", "segment"], as_index=False).agg(
            customers=("one_id", "size"), revenue=("gross_revenue", "sum")
        )
        wide = long.pivot(index=["one_id", "scheme"], columns="as_of_date", values="segment")
        wide = wide.where(wide.notna(), None)
        before = wide.shift(axis=1)
        changes = {
            (*key, before.loc[key, day], wide.loc[key, day], day.date())
            for day in wide.columns
            for key in wide.index[(wide[day].fillna("") != before[day].fillna(""))]
        }
        with duckdb.connect(str(line.project.warehouse.build_file), read_only=True) as private:
            ours = private.execute(
                "select * replace (revenue::double as revenue) from marts.segment_daily"
            ).df()
            pandas_marts.assert_same(ours, pandas_marts.tidy(daily))
            rows = private.execute("from marts.segment_changes").fetchall()
        assert len(rows) == len(changes)
        assert set(rows) == {tuple(None if pd.isna(v) else v for v in row) for row in changes}
