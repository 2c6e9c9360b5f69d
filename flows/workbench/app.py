"""The web application: its pages by name, how one enters and leaves, what an error looks like."""

from __future__ import annotations

import logging

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from flows.workbench import labels, names, review, scenarios, thresholds
from flows.workbench.desk import LATER_S, Desk, Refused
from flows.workbench.guard import Guard
from flows.workbench.sessions import LONGEST_S
from matching.errors import OperatorError

__all__ = ["make_app"]

_PAGES = (thresholds, scenarios, review, names, labels)
_NAMED = (("/thresholds", "Thresholds"), ("/thresholds/weights", "Weights"), ("/scenarios", "Scenarios"),
          ("/review", "Review"), ("/names", "Practice names"), ("/labels", "Labels"))  # fmt: skip
"""Navigation, in this order, of those pages that are there."""
_SEE_OTHER = 303
log = logging.getLogger("affected.tune")


def make_app(desk: Desk) -> Starlette:
    """All routes of the workbench. What is heavy loads behind the first page."""
    door, errors = _Door(desk), _Errors(desk)
    app = Starlette(
        routes=[
            Route("/", door.home), Route("/favicon.ico", door.icon), Route("/enter/{token}", door.enter),
            Route("/leave", door.leave, methods=["POST"]),
            *(route for page in _PAGES for route in page.routes(desk)),
            Mount("/static", StaticFiles(directory=desk.static)),
        ],
        middleware=[Middleware(Guard)],
        exception_handlers={
            Refused: errors.refused, OperatorError: errors.mistaken, HTTPException: errors.missing,
            Exception: errors.broken,
        },
    )  # fmt: skip
    there = {getattr(route, "path", "") for route in app.routes}
    desk.pages = [(path, name) for path, name in _NAMED if path in there]
    desk.bench.begin(after_s=LATER_S)
    return app


class _Door:
    """How one enters and leaves."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def home(self, request: Request) -> Response:
        self._desk.session(request)
        return RedirectResponse("/thresholds", _SEE_OTHER)

    async def icon(self, _: Request) -> Response:
        return RedirectResponse("/static/icon.svg", _SEE_OTHER)

    async def enter(self, request: Request) -> Response:
        entered = self._desk.sessions.enter(request.path_params["token"])
        if entered is None:
            raise Refused(
                401, "This link was used already, or is none. `affected tune` prints new ones."
            )
        cookie, session = entered
        await run_in_threadpool(lambda: self._desk.note("tune", by=session.name, role=session.role))
        answer = RedirectResponse("/thresholds", _SEE_OTHER)
        answer.set_cookie(
            self._desk.cookie, cookie, max_age=LONGEST_S, httponly=True, samesite="strict", path="/"
        )
        return answer

    async def leave(self, request: Request) -> Response:
        await self._desk.form(request)
        self._desk.sessions.leave(request.cookies.get(self._desk.cookie, ""))
        answer = self._desk.page(request, "left.html", title="You left")
        answer.delete_cookie(self._desk.cookie)
        return answer


class _Errors:
    """What one sees instead of a page."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return self._page(request, error.status, "Not for you", error.words)

    async def mistaken(self, request: Request, error: Exception) -> Response:
        return self._page(request, 422, "That cannot be done", str(error))

    async def missing(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return self._page(request, error.status_code, "No such page", error.detail)

    async def broken(self, request: Request, error: Exception) -> Response:
        log.error("page failed: %s", type(error).__name__)  # its text may hold a person's data
        words = (
            "That is our bug. Nothing was written by this page; the server's log names the place."
        )
        return self._page(request, 500, "This failed", words)

    def _page(self, request: Request, status: int, title: str, words: str) -> Response:
        return self._desk.page(request, "error.html", status=status, title=title, words=words)
