"""How well records are linked on outside data with known truth.

    python -m benchmarks.accuracy [--data ../shared/data] [--only NAME ...] [--json]

Each set is linked as `affected evaluate` does it: trained on itself without labels, the truth column set
aside. `ceiling`: the share of true pairs in which two identifying fields at least (given name, family name,
birth date, SSN, house number and street) are there on both sides and equal after cleaning: no linker can
be sure of the others. `nbs_test`: pairs that people graded, scored as `affected score` does it. Sets whose files are not
there are skipped and named. `must` names figures and the least that has to hold of each.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.results import record
from matching.evaluate import evaluate
from matching.given import clean_records, guess_columns, read_maps, read_text, take_columns
from matching.score import score

MAPS = Path(__file__).parent / "maps"
DATA = Path(__file__).parents[2] / "shared" / "data"


@dataclass(frozen=True, slots=True)
class OutsideSet:
    """Two files, or one to find duplicates in."""

    left: str
    right: str | None
    columns: str | None
    must: dict[str, float] = field(default_factory=dict)
    """Least of a figure, by its path in the result."""


SETS = {
    "pseudopeople_dev": OutsideSet(
        "pseudopeople_dev/leaked_records.parquet",
        "pseudopeople_dev/master_patients.parquet",
        "pseudopeople_dev.toml",
        {"best.f1": 0.991, "recall_at_precision.0_999": 0.95, "guards_cost.recall": -0.01},
    ),
    "febrl4": OutsideSet(
        "febrl/febrl4a.parquet", "febrl/febrl4b.parquet", "febrl.toml", {"best.f1": 0.9993}
    ),
    "easylink_2020": OutsideSet(
        "easylink_2020/2020_input_file_ssa.parquet",
        "easylink_2020/2020_input_file_w2.parquet",
        "easylink_2020.toml",
        {"default.precision": 0.998, "default.recall": 0.985},
    ),
    "febrl1": OutsideSet("febrl/febrl1.parquet", None, "febrl.toml"),
    "febrl2": OutsideSet("febrl/febrl2.parquet", None, "febrl.toml"),
    "febrl3": OutsideSet("febrl/febrl3.parquet", None, "febrl.toml"),
    "splink_fake_1000": OutsideSet("splink_fake_1000/fake_1000.parquet", None, None),
}
KEPT = ("model", "pairs_true", "pairs_compared", "best", "default", "recall_at_precision",
        "blocking_recall", "with_guards", "seconds", "peak_rss_gib")  # fmt: skip
TRUTH = "truth_id"
IDENTIFYING = ("first_name", "last_name", "date_of_birth", "ssn")
ENOUGH = 2
"""Identifying fields in common."""


def judge(one: OutsideSet, data: Path) -> dict[str, Any] | None:
    """Figures of one set; None where its files are not there."""
    left = data / one.left
    right = data / one.right if one.right else None
    if not left.exists() or (right is not None and not right.exists()):
        return None
    columns = MAPS / one.columns if one.columns else None
    found = {
        key: value
        for key, value in evaluate(left, right, truth=TRUTH, columns=columns).items()
        if key in KEPT
    }
    guarded = found["with_guards"]["default"]["recall"] - found["default"]["recall"]
    cost = {"recall": round(guarded, 5)}
    return {
        "must": one.must,
        "ceiling": ceiling(left, right, columns),
        **found,
        "guards_cost": cost,
    }


def ceiling(left: Path, right: Path | None, columns: Path | None) -> float:
    """Share of true pairs with enough in common to be told apart from strangers."""
    maps = read_maps(columns)
    sides = []
    for path, given in (
        (left, maps.left if maps else None),
        (right or left, maps.right if maps else None),
    ):
        rows = read_text(path).with_row_index("row")
        mapped = given or guess_columns(rows.columns)
        cleaned = clean_records(take_columns(rows, mapped, source=str(path)))
        place = pl.concat_str("street_number", "street_name", separator=" ")
        sides.append(
            cleaned.select(*IDENTIFYING, place=place).with_columns(rows[TRUTH], rows["row"])
        )
    both = sides[0].drop_nulls(TRUTH).join(sides[1], on=TRUTH, suffix="_r")
    if right is None:
        both = both.filter(pl.col("row") < pl.col("row_r"))
    fields = (*IDENTIFYING, "place")
    common = pl.sum_horizontal(
        (pl.col(f) == pl.col(f"{f}_r")).fill_null(value=False) for f in fields
    )
    return round(both.select((common >= ENOUGH).mean()).item(), 5)


GRADED_MUST = {"match.match": 42, "no_match.not_match": 17, "possible_match.review": 11}


def graded(data: Path) -> dict[str, Any] | None:
    """Bands of the graded cases of CDC's record linker, each against the record that it was made from."""
    folder = data / "cdc_recordlinker"
    if not folder.is_dir():
        return None
    tests, seeds = (pl.read_parquet(folder / f"nbs_{name}.parquet") for name in ("test", "seed"))
    fields = [name for name in seeds.columns if name != "match_id"]
    pairs = tests.rename({name: f"left_{name}" for name in fields}).join(
        seeds.rename({name: f"right_{name}" for name in fields}), on="match_id", how="left"
    )
    with tempfile.TemporaryDirectory() as name:
        given, out = Path(name) / "pairs.parquet", Path(name) / "scored.parquet"
        pairs.write_parquet(given)
        score(given, out)
        counts = pl.read_parquet(out).group_by("expected", "band").len()
    bands: dict[str, dict[str, int]] = {}
    for expected, band, count in counts.sort("expected", "band").iter_rows():
        bands.setdefault(expected, {})[band] = count
    bands["no_match"]["not_match"] = sum(n for b, n in bands["no_match"].items() if b != "match")
    return {"must": GRADED_MUST, **bands}


def missed(found: dict[str, Any]) -> list[str]:
    """Figures below what must hold."""
    below = []
    for path, least in found["must"].items():
        value: Any = found
        for key in path.split("."):
            value = value.get(key, value.get(key.replace("_", "."), 0))
        if value < least:
            below.append(f"{path} {value} < {least}")
    return below


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--only", nargs="*", choices=sorted([*SETS, "nbs_test"]))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    sets: dict[str, Any] = {}
    below = []
    for name in args.only or [*SETS, "nbs_test"]:
        found = graded(args.data) if name == "nbs_test" else judge(SETS[name], args.data)
        if found is None:
            print(f"{name}: not there, skipped", file=sys.stderr)
            continue
        sets[name] = found
        below += [f"{name}: {what}" for what in missed(found)]
    if not args.only:
        record("accuracy", {"sets": sets}, show=args.json)
    if below:
        raise SystemExit("below the figure that must hold: " + "; ".join(below))


if __name__ == "__main__":
    main()
