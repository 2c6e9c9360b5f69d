"""`affected check`: everything that is wrong with an incident, named at once, and what it will need.

The forecast is rows times what a row was measured to need (docs/performance.md), not a promise.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

import matching.intake
from flows.measure import GIB
from flows.settings import IncidentFile, configs_folder, load_incident, sound_part
from flows.step_settings import batches as batches_settings
from flows.step_settings import cluster
from flows.step_settings import intake as intake_settings
from matching.errors import OperatorError
from matching.intake import Delivered
from matching.sources import SEALED
from notify.batches.codes import read_codes
from notify.batches.settings import load_vendor
from notify.rules import load_rules

__all__ = ["check_incident", "forecast", "problems"]

LEAKED_DISK_BYTES, CHART_DISK_BYTES = 520, 285
"""A row's share of all tables, encrypted: 350 and 151 measured from intake to batches on 1.07M leaked
rows and 0.52M charts, a tenth for scratch and what leaves, and 104 for the fingerprints of 26 keys.
A later round in which everything changes needs as much again until it is complete."""
MEMORY_GIB_BASE = 2.2
"""Interpreter, Prefect and libraries, and portions in hand whatever the size."""
LEAKED_MEMORY_BYTES, CHART_MEMORY_BYTES = 130, 310
"""link, the widest step: ids of mentions and their groups; a chart as numbers (100) and 26 keys of 8 bytes."""
CSV_ROW_BYTES = 180
"""A row of a text file of these tables; Parquet says how many it has."""


def problems(incident: IncidentFile, path: Path) -> list[str]:
    """One line a problem, each naming file, key or row, and the fix; empty where all is well."""
    found = list(matching.intake.check(intake_settings(incident)))
    roster = _roster_ids(incident)
    if roster is not None:
        for section in ("presumed", "holds"):
            for entry in getattr(incident, section):
                if entry.entity_id and entry.entity_id not in roster:
                    where = f"{path}: {section}.entity_id: '{entry.entity_id}'"
                    found += [f"{where} is not in {incident.entities.path}; add it or correct it"]
    found += _sealed_problems(incident, path)
    found += _config_problems(incident, path)
    found += _cluster_problems(incident, path)
    return list(dict.fromkeys(found))


def _sealed_problems(incident: IncidentFile, path: Path) -> Iterator[str]:
    """Encrypted files that nobody can read and whose key may be out: somebody must say whose people they hold."""
    if incident.presumed:
        return
    for source in incident.leaked:
        if source.format == SEALED and source.secured != "encrypted_key_safe":
            yield (
                f"{path}: [[leaked]] {source.path}: cannot be read and its key is not safe; name the entities whose"
                " people it may hold under [[presumed]]"
            )


def _roster_ids(incident: IncidentFile) -> set[str] | None:
    roster = incident.root / incident.entities.path
    try:
        frame = pl.read_csv(roster, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError):
        return None  # intake's own check says why
    return set(frame["entity_id"].drop_nulls()) if "entity_id" in frame.columns else None


def _config_problems(incident: IncidentFile, path: Path) -> list[str]:
    found = []
    model = incident.matching.model
    if model and model not in {"dental", "clinic"} and not (incident.root / model).is_file():
        found.append(
            f"{path}: matching.model: '{model}' is neither dental, clinic nor a file; correct it"
        )
    settings = batches_settings(_dated(incident))
    vendor = settings.vendors / f"{incident.mailing.vendor}.toml"
    if not vendor.is_file():
        found.append(
            f"{path}: mailing.vendor: no profile '{incident.mailing.vendor}'; see configs/vendors"
        )
    else:
        found += _said(lambda: load_vendor(settings))
    codes = settings.codes_file
    if codes is not None:
        found += [f"{path}: {line}" for line in _said(lambda: read_codes(codes))]
    return found + _said(lambda: load_rules(configs_folder() / "jurisdictions"))


def _dated(incident: IncidentFile) -> IncidentFile:
    """With a day, for what needs one: a file without `as_of` gets it when a round begins."""
    day = incident.incident.as_of or incident.incident.known_on
    return incident.model_copy(
        update={"incident": incident.incident.model_copy(update={"as_of": day})}
    )


def _said(read: Callable[[], object]) -> list[str]:
    """What a reader refuses, in its own line."""
    try:
        read()
    except OperatorError as error:
        return [str(error)]
    return []


def _cluster_problems(incident: IncidentFile, path: Path) -> list[str]:
    try:
        cluster(incident)
    except OperatorError as error:
        return [
            line if line.startswith("--") else f"{path}: {line}" for line in str(error).splitlines()
        ]
    return []


def forecast(incident: IncidentFile) -> dict[str, float]:
    """Expected rows, disk and memory from the sizes of the delivered files."""
    leaked = charts = 0
    for delivered in matching.intake.resolve(intake_settings(incident)):
        if delivered.side == "leaked":
            leaked += _rows(delivered)
        else:
            charts += _rows(delivered)
    disk = leaked * LEAKED_DISK_BYTES + charts * CHART_DISK_BYTES
    memory = leaked * LEAKED_MEMORY_BYTES + charts * CHART_MEMORY_BYTES
    return {
        "rows": float(leaked + charts),
        "disk_gib": round(disk / GIB, 2),
        "disk_free_gib": round(shutil.disk_usage(incident.root).free / GIB, 2),
        "memory_gib": round(MEMORY_GIB_BASE + memory / GIB, 2),
    }


def _rows(delivered: Delivered) -> int:
    """Of a table of many: its share is unknown, and that of the whole file is what is told."""
    if delivered.source.format == "parquet":
        with delivered.content.open_random() as stream:
            return int(pl.scan_parquet(stream).select(pl.len()).collect().item())
    return 0 if delivered.is_sealed else delivered.size // CSV_ROW_BYTES


def check_incident(path: Path) -> dict[str, Any]:
    """The document of `affected check` (`affected.check/1`).

    Raises OperatorError only where the file cannot be read as an incident at all.
    """
    try:
        incident = load_incident(path)
    except OperatorError as error:
        rest = sound_part(path)
        wrong = [*str(error).splitlines(), *(problems(rest, path) if rest else ())]
        return _document("", list(dict.fromkeys(wrong)), {})
    found = problems(incident, path)
    return _document(incident.incident.id, found, {} if found else forecast(incident))


def _document(name: str, found: list[str], expected: dict[str, float]) -> dict[str, Any]:
    return {
        "schema": "affected.check/1",
        "incident": name,
        "problems": found,
        "forecast": expected,
    }
