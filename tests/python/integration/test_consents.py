"""Consent, suppressions and hold-out arms: the models on small tables, against plain Python."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from math import sqrt

import duckdb
import pytest
from support.audiences import blob
from support.cli import BuiltProject
from support.compiled import compiled_models, fill

START = datetime(2026, 1, 1)
PURPOSES = ("email_marketing", "sms")
CONSENTS = "one_id, purpose, status"


@pytest.fixture(scope="module")
def consents(built_warehouse: BuiltProject) -> Iterator[duckdb.DuckDBPyConnection]:
    models = (
        "int_customers__identifier_consents",
        "int_customers__consents",
        "customer_consents",
    )
    with compiled_models(built_warehouse, *models) as connection:
        yield connection


@pytest.fixture(scope="module")
def members(built_warehouse: BuiltProject) -> Iterator[duckdb.DuckDBPyConnection]:
    with compiled_models(built_warehouse, "int_audiences__package_members") as connection:
        yield connection


def test_one_merged_identifier_withdraws_in_the_worked_example(
    built_warehouse: BuiltProject,
) -> None:
    """MBR002 granted as a member and withdrew by mail; union_010 withdrew and granted again."""
    with duckdb.connect(built_warehouse.warehouse / "marts.duckdb", read_only=True) as marts:
        found = marts.execute(
            "select coalesce(member_id, union_id), status, id_type || ':' || id_value,"
            " event_time::varchar, channel"
            " from customer_consents join customer_profiles using (one_id) order by all"
        ).fetchall()
    assert found == [
        ("MBR001", "granted", "member_id:MBR001", "2024-10-02 08:00:00", "shop"),
        ("MBR002", "withdrawn", "email_hash:hash_email_002", "2024-11-09 21:15:00",
         "preference_center"),
        ("MBR004", "granted", "union_id:union_004", "2024-10-20 12:10:00", "app"),
        ("union_006", "granted", "union_id:union_006", "2024-11-10 09:00:00", "app"),
        ("union_010", "granted", "union_id:union_010", "2024-11-14 16:30:00", "app"),
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(25))
def test_consent_is_what_plain_sets_say(consents: duckdb.DuckDBPyConnection, seed: int) -> None:
    draw = random.Random(seed)
    identifiers = [("member_id", f"M{n}") for n in range(4)] + [
        ("email_hash", f"e{n}") for n in range(4)
    ]
    owners = {each: f"P{draw.randrange(3)}" for each in identifiers if draw.random() < 0.9}
    active = {each for each in owners if draw.random() < 0.8}
    people = {owners[each] for each in active}
    events = [
        (*draw.choice(identifiers), draw.choice(PURPOSES), draw.choice(["granted", "withdrawn"]),
         START + timedelta(hours=draw.randrange(4)))
        for _ in range(draw.randrange(12))
    ]  # fmt: skip
    mails = [
        (f"e{draw.randrange(4)}", draw.choice(["unsubscribe", "complaint", "open"]),
         START + timedelta(hours=draw.randrange(4)))
        for _ in range(draw.randrange(3))
    ]  # fmt: skip
    suppressed = [each for each in identifiers if draw.random() < 0.1]

    fill(consents, "staging.stg_consents__events", "id_type, id_value, purpose, status, event_time",
         events)  # fmt: skip
    fill(consents, "staging.stg_email__events", "email_hash, event_type, event_time", mails)
    fill(consents, "seeds.suppressions", "id_type, id_value", suppressed)
    fill(consents, "intermediate.int_customers__customers", "one_int",
         [(int(p[1:]),) for p in people])  # fmt: skip
    fill(consents, "intermediate.int_identity__map",
         "id_type, id_value, one_id, one_int, is_active",
         [(*each, owner, int(owner[1:]), each in active)
          for each, owner in owners.items()])  # fmt: skip

    said = [*events, *(("email_hash", e, "email_marketing", "withdrawn", t)
                       for e, kind, t in mails if kind != "open")]  # fmt: skip
    expected = {(owners[each], "*", "suppressed") for each in suppressed if each in owners}
    for person in people:
        own = {each for each, owner in owners.items() if owner == person}
        for purpose in PURPOSES:
            last = {
                each: max((t, status) for *who, p, status, t in said
                          if (*who,) == each and p == purpose)[1]
                for each in own
                if any((*who,) == each and p == purpose for *who, p, _, _ in said)
            }  # fmt: skip
            if "withdrawn" in last.values():
                expected.add((person, purpose, "withdrawn"))
            elif any(each in active for each in last):
                expected.add((person, purpose, "granted"))
    found = consents.execute(f"select {CONSENTS} from marts.customer_consents").fetchall()
    assert len(found) == len(set(found))
    assert set(found) == {row for row in expected if row[0] in people}


def audiences(
    members: duckdb.DuckDBPyConnection,
    sets: Mapping[str, tuple[set[int], str | None, float]],
    customers: int,
) -> None:
    fill(members, "intermediate.int_audiences__packages", "package_id, user_bitmap",
         [(key, blob(chosen)) for key, (chosen, _, _) in sets.items()])  # fmt: skip
    fill(members, "intermediate.int_audiences__audiences", "package_id, purpose, hold_out_share",
         [(key, purpose, share) for key, (_, purpose, share) in sets.items()])  # fmt: skip
    members.execute("delete from intermediate.int_customers__customers")
    members.execute(
        "insert into intermediate.int_customers__customers (one_id, one_int)"
        " select format('ONE{:016x}', hash(n)), n from range(1, $1 + 1) as numbers(n)",
        [customers],
    )


def arms(members: duckdb.DuckDBPyConnection, package_id: str) -> dict[int, str]:
    found = members.execute(
        "select one_int, arm from intermediate.int_audiences__package_members"
        " where package_id = $1",
        [package_id],
    ).fetchall()
    assert len(found) == len(dict(found))
    return dict(found)


@pytest.mark.parametrize("seed", range(10))
def test_members_are_those_who_consented(members: duckdb.DuckDBPyConnection, seed: int) -> None:
    draw = random.Random(seed)
    everybody = range(1, 21)
    sets = {
        f"P{n}": (
            {one for one in everybody if draw.random() < 0.5},
            draw.choice([None, "sms", "email_marketing", "never granted"]),
            0.0,
        )
        for n in range(4)
    }
    audiences(members, sets, 20)
    said = {
        (one, purpose): draw.choice(["granted", "withdrawn"])
        for one in everybody
        for purpose in ("sms", "email_marketing")
        if draw.random() < 0.7
    }
    suppressed = {one for one in everybody if draw.random() < 0.1 * (seed % 2)}
    fill(members, "marts.customer_consents", CONSENTS, [])
    rows = [*((*key, status) for key, status in said.items()),
            *((one, "*", "suppressed") for one in suppressed)]  # fmt: skip
    for one, purpose, status in rows:
        members.execute(
            f"insert into marts.customer_consents ({CONSENTS})"
            " select one_id, $2, $3 from intermediate.int_customers__customers where one_int = $1",
            [one, purpose, status],
        )
    for key, (chosen, asked, _) in sets.items():
        assert arms(members, key) == {
            one: "treatment"
            for one in chosen - suppressed
            if asked is None or said.get((one, asked)) == "granted"
        }


def test_the_hold_out_has_its_share_and_is_independent_and_stable(
    members: duckdb.DuckDBPyConnection,
) -> None:
    customers, share = 10_000, 0.2
    everybody = set(range(1, customers + 1))
    fill(members, "marts.customer_consents", CONSENTS, [])
    chosen = {"A": (everybody, None, share), "B": (everybody, None, share)}
    audiences(members, chosen | {"C": (everybody, None, 0.0)}, customers)
    held = {
        key: {one for one, arm in arms(members, key).items() if arm == "hold_out"}
        for key in ("A", "B", "C")
    }
    # Five standard deviations of a binomial distribution.
    bound = 5 * sqrt(customers * share * (1 - share))
    assert abs(len(held["A"]) - customers * share) < bound
    assert abs(len(held["B"]) - customers * share) < bound
    both = share * share
    assert abs(len(held["A"] & held["B"]) - customers * both) < 5 * sqrt(
        customers * both * (1 - both)
    )
    assert not held["C"]
    # Whoever else comes or goes, and whatever the order, each keeps the arm; a larger share adds.
    half = {one for one in everybody if one % 2}
    audiences(members, {"B": (half, None, share), "A": (half, None, 0.3)}, customers)
    assert {one for one, arm in arms(members, "B").items() if arm == "hold_out"} == held["B"] & half
    assert held["A"] & half < {one for one, arm in arms(members, "A").items() if arm == "hold_out"}
