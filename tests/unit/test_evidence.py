"""The audit log and its signed head: what was written last is what may be read, and a kill is no damage."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_public_key

import matching.evidence
import matching.files
from flows.integrity import durable_files, look
from matching.chain import HEAD, LOG, Head
from matching.errors import IntegrityError, OperatorError
from matching.evidence import Evidence
from matching.store import NOTE, Workspace

ROWS = pl.DataFrame({"mention_id": [3, 1, 2], "identity_id": [1, 1, 2]})
OTHER = ROWS.with_columns(identity_id=pl.col("identity_id") + 1)


@pytest.fixture
def written(workspace: Workspace) -> Workspace:
    """A table, a file that leaves the house, and two acts."""
    workspace.write("identities", ROWS)
    workspace.put_output("report.html", b"<p>12</p>", personal=False)
    workspace.evidence.append("approve", by="LEAD", gate="owners")
    workspace.evidence.append("table", by="LEAD", table="counts")
    assert look(workspace).damaged == []
    return workspace


def damaged(workspace: Workspace) -> list[str]:
    return look(Workspace.open(workspace.root)).damaged


def lines(workspace: Workspace) -> list[str]:
    return (workspace.root / LOG).read_text().splitlines()


def rewritten(workspace: Workspace, found: list[str]) -> None:
    (workspace.root / LOG).write_text("".join(f"{line}\n" for line in found))


@pytest.mark.parametrize("which", [0, 2, -1])
def test_a_removed_line_is_found(written: Workspace, which: int) -> None:
    found = lines(written)
    found.pop(which)
    rewritten(written, found)
    assert "audit.jsonl" in damaged(written)[0]


def test_swapped_lines_are_found(written: Workspace) -> None:
    found = lines(written)
    found[1], found[2] = found[2], found[1]
    rewritten(written, found)
    assert "line 2 does not follow" in damaged(written)[0]


@pytest.mark.parametrize("more", [b"x", b"\n", b'{"act": "approve"}\n'])
def test_what_was_put_behind_the_last_line_is_found(written: Workspace, more: bytes) -> None:
    with (written.root / LOG).open("ab") as log:
        log.write(more)
    assert "audit.jsonl" in damaged(written)[0]
    with pytest.raises(IntegrityError, match=r"audit\.jsonl"):
        written.evidence.append("approve", by="LEAD")


def chained_anew(workspace: Workspace, change: Callable[[dict[str, Any]], None]) -> str:
    """Change every line and make all hashes fit again, as someone without the key can; gives the last hash."""
    previous, found = "0" * 64, []
    for line in lines(workspace):
        entry = json.loads(line)
        change(entry)
        found.append(json.dumps({**entry, "previous": previous}, sort_keys=True))
        previous = hashlib.sha256(found[-1].encode()).hexdigest()
    rewritten(workspace, found)
    return previous


def test_a_log_chained_anew_is_found_also_with_its_head(written: Workspace) -> None:
    last = chained_anew(written, lambda entry: entry.update(by="SOMEBODY"))
    assert "audit.jsonl" in damaged(written)[0]
    head = json.loads((written.root / HEAD).read_text())
    head["body"] |= {"hash": last, "size": (written.root / LOG).stat().st_size}
    text = json.dumps(head, sort_keys=True, separators=(",", ":")) + "\n"
    (written.root / HEAD).write_text(text)
    with pytest.raises(IntegrityError, match="not signed with this incident's key"):
        Workspace.open(written.root)


def test_outsiders_check_the_head_with_the_public_key(written: Workspace) -> None:
    key = load_pem_public_key((written.root / "evidence/signing_key.pem").read_bytes())
    head = json.loads((written.root / HEAD).read_text())
    text = json.dumps(head["body"], sort_keys=True, separators=(",", ":")).encode()
    key.verify(bytes.fromhex(head["signature"]), text)  # type: ignore[union-attr, call-arg]
    with pytest.raises(InvalidSignature):
        key.verify(bytes.fromhex(head["signature"]), text + b" ")  # type: ignore[union-attr, call-arg]
    last = lines(written)[-1]
    assert head["body"]["hash"] == hashlib.sha256(last.encode()).hexdigest()


def test_every_flipped_bit_of_head_and_log_is_found(written: Workspace) -> None:
    for name in (HEAD, LOG):
        path = written.root / name
        whole = path.read_bytes()
        for bit in range(0, len(whole) * 8, 37):
            changed = bytearray(whole)
            changed[bit // 8] ^= 1 << bit % 8
            path.write_bytes(changed)
            with pytest.raises(IntegrityError):
                Workspace.open(written.root).evidence.entries()
        path.write_bytes(whole)
    assert damaged(written) == []


# --- tables and files ---------------------------------------------------------------------------------------------


def test_an_older_genuine_table_is_not_read(written: Workspace, tmp_path: Path) -> None:
    folder = written.root / "tables" / "identities"
    shutil.copytree(folder, tmp_path / "older")
    written.write("identities", OTHER)
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "older", folder)
    with pytest.raises(IntegrityError, match=r"identities/manifest\.json: damaged, or not the one"):
        Workspace.open(written.root).read("identities")
    assert "tables/identities/manifest.json" in damaged(written)[0]


def test_a_removed_table_is_missing_not_empty(written: Workspace) -> None:
    shutil.rmtree(written.root / "tables" / "identities")
    with pytest.raises(IntegrityError, match=r"identities/manifest\.json: missing"):
        Workspace.open(written.root).has("identities")
    assert "missing" in damaged(written)[0]
    assert look(written, gone={"identities"}).damaged == []


def test_a_table_dropped_on_purpose_is_not_missing(written: Workspace) -> None:
    written.drop("identities", act="purge", by="LEAD")
    assert not Workspace.open(written.root).has("identities")
    assert damaged(written) == []
    written.write("identities", ROWS)
    assert damaged(written) == []


def test_a_table_from_elsewhere_is_not_read(written: Workspace) -> None:
    source = written.root / "tables" / "identities"
    shutil.copytree(source, written.root / "tables" / "members")
    with pytest.raises(IntegrityError, match="put there by something else"):
        Workspace.open(written.root).has("members")
    assert "members/manifest.json" in damaged(written)[0]


def test_outputs_are_read_as_they_were_written(written: Workspace) -> None:
    assert written.get_output("report.html") == b"<p>12</p>"
    (written.out / "report.html").write_bytes(b"<p>13</p>")
    with pytest.raises(IntegrityError, match=r"out/report\.html: damaged"):
        written.get_output("report.html")
    assert damaged(written) == ["out/report.html: changed since released"]
    (written.out / "report.html").unlink()
    assert damaged(written) == ["out/report.html: changed since released"]


def test_a_folder_of_outputs_is_recorded_in_one_line(written: Workspace) -> None:
    before = len(lines(written))
    with written.recording_outputs():
        for number in range(5):
            written.put_output(f"packets/CE1/v1/{number}.csv", b"x", personal=False, synced=False)
    assert len(lines(written)) == before + 1
    assert written.is_recorded("packets/CE1/v1/3.csv")
    (written.out / "packets/CE1/v1/3.csv").write_bytes(b"y")
    assert not written.is_recorded("packets/CE1/v1/3.csv")
    assert len(damaged(written)) == 1
    written.drop_outputs("packets/CE1")
    assert damaged(written) == []
    assert look(written).unrecorded == []


def test_a_file_that_nobody_recorded_is_told(written: Workspace) -> None:
    (written.out / "report2.html").write_bytes(b"<p>13</p>")
    assert look(written).unrecorded == ["out/report2.html"]


def test_a_flipped_note_is_no_finished_part(workspace: Workspace) -> None:
    with workspace.writer("identities", resume_key="abc") as writer:
        writer.put(0, ROWS.sort("mention_id"), noted={"rows": 3})
        note = next((workspace.root / "tables/identities").glob(f"*{NOTE}"))
        assert writer.has(0)
    stored = bytearray(note.read_bytes())
    for place in (0, 20, len(stored) - 1):
        changed = bytearray(stored)
        changed[place] ^= 4
        note.write_bytes(changed)
        assert note.name in damaged(workspace)[0]
        with Workspace.open(workspace.root).writer("identities", resume_key="abc") as again:
            assert not again.has(0)
            again.put(0, ROWS.sort("mention_id"))
        note.write_bytes(stored)


def test_every_durable_file_is_known(written: Workspace) -> None:
    assert look(written).unrecorded == []
    assert set(durable_files(written)) >= {LOG, HEAD, "workspace.json", "out/report.html"}


# --- kills --------------------------------------------------------------------------------------------------------


class KilledError(BaseException):
    pass


def kill_at(patch: pytest.MonkeyPatch, number: int, *, half: bool) -> dict[str, int]:
    """Die before the n-th rename or append; `half`: in the middle of the append."""
    count = {"done": 0}
    replacing, append = matching.evidence.replacing, Evidence._append

    def counted(original: Any) -> Any:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if count["done"] == number:
                if half and original is append:
                    with (args[0].root / LOG).open("ab") as log:
                        log.truncate(args[1].settled_bytes)
                        log.write(args[1].pending_bytes[:40])
                raise KilledError
            count["done"] += 1
            return original(*args, **kwargs)

        return wrapped

    patch.setattr(matching.evidence, "replacing", counted(replacing))
    patch.setattr(Evidence, "_append", counted(append))
    return count


@pytest.mark.parametrize("half", [False, True])
def test_a_kill_at_any_moment_is_no_damage_and_leaves_a_note(
    written: Workspace, half: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    untouched = tmp_path / "untouched"
    shutil.copytree(written.root, untouched)
    for number in range(5):
        shutil.rmtree(written.root)
        shutil.copytree(untouched, written.root)
        opened = Workspace.open(written.root)
        with monkeypatch.context() as patch:
            kill_at(patch, number, half=half)
            if number < 4:
                with pytest.raises(KilledError):
                    opened.put_output("report.html", b"<p>13</p>", personal=False)
            else:
                opened.put_output("report.html", b"<p>13</p>", personal=False)
        seen = (written.out / "report.html").read_bytes()
        assert damaged(written) == [], f"killed at write {number}"
        assert Workspace.open(written.root).get_output("report.html") == seen
        with monkeypatch.context() as patch:  # the one who recovers is killed, too
            kill_at(patch, 1, half=half)
            with pytest.raises(KilledError):
                Workspace.open(written.root).evidence.append("approve", by="LEAD")
        assert damaged(written) == [], f"killed at write {number} and again"
        again = Workspace.open(written.root)
        again.evidence.append("approve", by="LEAD")
        assert damaged(written) == []
        assert again.get_output("report.html") == seen == (written.out / "report.html").read_bytes()
        (written.out / "report.html").write_bytes(b"<p>12</p>" if seen == b"<p>13</p>" else b"13")
        assert damaged(written) == ["out/report.html: changed since released"]


def test_a_file_whose_first_writing_was_killed_was_never_written(
    written: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Workspace.open(written.root)
    with monkeypatch.context() as patch:
        kill_at(patch, 1, half=True)  # the head names the act, the file is half written
        with pytest.raises(KilledError):
            opened.put_output("batches/B/.done", b"", personal=False)
    again = Workspace.open(written.root)
    assert again.evidence.recorded("out/batches/B/.done")
    assert not again.was_recorded("batches/B/.done")
    again.put_output("batches/B/.done", b"", personal=False)
    assert again.was_recorded("batches/B/.done")


def test_a_forged_act_does_not_pass_for_a_killed_one(written: Workspace) -> None:
    previous = hashlib.sha256(lines(written)[-1].encode()).hexdigest()
    entry = {"act": "approve", "by": "NOBODY", "gate": "owners", "previous": previous}
    with (written.root / LOG).open("a") as log:
        log.write(json.dumps(entry, sort_keys=True) + "\n")
    assert "audit.jsonl" in damaged(written)[0]


def test_a_workspace_killed_in_its_first_moment_is_made_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"incident_id": "test", "synthetic": True, "key_file": tmp_path / "key.json"}
    for number in range(4):
        root = tmp_path / f"ws{number}"
        with monkeypatch.context() as patch:
            kill_at(patch, number, half=True)
            with pytest.raises(KilledError):
                Workspace.create(root, **given)
        made, _ = Workspace.create(root, **given)
        assert damaged(made) == []


def test_an_identity_that_was_taken_away_is_not_made_anew(workspace: Workspace) -> None:
    (workspace.root / "workspace.json").unlink()
    with pytest.raises(IntegrityError, match=r"workspace\.json: missing"):
        Workspace.open(workspace.root)
    key = Path(workspace.identity["key_file"])
    with pytest.raises(IntegrityError, match=r"workspace\.json: missing"):
        Workspace.create(workspace.root, incident_id="test", synthetic=True, key_file=key)


def test_a_workspace_without_its_log_is_refused(written: Workspace) -> None:
    shutil.rmtree(written.root / "evidence")
    with pytest.raises(OperatorError, match=r"audit\.head\.json: missing"):
        Workspace.open(written.root)


# --- databases ----------------------------------------------------------------------------------------------------


def fill(workspace: Workspace, value: int) -> None:
    with workspace.database("x.sqlite"):
        connection = sqlite3.connect(workspace.root / "x.sqlite")
        connection.execute("pragma journal_mode = wal")
        connection.execute("create table if not exists t (v)")
        connection.execute("insert into t values (?)", (value,))
        connection.commit()
        connection.close()


def test_a_database_is_read_as_it_was_closed(workspace: Workspace, tmp_path: Path) -> None:
    fill(workspace, 1)
    path = workspace.root / "x.sqlite"
    older = path.read_bytes()
    fill(workspace, 2)
    whole = path.read_bytes()
    assert workspace.evidence.database("x.sqlite") == "closed"
    flipped = bytearray(whole)
    flipped[-1] ^= 1  # the last byte of a page that no query looks at
    for changed in (bytes(flipped), older, b""):
        path.write_bytes(changed)
        with pytest.raises(IntegrityError, match=r"x\.sqlite"):
            Workspace.open(workspace.root).evidence.database("x.sqlite")
    path.write_bytes(whole)
    beside = path.with_name("x.sqlite-wal")
    beside.write_bytes(b"rows from elsewhere")
    with pytest.raises(IntegrityError, match=r"x\.sqlite"):
        workspace.evidence.database("x.sqlite")
    beside.unlink()
    assert workspace.evidence.database("x.sqlite") == "closed"


def test_a_killed_writer_leaves_a_database_open_and_the_next_closes_it(
    workspace: Workspace,
) -> None:
    fill(workspace, 1)
    with pytest.raises(KilledError), workspace.database("x.sqlite"):
        raise KilledError
    assert workspace.evidence.database("x.sqlite") == "open"
    found = look(workspace)
    assert found.damaged == []
    assert any("x.sqlite: open" in line for line in found.told)
    fill(workspace, 2)
    assert workspace.evidence.database("x.sqlite") == "closed"


def test_a_head_says_nothing_that_it_does_not_hold() -> None:
    with pytest.raises(IntegrityError):
        Head.decoded(b"{}", None)
