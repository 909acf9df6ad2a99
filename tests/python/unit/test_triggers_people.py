"""Triggers: what becomes of stays at publications, merges and splits."""

from __future__ import annotations

from pathlib import Path

from support.live_worlds import D1, D2, U1
from support.triggers import one_id_of, see, stage_of, trigger, wait

VIEWS = trigger("browsing", "live.views_30m >= 2")
ONE, TWO = one_id_of(1), one_id_of(2)


def test_publication_that_changes_tags_has_customers_enter_and_leave(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, trigger("gold", "gold AND NOT live.bought_2h"), D1=1, D2=2)
    see(stage, 1, D1)
    assert stage.told() == []
    # The second one has the tag, and no recent event.
    stage.publish(gold=[1, 2])
    stage.look()
    assert stage.told() == [("gold", "entered", ONE)]
    stage.publish(gold=[2])
    stage.look()
    assert stage.told()[1:] == [("gold", "left", ONE)]


def test_survivor_of_a_merge_keeps_the_stay(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, VIEWS, D1=1, D2=2)
    for number in (1, 2):
        see(stage, number, D2)
    (entered,) = stage.put_out()
    stage.customers.people[D2] = 1
    stage.publish()
    stage.restart()
    stage.look()
    assert stage.told() == [("browsing", "entered", TWO)]
    wait(stage, 30)
    left = stage.put_out()[-1]
    assert (left["action"], left["one_id"], left["stay_id"]) == ("left", ONE, entered["stay_id"])


def test_one_of_two_stays_ends_if_their_customers_are_merged(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, VIEWS, D1=1, D2=2)
    for number, identifier in enumerate((D1, D1, D2, D2)):
        see(stage, number, identifier)
    first, second = stage.put_out()
    stage.customers.people[D2] = 1
    stage.publish()
    stage.look()
    left = stage.put_out()[2:]
    assert [(each["action"], each["one_id"], each["merged_into"]) for each in left] == [
        ("left", TWO, ONE)
    ]
    assert left[0]["stay_id"] == second["stay_id"]
    wait(stage, 30)
    assert stage.put_out()[-1]["stay_id"] == first["stay_id"]


def test_who_is_split_off_is_another_customer(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, VIEWS, D1=1, D2=1)
    for number, identifier in enumerate((D1, D1, D2)):
        see(stage, number, identifier)
    assert stage.told() == [("browsing", "entered", ONE)]
    stage.customers.people[D2] = 2
    stage.publish()
    stage.look()
    assert stage.told() == [("browsing", "entered", ONE)]
    see(stage, 4, D2)
    assert stage.told()[1:] == [("browsing", "entered", TWO)]


def test_stay_follows_its_customer_through_a_split_and_a_merge(tmp_path: Path) -> None:
    three = one_id_of(3)
    stage = stage_of(tmp_path, trigger("seen", "live.views_30m"), D1=1, D2=1, U1=3)
    see(stage, 1, D1)
    stage.now += 1
    see(stage, 2, D1)
    (entered,) = stage.put_out()
    # What the customer entered with is split off, and then the customer is merged.
    stage.customers.people[D1] = 2
    see(stage, 3, D2)
    stage.publish()
    stage.look()
    stage.customers.people[D2] = 3
    stage.publish()
    stage.look()
    assert stage.told() == [("seen", "entered", ONE), ("seen", "entered", TWO)]
    wait(stage, 30)
    left = {each["one_id"]: each["stay_id"] for each in stage.put_out()[2:]}
    assert left.keys() == {TWO, three}
    assert left[three] == entered["stay_id"]


def test_customer_who_is_no_more_leaves(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, VIEWS, D1=1)
    for number in (1, 2):
        see(stage, number, D1)
    stage.customers.people.clear()
    stage.publish()
    stage.look()
    assert stage.told()[1:] == [("browsing", "left", ONE)]


def test_new_identifier_counts_until_it_comes_with_another_customer(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, VIEWS, D1=1, D2=2)
    see(stage, 1, U1, D1)
    see(stage, 2, U1)
    assert stage.told() == [("browsing", "entered", ONE)]
    # The event is of the other one's device alone, and takes two events away from the first.
    see(stage, 3, U1, D2)
    assert stage.told()[1:] == [("browsing", "left", ONE)]
