"""`affected check`: everything that is wrong with an incident, named at once, and what it will need.

The forecast is rows times what a row was measured to need (docs/performance.md), not a promise.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import polars as pl

import matching.intake
from flows.settings import IncidentFile, configs_folder, load_incident, sound_part
from flows.step_settings import intake as intake_settings
from matching.errors import OperatorError
from notify.rules import load_rules

__all__ = ["check_incident", "forecast", "problems"]

DISK_BYTES_A_ROW = 500
"""By delivered row, encrypted: 162 measured to the counts of 1M people, notices and batches about as much
again, and room for scratch."""
MEMORY_GIB_BASE, MEMORY_BYTES_A_ROW = 1.5, 900
"""Interpreter, Prefect and DuckDB, and the widest step by delivered row: 4.9 GiB at 3.9M rows (link)."""


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
    found += _config_problems(incident, path)
    return list(dict.fromkeys(found))


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
    vendor = configs_folder() / "vendors" / f"{incident.mailing.vendor}.toml"
    if not vendor.is_file():
        found.append(
            f"{path}: mailing.vendor: no profile '{incident.mailing.vendor}'; see configs/vendors"
        )
    try:
        load_rules(configs_folder() / "jurisdictions")
    except OperatorError as error:
        found.append(str(error))
    return found


def forecast(incident: IncidentFile) -> dict[str, float]:
    """Expected rows, disk and memory from the sizes of the delivered files."""
    delivered = 0
    for source, file in matching.intake.resolve(intake_settings(incident)):
        size = file.stat().st_size
        # a text row of these tables is about 180 bytes; compressed Parquet about 60
        delivered += size // (60 if source.format == "parquet" else 180)
    free = shutil.disk_usage(incident.root).free
    return {
        "rows": float(delivered),
        "disk_gib": round(delivered * DISK_BYTES_A_ROW / (1 << 30), 2),
        "disk_free_gib": round(free / (1 << 30), 2),
        "memory_gib": round(MEMORY_GIB_BASE + delivered * MEMORY_BYTES_A_ROW / (1 << 30), 2),
    }


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
