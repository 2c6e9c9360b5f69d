"""Scenarios at the desk: put aside, compared side by side, approved into the next round."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

import flows.scenarios
from flows.workbench.desk import Desk
from flows.workbench.thresholds import asked
from matching.errors import OperatorError
from matching.scenarios import Scenario
from matching.tuning import Numbers, Thresholds

__all__ = ["routes"]

_SEE_OTHER = 303
_ROWS = (
    ("include_at_bits", "include, bits", 1), ("merge_at_bits", "merge, bits", 1),
    ("attribute_at_bits", "attribute, bits", 1), ("weights", "level weights changed", 0),
    ("confirmed", "people confirmed", 0), ("expected", "people expected", 0), ("upper", "people at most", 0),
    ("entities", "entities with 500 or more (expected)", 0), ("states", "states with more than 500 (expected)", 0),
    ("review_hours", "review, hours", 1), ("missed", "people missed", 1), ("wrong_letters", "wrong letters", 1),
    ("duplicate_letters", "second letters", 1), ("cost", "cost", 0),
)  # fmt: skip
"""What is compared: name, words, decimals."""


def routes(desk: Desk) -> list[Route]:
    """Comparing is for everybody who entered; the rest is a lead's."""
    page = _Pages(desk)
    return [
        Route("/scenarios", page.whole),
        Route("/scenarios/save", page.save, methods=["POST"]),
        Route("/scenarios/approve", page.approve, methods=["POST"]),
        Route("/scenarios/withdraw", page.withdraw, methods=["POST"]),
    ]


def numbers_of(found: Numbers) -> dict[str, float]:
    """What a scenario keeps of its numbers."""
    union, lines = found.union, found.lines
    return {
        **{name: union[name] for name in ("confirmed", "expected", "expected_low", "expected_high", "upper")},
        "entities": float(lines["expected"][0]), "states": float(lines["expected"][2]),
        "review_hours": found.review_hours, "missed": found.missed.value, "cost": found.cost.value,
        "wrong_letters": found.wrong_letters.value, "duplicate_letters": found.duplicate_letters.value,
    }  # fmt: skip


class _Pages:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def whole(self, request: Request) -> Response:
        self._desk.require(request)
        columns = await run_in_threadpool(self._columns)
        return self._desk.page(
            request, "scenarios.html", title="Scenarios", told=self._desk.told(request), columns=columns, rows=_ROWS,
        )  # fmt: skip

    async def save(self, request: Request) -> Response:
        by = self._desk.require(request, "approve")
        fields = await self._desk.form(request)
        await run_in_threadpool(self._save, by, fields)
        self._desk.tell(request, f"Put aside: {fields.get('name', '')}.")
        return RedirectResponse("/scenarios", _SEE_OTHER)

    async def approve(self, request: Request) -> Response:
        by, fields = await self._chosen(request)
        await run_in_threadpool(
            lambda: flows.scenarios.approve(
                self._desk.workspace, self._desk.round.incident, fields.get("fact", ""), by=by,
                note=fields.get("note", ""), recorded_at=datetime.now(UTC),
            )
        )  # fmt: skip
        self._desk.tell(request, "Approved: the next `affected run` takes it.")
        return RedirectResponse("/scenarios", _SEE_OTHER)

    async def withdraw(self, request: Request) -> Response:
        by, fields = await self._chosen(request)
        await run_in_threadpool(
            lambda: flows.scenarios.withdraw(
                self._desk.workspace, self._desk.round.incident, fields.get("fact", ""), by=by,
                recorded_at=datetime.now(UTC),
            )
        )  # fmt: skip
        self._desk.tell(request, "Withdrawn.")
        return RedirectResponse("/scenarios", _SEE_OTHER)

    async def _chosen(self, request: Request) -> tuple[str, Mapping[str, str]]:
        by = self._desk.require(request, "approve")
        return by, await self._desk.form(request)

    def _save(self, by: str, fields: Mapping[str, str]) -> None:
        matching = self._desk.bench.matching
        at, edits = asked(fields, matching), self._desk.trials.of(by)
        found = self._desk.bench.numbers(at, edits)  # raises where they are not counted yet
        model = self._desk.workspace.digest("model")
        if model is None:
            raise OperatorError("scenario: no model yet; run the incident first")
        whole = {(name, code): bits for name, code, bits in (*matching.edits, *edits)}
        scenario = Scenario(
            name=fields.get("name", "").strip(), include_at_bits=at.include_at_bits,
            merge_at_bits=at.merge_at_bits, attribute_at_bits=at.attribute_at_bits,
            edits=tuple(sorted((name, code, bits) for (name, code), bits in whole.items())),
            model=model, author=by, note=fields.get("note", "").strip(), exact=found.exact,
            numbers=numbers_of(found),
        )  # fmt: skip
        flows.scenarios.put_aside(
            self._desk.workspace, self._desk.round.incident, scenario, recorded_at=datetime.now(UTC)
        )

    def _columns(self) -> list[dict[str, Any]]:
        """The round, and each scenario: what is compared, by name."""
        desk, approved = self._desk, flows.scenarios.approved(self._desk.workspace)
        run, at = desk.bench.of_run, Thresholds.of(desk.bench.matching)
        columns: list[dict[str, Any]] = [{
            "title": f"round {desk.round.number}", "author": "", "note": "as it ran", "fact": "", "digest": "",
            "exact": True, "approved": approved is None, "saved_at": "",
            "values": {**numbers_of(run), "include_at_bits": at.include_at_bits, "merge_at_bits": at.merge_at_bits,
                       "attribute_at_bits": at.attribute_at_bits, "weights": len(desk.bench.matching.weights)},
        }]  # fmt: skip
        chosen = flows.scenarios.saved(desk.workspace)
        standing = approved.scenario.digest if approved else None
        if approved and standing not in {one.scenario.digest for one in chosen}:
            chosen = [*chosen, approved]
        for one in chosen:
            scenario = one.scenario
            same = scenario.digest == standing
            columns.append({
                "title": scenario.name, "author": one.by, "note": scenario.note, "fact": one.fact_id,
                "digest": scenario.digest, "exact": scenario.exact, "approved": same,
                "approval": approved.fact_id if approved and same else "",
                "saved_at": f"{one.recorded_at:%Y-%m-%d %H:%M} UTC",
                "values": {**scenario.numbers, "include_at_bits": scenario.include_at_bits,
                           "merge_at_bits": scenario.merge_at_bits, "attribute_at_bits": scenario.attribute_at_bits,
                           "weights": len(scenario.edits)},
            })  # fmt: skip
        return columns
