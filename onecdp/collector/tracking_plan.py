"""The tracking plan: which events there are, with which properties; `seeds/tracking_plan.csv`."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from onecdp.errors import UsageProblem

HEADER = ("event", "property", "type", "required")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


TYPES: Mapping[str, Callable[[object], bool]] = {
    "any": lambda _: True,
    "text": lambda value: isinstance(value, str),
    "number": _is_number,
    "integer": lambda value: _is_number(value) and float(value).is_integer(),  # type: ignore[arg-type]
    "boolean": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


@dataclass(frozen=True)
class _Property:
    name: str
    kind: str
    is_required: bool


@dataclass(frozen=True)
class TrackingPlan:
    """The properties of each event. Without any event nothing is checked."""

    events: Mapping[str, tuple[_Property, ...]] = field(default_factory=dict)

    def violation(self, event: str, properties: Mapping[str, object]) -> str | None:
        """What of the plan an event breaks, without its values; None if it keeps it."""
        if not self.events:
            return None
        if event not in self.events:
            return "event is not in the tracking plan"
        broken = [
            problem
            for planned in self.events[event]
            if (problem := _problem(planned, properties.get(planned.name)))
        ]
        return "; ".join(broken) or None


def _problem(planned: _Property, value: object) -> str | None:
    if value is None:
        return f"{planned.name} is missing" if planned.is_required else None
    return None if TYPES[planned.kind](value) else f"{planned.name} is no {planned.kind}"


def read_plan(file: Path) -> TrackingPlan:
    """Reads the plan; a file that isn't there is an empty one.

    Raises:
        UsageProblem: A line of it is wrong.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            if tuple(reader.fieldnames or ()) != HEADER:
                raise UsageProblem(f"{file.name} line 1 must be {','.join(HEADER)}")
            events: dict[str, tuple[_Property, ...]] = {}
            for row in reader:
                event, name = (row["event"] or "").strip(), (row["property"] or "").strip()
                kind = (row["type"] or "any").strip()
                required = (row["required"] or "false").strip().lower()
                if not event or kind not in TYPES or required not in ("true", "false"):
                    raise UsageProblem(
                        f"{file.name} line {reader.line_num}: expected an event, a property, "
                        f"a type ({', '.join(TYPES)}) and true or false"
                    )
                planned = (_Property(name, kind, required == "true"),) if name else ()
                events[event] = (*events.get(event, ()), *planned)
    except FileNotFoundError:
        return TrackingPlan()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageProblem(f"{file.name} can't be read: {error}") from None
    return TrackingPlan(events)
