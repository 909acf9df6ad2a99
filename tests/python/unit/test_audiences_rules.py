from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onecdp.audiences.rules import (
    MAX_DEPTH,
    And,
    Compare,
    Not,
    Or,
    RuleError,
    Tag,
    needs_universe,
    parse,
    tags,
    to_text,
)

names = st.one_of(
    st.text(min_size=1, max_size=8).filter(str.strip),
    st.sampled_from(
        ["AND", "or", "Not", "-", 'say "hi"', "(", "会员", "हिन्दी", "a b", "In", "--", "/*"]
    ),
)
values = st.decimals(-(10**9), 10**9, allow_nan=False, places=3) | st.integers(0, 9).map(Decimal)
comparisons = st.one_of(
    st.builds(
        Compare,
        names,
        st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
        st.tuples(values),
    ),
    st.builds(Compare, names, st.just("between"), st.tuples(values, values)),
    st.builds(Compare, names, st.just("in"), st.lists(values, min_size=1, max_size=3).map(tuple)),
)
expressions = st.recursive(
    st.builds(Tag, names) | comparisons,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=2, max_size=4).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=2, max_size=4).map(tuple)),
    ),
    max_leaves=12,
)


@given(expressions)
def test_what_is_printed_reads_back_the_same(expression):
    assert parse(to_text(expression)) == expression


@pytest.mark.parametrize(
    ("rule", "expression"),
    [
        ("a OR b AND NOT c", Or((Tag("a"), And((Tag("b"), Not(Tag("c"))))))),
        ("(a or b) and c", And((Or((Tag("a"), Tag("b"))), Tag("c")))),
        ("NOT NOT a", Not(Not(Tag("a")))),
        ("not(a)", Not(Tag("a"))),
        ('"say ""hi"""', Tag('say "hi"')),
        ('"AND" AND android', And((Tag("AND"), Tag("android")))),
        ("grid:At-Risk.2 AND 会员_金", And((Tag("grid:At-Risk.2"), Tag("会员_金")))),
        (" \ta\nAND\u00a0b ", And((Tag("a"), Tag("b")))),
        ('"At Risk"OR"High Value"', Or((Tag("At Risk"), Tag("High Value")))),
        ("a -- not b\nAND/* c */b", And((Tag("a"), Tag("b")))),
        ("a--b AND in", And((Tag("a--b"), Tag("in")))),
        ("spent>=19.90", Compare("spent", ">=", (Decimal("19.90"),))),
        ('"spent" <> -3', Compare("spent", "!=", (Decimal(-3),))),
        ("NOT n = .5 OR a", Or((Not(Compare("n", "=", (Decimal("0.5"),))), Tag("a")))),
        (
            "n between 1 AND 2 AND a",
            And((Compare("n", "between", (Decimal(1), Decimal(2))), Tag("a"))),
        ),
        ("n NOT IN (1,2, 3)", Not(Compare("n", "in", (Decimal(1), Decimal(2), Decimal(3))))),
        ("audience:PKG001 AND a", And((Tag("audience:PKG001"), Tag("a")))),
    ],
)
def test_reading(rule, expression):
    assert parse(rule) == expression


@pytest.mark.parametrize(
    ("rule", "position", "message"),
    [
        ("", 1, "rule is empty"),
        (" \t ", 1, "rule is empty"),
        (
            '"At Risk" AND',
            14,
            'expected a tag after AND at character 14: "At Risk" AND<here>',
        ),
        ("a AND or b", 7, "expected a tag after AND at character 7: a AND <here>or b"),
        ("OR a", 1, "expected a tag at character 1: <here>OR a"),
        ("a AND NOT", 10, "expected a tag after NOT at character 10: a AND NOT<here>"),
        ("()", 2, "expected a tag after ( at character 2: (<here>)"),
        ('x "abc', 3, 'unclosed quote at character 3: x <here>"abc'),
        ('a ""', 3, 'empty tag at character 3: a <here>""'),
        (
            "a AND (b",
            7,
            "unbalanced parenthesis: ( at character 7 is never closed: a AND <here>(b",
        ),
        (
            "a)",
            2,
            "unbalanced parenthesis: ) has no opening ( at character 2: a<here>)",
        ),
        (
            "At Risk",
            4,
            'expected AND or OR before "Risk" at character 4; '
            "a tag with spaces needs double quotes: At <here>Risk",
        ),
        ("a NOT b", 3, "expected AND or OR before NOT at character 3: a <here>NOT b"),
        ("(a (b))", 4, "expected AND, OR or ) before ( at character 4: (a <here>(b))"),
        ("a & b", 3, "unexpected & at character 3 (write AND): a <here>& b"),
        ("a - b", 3, "unexpected - at character 3 (write AND NOT): a <here>- b"),
        ("a, b", 2, "unexpected , (write AND or OR between tags) at character 2: a<here>, b"),
        (
            "n >= x",
            6,
            'expected a number after >=, not "x" at character 6; '
            "write it as 250, -3 or 19.99: n >= <here>x",
        ),
        ("n >=", 5, "expected a number after >=, not THE END at character 5: n >=<here>"),
        ("n in 3", 6, "expected ( after IN at character 6: n in <here>3"),
        ("n in (1 2)", 9, 'expected a comma or ) before "2" at character 9: n in (1 <here>2)'),
        (
            "n between 1 or 2",
            13,
            "expected AND between two numbers, not OR at character 13: n between 1 <here>or 2",
        ),
        ("a /* b", 3, "unclosed comment at character 3: a <here>/* b"),
        ("'a'", 1, "unexpected ' at character 1 (quote tags with \"): <here>'a'"),
        (
            "(" * 10_000,
            MAX_DEPTH + 2,
            f"rule is nested deeper than 100 levels at character 102: …{'(' * 24}<here>{'(' * 24}…",
        ),
    ],
)
def test_errors_name_the_place(rule, position, message):
    with pytest.raises(RuleError) as caught:
        parse(rule)
    assert str(caught.value) == message
    assert caught.value.position == position


def test_ten_thousand_nots_are_an_error_and_not_a_crash():
    with pytest.raises(RuleError, match="nested deeper than 100 levels"):
        parse("NOT " * 10_000 + "a")


def test_a_hundred_levels_and_ten_thousand_tags_are_read():
    assert parse("(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH) == Tag("a")
    assert len(tags(parse(" OR ".join(f"t{n}" for n in range(10_000))))) == 10_000


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_in_one_line(text):
    refusal = None
    try:
        parse(text)
    except RuleError as error:
        refusal = str(error)
    assert refusal is None or refusal.isprintable()


def test_tags_come_once_in_order():
    assert tags(parse("b AND (a OR NOT b) AND c")) == ("b", "a", "c")


@pytest.mark.parametrize(
    ("rule", "needed"),
    [
        ("a", False),
        ("a AND NOT b", False),
        ("NOT a", True),
        ("NOT a AND NOT b", True),
        ("a OR NOT b", True),
        ("a AND (b OR NOT c)", True),
        ("a AND NOT (NOT b)", True),
    ],
)
def test_when_every_customer_must_be_known(rule, needed):
    assert needs_universe(parse(rule)) is needed


def test_a_caret_points_at_the_character():
    with pytest.raises(RuleError) as caught:
        parse("a AND\n  会员 b")
    assert caught.value.pointed().splitlines()[1:] == ["    会员 b", "         ^"]
