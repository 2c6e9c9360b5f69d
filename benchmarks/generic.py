"""A generic but competent Splink model, the yardstick for how hard data is.

`generic.json` holds names with term frequency, birth date, SSN, sex, street and ZIP, and five blocking
rules, without weights: they are trained here on the data itself, without labels. Cleaning is light on
purpose (capitals, letters, digits) and owes nothing to the project's own standardiser.
"""

from __future__ import annotations

import json
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl

SETTINGS = Path(__file__).with_name("generic.json")
FIELDS = ("first_name", "middle_name", "last_name", "date_of_birth", "ssn", "sex", "street", "zip")
SESSIONS = (
    ("first_name", "last_name"),
    ("last_name", "date_of_birth"),
    ("first_name", "date_of_birth"),
)
RECALL_OF_EXACT = 0.7  # what a practitioner would guess of name and birth date
SAMPLED_PAIRS = 1e6
FLOOR_BITS = -10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Scored pairs with `ok`, best first, and the figures at the best F1."""

    pairs: pl.DataFrame
    true_pairs: int
    f1: float
    precision: float
    recall: float
    threshold_bits: float
    recall_at_999: float


def letters(column: str) -> pl.Expr:
    """Capitals only: no accents, blanks or punctuation; other scripts as they are."""
    text = pl.col(column).str.normalize("NFKD").str.to_uppercase()
    return text.str.replace_all(r"[^\p{L}]", "").replace("", None).alias(column)


def digits(column: str) -> pl.Expr:
    """Digits only."""
    return pl.col(column).str.replace_all(r"[^0-9]", "").replace("", None).alias(column)


def iso_date(column: str) -> pl.Expr:
    """Year, month, day, whether delivered that way or as month/day/year."""
    return pl.col(column).str.replace(r"^(\d\d)/(\d\d)/(\d{4})$", "${3}-${1}-${2}").alias(column)


def cleaned(frame: pl.DataFrame) -> pl.DataFrame:
    """Light cleaning of the fields that are there; `full_name` is split at its first and last blank."""
    if "full_name" in frame.columns and "first_name" not in frame.columns:
        frame = frame.with_columns(
            first_name=pl.col("full_name").str.extract(r"^(\S+)"),
            last_name=pl.col("full_name").str.extract(r"^\S+\s+(.+)$"),
        )
    frame = frame.with_columns(
        pl.lit(None, dtype=pl.String).alias(c) for c in FIELDS if c not in frame.columns
    )
    return frame.with_columns(
        letters("first_name"),
        letters("last_name"),
        letters("middle_name").str.head(1),
        iso_date("date_of_birth"),
        digits("ssn"),
        pl.col("sex").str.to_uppercase().str.head(1),
        pl.col("street").str.to_uppercase().str.strip_chars(),
        digits("zip").str.head(5),
    )


def settings(fields: set[str]) -> dict[str, Any]:
    """The committed settings without what compares or blocks on a field that is not there."""
    document: dict[str, Any] = json.loads(SETTINGS.read_text())
    missing = set(FIELDS) - fields
    document["comparisons"] = [
        c for c in document["comparisons"] if c["output_column_name"] not in missing
    ]
    document["blocking_rules_to_generate_predictions"] = [
        {"blocking_rule": rule["blocking_rule"]}
        for rule in document["blocking_rules_to_generate_predictions"]
        if not any(f'"{name}"' in rule["blocking_rule"] for name in missing)
    ]
    return document


def score(leaked: pl.DataFrame, masters: pl.DataFrame, *, seed: int = 1) -> pl.DataFrame:
    """Pairs above the floor with `match_weight`, trained on these two frames on one thread."""
    from splink import DuckDBAPI, Linker, block_on

    logging.getLogger("splink").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="splink")
    present = {c for c in FIELDS if leaked[c].count() and masters[c].count()}
    columns = ["unique_id", *(c for c in FIELDS if c in present)]
    con = duckdb.connect()
    con.execute("set threads = 1")
    api = DuckDBAPI(con)
    sides = [
        api.register(frame.select(columns).to_arrow(), dataset_display_name=name)
        for name, frame in (("leaked", leaked), ("masters", masters))
    ]
    linker = Linker(sides, settings(present))
    exact = block_on("first_name", "last_name", "date_of_birth")
    linker.training.estimate_probability_two_random_records_match([exact], recall=RECALL_OF_EXACT)
    linker.training.estimate_u_using_random_sampling(
        max_pairs=SAMPLED_PAIRS, seed=seed, min_count_per_level=None
    )
    for session in SESSIONS:
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(*session))
    predicted = linker.inference.predict(threshold_match_weight=FLOOR_BITS)
    query = f"select unique_id_l, unique_id_r, match_weight from {predicted.physical_name}"
    return con.sql(query).pl()


def judge(scored: pl.DataFrame, leaked: pl.DataFrame, masters: pl.DataFrame) -> Judged:
    """Every threshold against `person` of both sides; ties count together."""
    people = (
        leaked.select(unique_id_l="unique_id", person_l="person"),
        masters.select(unique_id_r="unique_id", person_r="person"),
    )
    pairs = scored.join(people[0], on="unique_id_l").join(people[1], on="unique_id_r")
    pairs = pairs.with_columns(ok=pl.col("person_l").eq(pl.col("person_r")).fill_null(value=False))
    pairs = pairs.sort(
        "match_weight", "unique_id_l", "unique_id_r", descending=[True, False, False]
    )
    true_pairs = (
        leaked.select("person").drop_nulls().join(masters.select("person"), on="person").height
    )
    found, weight = pairs["ok"].cum_sum().to_numpy(), pairs["match_weight"].to_numpy()
    precision, recall = found / np.arange(1, len(pairs) + 1), found / true_pairs
    tied = np.append(weight[1:] == weight[:-1], False)
    f1 = np.where(tied, 0.0, 2 * precision * recall / np.maximum(precision + recall, 1e-12))
    best = int(f1.argmax())
    pure = np.flatnonzero((precision >= 0.999) & ~tied)
    return Judged(
        pairs=pairs,
        true_pairs=true_pairs,
        f1=round(float(f1[best]), 4),
        precision=round(float(precision[best]), 4),
        recall=round(float(recall[best]), 4),
        threshold_bits=round(float(weight[best]), 2),
        recall_at_999=round(float(recall[pure[-1]]), 4) if len(pure) else 0.0,
    )


def exact_name_and_birth(leaked: pl.DataFrame, masters: pl.DataFrame) -> dict[str, float]:
    """Pair recall and precision of equal cleaned first name, last name and birth date."""
    keys = ["first_name", "last_name", "date_of_birth"]
    pairs = leaked.select(*keys, "person").join(masters.select(*keys, "person"), on=keys)
    right = pairs.filter(pl.col("person") == pl.col("person_right")).height
    true_pairs = (
        leaked.select("person").drop_nulls().join(masters.select("person"), on="person").height
    )
    return {
        "recall": round(right / true_pairs, 4),
        "precision": round(right / max(len(pairs), 1), 4),
    }
