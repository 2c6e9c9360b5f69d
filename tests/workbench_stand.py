"""A stand for pages of review: a desk without entry, sessions or roles from a file. Loopback only, made-up people."""

from __future__ import annotations

import hmac
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from time import sleep
from urllib.parse import parse_qsl

import uvicorn
from jinja2 import ChoiceLoader, DictLoader, Environment, FileSystemLoader
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from flows.workbench import labels, names, review
from flows.workbench.reviewing import Reviewing
from matching.errors import OperatorError

__all__ = ["Stand", "serving"]

HERE = Path(review.__file__).parent
CSRF = "stand"
BASE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title>
{% block head %}{% endblock %}</head><body><main>{% block content %}{% endblock %}</main></body></html>"""
POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"


@dataclass
class Stand:
    """Who asks is a cookie `who`; rights are given by name."""

    reviewing: Reviewing
    rights: Mapping[str, tuple[str, ...]]
    said: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        loader = ChoiceLoader(
            [DictLoader({"base.html": BASE}), FileSystemLoader(HERE / "templates")]
        )
        self._pages = Environment(loader=loader, autoescape=True, trim_blocks=True)

    def app(self) -> Starlette:
        routes = [*review.routes(self), *names.routes(self), *labels.routes(self)]
        static = Mount("/static", StaticFiles(directory=HERE / "static"))
        return Starlette(routes=[*routes, static], exception_handlers={OperatorError: _refused})

    def require(self, request: Request, right: str) -> str:
        who = request.cookies.get("who", "")
        if right not in self.rights.get(who, ()):
            raise OperatorError(f"[people]: {who} may not {right}")
        return who

    def may(self, request: Request, right: str) -> bool:
        return right in self.rights.get(request.cookies.get("who", ""), ())

    async def form(self, request: Request) -> Mapping[str, str]:
        fields = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        if not hmac.compare_digest(fields.pop("csrf", ""), CSRF):
            raise OperatorError("the form was not made for this session")
        return fields

    def page(self, request: Request, template: str, **context: object) -> Response:
        csrf = Markup(f'<input type="hidden" name="csrf" value="{CSRF}">')
        text = self._pages.get_template(template).render(**context, csrf=lambda: csrf)
        return HTMLResponse(text, headers={"content-security-policy": POLICY})

    def tell(self, request: Request, words: str) -> None:
        self.said[request.cookies.get("who", "")] = words

    def told(self, request: Request) -> str:
        return self.said.pop(request.cookies.get("who", ""), "")


def _refused(_: Request, error: Exception) -> Response:
    return PlainTextResponse(str(error), status_code=403)


@contextmanager
def serving(stand: Stand) -> Iterator[str]:
    """The stand on a free port of loopback; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = uvicorn.Config(stand.app(), host="127.0.0.1", port=port, log_level="error", ws="none")
    server = uvicorn.Server(config)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(200):
        if server.started:
            break
        sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(timeout=10)
