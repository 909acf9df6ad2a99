import pyarrow as pa
import pytest

from onecdp.audiences.bitmaps import build_bitmaps
from onecdp.audiences.packages import AudienceError, evaluate_audiences

SETS = {
    "all_customers": range(1, 7),
    "At Risk": [1, 2, 3],
    "High Value": [2, 3, 4],
    "channel_miniapp": [3],
}
COLUMNS = ["package_id", "package_name", "segment_rule"]
LISTED = "the column segment_tag of audience_bitmaps lists all"


def bitmaps(**changes):
    sets = {**SETS, **changes}
    pairs = [(tag, n) for tag, numbers in sets.items() for n in numbers or ()]
    tags, numbers = zip(*pairs, strict=True)
    return build_bitmaps(pa.table({"segment_tag": tags, "one_int": numbers}), declared=["nobody"])


def audiences(*rows):
    schema = pa.schema([(column, pa.string()) for column in COLUMNS])
    return pa.Table.from_pylist([dict(zip(COLUMNS, r, strict=True)) for r in rows], schema=schema)


def test_packages_hold_who_the_rules_select():
    given = audiences(
        ("PKG2", "b", '"At Risk" AND "High Value" AND NOT channel_miniapp'),
        ("PKG1", "a", 'NOT "At Risk"'),
        ("PKG3", "c", "nobody"),
    )
    result = evaluate_audiences(given, bitmaps())
    assert result.schema == pa.schema([("package_id", pa.string()), ("one_int", pa.int64())])
    assert [tuple(row.values()) for row in result.to_pylist()] == [
        ("PKG2", 2),
        ("PKG1", 4),
        ("PKG1", 5),
        ("PKG1", 6),
    ]
    # As dbt hands relations over.
    assert evaluate_audiences(given.to_reader(), bitmaps().to_reader()) == result


def test_no_audience_gives_an_empty_table():
    assert evaluate_audiences(audiences(), bitmaps()).num_rows == 0


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("PKG002", "x", '"At Rsk"')], 'package PKG002: unknown tag "At Rsk"; nearest: "At Risk"'),
        ([("P", "x", '"at risk"')], 'package P: unknown tag "at risk"; nearest: "At Risk"'),
        ([("P", "x", "zzz")], f'package P: unknown tag "zzz"; none is similar; {LISTED}'),
        ([("P", "x", "   ")], "package P: rule is empty"),
        ([("P", "x", None)], "package P: rule is empty"),
        (
            [("P", "x", "nobody AND")],
            "package P: expected a tag after AND at character 11: nobody AND<here>",
        ),
        ([("P", " ", "nobody")], "package P has no package_name"),
        ([(None, "Win back", "nobody")], 'the package named "Win back" has no package_id'),
        (
            [("P", "x", "nobody"), ("P", "y", "nobody")],
            "package_id P is used 2 times; each needs its own",
        ),
        (
            [("P", "", "nobody"), ("Q", "y", "")],
            "2 problems: (1) package P has no package_name; (2) package Q: rule is empty",
        ),
    ],
)
def test_errors_name_file_package_and_way_out(rows, message):
    with pytest.raises(AudienceError) as caught:
        evaluate_audiences(audiences(*rows), bitmaps())
    assert str(caught.value) == f"seeds/audiences.csv: {message}"


def test_many_problems_stay_one_readable_line():
    with pytest.raises(AudienceError) as caught:
        evaluate_audiences(audiences(*((f"P{n}", "x", "") for n in range(50))), bitmaps())
    assert str(caught.value).startswith("seeds/audiences.csv: 50 problems: (1) package P0:")
    assert str(caught.value).endswith("(20) package P19: rule is empty; and 30 more")


def test_not_alone_needs_all_customers():
    given = audiences(("P", "x", 'NOT "At Risk"'))
    with pytest.raises(AudienceError, match="needs the tag all_customers, which is missing"):
        evaluate_audiences(given, bitmaps(all_customers=None))
    beside = audiences(("P", "x", '"At Risk" AND NOT "High Value"'))
    result = evaluate_audiences(beside, bitmaps(all_customers=None))
    assert result.column("one_int").to_pylist() == [1]


def test_a_missing_column_is_named():
    with pytest.raises(AudienceError, match=r"seeds/audiences\.csv: column segment_rule is"):
        evaluate_audiences(audiences().drop_columns(["segment_rule"]), bitmaps())
