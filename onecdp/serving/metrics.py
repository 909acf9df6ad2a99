"""Figures of the API, in the text format of Prometheus: counts and times, no value of a request."""

from __future__ import annotations

import json
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

_OF_TRIGGERS = {
    "events": ("onecdp_trigger_events_total", "counter", "what"),
    "members": ("onecdp_trigger_members", "gauge", "arm"),
    "waiting": ("onecdp_trigger_waiting", "gauge", "destination"),
}


class Metrics:
    """The figures of one tenant, since the server started."""

    def __init__(self) -> None:
        """Starts at zero."""
        self._requests: dict[tuple[str, int], int] = defaultdict(int)
        self._buckets: dict[str, list[int]] = defaultdict(lambda: [0] * (len(_BOUNDS) + 1))
        self._seconds: dict[str, float] = defaultdict(float)
        self._publications = 1
        self._changed_at = time.time()

    def count(self, route: str, status: int, seconds: float) -> None:
        """Counts an answer."""
        self._requests[route, status] += 1
        self._buckets[route][bisect_left(_BOUNDS, seconds)] += 1
        self._seconds[route] += seconds

    def changed(self) -> None:
        """Counts the change to another publication."""
        self._publications += 1
        self._changed_at = time.time()

    def text(self, triggers: Iterable[tuple[str, str, str, int]] = ()) -> str:
        """Returns all figures; those of triggers as `outbox.read_figures` gives them."""
        lines = [*self._lines(), *_trigger_lines(triggers)]
        return "".join(f"{line}\n" for line in lines)

    def _lines(self) -> Iterator[str]:
        yield "# TYPE onecdp_requests_total counter"
        for (route, status), count in sorted(self._requests.items()):
            yield f'onecdp_requests_total{{route="{route}",status="{status}"}} {count}'
        yield "# TYPE onecdp_request_seconds histogram"
        for route, buckets in sorted(self._buckets.items()):
            total = 0
            for bound, count in zip((*_BOUNDS, "+Inf"), buckets, strict=True):
                total += count
                yield f'onecdp_request_seconds_bucket{{route="{route}",le="{bound}"}} {total}'
            yield f'onecdp_request_seconds_sum{{route="{route}"}} {self._seconds[route]:.6f}'
            yield f'onecdp_request_seconds_count{{route="{route}"}} {total}'
        yield "# TYPE onecdp_publications_total counter"
        yield f"onecdp_publications_total {self._publications}"
        yield "# TYPE onecdp_publication_opened_timestamp_seconds gauge"
        yield f"onecdp_publication_opened_timestamp_seconds {self._changed_at:.3f}"


def _trigger_lines(figures: Iterable[tuple[str, str, str, int]]) -> Iterator[str]:
    for family, rows in groupby(figures, key=itemgetter(1)):
        name, kind, label = _OF_TRIGGERS[family]
        yield f"# TYPE {name} {kind}"
        for trigger, _, what, count in rows:
            # A destination may have any name; JSON escapes as Prometheus does.
            escaped = json.dumps(what, ensure_ascii=False)
            yield f'{name}{{trigger="{trigger}",{label}={escaped}}} {count}'
