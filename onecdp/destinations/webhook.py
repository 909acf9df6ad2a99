"""A webhook as a destination: signed batches of JSON.

The signature is HMAC-SHA256 of the time header and the body, as `onecdp collect` checks those of
others. Whatever is sent again after a kill has the same `Idempotency-Key`.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import orjson
import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_base, wait_exponential

from onecdp.destinations.kinds import Target
from onecdp.destinations.protocol import Batch, Delivery, Interrupted
from onecdp.destinations.selection import Selection
from onecdp.errors import OnecdpError, UsageProblem

SIGNATURE, TIME, PREFIX = "X-Onecdp-Signature", "X-Onecdp-Timestamp", "sha256="
_ATTEMPTS = 5
_TIMEOUT = 30
_LONGEST_WAIT = 60.0
# The batch is what is wrong; any other refusal would meet all others, too.
_OF_THE_BATCH = (400, 409, 413, 415, 422)


def open_destination(target: Target, selection: Selection) -> Webhook:
    """Returns the webhook of a project's destination."""
    options = target.options()
    url, secret = options.text("url"), options.text("secret")
    rows = options.number("batch_rows", 500)
    options.end()
    what = target.of(selection.is_package)
    what.columns()
    what.end()
    if urlsplit(url).scheme not in ("http", "https"):
        raise UsageProblem(f"{options.where}.url must begin with http:// or https://")
    if len(secret) < 8:
        raise UsageProblem(f"{options.where}.secret must be a text of 8 characters or more")
    letters = target.scratch / "dead-letters" / f"{quote(target.name, safe='')}.jsonl"
    return Webhook(target.name, url, secret, rows, selection, letters)


class _Busy(Interrupted):
    """The service answers that it can't now, or not at all."""

    def __init__(self, text: str, seconds: float | None = None) -> None:
        super().__init__(text)
        self.seconds = seconds


class Webhook:
    """A Destination."""

    sends_all = False
    confirms_batches = True

    def __init__(
        self, name: str, url: str, secret: str, rows: int, selection: Selection, letters: Path,
        *, wait: wait_base | None = None,
    ) -> None:  # fmt: skip
        """Takes what the settings say, and the file of what is refused."""
        parts = urlsplit(url)
        # A token may stand before the host, or in the query.
        self.address = urlunsplit(
            (parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")
        )
        self.batch_rows = rows
        self._name, self._url, self._secret = name, url, secret
        self._selection, self._letters = selection, letters
        self._delivery: Delivery | None = None
        self._session = requests.Session()
        back_off = wait or wait_exponential(multiplier=0.5, max=30)
        self._retrying = Retrying(
            reraise=True,
            stop=stop_after_attempt(_ATTEMPTS),
            retry=retry_if_exception_type(_Busy),
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
            refused = self._retrying(self._post, body)
        except _Busy as error:
            # Not again from the start: its own attempts are over.
            raise OnecdpError(f"{error}; what it has not taken is sent next time") from None
        if refused is None:
            return True
        self._keep(refused, body)
        return False

    def receipt(self) -> Mapping[str, Any]:
        """Returns nothing: each batch was confirmed by its answer."""
        return {}

    def close(self) -> None:
        """Closes the connection."""
        self._session.close()

    def _post(self, body: bytes) -> int | None:
        """Posts once; returns None if it was taken, or the status that refuses this batch."""
        moment = str(int(time.time()))
        mac = hmac.new(self._secret.encode(), moment.encode() + body, "sha256")
        headers = {
            "Content-Type": "application/json",
            TIME: moment,
            SIGNATURE: f"{PREFIX}{mac.hexdigest()}",
            "Idempotency-Key": hashlib.sha256(body).hexdigest()[:32],
        }
        try:
            answer = self._session.post(
                self._url, data=body, headers=headers, timeout=_TIMEOUT, allow_redirects=False
            )
        except requests.RequestException as error:
            # Its text has the address, with any token.
            raise _Busy(f"{self._name} can't be reached ({type(error).__name__})") from None
        status = answer.status_code
        if 200 <= status < 300:
            return None
        if status in _OF_THE_BATCH:
            return status
        text = f"{self._name} answered {status} {answer.reason}"
        if status in (408, 425, 429) or status >= 500:
            raise _Busy(text, _seconds(answer.headers.get("Retry-After")))
        raise OnecdpError(f"{text}; what it has not taken is sent next time")

    def _keep(self, status: int, body: bytes) -> None:
        self._letters.parent.mkdir(mode=0o700, exist_ok=True)
        at = datetime.now(UTC).isoformat(timespec="seconds")
        line = orjson.dumps({"at": at, "status": status, "body": orjson.loads(body)})
        handle = os.open(self._letters, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "ab") as file:
            file.write(line + b"\n")


def _seconds(text: str | None) -> float | None:
    return min(float(text), _LONGEST_WAIT) if text and text.isdecimal() else None


def _asked_for(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return (error.seconds or 0.0) if isinstance(error, _Busy) else 0.0
