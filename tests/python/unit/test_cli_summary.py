"""What a build's end looks like: findings have names, and many are cut short."""

from __future__ import annotations

import pytest

from onecdp.cli.output import print_build
from onecdp.project.dbt_report import BuildReport, Counts, Finding


def report(failures: int = 0, warnings: int = 0) -> BuildReport:
    def findings(status: str, count: int) -> tuple[Finding, ...]:
        return tuple(
            Finding(f"test_{n}", status, f"Got {n} results", rows=n, compiled=None)
            for n in range(count)
        )

    tests = Counts(passed=3, warned=warnings, failed=failures)
    return BuildReport(Counts(2), tests, findings("fail", failures), findings("warn", warnings))


def test_each_warning_has_a_line_with_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    print_build(report(warnings=2))

    assert capsys.readouterr().out.splitlines() == [
        "models 2 passed, 0 failed",
        "tests  3 passed, 0 failed, 2 warned",
        "warn: test_0: Got 0 results",
        "warn: test_1: Got 1 results",
    ]


@pytest.mark.parametrize(("count", "last"), [
    (10, "fail: test_9: Got 9 results"),
    (12, "and 2 more failures; see logs/dbt.log"),
])  # fmt: skip
def test_of_many_failures_ten_are_shown(
    capsys: pytest.CaptureFixture[str], count: int, last: str
) -> None:
    print_build(report(failures=count))

    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("fail: ") for line in lines) == 10
    assert lines[-1] == last
