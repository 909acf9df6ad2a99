"""The constraints on clusters, as the project configures them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

# Increment when the same settings would give another result: everything is then resolved again.
ALGORITHM_VERSION = 1


@dataclass(frozen=True)
class Limit:
    """How many values of one identifier type a person may hold.

    Attributes:
        priority: the priority of the type; unique per type.
        max_values: the most values.
        window_days: count only values held at the same time, each from its first_seen until this
            many days after its last_seen; None counts all values.
    """

    priority: int
    max_values: int
    window_days: int | None


@dataclass(frozen=True)
class Settings:
    """The constraints that a cluster must meet.

    Attributes:
        limits: at most one per type.
        cannot_links: pairs of node ids that must not be in one cluster.
        max_cluster_size: the most nodes in a cluster.
    """

    limits: tuple[Limit, ...]
    cannot_links: tuple[tuple[int, int], ...]
    max_cluster_size: int

    @property
    def fingerprint(self) -> int:
        """A hash from 0 to 2^63 - 1, independent of the order of limits and cannot-links."""
        constraints = [
            ALGORITHM_VERSION,
            sorted(
                [
                    limit.priority,
                    limit.max_values,
                    -1 if limit.window_days is None else limit.window_days,
                ]
                for limit in self.limits
            ),
            sorted({(min(pair), max(pair)) for pair in self.cannot_links}),
            self.max_cluster_size,
        ]
        digest = hashlib.sha256(json.dumps(constraints).encode()).digest()
        return int.from_bytes(digest[:8], "big") >> 1
