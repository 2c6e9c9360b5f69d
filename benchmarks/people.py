"""Who is found, who is told for nothing, who is merged wrongly: a rehearsal judged person by person.

    python -m benchmarks.people [--people 1000000] [--profile dental] [--seeds 1] [--keep DIR] [--json]

A *person due a notice* is one of `persons` that is not `no_longer`. *Found*: one of a true person's leaked
mentions sits in a person due a notice and makes the majority of that person's mentions; of those who have
a name and one more of birth date, phone, e-mail and address in some leaked row. *False*: a person due
a notice none of whose true people leaked. *Orphan recovered*: found, and has no chart in truth. *Merged
wrongly*: two relatives of one household, both there, with records in one person, by relation.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.results import record
from matching.store import Workspace

TRAPS = ("twin", "generation", "sibling", "spouse", "newborn")
"""Relations that the issue's figure counts; the others are shown beside."""
_DIGITS = 5


def judge(workspace: Workspace, folder: Path) -> dict[str, Any]:
    """All figures of one rehearsed incident that was run until `people`."""
    leaked, charts = true_mentions(workspace, folder), true_charts(workspace, folder)
    members = workspace.read("members", ["person_id", "mention_id", "side"])
    due = workspace.read("persons").filter(pl.col("affected") != "no_longer").select("person_id")
    mine = members.join(due, on="person_id", how="semi")
    mentions = mine.filter(side="leaked").join(leaked, on="mention_id", how="left")
    owned = mine.filter(side="master").join(charts, left_on="mention_id", right_on="chart_id")
    affected = _affected(workspace, leaked)
    found = _found(mentions).join(affected, on="person", how="semi")
    orphans = affected.join(charts, on="person", how="anti")
    false = _false(due, mentions, owned, leaked)
    both = pl.concat([mentions.select("person_id", "person"), owned.select("person_id", "person")])
    return {
        "people_affected": affected.height,
        "people_due": due.height,
        "found": _share(found.height, affected.height),
        "false": _share(false, due.height),
        "orphans": orphans.height,
        "orphans_recovered": _share(found.join(orphans, on="person", how="semi").height, orphans.height),
        "parts_per_person": _parts(both),
        "traps": _traps(both.drop_nulls().unique(), folder),
        "review": _review(workspace),
    }  # fmt: skip


def _share(part: int, whole: int) -> float:
    return round(part / max(whole, 1), _DIGITS)


def _files(workspace: Workspace, folder: Path) -> pl.DataFrame:
    """file_no of each delivered path; a file that was delivered twice has the number of its first."""
    from matching.files import sha256_file

    numbers = workspace.read("files", ["file_no", "file_sha256"])
    paths = [p for name in ("leak", "masters") for p in sorted((folder / name).iterdir())]
    listed = pl.DataFrame(
        {
            "file": [str(p.relative_to(folder)) for p in paths],
            "file_sha256": [sha256_file(p) for p in paths],
        }
    )
    return listed.join(numbers, on="file_sha256").select("file", "file_no")


def true_mentions(workspace: Workspace, folder: Path) -> pl.DataFrame:
    """mention_id, person: of mentions that are somebody's and not excluded."""
    return true_owned_mentions(workspace, folder).select("mention_id", "person")


def true_owned_mentions(workspace: Workspace, folder: Path) -> pl.DataFrame:
    """As `true_mentions`, with the `entity_id` that owned the row."""
    told = pl.read_parquet(folder / "truth/leaked.parquet").filter(pl.col("exclusion").is_null())
    told = told.join(_files(workspace, folder), on="file").drop_nulls("person")
    rows = workspace.read("leaked", ["mention_id", "file_no", "row_no", "role", "exclusion"])
    rows = rows.filter(pl.col("exclusion").is_null()).with_columns(pl.col("role").cast(pl.String))
    keys = ["file_no", "row_no"]
    second = pl.col("role") == "guarantor"
    both = rows.with_columns(second=second).join(
        told.with_columns(
            second=pl.col("role") == "guarantor", file_no=pl.col("file_no").cast(rows["file_no"].dtype)
        ).select(*keys, "second", "person", entity_id="entity_ids"),
        on=[*keys, "second"],
    )  # fmt: skip
    return both.select("mention_id", "person", "entity_id")


def true_charts(workspace: Workspace, folder: Path) -> pl.DataFrame:
    """chart_id, person."""
    told = pl.read_parquet(folder / "truth/charts.parquet").join(
        _files(workspace, folder), on="file"
    )
    rows = workspace.read("charts", ["chart_id", "file_no", "row_no"])
    told = told.with_columns(pl.col("file_no").cast(rows["file_no"].dtype))
    return rows.join(told, on=["file_no", "row_no"]).select("chart_id", "person")


def _affected(workspace: Workspace, leaked: pl.DataFrame) -> pl.DataFrame:
    """True people whom some leaked row names, with one more thing to know them by."""
    columns = [
        "first_name",
        "last_name",
        "date_of_birth",
        "phone",
        "phone2",
        "email",
        "street_name",
    ]
    known = workspace.read("leaked_std", ["mention_id", *columns])
    there = pl.col(columns).is_not_null()
    by_person = (
        known.join(leaked, on="mention_id").group_by("person").agg(there.any())
    )  # fmt: skip
    named = pl.col("first_name") & pl.col("last_name")
    return by_person.filter(named & pl.any_horizontal(columns[2:])).select("person")


def _found(mentions: pl.DataFrame) -> pl.DataFrame:
    """person: true people with a person due a notice of their own."""
    own = mentions.drop_nulls("person").group_by("person_id", "person").len("own")
    every = mentions.group_by("person_id").len("every")
    majority = own.join(every, on="person_id").filter(pl.col("own") * 2 > pl.col("every"))
    return majority.select(pl.col("person").unique())


def _false(
    due: pl.DataFrame, mentions: pl.DataFrame, owned: pl.DataFrame, leaked: pl.DataFrame
) -> int:
    """Persons due a notice none of whose true people leaked."""
    right = pl.concat(
        [
            mentions.drop_nulls("person").select("person_id"),
            owned.join(leaked, on="person", how="semi").select("person_id"),
        ]
    )
    return due.join(right, on="person_id", how="anti").height


def _parts(both: pl.DataFrame) -> float:
    """Persons that a true person is spread over, on average."""
    return round(float(both.drop_nulls().unique().group_by("person").len()["len"].mean()), _DIGITS)  # type: ignore[arg-type]  # not empty


def _traps(both: pl.DataFrame, folder: Path) -> dict[str, Any]:
    """By relation: pairs with both there, pairs in one person, their share."""
    related = pl.read_parquet(folder / "truth/related.parquet")
    there = both.select("person").unique()
    present = related.join(there, left_on="person_a", right_on="person", how="semi")
    present = present.join(there, left_on="person_b", right_on="person", how="semi")
    merged = (
        present.join(both, left_on="person_a", right_on="person")
        .join(both, left_on="person_b", right_on="person", suffix="_b")
        .filter(pl.col("person_id") == pl.col("person_id_b"))
        .unique(["person_a", "person_b"])
    )
    counts = present.group_by("relation").len("pairs").join(
        merged.group_by("relation").len("merged"), on="relation", how="left"
    ).fill_null(0).sort("relation")  # fmt: skip
    rows = {r: {"pairs": n, "merged": m, "share": _share(m, n)} for r, n, m in counts.iter_rows()}
    traps = counts.filter(pl.col("relation").is_in(TRAPS))
    total, wrong = int(traps["pairs"].sum()), int(traps["merged"].sum())
    return {"all": {"pairs": total, "merged": wrong, "share": _share(wrong, total)}, **rows}


def _review(workspace: Workspace) -> dict[str, Any]:
    """Distinct mentions with a pair in the review band, and pairs of persons who may be one."""
    distinct = workspace.read("identities", ["identity_id"])["identity_id"].n_unique()
    pairs = workspace.scan("pairs").filter(
        pl.col("band") == "review", pl.col("kind") != "master_master"
    )
    ends = pairs.select("kind", "left", "right").collect()
    both = [ends["left"], ends.filter(pl.col("kind") == "leaked_leaked")["right"]]
    return {
        "mentions_distinct": distinct,
        "in_band": _share(pl.concat(both).n_unique(), distinct),
        "maybe_same": _share(workspace.rows("maybe_same"), distinct),
    }


def main() -> None:
    """Rehearse, run, judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--profile", default="dental")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--keep", type=Path, help="use what is there, and leave it there")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    runs = []
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as name:
            home = options.keep or Path(name)
            runs.append(
                {
                    "seed": seed,
                    **_one(home / f"{options.profile}-{options.people}-{seed}", seed, options),
                }
            )
    name = f"people-{options.profile}-{options.people}"
    record(name, {"people": options.people, "runs": runs}, show=options.json)


def _one(folder: Path, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    from flows.rehearse import rehearse
    from flows.run import run_round

    if not (folder / "incident.toml").exists():
        rehearse(folder, people=options.people, seed=seed, profile=options.profile)
    root = folder / "ws"
    document = run_round(folder / "incident.toml", workspace=root, engine="local", until="people")
    seconds = {step["name"]: step["seconds"] for step in document["steps"]}
    return {**judge(Workspace.open(root), folder), "seconds": seconds}


if __name__ == "__main__":
    main()
