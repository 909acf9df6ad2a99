"""The history of profiles: deletes what the last build does not show any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from onecdp.errors import OnecdpError
from onecdp.pipeline.context import Context
from onecdp.warehouse.files import connect

_DAYS = "audit.profile_days"
_VERSIONS = "snapshots.customer_profiles_history"
_CHANGES = "intermediate.int_customers__profile_changes"
_WATERMARKS = "audit.watermarks where model = 'int_customers__profile_changes'"
# The last build has left out what is older than the variable profile_history_days.
_FIRST_DAY = "(select min(dt) from intermediate.int_customers__profile_days where is_shown)"
_OLD_DAYS = f"from {_DAYS} where as_of_date < {_FIRST_DAY}"
# The moments are those that were noted: after a build that failed, the view has none of its own.
_HIDDEN_VERSIONS = f"""from {_VERSIONS} as versions
    where dbt_valid_to is not null and not exists (
        select 1 from {_DAYS} as days
        where
            days.as_of_date >= {_FIRST_DAY}
            and days.noted_at >= versions.dbt_valid_from
            and days.noted_at < versions.dbt_valid_to
    )
    -- What began on a day that is shown no more may still hold, as an equal version does.
    and not exists (
        select 1 from {_CHANGES} as changes
        where
            changes.one_id = versions.one_id
            and changes.version_begun_at = versions.dbt_valid_from
            and coalesce(changes.next_dt > {_FIRST_DAY}, true)
    )"""


@dataclass(frozen=True)
class Trimmed:
    """What was deleted, or would be.

    Attributes:
        days: As-of dates that the history does not show any more.
        versions: Versions of profiles that it shows on no day.
        first_day: The first day that it shows; None if it has no day.
    """

    days: int
    versions: int
    first_day: date | None


def trim_history(context: Context, *, dry_run: bool = False) -> Trimmed:
    """Deletes the days and versions of profiles that the last build does not show.

    No mart changes by it: each build leaves out what is older than `profile_history_days`.

    Args:
        context: The project and its warehouse.
        dry_run: Only count.

    Raises:
        OnecdpError: Nothing was built yet.
    """
    file = context.warehouse.build_file
    with context.lock("onecdp history trim"):
        if not file.is_file():
            raise OnecdpError(f"{file} isn't there; run `onecdp run` first")
        with connect(file, read_only=dry_run) as private:
            try:
                ((first_day,),) = private.execute(f"select {_FIRST_DAY}").fetchall()
                private.execute("begin")
                # Versions first: they are compared with the days.
                versions = _take(private, _HIDDEN_VERSIONS, dry_run)
                days = _take(private, _OLD_DAYS, dry_run)
                if not dry_run:
                    # The next build derives the changes anew, from what is left.
                    private.execute(f"delete from {_WATERMARKS}")
                private.execute("commit")
            except (duckdb.CatalogException, duckdb.BinderException) as error:
                raise OnecdpError(
                    "the last build has no history of profiles; run `onecdp run` first"
                ) from error
    return Trimmed(days, versions, first_day)


def _take(private: duckdb.DuckDBPyConnection, rows: str, dry_run: bool) -> int:
    statement = "select count(*)" if dry_run else "delete"
    ((count,),) = private.execute(f"{statement} {rows}").fetchall()
    return int(count)


def take_back_day(private: duckdb.DuckDBPyConnection) -> None:
    """Takes back that its day showed the last build, which was found wrong after its end.

    The day shows what the build for it before showed, if there was one. The caller's transaction.
    """
    of_last_run = "noted_at = (select moment from audit.run_moment)"
    private.execute(
        f"update {_DAYS} set noted_at = replaced_at, replaced_at = null"
        f" where {of_last_run} and replaced_at is not null"
    )
    private.execute(f"delete from {_DAYS} where {of_last_run}")
