"""What every answer and every request must keep to, whatever page it is: headers, origin, size."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["HEADERS", "Guard"]

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
        " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
BODY_MAX = 16 << 20
"""Bytes of a request: a file of labels is the largest, half a million rows."""


class Guard:
    """Refuses what another site or host sends, and bodies too large; puts the headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = _refusal(scope)
        if refused is not None:
            await PlainTextResponse(refused[1], refused[0], HEADERS)(scope, receive, send)
            return
        received = 0

        async def bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > BODY_MAX:
                return {"type": "http.disconnect"}
            return message

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        await self._app(scope, bounded, headed)


def _refusal(scope: Scope) -> tuple[int, str] | None:
    """(status, words) where a request is none of ours."""
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    if host.rpartition(":")[0] not in {"127.0.0.1", "localhost"}:
        return 421, "This server answers on 127.0.0.1 only."
    if scope["method"] not in {"GET", "HEAD", "POST"}:
        return 405, "GET and POST only."
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > BODY_MAX:
        return 413, "Too large; send it in pieces."
    if scope["method"] == "POST":
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        # without a referrer browsers send a form with origin null: then they must say whose it is
        hidden = origin == "null" and site == "same-origin"
        foreign = not hidden and origin is not None and origin.partition("://")[2] != host
        if foreign or site not in {None, "same-origin"}:
            return 403, "Sent by another site."
    return None
