"""The page of practice names: who is meant by a name that resolves to nobody, or to several, with what hangs on it."""

from __future__ import annotations

from secrets import token_hex
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from flows.workbench.desk import Desk
from matching.errors import OperatorError
from matching.owners.decided_names import NOBODY
from matching.review.practices import PracticeName, Practices

__all__ = ["routes"]

_SEE_OTHER = 303
_AT_ONCE = 20
"""Names on a page: those with most people; the rest come up as these are decided."""


def routes(desk: Desk) -> list[Route]:
    """The page and its form, for whoever may review."""
    page = _Pages(desk)
    return [Route("/names", page.names), Route("/names/decide", page.decide, methods=["POST"])]


class _Pages:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def names(self, request: Request) -> Response:
        self._desk.require(request, "review")
        reviewing = self._desk.reviewing
        reviewing.begin()
        practices = reviewing.practices
        if practices is None:
            return self._desk.page(
                request, "review_loading.html", title="Practice names", failed=reviewing.failed
            )
        waiting = practices.waiting()
        rows = await run_in_threadpool(_rows, practices, waiting[:_AT_ONCE])
        return self._desk.page(
            request, "names.html", title="Practice names", rows=rows, waiting=len(waiting),
            people=sum(name.people for name in waiting), decided=_decided(practices),
            entities=sorted((name, place, one) for one, (name, place) in practices.entities.items()),
            told=self._desk.told(request), once=token_hex(8), nobody=NOBODY,
        )  # fmt: skip

    async def decide(self, request: Request) -> Response:
        """One decision holds for all rows of that name and place."""
        by = self._desk.require(request, "review")
        form = await self._desk.form(request)
        practices = self._desk.reviewing.practices
        if practices is None:
            raise OperatorError("still loading; try again in a moment")
        name = next((n for n in practices.names if str(n.record) == form.get("record")), None)
        entity = form.get("other") or form.get("entity", "")
        if name is None or (entity != NOBODY and entity not in practices.entities):
            self._desk.tell(request, "Choose a practice, or that it is none of the roster.")
            return RedirectResponse("/names", _SEE_OTHER)
        await run_in_threadpool(
            self._decide, practices, name, entity, by=by, note=form.get("note", "").strip(),
            once=form.get("once", ""),
        )  # fmt: skip
        self._desk.tell(request, f"Recorded for {name.rows:,} rows; the next run applies it.")
        return RedirectResponse("/names", _SEE_OTHER)

    def _decide(
        self,
        practices: Practices,
        name: PracticeName,
        entity: str,
        *,
        by: str,
        note: str,
        once: str,
    ) -> None:
        known = practices.decided.get(name.name_place)
        act = self._desk.reviewing.answers.name_practice(
            name.record, entity, by=by, note=note, once=f"{once}:{name.record}",
            supersedes=known[1] if known else None,
        )  # fmt: skip
        found = None if entity == NOBODY else entity
        practices.decided[name.name_place] = (found, f"{act}-0", by)


def _rows(practices: Practices, names: list[PracticeName]) -> list[dict[str, Any]]:
    candidates = practices.candidates(names)
    return [{"name": name, "candidates": candidates[name.name_place]} for name in names]


def _decided(practices: Practices) -> list[dict[str, Any]]:
    by_place = {name.name_place: name for name in practices.names}
    return [
        {"text": by_place[place].text, "record": by_place[place].record, "by": by}
        | {"entity": practices.entities.get(entity or "", ("no practice of the roster", ""))[0]}
        for place, (entity, _, by) in practices.decided.items()
        if place in by_place
    ]
