"""Monitoring codes: each given once and for ever to one person at one entity.

The vendor's list and the inbox table `codes` come in; `cm_code`, `cm_months` and `cm_enroll_by` of the mail go
out. Planning takes unused codes in the order of the list, by entity and person, so that the same inbox gives
the same plan; a code is given when its piece is exported (`give`), and never to anybody else.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import polars as pl

from matching.store import OperatorError, Workspace, log_counts
from matching.tables import TABLES
from notify.batches.schema import LIMITS
from notify.batches.settings import BatchesSettings

__all__ = ["DUMMY_CODE", "give", "read_codes", "reconcile", "with_codes"]

DUMMY_CODE = "SEED-"
"""What a decoy's code begins with; no list may have such a code."""
_PAIR = ["person_id", "entity_id"]
_CODE = r"^[A-Za-z0-9][A-Za-z0-9._/-]*$"


def with_codes(workspace: Workspace, settings: BatchesSettings, mail: pl.DataFrame) -> pl.DataFrame:
    """`mail` (with `element_set`) and the three columns; null for whom no code is meant.

    Raises OperatorError where the list is unreadable or too short, with how many are missing.
    """
    monitoring = settings.mailing.monitoring
    path = settings.codes_file
    if monitoring is None or path is None:
        return mail
    given = workspace.scan("codes").select(*_PAIR, "code").collect()
    theirs = mail.select(*_PAIR, _meant(mail, monitoring.elements).alias("meant"))
    theirs = theirs.join(given, on=_PAIR, how="left", maintain_order="left")
    asking = theirs.filter("meant", pl.col("code").is_null()).select(_PAIR).unique()
    listed = read_codes(path)
    unused = listed.filter(~listed.is_in(given["code"].implode()))
    missing = asking.height - len(unused)
    if missing > 0:
        raise OperatorError(
            f"mailing.monitoring.codes: {missing} codes too few in {path.name}; ask the vendor for more"
        )
    new = asking.sort("entity_id", "person_id").with_columns(new=unused.head(asking.height))
    found = theirs.join(new, on=_PAIR, how="left", maintain_order="left")
    code = pl.when("meant").then(pl.coalesce("code", "new"))
    coded = mail.with_columns(found.select(cm_code=code))
    has = pl.col("cm_code").is_not_null()
    return coded.with_columns(
        cm_months=pl.when(has).then(pl.lit(str(monitoring.months))),
        cm_enroll_by=pl.when(has).then(pl.lit(monitoring.enroll_by.isoformat())),
    )


def _meant(mail: pl.DataFrame, elements: tuple[str, ...]) -> pl.Series:
    """Whose data at that entity have one of the kinds; asked once per distinct set."""
    sets = mail["element_set"].cast(pl.String)
    chosen = [s for s in sets.unique().drop_nulls() if not set(elements).isdisjoint(s.split("|"))]
    return sets.is_in(chosen).fill_null(value=False)


def read_codes(path: Path) -> pl.Series:
    """The codes in the order of the list. Raises OperatorError naming the file and what is wrong."""
    where = f"mailing.monitoring.codes: {path.name}"
    try:
        codes = pl.read_csv(path, columns=["code"], infer_schema=False)["code"].str.strip_chars()
    except FileNotFoundError:
        raise OperatorError(f"{where}: not found; put the vendor's list there") from None
    except pl.exceptions.PolarsError:
        raise OperatorError(f"{where}: no CSV in UTF-8 with a column 'code'; make it one") from None
    usable = codes.str.contains(_CODE) & (codes.str.len_chars() <= LIMITS["cm_code"])
    wrong = int((~(usable & ~codes.str.starts_with(DUMMY_CODE))).fill_null(value=True).sum())
    twice = len(codes) - codes.n_unique()
    if wrong or twice:
        raise OperatorError(
            f"{where}: {wrong} codes that a letter cannot bear (letters, digits, . _ / -, at most"
            f" {LIMITS['cm_code']}), {twice} repeated; ask the vendor for a clean list"
        )
    return codes


def give(workspace: Workspace, pieces: pl.DataFrame, *, batch: str, recorded_at: datetime) -> int:
    """Record that the pieces of an exported batch bear their codes; what is recorded adds nothing."""
    bearing = pieces.filter(pl.col("cm_code").is_not_null()).select(*_PAIR, code="cm_code")
    if bearing.is_empty():
        return 0
    known = workspace.scan("codes").select("code").collect()
    new = bearing.join(known, on="code", how="anti").unique()
    if new.height:
        rows = new.with_columns(batch_id=pl.lit(batch), recorded_at=pl.lit(recorded_at))
        workspace.append("codes", TABLES["codes"].complete(rows))
    return new.height


def reconcile(workspace: Workspace, settings: BatchesSettings) -> None:
    """Write `out/monitoring/`: `codes.json` with counts, and `unused_codes.csv`, to give back to the vendor.

    `unknown`: codes that people bear and that are not in the present list.
    """
    path = settings.codes_file
    if path is None:
        return
    listed, given = read_codes(path), workspace.read("codes")["code"]
    unused = listed.filter(~listed.is_in(given.implode()))
    counts = {
        "listed": len(listed),
        "used": len(listed) - len(unused),
        "unused": len(unused),
        "unknown": int((~given.is_in(listed.implode())).sum()),
    }
    document = {"schema": "affected.monitoring-codes/1", **counts}
    text = unused.to_frame().write_csv().encode()
    workspace.put_output("monitoring/unused_codes.csv", text, personal=True)
    workspace.put_output(
        "monitoring/codes.json", json.dumps(document, indent=1).encode(), personal=False
    )
    log_counts("monitoring", **counts)
