"""Rules on bitmaps select what the same conditions select in SQL, on drawn customers."""

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onecdp.audiences.bitmaps import load_bitmaps
from onecdp.audiences.build import Tag as BuiltTag
from onecdp.audiences.build import build_bitmaps
from onecdp.audiences.build_numbers import build_numbers
from onecdp.audiences.evaluate import Sets, count, evaluate
from onecdp.audiences.numbers import load_numbers
from onecdp.audiences.rules import And, Compare, Not, Or, Tag, parse, to_text

CUSTOMERS = 150_000
TAGS = ("all_customers", "rare", "common", "even")
NUMBERS = ("spent", "balance", "recency")
values = st.decimals(-50, 300, places=2) | st.decimals(-1, 20, places=0)
comparisons = st.one_of(
    st.builds(
        Compare,
        st.sampled_from(NUMBERS),
        st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
        st.tuples(values),
    ),
    st.builds(Compare, st.sampled_from(NUMBERS), st.just("between"), st.tuples(values, values)),
    st.builds(
        Compare,
        st.sampled_from(NUMBERS),
        st.just("in"),
        st.lists(values, min_size=1, max_size=3).map(tuple),
    ),
)
rules = st.recursive(
    st.sampled_from(TAGS).map(Tag) | comparisons,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=2, max_size=4).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=2, max_size=4).map(tuple)),
    ),
    max_leaves=6,
)


def condition(rule):
    """A rule as a condition of SQL; what is missing is in no comparison."""
    match rule:
        case Tag(name):
            return name
        case Compare(number, "between", (low, high)):
            return f"coalesce({number} between {low:f} and {high:f}, false)"
        case Compare(number, "in", several):
            return f"coalesce({number} in ({', '.join(f'{v:f}' for v in several)}), false)"
        case Compare(number, operator, (value,)):
            return f"coalesce({number} {operator} {value:f}, false)"
        case Not(operand):
            return f"not ({condition(operand)})"
        case And(operands):
            return " and ".join(f"({condition(operand)})" for operand in operands)
        case Or(operands):
            return " or ".join(f"({condition(operand)})" for operand in operands)
    raise AssertionError(rule)


@pytest.fixture(scope="module")
def drawn():
    """The customers in a table of DuckDB, and as bitmaps."""
    rng = np.random.default_rng(11)
    with duckdb.connect() as opened:
        drawn_rows = pa.table(
            {
                "one_int": np.arange(1, CUSTOMERS + 1),
                "draw": rng.random(CUSTOMERS),
                "spent": np.round(rng.gamma(0.5, 100, CUSTOMERS), 2),
                "balance": rng.integers(-5_000, 5_000, CUSTOMERS),
                "recency": rng.integers(0, 400, CUSTOMERS),
            }
        )
        opened.register("drawn_rows", drawn_rows)
        opened.execute(
            "create table customers as select one_int, true as all_customers, draw < 0.001 as rare,"
            " draw < 0.7 as common, one_int % 2 = 0 as even,"
            " spent::decimal(18, 4) as spent, (balance / 100)::decimal(9, 2) as balance,"
            " if(draw < 0.6, recency, null)::integer as recency from drawn_rows"
        )
        members = opened.execute(
            "select one_int, "
            + ", ".join(f"if({t}, {n}, null) as {t}" for n, t in enumerate(TAGS))
            + " from customers order by hash(one_int)"
        ).to_arrow_table()
        bitmaps = build_bitmaps([members], [BuiltTag(n, t, "test") for n, t in enumerate(TAGS)])
        numbers = opened.execute(f"select one_int, {', '.join(NUMBERS)} from customers")
        slices = build_numbers([numbers.to_arrow_table()])
        columns = (bitmaps.column(name).to_pylist() for name in ("segment_tag", "user_bitmap"))
        names = ("number_name", "slice", "decimals", "base", "user_bitmap")
        parts = (slices.column(name).to_pylist() for name in names)
        yield (
            opened,
            Sets(load_bitmaps(zip(*columns, strict=True)), load_numbers(zip(*parts, strict=True))),
        )


@settings(deadline=None, max_examples=60)
@given(rules)
def test_a_rule_selects_what_sql_selects(drawn, rule):
    connection, sets = drawn
    rows = connection.execute(
        f"select one_int from customers where {condition(rule)} order by one_int"
    ).fetchnumpy()["one_int"]
    read = parse(to_text(rule))
    assert np.array_equal(np.array(evaluate(read, sets), dtype=np.int64), rows)
    assert count(read, sets) == len(rows)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_sum_is_that_of_sql(drawn, number):
    connection, sets = drawn
    ((total,),) = connection.execute(f"select sum({number}) from customers where common").fetchall()
    assert sets.numbers[number].total(sets.tags["common"]) == total
