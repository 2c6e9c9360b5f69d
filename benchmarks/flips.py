"""One flipped bit anywhere in a workspace: is it found, by `affected verify` and by who reads the file next?

    python -m benchmarks.flips [--people 500] [--flips 1000] [--seed 1] [--json]

A made-up incident is run to its end and everything is released: packets, filings, letters, batches, a dry run
and a wave of e-mails to a server of this machine. Then a durable file is drawn, then one of its bits; the bit is
flipped, `verify` and the reader must both refuse with exit code 7, and the bit is put back.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

DAMAGED = 7
ONLY_VERIFY = ("evidence/steps/", "evidence/signing_key.pem")
"""Files that nobody reads but `verify`, and outsiders."""


def released(folder: Path, people: int) -> Path:
    """A workspace in which everything was done once; gives its root."""
    from flows.rehearse import rehearse
    from flows.run import run_round
    from flows.settings import load_incident

    rehearse(folder / "incident", people=people, seed=3)
    incident = folder / "incident" / "incident.toml"
    rights = load_incident(incident).people
    by = next(name for name, some in rights.items() if {"approve", "send"} <= set(some))
    root = folder / "ws"
    run_round(incident, workspace=root, engine="local", approve_as=by)
    release_all(folder, root, by)
    return root


def release_all(folder: Path, root: Path, by: str) -> None:
    """Packets, filings, letters, batches, a dry run and a wave of e-mails."""
    from benchmarks.email_incident import Served
    from flows import gates
    from flows.release import export_batches, release_filings, release_packets, write_letters
    from flows.rounds import open_round, save
    from flows.send import send

    release_packets(root)
    release_filings(root)
    write_letters(root)
    workspace, current = open_round(root)
    batches = workspace.read("batches")["batch_id"].to_list()
    for batch in batches:
        gates.approve(workspace, current, f"send:{batch}", by=by)
    export_batches(root)
    write_letters(root, piece=workspace.read("pieces")["mailpiece_id"][0])
    served = Served(folder)
    try:
        email = {**current.config["email"], "host": "127.0.0.1", "port": served.port, "tls": "tls",
                 "ca_file": str(served.certificate.pem), "from": "notices@northwind.example"}  # fmt: skip
        save(workspace, replace(current, config={**current.config, "email": email}))
        send(root, dry_run=True)
        workspace, current = open_round(root)
        gates.approve(workspace, current, "send:EMAIL-1", by=by)
        send(root)
    finally:
        served.close()


def reader(root: Path, name: str) -> Callable[[], object] | None:
    """What reads this file next; None where only `verify` does."""
    from flows.release import translate_letters
    from flows.status import status
    from flows.table import write_table
    from matching.store import COMPLETE, NOTE, Workspace

    first, _, rest = name.partition("/")
    readers: dict[str, Callable[[], object]] = {
        "evidence/audit.jsonl": lambda: translate_letters(root, language="vi-US", table=None),
        COMPLETE: lambda: Workspace.open(root, complete=True).has("persons"),
    }
    table = rest.split("/")[0]
    if name.startswith(ONLY_VERIFY):
        return None
    if name.endswith(NOTE):
        return lambda: Workspace.open(root).read_note(table, root / name)
    if name.endswith(".parquet") and not _listed(root, table, Path(name).name):
        return lambda: _resumed(root, table, root / f"{name}{NOTE}")
    if first in {"tables", "inbox", "reference"} and name != COMPLETE:
        return lambda: write_table(root, table, root.parent / "table.parquet", by="flips")
    if first == "out":
        return lambda: Workspace.open(root).get_output(rest)
    return readers.get(name, lambda: status(root))


def _listed(root: Path, table: str, file: str) -> bool:
    from matching.store import Workspace

    manifest = Workspace.open(root).manifest(table)
    return any(part.file == file for part in (manifest.parts if manifest else ()))


def _resumed(root: Path, table: str, note: Path) -> None:
    """What a resumed run asks of a part without rows, which no manifest lists."""
    from matching.store import Workspace

    opened = Workspace.open(root)
    opened.check_part(table, opened.read_note(table, note)[0])


def flip(path: Path, bit: int) -> None:
    """Flip one bit in place; the file's times stay."""
    stat = path.stat()
    with path.open("r+b") as file:
        file.seek(bit // 8)
        byte = file.read(1)[0] ^ (1 << bit % 8)
        file.seek(bit // 8)
        file.write(bytes([byte]))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def refused(call: Callable[[], object]) -> bool:
    """The call ends as the command does that exits with 7."""
    from matching.errors import OperatorError

    try:
        call()
    except OperatorError as error:
        return error.exit_code == DAMAGED
    return False


def verify_finds(root: Path) -> bool:
    """`affected verify` would exit with 7."""
    from flows.verify import exit_code, verify

    found = False

    def look() -> None:
        nonlocal found
        found = exit_code(verify(root)) == DAMAGED

    return refused(look) or found


def flip_many(root: Path, flips: int, seed: int) -> dict[str, Any]:
    """Flip, look, put back; figures by kind of file. `missed` names files and bits."""
    from flows.integrity import durable_files
    from flows.verify import exit_code, verify
    from matching.store import Workspace

    names = [name for name in durable_files(Workspace.open(root)) if (root / name).stat().st_size]
    chance = random.Random(seed)
    flipped: Counter[str] = Counter()
    by_verify: Counter[str] = Counter()
    by_reader: Counter[str] = Counter()
    missed, seconds = [], 0.0
    for _ in range(flips):
        name = chance.choice(names)
        bit = chance.randrange((root / name).stat().st_size * 8)
        kind = kind_of(name)
        flipped[kind] += 1
        flip(root / name, bit)
        began = time.perf_counter()
        verified = verify_finds(root)
        seconds += time.perf_counter() - began
        reads = reader(root, name)
        read = verified if reads is None else refused(reads)
        flip(root / name, bit)
        by_verify[kind] += verified
        by_reader[kind] += read
        if not (verified and read):
            missed.append([name, bit, "reader" if verified else "verify"])
    return {
        "files": len(names),
        "flips": flips,
        "found_by_verify": by_verify.total(),
        "found_by_reader": by_reader.total(),
        "missed": missed,
        "by_kind": {
            kind: {"flips": count, "verify": by_verify[kind], "reader": by_reader[kind]}
            for kind, count in sorted(flipped.items())
        },
        "verify_ms": round(1000 * seconds / flips, 1),
        "clean_afterwards": exit_code(verify(root)) == 0,
    }


def kind_of(name: str) -> str:
    """Files of one use: `tables/part`, `out/packets`, `journal.sqlite` ..."""
    first, *rest = name.split("/")
    if not rest:
        return first
    if first in {"tables", "inbox", "reference"}:
        return f"{first}/{'part' if name.endswith('.parquet') else Path(name).suffix.strip('.')}"
    return f"{first}/{rest[0]}" if first in {"out", "evidence"} else first


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--flips", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    from benchmarks.results import record

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["AFFECTED_KEYS"] = str(folder / "keys")
        began = time.perf_counter()
        root = released(folder, options.people)
        made = time.perf_counter() - began
        began = time.perf_counter()
        result = flip_many(root, options.flips, options.seed)
        times = {"made_seconds": round(made, 1), "seconds": round(time.perf_counter() - began, 1)}
    given = {"people": options.people, "seed": options.seed}
    record("flips", {**given, **result, **times}, show=options.json)


if __name__ == "__main__":
    main()
