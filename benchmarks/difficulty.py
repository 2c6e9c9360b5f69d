"""Is the rehearsal hard enough, and hard in the right way?

    python -m benchmarks.difficulty [--people 20000 50000] [--seeds 1 2] [--profiles dental] [--data DIR]

Four figures per rehearsal: recall of exact name and birth date (.55-.75), best F1 of the generic model
(at most .985), true pairs with fewer than two identifying fields in common (under 3 %), and the share of
the generic model's false pairs that are relatives (at least a third). The generic model is checked on
`pseudopeople_dev` first, where that folder is given.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.generic import Judged, cleaned, digits, exact_name_and_birth, judge, score
from benchmarks.results import record

# A pair shares a field when both sides have it and, cleaned, it is equal.


def whole_lines(path: Path) -> pl.DataFrame:
    """JSONL without its broken lines."""
    lines = pl.read_csv(
        path, has_header=False, separator="\x01", quote_char=None, new_columns=["line"]
    )
    whole = lines["line"].filter(lines["line"].str.ends_with("}"))
    return pl.read_ndjson(io.BytesIO("\n".join(whole).encode()), infer_schema_length=None)


READERS: dict[str, Callable[[Path], pl.DataFrame]] = {
    "csv": lambda path: pl.read_csv(path, infer_schema=False, truncate_ragged_lines=True),
    "tsv": lambda path: pl.read_csv(path, infer_schema=False, separator="\t"),
    "jsonl": whole_lines,
    "parquet": pl.read_parquet,
}


def canonical(path: Path, form: str, columns: dict[str, Any]) -> pl.DataFrame:
    """A delivered file with its columns under their canonical names."""
    frame = READERS[form](path)
    single = {c: f for f, c in columns.items() if isinstance(c, str)}
    return frame.select(pl.col(c).cast(pl.String).alias(f) for c, f in single.items())


def sides(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Leaked rows (patients' and others', the repeated file once) and charts, cleaned, with `person`."""
    document = tomllib.loads((folder / "incident.toml").read_text())
    truth = pl.read_parquet(folder / "truth/leaked.parquet")
    truth = truth.filter(
        pl.col("role") != "guarantor", pl.col("exclusion").ne_missing("repeated_file")
    )
    leaked = [
        _joined(folder, e["path"], e["format"], e["columns"], truth) for e in document["leaked"]
    ]
    charts = pl.read_parquet(folder / "truth/charts.parquet")
    columns = document["masters"][0]["columns"]
    masters = [
        _joined(folder, f"masters/{p.name}", "parquet", columns, charts)
        for p in sorted((folder / "masters").iterdir())
    ]
    return _side(leaked, "L"), _side(masters, "M")


def _joined(
    folder: Path, path: str, form: str, columns: dict[str, Any], truth: pl.DataFrame
) -> pl.DataFrame:
    rows = (
        canonical(folder / path, form, columns).with_row_index("row_no").cast({"row_no": pl.Int64})
    )
    known = truth.filter(pl.col("file") == path).select("row_no", "person")
    return cleaned(rows.join(known, on="row_no", how="inner"))


def _side(frames: list[pl.DataFrame], letter: str) -> pl.DataFrame:
    frame = (
        pl.concat(frames, how="diagonal_relaxed").sort("record_id", "row_no").with_row_index("at")
    )
    frame = frame.with_columns(unique_id=letter + pl.col("at").cast(pl.String))
    for name in ("phone", "phone2"):
        if name not in frame.columns:
            frame = frame.with_columns(pl.lit(None, dtype=pl.String).alias(name))
    return frame.with_columns(digits(c).str.tail(10) for c in ("phone", "phone2"))


def shared_fields(leaked: pl.DataFrame, masters: pl.DataFrame) -> dict[str, float]:
    """Shares of true pairs by how little they have in common.

    `lacking_two`: fewer than two identifying fields are equal on both sides. `lacking_two_present`: fewer
    than two are filled in on both sides at all.
    """
    keep = ["person", "first_name", "last_name", "date_of_birth", "street", "phone", "phone2", "email",
            "mrn", "ssn", "member_id"]  # fmt: skip
    left, right = (f.select(c for c in keep if c in f.columns) for f in (leaked, masters))
    pairs = left.drop_nulls("person").join(right, on="person")
    equal = {
        "name": _equal(pairs, "first_name") & _equal(pairs, "last_name"),
        "phone": _equal(pairs, "phone")
        | _equal(pairs, "phone", "phone2_right")
        | _equal(pairs, "phone2"),
        "chart": _equal(pairs, "mrn"),
        **{c: _equal(pairs, c) for c in ("date_of_birth", "street", "email", "ssn", "member_id")},
    }
    count = pl.sum_horizontal(pl.Series(e).cast(pl.Int8) for e in equal.values())
    present = [
        pl.col(c).is_not_null() & pl.col(f"{c}_right").is_not_null()
        for c in ("last_name", "date_of_birth", "street", "phone", "email", "ssn", "member_id")
        if f"{c}_right" in pairs.columns
    ]
    low = pairs.select(equal=count < 2, present=pl.sum_horizontal(present) < 2)
    return {
        "lacking_two": round(float(low["equal"].mean()), 4),
        "lacking_two_present": round(float(low["present"].mean()), 4),
    }


def _equal(pairs: pl.DataFrame, left: str, right: str | None = None) -> pl.Series:
    other = right or f"{left}_right"
    if left not in pairs.columns or other not in pairs.columns:
        return pl.repeat(False, len(pairs), dtype=pl.Boolean, eager=True)
    return (pairs[left] == pairs[other]).fill_null(False)


def relatives(judged: Judged, folder: Path) -> dict[str, Any]:
    """Of the false pairs at the best F1: how many are two relatives, and which."""
    related = pl.read_parquet(folder / "truth/related.parquet")
    false = judged.pairs.filter(
        pl.col("match_weight") >= judged.threshold_bits - 0.005, ~pl.col("ok")
    )
    ordered = false.select(
        person_a=pl.min_horizontal("person_l", "person_r"),
        person_b=pl.max_horizontal("person_l", "person_r"),
    )
    known = ordered.join(related, on=["person_a", "person_b"], how="left")["relation"]
    counts = known.drop_nulls().value_counts().sort("relation")
    share = known.count() / max(len(known), 1)
    return {
        "false_pairs": len(known),
        "relatives": round(share, 4),
        "by_relation": dict(counts.iter_rows()),
    }


def measured(folder: Path, *, seed: int) -> dict[str, Any]:
    """The four figures of one rehearsal on disk."""
    leaked, masters = sides(folder)
    judged = judge(score(leaked, masters, seed=seed), leaked, masters)
    return {
        "leaked_rows": len(leaked),
        "charts": len(masters),
        "true_pairs": judged.true_pairs,
        "exact_name_and_birth": exact_name_and_birth(leaked, masters),
        **_generic(judged),
        **shared_fields(leaked, masters),
        **relatives(judged, folder),
    }


def _generic(judged: Judged) -> dict[str, Any]:
    names = ("f1", "precision", "recall", "threshold_bits", "recall_at_999")
    return {"generic": {name: getattr(judged, name) for name in names}}


def outside(data: Path) -> dict[str, Any]:
    """The generic model on `pseudopeople_dev`: about .985, and .67 for exact name and birth date."""
    frames = []
    for name in ("leaked_records", "master_patients"):
        frame = pl.read_parquet(data / "pseudopeople_dev" / f"{name}.parquet")
        street = pl.concat_str("street_number", "street_name", separator=" ", ignore_nulls=False)
        frame = frame.with_columns(
            unique_id="record_id", person="truth_id", street=street, zip="zipcode"
        )
        frames.append(cleaned(frame))
    leaked, masters = frames
    judged = judge(score(leaked, masters), leaked, masters)
    return {
        "true_pairs": judged.true_pairs,
        "exact_name_and_birth": exact_name_and_birth(leaked, masters),
        **_generic(judged),
    }


def main() -> None:
    """Generate, measure, record."""
    from flows.rehearse import rehearse

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--people", type=int, nargs="+", default=[20_000, 50_000])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--profiles", nargs="+", default=["dental"])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result: dict[str, Any] = {"rehearsals": []}
    if (options.data / "pseudopeople_dev").is_dir():
        result["pseudopeople_dev"] = outside(options.data)
    for profile in options.profiles:
        for people in options.people:
            for seed in options.seeds:
                with tempfile.TemporaryDirectory() as name:
                    rehearse(Path(name), people=people, seed=seed, profile=profile)
                    figures = measured(Path(name), seed=seed)
                entry = {"profile": profile, "people": people, "seed": seed, **figures}
                result["rehearsals"].append(entry)
    record("difficulty", result, show=options.json)


if __name__ == "__main__":
    main()
