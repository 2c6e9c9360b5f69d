"""What the workbench looks up, beside real runs at the same thresholds and weights.

    python -m benchmarks.tuning [--people 200000] [--seed 7] [--json]

A rehearsal is run at its own thresholds and read by `matching.tuning`; then it is run anew, on the same frozen
model, at each other set, and the numbers are compared: of the union, of entities with 500 people or more, and
how many pass a line of law.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.results import record
from flows.rounds import open_round
from flows.step_settings import owner_on
from matching.store import Workspace
from matching.tuning import Numbers, Thresholds, Tuning
from matching.tuning.numbers import crossed, legal_lines

SETS: tuple[tuple[float, float, float, dict[tuple[str, int], float]], ...] = (
    (3.0, 7.0, 14.0, {}),
    (4.0, 5.0, 14.0, {}),
    (3.0, 10.0, 18.0, {}),
    (6.0, 8.0, 12.0, {}),
    (3.0, 5.0, 9.0, {}),
    (3.0, 5.0, 14.0, {("sex", 1): -5.0}),
    (3.5, 6.0, 14.0, {("date_of_birth", 1): -6.0}),
)
"""include, merge, attribute, changed level weights."""
NUMBERS = ("confirmed", "expected", "upper")
LARGE = 500


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--people", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        result = _measured(Path(name), options)
    record(f"lookups-{options.people}", {"people": options.people, **result}, show=options.json)


def _measured(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    from flows.rehearse import rehearse

    rehearse(folder / "incident", people=options.people, seed=options.seed, profile="dental")
    file = folder / "incident" / "incident.toml"
    base = folder / "base"
    _run(file, base)
    workspace, current = open_round(base)
    incident = current.incident
    tuning = Tuning.load(workspace, incident.matching, incident.costs, owner_on=owner_on(incident))
    sets = []
    for number, (include, merge, attribute, edits) in enumerate(SETS):
        tried = tuning.reweighed(edits) if edits else tuning
        looked_up = tried.numbers(Thresholds(include, merge, attribute))
        other = folder / "other"
        shutil.copytree(base, other)
        changed = file.with_name(f"set-{number}.toml")
        changed.write_text(
            _with(file.read_text(encoding="utf-8"), include, merge, attribute, edits)
        )
        _run(changed, other)
        real = Workspace.open(other).read("counts")
        shutil.rmtree(other)
        sets.append({
            "include": include, "merge": merge, "attribute": attribute, "weights": len(edits),
            **_compared(looked_up, real),
        })  # fmt: skip
    return {"rows": workspace.rows("leaked"), "sets": sets, **_worst(sets)}


def _run(file: Path, root: Path) -> None:
    command = [sys.executable, "-m", "flows", "run", str(file), "--workspace", str(root), "--engine", "local",
               "--until", "counts", "--json"]  # fmt: skip
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _with(
    text: str, include: float, merge: float, attribute: float, edits: dict[tuple[str, int], float]
) -> str:
    assert "[matching]" not in text
    weights = ", ".join(
        f'{{comparison = "{name}", level = {code}, bits = {bits}}}'
        for (name, code), bits in edits.items()
    )
    return (
        f"{text}\n[matching]\ninclude_at_bits = {include}\nmerge_at_bits = {merge}\n"
        f"attribute_at_bits = {attribute}\nweights = [{weights}]\n"
    )


def _compared(found: Numbers, real: pl.DataFrame) -> dict[str, Any]:
    """Relative errors: the union's, and quantiles of those of large entities; lines passed, looked up and run."""
    keys = ["entity_id", "state"]
    both = real.join(
        found.counts, on=keys, how="full", coalesce=True, nulls_equal=True, suffix="_found"
    )
    both = both.with_columns(pl.col(*NUMBERS, *(f"{n}_found" for n in NUMBERS)).fill_null(0))
    off = both.select(
        *keys, "upper",
        *((pl.col(f"{n}_found") - pl.col(n)).abs().cast(pl.Float64).truediv(pl.col(n).clip(lower_bound=1)).alias(f"{n}_off")
          for n in NUMBERS),
    )  # fmt: skip
    union = off.filter(pl.col("entity_id").is_null(), pl.col("state").is_null())
    large = off.filter(
        pl.col("entity_id").is_not_null(), pl.col("state").is_null(), pl.col("upper") >= LARGE
    )
    lines, run = found.lines, legal_lines(crossed(real))
    return {
        "union": {n: round(float(union[f"{n}_off"][0]), 6) for n in NUMBERS},
        "entities": {
            n: {q: round(float(np.quantile(large[f"{n}_off"].to_numpy(), at)), 6)
                for q, at in (("median", 0.5), ("p95", 0.95), ("most", 1.0))}
            for n in NUMBERS
        },
        "large_entities": large.height,
        "lines": {n: [int(lines[n][0]), int(run[n][0])] for n in NUMBERS},
        "lines_in_states": {n: [int(lines[n][1]), int(run[n][1])] for n in NUMBERS},
    }  # fmt: skip


def _worst(sets: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "union_most_off": {n: max(one["union"][n] for one in sets) for n in NUMBERS},
        "entities_p95_most_off": {n: max(one["entities"][n]["p95"] for one in sets) for n in NUMBERS},
    }  # fmt: skip


if __name__ == "__main__":
    main()
