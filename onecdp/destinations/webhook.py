"""A webhook as a destination: signed batches of JSON.

Whatever is sent again after a kill has the same `Idempotency-Key`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import orjson
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_base, wait_exponential

from onecdp.destinations.kinds import Target
from onecdp.destinations.protocol import Batch, Delivery
from onecdp.destinations.selection import Selection
from onecdp.destinations.signed_post import (
    Address,
    Busy,
    SignedPost,
    keep_letter,
    letter_file,
    read_address,
)
from onecdp.errors import OnecdpError

_ATTEMPTS = 5


def open_destination(target: Target, selection: Selection) -> Webhook:
    """Returns the webhook of a project's destination."""
    options = target.options()
    address = read_address(options)
    rows = options.number("batch_rows", 500)
    options.end()
    what = target.of(selection.is_package)
    what.columns()
    what.end()
    letters = letter_file(target.scratch / "dead-letters", target.name)
    return Webhook(target.name, address, rows, selection, letters)


class Webhook:
    """A Destination."""

    sends_all = False
    confirms_batches = True

    def __init__(
        self, name: str, address: Address, rows: int, selection: Selection, letters: Path,
        *, wait: wait_base | None = None,
    ) -> None:  # fmt: skip
        """Takes what the settings say, and the file of what is refused."""
        parts = urlsplit(address.url)
        # A token may stand before the host, or in the query.
        self.address = urlunsplit(
            (parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")
        )
        self.batch_rows = rows
        self._selection, self._letters = selection, letters
        self._delivery: Delivery | None = None
        self._service = SignedPost(name, address)
        back_off = wait or wait_exponential(multiplier=0.5, max=30)
        self._retrying = Retrying(
            reraise=True,
            stop=stop_after_attempt(_ATTEMPTS),
            retry=retry_if_exception_type(Busy),
            wait=lambda state: max(back_off(state), _asked_for(state)),
        )

    def prepare(self, delivery: Delivery) -> bool:
        """Nothing is sent before there is a batch."""
        self._delivery = delivery
        return False

    def send(self, batch: Batch) -> bool:
        """Posts the rows until they are taken; what is refused is a dead letter."""
        assert self._delivery is not None
        selection = self._selection
        body = orjson.dumps(
            {
                "what": selection.what,
                "package_name": selection.package_name,
                "as_of": self._delivery.as_of and self._delivery.as_of.date(),
                "action": str(batch.action),
                "rows": batch.rows.to_pylist(),
            },
            default=str,
        )
        try:
            # Of the delivery, too: rows that come, go and come again are no repetition.
            key = hashlib.sha256(b"%d %b" % (self._delivery.number, body)).hexdigest()[:32]
            refused = self._retrying(self._service.post, body, key)
        except OnecdpError as error:
            # Not again from the start: its own attempts are over.
            raise OnecdpError(f"{error}; what it has not taken is sent next time") from None
        if refused is None:
            return True
        keep_letter(self._letters, refused, body)
        return False

    def receipt(self) -> Mapping[str, Any]:
        """Returns nothing: each batch was confirmed by its answer."""
        return {}

    def close(self) -> None:
        """Closes the connection."""
        self._service.close()


def _asked_for(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return (error.seconds or 0.0) if isinstance(error, Busy) else 0.0
