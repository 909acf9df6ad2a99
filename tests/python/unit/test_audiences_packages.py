import pyarrow as pa
import pytest
from support.audiences import bitmaps as built

from onecdp.audiences.bitmaps import from_bytes
from onecdp.audiences.build_numbers import build_numbers
from onecdp.audiences.packages import SCHEMA, AudienceError, evaluate_audiences

SETS = {
    "all_customers": range(1, 7),
    "At Risk": [1, 2, 3],
    "High Value": [2, 3, 4],
    "channel_miniapp": [3],
}
COLUMNS = ["package_id", "package_name", "segment_rule"]
LISTED = "the column segment_tag of audience_bitmaps lists all"


def bitmaps(**changes):
    sets = {**SETS, "nobody": [], **changes}
    return built({tag: members for tag, members in sets.items() if members is not None})


def audiences(*rows):
    schema = pa.schema([(column, pa.string()) for column in COLUMNS])
    return pa.Table.from_pylist([dict(zip(COLUMNS, r, strict=True)) for r in rows], schema=schema)


def evaluated(*rows, **changes):
    """Members by package_id, or the error."""
    numbers = build_numbers([pa.table({"one_int": [1, 2, 3], "orders": [5, 0, 2]})])
    reader = evaluate_audiences(audiences(*rows), bitmaps(**changes), numbers)
    assert reader.schema == SCHEMA
    found = {}
    for row in reader.read_all().to_pylist():
        if row["error"] is None:
            found[row["package_id"]] = list(from_bytes(row["user_bitmap"]))
            assert row["user_count"] == len(found[row["package_id"]])
        else:
            found[row["package_id"]] = row["error"]
            assert (row["user_bitmap"], row["user_count"]) == (None, 0)
    assert len(found) == len(rows)
    return found


def test_packages_hold_who_the_rules_select():
    assert evaluated(
        ("PKG2", "b", '"At Risk" AND "High Value" AND NOT channel_miniapp'),
        ("PKG1", "a", 'NOT "At Risk"'),
        ("PKG3", "c", "nobody"),
        ("PKG4", "d", "orders > 1 AND NOT channel_miniapp"),
    ) == {"PKG2": [2], "PKG1": [4, 5, 6], "PKG3": [], "PKG4": [1]}


def test_no_audience_gives_an_empty_table():
    assert evaluated() == {}


def test_audiences_refer_to_others_in_any_order():
    assert evaluated(
        ("C", "c", "audience:B OR channel_miniapp"),
        ("B", "b", '"audience:A" AND NOT "High Value"'),
        ("A", "a", '"At Risk"'),
    ) == {"A": [1, 2, 3], "B": [1], "C": [1, 3]}


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ('"At Rsk"', 'unknown tag "At Rsk"; nearest: "At Risk"'),
        ('"at risk"', 'unknown tag "at risk"; nearest: "At Risk"'),
        ("zzz", f'unknown tag "zzz"; none is similar; {LISTED}'),
        ("ordrs > 1", 'unknown number "ordrs"; nearest: "orders"'),
        ("nobody > 1", '"nobody" is a tag, not a number: it can\'t be compared'),
        ("orders", '"orders" is a number: compare it, as in orders >= 10'),
        ("audience:p", 'unknown audience "p"; nearest: "P"'),
        (
            "audience:P",
            "audiences that refer to each other can't be evaluated: audience:P → audience:P",
        ),
        ("   ", "rule is empty"),
        (None, "rule is empty"),
        ("nobody AND", "expected a tag after AND at character 11: nobody AND<here>"),
        (
            "x OR y > 1",
            f'unknown tag "x"; none is similar; {LISTED}; unknown number "y"; none is '
            "similar; the column number_name of audience_numbers lists all",
        ),
    ],
)
def test_a_failing_rule_fails_its_package_and_those_that_refer_to_it(rule, message):
    assert evaluated(
        ("R", "refers", "audience:P"), ("P", "x", rule), ("Q", "y", "channel_miniapp")
    ) == {
        "P": message,
        "Q": [3],
        "R": message if "refer" in message else "audience:P has failed",
    }


def test_a_cycle_fails_all_that_lead_to_it():
    found = evaluated(
        ("A", "a", "audience:B"),
        ("B", "b", "audience:C"),
        ("C", "c", "audience:B"),
        ("D", "d", "nobody"),
    )
    cycle = "can't be evaluated: audience:B → audience:C → audience:B"
    assert found.pop("D") == []
    assert all(error.endswith(cycle) for error in (found["A"], found["B"]))


def test_a_package_without_a_name_fails():
    assert evaluated(("P", " ", "nobody")) == {"P": "the package has no package_name"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(None, "Win back", "nobody")], 'the package named "Win back" has no package_id'),
        (
            [("P", "x", "nobody"), ("P", "y", "nobody")],
            "package_id P is used 2 times; each needs its own",
        ),
        (
            [("P", "x", ""), ("P", "y", ""), (None, None, "nobody")],
            '2 problems: (1) the rule "nobody" has no package_id; '
            "(2) package_id P is used 2 times; each needs its own",
        ),
    ],
)
def test_audiences_that_cannot_be_told_apart_stop_the_build(rows, message):
    with pytest.raises(AudienceError) as caught:
        evaluated(*rows)
    assert str(caught.value) == f"seeds/audiences.csv: {message}"


def test_many_problems_stay_one_readable_line():
    with pytest.raises(AudienceError) as caught:
        evaluated(*((None, f"n{n}", "") for n in range(50)))
    assert str(caught.value).startswith("seeds/audiences.csv: 50 problems: (1) the package named")
    assert str(caught.value).endswith("; and 30 more")


def test_not_alone_needs_all_customers():
    rows = (("P", "x", 'NOT "At Risk"'), ("Q", "y", '"At Risk" AND NOT "High Value"'))
    found = evaluated(*rows, all_customers=None)
    assert "needs the tag all_customers, which is missing" in found["P"]
    assert found["Q"] == [1]


def test_a_missing_column_is_named():
    with pytest.raises(AudienceError, match=r"seeds/audiences\.csv: column segment_rule is"):
        evaluate_audiences(audiences().drop_columns(["segment_rule"]), bitmaps())
