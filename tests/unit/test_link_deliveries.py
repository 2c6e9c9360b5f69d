"""Late files: what one more file adds to the pairs is what a run over all files at once would have made."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from matching.errors import OperatorError
from matching.link import LinkSettings, kept, run, strips
from matching.link.chunks import Chunks
from matching.link.sides import Tools
from matching.link.strips import KINDS
from matching.store import Workspace
from matching.tables import REFERENCE, TABLES
from tests.link_people import damaged, people

SETTINGS = LinkSettings(model="dental", train="never", threads=2, memory_gib=2, chunk_rows=90)
FILE = 1 << 40
EVERYONE = people(360)
LEAKED = {0: damaged(EVERYONE[:300], seed=1), 2: damaged(EVERYONE[240:], seed=2)}
"""Rows by file; the late ones are of known people, of new ones, and repeat some rows exactly."""
LEAKED[2] = pl.concat([LEAKED[2], LEAKED[0][:40], LEAKED[2][:5]])
CHARTS = {1: damaged(EVERYONE[60:330], seed=3), 3: damaged(EVERYONE[:90], seed=4)}


def table(name: str, files: dict[int, pl.DataFrame]) -> pl.DataFrame:
    """One cleaned table of these files, with ids as intake gives them."""
    key = TABLES[name].key[0]
    flags = {"deceased": pl.lit(value=False), "confidential": pl.lit(value=False)}
    return pl.concat(
        TABLES[name].complete(
            rows.with_columns((FILE * n + pl.int_range(pl.len(), dtype=pl.Int64) * 8).alias(key), **flags)
        )
        for n, rows in sorted(files.items())
    )  # fmt: skip


SHARED = pl.DataFrame({"field": ["street"], "value": ["100 OAK|20700"], "people": [50]})
"""A street that identifies nobody: its parts are read with ZIP and street beside, whoever asks."""


def deliver(workspace: Workspace, *files: int) -> None:
    """One round's new files in the inbox, and the cleaned tables of all files that are there then."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    rows = {"file_no": list(files), "file_sha256": [f"{n}" for n in files], "bytes": [1] * len(files)}  # fmt: skip
    workspace.append("files", TABLES["files"].complete(pl.DataFrame(rows).with_columns(recorded_at=now)))  # fmt: skip
    there = set(workspace.read("files")["file_no"])
    for name, all_files in (("leaked_std", LEAKED), ("charts_std", CHARTS)):
        with workspace.writer(name) as writer:
            for n, rows in all_files.items():
                if n in there:
                    writer.put(n, table(name, {n: rows}))
    workspace.write("nonidentifying", TABLES["nonidentifying"].complete(SHARED))


def made(root: Path) -> Workspace:
    workspace, _ = Workspace.create(
        root, incident_id="t", synthetic=True, key_file=root.parent / "k"
    )
    return workspace


def at_once(root: Path, reference: Workspace, settings: LinkSettings) -> Workspace:
    """A full run over all files on the reference of another workspace."""
    workspace = made(root)
    for name in (t.name for t in REFERENCE):
        workspace.write(name, reference.read(name))
    deliver(workspace, 0, 1, 2, 3)
    run(workspace, settings)
    return workspace


def late(root: Path, settings: LinkSettings, *rounds: tuple[int, ...]) -> Workspace:
    """The same files over several rounds."""
    workspace = made(root)
    for files in rounds:
        deliver(workspace, *files)
        run(workspace, settings)
    return workspace


ROUNDS = [
    (((0, 1), (2,), (3,)), True),
    (((0, 1), (2, 3)), True),
    (((0,), (1,), (2,), (3,)), False),
    (((1,), (0, 2), (3,)), True),
]


@pytest.mark.parametrize(("rounds", "few"), ROUNDS)
def test_late_files_make_the_pairs_that_all_files_at_once_make(
    tmp_path: Path,
    rounds: tuple[tuple[int, ...], ...],
    few: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if few:  # as a late file at scale: only what may meet it is read
        monkeypatch.setattr(strips, "_SMALL", 0.01)
    rounds = tuple(tuple(sorted(r)) for r in rounds)
    found = late(tmp_path / "late", SETTINGS, *rounds)
    whole = at_once(tmp_path / "whole", found, SETTINGS)
    assert found.digest("identities") == whole.digest("identities")
    for kind in KINDS:
        expected = whole.read("pairs").filter(pl.col("kind") == kind)
        assert expected.height > 20
        assert (
            found.read("pairs")
            .filter(pl.col("kind") == kind)
            .sort("left", "right")
            .equals(expected)
        )
    assert found.digest("pairs") == whole.digest("pairs")


def test_a_late_file_compares_only_what_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = late(tmp_path / "late", SETTINGS, (0, 1))
    before = {part.file for part in workspace.manifest("pairs").parts}  # type: ignore[union-attr]  # written
    compared: list[int] = []
    make = Chunks.make

    def counted(self: Chunks, *what: Any) -> Any:
        done = make(self, *what)
        compared.append(done.compared)
        return done

    monkeypatch.setattr(Chunks, "make", counted)
    deliver(workspace, 2)
    run(workspace, SETTINGS)
    after = {part.file for part in workspace.manifest("pairs").parts}  # type: ignore[union-attr]  # written
    assert before < after
    late_pairs = sum(compared)
    compared.clear()
    at_once(tmp_path / "whole", workspace, SETTINGS)
    assert 0 < late_pairs < sum(compared) * 0.6


@pytest.mark.parametrize("budget", [300, 2_000])
def test_keys_that_were_too_common_stay_left_out(tmp_path: Path, budget: int) -> None:
    settings = SETTINGS.model_copy(update={"pair_budget": budget})
    found = late(tmp_path / "late", settings, (0, 1), (2, 3))
    common = {kind: found.read(f"common_{kind}") for kind in KINDS}
    assert common["leaked_master"].height > 0
    assert (common["leaked_master"]["left_rows"] > 0).all()
    whole = at_once(tmp_path / "whole", found, settings)
    assert found.digest("pairs") == whole.digest("pairs")
    free = at_once(tmp_path / "free", late(tmp_path / "other", SETTINGS, (0, 1)), SETTINGS)
    assert np.greater(free.rows("pairs"), found.rows("pairs"))


def test_a_changed_early_file_is_linked_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = late(tmp_path / "late", SETTINGS, (0, 1))
    monkeypatch.setitem(LEAKED, 0, damaged(EVERYONE[:300], seed=8))
    deliver(found, 2, 3)
    run(found, SETTINGS)
    assert found.digest("pairs") == at_once(tmp_path / "whole", found, SETTINGS).digest("pairs")


def test_a_rule_above_its_share_is_refused_with_its_commonest_values(tmp_path: Path) -> None:
    workspace = made(tmp_path / "ws")
    deliver(workspace, 0, 1)
    strict = SETTINGS.model_copy(update={"pair_budget": 2_000, "over_budget": "refuse"})
    with pytest.raises(OperatorError, match=r"blocking rule '\w+' would make .* over_budget"):
        run(workspace, strict)
    worst = workspace.read("over_budget")
    assert 0 < worst.height <= 20
    assert worst["rule"].n_unique() == 1
    sizes = (worst["left_rows"] * worst["right_rows"]).to_list()
    lenient = strict.model_copy(update={"over_budget": "leave_out"})
    run(workspace, lenient)
    assert workspace.rows("over_budget") == 0
    left_out = workspace.read("common_leaked_master").filter(pl.col("rule") == worst["rule"][0])
    assert left_out.join(worst, on=["key", "record"]).height > 0
    assert max(sizes) == (left_out["left_rows"] * left_out["right_rows"]).max()
    run(workspace, strict)  # what is left out is frozen: nothing is counted again


def rows_coded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by the number of records whenever some are read and coded."""
    found: list[int] = []
    coded = Tools.coded

    def counted(self: Tools, side: Any, start: int, stop: int) -> Any:
        found.append(stop - start)
        return coded(self, side, start, stop)

    monkeypatch.setattr(Tools, "coded", counted)
    return found


def test_a_late_file_has_only_records_coded_that_may_meet_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LEAKED, 2, LEAKED[2][:6])
    found = late(tmp_path / "late", SETTINGS, (0, 1))
    coded = rows_coded(monkeypatch)
    deliver(found, 2)
    run(found, SETTINGS)
    few = sum(coded)
    coded.clear()
    other = late(tmp_path / "other", SETTINGS, (0, 1))
    monkeypatch.setattr(kept, "_LIBRARIES", ("other", "versions"))
    coded.clear()
    deliver(other, 2)
    run(other, SETTINGS)
    assert 0 < few * 5 < sum(coded)
    assert found.digest("pairs") == other.digest("pairs")
    assert found.digest("identities") == other.digest("identities")


def test_what_was_kept_stays_though_nothing_is_linked(tmp_path: Path) -> None:
    found = late(tmp_path / "late", SETTINGS, (0, 1))
    before = found.digest("kept_hashes")
    assert found.rows("kept_hashes") > 0
    run(found, SETTINGS)
    assert found.digest("kept_hashes") == before


@pytest.mark.parametrize("seed", range(3))
def test_a_sieve_finds_every_record_that_shares_a_key(seed: int) -> None:
    draw = np.random.default_rng(seed)
    late_keys = draw.integers(0, 2**64, (3, 50), dtype=np.uint64)
    keys = draw.integers(0, 2**64, (3, 4_000), dtype=np.uint64)
    late_keys[:, 0] = keys[:, :7] = 0  # no key is shared with none
    shares = draw.choice(np.arange(7, 4_000), 40, replace=False)
    keys[draw.integers(0, 3, 40), shares] = draw.choice(late_keys[:, 1:].ravel(), 40)
    sieve = kept.Sieve([kept.looked_up(late_keys, [None] * 3)])
    found = sieve.holds_any(kept.fingerprints(keys))
    assert found[shares].all()
    assert not found[:7].any()
    assert found.sum() == 40
