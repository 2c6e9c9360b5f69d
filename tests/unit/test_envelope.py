"""Data keys wrapped by store keys: shared key files, crashes, altered entries."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matching.errors import IntegrityError, OperatorError
from matching.keyfile import KeyFile
from matching.ring import Ring, WrongStoreKey
from matching.schema import Keep
from matching.store import Workspace, keep_of_output
from matching.tables import KEEP, TABLES

IDENTITIES = pl.DataFrame({"mention_id": [1, 2], "identity_id": [1, 1]})
OVERLAP = pl.DataFrame({"entities": [1], "confirmed": [5], "upper": [6]})


def created(root: Path, key_file: Path, *, synthetic: bool = True) -> Workspace:
    return Workspace.create(root, incident_id="i", synthetic=synthetic, key_file=key_file)[0]


def test_every_table_is_of_one_class() -> None:
    assert KEEP.keys() == TABLES.keys()
    leaked = {"leaked", "charts", "leaked_std", "charts_std", "pairs", "passages"}
    assert {KEEP[name] for name in leaked} == {Keep.WORKING}
    told = {"persons", "ownership", "counts", "duties", "notices", "pieces", "ledger", "events"}
    assert {KEEP[name] for name in told} == {Keep.EVIDENCE}


@pytest.mark.parametrize(
    ("relative", "keep"),
    [
        ("batches/B1/MAIL_v1.csv", Keep.EVIDENCE),
        ("packets/CE1/v1/individuals.csv", Keep.EVIDENCE),
        ("letters/B1/000001.pdf", Keep.EVIDENCE),
        ("letters/proofs/v1.pdf", Keep.WORKING),
        ("letters/P1-CE1.pdf", Keep.WORKING),
        ("letters/alt_formats.csv", Keep.WORKING),
        ("email/dry-run/1.eml", Keep.WORKING),
    ],
)
def test_what_was_handed_over_is_evidence_and_drafts_are_not(relative: str, keep: Keep) -> None:
    assert keep_of_output(relative) is keep


def test_a_table_is_closed_with_the_newest_key_of_its_class(workspace: Workspace) -> None:
    workspace.write("identities", IDENTITIES)
    workspace.write("overlap", OVERLAP)
    ring = workspace.keys.ring
    for name, keep in (("identities", Keep.WORKING), ("overlap", Keep.EVIDENCE)):
        manifest = workspace.manifest(name)
        assert manifest is not None
        assert {part.data_key for part in manifest.parts} == {ring.newest(keep).id}
    assert ring.newest(Keep.WORKING).secret != ring.newest(Keep.EVIDENCE).secret


def test_no_key_stands_in_the_workspace(workspace: Workspace) -> None:
    workspace.write("overlap", OVERLAP)
    stored = b"".join(p.read_bytes() for p in workspace.root.rglob("*") if p.is_file())
    secret = [workspace.keys.store_key, workspace.keys.id_key]
    secret += [key.secret for key in workspace.keys.ring.keys]
    assert [key for key in secret if key in stored or key.hex().encode() in stored] == []


def test_workspaces_made_at_the_same_time_share_one_key_file(tmp_path: Path) -> None:
    key_file = tmp_path / "keys" / "i.json"
    roots = [tmp_path / f"ws{number % 4}" for number in range(8)]

    def make(root: Path) -> tuple[Workspace, bool]:
        return Workspace.create(root, incident_id="i", synthetic=False, key_file=key_file)

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(make, roots))
    assert [first for _, first in made].count(True) == 1
    opened = [Workspace.open(root) for root in roots[:4]]
    assert len({workspace.keys.id_key for workspace in opened}) == 1
    assert len({workspace.keys.store_key for workspace in opened}) == 4
    assert len(KeyFile.read(key_file).open()[0].stores) == 4
    assert not [p for p in key_file.parent.iterdir() if p.name not in {"i.json", ".i.json.lock"}]


def test_the_keys_of_another_store_do_not_open(tmp_path: Path) -> None:
    one = created(tmp_path / "one", tmp_path / "k")
    two = created(tmp_path / "two", tmp_path / "k")
    (one.root / "keys.json").write_bytes((two.root / "keys.json").read_bytes())
    with pytest.raises(OperatorError, match="older copy"):
        Workspace.open(one.root)


def test_an_entry_belongs_to_its_store_class_and_generation(tmp_path: Path) -> None:
    ring, key = Ring.fresh("a"), bytes(range(32))
    ring.save(tmp_path, key)
    assert Ring.load(tmp_path, "a", [bytes(32), key]) == (ring, key)
    with pytest.raises(WrongStoreKey):
        Ring.load(tmp_path, "a", [bytes(32)])
    stored = json.loads((tmp_path / "keys.json").read_text())
    working, evidence = stored["keys"]
    for entries in (
        [working],
        [evidence, working],
        [{**working, "generation": 2}, evidence],
        [{**working, "class": "evidence"}, {**evidence, "class": "working"}],
        [{**working, "wrapped": evidence["wrapped"]}, {**evidence, "wrapped": working["wrapped"]}],
    ):
        (tmp_path / "keys.json").write_text(
            json.dumps({**stored, "keys": entries}, indent=1) + "\n"
        )
        with pytest.raises(IntegrityError, match="damaged"):
            Ring.load(tmp_path, "a", [key])


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(place=st.integers(0, 10**6), bit=st.integers(0, 7), which=st.sampled_from(["ring", "file"]))
def test_every_flipped_bit_of_both_key_files_is_found(
    tmp_path_factory: pytest.TempPathFactory, place: int, bit: int, which: str
) -> None:
    folder = tmp_path_factory.mktemp("flip")
    workspace = created(folder / "ws", folder / "k")
    path = workspace.root / "keys.json" if which == "ring" else folder / "k"
    data = bytearray(path.read_bytes())
    data[place % len(data)] ^= 1 << bit
    path.write_bytes(data)
    kind = IntegrityError if which == "ring" else OperatorError
    with pytest.raises(kind, match="damaged"):
        Workspace.open(workspace.root)


def test_a_making_that_was_killed_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise Killed

    places = ("opening.write_key_file", "ring.Ring.save", "evidence.replacing", "ring.Ring.load")
    for number, name in enumerate(places):
        root = tmp_path / f"ws{number}"
        with monkeypatch.context() as patch:
            patch.setattr(f"matching.{name}", killed)
            with pytest.raises(Killed):
                created(root, tmp_path / "k")
        (root / ".keys.json.0a0b0c0d").touch(mode=0o600)
        workspace = created(root, tmp_path / "k")
        workspace.write("overlap", OVERLAP)
        assert Workspace.open(root).rows("overlap") == 1


def test_a_workspace_robbed_of_its_identity_keeps_its_keys(tmp_path: Path) -> None:
    workspace = created(tmp_path / "ws", tmp_path / "k")
    workspace.write("overlap", OVERLAP)
    identity = (workspace.root / "workspace.json").read_bytes()
    (workspace.root / "workspace.json").unlink()
    with pytest.raises(IntegrityError, match=r"workspace\.json: missing; restore it"):
        created(tmp_path / "ws", tmp_path / "k")
    (workspace.root / "workspace.json").touch(mode=0o600)
    (workspace.root / "workspace.json").write_bytes(identity)
    assert Workspace.open(workspace.root).rows("overlap") == 1


def test_purged_classes_are_written_and_opened_no_more(workspace: Workspace) -> None:
    sealed = workspace.keys.encrypt("out/x", b"text", keep=Keep.WORKING)
    left = workspace.keys.ring.without({Keep.WORKING})
    with pytest.raises(OperatorError, match="working keys were purged"):
        left.newest(Keep.WORKING)
    with pytest.raises(OperatorError, match="purged"):
        left.key_for(workspace.keys.ring.newest(Keep.WORKING).id, "x")
    assert {key.keep for key in left.renewed().keys} == {Keep.EVIDENCE}
    assert sealed[4:20].decode() == workspace.keys.ring.newest(Keep.WORKING).id


# --- what was made before ---------------------------------------------------------------------


def test_a_key_file_of_the_first_form_still_names_people(tmp_path: Path) -> None:
    first = {"store_key": bytes(32).hex(), "id_key": bytes(range(32)).hex()}
    (tmp_path / "k").write_text(json.dumps(first))
    (tmp_path / "k").chmod(0o600)
    workspace = created(tmp_path / "ws", tmp_path / "k", synthetic=False)
    assert workspace.keys.id_key == bytes(range(32))
    assert workspace.keys.store_key != bytes(32)


def test_a_workspace_of_the_first_form_is_told_in_one_line(tmp_path: Path) -> None:
    root = created(tmp_path / "ws", tmp_path / "k", synthetic=False).root
    stored = json.loads((root / "workspace.json").read_text())
    stored.pop("store_id")
    (root / "workspace.json").write_text(json.dumps(stored))
    with pytest.raises(OperatorError, match="run the incident in a new one"):
        Workspace.open(root)
