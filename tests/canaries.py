"""Values planted in every field of an incident, and the search for them wherever they must not be."""

from __future__ import annotations

import csv
import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from matching.fields import CANONICAL_FIELDS

__all__ = ["Found", "canaries", "csv_of", "hits", "variants", "watched_processes"]

_SHAPED = {
    "date_of_birth": "19{0}7-11-29", "deceased_on": "201{0}-02-17", "last_visit_on": "201{0}-09-23",
    "address_as_of": "201{0}-06-27", "email_consent_on": "201{0}-08-21", "email_consent_withdrawn_on": "201{0}-10-19",
    "ssn": "53{0}-74-9186", "phone": "(202) 55{0}-0147", "phone2": "(202) 55{0}-0193", "zip": "2074{0}-9913",
    "alternate_zip": "2074{0}-8824", "representative_zip": "2074{0}-7735", "entity_phone": "(202) 55{0}-0126",
    "entity_npi": "15{0}8293746",
    "email": "zq{1}mail@people.example", "entity_email": "zq{1}office@practice.example",
}  # fmt: skip
"""Fields whose values must have a form to be taken for what they are; eight digits or more, since five occur in digests."""
_NOT_PERSONAL = {"entity_id", "elements"}
"""Ids of covered entities and names of kinds are what logs and reports speak of."""


def canaries(side: str) -> dict[str, str]:
    """A value for each canonical field that occurs nowhere else; `side`: one letter."""
    digit = str(1 + ord(side) % 7)
    return {
        field: _SHAPED[field].format(digit, side.lower())
        if field in _SHAPED
        else f"ZQ{side}{field.replace('_', '').upper()}"
        for field in CANONICAL_FIELDS
        if field not in _NOT_PERSONAL
    }  # fmt: skip


def variants(value: str) -> set[bytes]:
    """As delivered, in other cases, as digits, and as a date is written."""
    digits = "".join(c for c in value if c.isdigit())
    forms = {value, value.lower(), value.upper(), value.title()}
    if len(digits) >= 8 and not any(c.isalpha() for c in value):
        forms.add(digits)
    if value[4:5] == "-" and len(value) == 10:
        year, month, day = value.split("-")
        forms |= {f"{month}/{day}/{year}", f"{int(month)}/{int(day)}/{year}"}
    return {form.encode() for form in forms} | {
        form.encode("utf-16-le") for form in forms if len(form) > 5
    }


def csv_of(rows: list[dict[str, str]]) -> str:
    """A CSV with every column of any row."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    target = io.StringIO()
    writer = csv.DictWriter(target, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return target.getvalue()


Found = list[tuple[str, str]]
"""Field and place."""


def hits(planted: dict[str, str], roots: list[Path], said: dict[str, bytes]) -> Found:
    """Every planted value below the roots, in names and in bytes, and in what was said."""
    texts = dict(said)
    for root in roots:
        for path in sorted(root.rglob("*")):
            shown = str(path.relative_to(root.parent))
            texts[f"name of {shown}"] = shown.encode()
            if path.is_file():
                texts[shown] = path.read_bytes()
    wanted = {field: variants(value) for field, value in planted.items()}
    return [
        (field, place)
        for place, data in texts.items()
        for field, forms in wanted.items()
        if any(form in data for form in forms)
    ]


@contextmanager
def watched_processes() -> Iterator[list[bytes]]:
    """Titles and environments of this process's descendants while the block runs."""
    seen: dict[bytes, None] = {}
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            for pid in _descendants(os.getpid()):
                for what in ("cmdline", "environ", "comm"):
                    try:
                        seen[Path(f"/proc/{pid}/{what}").read_bytes()] = None
                    except OSError:
                        continue  # ended meanwhile

    thread = threading.Thread(target=watch)
    thread.start()
    told: list[bytes] = []
    try:
        yield told
    finally:
        done.set()
        thread.join()
        told += seen


def _descendants(pid: int) -> Iterator[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in map(int, children):
        yield child
        yield from _descendants(child)
