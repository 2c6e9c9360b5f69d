"""A whole incident made of outside data with truth, judged person by person.

    python -m benchmarks.outside [--data ../shared/data] [--json]

`pseudopeople_dev` becomes an incident: leaked rows, charts of 60 covered entities, a roster. The truth
columns are never written into it. *Found*: at least one of a true person's leaked mentions sits in a
person due a notice and makes the majority of that person's mentions.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.results import record

INCIDENT = """
[incident]
id = "outside-pseudopeople"
title = "Outside data"
synthetic = true
as_of = 2026-03-20
breach_start = 2025-12-21
breach_end = 2025-12-23
known_on = 2026-03-05
what_happened = "Files were copied."
[business_associate]
name = "Vendor, Inc."
toll_free = "1-800-555-0100"
email = "incident@example.com"
website = "https://example.com"
address = ["1 Main St", "Springfield MD 20701"]
[[leaked]]
path = "leaked.parquet"
format = "parquet"
[leaked.columns]
entity_id = "source_ce_hint"
{columns}
[[masters]]
path = "masters.parquet"
format = "parquet"
[masters.columns]
entity_id = "ce_id"
address_as_of = "as_of_year"
{columns}
[entities]
path = "entities.csv"
delegation = "delegation.csv"
[people]
LEAD = ["review", "approve", "send"]
"""
COLUMNS = """record_id = "record_id"
mrn = "mrn"
first_name = "first_name"
middle_name = "middle_name"
last_name = "last_name"
date_of_birth = "date_of_birth"
sex = "sex"
ssn = "ssn"
street = ["street_number", "street_name"]
street2 = "unit_number"
city = "city"
state = "state"
zip = "zipcode"
"""


def write_incident(data: Path, folder: Path) -> None:
    """Files as a responder would have them: no truth column among them."""
    folder.mkdir(parents=True)
    hidden = pl.selectors.starts_with("truth_")
    leaked = pl.read_parquet(data / "leaked_records.parquet").select(~hidden)
    masters = pl.read_parquet(data / "master_patients.parquet").select(~hidden)
    leaked.write_parquet(folder / "leaked.parquet")
    masters.with_columns(as_of_year=pl.format("{}-07-01", "as_of_year")).write_parquet(
        folder / "masters.parquet"
    )
    ids = masters["ce_id"].unique().sort()
    pl.DataFrame({"entity_id": ids, "legal_name": "Practice " + ids}).write_csv(
        folder / "entities.csv"
    )
    pl.DataFrame({"entity_id": ids, "duty": "individual", "by": "ba"}).write_csv(
        folder / "delegation.csv"
    )
    (folder / "incident.toml").write_text(INCIDENT.format(columns=COLUMNS))


def judge(root: Path, data: Path) -> dict[str, Any]:
    """Pairs, people and their sets of covered entities against the truth."""
    from matching.store import Workspace

    workspace = Workspace.open(root)
    truth_leaked = pl.read_parquet(data / "leaked_records.parquet").select(
        "record_id", "truth_id", "mrn", hint="source_ce_hint"
    )
    truth_charts = pl.read_parquet(data / "master_patients.parquet").select(
        "record_id", "truth_id", "ce_id", "mrn"
    )
    members = workspace.read("members")
    leaked = members.filter(side="leaked").join(truth_leaked, on="record_id")
    charts = members.filter(side="master").join(truth_charts, on="record_id")
    found = _found(leaked)
    return {
        "pairs": _pairs(workspace, truth_leaked, truth_charts),
        "pairs_within_persons": _rates(
            leaked.join(charts, on="person_id").select(
                same=pl.col("truth_id") == pl.col("truth_id_right")
            ),
            _true_pairs(truth_leaked, truth_charts),
        ),
        "people_affected": truth_leaked["truth_id"].n_unique(),
        "people_found": found.height,
        "people_false": _false_people(workspace, charts, truth_leaked),
        "entity_sets": _entity_sets(workspace, found, truth_leaked, truth_charts),
    }


def _true_pairs(leaked: pl.DataFrame, charts: pl.DataFrame) -> int:
    return leaked.join(charts, on="truth_id").height


def _rates(same: pl.DataFrame, pairs_true: int) -> dict[str, float]:
    right = int(same["same"].sum())
    return {
        "pairs_true": pairs_true,
        "precision": round(right / max(same.height, 1), 5),
        "recall": round(right / pairs_true, 5),
    }


def _pairs(workspace: Any, leaked: pl.DataFrame, charts: pl.DataFrame) -> dict[str, float]:
    """Leaked x chart pairs of band match, identities expanded to their mentions."""
    pairs = workspace.read("pairs").filter(
        (pl.col("kind") == "leaked_master") & (pl.col("band") == "match")
    )
    mentions = workspace.read("leaked", ["mention_id", "record_id"]).join(leaked, on="record_id")
    owned = workspace.read("charts", ["chart_id", "record_id"]).join(charts, on="record_id")
    made = (
        pairs.join(workspace.read("identities"), left_on="left", right_on="identity_id")
        .join(mentions, on="mention_id")
        .join(owned, left_on="right", right_on="chart_id", suffix="_chart")
    )
    same = made.select(same=pl.col("truth_id") == pl.col("truth_id_chart"))
    return _rates(same, _true_pairs(leaked, charts))


def _found(leaked: pl.DataFrame) -> pl.DataFrame:
    """True people found, each with the person that holds most of their mentions."""
    share = leaked.group_by("person_id", "truth_id").len(name="own")
    majority = share.join(leaked.group_by("person_id").len(name="all"), on="person_id").filter(
        pl.col("own") * 2 > pl.col("all")
    )
    return majority.sort("own", "person_id", descending=[True, False]).unique(
        "truth_id", keep="first"
    )


def _false_people(workspace: Any, charts: pl.DataFrame, leaked: pl.DataFrame) -> int:
    """People due a notice none of whose true people leaked (charts only, wrongly reached)."""
    possible = workspace.read("persons").filter(affected="possible").select("person_id")
    theirs = charts.join(possible, on="person_id").join(
        leaked, on="truth_id", how="left", suffix="_l"
    )
    return (
        theirs.group_by("person_id")
        .agg(pl.col("record_id_l").is_null().all())
        .filter("record_id_l")
        .height
    )


def _entity_sets(
    workspace: Any, found: pl.DataFrame, leaked: pl.DataFrame, charts: pl.DataFrame
) -> dict[str, Any]:
    """Found people whose set of entities (confirmed and possible) is exactly the right one."""
    unique_mrn = (
        charts.group_by("mrn").agg(ce=pl.col("ce_id").unique()).filter(pl.col("ce").list.len() == 1)
    )
    numbered = leaked.join(
        unique_mrn.select("mrn", ce=pl.col("ce").list.first()), on="mrn", how="inner"
    )
    known = set(charts["ce_id"])
    right = pl.concat(
        [
            charts.select("truth_id", "ce_id"),
            leaked.filter(pl.col("hint").is_in(known)).select("truth_id", ce_id="hint"),
            numbered.select("truth_id", ce_id="ce"),
        ]
    ).unique()
    expected = right.group_by("truth_id").agg(expected=pl.col("ce_id").sort())
    given = workspace.read("ownership").group_by("person_id").agg(given=pl.col("entity_id").sort())
    compared = (
        found.join(expected, on="truth_id", how="left")
        .join(given, on="person_id", how="left")
        .with_columns(pl.col("expected").fill_null(["UNOWNED"]))
    )
    exact = int((compared["expected"] == compared["given"]).sum())
    with_chart = compared.filter(pl.col("expected").list.first() != "UNOWNED")
    return {
        "people": compared.height,
        "exact": exact,
        "share": round(exact / compared.height, 5),
        "with_an_entity": with_chart.height,
        "with_an_entity_exact": int((with_chart["expected"] == with_chart["given"]).sum()),
    }


def main() -> None:
    """Make the incident, run it, judge it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    data = options.data / "pseudopeople_dev"
    if not data.is_dir():
        raise SystemExit("the outside data is not there; nothing measured")
    from flows.run import run_round

    with tempfile.TemporaryDirectory() as name:
        folder = (options.keep or Path(name)) / "outside"
        write_incident(data, folder)
        document = run_round(
            folder / "incident.toml", workspace=folder / "ws", engine="local", approve_as="LEAD"
        )
        judged = judge(folder / "ws", data)
    kept = (
        "seconds",
        "peak_rss_gib",
        "leaked_rows",
        "charts",
        "persons",
        "notices",
        "review_pairs",
    )
    record("outside", judged | {name: document[name] for name in kept}, show=options.json)


if __name__ == "__main__":
    main()
