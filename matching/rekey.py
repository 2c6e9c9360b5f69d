"""Changes of who opens a key file and of what it opens: people added and removed, keys renewed or dropped.

A new store key is written beside the old one, then keys.json is wrapped by it, then the old one goes:
killed between any two of these, one of both still opens, and the next change finishes. What was written
under older data keys stays as it is and readable; an older copy of the key file opens nothing any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from secrets import token_bytes

from matching.errors import OperatorError
from matching.keyfile import KeyFile, holding_key_file, shred_drafts, write_key_file
from matching.names_alike import alike
from matching.openers import Person
from matching.ring import FILE, KEY_BYTES, Ring
from matching.schema import Keep
from matching.store import Workspace

__all__ = ["add_person", "drop_classes", "interrupted", "remove_person", "rotate", "tidy"]


def add_person(path: Path, person: Person) -> None:
    """Wrap the key file for one more person. From the first one on nothing in it is in clear.

    Raises OperatorError where somebody of that name, or with that key, is there already.
    """
    with holding_key_file(path):
        file = KeyFile.read(path)
        kept, _ = file.open()
        if person.name in file.people:
            raise OperatorError(f"keys: {person.name} is there already; remove that entry first")
        if (two := alike([*file.people, person.name])) is not None:
            raise OperatorError(
                f"keys: {two[1]} looks like {two[0]}, who is there; write it otherwise"
            )
        same = [other.name for other in file.people.values() if other.recipient == person.recipient]
        if same:
            raise OperatorError(f"keys: {same[0]} has that recipient already; each has their own")
        write_key_file(path, kept, {**file.people, person.name: person})


def remove_person(workspace: Workspace, name: str) -> None:
    """Wrap the key file without that person, under new keys from now on.

    Raises OperatorError where nobody of that name is there, or nobody else.
    """
    people = KeyFile.read(workspace.key_file).people
    if name not in people and not interrupted(workspace):
        raise OperatorError(f"keys: no {name} in {workspace.key_file}; `affected keys` lists them")
    if set(people) <= {name}:
        raise OperatorError(f"keys: {name} is the last who opens this; add somebody else first")
    _renew(workspace, without=name, dropping=())


def rotate(workspace: Workspace) -> None:
    """A new store key, and new data keys for what is written from now on."""
    _renew(workspace, without="", dropping=())


def drop_classes(workspace: Workspace, classes: Iterable[Keep]) -> None:
    """Drop the data keys of these classes, of all generations; what is left gets a new store key.

    With the old store key gone, a copy of the old keys.json opens nothing either.
    """
    _renew(workspace, without="", dropping=frozenset(classes))


def interrupted(workspace: Workspace) -> bool:
    """A change was killed in its middle: two store keys stand in the key file; rotating finishes it."""
    kept, _ = KeyFile.read(workspace.key_file).open()
    return len(kept.stores.get(workspace.store_id, ())) > 1


def tidy(workspace: Workspace) -> None:
    """Overwrite what a killed change left beside both files: older bytes under another name."""
    with holding_key_file(workspace.key_file):
        shred_drafts(workspace.key_file)
        shred_drafts(workspace.root / FILE)


def _renew(workspace: Workspace, *, without: str, dropping: Iterable[Keep]) -> None:
    path, store_id, dropped = workspace.key_file, workspace.store_id, frozenset(dropping)
    with holding_key_file(path):
        file = KeyFile.read(path)
        kept, _ = file.open()
        ring, old = Ring.load(workspace.root, store_id, kept.stores.get(store_id, ()))
        people = {name: person for name, person in file.people.items() if name != without}
        new = token_bytes(KEY_BYTES)
        write_key_file(path, kept.with_store(store_id, new, old), people)
        (ring.without(dropped) if dropped else ring.renewed()).save(workspace.root, new)
        write_key_file(path, kept.with_store(store_id, new), people)
