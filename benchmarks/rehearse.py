"""How fast the rehearsal generator writes, and in how much memory.

python -m benchmarks.rehearse [--people 1000000] [--leaked N] [--charts N] [--dir DIR] [--json]
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

from benchmarks.results import record


def main() -> None:
    """Generate once in this process, record seconds, rows per second and peak memory."""
    from flows.measure import PeakMemory
    from flows.rehearse import rehearse
    from flows.rehearse.generate import WORKERS_MAX

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--profile", default="dental")
    parser.add_argument("--leaked", type=int)
    parser.add_argument("--charts", type=int)
    parser.add_argument("--dir", type=Path, help="where the files stand for the while")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--workers", type=int, help="default: one per core, at most four")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.dir) as name:
        load = os.getloadavg()[0]
        begun = time.perf_counter()
        with PeakMemory() as peak:
            summary = rehearse(
                Path(name), people=options.people, seed=options.seed, profile=options.profile,
                leaked=options.leaked, charts=options.charts, workers=options.workers,
            )  # fmt: skip
        seconds = time.perf_counter() - begun
        size = sum(p.stat().st_size for p in Path(name).rglob("*") if p.is_file())
    used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    result = {
        "profile": options.profile,
        "seed": options.seed,
        "workers": options.workers or min(WORKERS_MAX, os.cpu_count() or 1),
        "people": summary.people,
        "leaked_rows": summary.leaked_rows,
        "charts_rows": summary.charts_rows,
        "entities": summary.entities,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(sum(u.ru_utime + u.ru_stime for u in used), 1),
        "leaked_rows_per_s": round(summary.leaked_rows / seconds),
        "rows_per_s": round((summary.leaked_rows + summary.charts_rows) / seconds),
        "load_before": round(load, 1),  # others on the machine make every second longer
        "peak_rss_gib": round(peak.gib, 2),
        "disk_gib": round(size / (1 << 30), 2),
    }
    record("rehearse", result, show=options.json)


if __name__ == "__main__":
    main()
