"""What review needs beside the tables typed by hand: the inventory, and settings of the people step."""

from __future__ import annotations

from datetime import date

from matching import people
from tests.by_hand import ByHand

__all__ = ["SETTINGS", "with_inventory"]

SETTINGS = people.PeopleSettings(merge_at_bits=10, include_at_bits=0, as_of=date(2026, 3, 20))


def with_inventory(made: ByHand) -> None:
    """One leaked file and one of charts, as `by_hand` numbers them."""
    file = {"format": "csv", "secured": "no", "columns": "", "unmapped": "", "bytes": 1}
    made.write(
        "inventory",
        [
            file | {"position": n, "side": side, "path": path, "file_no": n + 1}
            | {"file_sha256": f"{n + 1:064x}", "rows": 2, "parsed": 2, "rejected": 0}
            | {"content": "f", "guessed": 0, "date_order": "mdy"}
            for n, (side, path) in enumerate([("leaked", "leak.csv"), ("master", "m.csv")])
        ],
    )  # fmt: skip
