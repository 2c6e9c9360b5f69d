"""Whose patients, and how many: owners and counts of a rehearsal judged against its truth.

    python -m benchmarks.owners --rehearsal DIR [--workspace WS] [--reviewed 400] [--json]
    python -m benchmarks.owners --links DIR [DIR ...]
    python -m benchmarks.owners --steps WS [--json]

DIR is a rehearsal whose workspace has run until `people` or later (`benchmarks.people --keep`); WS, by
default DIR/ws, is written to: owners and counts run in it, and with `--reviewed` as many pairs are decided
from the truth first, as people would decide a sample, and `people` runs, too. The true entity of a row is the one that owned it.

*Wrong*: a confirmed attribution of a person to an entity that owned none of the leaked rows of the person's
true person (the majority of its records). *Hinted pairs*: true (person, entity) pairs with a leaked row that
names the entity in any column; *confirmed* where a person holding such a row is. *One entity*: people all of
whose leaked rows and charts are of one entity. *Inside*: the truth lies between two numbers of `counts`.

`--links` tells how many links of each kind in `same_chances` join two persons of one true person, by bits of
match weight: from rehearsals of seeds that no figure is taken from, the constants of `matching.owners.chances`.

`--steps` takes seconds and memory of owners, counts and duties in a finished workspace, from nothing: tables of
theirs that are there are dropped first. Rows are people at an entity. Goes to `results/owners-steps.json`.
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.mail import measured
from benchmarks.people import true_charts, true_mentions, true_owned_mentions
from benchmarks.results import record
from matching.store import Workspace
from matching.tables import TABLES, UNOWNED

HINTS = (
    "tenant_id", "location_id", "entity_id", "mrn", "entity_npi", "entity_phone", "entity_email",
    "entity_hint",
)  # fmt: skip
_DIGITS = 6
_WIDE = 2.0
"""Intervals not wider than this many people are no statement about chance."""


def judge(workspace: Workspace, folder: Path) -> dict[str, Any]:
    """All figures of one rehearsed incident that was run until `counts`."""
    rows = true_owned_mentions(workspace, folder)
    charts = workspace.read("charts", ["chart_id", "entity_id"])
    charts = true_charts(workspace, folder).join(charts, on="chart_id")
    owned = workspace.read("ownership").filter(pl.col("entity_id") != UNOWNED)
    members = workspace.read("members", ["person_id", "mention_id"])
    mine = members.join(rows, on="mention_id")
    held = pl.concat(
        [
            mine.select("person_id", "person"),
            members.join(charts, left_on="mention_id", right_on="chart_id").select(
                "person_id", "person"
            ),
        ]
    )
    true = rows.select("person", "entity_id").unique()
    return {
        "attributions": _attributions(owned, held, mine, true),
        "hinted": _hinted(workspace, owned, mine, true),
        "one_entity": _one_entity(owned, held, true, charts.select("person", "entity_id")),
        "counts": _counts(workspace, true),
    }


def _share(part: int, whole: int) -> float:
    return round(part / max(whole, 1), _DIGITS)


def _majority(held: pl.DataFrame) -> pl.DataFrame:
    """person_id, person: the true person with most of its records; ties by number."""
    counted = held.group_by("person_id", "person").len()
    first = counted.sort("person_id", "len", "person", descending=[False, True, False])
    return first.unique("person_id", keep="first").select("person_id", "person")


def _attributions(
    owned: pl.DataFrame, held: pl.DataFrame, mine: pl.DataFrame, true: pl.DataFrame
) -> dict[str, Any]:
    """Confirmed attributions, those that are wrong, and by which rung."""
    sure = owned.filter(pl.col("status") == "confirmed")
    named = sure.join(_majority(held), on="person_id", how="left")
    wrong = named.join(true, on=["person", "entity_id"], how="anti")
    of_anyone = mine.select("person_id", "entity_id").unique()
    to_nobody = wrong.join(of_anyone, on=["person_id", "entity_id"], how="anti")
    by_basis = (
        sure.group_by("basis").len("confirmed")
        .join(wrong.group_by("basis").len("wrong"), on="basis", how="left")
        .join(to_nobody.group_by("basis").len("of_nobody_in_it"), on="basis", how="left")
        .fill_null(0).sort("basis")
    )  # fmt: skip
    return {
        "confirmed": sure.height,
        "wrong": wrong.height,
        "share_wrong": _share(wrong.height, sure.height),
        "of_nobody_in_it": to_nobody.height,
        "share_of_nobody_in_it": _share(to_nobody.height, sure.height),
        "by_basis": by_basis.to_dicts(),
    }


def _hinted(
    workspace: Workspace, owned: pl.DataFrame, mine: pl.DataFrame, true: pl.DataFrame
) -> dict[str, Any]:
    """True pairs with a hint in a row, and whether a person with such a row is confirmed there."""
    said = workspace.scan("leaked").select(
        "mention_id", pl.any_horizontal(pl.col(name).is_not_null() for name in HINTS).alias("said")
    )
    hinted = said.filter("said").select("mention_id").collect()
    with_hint = mine.join(hinted, on="mention_id", how="semi")
    pairs = with_hint.select("person", "entity_id").unique()
    sets = owned.select("person_id", "entity_id", "status")
    met = with_hint.join(sets, on=["person_id", "entity_id"])
    sure = met.filter(pl.col("status") == "confirmed").select("person", "entity_id").unique()
    there = met.select("person", "entity_id").unique()
    return {
        "pairs": true.height,
        "with_hint": pairs.height,
        "confirmed": sure.height,
        "share_confirmed": _share(sure.height, pairs.height),
        "share_in_set": _share(there.height, pairs.height),
    }


def _one_entity(
    owned: pl.DataFrame, held: pl.DataFrame, true: pl.DataFrame, charts: pl.DataFrame
) -> dict[str, Any]:
    """Persons whose true person leaked and has one entity: is it in the set, and how large is the set?"""
    every = pl.concat([true, charts.join(true, on="person", how="semi").unique()]).unique()
    single = every.filter(pl.col("person").len().over("person") == 1)
    asked = _majority(held).join(single, on="person")
    sizes = asked.join(owned.group_by("person_id").len("size"), on="person_id", how="left")
    right = asked.join(owned, on=["person_id", "entity_id"], how="semi").height
    nobody = int(sizes["size"].null_count())
    return {
        "persons": asked.height,
        "share_right_inside": _share(right, asked.height),
        "share_right_inside_of_owned": _share(right, asked.height - nobody),
        "share_unowned": _share(nobody, asked.height),
        "mean_set_size": round(float(sizes["size"].fill_null(1).mean()), 5),  # type: ignore[arg-type]  # not empty
    }


def _counts(workspace: Workspace, true: pl.DataFrame) -> dict[str, Any]:
    """Over entities with leaked rows: is the truth inside, and how wide are the bounds?"""
    counts = workspace.read("counts").filter(pl.col("state").is_null())
    truth = true.group_by("entity_id").len("truth")
    met = truth.join(counts, on="entity_id", how="left")
    union = counts.filter(pl.col("entity_id").is_null())
    return {
        "entities": met.height,
        "confirmed_to_upper": _inside(met, "confirmed", "upper"),
        "expected_interval": _inside(
            met.filter(pl.col("expected_high") - pl.col("expected_low") > _WIDE),
            "expected_low", "expected_high",
        ),
        "expected_over_truth": round(float(met["expected"].sum() / met["truth"].sum()), _DIGITS),
        "union": {"truth": true["person"].n_unique(), **union.drop("entity_id", "state").to_dicts()[0]},
    }  # fmt: skip


def _inside(met: pl.DataFrame, low: str, high: str) -> dict[str, Any]:
    """Share of entities whose truth lies from low to high, and the median width as a share of the truth."""
    below, above = pl.col("truth") < pl.col(low), pl.col("truth") > pl.col(high)
    width = (pl.col(high) - pl.col(low)) / pl.col("truth")
    one = met.select(
        entities=pl.len(), below=below.sum(), above=above.sum(), median_width=width.median()
    ).row(0, named=True)
    outside = one["below"] + one["above"]
    return {**one, "share_inside": _share(one["entities"] - outside, one["entities"])}


# --- links between persons -------------------------------------------------------------------


def true_links(workspace: Workspace, folder: Path) -> pl.DataFrame:
    """kind, bits, links, true: links of `same_chances` by the whole bits of their match weight."""
    members = workspace.read("members", ["person_id", "mention_id"])
    truth = pl.concat(
        [
            true_mentions(workspace, folder),
            true_charts(workspace, folder).rename({"chart_id": "mention_id"}),
        ]
    )
    who = _majority(members.join(truth, on="mention_id"))
    links = workspace.read("same_chances")
    for end in ("a", "b"):
        named = who.rename({"person_id": f"person_{end}", "person": f"true_{end}"})
        links = links.join(named, on=f"person_{end}")
    return (
        links.group_by("kind", bits=pl.col("match_weight").floor())
        .agg(links=pl.len(), true=(pl.col("true_a") == pl.col("true_b")).sum())
        .sort("kind", "bits")
    )


def _print_links(folders: list[Path]) -> None:
    told = [
        true_links(Workspace.open(folder / "ws"), folder).with_columns(of=pl.lit(folder.name))
        for folder in folders
    ]
    every = pl.concat(told)
    wide = every.filter(pl.col("kind").is_in(["below", "review"]))
    wide = wide.group_by("kind", "bits").agg(pl.col("links", "true").sum()).sort("kind", "bits")
    share = (pl.col("true") / pl.col("links")).round(3).alias("share")
    whole = every.group_by("kind", "of").agg(pl.col("links", "true").sum()).sort("kind", "of")
    with pl.Config(tbl_rows=-1, tbl_hide_dataframe_shape=True):
        print(whole.with_columns(share), wide.with_columns(share), sep="\n")


# --- simulated reviews ----------------------------------------------------------------------


def review(workspace: Workspace, folder: Path, *, size: int) -> int:
    """Decide a sample of kept pairs from the truth; gives how many were decided."""
    from matching.reviewed import sample

    people = pl.concat(
        [
            true_mentions(workspace, folder).rename({"mention_id": "record"}),
            true_charts(workspace, folder).rename({"chart_id": "record"}),
        ]
    )
    pairs = sample(workspace, size).select("left", "right")
    places = _places(workspace)
    for side in ("left", "right"):
        both = places.join(people, on="record", how="left")
        pairs = pairs.join(
            both.rename(lambda name, s=side: f"{s}_{name}"), left_on=side, right_on=f"{side}_record"
        )
    same = (pl.col("left_person") == pl.col("right_person")).fill_null(value=False)
    rows = pairs.with_row_index("n").select(
        pl.format("review-{}", "n").alias("decision_id"),
        pl.lit("pair").alias("subject"),
        *(f"{side}_{part}" for side in ("left", "right") for part in ("file_sha256", "row_no", "role")),
        pl.when(same).then(pl.lit("match")).otherwise(pl.lit("no")).alias("value"),
        pl.lit("benchmark").alias("by"),
        pl.lit(datetime(2026, 1, 1, tzinfo=UTC)).alias("recorded_at"),
    )  # fmt: skip
    workspace.append("decisions", TABLES["decisions"].complete(rows))
    return rows.height


def _places(workspace: Workspace) -> pl.DataFrame:
    files = workspace.read("files", ["file_no", "file_sha256"])
    leaked = workspace.read("leaked", ["file_no", "row_no", "role", "mention_id"])
    charts = workspace.read("charts", ["file_no", "row_no", "chart_id"])
    both = pl.concat(
        [
            leaked.rename({"mention_id": "record"}).cast({"role": pl.String}),
            charts.rename({"chart_id": "record"}).with_columns(role=pl.lit("chart")),
        ],
        how="diagonal",
    )
    return both.join(files, on="file_no").drop("file_no")


def main() -> None:
    """Review, run, judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rehearsal", type=Path)
    parser.add_argument("--links", type=Path, nargs="+", metavar="DIR")
    parser.add_argument("--steps", type=Path, metavar="WS")
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--reviewed", type=int, default=0)
    parser.add_argument("--skip-run", action="store_true", help="judge what is there")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.links:
        _print_links(options.links)
        return
    if options.steps:
        record("owners-steps", time_steps(options.steps), show=options.json)
        return
    folder = options.rehearsal
    workspace = Workspace.open(options.workspace or folder / "ws")
    reviewed = review(workspace, folder, size=options.reviewed) if options.reviewed else 0
    steps = ("people", "owners", "counts") if reviewed else ("owners", "counts")
    seconds = {} if options.skip_run else run_steps(workspace, folder, steps)
    found = {"reviewed": reviewed, **judge(workspace, folder), "seconds": seconds}
    record("owners", {"rehearsal": folder.name, **found}, show=options.json)


def time_steps(root: Path) -> dict[str, Any]:
    """Rows, seconds and peak memory of owners, counts and duties of the workspace's last round."""
    from flows.rounds import open_round
    from flows.steps import step_named

    workspace, current = open_round(root)
    found = {}
    for name in ("owners", "counts", "duties"):
        step = step_named(name)
        for table in step.writes:
            workspace.drop(table)

        def run(step: Any = step) -> int:
            step.run(workspace, step.settings(current.incident))
            return workspace.rows("ownership")

        found[name] = measured(run)
    seconds = round(sum(each["seconds"] for each in found.values()), 1)
    return {"workspace": root.parent.name, "steps": found, "seconds": seconds}


def run_steps(workspace: Workspace, folder: Path, names: tuple[str, ...]) -> dict[str, float]:
    """Run steps on the tables that are there; seconds of each."""
    from flows.settings import load_incident
    from flows.steps import step_named

    incident = load_incident(folder / "incident.toml")
    seconds = {}
    for name in names:
        step, begun = step_named(name), time.perf_counter()
        step.run(workspace, step.settings(incident))
        seconds[name] = round(time.perf_counter() - begun, 1)
    return seconds


if __name__ == "__main__":
    main()
