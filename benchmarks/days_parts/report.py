"""What was measured, held to the goals: tables for people, a document for machines."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from .running import Finished, median


@dataclass(frozen=True)
class Measured:
    """The runs of one piece of work.

    Attributes:
        scenario: Of which scenario.
        work: What was done.
        runs: One or more.
        has_stages: Whether they printed `onecdp run --json`.
    """

    scenario: str
    work: str
    runs: tuple[Finished, ...]
    has_stages: bool = True

    @property
    def seconds(self) -> float:
        """The median of the runs."""
        return median(self.runs)

    @property
    def cpu(self) -> float:
        """The median of what they took of all processors."""
        return statistics.median(run.cpu for run in self.runs)

    @property
    def peak(self) -> float:
        """The highest peak of memory, in GiB."""
        return max(run.peak for run in self.runs)

    @property
    def stages(self) -> dict[str, float]:
        """The median per stage; `start` is what no stage counts: imports, parsing arguments."""
        if not self.has_stages:
            return {}
        outside = statistics.median(run.seconds - sum(run.stages.values()) for run in self.runs)
        return {"start": outside} | {
            stage: statistics.median(run.stages[stage] for run in self.runs)
            for stage in self.runs[0].stages
        }


@dataclass(frozen=True)
class Goal:
    """A ratio of two medians, and what it should be.

    Attributes:
        what: `X : Y`, in words.
        ratio: X's seconds by Y's.
        goal: What it should be; None where there is no goal.
        at_least: Whether more is better.
    """

    what: str
    ratio: float
    goal: float | None = None
    at_least: bool = True

    @property
    def verdict(self) -> str:
        """`met`, `missed`, or nothing where there is no goal."""
        if self.goal is None:
            return ""
        is_met = self.ratio >= self.goal if self.at_least else self.ratio <= self.goal
        return "met" if is_met else "missed"

    @property
    def shown(self) -> str:
        """The goal as text, as in `≥ 8`."""
        return "" if self.goal is None else f"{'≥' if self.at_least else '≤'} {self.goal:g}"


@dataclass
class Findings:
    """All that was measured so far."""

    measured: list[Measured] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)

    def add(
        self, scenario: str, work: str, runs: Sequence[Finished], *, has_stages: bool = True
    ) -> Measured:
        """Takes the runs of one piece of work."""
        found = Measured(scenario, work, tuple(runs), has_stages)
        self.measured.append(found)
        return found

    def compare(
        self, one: Measured, other: Measured, goal: float | None = None, *, at_least: bool = True
    ) -> None:
        """Holds the ratio of two to a goal."""
        what = f"{one.scenario}: {one.work} : {other.work}"
        self.goals.append(Goal(what, one.seconds / other.seconds, goal, at_least))

    def document(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "measured": [
                {
                    "scenario": each.scenario,
                    "work": each.work,
                    "seconds": round(each.seconds, 3),
                    "runs": [round(run.seconds, 3) for run in each.runs],
                    "cpu_seconds": round(each.cpu, 3),
                    "peak_gib": round(each.peak, 3),
                    "stages": {name: round(value, 3) for name, value in each.stages.items()},
                }
                for each in self.measured
            ],
            "goals": [
                {
                    "what": goal.what,
                    "ratio": round(goal.ratio, 3),
                    "goal": goal.goal,
                    "at_least": goal.at_least,
                    "verdict": goal.verdict or None,
                }
                for goal in self.goals
            ],
        }

    def print(self, console: Console) -> None:
        """Prints both tables."""
        seconds = Table(box=SIMPLE_HEAD)
        for column in ("scenario", "work"):
            seconds.add_column(column)
        for column in ("seconds", "CPU s", "peak GiB"):
            seconds.add_column(column, justify="right")
        seconds.add_column("of it")
        for each in self.measured:
            parts = ", ".join(f"{name} {value:.1f}" for name, value in each.stages.items())
            numbers = (f"{each.seconds:.2f}", f"{each.cpu:.1f}", f"{each.peak:.2f}")
            seconds.add_row(each.scenario, each.work, *numbers, parts)
        console.print(seconds)
        if not self.goals:
            return
        goals = Table(box=SIMPLE_HEAD)
        goals.add_column("compared")
        for column in ("ratio", "goal"):
            goals.add_column(column, justify="right")
        goals.add_column("")
        for goal in self.goals:
            goals.add_row(goal.what, f"{goal.ratio:.2f}", goal.shown, goal.verdict)
        console.print(goals)
