"""What a project says of live features: which there are, limits, and the pause of a session."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from onecdp.errors import UsageProblem
from onecdp.identity.normalise import lower
from onecdp.live.features import ANY, MICROSECONDS, SEED, Feature, read_features
from onecdp.live.seed_file import read_columns

BLOCKLIST, ID_TYPES = "seeds/id_blocklist.csv", "seeds/id_types.csv"
_GAP_MINUTES = 30


@dataclass(frozen=True)
class LiveSettings:
    """What is computed.

    Attributes:
        features: The project's.
        max_values: How many identifiers of a type a person may have, `seeds/id_types.csv`.
        session_gap: The longest pause within a session, microseconds: the var
            `session_gap_minutes`.
    """

    features: Sequence[Feature]
    max_values: Mapping[str, int]
    session_gap: int


NO_FEATURES = LiveSettings((), {}, _GAP_MINUTES * 60 * MICROSECONDS)


def read_live_settings(project: Path) -> LiveSettings:
    """Returns the settings of a project; one without the seed has no features.

    Raises:
        UsageProblem: A file can't be read.
    """
    features = read_features(project) if (project / SEED).is_file() else ()
    minutes = _gap_minutes(project)
    return LiveSettings(features, _max_values(project), minutes * 60 * MICROSECONDS)


def read_hold_out_key(project: Path) -> str:
    """Returns the variable `audience_hold_out_key` of a project.

    Raises:
        UsageProblem: It can't be read.
    """
    return str(_variables(project).get("audience_hold_out_key", "onecdp"))


def _gap_minutes(project: Path) -> int:
    minutes = _variables(project).get("session_gap_minutes", _GAP_MINUTES)
    if not isinstance(minutes, int) or isinstance(minutes, bool):
        raise UsageProblem(
            f"dbt_project.yml: session_gap_minutes {minutes!r} must be a whole number"
        )
    return minutes


def _variables(project: Path) -> Mapping[str, Any]:
    """The variables of dbt_project.yml; as in dbt, those of the project alone come first."""
    try:
        said = yaml.safe_load((project / "dbt_project.yml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageProblem(f"dbt_project.yml can't be read: {error}") from None
    said = said if isinstance(said, dict) else {}
    declared = said.get("vars") or {}
    if not isinstance(declared, dict):
        raise UsageProblem("dbt_project.yml: vars must be names with values")
    own = declared.get(said.get("name"))
    return {**declared, **(own if isinstance(own, dict) else {})}


def _max_values(project: Path) -> dict[str, int]:
    found = {}
    for line, (name, most) in read_columns(project, ID_TYPES, ("id_type", "max_values")):
        if most and not most.isdecimal():
            raise UsageProblem(
                f"{ID_TYPES}, line {line}: max_values {most!r} of {name} must be a whole number"
            )
        if most:
            found[name] = int(most)
    return found


_POSIX_CLASS = re.compile(r"\[:\^?[a-z]+:\]")


def portable_problem(pattern: str) -> str | None:
    """Returns why a pattern means something else outside DuckDB, as in Python and Java; or None."""
    if found := _POSIX_CLASS.search(pattern):
        return f"{found[0]} is known to DuckDB alone; write the letters, as in [a-zA-Z]"
    return None


@dataclass(frozen=True)
class Blocklist:
    """Identifiers that are nobody's, as seeds/id_blocklist.csv has them.

    Attributes:
        rows: Type or `*`, whether it is a pattern, and the value or the pattern.
    """

    rows: Sequence[tuple[str, bool, str]] = ()

    def values_of(self, id_type: str) -> list[str]:
        """The values of a type, in lower case."""
        return sorted({lower(value) for value in self._of(id_type, is_pattern=False) if value})

    def patterns_of(self, id_type: str) -> list[str]:
        """The regular expressions of a type, which ignore the case."""
        return self._of(id_type, is_pattern=True)

    def _of(self, id_type: str, *, is_pattern: bool) -> list[str]:
        return [
            value
            for kind, is_regular, value in self.rows
            if kind in (ANY, id_type) and is_regular == is_pattern
        ]


def read_blocklist(project: Path) -> Blocklist:
    """Returns the blocklist of a project; empty without the seed.

    Raises:
        UsageProblem: The file can't be read.
    """
    if not (project / BLOCKLIST).is_file():
        return Blocklist()
    rows = [
        (id_type, match == "pattern", value)
        for _, (id_type, match, value) in read_columns(
            project, BLOCKLIST, ("id_type", "match", "id_value")
        )
    ]
    # dbt's reader of CSV takes the word for no value, so the seed can't have it.
    return Blocklist((*rows, (ANY, False, "null")))
