"""Generates a shop: draws people, writes the files of the sources and the truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from onecdp.errors import OnecdpError, UsageProblem
from onecdp.generate.app import as_delivered, draw_events
from onecdp.generate.draws import (
    Columns,
    Flags,
    height,
    rows_of,
    source_of,
    spellings,
    stacked,
    with_copies,
)
from onecdp.generate.links import WITHDRAWN, draw_links
from onecdp.generate.members import draw_members
from onecdp.generate.people import HIDDEN_BY, KNOWN, People, draw_people
from onecdp.generate.rates import DELIVERIES, Delivery, Rates
from onecdp.generate.retail import draw_lines, first_orders
from onecdp.generate.truth import counts_of, holders, write_truth
from onecdp.generate.writing import Writer
from onecdp.warehouse.files import scratch

LEAST_CUSTOMERS = 100
"""With fewer customers, some of the rarer traits would not occur."""
MOST_CUSTOMERS = 10_000_000
_SOURCES = ("crm", "app", "retail", "id_graph")


@dataclass
class Tally:
    """Rows written for a source, and the outcomes expected when they are loaded."""

    rows: int = 0
    duplicates: int = 0
    conflicts: int = 0
    superseded: int = 0


@dataclass(frozen=True)
class Generated:
    """A generated shop.

    Attributes:
        folder: The folder.
        customers: Number of people.
        seed: The seed.
        sources: Per source, rows and their outcomes in one load of everything.
        identifiers: Number of identifiers by kind; shared ones count once.
        hidden: Number of people whose identifiers the files do not connect, by reason.
    """

    folder: Path
    customers: int
    seed: int
    sources: dict[str, Tally]
    identifiers: dict[str, int]
    hidden: dict[str, int]

    def document(self) -> dict[str, Any]:
        """Returns the content of `truth/summary.json`."""
        return {name: value for name, value in asdict(self).items() if name != "folder"}


def generate(
    out: Path,
    customers: int,
    seed: int,
    notify: Callable[[str], None],
    rates: Rates | None = None,
) -> Generated:
    """Writes a shop with known truth to `out`.

    Args:
        out: An empty or new folder.
        customers: Number of people, from LEAST_CUSTOMERS to MOST_CUSTOMERS.
        seed: 0 or more; the same seed and number give the same bytes.
        notify: Called with progress messages.
        rates: The probabilities; by default `Rates()`.

    Raises:
        UsageProblem: The number or the seed is out of range.
        OnecdpError: The folder is not empty, or can't be written.
    """
    if not LEAST_CUSTOMERS <= customers <= MOST_CUSTOMERS:
        raise UsageProblem(
            f"{customers:,} customers can't be generated; "
            f"name {LEAST_CUSTOMERS:,} to {MOST_CUSTOMERS:,}"
        )
    if seed < 0:
        raise UsageProblem(f"the seed {seed} is below 0; name 0 or more")
    rates = rates or Rates()
    _make_folders(out)
    notify(f"drawing {customers:,} people")
    people = draw_people(customers, seed, rates)
    links, chain_devices = draw_links(people, seed, rates)
    held = holders(people, chain_devices)
    tallies = {source: Tally() for source in _SOURCES}
    with scratch() as connection:
        writer = Writer(connection, out, seed)
        members = draw_members(people, seed, rates)
        for delivery in DELIVERIES:
            _deliver_members(writer, delivery, members, seed, rates, tallies["crm"])
            _deliver_links(writer, delivery, links, seed, rates, tallies["id_graph"])
        notify("written: crm, id_graph")
        _deliver_retail(writer, people, seed, rates, tallies["retail"], notify)
        _deliver_app(writer, people, seed, rates, tallies["app"], notify)
        write_truth(writer, people, held, links)
    hidden = np.bincount(people.hidden_by, minlength=len(HIDDEN_BY))
    generated = Generated(
        folder=out,
        customers=customers,
        seed=seed,
        sources=tallies,
        identifiers=counts_of(held),
        hidden={
            name: int(count)
            for name, count in zip(HIDDEN_BY[KNOWN + 1 :], hidden[KNOWN + 1 :], strict=True)
        },
    )
    summary = json.dumps(generated.document(), indent=2)
    (out / "truth" / "summary.json").write_text(summary + "\n")
    return generated


def _make_folders(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OnecdpError(f"{out} isn't an empty folder; name a new one")
    try:
        for name in (*_SOURCES, "truth"):
            (out / name).mkdir(parents=True)
    except OSError as error:
        raise OnecdpError(f"{out} can't be created: {error.strerror}") from error


def _on_days(days: Columns, name: str, delivery: Delivery) -> Flags:
    """Selects the rows of the delivery's days; the first delivery includes all earlier ones."""
    begun = days[name] >= delivery.first if delivery.number else True
    return np.asarray((days[name] < delivery.until) & begun, dtype=np.bool_)


def _deliver_members(
    writer: Writer, delivery: Delivery, members: Columns, seed: int, rates: Rates, tally: Tally
) -> None:
    rows = rows_of(members, _on_days(members, "updated", delivery))
    tally.superseded += int(rows["is_update"].sum())
    draw = source_of(seed, "members again", delivery.number)
    rows, copies = with_copies(rows, draw, rates.repeated)
    tally.rows += height(rows)
    tally.duplicates += copies
    writer.crm(delivery, rows)


def _deliver_links(
    writer: Writer, delivery: Delivery, links: Columns, seed: int, rates: Rates, tally: Tally
) -> None:
    rows = rows_of(links, _on_days(links, "last_seen", delivery))
    draw = source_of(seed, "links again", delivery.number)
    # The withdrawal of a link has its spelling: the graph identifies links by their values.
    odd = spellings(draw, height(rows), rates.odd_spelling)
    rows["spelling"] = np.where(rows["kind"] == WITHDRAWN, 0, odd)
    tally.superseded += int(((rows["kind"] == WITHDRAWN) & ~rows["is_active"]).sum())
    rows, copies = with_copies(rows, draw, rates.repeated)
    tally.rows += height(rows)
    tally.duplicates += copies
    writer.id_graph(delivery, rows)


def _deliver_retail(
    writer: Writer,
    people: People,
    seed: int,
    rates: Rates,
    tally: Tally,
    notify: Callable[[str], None],
) -> None:
    first = first_orders(people, seed)
    invoices = 0
    for delivery in DELIVERIES:
        lines = draw_lines(people, seed, rates, delivery, first)
        writer.retail(delivery, lines, invoices)
        invoices += int(lines["order"].max(initial=-1)) + 1
        tally.rows += height(lines)
    notify(f"written: retail, {tally.rows:,} lines")


def _deliver_app(
    writer: Writer,
    people: People,
    seed: int,
    rates: Rates,
    tally: Tally,
    notify: Callable[[str], None],
) -> None:
    late: Columns | None = None
    for delivery in DELIVERIES:
        drawn = draw_events(people, seed, rates, delivery)
        drawn["delivery_number"] = np.full(height(drawn), delivery.number)
        in_time = rows_of(drawn, ~drawn["is_late"])
        sent = in_time if late is None else stacked([late, in_time])
        late = rows_of(drawn, drawn["is_late"])
        rows, copies, conflicts = as_delivered(sent, seed, rates, delivery)
        writer.app(delivery, rows)
        tally.rows += height(rows)
        tally.duplicates += copies
        tally.conflicts += conflicts
        notify(f"written: app to {delivery.day}, {tally.rows:,} events")
