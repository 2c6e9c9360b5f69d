"""Pages of review: the pair before a reviewer, a group to split or merge, and how far reviewers agree.

Ids of records travel in the body of forms, never in an address. Every form bears a one-time number, so that one sent
twice is one answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from secrets import token_hex
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from flows.workbench.desk import Desk
from flows.workbench.reviewing import Reviewing, fewest_merges, fewest_splits
from matching.errors import OperatorError
from matching.review.answers import Pair, pair_of
from matching.review.masks import masked
from matching.review.queue import Asked
from matching.review.shown import Shown

__all__ = ["routes"]

_SEE_OTHER = 303
_WHY = {
    "line": "A legal line hangs on this answer.",
    "interval": "One of the sample that narrows the intervals.",
    "band": "From the review band, the most doubtful first.",
    "second": "From the review band, the most doubtful first.",  # blind: as any other
    "again": "You chose this pair again.",
    "adjudicate": "Two reviewers disagree: your answer stands.",
}
_MARKS = {"equal": "=", "alike": "≈", "different": "≠", "missing": "·"}
_BAR_BITS = 16.0
"""Bits at which a bar of the waterfall is full."""
_BAR_WIDTH = 100


def routes(desk: Desk) -> list[Route]:
    """The pages, for whoever may review; a viewer is refused by name of the right."""
    page = _Pages(desk)
    return [
        Route("/review", page.pair),
        Route("/review/answer", page.answer, methods=["POST"]),
        Route("/review/undo", page.undo, methods=["POST"]),
        Route("/review/next", page.skip, methods=["POST"]),
        Route("/review/reveal", page.reveal, methods=["POST"]),
        Route("/review/choose", page.choose, methods=["POST"]),
        Route("/review/group", page.group, methods=["POST"]),
        Route("/review/group/decide", page.decide_group, methods=["POST"]),
        Route("/review/agreement", page.agreement),
    ]


class _Pages:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @property
    def _reviewing(self) -> Reviewing:
        return self._desk.reviewing

    async def pair(self, request: Request) -> Response:
        by = self._desk.require(request, "review")
        self._reviewing.begin()
        return await self._pair(request, by)

    async def answer(self, request: Request) -> Response:
        by, form = await self._form(request)
        told = f"Recorded: {form.get('value', '')}."
        try:
            await run_in_threadpool(
                self._reviewing.answer, by, _pair_in(form), form.get("value", ""),
                note=form.get("note", "").strip(), once=form.get("once", ""),
            )  # fmt: skip
        except OperatorError as error:
            told = str(error)
        return await self._after(request, by, told)

    async def undo(self, request: Request) -> Response:
        by, form = await self._form(request)
        told = "Taken back. Decide again, or go on."
        try:
            await run_in_threadpool(self._reviewing.undo, by, once=form.get("once", ""))
        except OperatorError as error:
            told = str(error)
        return await self._after(request, by, told)

    async def skip(self, request: Request) -> Response:
        by, form = await self._form(request)
        self._reviewing.queue.skip(by, _pair_in(form))
        return await self._after(request, by, "Put aside: it comes again when all else is done.")

    async def reveal(self, request: Request) -> Response:
        by, form = await self._form(request, right="reveal")
        if form.get("every") == "off":
            self._reviewing.mask_again(by)
            return await self._after(request, by, "Masked again.")
        shown = await run_in_threadpool(self._reviewing.showing.pair, _pair_in(form))
        every = True if form.get("every") == "on" else None
        await run_in_threadpool(self._reviewing.reveal, by, shown, every=every)
        return await self._after(request, by, "Revealed; the audit log says so.")

    async def choose(self, request: Request) -> Response:
        """One pair again, or a disagreement: a third person's or a lead's."""
        by, form = await self._form(request)
        why = "adjudicate" if form.get("why") == "adjudicate" else "again"
        pair = _pair_in(form)
        if why == "adjudicate" and not self._may_settle(request, by, pair):
            return await self._after(
                request, by, "You are one of the two: somebody else settles it."
            )
        self._reviewing.choose(by, pair, why)
        return RedirectResponse("/review", _SEE_OTHER)

    async def group(self, request: Request) -> Response:
        by, form = await self._form(request)
        return await self._group(request, by, _pair_in(form))

    async def decide_group(self, request: Request) -> Response:
        by, form = await self._form(request)
        try:
            told = await run_in_threadpool(self._decide_group, by, form)
        except OperatorError as error:
            return await self._group(request, by, _pair_in(form), told=str(error))
        return await self._after(request, by, told)

    async def agreement(self, request: Request) -> Response:
        by = self._desk.require(request, "review")
        if not self._reviewing.ready:
            return self._loading(request)
        found, open_ones = await run_in_threadpool(self._reviewing.agreed)
        mine = [one for one in open_ones if self._may_settle(request, by, one.pair)]
        return self._desk.page(
            request, "agreement.html", title="Agreement", found=found,
            disagreements=mine, others=len(open_ones) - len(mine), once=token_hex(8),
        )  # fmt: skip

    # --- inside -----------------------------------------------------------------------------

    async def _form(self, request: Request, right: str = "review") -> tuple[str, Mapping[str, str]]:
        by = self._desk.require(request, right)
        return by, await self._desk.form(request)

    async def _after(self, request: Request, by: str, told: str) -> Response:
        """The next pair: a piece of the page for the script, else the page itself by way of its address."""
        if request.headers.get("x-piece") == "1":
            return await self._pair(request, by, told=told, piece=True)
        self._desk.tell(request, told)
        return RedirectResponse("/review", _SEE_OTHER)

    async def _pair(
        self, request: Request, by: str, *, told: str = "", piece: bool = False
    ) -> Response:
        if not self._reviewing.ready:
            return self._loading(request)
        before = await run_in_threadpool(self._reviewing.before, by)
        left = self._reviewing.queue.left()
        shared: dict[str, Any] = {
            "told": told or self._desk.told(request),
            "left": left,
            "once": token_hex(8),
        }
        template = "pair.html" if piece else "review.html"
        if before is None:
            return self._desk.page(request, template, title="Review", shown=None, **shared)
        asked, shown = before
        plain = self._reviewing.may_see(by, shown)
        return self._desk.page(
            request, template, title="Review", shown=shown, asked=asked, plain=plain,
            why=_WHY[asked.why], line=self._line(asked), rows=_rows(shown, plain=plain),
            bars=_bars(shown), members=_members(shown, plain=plain), said=self._said(asked),
            may_reveal=self._desk.may(request, "reveal"), every=self._reviewing.reveals_every(by),
            **shared,
        )  # fmt: skip

    def _loading(self, request: Request) -> Response:
        return self._desk.page(
            request, "review_loading.html", title="Review", failed=self._reviewing.failed
        )

    def _line(self, asked: Asked) -> dict[str, Any] | None:
        if asked.line is None:
            return None
        practices = self._reviewing.practices
        known = practices.entities.get(asked.line.entity_id) if practices else None
        name = known[0] if known else asked.line.entity_id
        return {"name": name, "state": asked.line.state, "at_least": asked.line.at_least}

    def _said(self, asked: Asked) -> list[dict[str, str]]:
        """What two reviewers said, to whoever settles it; to nobody else."""
        if asked.why != "adjudicate":
            return []
        return [
            {"by": by, "value": value, "note": note}
            for one in self._reviewing.agreed()[1] if one.pair == asked.pair
            for by, value, note in (
                (one.first_by, one.first, one.first_note),
                (one.second_by, one.second, one.second_note),
            )
        ]  # fmt: skip

    def _may_settle(self, request: Request, by: str, pair: Pair) -> bool:
        """A third person may, and a lead."""
        if self._desk.may(request, "approve"):
            return True
        both = [one for one in self._reviewing.agreed()[1] if one.pair == pair]
        return bool(both) and by not in (both[0].first_by, both[0].second_by)

    async def _group(self, request: Request, by: str, pair: Pair, *, told: str = "") -> Response:
        showing = self._reviewing.showing
        persons = sorted({showing.person(record) for record in pair} - {""})
        try:
            members = await run_in_threadpool(showing.group, persons)
        except OperatorError as error:
            return await self._after(request, by, str(error))
        shown = await run_in_threadpool(showing.pair, pair)
        plain = self._reviewing.may_see(by, shown)
        rows = [_member(member, plain=plain) for member in members]
        return self._desk.page(
            request, "group.html", title="Split or merge", pair=pair, rows=rows,
            persons=persons, told=told, once=token_hex(8),
        )  # fmt: skip

    def _decide_group(self, by: str, form: Mapping[str, str]) -> str:
        showing = self._reviewing.showing
        chosen = [int(one) for one in form.get("chosen", "").split(",") if one.isdecimal()]
        person = {record: showing.person(record) for record in chosen}
        if form.get("value") == "merge":
            decisions = fewest_merges(chosen, person)
        else:
            if len(set(person.values())) != 1:
                raise OperatorError("to split, choose records of one person")
            every = [m.record for m in showing.group(list(set(person.values())))]
            rest = [record for record in every if record not in person]
            decisions = fewest_splits(chosen, rest, showing.linked(every))
        self._reviewing.answers.answer_all(
            decisions, by=by, note=form.get("note", "").strip(), once=form.get("once", "")
        )
        return f"Recorded as {len(decisions)} decisions; the next run makes it so."


def _pair_in(form: Mapping[str, str]) -> Pair:
    try:
        return pair_of(int(form["left"]), int(form["right"]))
    except (KeyError, ValueError):
        raise OperatorError("the form names no pair; open the page again") from None


def _rows(shown: Shown, *, plain: bool) -> list[dict[str, Any]]:
    """Fields side by side; what was cleaned is said where it is not what was delivered."""
    rows = []
    for field in shown.fields:
        given = [value if plain else masked(field.name, value) for value in field.given]
        clean = [value if plain else masked(field.name, value) for value in field.cleaned]
        same = [(g or "").upper() == (c or "").upper() for g, c in zip(given, clean, strict=True)]
        rows.append({
            "label": field.label, "mark": field.mark, "sign": _MARKS[field.mark],
            "level": field.level, "given": given,
            "clean": [None if s else c for s, c in zip(same, clean, strict=True)],
        })  # fmt: skip
    return rows


def _bars(shown: Shown) -> list[dict[str, Any]]:
    """The waterfall: where the weight comes from, the prior first, each bar from where the last ended."""
    if shown.judged is None:
        return []
    told = [row for row in shown.judged["levels"] if row["level"] != "missing"]
    parts = [
        ("before anything was compared", "", shown.judged["prior_bits"]),
        *((row["comparison"].replace("_", " "), row["level"], row["bits"]) for row in told),
        ("how common the values are", "", shown.judged["term_frequency_bits"]),
    ]
    bars = []
    for name, level, bits in parts:
        width = min(abs(bits) / _BAR_BITS, 1.0) * _BAR_WIDTH
        left = _BAR_WIDTH if bits >= 0 else _BAR_WIDTH - width
        bars.append({
            "name": name, "level": level, "bits": f"{bits:+.1f}", "x": f"{left:.1f}",
            "width": f"{max(width, 0.5):.1f}", "sign": "for" if bits >= 0 else "against",
        })  # fmt: skip
    return bars


def _members(shown: Shown, *, plain: bool) -> list[dict[str, Any]]:
    ends = {end.person_id: side for end, side in zip(shown.ends, ("left", "right"), strict=True)}
    return [
        _member(member, plain=plain) | {"of": ends.get(member.person_id, "")}
        for member in shown.rest
    ]


def _member(member: Any, *, plain: bool) -> dict[str, Any]:
    name = member.name if plain else masked("first_name", member.name)
    born = member.born if plain else masked("date_of_birth", member.born or None)
    return {
        "record": member.record, "person": member.person_id, "side": member.side,
        "entity": member.entity, "name": name, "born": born or "", "flag": member.flag,
    }  # fmt: skip
