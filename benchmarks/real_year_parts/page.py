"""The page docs/real-year.md: tables of a published year, each with what it tells the shop."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

import duckdb

COMMAND = "python benchmarks/real_year.py --data year_2010_2011.csv.gz --page > docs/real-year.md"


def real_year_page(marts_file: Path) -> str:
    """Returns the page as Markdown.

    Args:
        marts_file: A published file of the year, built with the var customer_value.
    """
    with duckdb.connect(str(marts_file), read_only=True) as marts:
        parts = [
            *_head(marts),
            *_retention(marts),
            *_segments(marts),
            *_channels(marts),
            *_pairs(marts),
            *_hold_out(marts),
        ]
    return "\n\n".join(parts) + "\n"


def _text(text: str) -> str:
    return textwrap.fill(
        " ".join(text.split()), width=120, break_long_words=False, break_on_hyphens=False
    )


def _lesson(text: str) -> str:
    return _text(f"**What the shop takes from it:** {text}")


def _table(header: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f} %"


def _head(marts: duckdb.DuckDBPyConnection) -> list[str]:
    ((as_of,),) = marts.execute("select max(as_of_date) from customer_value").fetchall()
    return [
        "# A real year in tables",
        _text(
            f"""Online Retail II (D. Chen, UCI Machine Learning Repository, doi 10.24432/C5CG6D,
            CC BY 4.0), the sheet "Year 2010-2011": a British online shop for gifts, with many
            wholesale customers, up to {as_of}. Revenue is in pounds, before returns. Made by"""
        ),
        f"```sh\n{COMMAND}\n```",
        "A test compares this page with the marts of the year.",
    ]


def _retention(marts: duckdb.DuckDBPyConnection) -> list[str]:
    cohorts: dict[str, list[object]] = {}
    for month, size, since, retention in marts.execute(
        "select strftime(cohort_month, '%Y-%m'), cohort_customers, months_since, retention"
        " from customer_cohorts order by all"
    ).fetchall():
        row = cohorts.setdefault(month, [month, f"{size:,}"])
        if since:
            row.append(_percent(retention))
    width = max(len(row) for row in cohorts.values())
    ((first, best, best_month),) = marts.execute(
        "select max(retention) filter (where months_since = 1),"
        " max(retention) filter (where months_since > 1),"
        " strftime(arg_max(month, retention) filter (where months_since > 1), '%B %Y')"
        " from customer_cohorts"
        " where cohort_month = (select min(cohort_month) from customer_cohorts)"
    ).fetchall()
    ((new,),) = marts.execute(
        "select sum(customers)::double / sum(cohort_customers) from customer_cohorts"
        " where months_since = 1 and month < (select max(month) from customer_cohorts)"
        " and cohort_month > (select min(cohort_month) from customer_cohorts)"
    ).fetchall()
    return [
        "## Retention",
        _text(
            """Share of the customers of each month of a first purchase who bought so many months
            later (`customer_cohorts`). The last month has nine days, and the first cohort holds the
            customers from before the data begin."""
        ),
        _table(
            ["first purchase", "customers", *range(1, width - 1)],
            ([*row, *[""] * (width - len(row))] for row in cohorts.values()),
        ),
        _lesson(
            f"""of new customers only {_percent(new)} are back in the next month; of those who were
            customers when the data begin {_percent(first)} were, and {_percent(best)} bought in
            {best_month}. The second order is what to work for."""
        ),
    ]


def _segments(marts: duckdb.DuckDBPyConnection) -> list[str]:
    rows = marts.execute(
        "select grid_segment, count(*), count(*) / sum(count(*)) over (),"
        " sum(gross_revenue)::bigint, sum(gross_revenue)::double / sum(sum(gross_revenue)) over ()"
        " from customer_profiles where total_orders > 0 group by all order by 4 desc"
    ).fetchall()
    name, _, share, _, of_revenue = rows[0]
    lost = next(row for row in rows if row[0] == "can't lose")
    return [
        "## Segments",
        "Buyers by the grid of recency and frequency (`customer_segments`).",
        _table(
            ["segment", "customers", "share", "revenue", "share of revenue"],
            ([s, f"{n:,}", _percent(p), f"{r:,}", _percent(q)] for s, n, p, r, q in rows),
        ),
        _lesson(
            f"""{_percent(share)} of the buyers, the {name}, bring {_percent(of_revenue)} of the
            revenue. Call the {lost[1]} it can't lose: they bought often, for
            {lost[3] / lost[1]:,.0f} each, and have not come for long."""
        ),
    ]


def _channels(marts: duckdb.DuckDBPyConnection) -> list[str]:
    rows = marts.execute(
        "select channel, strftime(month, '%Y-%m'), customers, orders, revenue::bigint,"
        " average_order_value, repeat_rate from channel_performance order by all"
    ).fetchall()
    ((autumn, spring, last),) = marts.execute(
        "select sum(revenue) filter (where month(month) in (9, 10, 11) and year(month) = 2011),"
        " sum(revenue) filter (where month(month) in (2, 3, 4) and year(month) = 2011),"
        " max(repeat_rate) filter (where month = '2011-11-01') from channel_performance"
    ).fetchall()
    return [
        "## Channels",
        _text(
            """Each channel and month (`channel_performance`); orders without a customer count in
            orders and revenue. Repeat rate: share of the customers with an order that was not
            their first."""
        ),
        _table(
            ["channel", "month", "customers", "orders", "revenue", "per order", "repeat rate"],
            (
                [c, m, f"{n:,}", f"{o:,}", f"{r:,}", f"{a:,.0f}", _percent(p)]
                for c, m, n, o, r, a, p in rows
            ),
        ),
        _lesson(
            f"""September to November sell {autumn / spring:.1f} times as much as February to April,
            and by November {_percent(last)} of the customers are old ones: stock and mailings
            belong before September."""
        ),
    ]


def _pairs(marts: duckdb.DuckDBPyConnection) -> list[str]:
    rows = marts.execute(
        "select left_item_id, right_item_id, customers, lift from product_affinity"
        " where customers >= 200 order by lift desc, 1, 2 limit 5"
    ).fetchall()
    left, right, customers, lift = rows[0]
    return [
        "## Items that go together",
        _text(
            """The pairs with the highest lift among those with 200 customers or more
            (`product_affinity`)."""
        ),
        _table(
            ["item", "item", "customers of both", "lift"],
            ([left, right, n, f"{times:.1f}"] for left, right, n, times in rows),
        ),
        _lesson(
            f"""{customers} customers bought both {left} and {right}, {lift:.1f} times as many as by
            chance: show one beside the other."""
        ),
    ]


def _hold_out(marts: duckdb.DuckDBPyConnection) -> list[str]:
    models = marts.execute(
        "select model, max(auc), max(brier), sum(predicted_share * customers) / sum(customers),"
        " sum(actual_share * customers) / sum(customers), sum(customers), max(held_out_after)"
        " from customer_value_calibration group by model order by max(brier)"
    ).fetchall()
    deciles = marts.execute(
        "select decile, max(predicted_share) filter (where model = 'logistic'),"
        " max(actual_share) filter (where model = 'logistic'), sum(predicted_purchases),"
        " sum(actual_purchases), sum(predicted_revenue), sum(actual_revenue)"
        " from customer_value_calibration group by decile order by decile"
    ).fetchall()
    expected, came, revenue, paid = (sum(row[n] for row in deciles) for n in (3, 4, 5, 6))
    quality = {model: (auc, brier) for model, auc, brier, *_ in models}
    verdict = ", ".join(
        f"{model} {'beats' if _beats_baselines(model, quality) else 'does not beat'} both baselines"
        for model in ("logistic", "bg_nbd")
    )
    return [
        "## What was expected, and what came",
        _text(
            f"""`customer_value_calibration`: {models[0][5]:,} customers, scored with what was known
            on {models[0][6]}, and the 90 days after it. AUC is 0.5 by chance and 1 at best; Brier
            is 0 at best. The last two columns are the mean predicted probability of a purchase and
            the share who bought. [The method](customer-value.md#calibration)."""
        ),
        _table(
            ["model", "AUC", "Brier", "predicted", "actual"],
            ([m, f"{a:.3f}", f"{b:.3f}", _percent(p), _percent(q)] for m, a, b, p, q, *_ in models),
        ),
        _text(f"By AUC and Brier: {verdict}."),
        _text(
            """By decile, the likeliest customers first; purchases are days with one, by BG/NBD, and
            revenue by Gamma-Gamma on top:"""
        ),
        _table(
            [
                *("decile", "logistic: predicted", "bought", "BG/NBD: purchases", "were"),
                *("revenue", "was"),
            ],
            (
                [d, _percent(p), _percent(q), f"{e:,.0f}", f"{w:,}", f"{r:,.0f}", f"{v:,.0f}"]
                for d, p, q, e, w, r, v in deciles
            ),
        ),
        _lesson(
            f"""the scores say who will buy, and too little how much: the hold-out period is the
            season before Christmas, most of the months before are not. BG/NBD expected
            {expected:,.0f} purchases of the {came:,} that came, and
            {_percent(revenue / float(paid))} of the revenue. Rank customers by them; set budgets by
            last year's season."""
        ),
    ]


def _beats_baselines(model: str, quality: dict[str, tuple[float, float]]) -> bool:
    auc, brier = quality[model]
    return all(
        auc > quality[baseline][0] and brier < quality[baseline][1]
        for baseline in ("recency alone", "last period repeats")
    )
