"""Covered entities are told first: the step plans a packet each, the command releases them.

The people tables, `counts`, `duties`, the roster and the inbox come in; `packets` goes out: every entity with
a confirmed or possible person in exactly one state of figure C, with what its packet would hold as a
digest. `release` writes `out/packets/<entity_id>/v<n>/` and records it.
"""

from __future__ import annotations

import polars as pl

from matching.store import Workspace, log_counts
from matching.tables import TABLES
from notify.answers import current_holds
from notify.packets.individuals import groups, individuals, owned
from notify.packets.plan import content_digests, recipients, summary, with_states
from notify.packets.releasing import PacketsReleased, release
from notify.packets.settings import Packets, PacketsSettings

__all__ = ["Packets", "PacketsReleased", "PacketsSettings", "release", "run"]


def run(workspace: Workspace, settings: PacketsSettings) -> None:
    """Write `packets`. Holds the people of about a million (person, entity) at once."""
    sizes = owned(workspace).group_by("entity_id").agg(people=pl.len()).collect(engine="streaming")
    summaries = [
        summary(individuals(workspace, ids, as_of=settings.as_of))
        for ids in groups(sizes.sort("entity_id"))
    ]
    if not summaries:
        workspace.write("packets", TABLES["packets"].empty())
        return
    planned = pl.concat(summaries)
    content = content_digests(workspace, settings, planned)
    to_whom = recipients(workspace.read("entities"), settings.as_of).select(
        "entity_id", "recipient_id", "role", "unusable_key"
    )
    packets = with_states(
        planned.join(content, on="entity_id").join(to_whom, on="entity_id"),
        workspace,
        current_holds(workspace, settings.holds),
        settings,
    )
    workspace.write("packets", TABLES["packets"].complete(packets))
    states = dict(packets.group_by("state").len().sort("state").iter_rows())
    log_counts("packets", entities=packets.height, **states)
