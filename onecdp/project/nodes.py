"""Which nodes of dbt a build builds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Scope(Enum):
    """Which nodes a build builds: everything, or those of a selector of selectors.yml."""

    ALL = "all"
    NEW_ROWS = "new_rows"
    NEW_DATE = "new_date"


@dataclass(frozen=True)
class ChangedSeeds:
    """The nodes that a build builds where only these seeds have another content.

    Attributes:
        names: The seeds; they, all that is downstream of them, and the data quality rules.
    """

    names: Sequence[str]


Nodes = Scope | ChangedSeeds
"""Which nodes a build builds."""


def name_of(nodes: Nodes) -> str:
    """Returns what reports call these nodes."""
    return "changed_seeds" if isinstance(nodes, ChangedSeeds) else nodes.value


def options_of(nodes: Nodes) -> list[str]:
    """Returns the options by which `dbt build` builds these nodes."""
    if isinstance(nodes, ChangedSeeds):
        return ["--select", *(f"{name}+" for name in nodes.names), "tag:data_quality"]
    return [] if nodes is Scope.ALL else ["--selector", nodes.value]
