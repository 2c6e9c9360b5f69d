"""The substitute notice as a page: static, without script or form, nothing fetched, nothing to query."""

from __future__ import annotations

import base64
import hashlib
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import jinja2

from notify.filings.document import Document
from notify.filings.fields import POSTED_DAYS
from notify.filings.settings import FilingsSettings
from notify.letters.dates import day_text

__all__ = ["page", "posting_window", "window_fields"]

HERE = Path(__file__).parent


def page(document: Document, practice: str) -> bytes:
    """UTF-8 HTML; the browser is told to fetch and run nothing."""
    style = (HERE / "posting.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    html = _template().render(
        document=document, practice=practice, style=style, style_digest=digest
    )
    return html.encode()


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string((HERE / "posting.html").read_text(encoding="utf-8"))


def posting_window(settings: FilingsSettings) -> tuple[date, date]:
    """First and last day: from the planned mailing, never before today, for 90 days."""
    planned = settings.mailing.planned_mail_on or settings.as_of
    start = max(planned, settings.as_of)
    return start, start + timedelta(days=POSTED_DAYS)


def window_fields(settings: FilingsSettings) -> dict[str, str]:
    """The same in words."""
    start, until = posting_window(settings)
    return {"posted_from": day_text(start, "en"), "posted_until": day_text(until, "en")}
