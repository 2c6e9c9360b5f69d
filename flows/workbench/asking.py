"""What pages of review ask of the desk that they are shown at: who asks, which form came, how a page is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from flows.settings import Right
from flows.workbench.reviewing import Reviewing

__all__ = ["ReviewDesk"]


class ReviewDesk(Protocol):
    """The server's side of a page. Safe for requests at once."""

    @property
    def reviewing(self) -> Reviewing:
        """What all pages of review share."""

    def require(self, request: Request, right: Right) -> str:
        """The name of whoever asks. Raises OperatorError where they have not the right."""

    def may(self, request: Request, right: Right) -> bool:
        """Whoever asks has the right."""

    async def form(self, request: Request) -> Mapping[str, str]:
        """The fields of a form, which is refused where it was not made for this session."""

    def page(self, request: Request, template: str, **context: object) -> Response:
        """A page, or a piece of one, made of a template and what it speaks of."""

    def tell(self, request: Request, words: str) -> None:
        """Say this on the session's next page."""

    def told(self, request: Request) -> str:
        """What is to be said on this page; once."""
