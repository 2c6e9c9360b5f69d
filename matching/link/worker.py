"""A part of `pairs` made by a worker elsewhere, from nothing but a folder, a kind and a number.

The worker opens the folder with the key of its own environment (AFFECTED_KEY_FILE, or the incident's
file in AFFECTED_KEYS) and keeps what it coded and indexed for the next part of the kind. What fails
goes back as type and place: messages may hold a person's data, and Dask logs exceptions.
"""

from __future__ import annotations

import json
import logging
import traceback
from dataclasses import dataclass
from errno import ENOSPC
from pathlib import Path
from threading import Lock
from typing import Any

from matching.errors import IntegrityError, OperatorError
from matching.link.chunks import VERSION, Chunks, Linking, Loader, Made
from matching.link.identities import second_mentions
from matching.link.kept import KEPT, Kept
from matching.link.reference import frozen_model, match_sides
from matching.link.settings import LinkSettings
from matching.link.strips import Deliveries, number_of
from matching.log import log
from matching.store import Workspace, Writer
from matching.tables import TABLES

__all__ = ["ORDER", "Failed", "Finished", "forget", "make_part"]

ORDER = "link.json"
"""What is to be done, beside the tables that it is done with: `{version, deliveries, settings}`."""
_PLACES = 4
"""Innermost frames of an error: enough to find it."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What a part took, and what was logged of the kind as a whole."""

    made: Made
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """An error by its type, with an operator's line, or else its place. `number`: the system's."""

    kind: str
    text: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class _Held:
    chunks: Chunks
    said: tuple[str, ...]


_HELD: dict[tuple[str, int], _Held] = {}
"""One entry: an index of 15 million charts takes gigabytes."""
_LOADING = Lock()


def make_part(exchange: str, kind: str, part: int) -> Finished | Failed:
    """Write one part into the exchange. Twice writes the same rows twice; never raises."""
    try:
        root = Path(exchange)
        workspace, order = _opened(root)
        held = _held(workspace, order, kind, number_of(part))
        writer = Writer(workspace, TABLES["pairs"], "")
        return Finished(held.chunks.make(part, writer), held.said)
    except OperatorError as error:
        return Failed(type(error).__name__, str(error))
    except Exception as error:  # noqa: BLE001 - told without its message
        return _failed(error)


def forget() -> None:
    """Let go of what was held for the next part."""
    _HELD.clear()


def _opened(root: Path) -> tuple[Workspace, dict[str, Any]]:
    try:
        order = json.loads((root / ORDER).read_text())
    except FileNotFoundError:
        raise OperatorError(
            f"{root}: not to be seen by a worker; mount the shared folder there under the same path"
        ) from None
    except ValueError:
        raise IntegrityError(f"{root / ORDER}: damaged; remove the folder and run again") from None
    if order["version"] != VERSION:
        raise OperatorError(
            f"a worker links by version {VERSION}, the run by {order['version']}: install the same there"
        )
    return Workspace.open(root), order


def _held(workspace: Workspace, order: dict[str, Any], kind: str, strip: int) -> _Held:
    place = (str(workspace.root), strip)
    with _LOADING:
        if place not in _HELD:
            _HELD.clear()  # first, so that two are never held
            _HELD[place] = _loaded(workspace, order, kind, strip)
        return _HELD[place]


def _loaded(workspace: Workspace, order: dict[str, Any], kind: str, strip: int) -> _Held:
    settings = LinkSettings(**order["settings"], threads=_threads())
    identities = workspace.read("identities")
    leaked, charts = match_sides(workspace, identities)
    model, frequencies = frozen_model(workspace, settings, leaked, charts)
    writer, seconds = Writer(workspace, TABLES["pairs"], ""), second_mentions(identities)
    deliveries = Deliveries(tuple(order["deliveries"]["ends"]), tuple(order["deliveries"]["keys"]))
    kept = Kept(Writer(workspace, TABLES[KEPT], ""))
    linking = Linking(
        settings, model, frequencies, writer, kept, leaked, charts, seconds, deliveries
    )
    mine = next(found for found in linking.strips(kind) if found.number == strip)
    lines = _Lines()
    log.addHandler(lines)
    log.setLevel(logging.INFO)
    try:
        chunks = Loader(linking).chunks(mine, hold=False)
    finally:
        log.removeHandler(lines)
    return _Held(chunks, tuple(lines.said))


def _threads() -> int:
    """As many as the worker was given: they wait for each other while the kind is loaded."""
    from distributed import get_worker  # noqa: PLC0415 - 2 s to import, and only there

    return int(get_worker().state.nthreads)


class _Lines(logging.Handler):
    """Keeps what is logged: counts only, as everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def _failed(error: Exception) -> Failed:
    if "No space left on device" in str(error):  # polars and DuckDB say so in errors of their own
        return Failed("OSError", "", ENOSPC)
    if isinstance(error, OSError) and error.errno:
        return Failed("OSError", str(error.filename or ""), error.errno)
    frames = traceback.extract_tb(error.__traceback__)[-_PLACES:]
    places = (f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(frames))
    return Failed(type(error).__name__, " < ".join(places))
