"""A finished run seen otherwise than it was recorded: another configuration, another key file, no rehearsal."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import flows.rounds
from flows.rounds import Round
from matching.store import Workspace

__all__ = ["as_real", "own_key_file", "rounds_as"]


def rounds_as(patch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Every round is read with these fields instead of its own; a function changes what is recorded."""
    load: Callable[..., Round] = flows.rounds._load

    def changed(*arguments: Any) -> Round:
        found = load(*arguments)
        new = {n: c(getattr(found, n)) if callable(c) else c for n, c in changes.items()}
        return replace(found, **new)

    patch.setattr(flows.rounds, "_load", changed)


def as_real(patch: pytest.MonkeyPatch, **people: list[str]) -> None:
    """The incident as if it were no rehearsal, with these people besides."""
    patch.setattr(Workspace, "synthetic", property(lambda _: False))
    rounds_as(patch, config=lambda said: {**said, "people": {**said["people"], **people}})


def own_key_file(patch: pytest.MonkeyPatch, root: Path, folder: Path) -> Path:
    """A copy of the workspace's key file, so that other tests' keys stay as they are."""
    own = folder / "own" / "key.json"
    own.parent.mkdir(mode=0o700)
    own.touch(mode=0o600)
    own.write_bytes(Workspace.open(root).key_file.read_bytes())
    patch.setitem(os.environ, "AFFECTED_KEY_FILE", str(own))
    return own
