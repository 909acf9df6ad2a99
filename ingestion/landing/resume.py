"""Makes a load that was interrupted ready to go on."""

from __future__ import annotations

from pathlib import Path

import dlt
import duckdb
from dlt.common.storages.load_package import LoadJobInfo, PackageStorage

from onecdp.warehouse.sql_text import literal, quoted


def remove_copies(pipeline: dlt.Pipeline, database: Path) -> None:
    """Deletes what an interrupted load will copy again, from raw and from dlt's staging tables.

    dlt copies a file into the table that it appends to or merges from, and then notes that it did.
    A load that was killed in between copies the file again when it goes on. A file whose copy is
    noted isn't copied again, so its rows stay.

    Raises:
        duckdb.Error: the database can't be opened.
    """
    started = [
        (load_id, job)
        for load_id in pipeline.list_normalized_load_packages()
        for job in pipeline.get_load_package_info(load_id).jobs["started_jobs"]
        if job.job_file_info.file_format == "parquet" and not _is_noted(job)
    ]
    if not started:
        return
    tables = pipeline.default_schema.tables
    with duckdb.connect(str(database)) as connection:
        for load_id, job in started:
            name = job.job_file_info.table_name
            is_merged = tables[name].get("write_disposition") == "merge"
            schema = f"{pipeline.dataset_name}{'_staging' if is_merged else ''}"
            found = connection.execute(
                "select 1 from duckdb_tables() where schema_name = $1 and table_name = $2",
                [schema, name],
            )
            if not found.fetchall():
                continue
            columns = pipeline.default_schema.get_table_columns(name).items()
            key = ", ".join(quoted(column) for column, hint in columns if hint.get("primary_key"))
            connection.execute(
                f"delete from {quoted(schema)}.{quoted(name)} where _dlt_load_id = $1 "
                f"and ({key}) in (select ({key}) from read_parquet({literal(job.file_path)}))",
                [load_id],
            )


def _is_noted(job: LoadJobInfo) -> bool:
    """Whether a worker noted the end of a job that was not moved to the ended ones any more."""
    file = Path(job.file_path)
    return (file.parents[1] / PackageStorage.PENDING_TRANSITIONS_FOLDER / file.name).exists()
