"""The workbench on a free port of loopback, and people who entered it."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from time import sleep

import uvicorn

from flows.workbench.app import make_app
from flows.workbench.desk import Desk
from flows.workbench.sessions import Sessions

__all__ = ["desk_of", "link", "serving"]


def desk_of(root: Path) -> Desk:
    """The desk of a finished round, its review loaded."""
    desk = Desk(root, Sessions(), cookie="stand")
    desk.reviewing.load()
    assert not desk.reviewing.failed
    return desk


def link(desk: Desk, name: str, rights: Sequence[str]) -> str:
    """The path that lets this person in, once."""
    return f"/enter/{desk.sessions.link(name, rights)}"


@contextmanager
def serving(desk: Desk) -> Iterator[str]:
    """Serve the desk; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = make_app(desk)
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(timeout=10)
