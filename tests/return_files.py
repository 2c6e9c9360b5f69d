"""A released batch of made-up people and the files that a vendor sends back on it, for tests of returns."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from matching.store import Workspace
from matching.tables import TABLES
from notify.returns import RETURNS, Taken, take

EXPORTED_ON, TODAY = date(2026, 4, 1), date(2026, 6, 1)
RECORDED_AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
BATCH = "BATCH0000001"
DIGEST = "ab" * 32
VALUES: Mapping[str, Mapping[str, Any]] = {
    "ACK": {"file": "MAIL_v1.csv", "sha256": DIGEST, "rows_read": 22, "rows_rejected": 0,
            "letter_version": "EN-ADULT-V1", "letter_count": 22, "received_at": "2026-04-01T15:00:00Z",
            "operator": "intake"},
    "ADDR": {"ncoa_rc": "A", "move_type": "F", "move_date": "202511", "new_delivery": "9 ELM ST",
             "new_city": "TOWSON", "new_state": "MD", "new_zip5": "21204", "new_zip4": "0001", "dpv": "Y",
             "action": "mailed_new"},
    "PROOF": {"letter_version": "EN-ADULT-V1", "proof_sha256": DIGEST, "approver": "A. Proof",
              "approved_at": "2026-03-30"},
    "DROP": {"drop_date": "2026-04-03", "facility": "BALTIMORE NDC", "postage_statement_id": "PS3600-1",
             "spoiled_reprint_count": 0},
    "UAA": {"event_date": "2026-05-04", "channel": "ACS", "nixie_class": "ANK"},
    "DESTROY": {"certificate_id": "C-1", "batch_id": BATCH, "what": "spoilage", "pieces": 3,
                "destroyed_on": "2026-05-30"},
}  # fmt: skip


def csv_text(kind: str, rows: Iterable[Mapping[str, Any]], *, extra: Iterable[str] = ()) -> str:
    """A file of this kind as a vendor writes it; what a row does not say is as in VALUES."""
    columns = [*RETURNS[kind].must, *extra]
    target = io.StringIO()
    writer = csv.DictWriter(target, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {name: {**VALUES[kind], **row}.get(name, "") for name in columns} for row in rows
    )
    return target.getvalue()


@dataclass
class Mailed:
    """A workspace with one batch out: 20 pieces M0 ... M19, two seeds; M19 is confidential."""

    workspace: Workspace
    folder: Path

    def piece(self, number: int) -> str:
        return f"{number:016d}"

    @property
    def seed(self) -> str:
        name = pl.Series([f"seed|{BATCH}|0"])
        return str(self.workspace.keys.mint("mailpiece", name, length=15)[0])

    def file(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def take(self, kind: str, rows: Iterable[Mapping[str, Any]], **more: Any) -> Taken:
        """Take a file of these rows; a number as `piece` is that piece."""
        named = [
            {**row, "mailpiece_id": self.piece(row["piece"])} if "piece" in row else row
            for row in rows
        ]
        named = [{k: v for k, v in row.items() if k != "piece"} for row in named]
        text = csv_text(kind, named, extra=more.pop("extra", ()))
        return self.take_text(text, **more)

    def take_text(self, text: str | bytes, *, today: date = TODAY, name: str = "file.csv") -> Taken:
        path = self.file(name, text)
        return take(self.workspace, path, by="test", today=today, recorded_at=RECORDED_AT)

    def events(self, *kinds: str) -> pl.DataFrame:
        return (
            self.workspace.read("events")
            .filter(pl.col("kind").is_in(kinds))
            .sort("piece_id", "kind")
        )

    def reasons(self) -> list[str]:
        return self.workspace.read("quarantine").sort("file_sha256", "row_no")["reason"].to_list()

    def digests(self) -> list[str | None]:
        """Of all that a returned file may change."""
        return [self.workspace.digest(name) for name in ("events", "return_files", "quarantine")]


def mailed(workspace: Workspace, folder: Path, *, pieces: int = 20) -> Mailed:
    """Append the batch's events and write its manifest."""
    events = [
        event(n, f"exported{n}", "exported", dated_on=EXPORTED_ON,
              detail="alternate:7" if n == pieces - 1 else f"home:{n}")
        for n in range(pieces)
    ]  # fmt: skip
    workspace.append("events", TABLES["events"].complete(pl.DataFrame(events)))
    said = {"rows": {"total": pieces + 2, "pieces": pieces, "seeds": 2}, "mail_sha256": DIGEST,
            "by_letter_version": {"EN-ADULT-V1": pieces}, "files": []}  # fmt: skip
    workspace.put_output(f"batches/{BATCH}/manifest.json", json.dumps(said).encode(), personal=True)
    return Mailed(workspace, folder)


def event(number: int, event_id: str, kind: str, **values: Any) -> dict[str, Any]:
    """An event of piece `number`, in wave 1 by mail unless it says otherwise."""
    return {"event_id": event_id, "kind": kind, "channel": "mail", "entity_id": f"CE{number % 3}",
            "person_id": f"P{number:05d}", "piece_id": f"{number:016d}", "batch_id": BATCH,
            "notice_version": 1, "wave": 1, "dated_on": EXPORTED_ON + timedelta(days=2), "detail": None,
            "recorded_at": RECORDED_AT, **values}  # fmt: skip
