"""What counts as merged: a one_id that another one took in, and nothing else that went away."""

from __future__ import annotations

from pathlib import Path

import duckdb

from onecdp.stages import carrying_one_ints, count_merged
from onecdp.warehouse import Warehouse


def resolve(warehouse: Warehouse, owners: dict[str, str]) -> None:
    """The identity tables as a build leaves them: identifiers, and the one_id that has each.

    Customers A, B and C were minted by the identifiers a, b and c, in this order.
    """
    with duckdb.connect(warehouse.build_file) as private:
        private.execute(
            """
            create schema if not exists marts;
            create schema if not exists intermediate;
            create or replace table intermediate.int_identity__one_ids as
            select upper(root) as one_id, ascii(root)::bigint as one_int,
                'member_id' as root_id_type, root as root_id_value
            from unnest(['a', 'b', 'c']) as roots(root);
            create or replace table marts.id_map (
                one_id varchar, one_int bigint, id_type varchar, id_value varchar
            );
            """
        )
        for value, one_id in owners.items():
            private.execute(
                "insert into marts.id_map values ($1, ascii(lower($1)), 'member_id', $2)",
                [one_id, value],
            )


def merged(folder: Path, before: dict[str, str], after: dict[str, str]) -> int:
    warehouse = Warehouse(folder)
    resolve(warehouse, before)
    carrying = carrying_one_ints(warehouse)
    resolve(warehouse, after)
    return count_merged(warehouse, carrying)


APART = {"a": "A", "b": "B", "c": "C"}
TOGETHER = {"a": "A", "b": "A", "c": "C"}


def test_a_customer_that_another_took_in_is_merged(tmp_path: Path) -> None:
    assert merged(tmp_path, APART, TOGETHER) == 1


def test_two_of_three_are_merged_however_many_identifiers_they_brought(tmp_path: Path) -> None:
    before = APART | {"b2": "B", "b3": "B"}

    assert merged(tmp_path, before, dict.fromkeys(before, "A")) == 2


def test_a_customer_that_vanished_is_not_merged(tmp_path: Path) -> None:
    assert merged(tmp_path, APART, {"a": "A", "c": "C"}) == 0


def test_a_merge_taken_back_merges_nobody(tmp_path: Path) -> None:
    assert merged(tmp_path, TOGETHER, APART) == 0


def test_a_merge_of_an_earlier_run_is_not_counted_again(tmp_path: Path) -> None:
    assert merged(tmp_path, TOGETHER, TOGETHER) == 0


def test_a_customer_that_lost_its_first_identifier_and_lives_on_is_not_merged(
    tmp_path: Path,
) -> None:
    assert merged(tmp_path, APART | {"b2": "B"}, TOGETHER | {"b2": "B"}) == 0


def test_before_the_first_build_nobody_can_merge(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    assert carrying_one_ints(warehouse).num_rows == 0

    duckdb.connect(warehouse.build_file).close()

    assert carrying_one_ints(warehouse).num_rows == 0
    assert count_merged(warehouse, carrying_one_ints(warehouse)) == 0
