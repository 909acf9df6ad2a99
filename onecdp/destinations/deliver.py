"""Delivers a selection to a destination: what has changed since the last delivery there."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_base, wait_exponential

from onecdp.destinations.customer_match import PLATFORMS, for_platform
from onecdp.destinations.erased import clear_delivered, rewrite
from onecdp.destinations.kinds import Target
from onecdp.destinations.memory import Counts, Memory
from onecdp.destinations.protocol import Delivery, Destination, Interrupted
from onecdp.destinations.rows import (
    Feed,
    read_as_of,
    read_batches,
    read_left_out,
    read_lengths,
    read_schema,
)
from onecdp.destinations.selection import (
    PROFILES,
    FailedPackage,
    Selection,
    select_package,
    select_profiles,
)
from onecdp.errors import OnecdpError
from onecdp.project.progress import Progress
from onecdp.warehouse.files import Warehouse

ATTEMPTS = 5
_WAIT = wait_exponential(multiplier=0.5, max=30)


class FailedPackages(OnecdpError):
    """The rules of some packages failed in the last build; all others were delivered.

    Attributes:
        receipts: Of the others, as `deliver` returns them.
    """

    def __init__(self, text: str, receipts: list[dict[str, Any]]) -> None:
        """Sets the line for the user, and the receipts."""
        super().__init__(text)
        self.receipts = receipts


@dataclass(frozen=True)
class Order:
    """What is to be delivered.

    Attributes:
        packages: Ids of packages; `profiles` stands for all customers.
        platform: One of `PLATFORMS`, whose columns are wanted.
        phone_hash: What `mobile_hash` is a hash of: `e164`, or `digits` alone.
        is_whole: Send everything again, and remove what else the target has.
        is_dry: Only count.
    """

    packages: Sequence[str]
    platform: str | None = None
    phone_hash: str = "e164"
    is_whole: bool = False
    is_dry: bool = False


def deliver(
    warehouse: Warehouse,
    order: Order,
    target: Target,
    progress: Progress,
    *,
    attempts: int = ATTEMPTS,
    wait: wait_base = _WAIT,
) -> list[dict[str, Any]]:
    """Delivers each selection of an order, and returns the receipts.

    Args:
        warehouse: With the published marts.
        order: What.
        target: Where to.
        progress: Is told of batches and of attempts.
        attempts: How often a delivery that is interrupted is tried.
        wait: How long to wait before it is tried again.

    Raises:
        OnecdpError: A delivery failed; those before it are complete, and nothing of it has stayed
            but what a destination confirms in batches.
        FailedPackages: The rules of some failed in the last build; all others are complete.
    """
    with Memory(warehouse) as memory:
        selections, failed = [], []
        for what in order.packages:
            try:
                selections.append(_select(memory, target, what, order))
            except FailedPackage as error:
                failed.append(str(error))
        retrying = Retrying(
            reraise=True,
            stop=stop_after_attempt(1 if order.is_dry else attempts),
            wait=wait,
            retry=retry_if_exception_type(Interrupted),
            before_sleep=lambda state: progress.note(_again(state)),
        )
        receipts = [
            retrying(_deliver, memory, selection, order, target, progress)
            for selection in selections
        ]
        is_rewrite_due = clear_delivered(memory.connection)
    if is_rewrite_due:
        rewrite(warehouse)
    if failed:
        others = "; the others were delivered" if receipts and not order.is_dry else ""
        raise FailedPackages(f"{'; '.join(failed)}; nothing was changed there{others}", receipts)
    return receipts


def _again(state: RetryCallState) -> str:
    error = state.outcome.exception() if state.outcome else None
    seconds = state.next_action.sleep if state.next_action else 0
    return f"{error}; trying again in {seconds:g} s"


def _select(memory: Memory, target: Target, what: str, order: Order) -> Selection:
    columns = None
    if not order.platform:
        columns = target.of(what != PROFILES).columns()
    elif order.platform in PLATFORMS:
        columns = {"email_hash": "email_hash", "mobile_hash": "mobile_hash"}
    if what == PROFILES:
        selection = select_profiles(memory.connection, columns, is_advertised=bool(order.platform))
    else:
        label = f"{what} for {order.platform}" if order.platform else what
        selection = select_package(
            memory.connection, what, columns, is_known=memory.was_delivered(label)
        )
    if order.platform:
        return for_platform(selection, PLATFORMS[order.platform], order.phone_hash)
    return selection


def _deliver(
    memory: Memory, selection: Selection, order: Order, target: Target, progress: Progress
) -> dict[str, Any]:
    started_at = datetime.now(UTC).replace(tzinfo=None)
    with closing(target.open(selection)) as destination:
        feed = memory.find_feed(destination.address, target.name, selection)
        receipt: dict[str, Any] = {
            "destination": target.name,
            "address": destination.address,
            "as_of": read_as_of(memory.connection),
            "rows_refused": 0,
            "started_at": started_at,
            "details": read_left_out(memory.connection, selection),
        }
        if order.is_dry:
            counts = memory.compare(feed, is_whole=order.is_whole)
            return _planned(feed, counts, receipt)
        delivery = Delivery(
            feed.deliveries + 1,
            selection,
            read_schema(memory.connection, selection),
            receipt["as_of"],
            order.is_whole,
            lambda: read_lengths(memory.connection, selection),
        )
        if destination.prepare(delivery):
            memory.forget_rows(feed)
        counts = memory.compare(feed, is_whole=order.is_whole)
        if counts.to_send:
            memory.set_pending(feed)
        receipt["rows_refused"] = _send(memory, feed, destination, counts, progress)
        receipt["details"] |= destination.receipt()
        receipt["delivered_at"] = datetime.now(UTC).replace(tzinfo=None)
        return memory.complete(feed, receipt, is_confirmed=destination.confirms_batches)


def _send(
    memory: Memory, feed: Feed, destination: Destination, counts: Counts, progress: Progress
) -> int:
    """Sends all batches; returns how many rows were set aside."""
    rows = sent = set_aside = 0
    total = counts.added + counts.changed + counts.unchanged if destination.sends_all else 0
    total = total or counts.to_send
    for batch in read_batches(
        memory.connection, feed, destination.batch_rows, sends_all=destination.sends_all
    ):
        rows = len(batch.one_ids)
        sent += rows
        if not destination.send(batch):
            set_aside += rows
        elif destination.confirms_batches:
            memory.confirm(feed, batch.one_ids)
        progress.update(f"{feed.selection.label}: {sent:,} of {total:,} rows sent")
    return set_aside


def _planned(feed: Feed, counts: Counts, receipt: dict[str, Any]) -> dict[str, Any]:
    selection = feed.selection
    return {
        "what": selection.what,
        "platform": selection.platform,
        "package_name": selection.package_name,
        "segment_rule": selection.segment_rule,
        **receipt,
        "rows_inserted": counts.added,
        "rows_updated": counts.changed,
        "rows_deleted": counts.removed,
        "rows_unchanged": counts.unchanged,
        "delivered_at": None,
    }
