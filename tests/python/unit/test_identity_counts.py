"""What a run says of people: how many, and how often they changed."""

from __future__ import annotations

from pathlib import Path

import duckdb

from onecdp.identity.report import IdCounts, count_ids
from onecdp.warehouse.files import Warehouse


def test_people_and_their_changes_are_counted(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    with duckdb.connect(warehouse.build_file) as private:
        private.execute(
            """
            create schema marts;
            create schema intermediate;
            create table intermediate.int_identity__one_ids as from range(7);
            create table marts.id_link_rejections as from range(2);
            create table marts.id_map as select * from (
                values ('A', true), ('A', true), ('B', true), ('C', false)
            ) as map (one_id, is_active);
            create table marts.id_map_changes as select * from (
                values
                (1, 'create', null), (1, 'retire', 'G'),
                -- D's identifiers went to two people, at once; later it was back, and taken again.
                (2, 'merge', 'D'), (2, 'merge', 'D'), (2, 'merge', 'E'), (3, 'merge', 'D'),
                (2, 'split', 'A'), (2, 'move', 'A')
            ) as changes (changed_at, kind, from_one_id);
            """
        )
    assert count_ids(warehouse) == IdCounts(
        customers=2, refused_links=2, minted=7, merged=3, split=1
    )


def test_before_the_first_build_there_is_nobody(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    assert count_ids(warehouse) == IdCounts()
    duckdb.connect(warehouse.build_file).close()
    assert count_ids(warehouse) == IdCounts()
