"""Explain on shops laid out by hand: paths, weakest links, and every reason to be apart."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.explain import Link, Node, Shop, one_id

from onecdp.errors import OnecdpError, UsageProblem
from onecdp.identity.explain import Apart, Person, Together, explain, lines
from onecdp.warehouse.identifiers import split_identifier

M1, M2, M3, M4 = (("member_id", f"M{number}") for number in range(1, 5))
P1, P2 = ("mobile_hash", "p1"), ("mobile_hash", "p2")
O1, D1, D2 = ("open_id", "o1"), ("device_id", "D1"), ("device_id", "D2")
LOW = "low_confidence"
Ask = Callable[..., Person | Together | Apart]


def name(node: Node) -> str:
    return ":".join(node)


@pytest.fixture
def asked(tmp_path: Path) -> Callable[[Shop], Ask]:
    """Lays out a shop; what it gives explains identifiers of it."""

    def lay_out(shop: Shop) -> Ask:
        file = tmp_path / "onecdp.duckdb"
        with duckdb.connect(file) as connection:
            shop.fill(connection)
        return lambda *nodes: explain(file, *(name(node) for node in nodes))

    return lay_out


def steps(path: Any) -> list[str]:
    """The nodes that a path visits."""
    if not path:
        return []
    first = [f"{path[0]['from_id_type']}:{path[0]['from_id_value']}"]
    return first + [f"{row['to_id_type']}:{row['to_id_value']}" for row in path]


def test_the_path_is_the_one_whose_weakest_link_is_strongest(asked: Any) -> None:
    # Straight: 0.81. Over the phone: 0.9. Over phone and open_id: 0.9 as well, but longer.
    shop = Shop([Link(M1, D1, 0.81), Link(M1, P1, 0.99), Link(P1, D1, 0.9), Link(P1, O1, 0.99),
                 Link(O1, D1, 0.9)])  # fmt: skip

    answer = asked(shop)(M1, D1)

    assert isinstance(answer, Together)
    assert steps(answer.path) == [name(M1), name(P1), name(D1)]
    assert [row["is_weakest"] for row in answer.path] == [False, True]
    assert "  weakest: mobile_hash:p1 - device_id:D1, 0.9" in list(lines(answer))


def test_a_longer_way_that_is_stronger_only_in_its_middle_is_not_taken(asked: Any) -> None:
    # To P1 the way over O1 is stronger (0.99) than the straight one (0.9); to D1 both end at 0.9.
    shop = Shop([Link(M1, P1, 0.9), Link(M1, O1, 0.99), Link(O1, P1, 0.99), Link(P1, D1, 0.9)])
    assert steps(asked(shop)(M1, D1).path) == [name(M1), name(P1), name(D1)]


def test_a_step_says_who_says_so_and_how_many_more(asked: Any) -> None:
    shop = Shop([Link(M1, P1, 0.9, channel="crm", times_seen=4),
                 Link(M1, P1, 0.8, channel="id_graph"),
                 Link(M1, P1, 0.99, status="inactive", channel="old")])  # fmt: skip
    (row,) = asked(shop)(P1, M1).path
    assert (row["source_channel"], row["confidence"], row["times_seen"]) == ("crm", 0.9, 4)
    assert row["link_count"] == 2
    assert (row["from_id_value"], row["to_id_value"]) == ("p1", "M1")


def test_one_identifier_with_all_that_belongs_to_it(asked: Any) -> None:
    shop = Shop([Link(M1, P1, 0.95), Link(P1, D1, 0.9), Link(M1, D2, 0.5, status="low_confidence"),
                 Link(M2, P1, 0.9)],
                refused={(M2, P1): ("max_values", "it would have 2 member_id")})  # fmt: skip

    answer = asked(shop)(D1)

    assert isinstance(answer, Person)
    assert answer.given.one_id == one_id(M1)
    assert [row["id_value"] for row in answer.identifiers] == ["M1", "p1", "D1"]
    assert [row["is_root"] for row in answer.identifiers] == [True, False, False]
    assert steps(answer.path) == [name(M1), name(P1), name(D1)]
    relations = [(r["link_status"], r["from_id_value"], r["to_id_value"]) for r in answer.relations]
    assert relations == [("refused", "p1", "M2"), ("low_confidence", "M1", "D2")]


def test_an_identifier_without_a_link_is_its_own_root(asked: Any) -> None:
    answer = asked(Shop([Link(M1, P1)], alone=[M4]))(M4)
    assert (answer.path, answer.relations, len(answer.identifiers)) == ([], [], 1)
    assert "member_id:M4 is the root" in list(lines(answer))


def test_an_inactive_identifier_says_so_and_has_no_path(asked: Any) -> None:
    explained = asked(Shop([Link(M1, P1)], inactive={D1: M1, M4: M1}))
    answer = explained(D1)
    assert (answer.path, answer.given.is_active) == ([], False)
    assert [row["id_value"] for row in answer.identifiers] == ["M1", "M4", "p1", "D1"]
    inactive = "device_id:D1 is inactive and keeps the one_id it had last"
    assert inactive in list(lines(answer))
    assert list(lines(explained(M1, D1)))[2:] == [inactive]


@pytest.mark.parametrize("constraint", ["max_values", "cluster_size", "cannot_link"])
def test_apart_by_a_refused_link(asked: Any, constraint: str) -> None:
    shop = Shop([Link(M1, P1), Link(M2, P1)], refused={(P1, M2): (constraint, "because of it")})

    answer = asked(shop)(M2, M1)

    assert isinstance(answer, Apart)
    (row,) = answer.reasons
    assert (row["link_status"], row["constraint_name"]) == ("refused", constraint)
    assert (row["from_id_value"], row["to_id_value"]) == ("M2", "p1")
    assert (row["from_one_id"], row["to_one_id"]) == (one_id(M2), one_id(M1))
    assert f"       refused, {constraint}: because of it" in list(lines(answer))


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("inactive", "its source has withdrawn it"),
        ("low_confidence", "confidence 0.5 is under identity_min_confidence 0.8"),
        ("shared_value", "device_id:D1 is shared: it is linked to 7 person-unique identifiers"),
    ],
)
def test_apart_by_links_that_only_relate(asked: Any, status: str, reason: str) -> None:
    shop = Shop([Link(M1, D1, 0.5, status=status), Link(D1, M2, 0.5, status=status)],
                shared={D1: 7} if status == "shared_value" else {})  # fmt: skip
    reasons = asked(shop)(M1, M2).reasons
    assert steps(reasons) == [name(M1), name(D1), name(M2)]
    assert {(row["link_status"], row["reason"]) for row in reasons} == {(status, reason)}


def test_apart_by_an_override_that_no_link_meets(asked: Any) -> None:
    shop = Shop([Link(M1, P1), Link(M2, P2)], cannot_link=[(P2, M1, "twins")])
    (row,) = asked(shop)(M1, M2).reasons
    assert (row["link_status"], row["from_id_value"], row["to_id_value"]) == (
        "cannot_link", "M1", "p2",
    )  # fmt: skip
    assert row["reason"] == "seeds/id_link_overrides.csv: twins"


def test_apart_and_no_link_leads_there(asked: Any) -> None:
    answer = asked(Shop([Link(M1, P1), Link(M2, P2)]))(M1, P2)
    assert answer.reasons == []
    assert list(lines(answer))[-1] == "no links connect them"


def test_between_two_people_every_link_is_listed_and_over_others_the_fewest(asked: Any) -> None:
    shop = Shop([Link(M1, P1), Link(M1, M2, 0.5, LOW), Link(P1, M2, 0.5, LOW),
                 Link(M2, M3, 0.5, LOW), Link(M1, M4, 0.5, LOW), Link(M4, D1, 0.5, LOW),
                 Link(D1, M3, 0.5, LOW)])  # fmt: skip
    ask = asked(shop)
    assert len(ask(M1, M2).reasons) == 2
    assert steps(ask(P1, M3).reasons)[-1] == name(M3)
    assert [row["to_id_value"] for row in ask(P1, M3).reasons] == ["M2", "M3"]


@pytest.mark.soak
def test_a_chain_of_a_thousand_and_a_hub_of_a_thousand_are_quick(asked: Any) -> None:
    chain = [("member_id" if n % 2 else "device_id", f"{n:04}") for n in range(1001)]
    members = [("member_id", f"hub{n}") for n in range(1000)]
    weak = [("union_id" if n % 2 else "open_id", f"{n:04}") for n in range(1001)]
    ask = asked(Shop([*(Link(*pair) for pair in pairwise(chain)),
                      *(Link(member, D1) for member in members),
                      *(Link(*pair, 0.5, LOW) for pair in pairwise(weak))]))  # fmt: skip

    started = time.process_time()

    assert steps(ask(chain[0], chain[-1]).path) == [name(node) for node in chain]
    assert len(ask(members[0], members[-1]).path) == 2
    assert len(ask(weak[0], weak[-1]).reasons) == 1000
    # 9 s of work where it was written: slack for a slower machine, none for doing it over and over.
    assert time.process_time() - started < 60


@pytest.mark.parametrize(
    "spelling", ["Mobile_Hash: P1 ", "mobile_hash:p1", "retail_customer_id: 17850.0", "ONE"]
)
def test_a_value_may_be_given_in_any_spelling_that_staging_reads(
    asked: Any, tmp_path: Path, spelling: str
) -> None:
    retail = ("retail_customer_id", "17850")
    asked(Shop([Link(M1, P1), Link(M1, retail)]))
    given = one_id(M1).replace("ONE", "one").upper() if spelling == "ONE" else spelling
    answer = explain(tmp_path / "onecdp.duckdb", given)
    assert isinstance(answer, Person)
    assert answer.given.one_id == one_id(M1)


@pytest.mark.parametrize(
    ("given", "near"),
    [
        ("member_id:m1", "member_id:M1"),
        ("member_id:MBR0010", "member_id:MBR001"),
        ("email_hash:p1", "mobile_hash:p1"),
    ],
)
def test_an_unknown_identifier_names_what_is_near(
    asked: Any, tmp_path: Path, given: str, near: str
) -> None:
    asked(Shop([Link(M1, P1)], alone=[("member_id", "MBR001"), ("member_id", "ZZZ999")]))
    with pytest.raises(OnecdpError, match="no source has, or had, the identifier") as error:
        explain(tmp_path / "onecdp.duckdb", given)
    assert str(error.value).endswith(f"; nearest: {near}")


def test_what_is_no_identifier_or_nowhere_is_one_line(asked: Any, tmp_path: Path) -> None:
    asked(Shop([Link(M1, P1)]))
    file = tmp_path / "onecdp.duckdb"
    for text, problem in (
        ("M1", "'M1' is not an identifier; write ID_TYPE:VALUE"),
        ("fax:M1", "no identifier has the type 'fax'; types: member_id, union_id"),
        ("ONE0000000000000000", "no person has the one_id ONE0000000000000000"),
        ("member_id:quite another", "none is similar"),
    ):
        with pytest.raises(OnecdpError) as error:
            explain(file, text)
        assert problem in str(error.value)
    with pytest.raises(OnecdpError, match="isn't there yet; run `onecdp run` first"):
        explain(tmp_path / "none.duckdb", "member_id:M1")


def test_a_value_may_hold_colons_and_quotes(tmp_path: Path) -> None:
    assert split_identifier("device_id:a:b'c") == ("device_id", "a:b'c")
    with pytest.raises(UsageProblem):
        explain(tmp_path / "none.duckdb", "device_id:")


def test_a_file_built_before_says_what_to_run(tmp_path: Path) -> None:
    duckdb.connect(tmp_path / "onecdp.duckdb").close()
    with pytest.raises(OnecdpError, match="run `onecdp build` first"):
        explain(tmp_path / "onecdp.duckdb", "member_id:M1")


NUMBER = st.integers(0, 7)
CONFIDENCE = st.sampled_from([0.8, 0.85, 0.9, 0.95, 1.0])
LINKS = st.lists(
    st.tuples(NUMBER, NUMBER, CONFIDENCE).filter(lambda link: link[0] != link[1]),
    min_size=1,
    max_size=20,
)


@settings(deadline=None, max_examples=60)
@given(LINKS)
def test_the_widest_path_equals_that_of_networkx(links: list[tuple[int, int, float]]) -> None:
    nodes = [("member_id", str(number)) for number in range(8)]
    graph = nx.Graph()
    for left, right, confidence in links:
        known = graph.get_edge_data(left, right, {"confidence": 0.0})["confidence"]
        graph.add_edge(left, right, confidence=max(known, confidence))
    start, end = links[0][0], links[-1][1]
    with duckdb.connect() as connection:
        Shop([Link(nodes[x], nodes[y], c, channel=str(n)) for n, (x, y, c) in enumerate(links)],
             alone=nodes).fill(connection)  # fmt: skip
        rows = connection.execute(
            "select cast(from_id_value as int), cast(to_id_value as int), confidence, is_weakest"
            " from explain_path(?, ?, ?, ?)", [*nodes[start], *nodes[end]],
        ).fetchall()  # fmt: skip

    if start == end or not nx.has_path(graph, start, end):
        assert rows == []
        return
    width = max(
        w for w in (0.8, 0.85, 0.9, 0.95, 1.0) if nx.has_path(_at_least(graph, w), start, end)
    )
    hops = nx.shortest_path_length(_at_least(graph, width), start, end)
    assert [rows[0][0], rows[-1][1]] == [start, end]
    assert all(here[1] == there[0] for here, there in pairwise(rows))
    assert all(graph.edges[x, y]["confidence"] == c for x, y, c, _ in rows)
    assert min(row[2] for row in rows) == width
    assert len(rows) == hops
    assert [row[3] for row in rows] == [row[2] == width for row in rows]


def _at_least(graph: nx.Graph, width: float) -> nx.Graph:
    strong = nx.Graph((x, y) for x, y, c in graph.edges(data="confidence") if c >= width)
    strong.add_nodes_from(graph)
    return strong


def test_source_rows_of_every_kind(tmp_path: Path) -> None:
    retail = ("retail_customer_id", "17850")
    with duckdb.connect(tmp_path / "onecdp.duckdb") as connection:
        shop = Shop([Link(M1, retail), Link(M1, M2, method="manual"), Link(M2, O1, 0.9),
                     Link(O1, D1, 0.9)])  # fmt: skip
        shop.fill(connection)
        connection.execute("""
            insert into staging.stg_crm__members values
                ('M1', null, null, '17850', '2024-01-01', 'crm.csv', 2),
                ('M2', null, null, null, '2024-01-01', 'crm.csv', 3);
            insert into staging.stg_app__events
                select null, 'o1', 'D1', timestamp '2024-01-01' + interval (n) hour, 'app.csv', n
                from range(2, 9) as hours (n);
            insert into staging.stg_id_graph__links values
                ('open_id', 'o1', 'member_id', 'M2', null, null, 'graph.csv', 2);
            insert into staging.stg_retail__transactions values
                ('17850', '2024-01-01', false, 'retail.csv', 2),
                ('17850', '2024-01-01', true, 'retail.csv', 3);
            insert into intermediate.int_identity__overrides by name
                select 'must_link' as override, 'member_id' as left_id_type,
                    'M1' as left_id_value, 'member_id' as right_id_type,
                    'M2' as right_id_value, 'she says so' as reason
        """)

    answer = explain(tmp_path / "onecdp.duckdb", name(retail), name(D1))

    assert isinstance(answer, Together)
    assert [(r["step"], r["source"], r["source_line"], r["row_count"]) for r in answer.sources] == [
        (1, "crm", 2, 1),
        (2, "override", None, 1),
        (3, "id_graph", 2, 1),
        (4, "app", 2, 7), (4, "app", 3, 7), (4, "app", 4, 7),
    ]  # fmt: skip
    text = list(lines(answer))
    assert "       app: app.csv line 2, app.csv line 3, app.csv line 4 and 4 more" in text
    assert "       override: seeds/id_link_overrides.csv" in text
