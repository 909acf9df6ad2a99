"""What a project says of live features: which there are, limits, and the pause of a session."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from onecdp.errors import UsageProblem
from onecdp.identity.normalise import lower
from onecdp.live.features import ANY, MICROSECONDS, SEED, Feature, read_features

BLOCKLIST = "seeds/id_blocklist.csv"
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
    if not isinstance(minutes, int):
        raise UsageProblem(
            f"dbt_project.yml: session_gap_minutes {minutes!r} must be a whole number"
        )
    return minutes


def _variables(project: Path) -> Mapping[str, Any]:
    try:
        said = yaml.safe_load((project / "dbt_project.yml").read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise UsageProblem(f"dbt_project.yml can't be read: {error}") from None
    declared = said.get("vars") if isinstance(said, dict) else None
    return declared or {}


def _max_values(project: Path) -> dict[str, int]:
    file = project / "seeds" / "id_types.csv"
    if not file.is_file():
        return {}
    found = {}
    with file.open(newline="", encoding="utf-8-sig") as text:
        for row in csv.DictReader(text):
            name, most = row["id_type"], (row.get("max_values") or "").strip()
            if most and not most.isdecimal():
                raise UsageProblem(
                    f"seeds/id_types.csv: max_values {most!r} of {name} must be a whole number"
                )
            if most:
                found[name] = int(most)
    return found


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
    file = project / BLOCKLIST
    if not file.is_file():
        return Blocklist()
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            held = [*csv.DictReader(stream)]
    except OSError as error:
        raise UsageProblem(f"{BLOCKLIST}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageProblem(f"{BLOCKLIST} is no CSV in UTF-8: {error}") from None
    if held and not {"id_type", "id_value", "match"} <= held[0].keys():
        raise UsageProblem(f"{BLOCKLIST}: the first line must name id_type, id_value and match")
    rows = [
        (row["id_type"], row["match"] == "pattern", (row["id_value"] or "").strip()) for row in held
    ]
    # dbt's reader of CSV takes the word for no value, so the seed can't have it.
    return Blocklist((*rows, (ANY, False, "null")))
