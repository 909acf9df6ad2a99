"""The report on a shop laid out by hand."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from support.explain import Link, Shop, one_id

from onecdp.errors import OnecdpError
from onecdp.identity.report import Report, lines, report

M1, M2, M3, M4 = (("member_id", f"M{number}") for number in range(1, 5))
P1, P2, P3 = (("mobile_hash", f"p{number}") for number in range(1, 4))
D1, D2, D9 = ("device_id", "D1"), ("device_id", "D2"), ("device_id", "D9")


@pytest.fixture
def found(tmp_path: Path) -> Report:
    shop = Shop(
        [
            # Four, in a row: the end by two channels, the middle by one.
            Link(M1, P1, 0.95), Link(M1, P1, 0.9, channel="id_graph"),
            Link(P1, D1, 0.85), Link(D1, D2, 0.85),
            # Three, in a circle: no bridge.
            Link(M2, P2), Link(P2, ("open_id", "o")), Link(M2, ("open_id", "o")),
            # Two: their one link is no news.
            Link(M3, P3, 0.8),
            Link(M3, D9, status="shared_value"), Link(M2, D9, status="shared_value"),
            Link(M2, P1),
        ],
        refused={(M2, P1): ("max_values", "2 member_id")},
        shared={D9: 6},
    )  # fmt: skip
    with duckdb.connect(tmp_path / "onecdp.duckdb") as connection:
        shop.fill(connection)
        connection.execute("update marts.id_link_rejections set constrained_id_type = 'member_id'")
        connection.execute("insert into marts.id_link_reviews values ('M1', false), ('M2', true)")
    return report(tmp_path / "onecdp.duckdb")


def test_sizes_and_the_largest(found: Report) -> None:
    assert (found.people, found.identifiers) == (4, 10)
    assert [(row["size"], row["people"], row["identifiers"]) for row in found.sizes] == [
        ("1", 1, 1), ("2", 1, 2), ("3-5", 2, 7),
    ]  # fmt: skip
    assert [(row["one_id"], row["size"], row["types"]) for row in found.largest[:2]] == [
        (one_id(M1), 4, "member_id 1, mobile_hash 1, device_id 2"),
        (one_id(M2), 3, "member_id 1, mobile_hash 1, open_id 1"),
    ]


def test_what_joins_nobody(found: Report) -> None:
    assert found.shared_values == 1
    assert [tuple(row.values()) for row in found.most_shared] == [("device_id", "D9", 6)]
    assert [tuple(row.values()) for row in found.rejections] == [("max_values", "member_id", 1)]
    # Four is the cap, and nobody was cut by it.
    assert found.at_cap == []
    assert found.reviews == 1


def test_people_cut_by_the_cap_are_listed_whole(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "onecdp.duckdb") as connection:
        Shop(
            [Link(M1, P1), Link(M1, D1), Link(M1, D2), Link(M1, D9), Link(D9, P2),
             Link(M2, P3), Link(M3, P3)],
            refused={(M1, D9): ("cluster_size", "5"), (D9, P2): ("cluster_size", "5"),
                     (M3, P3): ("max_values", "2 member_id")},
        ).fill(connection)  # fmt: skip
    found = report(tmp_path / "onecdp.duckdb")
    # The oldest of the three is that of D9.
    assert found.at_cap == [{"one_id": one_id(D9), "size": 6, "pieces": 3, "cap": 4}]
    text = [" ".join(line.split()) for line in lines(found)]
    assert text[text.index("1 people cut by the size cap") + 2] == f"{one_id(D9)} 6 3 4"


def test_bridges_weakest_first_then_the_deepest_cut(found: Report) -> None:
    assert (found.bridges.links, found.bridges.bridges, found.bridges.cutting) == (7, 2, 1)
    rows = [
        (r["left_id_value"], r["right_id_value"], r["left_size"], r["right_size"], r["one_id"])
        for r in found.bridges.weakest
    ]
    assert rows == [("p1", "D1", 2, 2, one_id(M1)), ("D1", "D2", 3, 1, one_id(M1))]


def test_a_refused_link_is_no_bridge_and_the_text_says_all(found: Report) -> None:
    text = "\n".join(" ".join(line.split()) for line in lines(found))
    assert "4 people with 10 identifiers" in text
    assert "2 of 7 links are bridges" in text
    assert "mobile_hash:p1 - device_id:D1" in text
    assert "max_values member_id 1" in text


def test_a_file_without_a_map_says_what_to_run(tmp_path: Path) -> None:
    duckdb.connect(tmp_path / "onecdp.duckdb").close()
    with pytest.raises(OnecdpError, match="has no ID map to report on; run `onecdp build` first"):
        report(tmp_path / "onecdp.duckdb")


def test_nobody_at_all(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "onecdp.duckdb") as connection:
        Shop([]).fill(connection)
    assert next(lines(report(tmp_path / "onecdp.duckdb"))) == "0 people with 0 identifiers"


def test_values_with_unusually_many_links_are_candidates_for_the_blocklist(tmp_path: Path) -> None:
    junk = ("device_id", "guest-device")
    members = [("member_id", f"M{number}") for number in range(12)]
    shop = Shop([
        *(Link(member, junk) for member in members),
        # Two of them are one person without it, too.
        Link(members[0], P1), Link(members[1], P1),
        Link(("member_id", "N1"), D1), Link(("member_id", "N2"), D2), Link(("member_id", "N3"), D9),
    ])  # fmt: skip
    with duckdb.connect(tmp_path / "onecdp.duckdb") as connection:
        shop.fill(connection)
    found = report(tmp_path / "onecdp.duckdb")
    assert found.blocklist_candidates == [
        {
            "id_type": "device_id", "id_value": "guest-device", "linked": 12, "usual": 1.0,
            "identifiers": 13, "people": 11,
        }
    ]  # fmt: skip
    text = "\n".join(" ".join(line.split()) for line in lines(found))
    assert "1 candidates for seeds/id_blocklist.csv" in text
    assert "device_id:guest-device 12 1 13 11" in text
