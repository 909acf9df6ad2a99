"""What a project says of live features: which there are, limits, and the pause of a session."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from onecdp.errors import UsageProblem
from onecdp.live.features import MICROSECONDS, SEED, Feature, read_features

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
