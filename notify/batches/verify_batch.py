"""Check a batch of letters as it arrived, or the file as it stands after the merge. Needs Python 3.9, nothing else.

    python verify_batch.py FOLDER                        on receipt: everything
    python verify_batch.py FOLDER --after-merge FILE     before print: letters unchanged, addresses may be new
    python verify_batch.py FOLDER --signing-key FILE     with the key that was given to you by another way

FOLDER holds what was sent, decrypted and unpacked: the manifest (manifest.json), its signature (manifest.sig), the
mail file. One line a finding, rows by seq_no, never a person's data. Exit code: 0 all is well, 1 something is not.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import hmac
import json
import re
import shutil
import subprocess
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

SHOWN = 10
"""Findings of one kind that are listed; the rest is counted."""
SEPARATOR = "\x1f"
COUNTED = {
    "by_letter_version": "letter_version",
    "by_language": "language",
    "by_state": "state",
    "by_ce": "ce_id",
}
NEWLINES = {"lf": "\n", "crlf": "\r\n"}
MOST_IN_LINE = 1 << 20
Row = dict[str, str]


class Findings:
    """What is wrong, by kind, in the order it was found; and what could not be checked."""

    def __init__(self) -> None:
        self.kinds: dict[str, list[str]] = {}
        self.notes: list[str] = []

    def add(self, kind: str, where: str = "") -> None:
        """One finding; `where` never holds a value of a row."""
        self.kinds.setdefault(kind, []).append(where)

    def lines(self) -> Iterator[str]:
        """One line each; long lists are cut and counted."""
        for kind, places in self.kinds.items():
            for where in places[:SHOWN]:
                yield f"WRONG: {kind}{': ' + where if where else ''}"
            if len(places) > SHOWN:
                yield f"WRONG: {kind}: {len(places) - SHOWN} more"
        for note in self.notes:
            yield f"note: {note}"


class Batch(NamedTuple):
    """The folder and what its manifest says."""

    folder: Path
    manifest: dict[str, Any]
    manifest_path: Path


def main(arguments: list[str] | None = None) -> int:
    """Check and say; gives the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--after-merge", type=Path, metavar="FILE")
    parser.add_argument("--signing-key", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    found = Findings()
    try:
        batch = opened(options.folder)
        check_signature(batch, options.signing_key, found)
        if options.after_merge:
            checked = check_merged(batch, options.after_merge, found)
        else:
            check_digests(batch, found)
            checked = check_received(batch, found)
    except Refused as refused:
        found.add(str(refused))
        checked = 0
    sys.stdout.write("".join(line + "\n" for line in found.lines()))
    verdict = "NOT all is well" if found.kinds else "all is well"
    sys.stdout.write(f"{checked} rows checked: {verdict}\n")
    return 1 if found.kinds else 0


class Refused(Exception):
    """Nothing can be checked; the message has no value of a row."""


def opened(folder: Path) -> Batch:
    """Find and read the manifest."""
    found = [folder / "manifest.json", *sorted(folder.glob("*_manifest.json"))]
    path = next((each for each in found if each.is_file()), None)
    if path is None:
        raise Refused("no manifest.json here: decrypt the manifest first")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        for key in ("mail", "seals", "seal_key", "rows", "seq_no", "control", "files"):
            manifest[key]
        bytes.fromhex(manifest["seal_key"])
    except (ValueError, KeyError, TypeError):
        raise Refused("manifest.json: damaged") from None
    return Batch(folder, manifest, path)


def check_signature(batch: Batch, pinned: Path | None, found: Findings) -> None:
    """Ed25519 over the manifest's bytes, by openssl where it is installed."""
    key, signed = pinned or batch.folder / "signing_key.pem", batch.folder / "manifest.sig"
    missing = [path.name for path in (key, signed) if not path.is_file()]
    if missing:
        found.add("signature", f"{missing[0]} is missing")
        return
    tool = shutil.which("openssl")
    if tool is None:
        found.notes.append("signature not checked: openssl is not installed")
        return
    call = [tool, "pkeyutl", "-verify", "-pubin", "-inkey", str(key), "-rawin", "-in",
            str(batch.manifest_path), "-sigfile", str(signed)]  # fmt: skip
    done = subprocess.run(call, capture_output=True, check=False)  # noqa: S603 - openssl by its full path, our own arguments
    if done.returncode and b"ailure" not in done.stdout + done.stderr:
        found.notes.append("signature not checked: this openssl knows no Ed25519")
    elif done.returncode:
        found.add("signature", f"manifest.json is not what the owner of {key.name} signed")
    elif pinned is None:
        found.notes.append(
            "signature is of signing_key.pem beside it; compare that key with the one agreed on"
        )


def check_digests(batch: Batch, found: Findings) -> None:
    """Files that are here have the bytes that the manifest lists, plain or as sent."""
    for file in batch.manifest["files"]:
        for name, digest in (
            (file["name"], file["sha256"]),
            (file["stored_as"], file["stored_sha256"]),
        ):
            path = batch.folder / name
            if path.is_file() and sha256(path) != digest:
                found.add("bytes changed", name)
            if name == file["stored_as"] == file["name"]:
                break


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    total = hashlib.sha256()
    with path.open("rb") as handle:
        for block in iter(lambda: handle.read(1 << 20), b""):
            total.update(block)
    return total.hexdigest()


def mail_path(batch: Batch) -> Path:
    """The mail file, under its own name or as it was sent, without .zst.pgp."""
    name = str(batch.manifest["mail"]["name"])
    sent = [
        Path(file["stored_as"]).name for file in batch.manifest["files"] if file["name"] == name
    ]
    plain = [re.sub(r"(\.zst)?\.pgp$", "", each) for each in sent]
    for each in [name, *plain]:
        if (batch.folder / each).is_file():
            return batch.folder / each
    raise Refused(f"no {name} here: decrypt (gpg --decrypt) and unpack (zstd -d) it first")


def check_received(batch: Batch, found: Findings) -> int:
    """Every row, every total; gives the number of rows."""
    manifest = batch.manifest
    totals = Totals(manifest)
    rows = 0
    for rows, row in read(mail_path(batch), manifest, found):
        totals.take(rows, row, found)
        check_seals(rows, row, manifest, ("row_seal", "addr_seal"), found)
    totals.compare(found)
    return rows


def check_merged(batch: Batch, path: Path, found: Findings) -> int:
    """After the merge: no letter changed, none twice; addresses, order and number may differ."""
    if not path.is_file():
        raise Refused(f"{path.name}: not found")
    manifest, seen, rows = batch.manifest, set(), 0
    for rows, row in read(path, manifest, found, any_order=True):
        check_seals(rows, row, manifest, ("row_seal",), found)
        piece = row["mailpiece_id"]
        if piece in seen:
            found.add("piece twice", where(rows, row))
        seen.add(piece)
    left = manifest["rows"]["total"] - len(seen)
    if left > 0:
        found.notes.append(
            f"{left} rows of the batch are not in this file: report them as rejected"
        )
    return rows


class Totals:
    """Counts and control sums of a file, to be held against the manifest."""

    def __init__(self, manifest: dict[str, Any]) -> None:
        self.manifest = manifest
        self.rows = self.seeds = self.foreign = self.zips = self.seals = 0
        self.has = {place["column"] for place in manifest["mail"]["columns"]}
        self.by: dict[str, Counter[str]] = {name: Counter() for name in COUNTED}
        self.ids: set[str] = set()

    def take(self, number: int, row: Row, found: Findings) -> None:
        """Count one row."""
        self.rows += 1
        if "seq_no" in self.has and row["seq_no"] != str(number):
            found.add("seq_no is not contiguous", f"row {number}")
        if row["mailpiece_id"] in self.ids:
            found.add("piece twice", where(number, row))
        self.ids.add(row["mailpiece_id"])
        self.zips += int(row["zip5"]) if row["zip5"].isdecimal() else 0
        head = row["row_seal"][:8]
        self.seals += int(head, 16) if re.fullmatch("[0-9a-f]{8}", head) else 0
        if row.get("is_seed") == "Y":
            self.seeds += 1
            return
        self.foreign += bool(row["country_line"])
        for name, column in COUNTED.items():
            self.by[name][row.get(column) or "ZZ"] += 1

    def compare(self, found: Findings) -> None:
        """Say every total that differs."""
        said = self.manifest["rows"]
        pairs: list[tuple[str, Any, Any]] = [
            ("rows", said["total"], self.rows),
            ("last seq_no", self.manifest["seq_no"]["last"], self.rows),
        ]
        control = self.manifest["control"]
        pairs += [
            ("control sum of zip5", control["zip5_sum"], self.zips),
            ("control sum of row_seal", control["row_seal_sum"], f"{self.seals % (1 << 32):08x}"),
        ]
        if "is_seed" in self.has:
            pairs += [("pieces", said["pieces"], self.rows - self.seeds), ("seeds", said["seeds"], self.seeds),
                      ("foreign", said["foreign"], self.foreign)]  # fmt: skip
            pairs += [
                (f"{name} {key}", count, self.by[name][key])
                for name in COUNTED
                for key, count in self.manifest[name].items()
            ]
            others = [name for name in COUNTED if set(self.by[name]) - set(self.manifest[name])]
            for name in others:
                found.add("totals", f"{name}: values that the manifest does not know")
        for what, expected, counted in pairs:
            if expected != counted:
                found.add("totals", f"{what}: {counted} in the file, {expected} in the manifest")


def check_seals(
    number: int, row: Row, manifest: dict[str, Any], seals: tuple[str, ...], found: Findings
) -> None:
    """Recompute seals: HMAC-SHA256 over the values joined by U+001F, first 16 hex digits."""
    key = bytes.fromhex(manifest["seal_key"])
    for seal in seals:
        text = SEPARATOR.join(row[column] for column in manifest["seals"][seal])
        data = unicodedata.normalize("NFC", text).encode("utf-8")
        if not hmac.compare_digest(
            hmac.new(key, data, "sha256").hexdigest()[:16].encode(), row[seal].encode()
        ):
            found.add(f"{seal} does not fit", where(number, row))


def where(number: int, row: Row) -> str:
    """A row by seq_no; by its place where that column holds something else."""
    seq = row.get("seq_no", "")
    return f"seq_no {seq}" if seq.isdecimal() and len(seq) <= 9 else f"row {number}"


def read(
    path: Path, manifest: dict[str, Any], found: Findings, any_order: bool = False
) -> Iterator[tuple[int, Row]]:
    """Number (from 1) and values of each row, by the column's name in MAIL v1."""
    mail = manifest["mail"]
    try:
        with path.open(encoding=mail["encoding"], newline="" if mail["format"] == "csv" else NEWLINES[mail["line_end"]]) as file:  # fmt: skip
            yield from (_csv if mail["format"] == "csv" else _fixed)(file, mail, found, any_order)
    except UnicodeDecodeError:
        raise Refused(
            f"{path.name}: bytes that are no {mail['encoding']}; the file is damaged"
        ) from None
    except csv.Error:
        raise Refused(
            f"{path.name}: a quote or line that is not whole; the file is damaged"
        ) from None


def _csv(
    file: Any, mail: dict[str, Any], found: Findings, any_order: bool
) -> Iterator[tuple[int, Row]]:
    csv.field_size_limit(MOST_IN_LINE)
    lines = csv.reader(file, strict=True)
    names = next(lines, [])
    columns = {place["name"]: place["column"] for place in mail["columns"]}
    if any_order:
        columns.update({column: column for column in columns.values()})
        order = [columns.get(name, "") for name in names]
        missing = {place["column"] for place in mail["columns"]} - set(order)
        if missing:
            raise Refused(f"header: without {', '.join(sorted(missing))}")
    else:
        order = [place["column"] for place in mail["columns"]]
        if names != list(columns):
            raise Refused("header: not the columns that the manifest lists, in their order")
    for number, values in enumerate(lines, 1):
        if len(values) != len(order):
            found.add("fields", f"row {number}: {len(values)} instead of {len(order)}")
            continue
        yield number, dict(zip(order, values))  # noqa: B905 - Python 3.9


def _fixed(
    file: Any, mail: dict[str, Any], found: Findings, any_order: bool
) -> Iterator[tuple[int, Row]]:
    del any_order  # places are all that tells columns apart
    places = [(each["column"], each["start"] - 1, each["length"]) for each in mail["columns"]]
    length, end = sum(each["length"] for each in mail["columns"]), NEWLINES[mail["line_end"]]
    for number, line in enumerate(file, 1):
        text = line[: -len(end)] if line.endswith(end) else ""
        if len(text) != length:
            found.add("length", f"row {number}: not {length} characters and an end of line")
            continue
        yield (
            number,
            {column: text[start : start + size].strip(" ") for column, start, size in places},
        )


if __name__ == "__main__":
    sys.exit(main())
