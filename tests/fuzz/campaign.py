"""Cases of one target after another, in a process of its own: what crashed, what hung, how much it took.

`python -m tests.fuzz.campaign [TARGET...] [--cases N] [--seed S] [--first N]`: one JSON line on standard output. A batch
that fails is tried case by case, so that the line names the case; a case that stands still ends the process, and
its number stands in the progress file. Never the bytes of a case: these may be a person's in a run on other samples.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.fuzz.oracle import Target
from tests.fuzz.targets import TARGETS

__all__ = ["HANG_S", "MEMORY_BYTES", "SEED", "run"]

SEED = 8
HANG_S = 90
"""Nothing that small may take so long, on the slowest machine, beside whatever else runs there."""
SLOW_S = 5.0
"""Of the processor, one input: a finding, although it ended."""
MEMORY_BYTES = 6 << 30
"""Of address space that holds data: what asks for more gets MemoryError, and that is a finding."""
FAILURES_KEPT = 20


def run(
    target: Target, cases: int, seed: int = SEED, first: int = 0, *, progress: Path | None = None
) -> dict[str, Any]:
    """The cases `first` to `first + cases`, in batches as the target takes them."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz", dir=_quick()))
    failures: list[dict[str, Any]] = []
    refused = done = 0
    slowest = 0.0
    try:
        target.check(target.mutator.samples[: target.batch], folder)  # compiled and loaded once
        memory = _peak_mib()
        began, busy = time.perf_counter(), time.process_time()
        for start in range(first, first + cases, target.batch):
            numbers = range(start, min(start + target.batch, first + cases))
            if progress is not None:
                progress.write_text(str(start))
            faulthandler.dump_traceback_later(HANG_S, exit=True)
            data = [target.mutator.case(seed, number) for number in numbers]
            before = time.process_time()
            try:
                refused += target.check(data, folder)
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt | SystemExit):
                    raise
                if len(failures) < FAILURES_KEPT:
                    failures.append({**_told(error), **_where(target, data, numbers, folder)})
            spent = time.process_time() - before
            slowest = max(slowest, spent)
            if spent > SLOW_S and (spent := _again(target, data, folder)) > SLOW_S:
                failures.append({"first": start, "error": "slow", "seconds": round(spent, 1)})
            done += len(numbers)
    finally:
        faulthandler.cancel_dump_traceback_later()
        shutil.rmtree(folder, ignore_errors=True)
    peak = _peak_mib()
    return {
        "target": target.name, "cases": done, "inputs": -(-done // target.batch), "refused": refused, "seed": seed, "failures": failures,
        "seconds": round(time.perf_counter() - began, 1),
        "processor_seconds": round(time.process_time() - busy, 1), "slowest_s": round(slowest, 2), "peak_rss_mib": peak, "grown_mib": peak - memory,
    }  # fmt: skip


def _again(target: Target, data: Sequence[bytes], folder: Path) -> float:
    """Processor seconds of the same batch once more: the first may have compiled what it met first."""
    before = time.process_time()
    with suppress(Exception):
        target.check(data, folder)
    return time.process_time() - before


def _where(target: Target, data: Sequence[bytes], numbers: range, folder: Path) -> dict[str, Any]:
    """The first case that fails alone; else the batch."""
    for number, one in zip(numbers, data, strict=True):
        try:
            target.check([one], folder)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            return {"case": number, **_told(error)}
    return {"first": numbers.start, "count": len(numbers)}


def _told(error: BaseException) -> dict[str, Any]:
    """Type and places, as our own steps tell a failure; of an oracle that does not hold, its words."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[-4:]]
    said = str(error)[:200] if isinstance(error, AssertionError) else ""
    return {"error": type(error).__name__, "said": said, "at": places}


def _peak_mib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def _quick() -> str | None:
    """Memory, where the system has a folder there: a million files are no work for a disk."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--cases", type=int, help="default: as many as `make test`")
    parser.add_argument("--claims", type=Path, help="folder in which processes claim targets")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--progress", type=Path)
    given = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name in given.targets or TARGETS:
        target = TARGETS[name]
        if given.claims is None or _claimed(given.claims / name):
            cases = given.cases or target.in_test
            progress = given.claims / name / "case" if given.claims else given.progress
            print(  # noqa: T201 - the answer
                json.dumps(run(target, cases, given.seed, given.first, progress=progress)),
                flush=True,
            )


def _claimed(place: Path) -> bool:
    """This process is the one that runs it."""
    try:
        place.mkdir()
    except FileExistsError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
