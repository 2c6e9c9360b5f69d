"""Thresholds and models without a rerun, at the size of the target: re-scoring and the merge tree.

python -m benchmarks.thresholds WORKSPACE [--rows 50000000] [--repeats 3] [--json]

The workspace is one that `affected run` made on a smaller incident. Its records, groups and kept pairs
are repeated side by side, as other people, until there are so many pairs; vectors, weights and ties keep
their distribution. Nothing is written into the workspace.
"""

from __future__ import annotations

import argparse
import copy
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results import record
from flows import step_settings
from flows.measure import PeakMemory
from flows.rounds import open_round
from matching.link.rescore import KeptVectors, load_vectors, model_weights, rescore
from matching.people.alike import Alike
from matching.people.pairs import Evidence, Kept, read_evidence
from matching.people.records import Records, Side
from matching.people.tree import merge_counts, merge_forest, write_merge_tree
from matching.store import Workspace

MUST_S, AIM_S = {"rescore": 1.0, "tree": 15.0}, {"rescore": 0.3, "tree": 5.0}


def main() -> None:
    """Measure re-scoring, then the tree; each with the memory of its own data only."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--rows", type=int, default=50_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    workspace, current = open_round(options.workspace)
    times = -(-options.rows // workspace.rows("pairs"))
    result: dict[str, Any] = {"copies": times}
    with PeakMemory() as memory:
        result |= _rescoring(workspace, times, options.repeats)
    result["rescore_peak_gib"] = round(memory.gib, 2)
    with PeakMemory() as memory:
        evidence = read_evidence(workspace, step_settings.people(current.incident))
        result |= _tree(evidence, times, options.repeats)
    result["tree_peak_gib"] = round(memory.gib, 2)
    record("thresholds", {**result, "must_s": MUST_S, "aim_s": AIM_S}, show=options.json)


def _best(call: Callable[[], Any], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return round(min(seconds), 3)


def _rescoring(workspace: Workspace, times: int, repeats: int) -> dict[str, Any]:
    started = time.perf_counter()
    small = load_vectors(workspace)
    load_s = (time.perf_counter() - started) * times
    kept = KeptVectors(
        small.vectors,
        np.tile(small.pattern, times),  # type: ignore[arg-type]  # the same dtype
        np.tile(small.match_weight, times),
        np.tile(small.cap, times),
    )
    settings = json.loads(workspace.read("model")["settings"][0])
    edited = copy.deepcopy(settings)
    for comparison in edited["comparisons"]:
        for level in comparison["comparison_levels"]:
            if "u_probability" in level:
                level["u_probability"] *= 0.9
    old, new = model_weights(settings), model_weights(edited)

    def again() -> None:
        rescore(kept, old=old, new=new, include_at_bits=3.0, merge_at_bits=12.0)

    again()
    arrays = (kept.pattern, kept.match_weight, kept.cap)
    return {
        "pairs": len(kept),
        "patterns": len(kept.vectors),
        "bytes_per_pair": sum(array.itemsize for array in arrays),
        "load_s_scaled": round(load_s, 2),
        "rescore_s": _best(again, repeats),
    }


def _tree(small: Evidence, times: int, repeats: int) -> dict[str, Any]:
    evidence = _repeated(small, times)
    del small
    tree_s = _best(lambda: merge_forest(evidence), repeats)
    forest = merge_forest(evidence)
    counts_s = _best(lambda: merge_counts(evidence, forest), 1)
    links = len(forest.left)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        target, _ = Workspace.create(
            root / "ws", incident_id="bench", synthetic=True, key_file=root / "key.json"
        )
        step_s = _best(lambda: write_merge_tree(target, evidence), repeats)
        disk = sum(path.stat().st_size for path in (root / "ws").rglob("*.parquet"))
    return {
        "records": len(evidence.records),
        "tree_links": links,
        "tree_s": tree_s,
        "counts_s": counts_s,
        "tree_and_counts_written_s": step_s,
        "tree_disk_gib": round(disk / (1 << 30) / repeats, 3),
    }


def _repeated(small: Evidence, times: int) -> Evidence:
    """The same evidence about `times` worlds side by side; nothing was decided."""
    mentions, charts = small.records.first_chart, len(small.records) - small.records.first_chart
    records = Records(_ids(1, mentions * times), _ids(2, charts * times))

    def numbers(small_numbers: np.ndarray[Any, Any], world: int) -> np.ndarray[Any, Any]:
        chart = small_numbers >= mentions
        moved = np.where(chart, small_numbers - mentions + charts * world + mentions * times,
                         small_numbers + mentions * world)  # fmt: skip
        return moved.astype(np.int32)

    def pairs(kept: Kept) -> Kept:
        room = Kept.room(len(kept) * times)
        for world in range(times):
            ends = numbers(kept.left, world), numbers(kept.right, world)
            room.put(world * len(kept), kept.between(*ends))
        return room

    first = np.concatenate([numbers(small.alike.first, world) for world in range(times)])
    others = np.concatenate([small.alike.others + mentions * world for world in range(times)])
    return Evidence(
        records, Alike(first, others), pairs(small.pairs), pairs(small.own), small.decided
    )


def _ids(file_no: int, count: int) -> Side:
    return Side.of(np.int64(file_no << 40) + np.arange(count, dtype=np.int64) * 8)


if __name__ == "__main__":
    main()
