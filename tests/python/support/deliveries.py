"""Published marts without a build, for deliveries: odd values, and days that change them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from tenacity import wait_none

from onecdp.destinations.deliver import Order, deliver
from onecdp.destinations.kinds import find_target
from onecdp.project.find import Project
from onecdp.project.progress import Silent
from onecdp.warehouse.files import Warehouse

NAMES = ["Ada", 'O\'Hara "Q"', "会员 😀", "", "a\tb\\N\nc", None, "NULL", "Ñandú; x,y"]
"""Names that a format or a server may spoil; customer i has the i-th of them."""


@dataclass(frozen=True)
class Marts:
    """A project folder with a warehouse that has nothing but published marts.

    Attributes:
        folder: The project.
    """

    folder: Path

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse(self.folder / "warehouse")

    def publish(self, customers: int, *statements: str) -> None:
        """Replaces the marts: customers 1 to n in them, changed by SQL statements.

        PKG001 has all even customers.
        """
        self.warehouse.folder.mkdir(parents=True, exist_ok=True)
        fresh = self.warehouse.marts_file.with_suffix(".fresh")
        with duckdb.connect(fresh) as marts:
            marts.execute("create table names as select unnest($1) as name", [NAMES])
            marts.execute(
                f"""
                create table customer_profiles as select
                    format('ONE{{:016x}}', i) as one_id,
                    i as one_int,
                    'MBR' || i as member_id,
                    case when i % 3 > 0 then sha256('mail' || i) end as email_hash,
                    case when i % 4 > 0 then sha256('+4930' || i) end as mobile_hash,
                    (select list(name) from names)[1 + i % {len(NAMES)}] as real_name,
                    case when i % 5 > 0 then date '1980-01-01' + i::int end as birthday,
                    i % 7 as total_points,
                    (i * 12345.6789)::decimal(18, 4) as gross_revenue,
                    case when i % 6 > 0 then timestamp '2024-02-29 23:59:59.123456' end
                        as last_event_at,
                    'At Risk' as rfm_segment
                from range(1, {customers} + 1) as numbers(i);
                create table audience_packages as select
                    'PKG001' as package_id, 'Even' as package_name, 'even' as segment_rule, one_id,
                    rfm_segment, timestamp '2026-06-06' as created_at, 'treatment' as arm
                from customer_profiles where one_int % 2 = 0;
                create table audience_package_summary as
                    select 'PKG001' as package_id, 'Even' as package_name, 'even' as segment_rule,
                        timestamp '2026-06-06' as created_at, null::varchar as purpose,
                        'built' as status, null::varchar as error
                    union all select 'PKG002', 'None', 'none', timestamp '2026-06-06', null,
                        'built', null;
                create table customer_consents (
                    one_id varchar, purpose varchar, status varchar, id_type varchar,
                    id_value varchar, event_time timestamp, channel varchar, reason varchar
                );
                """
            )
            for statement in statements:
                marts.execute(statement)
        shutil.move(fresh, self.warehouse.marts_file)

    def read(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(self.warehouse.marts_file, read_only=True) as marts:
            return marts.execute(query).fetchall()

    def remembered(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(self.warehouse.deliveries_file, read_only=True) as memory:
            return memory.execute(query).fetchall()

    def deliver(
        self,
        to: str,
        *packages: str,
        environment: Mapping[str, str] | None = None,
        file_format: str | None = None,
        diff: bool = False,
        **order: Any,
    ) -> list[dict[str, Any]]:
        """Delivers all profiles, or packages."""
        target = find_target(
            Project(self.folder, self.warehouse),
            environment or {},
            to,
            file_format=file_format,
            is_diff=diff,
            is_for_platform="platform" in order,
        )
        wanted = Order(packages or ("profiles",), **order)
        return deliver(self.warehouse, wanted, target, Silent(), wait=wait_none())

    def sent(self, to: str, *packages: str, **options: Any) -> tuple[int, ...]:
        """Delivers, and returns how many rows were inserted, updated, deleted, unchanged."""
        (receipt,) = self.deliver(to, *packages, **options)
        return counts(receipt)


def counts(receipt: Mapping[str, Any]) -> tuple[int, ...]:
    """The rows of a receipt: inserted, updated, deleted, unchanged."""
    names: Sequence[str] = ("inserted", "updated", "deleted", "unchanged")
    return tuple(receipt[f"rows_{name}"] for name in names)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
