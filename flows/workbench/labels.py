"""The page of labels: decisions out and in as CSV, and m by labels, which becomes edits of weights for a scenario."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from flows.audit import audit
from flows.workbench.desk import Desk
from matching.decisions import take
from matching.errors import OperatorError
from matching.review.labels import Format, export
from matching.review.learned import Learned, card_text, learned

__all__ = ["CARD", "routes"]

_SEE_OTHER = 303
CARD = "model/labels.md"
"""Where the card of m by labels lies below `out/`: numbers and levels, no person's data."""


def routes(desk: Desk) -> list[Route]:
    """The page, its files and its forms."""
    page = _Pages(desk)
    return [
        Route("/labels", page.labels),
        Route("/labels/affected.csv", page.affected),
        Route("/labels/splink.csv", page.splink),
        Route("/labels/import", page.take, methods=["POST"]),
        Route("/labels/learn", page.learn, methods=["POST"]),
    ]


@dataclass
class _Pages:
    _desk: Desk
    _learned: Learned | None = None

    async def labels(self, request: Request) -> Response:
        self._desk.require(request, "review")
        reviewing = self._desk.reviewing
        reviewing.begin()
        if not reviewing.ready:
            return self._desk.page(
                request, "review_loading.html", title="Labels", failed=reviewing.failed
            )
        decided = reviewing.answers.decided().values()
        counts = dict.fromkeys(("match", "no", "unsure"), 0)
        for answer in decided:
            counts[answer.value] = counts.get(answer.value, 0) + 1
        return self._desk.page(
            request, "labels.html", title="Labels", counts=counts, learned=self._learned,
            may_learn=self._desk.may(request, "approve"), told=self._desk.told(request),
        )  # fmt: skip

    async def affected(self, request: Request) -> Response:
        return await self._file(request, "affected")

    async def splink(self, request: Request) -> Response:
        return await self._file(request, "splink")

    async def take(self, request: Request) -> Response:
        """Labels of a CSV, as `affected decide` takes them: whole or not at all."""
        by = self._desk.require(request, "review")
        form = await self._desk.form(request)
        try:
            taken = await run_in_threadpool(self._take, form.get("csv", ""), by)
            told = f"{taken} labels recorded."
        except OperatorError as error:
            told = str(error)
        self._desk.tell(request, told)
        return RedirectResponse("/labels", _SEE_OTHER)

    async def learn(self, request: Request) -> Response:
        """M by labels: kept as edits that a scenario may take over, and written on the model's card."""
        by = self._desk.require(request, "approve")
        await self._desk.form(request)
        try:
            await run_in_threadpool(self._learn, by)
            told = f"m re-estimated and on trial at Weights; the card lies in out/{CARD}."
        except OperatorError as error:
            told = str(error)
        self._desk.tell(request, told)
        return RedirectResponse("/labels", _SEE_OTHER)

    # --- inside -----------------------------------------------------------------------------

    async def _file(self, request: Request, form: Format) -> Response:
        by = self._desk.require(request, "review")
        reviewing = self._desk.reviewing
        reviewing.answers.refresh()
        data = await run_in_threadpool(export, reviewing.answers, form)
        rows = len(reviewing.answers.decided())
        await run_in_threadpool(audit, reviewing.workspace, "labels", by=by, form=form, rows=rows)
        name = f"attachment; filename=labels-{form}.csv"
        return Response(data, media_type="text/csv", headers={"content-disposition": name})

    def _take(self, text: str, by: str) -> int:
        if not text.strip():
            raise OperatorError("no labels: choose a CSV file or paste its text")
        workspace = self._desk.reviewing.workspace
        with (
            workspace.scratch() as folder,
            tempfile.NamedTemporaryFile(dir=folder, suffix=".csv") as file,
        ):
            Path(file.name).write_text(text, encoding="utf-8")
            try:
                taken = take(workspace, Path(file.name), by=by, recorded_at=datetime.now(UTC))
            except OperatorError as error:
                raise OperatorError(str(error).replace(f"{file.name}: ", "labels: ")) from None
        self._desk.reviewing.answers.refresh()
        return taken

    def _learn(self, by: str) -> None:
        workspace = self._desk.reviewing.workspace
        found = learned(workspace, self._desk.reviewing.matching)
        model = str(workspace.read("model")["name"][0])
        workspace.put_output(CARD, card_text(model, found).encode(), personal=False)
        audit(workspace, "learn", by=by, labels=found.labels, edits=len(found.edits))
        self._learned = found
        self._desk.trials.put(
            by, tuple(sorted((*ends, bits) for ends, bits in found.edits.items()))
        )
