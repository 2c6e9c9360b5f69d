"""The store: atomic, encrypted, checked, and digests that speak of rows only."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import polars as pl
import pytest

from matching.errors import IntegrityError, OperatorError, TryAgainLater
from matching.files import locked, rows_hash, total_hash
from matching.schema import TableError
from matching.store import Workspace

ROWS = pl.DataFrame({"mention_id": [3, 1, 2], "identity_id": [1, 1, 2]})


def write_in_parts(workspace: Workspace, frame: pl.DataFrame, sizes: list[int], key: str) -> None:
    with workspace.writer("identities", resume_key=key) as writer:
        start = 0
        for index, size in enumerate(sizes):
            writer.put(index, frame.sort("mention_id").slice(start, size))
            start += size


def test_content_digest_ignores_parts_and_encryption(workspace: Workspace) -> None:
    workspace.write("identities", ROWS)
    whole = workspace.digest("identities")
    first_bytes = {p.file_sha256 for p in workspace.manifest("identities").parts}
    write_in_parts(workspace, ROWS, [1, 2], "aaaa")
    assert workspace.digest("identities") == whole
    assert {p.file_sha256 for p in workspace.manifest("identities").parts} != first_bytes
    workspace.write("identities", ROWS.with_columns(identity_id=pl.col("identity_id") + 1))
    assert workspace.digest("identities") != whole


def test_rows_come_back_sorted_by_key(workspace: Workspace) -> None:
    workspace.write("identities", ROWS)
    assert workspace.read("identities")["mention_id"].to_list() == [1, 2, 3]


def test_nothing_readable_on_disk(workspace: Workspace) -> None:
    rows = pl.DataFrame({"field": ["phone"], "value": ["QUETZALCOATL"], "people": [40]})
    workspace.write("nonidentifying", rows)
    stored = b"".join(p.read_bytes() for p in workspace.root.rglob("*") if p.is_file())
    assert b"QUETZALCOATL" not in stored
    with pytest.raises(Exception, match=r"(?i)encrypt|parquet|magic"):
        pl.read_parquet(next((workspace.root / "tables/nonidentifying").glob("*.parquet")))


@pytest.mark.parametrize("position", [8, 60, -20])
def test_one_flipped_bit_is_found_before_use(workspace: Workspace, position: int) -> None:
    workspace.write("identities", ROWS)
    part = next((workspace.root / "tables/identities").glob("part-*.parquet"))
    data = bytearray(part.read_bytes())
    data[position] ^= 1
    part.write_bytes(data)
    with pytest.raises(IntegrityError, match="bytes changed"):
        Workspace.open(workspace.root).read("identities")


def test_a_part_does_not_open_in_anothers_place(workspace: Workspace) -> None:
    write_in_parts(workspace, ROWS, [1, 2], "bbbb")
    folder = workspace.root / "tables/identities"
    manifest = json.loads((folder / "manifest.json").read_text())
    one, two = manifest["parts"]
    one["file"], two["file"] = two["file"], one["file"]
    one["file_sha256"], two["file_sha256"] = two["file_sha256"], one["file_sha256"]
    (folder / one["file"]).rename(folder / "x")
    (folder / two["file"]).rename(folder / one["file"])
    (folder / "x").rename(folder / two["file"])
    one["file_sha256"], two["file_sha256"] = two["file_sha256"], one["file_sha256"]
    name = "tables/identities/manifest.json"
    workspace.evidence.put("forged", {name: json.dumps(manifest).encode()})  # by who has the key
    with pytest.raises(Exception, match=r"(?i)decrypt|crypt|tag|verif"):
        Workspace.open(workspace.root).read("identities")


def test_finished_parts_survive_a_kill_and_damaged_ones_do_not(workspace: Workspace) -> None:
    class Killed(BaseException):
        pass

    def killed_run() -> None:
        with workspace.writer("identities", resume_key="cccc") as writer:
            writer.put(0, ROWS.sort("mention_id")[:1])
            raise Killed

    with pytest.raises(Killed):
        killed_run()
    assert not workspace.has("identities")
    with workspace.writer("identities", resume_key="cccc") as writer:
        assert writer.has(0)
        assert not writer.has(1)
        writer.put(1, ROWS.sort("mention_id")[1:])
    assert workspace.rows("identities") == 3
    part = next((workspace.root / "tables/identities").glob("part-cccc-00000.parquet"))
    part.write_bytes(part.read_bytes()[:-1])
    with workspace.writer("identities", resume_key="cccc") as writer:
        assert not writer.has(0)
        writer.put(0, ROWS)


def test_inbox_only_grows_and_a_round_sees_its_start(workspace: Workspace) -> None:
    def fact(name: str) -> pl.DataFrame:
        from matching.tables import TABLES

        row = pl.DataFrame({"fact_id": [name], "kind": ["risk"], "value": ["{}"], "by": ["x"]})
        table = TABLES["facts"]
        return table.complete(row).with_columns(
            recorded_at=pl.lit("2026-03-20T00:00:00").str.to_datetime(
                time_unit="us", time_zone="UTC"
            )
        )

    assert workspace.append("facts", fact("a")) == 1
    reader = Workspace.open(workspace.root)
    reader.inbox_parts = {"facts": 1}
    assert workspace.append("facts", fact("b")) == 2
    assert reader.read("facts")["fact_id"].to_list() == ["a"]
    assert workspace.read("facts")["fact_id"].to_list() == ["a", "b"]


def test_reference_is_written_once(workspace: Workspace) -> None:
    model = pl.DataFrame({"name": ["dental"], "settings": ["{}"]})
    workspace.write("model", model)
    with pytest.raises(TryAgainLater, match="frozen"):
        workspace.write("model", model)


def test_readers_see_the_last_complete_set(workspace: Workspace) -> None:
    workspace.write("identities", ROWS)
    workspace.publish_complete()
    workspace.write("identities", ROWS[:1])
    assert Workspace.open(workspace.root, complete=True).rows("identities") == 3
    assert Workspace.open(workspace.root).rows("identities") == 1
    workspace.publish_complete()
    files = {p.name for p in (workspace.root / "tables/identities").glob("part-*.parquet")}
    assert len(files) == 1


def test_a_frame_that_does_not_fit_is_told_every_difference(workspace: Workspace) -> None:
    bad = pl.DataFrame({"mention_id": ["1"]})
    with pytest.raises(
        TableError, match=r"mention_id: expected Int64, found String; identity_id: .*no such"
    ):
        workspace.write("identities", bad)


def test_nulls_where_none_may_be_are_our_bug(workspace: Workspace) -> None:
    with pytest.raises(AssertionError, match="nulls in"):
        workspace.write("identities", ROWS.with_columns(identity_id=pl.lit(None, pl.Int64)))


def test_second_holder_of_a_lock_is_told_to_wait(tmp_path: Path) -> None:
    with locked(tmp_path / "run.lock"), pytest.raises(TryAgainLater), locked(tmp_path / "run.lock"):
        pass


def test_workspace_refuses_what_others_can_read(workspace: Workspace) -> None:
    workspace.root.chmod(0o755)
    with pytest.raises(OperatorError, match="chmod 700"):
        Workspace.open(workspace.root)


def test_key_may_not_lie_inside_the_workspace(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="inside the workspace"):
        Workspace.create(
            tmp_path / "ws", incident_id="t", synthetic=True, key_file=tmp_path / "ws" / "key.json"
        )


def test_outputs_with_personal_data_are_plain_only_where_synthetic(tmp_path: Path) -> None:
    real, _ = Workspace.create(
        tmp_path / "ws", incident_id="r", synthetic=False, key_file=tmp_path / "k.json"
    )
    path = real.put_output("batches/b/MAIL_v1.csv", b"ZOE", personal=True)
    assert path.name == "MAIL_v1.csv.enc"
    assert b"ZOE" not in path.read_bytes()
    assert real.get_output("batches/b/MAIL_v1.csv") == b"ZOE"


@pytest.mark.parametrize("parts", [1, 2, 7, 100])
def test_rows_hash_is_the_same_for_any_split(parts: int) -> None:
    # enough rows that both halves wrap many times: a carry between them would show
    rows = pl.DataFrame({"mention_id": range(5_000), "identity_id": range(5_000)})
    split = [rows_hash(rows[start::parts]) for start in range(parts)]
    assert total_hash(split) == rows_hash(rows)


def test_a_damaged_manifest_is_damage_and_no_bug_of_ours(workspace: Workspace) -> None:
    workspace.write("identities", ROWS)
    (workspace.root / "tables/identities/manifest.json").write_text('{"table": ')
    with pytest.raises(IntegrityError, match=r"manifest.json: damaged"):
        workspace.read("identities")


def test_a_part_with_its_own_key_is_found_at_any_place(workspace: Workspace) -> None:
    key, sorted_rows = "d" * 64, ROWS.sort("mention_id")
    with workspace.writer("identities") as writer:
        writer.put(0, sorted_rows, key=key, noted={"columns": ["XOCHITL"]})
    workspace.publish_complete()
    with workspace.writer("identities") as writer:
        assert writer.has(7, key=key)
        assert not writer.has(8, key="e" * 64)
        assert writer.noted(7) == {"columns": ["XOCHITL"]}
    assert workspace.rows("identities") == 3
    assert all(b"XOCHITL" not in p.read_bytes() for p in workspace.root.rglob("*") if p.is_file())


def refusing(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """The disk refuses to remove files, so many times."""
    left = [times]
    unlink = os.unlink

    def refused(path: str, *args: object, **more: object) -> None:
        if left[0]:
            left[0] -= 1
            raise OSError(errno.EIO, "Input/output error", path)
        unlink(path, *args, **more)

    monkeypatch.setattr(os, "unlink", refused)


def used(workspace: Workspace, fault: str = "") -> None:
    with workspace.scratch() as folder:
        (folder / "spill").write_text("x")
        if fault:
            raise OperatorError(fault)


def test_scratch_that_cannot_be_removed_is_told(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing(monkeypatch, 1)
    used(workspace)
    assert workspace.scratch_entries() == [], "refused once, removed then"
    refusing(monkeypatch, 9)
    with pytest.raises(OperatorError, match="first fault"):
        used(workspace, "first fault")
    refusing(monkeypatch, 9)
    with pytest.raises(TryAgainLater, match=r"purge .* --scratch"):
        used(workspace)
    monkeypatch.undo()
    assert workspace.purge_scratch() == 2
    assert workspace.scratch_entries() == []
