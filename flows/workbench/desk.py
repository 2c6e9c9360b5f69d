"""What all pages share: the round they look at, who asks, what is loaded behind the first page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse

from flows.audit import audit
from flows.rounds import Round, open_round, open_workspace
from flows.step_settings import owner_on
from flows.workbench.bench import Bench
from flows.workbench.reviewing import Reviewing
from flows.workbench.sessions import Session, Sessions
from flows.workbench.weights import Trials
from matching.errors import OperatorError
from matching.store import Workspace

__all__ = ["Desk", "Refused"]

_HERE = Path(__file__).parent
_WORDS = {
    "review": "Reviewing needs the right `review`.",
    "approve": "This needs the right `approve`.",
    "reveal": "Revealing needs the right `reveal`.",
}
LATER_S = 2.0
"""What is loaded behind the first page begins so much later: the page comes first."""


class Refused(Exception):
    """A page that this person may not have; `words` are for them."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


class Desk:
    """The last finished round as pages see it. Threads of several people use it at once.

    `workspace` reads the inbox as it is now, not as the round saw it: decisions count at once here.
    """

    def __init__(self, root: Path, sessions: Sessions, *, cookie: str) -> None:
        seen, current = open_round(root)
        if not seen.has("counts"):
            raise OperatorError(f"workspace {root}: no counts yet; run until the step counts")
        if not seen.has("review_order"):
            raise OperatorError(f"workspace {root}: of an older version; `affected run` once more")
        self.root, self.sessions, self.cookie = root, sessions, cookie
        self.round: Round = current
        self.workspace: Workspace = open_workspace(root)
        incident = current.incident
        self.bench = Bench(
            self.workspace, incident.matching, incident.costs, owner_on=owner_on(incident)
        )
        self.reviewing = Reviewing(_finished(root), incident.matching)
        self.trials = Trials()
        self.pages: list[tuple[str, str]] = []
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"), autoescape=True,
            undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self._templates.filters |= {"number": _number, "decimal": _decimal}

    @property
    def static(self) -> Path:
        """Scripts and styles."""
        return _HERE / "static"

    def session(self, request: Request) -> Session:
        """Who asks. Raises Refused(401) where nobody entered, or too long ago."""
        polled = request.headers.get("x-polled") == "1"
        found = self.sessions.of(request.cookies.get(self.cookie, ""), polled=polled)
        if found is None:
            raise Refused(
                401,
                "Nobody is in, or nobody was there for a while. Open a link of `affected tune`.",
            )
        return found

    def may(self, request: Request, right: str) -> bool:
        """Whether who asks has a right of `[people]`."""
        return right in self.session(request).rights

    def require(self, request: Request, right: str = "") -> str:
        """The name of who asks. Raises Refused(403) where they lack the right."""
        session = self.session(request)
        if right and right not in session.rights:
            words = f"{session.name}: {_WORDS.get(right, right)} The incident file gives it in [people]."
            raise Refused(403, words)
        return session.name

    async def form(self, request: Request) -> Mapping[str, str]:
        """Text fields of a POST. Raises Refused(403) where the session's number is not in it."""
        session = self.session(request)
        fields = {
            name: value for name, value in (await request.form()).items() if isinstance(value, str)
        }
        if (fields.pop("csrf", None) or request.headers.get("x-csrf")) != session.csrf:
            raise Refused(403, "The form is not of this session; open the page again.")
        return fields

    def tell(self, request: Request, words: str) -> None:
        """Say something on the page that comes next."""
        self.session(request).told = words

    def told(self, request: Request) -> str:
        """What is to be said now; once."""
        session = self.session(request)
        words, session.told = session.told, ""
        return words

    def page(
        self, request: Request, template: str, /, *, status: int = 200, **context: Any
    ) -> HTMLResponse:
        """A template with who asks, the incident and the session's number."""
        try:
            session: Session | None = self.session(request)
        except Refused:
            session = None
        text = self._templates.get_template(template).render(
            session=session, csrf=session.csrf if session else "", rights=session.rights if session else (),
            incident=self.round.incident.incident, round_number=self.round.number,
            synthetic=self.workspace.synthetic, here=request.url.path, pages=self.pages, **context,
        )  # fmt: skip
        return HTMLResponse(text, status)

    def note(self, act: str, *, by: str, **details: str | int) -> None:
        """A line of the audit log: ids, counts and digests only."""
        audit(self.workspace, act, by=by, **details)


def _finished(root: Path) -> Workspace:
    """The tables of the last complete round, which a run that goes on does not touch; before one, what there is."""
    found = open_workspace(root, complete=True)
    return found if found.has("members") else open_workspace(root)


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _decimal(value: float) -> str:
    return f"{value:,.1f}"
