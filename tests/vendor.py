"""A mail vendor of our own: reads an exported batch as a vendor would, mails it, and reports as one does.

Some letters are moved, held or come back, by lot (seeded); the lot of a person's second letter is another one.
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

__all__ = ["Vendor"]

_BACK = ("ANK", "UTF", "VAC", "TMP", "REF", "DEC", "MLNA")


class Vendor:
    """`odds` of: held, moved, back (of letters that were mailed). `mailed`: every piece dropped so far."""

    def __init__(
        self, folder: Path, *, seed: int, held: float = 0.03, moved: float = 0.1, back: float = 0.3
    ) -> None:
        self.folder, self.lot = folder, random.Random(seed)
        self.odds = {"held": held, "moved": moved, "back": back}
        self.mailed: list[dict[str, str]] = []
        self.files = 0

    def takes(self, batch: Path, *, on: date) -> list[Path]:
        """Mail one batch from that day on; gives its return files in the order in which they come."""
        with (batch / "MAIL_v1.csv").open(encoding="utf-8", newline="") as handle:
            rows = list(csv.DictReader(handle))
        people = [row for row in rows if row["is_seed"] == "N"]
        addr, drop, back = [], [], []
        for row in people:
            open_to = row["no_ncoa"] == "N" and not row["country_line"]
            fate = self.lot.random()
            if open_to and fate < self.odds["held"]:
                addr.append(self._addr(row, "02", "held", on))
                continue
            if open_to and fate < self.odds["held"] + self.odds["moved"]:
                addr.append(self._addr(row, "A", "mailed_new", on))
            drop.append(self._drop(row, on + timedelta(days=2)))
            self.mailed.append(row)
            if self.lot.random() < self.odds["back"]:
                back.append(self._back(row, on + timedelta(days=9)))
        return [
            self._ack(batch, rows, on),
            *self._write("ADDR", addr),
            *self._write("DROP", drop),
            *self._write("UAA", back),
        ]

    def _addr(self, row: dict[str, str], code: str, action: str, on: date) -> dict[str, str]:
        new = self._new() if action == "mailed_new" else dict.fromkeys(self._new(), "")
        return {"mailpiece_id": row["mailpiece_id"], "ncoa_rc": code, "move_type": "I",
                "move_date": on.strftime("%Y%m"), **new, "dpv": "Y" if action == "mailed_new" else "",
                "dpv_fn": "", "cmra": "", "vacant": "", "lacs": "", "action": action,
                "processed_on": on.isoformat()}  # fmt: skip

    def _new(self) -> dict[str, str]:
        return {"new_delivery": f"{self.lot.randint(1, 9999)} ELSEWHERE RD", "new_city": "ODENTON",
                "new_state": "MD", "new_zip5": "21113", "new_zip4": ""}  # fmt: skip

    @staticmethod
    def _drop(row: dict[str, str], on: date) -> dict[str, str]:
        return {"mailpiece_id": row["mailpiece_id"], "drop_date": on.isoformat(), "facility": "BALTIMORE",
                "imb": "", "postage_statement_id": f"PS-{on:%m%d}", "spoiled_reprint_count": "0"}  # fmt: skip

    def _back(self, row: dict[str, str], on: date) -> dict[str, str]:
        code = self.lot.choice(_BACK)
        found = code == "UTF" and self.lot.random() < 0.5
        new = self._new() if found else dict.fromkeys(self._new(), "")
        return {"mailpiece_id": row["mailpiece_id"], "event_date": on.isoformat(), "channel": "ACS",
                "nixie_class": code, **new, "image_ref": ""}  # fmt: skip

    def _ack(self, batch: Path, rows: list[dict[str, str]], on: date) -> Path:
        listed = json.loads((batch / "manifest.json").read_text())["files"]
        mail = next(f for f in listed if f["name"] == "MAIL_v1.csv")
        pieces = [row["letter_version"] for row in rows if row["is_seed"] == "N"]
        lines = [
            {"file": f"{batch.name}/MAIL_v1.csv", "sha256": mail["sha256"], "rows_read": str(len(rows)),
             "rows_rejected": "0", "letter_version": version, "letter_count": str(pieces.count(version)),
             "received_at": f"{on.isoformat()}T12:00:00Z", "operator": "J. Doe"}
            for version in sorted(set(pieces))
        ]  # fmt: skip
        assert hashlib.sha256((batch / "MAIL_v1.csv").read_bytes()).hexdigest() == mail["sha256"]
        (path,) = self._write("ACK", lines)
        return path

    def _write(self, kind: str, rows: Iterable[dict[str, str]]) -> list[Path]:
        lines = list(rows)
        if not lines:
            return []
        self.files += 1
        path = self.folder / f"{kind}-{self.files:03d}.csv"
        with path.open("w", encoding="utf-8", newline="") as handle:
            writer = csv.DictWriter(handle, list(lines[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(lines)
        return [path]
