"""Splink's links on small labelled shops: who is joined, who is for review, who is left alone."""

import itertools
import logging
import random
import sys
from datetime import date, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.accounts import (
    FAMILY,
    FIRST,
    IDENTIFIERS,
    MEMBERS,
    MERGE,
    REVIEW,
    crowd,
    ids,
    links,
    member,
    pairs_of,
    probabilities,
)

from onecdp.errors import OnecdpError
from onecdp.identity.likeness import LINKS, no_links, probabilistic_links

# Pairs that a person would judge as the last column says. Each stands among 2,000 others.
SAME = [
    member("s1", "Alice Wang", "1990-05-12", "F", "m1", "e1"),
    member("s2", "WANG, Alice ", "1990-05-12", "f", "m1", None, "offline"),  # another spelling
    member("s3", "Jürgen Öz", "1971-02-03", "M", "m3", "e3"),
    member("s4", "Jurgen Oz", "1971-02-03", None, "m4", "e3"),  # a new number
    member("s5", "John Smith", "1980-03-04", "M", "m5", "e5"),
    member("s6", "John Smith", "1980-04-03", "M", "m5", "e6"),  # day and month swapped
    member("s7", "王小明", "1993-07-01", "男", "m7", "e7"),
    member("s8", "王小明", "1993-07-01", None, "m7", "e8"),
    member("s9", "Tom O'Neil", "1985-10-11", "M", "m9", "e9"),
    member("sa", "Tom O\u2019Neil", "1985-10-12", "M", "m9", "e9"),  # a slip in the birthday
]
LIKELY = [
    member("l1", "Katharina Vogt", "1979-08-09", "F", "n1", "f1"),
    member("l2", "Kathrina Vogt", "1979-08-09", "F", "n1", "f2"),  # a typo, or a twin
    member("l3", "Hanna Meyer", "1991-05-02", "F", "n3", "f3"),
    member("l4", "Anna Meyer", "1991-05-02", "F", "n3", "f3"),  # twins with names alike
]
DIFFERENT = [
    member("d1", "Paul Weber", "1991-05-03", "M", "k1", "g1"),
    member("d2", "Petra Weber", "1991-05-03", "F", "k1", "g1"),  # twins
    member("d3", "Peter Weber", "1991-05-03", "M", "k1", "g1"),  # and a third one
    member("d4", "Karl Braun", "1950-01-17", "M", "k4", "g4"),
    member("d5", "Karl Braun", "1979-06-30", "M", "k4", "g4"),  # father and son
    member("d6", "Eva Roth", "1988-02-02", "F", "k6", "g6"),
    member("d7", "Udo Roth", "1984-11-23", "M", "k6", "g6"),  # a couple with one mailbox
    member("d8", "Nina Wolf", "1977-03-21", "F", "k8", "g8"),
    member("d9", "Sofie Kern", "1995-12-05", "F", "k8", None),  # a number given on
    member("da", "Hans Huber", "1966-06-06", "M", "ka", "ga"),
    member("db", "Hans Huber", "1969-04-01", "M", "kb", "gb"),  # strangers with one name
    member("dc", "Lena Lang", "1990-09-09", "F", None, None),
    member("dd", "Lena Lang", None, None, None, None),  # nothing but the name
]


@pytest.fixture(scope="module")
def found():
    return links([*crowd(2_000), *SAME, *LIKELY, *DIFFERENT], review=0.5)


def of_at_least(found, least):
    return {
        (row["left_id_value"], row["right_id_value"])
        for row in found.to_pylist()
        if row["probability"] >= least
    }


def test_accounts_of_one_person_are_joined_and_nobody_else(found):
    assert of_at_least(found, MERGE) == pairs_of(*ids(SAME))


def test_what_a_typo_or_a_twin_may_be_is_for_review(found):
    assert of_at_least(found, REVIEW) == pairs_of(*ids(SAME), *ids(LIKELY))


def test_families_and_namesakes_are_not_even_for_review(found):
    near = {value for pair in of_at_least(found, REVIEW) for value in pair}
    assert near.isdisjoint(ids(DIFFERENT))
    assert not any(value.startswith("c") for value in near)


def test_the_evidence_says_what_agrees(found):
    rows = {row["left_id_value"]: row for row in found.to_pylist()}
    assert rows["s1"] == {
        "left_id_type": "member_id",
        "left_id_value": "s1",
        "right_id_type": "member_id",
        "right_id_value": "s2",
        "probability": rows["s1"]["probability"],
        "match_weight": rows["s1"]["match_weight"],
        "evidence": "same: name, birthday, gender, mobile; different: register channel",
    }
    assert rows["s5"]["evidence"].startswith("same: name, gender, mobile")
    assert "similar: birthday" in rows["s5"]["evidence"]
    assert "similar: name" in rows["l1"]["evidence"]
    assert rows["s7"]["evidence"].endswith("unknown: gender")


def test_the_weight_is_the_log_of_the_odds(found):
    for row in found.to_pylist():
        odds = 2 ** row["match_weight"]
        assert row["probability"] == pytest.approx(odds / (1 + odds), abs=1e-3)


@pytest.mark.parametrize(("holders", "counts"), [(20, True), (21, False)])
def test_a_shops_own_number_is_no_agreement(holders, counts):
    """The till's number on many cards; of two of them name and birthday are the same."""
    pair = [
        member("t1", "Rita Sommer", "1990-01-02", "F", "till"),
        member("t2", "Rita Sommer", "1990-01-02", "F", "till"),
    ]
    customers = crowd(1_000)
    for place in range(holders - len(pair)):
        attributes, (member_id, _, email) = customers[place]
        customers[place] = (attributes, (member_id, "till", email))
    # Name and birthday alone are worth less than one half here.
    assert (("t1", "t2") in probabilities([*pair, *customers], review=0.5)) == counts


def test_a_missing_value_is_no_agreement():
    same_gaps = [member(f"n{number}", None, None, None, None, None, None) for number in range(9)]
    half = [member("h1", None, None, "F", "m1"), member("h2", None, None, "F", "m1")]
    assert links([*same_gaps, *half], review=0.5).num_rows == 0


@pytest.mark.parametrize("name", ["unknown", "UNKNOWN ", "Unknown"])
def test_a_placeholder_is_no_name(name):
    pair = [
        member("j1", name, "1990-02-03", "F", "m1", "e1"),
        member("j2", name, "1990-02-03", "F", "m1", "e1"),
    ]
    others = crowd(500)
    # Without names they may be twins.
    assert probabilities([*pair, *others])["j1", "j2"] >= MERGE
    assert probabilities([*pair, *others], junk_names=["unknown"])["j1", "j2"] < MERGE


def test_a_placeholder_birthday_counts_little():
    """1 January 1990 is what the form suggests; half of the shop was born on it."""
    others = [
        member(attributes[0], attributes[1], "1990-01-01", attributes[3], *values[1:])
        if number % 2
        else (attributes, values)
        for number, (attributes, values) in enumerate(crowd(4_000))
    ]
    for birthday, is_likely in (("1990-01-01", False), ("1990-01-02", True)):
        pair = [
            member("p1", "Rita Sommer", birthday, "F"),
            member("p2", "Rita Sommer", birthday, "F"),
        ]
        assert (("p1", "p2") in probabilities([*pair, *others], review=0.5)) == is_likely


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_handful_of_members(count):
    assert links(crowd(count)).schema == LINKS
    pair = probabilities([*SAME[:2], *crowd(count)])
    assert set(pair) == {("s1", "s2")}


def test_members_without_identifiers_are_left_out():
    pair = SAME[:2]
    identifiers = pa.Table.from_pylist([], IDENTIFIERS)
    members = pa.Table.from_pylist(
        [dict(zip(MEMBERS.names, attributes, strict=True)) for attributes, _ in pair], MEMBERS
    )
    given = probabilistic_links(members, identifiers, review=REVIEW, merge=MERGE)
    assert given.equals(no_links())


def test_the_order_of_the_rows_does_not_matter():
    members = [*crowd(1_500), *second_accounts(300), *SAME, *LIKELY, *DIFFERENT]
    expected = links(members, review=0.5)
    assert expected.num_rows > 200
    for seed in (1, 2):
        shuffled = random.Random(seed).sample(members, len(members))
        assert links(shuffled, review=0.5).equals(expected)


def second_accounts(count, gender_slips=0.0):
    """People with two accounts and one mobile, enough for EM to learn from."""
    draw = random.Random(7)
    for number in range(count):
        name = f"{draw.choice(FIRST)} {draw.choice(FAMILY)}{number}"
        born = str(date(1950, 1, 1) + timedelta(draw.randrange(365 * 55)))
        gender = draw.choice("FM")
        slip = {"F": "M", "M": "F"}[gender] if draw.random() < gender_slips else gender
        yield member(f"x{number}", name, born, gender, f"xm{number}", None, "offline")
        yield member(f"y{number}", name, born, slip, f"xm{number}", None, "app")


def test_em_learns_how_sure_the_gender_is():
    """Where a third of all genders are wrong, a differing one says little; else it says much."""
    pair = [
        member("g1", "Mara Stein", None, "F", "z1", "zz1"),
        member("g2", "Mara Stein", None, "M", "z1", "zz1"),
    ]
    others = crowd(2_000)
    tidy = probabilities([*pair, *others, *second_accounts(400)], review=0.5)
    untidy = probabilities([*pair, *others, *second_accounts(400, 0.33)], review=0.5)
    assert untidy["g1", "g2"] > tidy.get(("g1", "g2"), 0) + 0.2


names = st.sampled_from(["Al", "Al Bo", "Bo Al", "Alma Bo", "王明", "?!", "", "O'B", None])
days = st.sampled_from(["1900-01-01", "1990-01-02", "1990-02-01", "1990-01-03", None])
rows = st.tuples(
    names,
    days,
    st.sampled_from(["F", "weiblich", "x", None]),
    st.sampled_from(["m1", "m2", None]),
    st.sampled_from(["e1", None]),
    st.sampled_from(["app", None]),
)


@settings(max_examples=15, deadline=None)
@given(st.lists(rows, max_size=12), st.randoms(use_true_random=False))
def test_any_members_give_tidy_links_in_any_order(attributes, draw):
    members = [member(f"m{number}", *values) for number, values in enumerate(attributes)]
    found = links(members, review=0.5)
    assert found.schema == LINKS
    pairs = list(
        zip(found["left_id_value"].to_pylist(), found["right_id_value"].to_pylist(), strict=True)
    )
    assert pairs == sorted(set(pairs))
    assert all(left < right for left, right in pairs)
    assert all(0.5 <= p < 1 for p in found["probability"].to_pylist())
    assert set(itertools.chain(*pairs)) <= set(ids(members))
    draw.shuffle(members)
    assert links(members, review=0.5).equals(found)


def test_splink_is_silent(capfd, monkeypatch):
    # As in a process of its own, where pytest listens to no log.
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    level = logging.getLogger("splink").level
    links([*crowd(800), *second_accounts(150), *SAME])
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")
    assert logging.getLogger("splink").level == level
    assert logging.getLogger().handlers == []


def test_no_links_has_the_same_columns_and_needs_no_splink(monkeypatch):
    monkeypatch.setitem(sys.modules, "splink", None)
    assert no_links().schema == LINKS
    assert no_links().num_rows == 0


def test_without_the_extra_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "splink", None)
    with pytest.raises(OnecdpError) as raised:
        links(SAME)
    assert 'pip install "onecdp[probabilistic]"' in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("review", "merge"), [(0.95, 0.9), (0.2, 0.9), (0.9, 1.5)])
def test_limits_out_of_order_are_refused(review, merge):
    with pytest.raises(OnecdpError, match="identity_probabilistic_review"):
        links(SAME, review=review, merge=merge)
