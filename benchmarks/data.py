"""Synthetic incidents to measure on, made once per size and seed and kept outside the project."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from matching.opening import ENCRYPTED
from matching.store import Workspace

__all__ = ["copied", "folder_of", "incident", "standardised"]

PEOPLE_PER_LEAKED_ROW = 1 / 1.15
"""15 million rows are 13 million people, nearly everyone once: the case that the project is built for, and
17 million true pairs at 15 million charts."""
STANDARDISED = ("leaked_std", "charts_std", "nonidentifying")


def folder_of(rows: int, profile: str, seed: int, charts: int | None = None) -> Path:
    """Where an incident of that size lies: below AFFECTED_BENCHMARKS, else the user's cache."""
    size = f"{rows}x{charts}" if charts and charts != rows else f"{rows}"
    home = os.environ.get("AFFECTED_BENCHMARKS") or str(
        Path.home() / ".cache" / "affected-benchmarks"
    )
    return Path(home) / f"{profile}-{size}-{seed}"


def incident(
    rows: int, *, charts: int | None = None, profile: str = "dental", seed: int = 1
) -> Path:
    """The incident file with `rows` leaked rows and as many charts; made where it is not there yet."""
    from flows.rehearse import rehearse

    folder = folder_of(rows, profile, seed, charts)
    if not (folder / "incident.toml").exists():
        rehearse(
            folder, people=round(rows * PEOPLE_PER_LEAKED_ROW), seed=seed, profile=profile,  # type: ignore[arg-type]  # checked by it
            leaked=rows, charts=charts or rows,
        )  # fmt: skip
    return folder / "incident.toml"


def standardised(
    rows: int, *, charts: int | None = None, profile: str = "dental", seed: int = 1
) -> Workspace:
    """A workspace of that incident, run up to `standardise`."""
    file = incident(rows, charts=charts, profile=profile, seed=seed)
    root = file.parent / "standardised"
    if not (root / "tables" / "nonidentifying" / "manifest.json").exists():
        command = [sys.executable, "-m", "flows", "run", str(file), "--engine", "local",
                   "--until", "standardise", "--workspace", str(root), "--json"]  # fmt: skip
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return Workspace.open(root)


def copied(source: Workspace, root: Path, *, encryption: str = ENCRYPTED) -> Workspace:
    """A workspace of its own with the same cleaned tables, part by part; keys beside it."""
    workspace, _ = Workspace.create(
        root,
        incident_id=source.incident_id,
        synthetic=True,
        key_file=root.with_name(f"{root.name}.key.json"),
        encryption=encryption,
    )
    for name in STANDARDISED:
        with workspace.writer(name) as writer:
            for index, (_, rows) in enumerate(source.lazy_parts(name)):
                writer.put(index, rows.collect())
    return workspace
