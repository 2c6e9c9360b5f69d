"""Check a bundle about one person by itself. Needs Python 3.9 and, for signatures, openssl.

    python check_bundle.py [FOLDER] [--signing-key FILE]

FOLDER is the unpacked bundle, by default where this file lies. Checked: every file has the digest that bundle.json
lists, bundle.json and each batch's manifest are what the owner of the signing key signed, and each letter's line
leads to the root in its manifest. Exit code: 0 all is well, 1 something is not.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def main(arguments: list[str] | None = None) -> int:
    """Check and say; gives the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parent)
    parser.add_argument("--signing-key", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    found = list(findings(options.folder, options.signing_key))
    sys.stdout.write("".join(line + "\n" for line in found))
    wrong = any(line.startswith("WRONG") for line in found)
    sys.stdout.write("NOT all is well\n" if wrong else "all is well\n")
    return 1 if wrong else 0


def findings(folder: Path, pinned: Path | None) -> Iterator[str]:
    """One line each: `WRONG: ...`, or a note on what could not be checked."""
    try:
        said = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
        listed = dict(said["files"])
    except (OSError, ValueError, KeyError, TypeError):
        yield "WRONG: bundle.json is missing or damaged"
        return
    for name, digest in sorted(listed.items()):
        path = folder / name
        if not path.is_file():
            yield f"WRONG: {name} is missing"
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            yield f"WRONG: {name} is not as it was put in"
    own = folder / "signing_key.pem"
    yield from signed(folder / "bundle.json", folder / "bundle.sig", pinned or own)
    for letter in said.get("letters", []):
        yield from letter_findings(folder, letter, pinned)
    if pinned is None:
        yield "note: signatures are of the keys inside; compare signing_key.pem with the one agreed on"


def letter_findings(folder: Path, letter: dict[str, Any], pinned: Path | None) -> Iterator[str]:
    """The letter's line stands in the mail file that the signed manifest speaks of."""
    piece, batch = letter["piece_id"], folder / "batches" / letter["batch_id"]
    if letter["line"] is None:
        yield f"note: piece {piece}: no line of the mail file here; its batch and day are in bundle.json"
        return
    try:
        line = json.loads((folder / letter["line"]).read_text(encoding="utf-8"))
        manifest = json.loads((batch / "manifest.json").read_text(encoding="utf-8"))
        root = folded(line["line"].encode(line["encoding"]), line["path"])
        if root != manifest["lines"]["root"] or piece not in line["line"]:
            yield f"WRONG: piece {piece}: its line does not lead to the manifest's root"
        if manifest["batch"] != letter["batch_id"]:
            yield f"WRONG: piece {piece}: the manifest is of another batch"
    except (OSError, ValueError, KeyError, TypeError, LookupError):
        yield f"WRONG: piece {piece}: its line or manifest is missing or damaged"
        return
    key = pinned or batch / "signing_key.pem"
    yield from signed(batch / "manifest.json", batch / "manifest.sig", key)


def folded(line: bytes, path: list[tuple[str, str]]) -> str:
    """The root of the Merkle tree that this line and path lead to (SHA-256; leaf 00, node 01, as RFC 6962)."""
    digest = hashlib.sha256(b"\x00" + line).digest()
    for side, beside in path:
        other = bytes.fromhex(beside)
        digest = hashlib.sha256(
            b"\x01" + (other + digest if side == "left" else digest + other)
        ).digest()
    return digest.hex()


def signed(file: Path, signature: Path, key: Path) -> Iterator[str]:
    """Ed25519 over the file's bytes, by openssl where it is installed."""
    name = file.relative_to(file.parents[1]).as_posix()
    missing = [path.name for path in (file, signature, key) if not path.is_file()]
    if missing:
        yield f"WRONG: {name}: {missing[0]} is missing"
        return
    tool = shutil.which("openssl")
    if tool is None:
        yield f"note: {name}: signature not checked, openssl is not installed"
        return
    call = [tool, "pkeyutl", "-verify", "-pubin", "-inkey", str(key), "-rawin", "-in", str(file),
            "-sigfile", str(signature)]  # fmt: skip
    done = subprocess.run(call, capture_output=True, check=False)  # noqa: S603 - openssl by its full path, our own arguments
    if done.returncode and b"ailure" not in done.stdout + done.stderr:
        yield f"note: {name}: signature not checked, this openssl knows no Ed25519"
    elif done.returncode:
        yield f"WRONG: {name} is not what the owner of {key.name} signed"


if __name__ == "__main__":
    sys.exit(main())
