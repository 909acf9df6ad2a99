"""seeds/triggers.csv: what it takes, what it refuses and why, and what rules make of features."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from support.cli import REPOSITORY

from onecdp.audiences.names import Names
from onecdp.audiences.rules import Compare, Tag, parse
from onecdp.errors import OnecdpError, UsageProblem
from onecdp.live.features import read_features
from onecdp.live.measure import Value
from onecdp.live.settings import read_hold_out_key
from onecdp.live.triggers.conditions import arm_of, holds, live_holds
from onecdp.live.triggers.declared import HEADER, SEED, Trigger, read_triggers
from onecdp.live.triggers.receivers import read_receivers

FEATURES = read_features(REPOSITORY)
GOOD = 'browsing,"live.page_views_30m >= 5 AND ""High Value""",Email_Marketing,0.1,24h,shop'


def read(folder: Path, *rows: str) -> tuple[Trigger, ...]:
    (folder / "seeds").mkdir(exist_ok=True)
    (folder / SEED).write_text("\n".join([",".join(HEADER), *rows]) + "\n")
    return read_triggers(folder, FEATURES)


def test_row_is_a_trigger(tmp_path: Path) -> None:
    (browsing, cart) = read(tmp_path, GOOD, "cart,live.cart_value > 50,,,,shop")
    assert (browsing.purpose, browsing.hold_out_share, browsing.cool_down) == (
        "email_marketing", 0.1, 86_400_000_000,
    )  # fmt: skip
    assert browsing.expression == parse('live.page_views_30m >= 5 AND "High Value"')
    assert (cart.purpose, cart.hold_out_share, cart.cool_down, cart.line) == ("", 0.0, 0, 3)


def test_project_without_triggers_has_none(tmp_path: Path) -> None:
    assert read_triggers(tmp_path, FEATURES) == ()
    assert read_triggers(REPOSITORY, FEATURES) == ()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("x,live.events_5m,,,,", "x has no destination"),
        ("x y,live.events_5m,,,,shop", "'x y' is no name"),
        ("x,live.events_5m,,1,,shop", "hold_out_share '1' must be from 0 to 0.99"),
        ("x,live.events_5m,,nan,,shop", "hold_out_share 'nan' must be"),
        ("x,live.events_5m,*,,,shop", r"purpose \* is that of seeds/suppressions.csv"),
        ("x,live.events_5m,,,1 day,shop", "cool_down '1 day' is none of 30m"),
        ("x,live.events_5m,,,shop", "5 values instead of 6"),
        ("browsing,live.events_5m,,,,shop", "browsing is there twice"),
        ("x,channel_app,,,,shop", "names no live feature"),
        ("x,,,,,shop", "trigger x: rule is empty"),
        (
            "x,channel_app AND live.event_5m,,,,shop",
            'unknown live feature "event_5m" at character 17; nearest: "events_5m"'
            ".*channel_app AND <here>live.event_5m",
        ),
        ("x,live.events_5m AND,,,,shop", "trigger x: expected a tag after AND at character 19"),
        ("x,live.last_event_type,,,,shop", r"live.last_event_type at character 1 is a text"),
        ("x,live.purchased_24h > 0,,,,shop", "live.purchased_24h at character 1 is true or false"),
        ("x,live.time_since_last_event,,,,shop", "is a time: compare it"),
    ],
)
def test_row_that_cannot_be_used_says_where_and_why(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(UsageProblem, match=f"^seeds/triggers.csv, line 3: .*{said}") as told:
        read(tmp_path, GOOD, row)
    assert "\n" not in str(told.value)


def test_other_header_is_refused(tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    (tmp_path / SEED).write_text("trigger,rule\n")
    with pytest.raises(UsageProblem, match="the first line must be trigger,rule,purpose"):
        read_triggers(tmp_path, FEATURES)


@pytest.mark.parametrize(
    ("rule", "value", "is_held"),
    [
        ("live.x", 0, False), ("live.x", 3, True), ("live.x", True, True), ("live.x", False, False),
        ("live.x", Decimal("0.5"), True), ("live.x >= 5", 5, True), ("live.x > 5", 5, False),
        ("live.x < 0.1", 0.1, False), ("live.x = 0.1", 0.1, True), ("live.x != 1", 2, True),
        ("live.x BETWEEN 2 AND 5", 5, True), ("live.x IN (1, 3)", 2, False),
        # No event: no time since the last one.
        ("live.x <= 60", None, False), ("NOT live.x <= 60", None, True),
    ],
)  # fmt: skip
def test_live_feature_in_a_rule(rule: str, value: Value, is_held: bool) -> None:
    def leaf_holds(leaf: Tag | Compare) -> bool:
        return live_holds(leaf, {"x": value})

    assert holds(parse(rule), leaf_holds) is is_held


def test_arm_is_that_of_the_macro() -> None:
    """The SQL of macros/audiences/arm.sql and macros/identity/hash_63_bits.sql, on DuckDB."""
    macro = (REPOSITORY / "macros/audiences/arm.sql").read_text()
    assert "9223372036854775808 as double) < {{ hold_out_share }} then 'hold_out'" in macro
    customers = [f"ONE{number:016x}" for number in range(300)]
    rows = duckdb.execute(
        "select one_id, case when (md5_number('a key' || '|' || 'PKG1' || '|' || one_id)"
        " & 9223372036854775807)::bigint / cast(9223372036854775808 as double) < 0.3"
        " then 'hold_out' else 'treatment' end from (select unnest($1) as one_id)",
        [customers],
    ).fetchall()
    assert {one_id: arm_of("a key", "PKG1", one_id, 0.3) for one_id in customers} == dict(rows)
    assert 50 < sum(arm == "hold_out" for _, arm in rows) < 130


def test_key_of_the_hold_out_is_the_projects(tmp_path: Path) -> None:
    assert read_hold_out_key(REPOSITORY) == "onecdp"
    (tmp_path / "dbt_project.yml").write_text("vars: {audience_hold_out_key: spring}")
    assert read_hold_out_key(tmp_path) == "spring"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("", r"line 2: no destination 'shop' in the settings; add \[destinations.shop\]"),
        ("[destinations.shops]\ntype = 'webhook'", "did you mean shops"),
        ("[destinations.shop]\ntype = 'sql'", "destinations.shop.type is 'sql'; it takes webhook"),
        ("[destinations.shop]\ntype = 'webhook'\nurl = 'https://x'", "shop.secret must be a text"),
        ("[destinations.shop]\ntype = 'webhook'\nurl = 'x'\nsecret = '12345678'", "begin with"),
        ("[destinations.shop]\ntype = 'kafka'\nbootstrap_servers = 'x:1'", "shop.topic must be"),
        ("[destinations.shop]\ntype = 'kafka'\nbootstrap_servers = 'x:1'\ntopic = 't'\nacks = 0",
         "no setting 'acks'"),
        ("[destinations.shop]\ntype = 'kafka'\nbootstrap_servers = 'x:1'\ntopic = 't'\n"
         "client = {'no.such' = 1}", r"\[destinations.shop\]: .*no.such"),
        *(
            (f"[destinations.shop]\ntype = 'webhook'\nurl = '{url}'\nsecret = '12345678'",
             "^destinations.shop.url has no host, or a port that is none$")
            for url in ("https:///hooks/token", "https://[token]/", "https://x:token/",
                        "https://token..example/", "https://x:99999/token")
        ),
    ],
)  # fmt: skip
def test_destination_that_cannot_be_used_is_named(tmp_path: Path, settings: str, said: str) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt/config.toml").write_text(settings)
    triggers = read(tmp_path, GOOD)
    with pytest.raises(OnecdpError, match=said) as told:
        read_receivers(tmp_path, {}, triggers)
    assert not re.search("12345678|token|Traceback", str(told.value))


def test_secrets_of_a_topic_may_be_in_the_environment(tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt/config.toml").write_text(
        "[destinations.shop]\ntype = 'kafka'\nbootstrap_servers = '127.0.0.1:1'\ntopic = 't'"
    )
    # Names of environment variables have no dots.
    environment = {"DESTINATIONS__SHOP__CLIENT__SASL_PASSWORD": "12345678"}
    (receiver,) = read_receivers(tmp_path, environment, read(tmp_path, GOOD)).values()
    receiver.close()


@pytest.mark.parametrize("rule", ["gold AND live.events_5m", "gold AND live.events_5m > 2"])
def test_audience_with_a_live_feature_is_told_what_it_wants(rule: str) -> None:
    (problem,) = Names(["gold", "all_customers"]).problems(parse(rule), rule)
    assert problem.reason == (
        '"live.events_5m" is a live feature: only rules of seeds/triggers.csv may use one'
    )
    assert problem.position == 10
