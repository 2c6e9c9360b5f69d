"""The page itself: sections in the order a manager asks, set by one template with its style inside."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

from matching.store import Workspace
from notify.report.accurate import accuracy_section
from notify.report.cost import cost_section
from notify.report.doubt import doubts, method
from notify.report.leak import bridge, inventory
from notify.report.owed import duty_section
from notify.report.parts import Section, shown
from notify.report.people import entity_section, headline, state_section
from notify.report.sure import ownership_section, weight_section
from notify.report.told import notice_section, packet_section, waiting_section

if TYPE_CHECKING:
    from notify.report import ReportSettings

__all__ = ["page_html", "report_html", "sections"]

HERE = Path(__file__).parent
SHORT = 12
"""Cells up to here are not broken into lines: dates, "33 overdue", ids."""


def report_html(workspace: Workspace, settings: ReportSettings) -> str:
    """The whole report as text."""
    return page_html(
        workspace,
        settings,
        kind="Breach response report",
        sections=sections(workspace, settings),
        holds="Counts, dates and names of covered entities only; no person's data.",
    )


def page_html(
    workspace: Workspace,
    settings: ReportSettings,
    *,
    kind: str,
    sections: Sequence[Section],
    holds: str,
) -> str:
    """A self-contained page: nothing in it is fetched, and the browser is told to fetch nothing.

    `kind` names it above the incident's title, `holds` says at its end what it may hold.
    """
    style = (HERE / "page.css").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["shown"] = shown
    environment.tests["short"] = lambda cell: len(shown(cell)) <= SHORT
    template = environment.from_string((HERE / "page.html").read_text(encoding="utf-8"))
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return template.render(
        kind=kind,
        holds=holds,
        incident=settings.incident,
        business_associate=settings.business_associate_name,
        as_of=settings.as_of,
        synthetic=workspace.synthetic or settings.incident.synthetic,
        sections=sections,
        audit_log=settings.audit_log,
        style=style,
        style_digest=digest,
    )


def sections(workspace: Workspace, settings: ReportSettings) -> tuple[Section, ...]:
    """Every section, also those that can only say "not yet"."""
    as_of = settings.as_of
    return (
        headline(workspace),
        waiting_section(workspace, as_of=as_of, gates=settings.gates),
        inventory(workspace),
        bridge(workspace),
        entity_section(workspace),
        state_section(workspace),
        weight_section(
            workspace, include_at=settings.include_at_bits, merge_at=settings.merge_at_bits
        ),
        accuracy_section(settings.accuracy),
        ownership_section(workspace),
        duty_section(workspace, as_of=as_of),
        packet_section(workspace),
        notice_section(workspace),
        *((cost_section(workspace, settings.prices),) if settings.prices else ()),
        doubts(workspace),
        method(workspace, as_of=as_of),
    )
