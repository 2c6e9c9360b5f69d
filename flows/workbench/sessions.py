"""Who is at the desk: links that open once, sessions that end by themselves, rights of the incident file."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from secrets import compare_digest, token_urlsafe
from threading import Lock
from time import monotonic

__all__ = ["IDLE_S", "LONGEST_S", "Session", "Sessions", "role_of"]

IDLE_S = 15 * 60
"""Nobody at the desk for so long: whoever comes next must enter anew."""
LONGEST_S = 8 * 60 * 60
"""A working day; a page that polls keeps a session from being idle, not from ending."""
LINK_S = 12 * 60 * 60
"""A link that nobody opened by then opens nothing."""


def role_of(rights: Collection[str]) -> str:
    """Who may approve is lead, who may review reviewer; anybody else is viewer, and looks only."""
    return "lead" if "approve" in rights else "reviewer" if "review" in rights else "viewer"


@dataclass(slots=True)
class Session:
    """One browser of one person. `csrf` must come with every form; `told` is said on the next page."""

    name: str
    rights: frozenset[str]
    since: float
    seen: float
    csrf: str = field(default_factory=lambda: token_urlsafe(24))
    told: str = ""

    @property
    def role(self) -> str:
        """viewer, reviewer or lead."""
        return role_of(self.rights)


class Sessions:
    """Links and sessions of one server, in memory only: a restart ends them all. Safe in threads."""

    def __init__(self, now: object = None) -> None:
        self._now = now if callable(now) else monotonic
        self._links: dict[str, tuple[str, frozenset[str], float]] = {}
        self._open: dict[str, Session] = {}
        self._lock = Lock()

    def link(self, name: str, rights: Collection[str]) -> str:
        """A token that opens one session of this person, once."""
        token = token_urlsafe(32)
        with self._lock:
            self._links[token] = (name, frozenset(rights), self._now())
        return token

    def enter(self, token: str) -> tuple[str, Session] | None:
        """(cookie, session) for a token that was not used yet; None for any other."""
        with self._lock:
            known = next((one for one in self._links if compare_digest(one, token)), None)
            if known is None:
                return None
            name, rights, made = self._links.pop(known)
            now = self._now()
            if now - made > LINK_S:
                return None
            cookie, session = token_urlsafe(32), Session(name, rights, now, now)
            self._open[cookie] = session
            return cookie, session

    def of(self, cookie: str, *, polled: bool = False) -> Session | None:
        """The session of a cookie while it lasts; it counts as used, unless a page asked by itself."""
        with self._lock:
            session = self._open.get(cookie)
            if session is None:
                return None
            now = self._now()
            if now - session.seen > IDLE_S or now - session.since > LONGEST_S:
                del self._open[cookie]
                return None
            if not polled:
                session.seen = now
            return session

    def leave(self, cookie: str) -> None:
        """End a session."""
        with self._lock:
            self._open.pop(cookie, None)
