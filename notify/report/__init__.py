"""Step `report`: out/report.html, what a lead shows a manager, from whatever exists so far.

Every table of the round may come in, aggregated; one self-contained page goes out. It holds counts,
dates, reason codes and names of covered entities, never a person's data, and asks the network for
nothing. A table that a closed gate kept from being made gives a section that says "not yet".
"""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from matching.store import Workspace, log_counts
from notify.facts import Incident
from notify.report.accurate import Accuracy, Range

__all__ = ["Accuracy", "Range", "ReportSettings", "run"]

REPORT_FILE = "report.html"


class ReportSettings(BaseModel):
    """What the page says besides the tables' numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    incident: Incident = Field(description="Title, dates and whether the data is made up.")
    business_associate_name: str = Field(description="Legal name of who lost the data.")
    as_of: date = Field(description="The round's day: ages, clocks and days left count from it.")
    audit_log: dict[str, str | int] | None = Field(
        default=None, description="Lines, head and signer of the audit log when the page was made."
    )
    accuracy: Accuracy | None = Field(
        default=None, description="What is known of errors when the page is made."
    )
    prices: dict[str, float] = Field(default={}, description="`[costs]`, by key.")
    gates: tuple[str, ...] = Field(default=(), description="Gates that are closed, in order.")
    include_at_bits: float | None = Field(
        default=None, description="Lower end of the review band; none: read off the pairs."
    )
    merge_at_bits: float | None = Field(
        default=None, description="Upper end of the review band; none: read off the pairs."
    )


def run(workspace: Workspace, settings: ReportSettings) -> None:
    """Write the report; equal tables and settings, which hold the audit log's head, give equal bytes."""
    # altair takes a second to import; commands that draw nothing should not wait for it
    from notify.report.page import report_html  # noqa: PLC0415

    page = report_html(workspace, settings)
    workspace.put_output(REPORT_FILE, page.encode(), personal=False)
    log_counts("report", bytes=len(page.encode()))
