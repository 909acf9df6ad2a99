import json
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from support.audiences import bitmaps, blob

from onecdp.audiences.bitmaps import from_bytes
from onecdp.audiences.packages import evaluate_audiences
from onecdp.audiences.sql_functions import register

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs" / "audiences.md"
SETS = {"At Risk": [1, 2, 3], "High Value": [2, 3, 4], "channel_miniapp": [3]}
numbers = st.sets(st.one_of(st.integers(1, 30), st.integers(65_530, 65_545)))


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as opened:
        register(opened)
        yield opened


def value(connection, expression, *parameters):
    (row,) = connection.execute(f"select {expression}", list(parameters)).fetchall()
    return row[0]


@settings(deadline=None)
@given(a=numbers, b=numbers, c=numbers, probe=st.integers(-(2**40), 2**40) | st.integers(1, 30))
def test_set_algebra(connection, a, b, c, probe):
    blobs = [blob(a), blob(b), blob(c)]
    row = connection.execute(
        """
        select
            bitmap_to_array(bitmap_and(a, b)), bitmap_to_array(bitmap_or(a, b)),
            bitmap_to_array(bitmap_andnot(a, b)), bitmap_count(a), bitmap_and_count(a, b),
            bitmap_contains(a, probe), bitmap_to_array(group_bitmap_and([a, b, null, c])),
            bitmap_to_array(group_bitmap_or([a, b, null, c])),
            group_bitmap_and_count([a, b, null, c]), group_bitmap_or_count([a, b, null, c]),
            bitmap_to_array(bitmap_xor(a, b)),
            bitmap_build(list_append(bitmap_to_array(a)::bigint[], null)) = a
        from (select $1::blob as a, $2::blob as b, $3::blob as c, $4::bigint as probe)
        """,
        [*blobs, probe],
    ).fetchone()
    assert row == (
        sorted(a & b),
        sorted(a | b),
        sorted(a - b),
        len(a),
        len(a & b),
        probe in a,
        sorted(a & b & c),
        sorted(a | b | c),
        len(a & b & c),
        len(a | b | c),
        sorted(a ^ b),
        True,
    )


@pytest.mark.parametrize(
    "expression",
    [
        "bitmap_count(null)",
        "bitmap_and(null, $1)",
        "bitmap_or($1, null)",
        "bitmap_andnot(null, $1)",
        "bitmap_and_count($1, null)",
        "bitmap_contains($1, null)",
        "bitmap_to_array(null)",
        "bitmap_xor($1, null)",
        "bitmap_build(null)",
        "group_bitmap_and(null)",
        "group_bitmap_or([])",
        "group_bitmap_or([null::blob])",
        "group_bitmap_and_count([])",
        "group_bitmap_or_count(null)",
    ],
)
def test_null_in_null_out(connection, expression):
    # $1 once more, for the expressions that do without it.
    row = connection.execute(f"select {expression}, $1::blob", [blob({1})]).fetchone()
    assert row[0] is None


@pytest.mark.parametrize("function", ["bitmap_count", "bitmap_to_array"])
def test_other_bytes_are_an_error(connection, function):
    message = "ValueError: not a 32-bit Roaring bitmap: 3 bytes that begin with 616263"
    with pytest.raises(duckdb.InvalidInputException, match=message):
        value(connection, f"{function}('abc'::blob)")


def test_a_bitmap_of_numbers(connection):
    assert value(connection, "bitmap_count(bitmap_build([]))") == 0
    assert value(connection, "bitmap_to_array(bitmap_build([3, null, 1, 3]))") == [1, 3]
    for number in (-1, 2**32):
        with pytest.raises(duckdb.InvalidInputException, match=r"no integer from 0 to 2\^32 - 1"):
            value(connection, "bitmap_build([$1::bigint])", number)


def test_rows_beyond_one_vector_and_nulls_between(connection):
    table = bitmaps({f"t{n:05}": [n, n + 1] for n in range(1, 5001)})
    connection.register("many", table)
    rows = connection.execute(
        """
        select sum(bitmap_count(b)), sum(list_sum(bitmap_to_array(b))), count(b)
        from (select if(segment_tag = 't00007', null, user_bitmap) as b from many)
        """
    ).fetchall()
    assert rows == [(9998, sum(2 * n + 1 for n in range(1, 5001)) - 15, 4999)]
    whole = "(select group_bitmap_or(list(user_bitmap)) from many)"
    assert value(connection, f"bitmap_count({whole})") == 5001


def test_numbers_past_signed_integers(connection):
    members = [2**31, 2**32 - 1]
    assert value(connection, "bitmap_to_array($1)", blob(members)) == members


def test_the_functions_outlive_the_connection_that_brought_them(tmp_path):
    # DuckDB keeps functions per file and process; it crashes if their code is gone.
    script = f"""
import duckdb
from onecdp.audiences.sql_functions import register
first = duckdb.connect({str(tmp_path / "x.duckdb")!r})
register(first)
register(first)
second = duckdb.connect({str(tmp_path / "x.duckdb")!r})
register(second)
first.close()
del first
empty = bytes.fromhex("3a30000000000000")
print(second.execute("select bitmap_count($1), bitmap_to_array($1)", [empty]).fetchall())
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert (run.returncode, run.stdout, run.stderr) == (0, "[(0, [])]\n", "")


def test_registering_does_not_import_dbt():
    script = (
        "import sys, onecdp.audiences.sql_functions; print(any(m == 'dbt' for m in sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert run.stdout == "False\n"


def test_dbt_models_have_the_functions(tmp_path):
    profile = yaml.safe_load((ROOT / "profiles.yml").read_text())
    plugins = profile["onecdp"]["outputs"]["dev"]["plugins"]
    hexes = {tag: blob(members).hex() for tag, members in SETS.items()}
    count = "bitmap_and_count(from_hex('{At Risk}'), from_hex('{High Value}'))".format(**hexes)
    files = {
        "dbt_project.yml": (
            "name: tiny\nversion: 1.0.0\nprofile: tiny\nmodels: {+materialized: table}\n"
        ),
        "profiles.yml": (
            "tiny:\n  target: dev\n  outputs:\n    dev:\n      type: duckdb\n"
            f"      path: '{tmp_path / 'tiny.duckdb'}'\n      threads: 2\n"
            f"      plugins: {json.dumps(plugins)}\n"
        ),
        "models/overlap.sql": f"select {count} as customers",
        "models/doubled.sql": (
            "select 2 * customers as customers, normalize_id('DEV0001', 'device_id') as one_id"
            " from {{ ref('overlap') }}"
        ),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    places = ["--project-dir", str(tmp_path), "--profiles-dir", str(tmp_path)]
    # In a process of its own: dbt would keep the file open in this one.
    command = [sys.executable, "-m", "dbt.cli.main", "--quiet", "run", *places]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stdout + run.stderr
    with duckdb.connect(tmp_path / "tiny.duckdb", read_only=True) as built:
        assert built.execute("from doubled").fetchall() == [(4, "ONE_DEV_EV0001")]


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", DOCS.read_text(), re.MULTILINE | re.DOTALL)


def packaged(rule):
    audiences = {"package_id": ["PKG002"], "package_name": ["x"], "segment_rule": [rule]}
    (row,) = evaluate_audiences(pa.table(audiences), bitmaps(SETS)).read_all().to_pylist()
    return row["error"] or list(from_bytes(row["user_bitmap"]))


def test_the_documented_rule_and_error():
    (rule,) = blocks("rule")
    assert packaged(rule) == [2]
    (message,) = blocks("error")
    assert message.strip() == "seeds/audiences.csv: package PKG002: " + packaged('"At Rsk"')


def test_the_documented_queries(connection):
    connection.register("audience_bitmaps", bitmaps(SETS))
    overlaps, members = (connection.execute(query).fetchall() for query in blocks("sql"))
    assert overlaps == [
        ("At Risk", "High Value", 2),
        ("At Risk", "channel_miniapp", 1),
        ("High Value", "channel_miniapp", 1),
    ]
    assert members == [(1,), (2,), (3,)]


def test_every_function_is_documented(connection):
    names = connection.execute(
        "select distinct function_name from duckdb_functions()"
        " where function_name similar to '(group_)?bitmap_.*'"
    ).fetchall()
    documented = set(re.findall(r"\b(?:group_)?bitmap_\w+(?=\()", DOCS.read_text()))
    assert documented == {name for (name,) in names}
