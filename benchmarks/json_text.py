"""Rows a second of JSON and JSON lines into text columns, found by one thread and taken apart by two, as intake does.

    python -m benchmarks.json_text [--rows 1000000] [--folder DIR] [--json]

Made-up people with some twenty keys, four of them nested. `lines`: one object a line; `document`: the same in one
`{"data": {"patients": [...]}}`. `peer`: one thread that calls `json.loads` line by line and keeps nothing.
`processor_rows_per_s` is what one processor that nobody else uses would do: others' work does not count in it.
Goes to `benchmarks/results/json_text.json`, with the load of the machine before.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results import measured, record
from matching.intake.content import Content
from matching.intake.pieces import START, Batch
from matching.intake.readers import _pieces, parts
from matching.sources import LeakedSource

SEED = 20260320
THREADS = 2
GIVEN = ("Maria", "James", "Zoë", "Aaliyah", "Wei", "José", "Siobhán", "Ann")
FAMILY = ("Smith", "O'Neil", "Núñez", "Nguyen", "Garcia-Lopez", "Müller", "Lee")
DISTINCT = 20_000
"""People drawn; the file goes through them again under other numbers."""


def person(number: int, draw: np.random.Generator) -> str:
    given, family = str(draw.choice(GIVEN)), str(draw.choice(FAMILY))
    digits = f"{draw.integers(10**9):09d}"
    return json.dumps(
        {
            "patient_id": number,
            "mrn": f"M{digits[:7]}",
            "name": {"given": given, "family": family, "middle": given[:1]},
            "dob": f"{draw.integers(1930, 2020)}-{draw.integers(1, 13):02d}-{draw.integers(1, 29):02d}",
            "ssn": f"{digits[:3]}-{digits[3:5]}-{digits[5:]}",
            "sex": "FM"[number % 2],
            "address": {"street": f"{digits[:3]} Main St", "city": "Springfield", "state": "MD", "zip": digits[4:]},
            "telecom": [
                {"system": "phone", "value": f"410-555-{digits[:4]}"},
                {"system": "email", "value": f"{given}.{family}@example.com".lower()},
            ],
            "language": None if number % 3 else "es",
            "insurance": {"member_id": digits[::-1], "payer": 'Blue "X" of Maryland'},
            "allergies": ["latex", "penicillin"][: number % 3],
            "active": number % 7 > 0,
            "balance": round(float(draw.random()) * 900, 2),
            "last_visit": f"2025-{draw.integers(1, 13):02d}-11",
            "provider": "Dr. Zoë Núñez",
            "note": "called twice\nno answer",
            "tenant": "T-0017",
        },
        ensure_ascii=bool(number % 2),
    )  # fmt: skip


def written(folder: Path, rows: int) -> tuple[Path, Path]:
    draw = np.random.default_rng(SEED)
    people = [person(number, draw)[1:] for number in range(DISTINCT)]
    lines, document = folder / "people.jsonl", folder / "people.json"
    with lines.open("w", encoding="utf-8") as one, document.open("w", encoding="utf-8") as other:
        other.write('{"exported": "2026-03-20", "data": {"patients": [\n')
        for number in range(rows):
            text = f'{{"row": {number}, {people[number % DISTINCT]}'
            one.write(text + "\n")
            other.write(("" if number == 0 else ",\n") + text)
        other.write("\n]}}\n")
    return lines, document


def intake(path: Path, format_: str) -> Callable[[], int]:
    def read() -> int:
        source, content = (
            LeakedSource.model_validate({"path": "x", "format": format_}),
            Content(path),
        )
        rows, waiting = 0, deque[Future[Batch]]()
        with ThreadPoolExecutor(THREADS) as pool:
            for part in parts(content, source):
                for piece in _pieces(content, source, part, START):
                    waiting.append(pool.submit(piece.parse))
                    if len(waiting) > THREADS:
                        rows += waiting.popleft().result().rows.height
                while waiting:
                    rows += waiting.popleft().result().rows.height
        return rows

    return read


def peer(path: Path) -> Callable[[], int]:
    def read() -> int:
        with path.open("rb") as stream:
            return sum(1 for line in stream if json.loads(line))

    return read


def told(stage: Callable[[], int]) -> dict[str, Any]:
    found = measured(stage)
    busy = max(found["processor_seconds"], 0.1)
    return {**found, "processor_rows_per_s": round(found["rows"] / busy)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        warm = written(Path(folder), 1000)
        for path, format_ in zip(warm, ("jsonl", "json"), strict=True):
            intake(path, format_)()  # compiles
        lines, document = written(Path(folder), args.rows)
        result: dict[str, Any] = {
            "load_before": [round(load, 1) for load in os.getloadavg()],
            "bytes_a_row": round(lines.stat().st_size / args.rows),
            "peer": told(peer(lines)),
            "lines": told(intake(lines, "jsonl")),
            "document": told(intake(document, "json")),
        }
        for name in ("lines", "document"):
            result[name]["ratio"] = round(
                result[name]["rows_per_s"] / result["peer"]["rows_per_s"], 2
            )
        record("json_text", result, show=args.json)


if __name__ == "__main__":
    main()
