import hashlib
import random
import struct
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap
from support.audiences import bitmaps, blob, built, selected

from onecdp.audiences.bit_sets import MAX_ONE_INT, BitSets
from onecdp.audiences.bitmaps import ALL_CUSTOMERS, from_bytes, load_bitmaps, to_bytes, to_numpy
from onecdp.audiences.build import Behaviour, Condition, Tag, build_bitmaps
from onecdp.audiences.build_numbers import build_numbers
from onecdp.audiences.evaluate import Evaluator, Sets, count, evaluate
from onecdp.audiences.numbers import load_numbers
from onecdp.audiences.rules import And, Compare, Not, Or
from onecdp.audiences.rules import Tag as TagOf

# Around the borders of Roaring's containers of 65,536, where layouts change.
one_ints = st.one_of(
    st.integers(1, 50),
    st.integers(65_530, 65_545),
    st.integers(MAX_ONE_INT - 5, MAX_ONE_INT),
)
tag_names = ("a", "b", "c", ALL_CUSTOMERS)
money = st.decimals(-20, 300, places=2)
values = st.one_of(money, st.decimals(-20, 300, places=4), st.integers(-3, 9).map(Decimal))
comparisons = st.one_of(
    st.builds(
        Compare,
        st.sampled_from(["spent", "orders"]),
        st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
        st.tuples(values),
    ),
    st.builds(Compare, st.just("spent"), st.just("between"), st.tuples(values, values)),
    st.builds(
        Compare,
        st.just("orders"),
        st.just("in"),
        st.lists(values, min_size=1, max_size=3).map(tuple),
    ),
)
rules = st.recursive(
    st.sampled_from([TagOf(name) for name in tag_names]) | comparisons,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=2, max_size=4).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=2, max_size=4).map(tuple)),
    ),
    max_leaves=10,
)


def loaded(table):
    columns = (table.column(name).to_pylist() for name in ("segment_tag", "user_bitmap"))
    return load_bitmaps(zip(*columns, strict=True))


def loaded_numbers(table):
    names = ("number_name", "slice", "decimals", "base", "user_bitmap")
    return load_numbers(zip(*(table.column(name).to_pylist() for name in names), strict=True))


def numbers_table(spent, orders):
    customers = sorted({*spent, *orders})
    return pa.table(
        {
            "one_int": pa.array(customers, pa.int64()),
            "spent": pa.array([spent.get(n) for n in customers], pa.decimal128(18, 2)),
            "orders": pa.array([orders.get(n) for n in customers], pa.int32()),
        }
    )


def decode(blob):
    """Portable Roaring by its specification, knowing nothing of pyroaring."""
    (cookie,) = struct.unpack_from("<I", blob)
    at = 4
    if cookie & 0xFFFF == 12347:
        size = (cookie >> 16) + 1
        flags = blob[at : at + (size + 7) // 8]
        at += len(flags)
        is_run = [bool(flags[n // 8] >> n % 8 & 1) for n in range(size)]
        has_offsets = size >= 4
    else:
        assert cookie == 12346
        (size,) = struct.unpack_from("<I", blob, at)
        at += 4
        is_run, has_offsets = [False] * size, True
    heads = [struct.unpack_from("<HH", blob, at + 4 * n) for n in range(size)]
    at += 4 * size + (4 * size if has_offsets else 0)
    members = []
    for (key, less_one), run in zip(heads, is_run, strict=True):
        if run:
            (runs,) = struct.unpack_from("<H", blob, at)
            at += 2
            low: list[int] = []
            for n in range(runs):
                first, length = struct.unpack_from("<HH", blob, at + 4 * n)
                low += range(first, first + length + 1)
            at += 4 * runs
        elif less_one + 1 <= 4096:
            low = list(struct.unpack_from(f"<{less_one + 1}H", blob, at))
            at += 2 * len(low)
        else:
            bits = np.frombuffer(blob, np.uint8, 8192, at)
            low = np.flatnonzero(np.unpackbits(bits, bitorder="little")).tolist()
            at += 8192
        assert len(low) == less_one + 1
        members += [key << 16 | value for value in low]
    assert at == len(blob)
    return members


@given(st.lists(st.tuples(st.sampled_from(tag_names), one_ints)), st.randoms())
def test_bitmaps_hold_the_sets_whatever_the_order(pairs, shuffler):
    table = built(pairs, tag_names)
    sets = {tag: {n for t, n in pairs if t == tag} for tag in tag_names}
    assert table.column("segment_tag").to_pylist() == sorted(sets)
    assert table.column("user_count").to_pylist() == [len(sets[tag]) for tag in sorted(sets)]
    assert {t: set(b) for t, b in loaded(table).items()} == sets
    again = pairs * 2
    shuffler.shuffle(again)
    assert built(again, tag_names) == table


@given(
    st.fixed_dictionaries({tag: st.sets(one_ints) for tag in tag_names}),
    st.dictionaries(one_ints, money),
    st.dictionaries(one_ints, st.integers(0, 9)),
    st.lists(rules, min_size=1, max_size=3),
)
def test_rules_select_what_sets_select(sets, spent, orders, several):
    sets[ALL_CUSTOMERS] = set.union(*sets.values(), set(spent), set(orders))
    numbers = {"spent": spent, "orders": orders}
    table = bitmaps(sets)
    slices = build_numbers([numbers_table(spent, orders)])
    stored = Sets(loaded(table), loaded_numbers(slices))
    evaluator = Evaluator(stored, several * 2)
    for rule in several:
        expected = selected(rule, sets, numbers)
        assert set(evaluate(rule, stored)) == expected
        assert count(rule, stored) == len(expected)
        # With parts that rules share.
        assert set(evaluator.evaluate(rule)) == set(evaluator.evaluate(rule)) == expected
    # Evaluating changes no bitmap.
    assert stored.tags == loaded(table)
    assert stored.numbers == loaded_numbers(slices)


@given(
    st.dictionaries(one_ints, st.decimals(-(10**13), 10**13, places=2), min_size=1),
    st.sets(one_ints),
)
def test_numbers_are_exact(spent, some):
    number = loaded_numbers(build_numbers([numbers_table(spent, {})]))["spent"]
    assert {n: number.value_of(n) for n in spent} == spent
    assert number.value_of(51) is None
    assert number.total(BitMap(some)) == sum(value for n, value in spent.items() if n in some)


@pytest.mark.parametrize(
    "members",
    [
        [],
        [1],
        [MAX_ONE_INT],
        list(range(1, 70_000)),  # runs, two containers
        list(range(1, 400_000)),  # runs, with offsets
        list(range(1, 20_000, 2)),  # a bitset
        list(range(65_536, 131_072)),  # a whole block
        [*range(1, 20_000, 2), *range(70_000, 80_000), 200_000, MAX_ONE_INT],  # all three
        # The borders of the layouts: 4,096 members, and runs as large as an array or a bitset.
        list(range(1, 8_193, 2)),
        list(range(1, 8_195, 2)),
        [n for n in range(1, 3_000) if n % 3],
        [n for n in range(1, 60_000) if n % 7],
    ],
)
def test_bytes_are_portable_roaring_in_the_smallest_layout(members):
    written = blob(members)
    assert decode(written) == members
    assert written == to_bytes(BitMap(members))


def test_the_test_vectors_of_the_format():
    # testdata/README.md of github.com/RoaringBitmap/RoaringFormatSpec, which Java wrote.
    values = [*range(0, 100_000, 1000), *range(300_000, 600_000, 3), *range(700_000, 800_000)]
    sets = BitSets(1)
    sets.add(np.array(values[::-1], np.uint32), np.zeros(len(values), np.uint16))
    array, count = sets.written(0)
    written = array.tobytes()
    assert count == len(values)
    with_runs = "1f1909bfdd354fa2f0694fe88b8076833ca5383ad9fc3f68f2709c84a2ab70e3"
    assert hashlib.sha256(written).hexdigest() == with_runs
    assert list(from_bytes(written)) == values
    without_runs = BitMap(values, optimize=False).serialize()
    assert hashlib.sha256(without_runs).hexdigest() == (
        "d719ae2e0150a362ef7cf51c361527585891f01460b1a92bcfb6a7257282a442"
    )
    assert from_bytes(without_runs) == from_bytes(written)


def test_big_sets_in_any_order_give_the_same_bytes():
    # All three layouts, and more blocks than the pool begins with.
    rng = np.random.default_rng(7)
    members = np.concatenate([np.arange(1, 200_000), rng.choice(10**6, 200_000) + 300_000])
    table = pa.table({"one_int": members, "tag": members % 300})
    tags = [Tag(n, f"t{n}", "test") for n in range(300)]
    one = build_bitmaps([table], tags)
    shuffled = table.take(rng.permutation(len(members)))
    # In several columns and tables, too.
    odd = pa.array(members % 300, mask=members % 2 == 0)
    even = pa.array(members % 300, mask=members % 2 == 1)
    wide = pa.table({"one_int": members, "odd": odd, "even": even})
    assert build_bitmaps([shuffled.to_reader(max_chunksize=10_000)], tags) == one
    assert build_bitmaps([wide, table.slice(0, 10)], tags) == one
    assert sum(one.column("user_count").to_pylist()) == len(np.unique(members))
    seventh = loaded(one)["t7"]
    assert to_numpy(seventh).tolist() == np.unique(members[members % 300 == 7]).tolist()


def test_who_has_no_tag_is_in_no_set():
    # The last one_int has every block looked at: a null that was written anywhere would be seen.
    table = pa.table(
        {
            "one_int": pa.array([5, 6, 7, MAX_ONE_INT], pa.int64()),
            "tag": pa.array([None, 1, None, 0], pa.int32()),
            "other": pa.array([0, None, None, None], pa.int32()),
        }
    )
    found = loaded(build_bitmaps([table], [Tag(n, f"t{n}", "test") for n in range(3)]))
    assert {tag: set(members) for tag, members in found.items()} == {
        "t0": {5, MAX_ONE_INT}, "t1": {6}, "t2": set(),
    }  # fmt: skip


def test_conditions_give_tags_also_to_customers_who_did_nothing():
    measures = pa.table(
        {
            "one_int": [1, 2, 3, 1],
            "selection_number": [1, 1, 1, 2],
            "count_30": [0, 1, 2, 1],
            "sum_30": [0, 10, -5, 7],
            "count_ever": [3, 1, 2, 1],
            "sum_ever": [30, 10, -5, 7],
        }
    )
    conditions = [
        Condition(1, 1, "ever", min_count=2),
        Condition(2, 1, "30", max_count=0),
        Condition(3, 1, "ever", min_sum=10, max_sum=29),
        Condition(4, 1, "ever", max_sum=0),
        Condition(5, 2, "ever", min_count=1, max_count=1),
        Condition(6, 1, "30", max_count=-1),
    ]
    tags = [Tag(n, f"t{n}", "test") for n in range(7)]
    everybody = pa.table({"one_int": [70_000, 4, 3, 2, 1], "all": [0] * 5})
    table = build_bitmaps([everybody], tags, Behaviour(measures, conditions, 0))
    assert {tag: set(members) for tag, members in loaded(table).items()} == {
        "t0": {1, 2, 3, 4, 70_000},
        "t1": {1, 3},
        "t2": {1, 4, 70_000},
        "t3": {2},
        "t4": {3, 4, 70_000},
        "t5": {1},
        "t6": set(),
    }


@pytest.mark.parametrize(
    ("one_int", "tag", "message"),
    [
        (0, 0, "memberships: one_int 0; it must be 1 to 4294967295"),
        (-5, 0, "memberships: one_int -5; it must be 1 to 4294967295"),
        (2**32, 0, "memberships: one_int 4294967296; it must be 1 to 4294967295"),
        (None, 0, "memberships: one_int null; it must be 1 to 4294967295"),
        (1, 2, "memberships: tag 2 is no tag's number"),
        (1, -1, "memberships: tag -1 is no tag's number"),
        (1, 1.5, "memberships: tag is double; an integer type is expected"),
        (1.5, 1, "memberships: one_int is double; an integer type is expected"),
    ],
)
def test_what_is_no_member_is_named(one_int, tag, message):
    type_ = pa.int64() if one_int is None else None
    table = pa.table({"one_int": pa.array([one_int], type_), "tag": [tag]})
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the text is compared whole
        build_bitmaps([table], [Tag(1, "a", "test")])
    assert str(caught.value) == message


def test_wrong_tags_and_columns_are_named():
    with pytest.raises(ValueError, match="memberships: column one_int is missing"):
        build_bitmaps([pa.table({"tag": [0]})], [Tag(0, "a", "test")])
    with pytest.raises(ValueError, match=r'tags "a" \(x\) and "a" \(y\) have the same name'):
        build_bitmaps([], [Tag(0, "a", "x"), Tag(1, "a", "y")])
    with pytest.raises(ValueError, match="number n is double; an integer or decimal is expected"):
        build_numbers([pa.table({"one_int": [1], "n": [1.5]})])


def test_damaged_bytes_are_refused():
    good = blob(range(1, 20_000, 2))
    for bad in (b"", b"abc", good[:-1], good[:100], b"\0" + good[1:]):
        with pytest.raises(ValueError, match=f"not a 32-bit Roaring bitmap: {len(bad)} bytes"):
            from_bytes(bad)
    with pytest.raises(ValueError, match='tag "t" has two bitmaps'):
        load_bitmaps([("t", good), ("t", good)])


def test_a_million_members_in_each_of_four_tags():
    numbers = np.arange(1, 1_000_001)
    table = pa.table({"one_int": np.repeat(numbers, 4), "tag": np.tile(np.arange(4), 1_000_000)})
    bitmaps = loaded(build_bitmaps([table], [Tag(n, f"t{n}", "test") for n in range(4)]))
    probe = random.Random(1).sample(range(1, 1_000_001), 100)
    assert all(number in bitmaps["t3"] for number in probe)
    assert len(bitmaps["t3"]) == 1_000_000
