"""How many returned mails are read right, and how fast they are read and taken in.

    python -m benchmarks.bounces [--cases FILE.parquet] [--mails 20000] [--json]

`graded`: mails that others collected, each with its failed recipients and whether they are still being tried
(columns `file, expected, temporary, raw`). A mail that two detectors were graded on is right where it names what
either found. `own`: tests/spec/bounces.yaml. `read`: both, again and again, from bytes to findings. `taken`: a
Maildir of `--mails` made-up bounces, into the events of a workspace that had sent them, then the same once more.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import UTC, date, datetime
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.results import measured, record
from matching.keys import Keys
from matching.store import Workspace
from matching.tables import TABLES
from notify import bounces
from notify.bounces.claims import piece_of
from notify.email import verp

GRADED = Path(__file__).parents[2] / "shared" / "data" / "bounces" / "flufl_graded.parquet"
OWN = Path(__file__).parents[1] / "tests" / "spec" / "bounces"
SENT_ON = date(2026, 4, 7)
NOW = datetime(2026, 4, 20, 12, tzinfo=UTC)
READ_S = 5.0
"""Long enough for two digits."""


def graded(path: Path) -> list[dict[str, Any]]:
    """The rows, each with `either`: whom any row of the same mail expects."""
    rows = pl.read_parquet(path).to_dicts()
    either: dict[str, set[str]] = {}
    for row in rows:
        either.setdefault(row["file"], set()).update(row["expected"])
    return [{**row, "either": either[row["file"]]} for row in rows]


def right(row: dict[str, Any]) -> bool:
    """Exactly these recipients, and all of them given up or all still being tried."""
    late, failed = bounces.failures(row["raw"])
    want = set(row["expected"]) or row["either"]
    return (late, failed) == ((want, set()) if row["temporary"] else (set(), want))


def own_right() -> tuple[int, int]:
    """Of the project's own cases: how many are right, and how many there are."""
    import yaml

    believed = partial(verp.mailpiece_of, Keys(bytes(32), bytes(32)))
    cases = yaml.safe_load(OWN.with_suffix(".yaml").read_text())
    found = 0
    for case in cases:
        notices = bounces.read((OWN / f"{case['mail']}.eml").read_bytes())
        said = [
            [f.recipient, f.kind.value, f.status, f.action] for n in notices for f in n.findings
        ]
        about = [piece or why for piece, why in (piece_of(n.claims, believed) for n in notices)]
        found += said == case["says"] and (about if len(about) > 1 else about[0]) == case["piece"]
    return found, len(cases)


def read_rate(mails: list[bytes]) -> dict[str, Any]:
    """Mails a second of one core's time, from bytes to findings."""
    begun, count = time.process_time(), 0
    while (seconds := time.process_time() - begun) < READ_S:
        for mail in mails:
            bounces.read(mail)
        count += len(mails)
    return {
        "mails": count,
        "processor_seconds": round(seconds, 1),
        "mails_per_processor_s": round(count / seconds),
    }


def taken_rate(mails: int) -> dict[str, Any]:
    """A Maildir of bounces of as many pieces into the events of a workspace, and again."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        workspace, _ = Workspace.create(
            root / "ws", incident_id="bench", synthetic=True, key_file=root / "key.json"
        )
        _sent(workspace, root / "mail", mails)
        take = partial(
            bounces.take, workspace, root / "mail", by="bench", today=NOW.date(), recorded_at=NOW
        )

        def once() -> int:
            return take().mails

        first, events = measured(once), workspace.rows("events") - mails
        begun = time.perf_counter()
        again = take()
        return {
            **first,
            "mails": mails,
            "mails_per_s": round(mails / first["seconds"]),
            "mails_per_processor_s": round(mails / first["processor_seconds"]),
            "events": events,
            "quarantined": workspace.rows("quarantine"),
            "again": {
                "files_known": again.before,
                "seconds": round(time.perf_counter() - begun, 1),
            },
        }


def _sent(workspace: Workspace, folder: Path, mails: int) -> None:
    """Accepted pieces, and for each a mail that came back: the delivery reports among the own cases in turn."""
    ids = workspace.keys.mint("bench piece", pl.Series(range(mails)).cast(pl.String), length=15)
    tokens = verp.tokens(workspace.keys, ids)
    cases = [
        path.read_bytes()
        for path in sorted(OWN.glob("dsn_[a-q]*.eml"))
        if path.stat().st_size < 10_000
    ]
    shown = verp.token(Keys(bytes(32), bytes(32)), "0123456789ABCDEF").encode()
    folder.mkdir()
    (folder / "new").mkdir()
    (folder / "cur").mkdir()
    pieces = zip(ids.to_list(), tokens.to_list(), strict=True)
    for number, ((_, token), mail) in enumerate(
        zip(pieces, islice(cycle(cases), mails), strict=True)
    ):
        (folder / "new" / f"{number}.bench").write_bytes(mail.replace(shown, token.encode()))
    sent = pl.DataFrame({"piece_id": ids, "event_id": ids, "person_id": ids}).with_columns(
        kind=pl.lit("accepted"), channel=pl.lit("email"), entity_id=pl.lit("CE1"), batch_id=pl.lit("w1"),
        notice_version=pl.lit(1), wave=pl.lit(1), dated_on=pl.lit(SENT_ON),
        recorded_at=pl.lit(NOW).dt.cast_time_unit("us"),
    )  # fmt: skip
    workspace.append("events", TABLES["events"].complete(sent))


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--cases", type=Path, default=GRADED)
    parser.add_argument("--mails", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = graded(options.cases)
    wrong = [row["file"] for row in rows if not right(row)]
    good, own = own_right()
    every = [row["raw"] for row in rows] + [p.read_bytes() for p in sorted(OWN.glob("*.eml"))]
    record(
        "bounces",
        {
            "graded": {"mails": len(rows), "right": len(rows) - len(wrong), "wrong": wrong},
            "own": {"mails": own, "right": good},
            "read": read_rate(every),
            "taken": taken_rate(options.mails),
        },
        show=options.json,
    )


if __name__ == "__main__":
    main()
