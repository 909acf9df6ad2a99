"""Draws invoices of the online shop, per delivery, in the format of Online Retail II."""

from __future__ import annotations

import numpy as np

from onecdp.generate.draws import Columns, Ints, by_chance, height, rows_of, source_of
from onecdp.generate.identifiers import NONE
from onecdp.generate.people import People
from onecdp.generate.rates import DAYS, Delivery, Rates

COUNTRIES = ("United Kingdom", "Germany", "France", "EIRE", "Spain", "Netherlands")
_POSTAGE = 0


def first_orders(people: People, seed: int) -> Ints:
    """Returns the day of each person's first order, NONE for people who do not buy online."""
    days = source_of(seed, "first orders").integers(0, DAYS, people.count)
    return np.where(people.online, days, NONE)


def draw_lines(people: People, seed: int, rates: Rates, delivery: Delivery, first: Ints) -> Columns:
    """Draws the invoice lines of a delivery's days.

    Args:
        people: All people.
        seed: The seed of the shop.
        rates: The probabilities.
        delivery: The delivery.
        first: The result of `first_orders`.

    Returns:
        Per line: order (number within the delivery), customer (person or NONE), is_return, item
        (0 is postage), quantity, cents, seconds (since the first day), country.
    """
    draw = source_of(seed, "retail", delivery.number)
    begins = np.maximum(first, delivery.first)
    length = np.where(people.online, np.maximum(delivery.until - begins, 0), 0)
    often = draw.poisson(length * rates.orders / DAYS)
    later = np.repeat(np.arange(people.count), often)
    opening = np.flatnonzero((first >= delivery.first) & (first < delivery.until))
    named = np.concatenate([opening, later])
    walk_ins = round(len(named) * rates.walk_in / (1 - rates.walk_in))
    customer = np.concatenate([named, np.full(walk_ins, NONE)])
    day = np.concatenate(
        [
            first[opening],
            begins[later] + np.floor(draw.random(len(later)) * length[later]).astype(np.int64),
            draw.integers(delivery.first, delivery.until, walk_ins),
        ]
    )
    orders: Columns = {
        "customer": customer,
        # Whole minutes, as in Online Retail II.
        "seconds": day * 86_400 + draw.integers(7 * 60, 20 * 60, len(day)) * 60,
        "is_return": by_chance(draw, np.ones(len(day), np.bool_), rates.returned),
        "country": np.where(
            customer == NONE, 0, np.maximum(customer % 20 - 14, 0)
        ),  # most are at home
    }
    orders = rows_of(orders, np.argsort(orders["seconds"], kind="stable"))
    orders["order"] = np.arange(height(orders))
    return _lines(orders, rates, draw)


def _lines(orders: Columns, rates: Rates, draw: np.random.Generator) -> Columns:
    many = 1 + draw.poisson(rates.lines - 1, height(orders))
    lines = rows_of(orders, np.repeat(np.arange(len(many)), many))
    size = height(lines)
    item = np.where(draw.random(size) < 0.02, _POSTAGE, np.minimum(draw.zipf(1.2, size), 3_000))
    lines |= {
        "item": item,
        "quantity": np.where(item == _POSTAGE, 1, draw.integers(1, 13, size)),
        "cents": 42 + (item * 6_131) % 2_500,
    }
    # A line that occurs twice in one invoice was sold twice: it is not a duplicate.
    again = by_chance(draw, np.ones(size, np.bool_), rates.repeated_line)
    return rows_of(lines, np.repeat(np.arange(size), 1 + again.astype(np.int64)))
