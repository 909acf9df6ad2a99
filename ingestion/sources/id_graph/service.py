"""The ID graph's HTTP service: settings, retries and limits.

docs/id-graph.md describes what goes over the wire.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import field
from typing import Optional

from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.configuration.resolve import resolve_configuration
from dlt.common.configuration.specs.base_configuration import BaseConfiguration, configspec
from dlt.common.typing import TSecretStrValue
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    wait_exponential,
    wait_random,
)

from onecdp.identity.graph_service.exchange import ExchangeFailed, check_url, post_json

SECTIONS = ("sources", "id_graph")
LONGEST_WAIT = 30.0
"""Seconds between two attempts, at most; who wants a longer break is asked at the next run."""
MAX_ANSWER = 4 << 20
"""Bytes; some 15,000 links for one batch."""


class BadSettings(Exception):
    """The service is configured in a way that cannot work; for the user."""


@configspec
class ServiceSettings(BaseConfiguration):
    """`[sources.id_graph]` in dlt's configuration; without a `url` there is no service.

    Seconds, where nothing else is said.
    """

    # dlt reads the annotations itself and wants Optional where None is the default.
    url: Optional[str] = None  # noqa: UP045
    token: Optional[TSecretStrValue] = field(default=None, repr=False)  # noqa: UP045
    timeout: float = 10.0
    """For one exchange, from the look-up of the name to the last byte."""
    batch_size: int = 500
    """Identifiers per request."""
    max_attempts: int = 4
    """For one batch."""
    backoff: float = 0.5
    """Before the second attempt; doubles with each further one, plus up to as much by chance."""
    requests_per_second: float = 5.0
    max_failures: int = 3
    """After so many failed batches in a row the service is left alone until the next run."""
    max_seconds: float = 600.0
    """For all batches of one run; the others wait for the next."""


def read_settings() -> ServiceSettings | None:
    """Reads the settings by dlt's conventions; None means that no service is configured.

    Raises:
        BadSettings: a setting cannot be used; the message names it, and no secret.
    """
    try:
        settings = resolve_configuration(ServiceSettings(), sections=SECTIONS)
    except ConfigurationException as error:
        raise BadSettings(str(error).splitlines()[0]) from None
    if not settings.url:
        return None
    if problem := check_url(settings.url):
        raise BadSettings(f"url {problem}")
    for name, lowest in (
        ("timeout", 0.001),
        ("batch_size", 1),
        ("max_attempts", 1),
        ("backoff", 0),
        ("requests_per_second", 0.001),
        ("max_failures", 1),
        ("max_seconds", 0.001),
    ):
        value = settings[name]
        if not (math.isfinite(value) and value >= lowest):
            raise BadSettings(f"{name} is {value}; it must be {lowest} or more")
    return settings


class Service:
    """Asks batch after batch; stops after repeated failures or `max_seconds`.

    `stopped` says why, in words for the user, once it is so.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        """Starts the clock of `max_seconds`."""
        self._settings = settings
        self._deadline = time.monotonic() + settings.max_seconds
        self._next_request = 0.0
        self._failures = 0
        self._stopped: str | None = None
        self._retrying = Retrying(
            retry=retry_if_exception(_is_worth_another_try),
            stop=self._has_tried_enough,
            wait=self._wait,
            reraise=True,
        )
        growing = wait_exponential(multiplier=settings.backoff, max=LONGEST_WAIT)
        self._growing_wait = growing + wait_random(0, settings.backoff)

    @property
    def stopped(self) -> str | None:
        """Why no further batch is asked; None while the service is worth asking."""
        if self._stopped is None and time.monotonic() >= self._deadline:
            self._stopped = f"the {self._settings.max_seconds:g} s for asking are over"
        return self._stopped

    def ask(self, identifiers: Sequence[tuple[str, str]]) -> list[object]:
        """Asks about one batch of (id_type, id_value).

        Returns:
            The links as the service wrote them; nothing about them is checked yet.

        Raises:
            ExchangeFailed: The batch was not answered, also not when it was asked again.
        """
        try:
            links: list[object] = self._retrying(self._ask_once, identifiers)
        except ExchangeFailed as failure:
            self._failures += 1
            if failure.retry_after > LONGEST_WAIT:
                self._stopped = f"the service wants {failure.retry_after:,.0f} s of rest"
            elif self._failures >= self._settings.max_failures:
                self._stopped = f"{self._failures} batches in a row failed"
            raise
        self._failures = 0
        return links

    def _ask_once(self, identifiers: Sequence[tuple[str, str]]) -> list[object]:
        now = time.monotonic()
        if now < self._next_request:
            time.sleep(self._next_request - now)
        self._next_request = time.monotonic() + 1 / self._settings.requests_per_second
        answer = post_json(
            self._settings.url or "",
            self._settings.token,
            {
                "wants": "links",
                "identifiers": [
                    {"id_type": kind, "id_value": value} for kind, value in identifiers
                ],
            },
            timeout=self._settings.timeout,
            max_bytes=MAX_ANSWER,
        )
        links = answer.get("links") if isinstance(answer, dict) else None
        if not isinstance(links, list):
            raise ExchangeFailed('the answer has no list "links"', is_passing=False)
        return links

    def _has_tried_enough(self, state: RetryCallState) -> bool:
        is_late = time.monotonic() >= self._deadline
        return is_late or state.attempt_number >= self._settings.max_attempts

    def _wait(self, state: RetryCallState) -> float:
        failure = state.outcome.exception() if state.outcome else None
        asked_for = failure.retry_after if isinstance(failure, ExchangeFailed) else 0.0
        return max(asked_for, self._growing_wait(state))


def _is_worth_another_try(error: BaseException) -> bool:
    return (
        isinstance(error, ExchangeFailed) and error.is_passing and error.retry_after <= LONGEST_WAIT
    )
