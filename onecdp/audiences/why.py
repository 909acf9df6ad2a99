"""Why a customer is in an audience or not, down to the source rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from onecdp.audiences.evaluate import Evaluator
from onecdp.audiences.names import AUDIENCE_PREFIX
from onecdp.audiences.rules import Compare, Expression, Tag, leaves, to_text
from onecdp.audiences.store import Consent, Customer, Store
from onecdp.warehouse.files import connect
from onecdp.warehouse.query import Rows, fetch_rows

SHOWN_ROWS = 5

# The events behind numbers and families; members of the CRM give the rest.
_EVENT_TYPES = {
    "monetary": ("purchase", "return"),
    "orders": ("purchase",),
    "recency": ("purchase",),
    "frequency": ("purchase",),
    "rfm_segment": ("purchase", "return"),
    "grid": ("purchase", "return"),
    "channel": ("purchase",),
    "page_views": ("page_view",),
    "engagement": ("page_view",),
    "email_opens": ("email_open",),
    "email_clicks": ("email_click",),
    "email_opted_out": ("email_unsubscribe", "email_complaint"),
    "open_ticket": ("ticket_created", "ticket_solved"),
    "tickets_90_days": ("ticket_created",),
}
_OF_MEMBERS = ("points", "days_since_sign_up", "level")


@dataclass(frozen=True)
class Leaf:
    """A tag or comparison of a rule, for one customer.

    Attributes:
        text: As in the rule.
        is_true: Whether it holds for the customer.
        family: What the tag comes from; number for a comparison.
        value: The customer's value of the number.
        rows: Source rows behind it, the latest first: source_file, source_line, event_type,
            event_time, channel, item_id, revenue.
        row_count: How many there are.
        leaves: Of another audience, its own leaves.
    """

    text: str
    is_true: bool
    family: str
    value: Any = None
    rows: Rows = ()
    row_count: int = 0
    leaves: tuple[Leaf, ...] = ()


@dataclass(frozen=True)
class Why:
    """Why a rule selects a customer or not.

    Attributes:
        customer: The customer.
        rule: The rule, as it was read.
        is_selected: Whether the rule selects the customer.
        leaves: Each tag and comparison of the rule.
        package_id: The audience, if one was asked for.
        is_member: Whether the customer is in its package: selected, and not excluded afterwards.
        arm: Of a member: `treatment`, or `hold_out` for those who are never delivered.
        consent: What decides on the customer for the audience's purpose; None if it asks for none.
    """

    customer: Customer
    rule: str
    is_selected: bool
    leaves: tuple[Leaf, ...]
    package_id: str | None = None
    is_member: bool | None = None
    arm: str | None = None
    consent: Consent | None = None

    def document(self) -> dict[str, Any]:
        """Returns the JSON document."""
        return asdict(self)


def why(store: Store, rule: str, customer: Customer, private: Path | None = None) -> Why:
    """Returns why a rule selects a customer or not.

    Args:
        store: The published marts.
        rule: The rule.
        customer: The customer, from `Store.customer`.
        private: The private build file, for the source rows; None leaves them out.

    Raises:
        RuleError: The rule is invalid.
        OnecdpError: The private file is locked by a build.
    """
    expression = store.parsed(rule)
    is_selected = customer.one_int in Evaluator(store.sets).evaluate(expression)
    found = tuple(_leaf(store, leaf, customer) for leaf in leaves(expression))
    if private is not None and private.is_file():
        with connect(private, read_only=True) as connection:
            connection.execute("set timezone = 'UTC'")
            found = tuple(_with_rows(connection, leaf, customer) for leaf in found)
    return Why(customer, to_text(expression), is_selected, found)


def check(store: Store, package_id: str, customer: Customer, private: Path | None = None) -> Why:
    """Returns whether a customer is in an audience, in which arm, and why.

    Raises:
        UsageProblem: There is no such audience.
        OnecdpError: Its rule has failed, or the private file is locked by a build.
    """
    is_selected = customer.one_int in store.audience(package_id)
    explained = why(store, store.rules[package_id], customer, private)
    arm = store.arm(package_id, customer)
    return replace(
        explained,
        is_selected=is_selected,
        package_id=package_id,
        is_member=arm is not None,
        arm=arm,
        consent=store.consent(package_id, customer),
    )


def _leaf(store: Store, leaf: Tag | Compare, customer: Customer) -> Leaf:
    is_true = customer.one_int in Evaluator(store.sets).evaluate(leaf)
    text = to_text(leaf)
    if isinstance(leaf, Compare):
        value = store.sets.numbers[leaf.number].value_of(customer.one_int)
        return Leaf(text, is_true, leaf.number, value)
    if not leaf.name.startswith(AUDIENCE_PREFIX):
        return Leaf(text, is_true, store.tags[leaf.name].family, leaf.name)
    inner: Expression = store.parsed(store.rules[leaf.name.removeprefix(AUDIENCE_PREFIX)])
    nested = tuple(_leaf(store, part, customer) for part in leaves(inner))
    return Leaf(text, is_true, "audience", leaves=nested)


def _with_rows(private: duckdb.DuckDBPyConnection, leaf: Leaf, customer: Customer) -> Leaf:
    """Adds the source rows behind a leaf."""
    if leaf.family == "audience":
        return replace(
            leaf, leaves=tuple(_with_rows(private, part, customer) for part in leaf.leaves)
        )
    if leaf.family in _OF_MEMBERS:
        rows = _member_rows(private, customer)
    elif leaf.family == "behaviour":
        rows = _behaviour_rows(private, str(leaf.value), customer)
    elif leaf.family in _EVENT_TYPES:
        types = ", ".join(f"'{name}'" for name in _EVENT_TYPES[leaf.family])
        rows = _event_rows(private, f"events.event_type in ({types})", [], customer)
    else:
        return leaf
    return replace(leaf, rows=rows[:SHOWN_ROWS], row_count=len(rows))


def _behaviour_rows(private: duckdb.DuckDBPyConnection, tag: str, customer: Customer) -> Rows:
    """Returns the events that a row of seeds/tags.csv counts."""
    (selection,) = fetch_rows(
        private,
        "select event_type, channel, item_id, window_days, then_event_type"
        " from intermediate.int_audiences__behaviour_tags where segment_tag = $1",
        [tag],
    )
    conditions = ["events.event_type in ($2, $3)"]
    values: list[Any] = [selection["event_type"], selection["then_event_type"]]
    for column in ("channel", "item_id"):
        if selection[column] is not None:
            values.append(selection[column])
            conditions.append(f"events.{column} = ${len(values) + 1}")
    if selection["window_days"] is not None:
        values.append(selection["window_days"])
        conditions.append(
            f"date_diff('day', events.event_date, as_of.as_of_date) < ${len(values) + 1}"
        )
    return _event_rows(private, " and ".join(conditions), values, customer)


def _event_rows(
    private: duckdb.DuckDBPyConnection, condition: str, values: list[Any], customer: Customer
) -> Rows:
    return fetch_rows(
        private,
        "select sources.source_file, sources.source_line, events.event_type, events.event_time,"
        " events.channel, events.item_id, events.revenue"
        " from intermediate.int_events__resolved as events"
        " cross join (select max(created_at)::date as as_of_date"
        " from marts.audience_package_summary) as as_of"
        " left join intermediate.int_events__sources as sources using (event_id)"
        " where events.one_id = $1 and not events.is_withdrawn"
        f" and events.event_date <= coalesce(as_of.as_of_date, current_date) and {condition}"
        " order by events.event_time desc, events.event_id",
        [customer.one_id, *values],
    )


def _member_rows(private: duckdb.DuckDBPyConnection, customer: Customer) -> Rows:
    return fetch_rows(
        private,
        "select members.source_file, members.source_line, 'member' as event_type,"
        " members.updated_at as event_time"
        " from staging.stg_crm__members as members"
        " inner join marts.id_map as map on map.id_type = 'member_id'"
        " and map.id_value = members.member_id"
        " where map.one_id = $1 and not members.is_deleted"
        " order by members.updated_at desc nulls last, members.member_id",
        [customer.one_id],
    )
