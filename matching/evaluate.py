"""`affected evaluate`: link files whose truth is known, as a run would, and judge the result.

The truth column is set aside before anything is mapped; records go through the same cleaning, the
same non-identifying values and the same link step, in a workspace of its own that is gone afterwards.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from matching.errors import OperatorError
from matching.given import clean_records, guess_columns, read_maps, read_text, take_columns
from matching.judge import by_field, by_relationship, judged, judged_guards, true_pairs
from matching.link import LinkSettings
from matching.link import run as link
from matching.link.guards import action_of
from matching.sources import ColumnMap
from matching.standardise import StandardiseSettings
from matching.standardise.nonidentifying import shared_values
from matching.store import Workspace
from matching.tables import TABLES

__all__ = ["evaluate"]

EVERY_PAIR_BITS = -1e6
"""A floor below any weight: blocking recall needs all compared pairs."""
_LEFT, _RIGHT = 1 << 40, 2 << 40
"""First ids of the two files, as the first two files of an incident."""
_NEARLY = 1e-6
_GIB = 1 << 30
_KIB = 1 << 10


def evaluate(
    left: Path,
    right: Path | None,
    *,
    truth: str,
    columns: Path | None = None,
    model: Path | str | None = None,
    threads: int = 2,
    memory_gib: float = 6.0,
) -> dict[str, Any]:
    """The figures of `affected evaluate`; `right` None: pairs within the left file.

    Raises OperatorError naming a file, a column or a map that does not fit.
    """
    started = time.monotonic()
    maps = read_maps(columns)
    sides: list[tuple[str, Path, ColumnMap | None]] = [("left", left, maps.left if maps else None)]
    if right is not None:
        sides.append(("right", right, maps.right if maps else None))
    with _workspace() as workspace:
        truths, fields = [], set[str]()
        for (name, path, given), table in zip(sides, ("leaked_std", "charts_std"), strict=False):
            rows = read_text(path)
            truths.append(_truth(rows, truth, path))
            rows = rows.drop(truth)
            mapped: ColumnMap = given or guess_columns(rows.columns)
            if not mapped:
                raise OperatorError(f"{path}: no column says what it is; give --columns")
            fields |= set(mapped)
            records = clean_records(take_columns(rows, mapped, source=f"{path} ({name})"))
            _write(workspace, table, records)
        settings = _link_settings(model, fields, threads=threads, memory_gib=memory_gib)
        _link(workspace, settings, with_charts=right is not None)
        found = _judged(workspace, truths, settings)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB / _GIB
    seconds = round(time.monotonic() - started, 3)
    return {
        "model": Path(settings.model).stem,
        **found,
        "seconds": seconds,
        "peak_rss_gib": round(peak, 3),
    }


@contextmanager
def _workspace() -> Iterator[Workspace]:
    with tempfile.TemporaryDirectory(prefix="affected-evaluate-") as folder:
        key_file = Path(folder) / "key.json"
        root = Path(folder) / "ws"
        yield Workspace.create(root, incident_id="evaluate", synthetic=True, key_file=key_file)[0]


def _truth(rows: pl.DataFrame, truth: str, path: Path) -> pl.Series:
    if truth not in rows.columns:
        raise OperatorError(
            f"{path}: no column '{truth}'; name the column that says who is who with --truth"
        )
    return rows[truth].alias("truth")


def _write(workspace: Workspace, table: str, records: pl.DataFrame) -> None:
    key, first = {"leaked_std": ("mention_id", _LEFT), "charts_std": ("chart_id", _RIGHT)}[table]
    ids = (first + pl.int_range(pl.len(), dtype=pl.Int64) * 8).alias(key)
    workspace.write(table, TABLES[table].complete(records.with_columns(ids)))


def _link_settings(
    model: Path | str | None, fields: set[str], *, threads: int, memory_gib: float
) -> LinkSettings:
    chosen = str(model) if model else ("clinic" if "ssn" in fields else "dental")
    return LinkSettings(
        model=chosen, floor_bits=EVERY_PAIR_BITS, threads=threads, memory_gib=memory_gib
    )


def _link(workspace: Workspace, settings: LinkSettings, *, with_charts: bool) -> None:
    if not with_charts:
        workspace.write("charts_std", TABLES["charts_std"].empty())
    over = StandardiseSettings().nonidentifying_over
    workspace.write("nonidentifying", shared_values(workspace, over=over))
    link(workspace, settings, kinds=("leaked_master",) if with_charts else ("leaked_leaked",))


def _judged(
    workspace: Workspace, truths: list[pl.Series], settings: LinkSettings
) -> dict[str, Any]:
    within = len(truths) == 1
    pairs = _record_pairs(workspace, within=within)
    left = truths[0].gather((pairs["left"] - _LEFT) // 8)
    right = (
        truths[0].gather((pairs["right"] - _LEFT) // 8)
        if within
        else truths[1].gather((pairs["right"] - _RIGHT) // 8)
    )
    pairs = pairs.with_columns(true=(left == right).fill_null(value=False))
    total, merge = true_pairs(truths), settings.merge_at_bits
    figures, best = judged(pairs, total=total, default_bits=merge)
    guarded, _ = judged(
        pairs.with_columns(match_weight=_guarded(merge)), total=total, default_bits=merge
    )
    return {
        "pairs_true": total,
        "pairs_compared": pairs.height,
        **figures,
        "with_guards": {**guarded, "by_guard": judged_guards(pairs, at_bits=merge)},
        "by_relationship": by_relationship(workspace, pairs, within=within, at_bits=best),
        "by_field": by_field(workspace, pairs, at_bits=best),
    }


def _guarded(merge_at_bits: float) -> pl.Expr:
    """The weight that decides: a vetoed pair never links, a capped one only below the merge threshold."""
    weight, action = pl.col("match_weight"), action_of(pl.col("reasons"))
    just_below = merge_at_bits - _NEARLY
    return (
        pl.when(action == "veto").then(EVERY_PAIR_BITS)
        .when(action.is_not_null()).then(pl.min_horizontal(weight, just_below))
        .otherwise(weight)
    )  # fmt: skip


def _record_pairs(workspace: Workspace, *, within: bool) -> pl.DataFrame:
    """Pairs of records from pairs of identities; within one file also the pairs inside a group."""
    kind = "leaked_leaked" if within else "leaked_master"
    pairs = workspace.scan("pairs").filter(pl.col("kind") == kind)
    columns = ["vector", "match_weight", "reasons"]
    wanted = pairs.select("left", "right", *columns).collect()
    groups = workspace.read("identities")
    members = groups.select(left="identity_id", mention="mention_id")
    if not within:
        spread = wanted.join(members, on="left").drop("left").rename({"mention": "left"})
        return spread.sort("left", "right")
    own = wanted.join(groups.select(right="mention_id", left="identity_id"), on=["left", "right"])
    across = wanted.join(own, on=["left", "right"], how="anti")
    others = members.rename({"left": "right", "mention": "other"})
    inside = own.drop("right").join(members, on="left")
    inside = inside.join(members.rename({"mention": "other"}), on="left").filter(
        pl.col("mention") < pl.col("other")
    )
    both = across.join(members, on="left").join(others, on="right")
    columns = ["mention", "other", *columns]
    spread = pl.concat([both.select(columns), inside.select(columns)])
    return spread.rename({"mention": "left", "other": "right"}).sort("left", "right")
