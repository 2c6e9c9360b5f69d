"""Of all the records of a person: the name, address and consent that speak at one covered entity.

A covered entity's letters use what that entity knows: its own chart first, then leaked rows it owns;
another entity's records only where the incident file says so. Safety flags join over all records.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from matching.tables import UNOWNED
from notify import printed

__all__ = ["at_entities", "best", "consents", "person_flags"]

KIND_LIST = ("home", "alternate", "representative")
_OWN_CHART, _OWN_ROW, _POSSIBLE_ROW, _OTHER = range(4)
_PAIR = ["person_id", "entity_id"]
FACT_ONLY = date(1900, 1, 1)
"""deceased_on where the fact of death is known and not its day."""


def at_entities(own: pl.DataFrame, members: pl.DataFrame, row_owners: pl.DataFrame) -> pl.DataFrame:
    """`person_id, entity_id, member, rank, source`: each record that may speak for a pair of `own`.

    Lower rank first: own chart, own leaked row, possibly own row, any other record of the person.
    """
    pairs = own.select(_PAIR).filter(pl.col("entity_id") != UNOWNED)
    leaked = members.filter(pl.col("side") == "leaked").select("person_id", "member")
    charts = members.filter(pl.col("side") == "master").select(*_PAIR, "member")
    rows = leaked.join(row_owners, on="member").with_columns(
        rank=pl.when(pl.col("status") == "confirmed").then(_OWN_ROW).otherwise(_POSSIBLE_ROW)
    )
    anyone = pairs.join(members.select("person_id", "member", "side"), on="person_id")
    found = pl.concat(
        [
            charts.select(*_PAIR, "member", rank=_OWN_CHART, side=pl.lit("master")),
            rows.select(*_PAIR, "member", "rank", side=pl.lit("leaked")),
            anyone.select(*_PAIR, "member", rank=_OTHER, side="side"),
        ],
        how="vertical_relaxed",
    )
    return (
        found.join(pairs, on=_PAIR, how="semi")
        .sort("rank")
        .unique([*_PAIR, "member"], keep="first", maintain_order=True)
    )


def best(
    speaking: pl.DataFrame, records: pl.DataFrame, usable: pl.Expr, *, others: bool, prefix: str
) -> pl.DataFrame:
    """Per pair the record to use: nearest to the entity, then latest `address_as_of`, then highest id.

    Columns `<prefix>_member, <prefix>_as_of, <prefix>_side`; a pair without a usable record has no row.
    """
    fit = records.filter(usable).select("member", as_of="address_as_of")
    near = speaking if others else speaking.filter(pl.col("rank") < _OTHER)
    return (
        near.join(fit, on="member")
        .sort("rank", "as_of", "member", descending=[False, True, True], nulls_last=True)
        .unique(_PAIR, keep="first", maintain_order=True)
        .select(
            *_PAIR,
            pl.col("member").alias(f"{prefix}_member"),
            pl.col("as_of").alias(f"{prefix}_as_of"),
            pl.col("side").alias(f"{prefix}_side"),
        )
    )


def consents(
    speaking: pl.DataFrame, records: pl.DataFrame, *, as_of: date, scopes: list[str]
) -> pl.DataFrame:
    """`person_id, entity_id, consent_on`: latest agreement to e-mail given to that entity by today."""
    agreed = records.filter(
        pl.col("email").is_not_null(),
        pl.col("email_consent_on") <= as_of,
        pl.col("email_consent_scope").is_in(scopes),
    ).select("member", consent_on="email_consent_on")
    own = speaking.filter(pl.col("rank") <= _OWN_ROW)
    return own.join(agreed, on="member").group_by(_PAIR).agg(pl.col("consent_on").max())


def person_flags(members: pl.DataFrame, records: pl.DataFrame, *, as_of: date) -> pl.DataFrame:
    """`person_id, confidential, withdrawn_on, died_on`: over all records of the person.

    An alternative address is itself a request for confidential communication.
    """
    withdrawn = pl.col("email_consent_withdrawn_on")
    flags = records.select(
        "member",
        confidential=pl.col("confidential").fill_null(value=False)
        | pl.col("alternate_street").is_not_null(),
        withdrawn_on=pl.when(withdrawn <= as_of).then(withdrawn),
        died_on=pl.when(pl.col("deceased_on") != FACT_ONLY).then("deceased_on"),
    )
    return (
        members.select("person_id", "member")
        .join(flags, on="member")
        .group_by("person_id")
        .agg(
            pl.col("confidential").any(),
            pl.col("withdrawn_on").max(),
            pl.col("died_on").max(),
        )
    )


def usable() -> dict[str, pl.Expr]:
    """Kind of address -> a record has one."""
    return {kind: printed.mailable(kind) for kind in KIND_LIST}
