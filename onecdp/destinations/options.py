"""The settings of one destination, read by type: a wrong or unknown one is named."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from onecdp.errors import UsageProblem
from onecdp.project.settings import check_names


class Options:
    """What `[destinations.<name>]` says.

    Values of the environment are text; a list or a section among them is JSON, as for dlt.
    """

    def __init__(self, where: str, said: Mapping[str, Any]) -> None:
        """Takes the section's name, for messages, and its values."""
        self.where = where
        self._said = dict(said)
        self._known: list[str] = []

    def text(self, name: str, default: str | None = None) -> str:
        """Returns a text; without a default it must be there."""
        value = self._take(name, default)
        if not isinstance(value, str) or not value.strip():
            raise UsageProblem(f"{self.where}.{name} must be a text")
        return value.strip()

    def choice(self, name: str, among: Sequence[str], default: str) -> str:
        """Returns one of several texts."""
        value = self.text(name, default)
        if value not in among:
            raise UsageProblem(f"{self.where}.{name} is {value!r}; it takes {', '.join(among)}")
        return value

    def number(self, name: str, default: int) -> int:
        """Returns a whole number of 1 or more."""
        value = self._take(name, default)
        try:
            number = int(value)
        except (TypeError, ValueError):
            number = 0
        if number < 1:
            raise UsageProblem(f"{self.where}.{name} must be a whole number of 1 or more")
        return number

    def rate(self, name: str, default: float) -> float:
        """Returns a number above 0."""
        value = self._take(name, default)
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = 0.0
        if not 0 < number < math.inf:
            raise UsageProblem(f"{self.where}.{name} must be a number above 0")
        return number

    def flag(self, name: str) -> bool:
        """Returns true or false; without the setting, false."""
        value = self._take(name, False)
        if isinstance(value, str):
            value = {"true": True, "false": False}.get(value.strip().lower())
        if not isinstance(value, bool):
            raise UsageProblem(f"{self.where}.{name} must be true or false")
        return value

    def texts(self, name: str) -> tuple[str, ...] | None:
        """Returns a list of texts, in the environment with commas; None if it isn't there."""
        value = self._json(name, self._take(name, None))
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",")]
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
            raise UsageProblem(f"{self.where}.{name} must be a list of texts")
        return tuple(value)

    def section(self, name: str) -> dict[str, Any]:
        """Returns names with values; empty if it isn't there."""
        value = self._json(name, self._take(name, {}))
        if not isinstance(value, dict):
            raise UsageProblem(f"{self.where}.{name} must be a section with names and values")
        return value

    def inner(self, name: str) -> Options:
        """Returns a section as options of their own."""
        return Options(f"{self.where}.{name}", self.section(name))

    def columns(self) -> dict[str, str] | None:
        """Returns `columns`, a list of ours or {theirs = "ours"}, as ours by theirs, or None."""
        value = self._json("columns", self._take("columns", None))
        if value is None:
            return None
        named = {each: each for each in value} if isinstance(value, list) else value
        if not (
            isinstance(named, dict)
            and named
            and all(isinstance(text, str) and text for pair in named.items() for text in pair)
        ):
            raise UsageProblem(
                f'{self.where}.columns must be a list of columns, or {{theirs = "ours"}}'
            )
        return named

    def end(self) -> None:
        """Raises if there is a setting that nobody asked for."""
        check_names(self._said, self.where, sorted(self._known))

    def _take(self, name: str, default: Any) -> Any:
        self._known.append(name)
        return self._said.get(name, default)

    def _json(self, name: str, value: Any) -> Any:
        if isinstance(value, str) and value[:1] in "[{":
            try:
                return json.loads(value)
            except json.JSONDecodeError:
                raise UsageProblem(f"{self.where}.{name} is no valid JSON") from None
        return value
