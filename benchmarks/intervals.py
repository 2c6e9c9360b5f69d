"""Do the intervals of a reviewed sample hold the truth? Simulated reviews of a rehearsal's kept pairs.

    python -m benchmarks.intervals --rehearsal DIR [--size 400] [--reviews 2000] [--seed 1] [--json]

DIR is a rehearsal that `benchmarks.people --keep` ran. Its pairs and truth give, by stratum of weight, how many
pairs there are and how many are matches; each simulated review draws its pairs at random and looks their
truth up. Covered: the share of reviews whose 95 % interval holds the true precision, and recall, of linking
from the include threshold and from the merge threshold on.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.people import true_charts, true_mentions
from benchmarks.results import record
from matching.costs import Costs
from matching.link.settings import LinkSettings
from matching.people.review_order import EDGES, weighed
from matching.reviewed import Strata, estimate, planned
from matching.store import Workspace
from matching.tuning.errors import Errors
from matching.tuning.numbers import curve_of_run


def _people(workspace: Workspace, folder: Path) -> pl.DataFrame:
    """record, person in truth, of both sides."""
    return pl.concat(
        [
            true_mentions(workspace, folder).rename({"mention_id": "record"}),
            true_charts(workspace, folder).rename({"chart_id": "record"}),
        ]
    )


def true_strata(workspace: Workspace, folder: Path) -> tuple[Strata, np.ndarray[Any, Any]]:
    """Strata of all kept pairs, and the matches in each."""
    people = _people(workspace, folder)
    pairs = weighed(workspace).collect()
    for side in ("left", "right"):
        pairs = pairs.join(
            people.rename({"person": f"{side}_person"}), left_on=side, right_on="record", how="left"
        )
    same = (pl.col("left_person") == pl.col("right_person")).fill_null(value=False)
    counted = pairs.group_by("stratum").agg(
        pairs=pl.len(), matches=same.sum(), model=pl.col("probability").mean()
    )
    found = [np.zeros(len(EDGES) + 1, np.int64) for _ in range(2)]
    model = np.zeros(len(EDGES) + 1)
    for array, name in zip((*found, model), ("pairs", "matches", "model"), strict=True):
        array[counted["stratum"]] = counted[name]
    nothing = np.zeros_like(found[0])
    return Strata(found[0], nothing, nothing, model), found[1]


def covered(
    strata: Strata, matches: np.ndarray[Any, Any], options: argparse.Namespace
) -> dict[str, Any]:
    """By threshold and figure: share of reviews that hold the truth, and the mean width of the interval."""
    rng = np.random.Generator(np.random.PCG64(options.seed))
    wanted = planned(strata.pairs, strata.model, options.size)
    settings = LinkSettings()
    result: dict[str, Any] = {"reviewed": int(wanted.sum())}
    for name, bits in (("include", settings.include_at_bits), ("merge", settings.merge_at_bits)):
        at = sum(bits >= edge for edge in EDGES)
        truth = (
            matches[at:].sum() / strata.pairs[at:].sum(),
            matches[at:].sum() / matches.sum(),
        )
        hits, widths = np.zeros(2), np.zeros(2)
        for _ in range(options.reviews):
            seen = rng.hypergeometric(matches, strata.pairs - matches, wanted)
            both = estimate(Strata(strata.pairs, wanted, seen, strata.model), at)
            for i, (one, true) in enumerate(zip(both, truth, strict=True)):
                hits[i] += one.low <= true <= one.high
                widths[i] += one.high - one.low
        for i, figure in enumerate(("precision", "recall")):
            result[f"{name}_{figure}"] = {
                "true": round(float(truth[i]), 5),
                "covered": round(float(hits[i] / options.reviews), 4),
                "mean_width": round(float(widths[i] / options.reviews), 4),
            }
    return result


def true_errors(workspace: Workspace, folder: Path, at_bits: float) -> tuple[int, int]:
    """(false, missed): links of the merge tree from a threshold on that join two people, and below it one."""
    people = _people(workspace, folder)
    links = workspace.read("merge_tree", ["left", "right", "match_weight"])
    for side in ("left", "right"):
        links = links.join(
            people.rename({"person": f"{side}_person"}), left_on=side, right_on="record", how="left"
        )
    same = (pl.col("left_person") == pl.col("right_person")).fill_null(value=False)
    above = pl.col("match_weight") >= at_bits
    return links.filter(above, ~same).height, links.filter(~above, same).height


def covered_errors(
    workspace: Workspace,
    folder: Path,
    strata: Strata,
    matches: np.ndarray[Any, Any],
    options: argparse.Namespace,
) -> dict[str, Any]:
    """The same for what the thresholds page says of people missed and of second letters."""
    rng = np.random.Generator(np.random.PCG64(options.seed + 1))
    curve, wanted = curve_of_run(workspace), planned(strata.pairs, strata.model, options.size)
    result: dict[str, Any] = {}
    for bits in (LinkSettings().merge_at_bits, 8.0):
        truth = true_errors(workspace, folder, bits)
        hits, widths = np.zeros(2), np.zeros(2)
        for _ in range(options.reviews):
            seen = rng.hypergeometric(matches, strata.pairs - matches, wanted)
            errors = Errors.of(curve, Strata(strata.pairs, wanted, seen, strata.model))
            missed, _, twice, _ = errors.at(curve.step(bits), Costs())
            for i, (one, true) in enumerate(zip((missed, twice), truth, strict=True)):
                hits[i] += one.low <= true <= one.high
                widths[i] += one.high - one.low
        for i, figure in enumerate(("missed", "second_letters")):
            result[f"{figure}_at_{bits:g}_bits"] = {
                "true": truth[i],
                "covered": round(float(hits[i] / options.reviews), 4),
                "mean_width": round(float(widths[i] / options.reviews), 1),
            }
    return result


def main() -> None:
    """Simulate and record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rehearsal", type=Path, required=True)
    parser.add_argument("--size", type=int, default=400)
    parser.add_argument("--reviews", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    workspace = Workspace.open(options.rehearsal / "ws")
    strata, matches = true_strata(workspace, options.rehearsal)
    found = covered(strata, matches, options)
    found |= covered_errors(workspace, options.rehearsal, strata, matches, options)
    record(
        "intervals", {"size": options.size, "reviews": options.reviews, **found}, show=options.json
    )


if __name__ == "__main__":
    main()
