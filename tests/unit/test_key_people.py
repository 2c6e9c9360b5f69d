"""People who open a key file: nothing in clear, nobody added by an edit, removal and rotation survive a kill."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pyrage
import pytest

from matching.errors import OperatorError
from matching.keyfile import KeyFile
from matching.openers import IDENTITY_FILE, PASSPHRASE_FILE, Person, with_passphrase
from matching.rekey import add_person, interrupted, remove_person, rotate
from matching.schema import Keep
from matching.store import Workspace
from tests.killed_writes import Killed, kill_after

OVERLAP = pl.DataFrame({"entities": [1], "confirmed": [5], "upper": [6]})
SECRET = "correct horse battery"


@pytest.fixture
def key_file(workspace: Workspace) -> Path:
    return workspace.key_file


def person(folder: Path, name: str) -> Person:
    """Somebody with an identity file of their own, `<name>.txt` in the folder."""
    identity = pyrage.x25519.Identity.generate()
    path = folder / f"{name}.txt"
    path.touch(mode=0o600)
    path.write_text(f"# made for a test\n{identity}\n")
    return Person(name, str(identity.to_public()))


@pytest.fixture
def wrapped(
    workspace: Workspace, key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Workspace:
    """A workspace whose key file ADA and BO open; ADA sits here."""
    workspace.write("overlap", OVERLAP)
    add_person(key_file, person(tmp_path, "ADA"))
    monkeypatch.setenv(IDENTITY_FILE, str(tmp_path / "ADA.txt"))
    add_person(key_file, person(tmp_path, "BO"))
    return Workspace.open(workspace.root)


def test_from_the_first_person_on_nothing_is_in_clear(
    workspace: Workspace, key_file: Path, tmp_path: Path
) -> None:
    keys, clear = workspace.keys, key_file.read_bytes()
    assert keys.id_key.hex().encode() in clear
    add_person(key_file, person(tmp_path, "ADA"))
    stored = b"".join(p.read_bytes() for p in key_file.parent.glob("*key.json*"))
    stored += b"".join(p.read_bytes() for p in key_file.parent.glob(".*"))
    assert [
        k for k in (keys.id_key, keys.store_key) if k in stored or k.hex().encode() in stored
    ] == []
    assert key_file.stat().st_mode & 0o777 == 0o600


def test_whoever_opens_is_known_and_others_are_told_whose_it_is(
    wrapped: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wrapped.keys.opened_by == "ADA"
    monkeypatch.setenv(IDENTITY_FILE, str(tmp_path / "BO.txt"))
    opened = Workspace.open(wrapped.root)
    assert opened.keys.opened_by == "BO"
    assert opened.read("overlap").rows() == [(1, 5, 6)]
    person(tmp_path, "EVE")
    monkeypatch.setenv(IDENTITY_FILE, str(tmp_path / "EVE.txt"))
    with pytest.raises(OperatorError, match=r"closed to all but ADA, BO") as refused:
        Workspace.open(wrapped.root)
    assert "AGE-SECRET" not in str(refused.value)
    monkeypatch.delenv(IDENTITY_FILE)
    with pytest.raises(OperatorError, match=f"set {IDENTITY_FILE} or {PASSPHRASE_FILE}"):
        Workspace.open(wrapped.root)


def test_a_passphrase_opens_and_rotates_without_anybody_elses_secret(
    wrapped: Workspace, key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_person(key_file, with_passphrase("CY", SECRET))
    monkeypatch.delenv(IDENTITY_FILE)
    file = tmp_path / "passphrase"
    file.touch(mode=0o600)
    monkeypatch.setenv(PASSPHRASE_FILE, str(file))
    file.write_text("wrong " + SECRET)
    with pytest.raises(OperatorError, match="opens nothing in it") as refused:
        Workspace.open(wrapped.root)
    assert SECRET not in str(refused.value)
    file.write_text(SECRET + "\n")
    workspace = Workspace.open(wrapped.root)
    assert workspace.keys.opened_by == "CY"
    rotate(workspace)
    monkeypatch.delenv(PASSPHRASE_FILE)
    asked: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda text, **_: asked.append(text) or SECRET)
    assert [Workspace.open(wrapped.root).keys.opened_by for _ in range(2)] == ["CY", "CY"]
    assert len(asked) == 1, "a command asks once, however often its steps open the workspace"
    monkeypatch.setenv(IDENTITY_FILE, str(tmp_path / "BO.txt"))
    assert Workspace.open(wrapped.root).keys.opened_by == "BO"


def test_a_short_passphrase_is_refused_without_being_told() -> None:
    with pytest.raises(OperatorError, match="shorter than 12") as refused:
        with_passphrase("CY", "hunter2")
    assert "hunter2" not in str(refused.value)


def test_a_busy_machine_does_not_lock_anybody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """age reckons how long scrypt would take, and refuses; under load it is wrong by far."""
    from matching import openers

    answers = ["Excessive work parameter for passphrase.", "Excessive work", ""]

    def decrypt(closed: bytes, _: str) -> bytes:
        if answer := answers.pop(0):
            raise pyrage.DecryptError(answer)
        return closed

    monkeypatch.setattr("pyrage.passphrase.decrypt", decrypt)
    assert openers._decrypted(b"identity", SECRET) == b"identity"


def test_secrets_that_others_can_read_are_refused(wrapped: Workspace, tmp_path: Path) -> None:
    (tmp_path / "ADA.txt").chmod(0o644)
    with pytest.raises(OperatorError, match="others can read it; chmod 600"):
        Workspace.open(wrapped.root)


def test_nobody_is_added_by_an_edit(wrapped: Workspace, key_file: Path, tmp_path: Path) -> None:
    """Else the next change would wrap the keys for whoever wrote a name into the file."""
    from matching.keyfile import _written

    stored = json.loads(key_file.read_text())
    eve = {"recipient": person(tmp_path, "EVE").recipient, "identity": ""}
    stored["people"]["EVE"] = eve
    key_file.write_text(_written(stored))
    with pytest.raises(OperatorError, match="list of people was altered"):
        Workspace.open(wrapped.root)


def test_whoever_is_removed_opens_nothing_any_more(
    wrapped: Workspace, key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_copy = tmp_path / "bo-kept-this.json"
    shutil.copy2(key_file, kept_copy)
    before = wrapped.keys
    remove_person(wrapped, "BO")
    after = Workspace.open(wrapped.root)
    assert after.keys.store_key != before.store_key
    assert after.keys.id_key == before.id_key
    for keep in Keep:
        assert after.keys.ring.newest(keep).generation == 2
    assert after.read("overlap").rows() == [(1, 5, 6)], "older generations stay readable"
    after.write("overlap", OVERLAP)
    manifest = Workspace.open(wrapped.root).manifest("overlap")
    assert manifest is not None
    assert not any(before.ring.opens(part.data_key) for part in manifest.parts)
    monkeypatch.setenv(IDENTITY_FILE, str(tmp_path / "BO.txt"))
    with pytest.raises(OperatorError, match="closed to all but ADA"):
        Workspace.open(wrapped.root)
    monkeypatch.setenv("AFFECTED_KEY_FILE", str(kept_copy))
    with pytest.raises(OperatorError, match="older copy, which opens nothing here any more"):
        Workspace.open(wrapped.root)


def test_the_last_person_stays(wrapped: Workspace) -> None:
    remove_person(wrapped, "BO")
    with pytest.raises(OperatorError, match="ADA is the last"):
        remove_person(wrapped, "ADA")
    with pytest.raises(OperatorError, match="no BO in"):
        remove_person(wrapped, "BO")


def test_one_name_and_one_key_are_one_person(wrapped: Workspace, key_file: Path) -> None:
    ada = KeyFile.read(key_file).people["ADA"]
    with pytest.raises(OperatorError, match="ADA is there already"):
        add_person(key_file, ada)
    with pytest.raises(OperatorError, match="ADA has that recipient already"):
        add_person(key_file, Person("ADA TOO", ada.recipient))


@pytest.mark.parametrize("writes", [0, 1, 2])
@pytest.mark.parametrize("removing", [False, True], ids=["rotate", "remove"])
def test_a_kill_between_any_two_writes_loses_nothing(
    wrapped: Workspace, monkeypatch: pytest.MonkeyPatch, writes: int, removing: bool
) -> None:
    before = wrapped.keys

    with monkeypatch.context() as patch:
        kill_after(patch, writes)
        with pytest.raises(Killed):
            remove_person(wrapped, "BO") if removing else rotate(wrapped)
    opened = Workspace.open(wrapped.root)
    assert opened.read("overlap").rows() == [(1, 5, 6)]
    assert interrupted(opened) == bool(writes)
    remove_person(opened, "BO") if removing else rotate(opened)
    after = Workspace.open(wrapped.root)
    assert after.read("overlap").rows() == [(1, 5, 6)]
    assert after.keys.store_key not in {before.store_key, opened.keys.store_key}
    assert not interrupted(after)
    assert ("BO" in KeyFile.read(wrapped.key_file).people) == (not removing)


def test_a_key_file_is_wrapped_from_the_first_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, people = tmp_path / "k.json", {"ADA": person(tmp_path, "ADA")}

    def made() -> Workspace:
        return Workspace.create(
            tmp_path / "w", incident_id="i", synthetic=False, key_file=path, people=people
        )[0]

    monkeypatch.delenv(IDENTITY_FILE, raising=False)
    with pytest.raises(OperatorError, match="closed to all but ADA"):
        made()
    assert not path.exists(), "nobody could open what would be made"
    assert not (tmp_path / "w").exists()
    monkeypatch.setenv(IDENTITY_FILE, str(tmp_path / "ADA.txt"))
    workspace = made()
    assert workspace.keys.opened_by == "ADA"
    assert workspace.keys.id_key.hex() not in path.read_text()


def test_a_name_that_looks_like_another_is_not_added(wrapped: Workspace, key_file: Path) -> None:
    name = next(iter(KeyFile.read(key_file).people))
    someone = str(pyrage.x25519.Identity.generate().to_public())
    for like in (f"{name}\u200b", name.swapcase()):
        with pytest.raises(OperatorError, match="looks like"):
            add_person(key_file, Person(like, someone))


def test_a_passphrase_opens_however_its_accents_were_typed(
    workspace: Workspace, key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed, apart = "caf\u00e9 au lait, deux", "cafe\u0301 au lait, deux"
    add_person(key_file, with_passphrase("J. Okafor", apart))
    secret = tmp_path / "passphrase"
    secret.touch(mode=0o600)
    monkeypatch.setenv(PASSPHRASE_FILE, str(secret))
    for typed in (composed, apart):
        secret.write_text(typed + "\n", encoding="utf-8")
        assert KeyFile.read(key_file).open()[1] == "J. Okafor"
