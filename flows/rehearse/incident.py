"""The incident file of a rehearsal, with every mapping, as TOML text."""

from __future__ import annotations

import json

from flows.rehearse.charts import CHART_COLUMNS
from flows.rehearse.leaked import LEAKED_FILES, LeakedFile
from flows.rehearse.profiles import Profile

__all__ = ["columns_text", "incident_text", "leaked_text"]

_DIALECTS = {
    "csv": 'delimiter = ","\nquote = "\\""\nheader = true\ndate_order = "mdy"\n',
    "tsv": 'delimiter = "\\t"\nquote = "\\""\nheader = true\ndate_order = "mdy"\n',
}
_SUPPRESSIONS = """[[suppressions]]
path = "suppressions.csv"
reason = "counsel"
authority = "Counsel memo of the rehearsal"
"""
_PEOPLE = """[people]
LEAD = ["review", "approve", "send", "reveal", "purge"]
COUNSEL = ["approve", "reveal"]
"""


def columns_text(table: str, columns: dict[str, str | list[str]], *, has_ssn: bool) -> str:
    """A `[table]` of canonical field = column (JSON strings are TOML strings)."""
    lines = [
        f"{field} = {json.dumps(column)}"
        for field, column in columns.items()
        if has_ssn or field not in ("ssn", "member_id")
    ]
    return f"[{table}]\n" + "\n".join(lines) + "\n"


def leaked_text(file: LeakedFile, path: str, profile: Profile, evidence: str) -> str:
    """One `[[leaked]]` entry."""
    return (
        f'[[leaked]]\npath = "{path}"\nformat = "{file.format}"\nencoding = "utf-8"\n'
        + _DIALECTS.get(file.format, "")
        + 'secured = "no"\nreceived_from = "threat-intel vendor"\n'
        + f'received_on = {profile.received_on}\nevidence = "{evidence}"\n'
        + columns_text("leaked.columns", file.columns, has_ssn=profile.has_ssn)
    )


def incident_text(profile: Profile, *, repeat: str) -> str:
    """The whole `incident.toml`; `repeat` is the path of the file delivered twice."""
    leaked = [
        leaked_text(file, file.path, profile, f"E-{10 + k:03d}")
        for k, file in enumerate(LEAKED_FILES)
    ]
    leaked.append(leaked_text(LEAKED_FILES[-1], repeat, profile, "E-020"))
    charts = columns_text("masters.columns", dict(CHART_COLUMNS), has_ssn=profile.has_ssn)
    return "\n".join(
        [
            _head(profile),
            *leaked,
            '[[masters]]\npath = "masters/*.parquet"\nformat = "parquet"\n' + charts,
            '[entities]\npath = "entities.csv"\ndelegation = "delegation.csv"\n',
            _SUPPRESSIONS,
            f'[mailing]\nvendor = "plain"\nplanned_mail_on = {profile.planned_mail_on}\n',
            _PEOPLE,
        ]
    )


def _head(profile: Profile) -> str:
    late = profile.breach_start.year < profile.known_on.year - 1
    should = (
        "should_have_known_on = 2026-02-10\nshould_have_known_reason = "
        '"An alert of that day was closed without review."\n'
    )
    return (
        f'[incident]\nid = "{profile.incident_id}"\ntitle = "{profile.title}"\n'
        f"synthetic = true\nas_of = {profile.as_of}\n"
        f"breach_start = {profile.breach_start}\nbreach_end = {profile.breach_end}\n"
        f"known_on = {profile.known_on}\n{'' if late else should}"
        f'what_happened = "{profile.what_happened}"\n\n'
        '[business_associate]\nname = "Northwind Software, Inc."\n'
        'toll_free = "1-800-555-0100"\nemail = "incident@example.com"\n'
        'website = "https://example.com/incident"\n'
        'address = ["1 Main St", "Springfield MD 20701"]\n'
    )
