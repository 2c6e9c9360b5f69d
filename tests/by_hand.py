"""Small matching tables written by hand, for tests of several kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from matching.store import Workspace
from matching.tables import ROLE_NUMBER, TABLES

LEAK_FILE, MASTER_FILE = 1, 2
_STD_DATES = ("address_as_of", "deceased_on", "last_visit_on")


@dataclass
class ByHand:
    """A workspace whose matching tables are typed in a test; records go by short names.

    Leaked records are rows of file 1, charts rows of file 2, both in the order given.
    """

    workspace: Workspace
    ids: dict[str, int] = field(default_factory=dict)
    places: dict[str, tuple[str, int, str]] = field(default_factory=dict)

    def names(self, ids: Sequence[int]) -> list[str]:
        back = {number: name for name, number in self.ids.items()}
        return [back[number] for number in ids]

    def write(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        frame = pl.DataFrame(list(rows), infer_schema_length=None) if rows else pl.DataFrame()
        table = TABLES[name]
        self.workspace.write(name, table.complete(frame) if rows else table.empty())

    def records(
        self,
        leaked: Mapping[str, Mapping[str, Any]],
        charts: Mapping[str, Mapping[str, Any]] | None = None,
        alike: Sequence[Sequence[str]] = (),
    ) -> None:
        """Write leaked, charts, both cleaned tables, identities and the inbox's files."""
        self._files()
        self._side("leaked", "mention_id", LEAK_FILE, leaked)
        self._side("charts", "chart_id", MASTER_FILE, charts or {})
        self.write("passages", [])
        first = {name: min(self.ids[n] for n in group) for group in alike for name in group}
        included = [n for n, row in leaked.items() if not row.get("exclusion")]
        self.write(
            "identities",
            [
                {"mention_id": self.ids[n], "identity_id": first.get(n, self.ids[n])}
                for n in included
            ],
        )

    def pairs(
        self,
        pairs: Sequence[tuple[str, str, float]],
        *,
        reasons: str | Sequence[str] = "rule",
        guarded: Mapping[str, str] | None = None,
    ) -> None:
        """(left, right, bits): kind, band and probability follow. `guarded`: `left-right` -> guards.

        `reasons`: of all pairs, or of each.
        """
        rows = []
        each = [reasons] * len(pairs) if isinstance(reasons, str) else reasons
        for (one, other, bits), rules in zip(pairs, each, strict=True):
            left, right = sorted((self.ids[one], self.ids[other]))
            sides = [number >> 40 == LEAK_FILE for number in (left, right)]
            kind = {2: "leaked_leaked", 1: "leaked_master", 0: "master_master"}[sum(sides)]
            rows.append(
                {
                    "kind": kind,
                    "left": left,
                    "right": right,
                    "vector": 0,
                    "tf_bits": 0.0,
                    "match_weight": float(bits),
                    "probability": 2.0**bits / (1 + 2.0**bits),
                    "band": "match" if bits >= 10 else "review" if bits >= 0 else "no",
                    "reasons": ";".join(
                        [rules, *((guarded or {}).get(f"{one}-{other}", "").split() or [])]
                    ),
                }
            )
        self.write("pairs", rows)

    def decide(self, *decisions: tuple[str, str, str]) -> None:
        """(one, other, value)."""
        rows = []
        for number, (one, other, value) in enumerate(decisions):
            left, right = self.places[one], self.places[other]
            rows.append(
                {
                    "decision_id": f"d{number}",
                    "subject": "pair",
                    "left_file_sha256": left[0],
                    "left_row_no": left[1],
                    "left_role": left[2],
                    "right_file_sha256": right[0],
                    "right_row_no": right[1],
                    "right_role": right[2],
                    "value": value,
                    "recorded_at": datetime(2026, 1, 1, 0, number, tzinfo=UTC),
                }
            )
        self.workspace.append("decisions", TABLES["decisions"].complete(pl.DataFrame(rows)))

    def table(self, name: str) -> list[dict[str, Any]]:
        return self.workspace.read(name).to_dicts()

    def persons(self) -> list[list[str]]:
        """Members of each person, by name, sorted."""
        members = self.workspace.read("members")
        groups = members.group_by("person_id").agg(pl.col("mention_id").sort())
        return sorted(sorted(self.names(ids)) for ids in groups["mention_id"].to_list())

    def person_of(self, name: str) -> str:
        members = self.workspace.read("members")
        return str(members.filter(pl.col("mention_id") == self.ids[name])["person_id"].item())

    def _files(self) -> None:
        rows = [
            {"file_no": number, "file_sha256": f"{number:064x}", "bytes": 1}
            | {"recorded_at": datetime(2026, 1, 1, tzinfo=UTC)}
            for number in (LEAK_FILE, MASTER_FILE)
        ]
        self.workspace.append("files", TABLES["files"].complete(pl.DataFrame(rows)))

    def _side(
        self, table: str, key: str, file_no: int, records: Mapping[str, Mapping[str, Any]]
    ) -> None:
        raw, std = [], []
        for row_no, (name, values) in enumerate(records.items()):
            role = str(values.get("role", "patient")) if table == "leaked" else "chart"
            number = file_no * 2**40 + row_no * 8 + ROLE_NUMBER.get(role, 0)
            self.ids[name] = number
            self.places[name] = (f"{file_no:064x}", row_no, role)
            place = {key: number, "record_id": name, "file_no": file_no, "row_no": row_no}
            raw.append(place | {k: _as_text(v) for k, v in values.items()} | {"role": role})
            if not values.get("exclusion"):
                flags = {"deceased": False, "confidential": False}
                zip5 = {"zip5": values["zip"]} if "zip" in values else {}
                std.append({key: number} | flags | zip5 | _std(values))
        self.write(table, raw)
        self.write(f"{table}_std", std)


def _as_text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _std(values: Mapping[str, Any]) -> dict[str, Any]:
    cleaned = {k: _as_text(v) if k == "date_of_birth" else v for k, v in values.items()}
    for name in _STD_DATES:
        if isinstance(cleaned.get(name), str):
            cleaned[name] = date.fromisoformat(cleaned[name])
    return cleaned


@pytest.fixture
def by_hand(tmp_path: Path) -> Callable[[], ByHand]:
    """Make workspaces to fill by hand."""
    made = []

    def make() -> ByHand:
        root = tmp_path / f"ws{len(made)}"
        workspace, _ = Workspace.create(
            root, incident_id="by-hand", synthetic=True, key_file=tmp_path / "key.json"
        )
        made.append(ByHand(workspace))
        return made[-1]

    return make
