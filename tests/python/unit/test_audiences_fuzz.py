"""What reads bitmaps and rules survives whatever it is given; support/fuzz.py draws it."""

import random
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
from support.fuzz import rounds

TESTS = Path(__file__).parents[1]


def test_two_thousand_rounds_find_nothing():
    read = list(islice(rounds(random.Random(7)), 2_000))
    # What is drawn is neither all right nor all wrong.
    for could in zip(*read, strict=True):
        assert 20 < sum(could) < 1_980


@pytest.mark.soak
def test_ten_minutes_find_nothing():
    # In a process of its own, which may crash.
    run = subprocess.run(
        [sys.executable, "-m", "support.fuzz", "600", str(random.randrange(10**9))],
        cwd=TESTS,
        env={"PYTHONPATH": f"{TESTS}:{TESTS.parents[1]}"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
