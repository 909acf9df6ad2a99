"""Marts computed from unified_events once more, in pandas: another way to the same figures."""

from __future__ import annotations

import pandas as pd

GAP = pd.Timedelta(minutes=30)


def sessions(events: pd.DataFrame) -> pd.DataFrame:
    """What `sessions` says of events without session_id."""
    known = events[events["one_id"].notna()].sort_values(["one_id", "channel", "event_time"])
    same = known.groupby(["one_id", "channel"])["event_time"]
    number = (same.diff().fillna(GAP * 2) > GAP).cumsum().rename("number")
    known = known.assign(
        paid=known["revenue"].where(known["event_type"] == "purchase", 0.0),
        bought=known["event_type"] == "purchase",
    )
    found = known.groupby(number).agg(
        one_id=("one_id", "first"),
        channel=("channel", "first"),
        started_at=("event_time", "min"),
        ended_at=("event_time", "max"),
        events=("event_id", "count"),
        is_converted=("bought", "any"),
        revenue=("paid", "sum"),
    )
    return tidy(found)


def orders(events: pd.DataFrame) -> pd.DataFrame:
    """The orders of events that all have an order_id."""
    bought = events[events["event_type"] == "purchase"]
    found = bought.groupby(["one_id", "order_id"], dropna=False, as_index=False).agg(
        ordered_at=("event_time", "min"),
        channel=("channel", "first"),
        purchases=("event_id", "count"),
        items=("item_id", "nunique"),
        revenue=("revenue", "sum"),
    )
    found = found.sort_values(["ordered_at", "order_id"])
    number = found.groupby("one_id").cumcount() + 1
    return found.assign(
        order_number=number.where(found["one_id"].notna()),
        month=found["ordered_at"].dt.to_period("M"),
    )


def cohorts(events: pd.DataFrame) -> pd.DataFrame:
    """What `customer_cohorts` says of cohorts in months in which they bought."""
    known = orders(events).dropna(subset="one_id")
    first = known.groupby("one_id")["month"].min().rename("cohort_month")
    known = known.join(first, on="one_id")
    size = first.value_counts().rename("cohort_customers")
    found = known.groupby(["cohort_month", "month"], as_index=False).agg(
        customers=("one_id", "nunique"), orders=("order_id", "count"), revenue=("revenue", "sum")
    )
    found = found.join(size, on="cohort_month")
    months = found["month"].astype("int64") - found["cohort_month"].astype("int64")
    found = found.assign(
        months_since=months, retention=found["customers"] / found["cohort_customers"]
    )
    return tidy(found.assign(**{m: found[m].dt.to_timestamp() for m in ("cohort_month", "month")}))


def channel_performance(events: pd.DataFrame) -> pd.DataFrame:
    """What `channel_performance` says."""
    placed = orders(events)
    placed = placed.assign(again=placed["one_id"].where(placed["order_number"] > 1))
    found = placed.groupby(["channel", "month"], as_index=False).agg(
        customers=("one_id", "nunique"),
        repeat_customers=("again", "nunique"),
        purchases=("purchases", "sum"),
        orders=("order_id", "count"),
        revenue=("revenue", "sum"),
    )
    found = found.assign(
        average_order_value=found["revenue"] / found["orders"],
        repeat_rate=found["repeat_customers"] / found["customers"],
        month=found["month"].dt.to_timestamp(),
    )
    return tidy(found)


def tidy(found: pd.DataFrame) -> pd.DataFrame:
    """Columns and rows in one order, so that two frames can be compared."""
    columns = sorted(found.columns)
    return found[columns].sort_values(columns, ignore_index=True)


def assert_same(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    """Equal but for the rounding of money and shares."""
    pd.testing.assert_frame_equal(
        tidy(ours), theirs, check_dtype=False, check_exact=False, atol=1e-4, rtol=1e-9
    )


GRID = pd.Series(
    {
        (recency, frequency): name
        for recency, names in enumerate(
            (
                ("hibernating", "hibernating", "at risk", "at risk", "can't lose"),
                ("hibernating", "hibernating", "at risk", "at risk", "can't lose"),
                ("about to sleep", "about to sleep", "need attention", "loyal customers",
                 "loyal customers"),
                ("promising", "potential loyalists", "potential loyalists", "loyal customers",
                 "loyal customers"),
                ("new customers", "potential loyalists", "potential loyalists", "champions",
                 "champions"),
            ),
            start=1,
        )
        for frequency, name in enumerate(names, start=1)
    }
)  # fmt: skip


def segment_daily(events: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """What `segment_daily` says of one day, of events that all have an order_id and no page."""
    known = events[events["one_id"].notna() & (events["event_date"] <= as_of)]
    bought = known[known["event_type"] == "purchase"].groupby("one_id")
    found = pd.DataFrame(
        {
            "days": (as_of - bought["event_date"].max()).dt.days,
            "orders": bought["order_id"].nunique(),
            "revenue": bought["revenue"].sum(),
        }
    )
    days, orders, revenue = found["days"], found["orders"], found["revenue"]
    bands = {"recency": days, "frequency": -orders, "monetary": -revenue}
    for scheme, edges, names in (
        ("recency", (30, 90, 180), ("Active", "At Risk", "Lapsed", "Churned")),
        ("frequency", (-10, -3), ("High", "Medium", "Low")),
        ("monetary", (-1000, -200), ("High Value", "Mid Value", "Low Value")),
    ):
        edge = [-float("inf"), *edges, float("inf")]
        found[scheme] = pd.cut(bands[scheme], edge, labels=names).astype(str)
    found["rfm"] = "Lost"
    found.loc[days <= 2000, "rfm"] = "Hibernating"
    found.loc[days <= 600, "rfm"] = "At Risk"
    found.loc[(days <= 600) & (orders >= 2), "rfm"] = "Loyal Customers"
    found.loc[(days <= 200) & (orders >= 2) & (revenue >= 300), "rfm"] = "Champions"
    cells = pd.MultiIndex.from_arrays([_quintiles(-days), _quintiles(orders)])
    found["grid"] = GRID.loc[cells].to_numpy()
    found = found.reindex(pd.Index(known["one_id"].unique(), name="one_id"))
    found = found.fillna({"revenue": 0.0}).fillna("Never purchased")
    found["engagement"] = "Low Engagement"
    schemes = ["rfm", "grid", "recency", "frequency", "monetary", "engagement"]
    long = found.melt(["revenue"], schemes, "scheme", "segment")
    summed = long.groupby(["scheme", "segment"], as_index=False).agg(
        customers=("revenue", "size"), revenue=("revenue", "sum")
    )
    return tidy(summed.assign(as_of_date=as_of))


def _quintiles(values: pd.Series) -> pd.Series:
    return (5 * (values.rank(method="min") - 1) // len(values)).astype(int) + 1
