"""Many rules, in a process of their own, whose memory has nothing else."""

from __future__ import annotations

import multiprocessing
import random
import resource
import time
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from onecdp.audiences.packages import evaluate_audiences


@dataclass(frozen=True)
class Evaluated:
    """What the rules took: seconds on the clock and of the processor, and peak memory in GB."""

    seconds: float
    processor: float
    peak: float


def peak() -> float:
    """The peak memory of the process so far, in GB."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not by getrusage: on Linux, a process begins with the peak of the one that started it.
        (line,) = (x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e9
    # macOS counts in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e9


def many_rules(bitmaps: pa.Table, rules: int, folder: Path) -> Evaluated:
    """Evaluates rules of five leaves, drawn from all tags.

    Args:
        bitmaps: The result of `build_bitmaps`, with tags t0, t1, ...
        rules: How many.
        folder: Where the bitmaps are handed over.
    """
    file = folder / "bitmaps.parquet"
    pq.write_table(bitmaps, file, compression="none")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_evaluate, (file, bitmaps.num_rows, rules))


def _evaluate(file: Path, tags: int, rules: int) -> Evaluated:
    drawn = random.Random(20)
    texts = []
    for _ in range(rules):
        names = [f"t{number}" for number in drawn.choices(range(tags), k=5)]
        texts.append("({} OR {}) AND ({} OR {}) AND NOT {}".format(*names))
    ids = [f"P{number}" for number in range(rules)]
    audiences = pa.table({"package_id": ids, "package_name": ids, "segment_rule": texts})
    start, used = time.perf_counter(), time.process_time()
    evaluated = evaluate_audiences(audiences, pq.read_table(file))
    done = sum(batch.column("error").null_count for batch in evaluated)
    if done != rules:
        raise SystemExit(f"{done} of {rules} rules were evaluated")
    return Evaluated(time.perf_counter() - start, time.process_time() - used, peak())
