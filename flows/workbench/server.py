"""`affected tune` itself: who gets a link, where the server listens, how it ends."""

from __future__ import annotations

import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn

from flows.rounds import open_round
from flows.settings import IncidentFile, Right
from flows.workbench.app import make_app
from flows.workbench.desk import Desk
from flows.workbench.sessions import Sessions, role_of
from matching.errors import OperatorError, TryAgainLater, UsageError

__all__ = ["EVERY_RIGHT", "Bound", "people_of", "prepare", "tune_text"]

EVERY_RIGHT: tuple[Right, ...] = ("review", "approve", "send", "reveal", "purge")
_LOOPBACK = "127.0.0.1"
_ENDING = (signal.SIGINT, signal.SIGTERM)


class Bound:
    """A server that listens already; `document` says where, and whose link is which."""

    def __init__(self, root: Path, *, names: tuple[str, ...], port: int) -> None:
        self._socket = _listening(port)
        self.port: int = self._socket.getsockname()[1]
        sessions = Sessions()
        desk = Desk(root, sessions, cookie=f"affected-{self.port}")
        people = people_of(desk.round.incident, names)
        self._app = make_app(desk)
        address = f"http://{_LOOPBACK}:{self.port}"
        self.document: dict[str, Any] = {
            "schema": "affected.tune/1",
            "incident": desk.workspace.incident_id,
            "round": desk.round.number,
            "address": address,
            "links": [
                {"name": name, "role": role_of(rights), "link": f"{address}/enter/{sessions.link(name, rights)}"}
                for name, rights in people.items()
            ],
        }  # fmt: skip

    def serve(self) -> None:
        """Answer until SIGINT or SIGTERM; open requests end first, five seconds at most."""
        config = uvicorn.Config(
            self._app, log_level="warning", access_log=False, server_header=False, date_header=False,
            timeout_graceful_shutdown=5, lifespan="off",
        )  # fmt: skip
        _Server(config).run(sockets=[self._socket])


class _Server(uvicorn.Server):
    """Ends with 0 on SIGINT and SIGTERM: it is how one ends it."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """What uvicorn has here raises the signal again once the server has ended."""
        before = {number: signal.signal(number, self.handle_exit) for number in _ENDING}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def prepare(root: Path, *, names: tuple[str, ...] = (), port: int = 0) -> Bound:
    """Open the workspace and listen. Raises OperatorError before the step counts, TryAgainLater for a port in use."""
    open_round(root)
    return Bound(root, names=names, port=port)


def tune_text(document: dict[str, Any]) -> str:
    """Whose link is which, and how to end."""
    lines = [f"{document['incident']} round {document['round']}; each link opens once:"]
    lines += [f"  {one['name']} ({one['role']}): {one['link']}" for one in document["links"]]
    return "\n".join([*lines, "Ctrl-C ends the workbench; what was decided is kept."])


def people_of(incident: IncidentFile, names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Rights by name of those who get a link: these, or everybody of `[people]`.

    Whom `[people]` does not name looks only; in a made-up incident without `[people]` everybody may all.
    Raises UsageError where nobody is named anywhere.
    """
    wanted = names or tuple(incident.people)
    if not wanted:
        raise UsageError("--as NAME: say who you are; [people] of the incident file names nobody")
    free = incident.incident.synthetic and not incident.people
    return {name: EVERY_RIGHT if free else incident.people.get(name, ()) for name in wanted}


def _listening(port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((_LOOPBACK, port))
        found.listen()  # a link that is opened at once waits instead of being refused
    except (OSError, OverflowError):
        found.close()
        if not 0 <= port <= 65535:
            raise OperatorError(f"--port {port}: no port; take one of 1024 to 65535") from None
        raise TryAgainLater(f"--port {port}: in use; take another, or none") from None
    return found
