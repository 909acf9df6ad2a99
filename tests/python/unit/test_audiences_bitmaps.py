import random
import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onecdp.audiences.bitmaps import (
    ALL_CUSTOMERS,
    MAX_ONE_INT,
    build_bitmaps,
    count,
    evaluate,
    from_bytes,
    load_bitmaps,
    to_numpy,
)
from onecdp.audiences.rules import And, Not, Or, Tag

# Around the borders of Roaring's containers of 65,536, where layouts change.
one_ints = st.one_of(
    st.integers(1, 50),
    st.integers(65_530, 65_545),
    st.integers(MAX_ONE_INT - 5, MAX_ONE_INT),
)
tag_names = ("a", "b", "c", ALL_CUSTOMERS)
rules = st.recursive(
    st.sampled_from([Tag(name) for name in tag_names]),
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=2, max_size=4).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=2, max_size=4).map(tuple)),
    ),
    max_leaves=10,
)


def memberships(pairs, type_=None):
    tags, numbers = zip(*pairs, strict=True) if pairs else ((), ())
    return pa.table(
        {
            "segment_tag": pa.array(tags, pa.string()),
            "one_int": pa.array(numbers, type_ or pa.int64()),
        }
    )


def selected(rule, sets):
    """The oracle: plain sets, NOT against everybody."""
    match rule:
        case Tag(name):
            return sets[name]
        case Not(operand):
            return sets[ALL_CUSTOMERS] - selected(operand, sets)
        case And(operands):
            return set.intersection(*(selected(o, sets) for o in operands))
        case Or(operands):
            return set.union(*(selected(o, sets) for o in operands))


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
    table = build_bitmaps(memberships(pairs))
    sets = {tag: {n for t, n in pairs if t == tag} for tag, _ in pairs}
    assert table.column("segment_tag").to_pylist() == sorted(sets)
    assert table.column("user_count").to_pylist() == [len(sets[tag]) for tag in sorted(sets)]
    assert {t: set(b) for t, b in load_bitmaps(table).items()} == sets
    again = pairs * 2
    shuffler.shuffle(again)
    assert build_bitmaps(memberships(again)) == table


@given(st.fixed_dictionaries({tag: st.sets(one_ints) for tag in tag_names}), rules)
def test_rules_select_what_sets_select(sets, rule):
    sets[ALL_CUSTOMERS] = set.union(*sets.values())
    pairs = [(tag, n) for tag, numbers in sets.items() for n in numbers]
    table = build_bitmaps(memberships(pairs), declared=tag_names)
    bitmaps = load_bitmaps(table)
    expected = selected(rule, sets)
    assert set(evaluate(rule, bitmaps)) == expected
    assert count(rule, bitmaps) == len(expected)
    # Evaluating changes no bitmap.
    assert bitmaps == load_bitmaps(table)


@pytest.mark.parametrize(
    "members",
    [
        [],
        [1],
        [MAX_ONE_INT],
        list(range(1, 70_000)),  # runs, two containers
        list(range(1, 400_000)),  # runs, with offsets
        list(range(1, 20_000, 2)),  # a bitset
        [*range(1, 20_000, 2), *range(70_000, 80_000), 200_000, MAX_ONE_INT],  # all three
    ],
    ids=["empty", "one", "largest", "runs", "many runs", "bitset", "mixed"],
)
def test_bytes_are_portable_roaring(members):
    table = build_bitmaps(memberships([("t", n) for n in members]), declared=["t"])
    assert decode(table.column("user_bitmap")[0].as_py()) == members


def test_big_sets_in_any_order_give_the_same_bytes():
    # More rows than one step, all three layouts; and ids that outgrow one byte of tag code.
    rng = np.random.default_rng(7)
    members = np.concatenate([np.arange(1, 200_000), rng.choice(10**6, 200_000) + 300_000])
    tags = np.array([f"t{n}" for n in range(300)])[members % 300]
    table = pa.table({"segment_tag": tags, "one_int": members})
    shuffled = table.take(rng.permutation(len(members)))
    built = build_bitmaps(table)
    assert build_bitmaps(shuffled) == built
    assert sum(built.column("user_count").to_pylist()) == len(np.unique(members))
    seventh = load_bitmaps(built)["t7"]
    assert to_numpy(seventh).tolist() == np.unique(members[members % 300 == 7]).tolist()


def test_readers_dictionaries_and_small_integers_are_taken():
    plain = memberships([("a", 1), ("b", 2), ("a", 3)], pa.int32())
    encoded = plain.set_column(0, "segment_tag", plain.column(0).dictionary_encode())
    expected = build_bitmaps(plain)
    assert build_bitmaps(plain.to_reader(max_chunksize=1)) == expected
    assert build_bitmaps(encoded) == expected
    assert expected.schema == build_bitmaps(memberships([])).schema


def test_a_declared_tag_without_customers_has_an_empty_bitmap():
    table = build_bitmaps(memberships([("a", 1)]), declared=["b"])
    assert table.select(["segment_tag", "user_count"]).to_pylist() == [
        {"segment_tag": "a", "user_count": 1},
        {"segment_tag": "b", "user_count": 0},
    ]


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("a", 1), ("b", 0)], 'memberships: tag "b" has one_int 0; it must be 1 to 4294967295'),
        ([("a", -5)], 'memberships: tag "a" has one_int -5; it must be 1 to 4294967295'),
        (
            [("a", 2**32)],
            'memberships: tag "a" has one_int 4294967296; it must be 1 to 4294967295',
        ),
        ([("a", None)], 'memberships: tag "a" has one_int null; it must be 1 to 4294967295'),
        ([("a", 1), (None, 7)], "memberships: a row with one_int 7 has no segment_tag"),
    ],
)
def test_what_is_no_member_is_named(pairs, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the text is compared whole
        build_bitmaps(memberships(pairs))
    assert str(caught.value) == message


def test_wrong_columns_are_named():
    with pytest.raises(ValueError, match="memberships: column one_int is missing"):
        build_bitmaps(pa.table({"segment_tag": ["a"]}))
    with pytest.raises(ValueError, match="one_int is double; an integer type is expected"):
        build_bitmaps(pa.table({"segment_tag": ["a"], "one_int": [1.5]}))


def test_damaged_bytes_are_refused():
    good = build_bitmaps(memberships([("t", n) for n in range(1, 20_000, 2)]))
    blob = good.column("user_bitmap")[0].as_py()
    for bad in (b"", b"abc", blob[:-1], blob[:100], b"\0" + blob[1:]):
        with pytest.raises(ValueError, match=f"not a 32-bit Roaring bitmap: {len(bad)} bytes"):
            from_bytes(bad)
    twice = pa.concat_tables([good, good])
    with pytest.raises(ValueError, match='tag "t" has two bitmaps'):
        load_bitmaps(twice)


def test_a_million_members_in_each_of_four_tags():
    numbers = np.arange(1, 1_000_001)
    tags = pa.array(["t0", "t1", "t2", "t3"])
    codes = np.tile(np.arange(4, dtype=np.int8), 1_000_000)
    table = pa.table(
        {
            "segment_tag": pa.DictionaryArray.from_arrays(codes, tags),
            "one_int": np.repeat(numbers, 4),
        }
    )
    bitmaps = load_bitmaps(build_bitmaps(table))
    probe = random.Random(1).sample(range(1, 1_000_001), 100)
    assert all(number in bitmaps["t3"] for number in probe)
    assert len(bitmaps["t3"]) == 1_000_000
