"""The thresholds page: the whole incident at any thresholds, level weights, and the curves beside them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import polars as pl
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from flows.workbench.bench import Edits
from flows.workbench.charts import charts
from flows.workbench.desk import Desk
from flows.workbench.weights import levels_shown
from matching.errors import OperatorError
from matching.link.settings import FLOOR_BELOW_INCLUDE_BITS, Matching
from matching.tuning import Numbers, Thresholds
from matching.tuning.changes import HIGHEST_BITS

__all__ = ["routes"]

_SEE_OTHER = 303
_SHOWN_CHANGES = 25
"""Entities whose side of a line changes: the largest are shown, the others counted."""
_NUMBERS = ("confirmed", "expected", "upper")


def routes(desk: Desk) -> list[Route]:
    """Looking is for everybody who entered; weights and scenarios are a lead's."""
    page = _Pages(desk)
    return [
        Route("/thresholds", page.whole),
        Route("/thresholds/numbers", page.numbers),
        Route("/thresholds/charts", page.charts),
        Route("/thresholds/weights", page.weights),
        Route("/thresholds/weights/edit", page.edit, methods=["POST"]),
        Route("/thresholds/weights/undo", page.undo, methods=["POST"]),
    ]


class _Pages:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._trials = desk.trials

    @cached_property
    def _names(self) -> dict[str, str]:
        return dict(self._desk.workspace.read("entities", ["entity_id", "legal_name"]).iter_rows())

    async def whole(self, request: Request) -> Response:
        by = self._desk.require(request)
        at = asked(request.query_params, self._desk.round.incident.matching)
        edits = self._trials.of(by)
        context = await run_in_threadpool(self._context, at, edits)
        return self._desk.page(
            request, "thresholds.html", title="Thresholds", told=self._desk.told(request),
            sliders=_sliders(at, self._desk.round.incident.matching), edited=len(edits), **context,
        )  # fmt: skip

    async def numbers(self, request: Request) -> Response:
        by = self._desk.require(request)
        at = asked(request.query_params, self._desk.round.incident.matching)
        context = await run_in_threadpool(self._context, at, self._trials.of(by))
        return self._desk.page(request, "numbers.html", **context)

    async def charts(self, request: Request) -> Response:
        self._desk.require(request)
        return JSONResponse(await run_in_threadpool(charts, self._desk))

    async def weights(self, request: Request) -> Response:
        by = self._desk.require(request)
        levels = await run_in_threadpool(
            levels_shown, self._desk.workspace, self._desk.bench.matching, self._trials.of(by)
        )
        return self._desk.page(
            request, "weights.html", title="Level weights", levels=levels, told=self._desk.told(request),
            edited=len(self._trials.of(by)), undoable=self._trials.undoable(by), bench=self._desk.bench,
            counted=self._desk.bench.counted(self._trials.of(by)),
        )  # fmt: skip

    async def edit(self, request: Request) -> Response:
        by = self._desk.require(request, "approve")
        fields = await self._desk.form(request)
        edits = await run_in_threadpool(_edits_in, self._desk, fields, self._trials.of(by))
        self._trials.put(by, edits)
        return self._counted(request, edits)

    async def undo(self, request: Request) -> Response:
        by = self._desk.require(request, "approve")
        fields = await self._desk.form(request)
        edits = self._trials.undo(by, every=fields.get("every") == "on")
        return self._counted(request, edits)

    def _counted(self, request: Request, edits: Edits) -> Response:
        if self._desk.bench.ready:
            self._desk.bench.count(edits)
        return RedirectResponse("/thresholds/weights", _SEE_OTHER)

    def _context(self, at: Thresholds, edits: Edits) -> dict[str, Any]:
        """What `numbers.html` needs; `waiting` says why there is nothing yet."""
        bench = self._desk.bench
        run = bench.of_run
        waiting = ""
        found: Numbers | None = None
        if bench.ready and not bench.counted(edits):
            bench.count(edits)
        try:
            found = bench.numbers(at, edits)
        except OperatorError as error:
            waiting = bench.failed or str(error)
        return {
            "numbers": found, "run": run, "waiting": waiting, "failed": bench.failed, "at": at,
            "changed": _changed(found, run, self._names) if found is not None and found is not run else None,
        }  # fmt: skip


def asked(query: Mapping[str, str], matching: Matching) -> Thresholds:
    """Thresholds of an address, the round's where it names none. Raises OperatorError where they are out of order."""
    own = Thresholds.of(matching)
    values = {}
    for name in ("include", "merge", "attribute"):
        given = query.get(name, "")
        try:
            values[name] = float(given) if given else getattr(own, f"{name}_at_bits")
        except ValueError:
            raise OperatorError(f"{name}: give bits, such as 5.5") from None
    lowest = matching.floor_bits + FLOOR_BELOW_INCLUDE_BITS
    if not lowest <= values["include"] < values["merge"] <= values["attribute"] <= HIGHEST_BITS:
        raise OperatorError(
            f"thresholds: include from {lowest:g} bits on, below merge, that not above attribute,"
            f" that at most {HIGHEST_BITS:g}"
        )
    return Thresholds(values["include"], values["merge"], values["attribute"])


def _sliders(at: Thresholds, matching: Matching) -> list[dict[str, Any]]:
    lowest = matching.floor_bits + FLOOR_BELOW_INCLUDE_BITS
    told = (
        ("include", "Include", at.include_at_bits, "perhaps the same person: told, and reviewed"),
        ("merge", "Merge", at.merge_at_bits, "one person: one notice"),
        (
            "attribute",
            "Attribute",
            at.attribute_at_bits,
            "a chart alone gives its entity to a leaked row",
        ),
    )
    return [
        {"name": name, "label": label, "value": value, "words": words, "least": lowest, "most": HIGHEST_BITS,
         "run": getattr(matching, f"{name}_at_bits")}
        for name, label, value, words in told
    ]  # fmt: skip


def _changed(found: Numbers, run: Numbers, names: Mapping[str, str]) -> dict[str, Any]:
    """Entities, and entities in a state, that are on another side of a line than in the round."""
    keys = ["entity_id", "state"]
    both = found.passing.join(
        run.passing, on=keys, how="full", coalesce=True, nulls_equal=True, suffix="_run"
    )  # few of all rows pass any line
    both = both.with_columns(pl.selectors.boolean().fill_null(value=False))
    differs = pl.any_horizontal(pl.col(name) != pl.col(f"{name}_run") for name in _NUMBERS)
    moved = both.with_columns(people=pl.max_horizontal("people", "people_run")).filter(differs)
    moved = moved.sort("people", *keys, descending=[True, False, False], nulls_last=True)
    rows = [
        {
            "name": names.get(row["entity_id"], row["entity_id"]), "state": row["state"] or "all states",
            "sides": [(row[name], row[f"{name}_run"]) for name in _NUMBERS], "people": row["people"] or 0,
        }
        for row in moved.head(_SHOWN_CHANGES).iter_rows(named=True)
    ]  # fmt: skip
    return {"rows": rows, "others": moved.height - len(rows)}


def _edits_in(desk: Desk, fields: Mapping[str, str], before: Edits) -> Edits:
    """The edits with those of a form. Raises OperatorError naming the level of what is no number."""
    known = {
        (level["comparison"], level["code"]): level
        for level in levels_shown(desk.workspace, desk.bench.matching, before)
    }
    edits = {(name, code): bits for name, code, bits in before}
    for field, given in fields.items():
        name, _, code = field.rpartition(":")
        if not code.isdecimal() or (name, int(code)) not in known:
            continue
        try:
            bits = float(given)
        except ValueError:
            raise OperatorError(f"{name}, level {code}: give bits, such as -4.2") from None
        if not -60 <= bits <= 60:
            raise OperatorError(f"{name}, level {code}: bits from -60 to 60")
        model = known[name, int(code)]["model_bits"]
        if abs(bits - model) < 0.005:  # as shown, with two decimals
            edits.pop((name, int(code)), None)
        else:
            edits[name, int(code)] = bits
    return tuple(sorted((name, code, bits) for (name, code), bits in edits.items()))
