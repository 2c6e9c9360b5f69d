"""Domains whose servers refused our mail for our sake: nothing more goes there until a person lifts it.

Bounces say so with 5.7.x (`notify.bounces.refused_by_policy`). No list of domains is kept, which would say where
patients have their mail: the addresses of those few people are read again when a run begins.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import polars as pl

from matching.store import Workspace
from notify.bounces.policy import refused_by_policy

__all__ = ["paused_domains"]


def paused_domains(workspace: Workspace, *, lifted_on: date | None) -> frozenset[str]:
    """Domains, in small letters, of people whose e-mail came back with 5.7.x since that day."""
    since = datetime.combine(lifted_on, time(), UTC) if lifted_on else None
    people = refused_by_policy(workspace, since=since).select("person_id").unique().collect()
    if people.is_empty():
        return frozenset()
    members = workspace.scan("members").join(people.lazy(), on="person_id", how="semi")
    wanted = members.select(member="mention_id")
    domains = [
        workspace.scan(name)
        .join(wanted, left_on=key, right_on="member", how="semi")
        .select(domain=pl.col("email").str.to_lowercase().str.extract(r"@([^@]+)$"))
        .drop_nulls()
        .collect()
        for name, key in (("leaked_std", "mention_id"), ("charts_std", "chart_id"))
    ]
    return frozenset(pl.concat(domains)["domain"])
