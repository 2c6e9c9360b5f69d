"""How well records are linked on outside data with known truth.

    python -m benchmarks.accuracy [--data ../shared/data] [--only NAME ...] [--json]

Each set is linked as `affected evaluate` does it: trained on itself without labels, the truth column set
aside. Sets whose files are not there are skipped and named. `must` is the figure that has to hold.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.results import record
from matching.evaluate import evaluate

MAPS = Path(__file__).parent / "maps"
DATA = Path(__file__).parents[2] / "shared" / "data"


@dataclass(frozen=True, slots=True)
class OutsideSet:
    """Two files, or one to find duplicates in."""

    left: str
    right: str | None
    columns: str | None
    must: float | None = None
    """Least best F1."""


SETS = {
    "pseudopeople_dev": OutsideSet(
        "pseudopeople_dev/leaked_records.parquet",
        "pseudopeople_dev/master_patients.parquet",
        "pseudopeople_dev.toml",
        0.985,
    ),
    "febrl4": OutsideSet("febrl/febrl4a.parquet", "febrl/febrl4b.parquet", "febrl.toml", 0.999),
    "easylink_2020": OutsideSet(
        "easylink_2020/2020_input_file_ssa.parquet",
        "easylink_2020/2020_input_file_w2.parquet",
        "easylink_2020.toml",
    ),
    "febrl1": OutsideSet("febrl/febrl1.parquet", None, "febrl.toml"),
    "febrl2": OutsideSet("febrl/febrl2.parquet", None, "febrl.toml"),
    "febrl3": OutsideSet("febrl/febrl3.parquet", None, "febrl.toml"),
    "splink_fake_1000": OutsideSet("splink_fake_1000/fake_1000.parquet", None, None),
}
KEPT = ("model", "pairs_true", "pairs_compared", "best", "default", "recall_at_precision",
        "blocking_recall", "seconds", "peak_rss_gib")  # fmt: skip
TRUTH = "truth_id"


def judge(one: OutsideSet, data: Path) -> dict[str, Any] | None:
    """Figures of one set; None where its files are not there."""
    left = data / one.left
    right = data / one.right if one.right else None
    if not left.exists() or (right is not None and not right.exists()):
        return None
    columns = MAPS / one.columns if one.columns else None
    found = evaluate(left, right, truth=TRUTH, columns=columns)
    return {"must": one.must, **{key: found[key] for key in KEPT}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--only", nargs="*", choices=sorted(SETS))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    sets: dict[str, Any] = {}
    missed = []
    for name in args.only or SETS:
        found = judge(SETS[name], args.data)
        if found is None:
            print(f"{name}: not there, skipped", file=sys.stderr)
            continue
        sets[name] = found
        best = found["best"]["f1"]
        print(f"{name}: best F1 {best:.4f}", file=sys.stderr)
        if found["must"] is not None and best < found["must"]:
            missed.append(name)
    if not args.only:
        record("accuracy", {"sets": sets}, show=args.json)
    if missed:
        raise SystemExit(f"below the figure that must hold: {', '.join(missed)}")


if __name__ == "__main__":
    main()
