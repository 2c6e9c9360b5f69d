"""Which lines of law the counts pass: expressions over confirmed, expected, upper and `unknown`.

`unknown` is the upper count of people whose residence nobody knows. It is added to each state in turn
for the worst case, and can only lift a duty to `upper`. Where a statute asks for kinds of data, only
residents count who have one of them, with their name, at that entity.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

from matching.store import Workspace
from matching.tables import UNOWNED
from notify.ledger.fold import last_pieces
from notify.ledger.states import NOT_TAKEN, PieceState
from notify.renamed import under_present_ids
from notify.rules import Rule

__all__ = ["Tested", "count_used", "crosses", "unreachable"]

UNKNOWN_RESIDENCE = "UNK"
_NUMBERS = ("confirmed", "expected", "upper")
_ZERO = {"confirmed": pl.lit(0, pl.Int64), "expected": pl.lit(0.0), "upper": pl.lit(0, pl.Int64)}
_NAME, _UNNAMED_KIND = "name", "other"


@dataclass(frozen=True, slots=True)
class Tested:
    """The numbers that rules test, a small frame for each basis.

    Each frame: `entity_id, state (null: all), confirmed, expected, upper, unknown`.
    """

    entities: pl.DataFrame
    counts: pl.DataFrame
    elements: pl.DataFrame
    bad_addresses: pl.DataFrame
    jurisdictions: tuple[str, ...]
    appointment_is_medical: bool
    _made: dict[frozenset[str], pl.DataFrame] = field(default_factory=dict)

    @classmethod
    def read(
        cls, workspace: Workspace, *, jurisdictions: tuple[str, ...],
        appointment_is_medical: bool, refused_is_told: bool,
    ) -> Tested:  # fmt: skip
        """Counts of entities that have people; UNOWNED is nobody's duty."""
        owned = pl.col("entity_id").is_not_null() & (pl.col("entity_id") != UNOWNED)
        return cls(
            workspace.read("entities", ["entity_id", "state"]),
            workspace.scan("counts").filter(owned).select("entity_id", "state", *_NUMBERS).collect(),
            workspace.scan("element_counts").filter(owned).collect(),
            unreachable(workspace, refused_is_told=refused_is_told),
            jurisdictions,
            appointment_is_medical,
        )  # fmt: skip

    def of(self, rule: Rule) -> pl.DataFrame:
        """What the rule's line is compared with, a row per entity (and state, if the rule counts by state)."""
        if rule.count_basis == "all":
            return self._of_all()
        if rule.count_basis == "unreachable":
            return self._unreachable()
        by_state = self.residents(rule, rule.trigger_elements)
        if rule.jurisdiction == "US":
            return by_state
        return by_state.filter(pl.col("state") == rule.jurisdiction)

    def residents(self, rule: Rule, words: Iterable[str]) -> pl.DataFrame:
        """Residents by state of whom the words name a kind of data; without words all."""
        kinds = rule.kinds(words, appointment_is_medical=self.appointment_is_medical)
        if kinds not in self._made:
            per_state = self.counts.drop_nulls("state")
            chosen = _with_kinds(per_state, self.elements, kinds) if kinds else per_state
            self._made[kinds] = self._by_state(chosen)
        return self._made[kinds]

    def _of_all(self) -> pl.DataFrame:
        whole = self.counts.filter(pl.col("state").is_null())
        return whole.with_columns(unknown=pl.lit(0, pl.Int64))

    def _unreachable(self) -> pl.DataFrame:
        """People without a state in any address, and letters that came back and were not made good."""
        whole = self._of_all().select("entity_id", "state", "unknown")
        nowhere = self.counts.filter(pl.col("state") == UNKNOWN_RESIDENCE).drop("state")
        joined = whole.join(nowhere, on="entity_id", how="left").join(
            self.bad_addresses, on="entity_id", how="left"
        )
        more = pl.col("returned").fill_null(0)
        return joined.with_columns(pl.col(name).fill_null(0) + more for name in _NUMBERS).select(
            "entity_id", "state", *_NUMBERS, "unknown"
        )

    def _by_state(self, per_state: pl.DataFrame) -> pl.DataFrame:
        """Residents of each state, with the UNK bucket beside them.

        Where residence is known of nobody, the entity's own state stands in for the worst case.
        """
        listed = pl.col("state").is_in(self.jurisdictions)
        unknown = per_state.filter(pl.col("state") == UNKNOWN_RESIDENCE)
        unknown = unknown.select("entity_id", unknown="upper")
        own = unknown.select("entity_id").join(self.entities, on="entity_id").filter(listed)
        known = per_state.filter(listed).select("entity_id", "state", *_NUMBERS)
        own = own.join(known, on=["entity_id", "state"], how="anti").with_columns(**_ZERO)
        return (
            pl.concat([known, own.select(known.columns)])
            .join(unknown, on="entity_id", how="left")
            .with_columns(pl.col("unknown").fill_null(0))
        )


def _with_kinds(
    per_state: pl.DataFrame, elements: pl.DataFrame, kinds: frozenset[str]
) -> pl.DataFrame:
    """`per_state` with the numbers of those people only whose data a statute names.

    Somebody of whose data nothing is known, or only that it is of a kind without a name, counts too:
    it may be any. Merged people can have together what neither has alone, so upper is at least confirmed.
    """
    sets = elements["elements"].unique().sort()
    wanted = kinds | {_UNNAMED_KIND}
    held = [set(text.split("|")) for text in sets.to_list()]
    hit = [text for text, of in zip(sets, held, strict=True) if not text or (_NAME in of and of & wanted)]  # fmt: skip
    found = (
        elements.filter(pl.col("elements").is_in(hit))
        .group_by("entity_id", "state")
        .agg(pl.col(name).sum() for name in _NUMBERS)
    )
    met = per_state.select("entity_id", "state").join(found, on=["entity_id", "state"], how="left")
    upper = pl.max_horizontal("upper", "confirmed")
    return met.with_columns(pl.col(_NUMBERS).fill_null(0)).with_columns(
        upper=upper, expected=pl.col("expected").clip(pl.col("confirmed"), upper)
    )


def unreachable(workspace: Workspace, *, refused_is_told: bool) -> pl.DataFrame:
    """One row per entity: `entity_id, returned`, people whose last letter came back.

    A later letter that did not come back cures it.
    """
    last = under_present_ids(workspace, last_pieces(workspace))
    came_back = (pl.col("channel") == "mail") & (pl.col("state") == PieceState.RETURNED)
    if refused_is_told:
        came_back &= ~pl.col("detail").is_in(NOT_TAKEN).fill_null(value=False)
    found = last.filter(came_back).group_by("entity_id")
    people = pl.col("person_id").n_unique().cast(pl.Int64)
    return found.agg(returned=people).sort("entity_id").collect()


def crosses(rule: Rule) -> pl.Expr:
    """`confirmed`, `expected`, `upper` or `no`: the most certain number that passes the rule's line.

    A line from below (`lt`) is passed only when even the upper number stays under it, because plans are
    made on upper and the other side of the same line is planned then. Expected is rounded to people.
    """
    if rule.min_op == "lt":
        passed = (pl.col("upper") < rule.min_n) & (pl.col("upper") > 0)
        surest = (
            pl.when(pl.col("confirmed") > 0)
            .then(pl.lit("confirmed"))
            .when(pl.col("expected").round() > 0)
            .then(pl.lit("expected"))
            .otherwise(pl.lit("upper"))
        )
        return pl.when(passed).then(surest).otherwise(pl.lit("no"))
    return (
        pl.when(_passes(rule, pl.col("confirmed")))
        .then(pl.lit("confirmed"))
        .when(_passes(rule, pl.col("expected").round()))
        .then(pl.lit("expected"))
        .when(_passes(rule, pl.col("upper") + pl.col("unknown")))
        .then(pl.lit("upper"))
        .otherwise(pl.lit("no"))
    )


def count_used(rule: Rule) -> pl.Expr:
    """The number compared with the line: upper, with unknown residence where only that passes it."""
    worst = pl.col("upper") + pl.col("unknown")
    flips = _passes(rule, worst) & ~_passes(rule, pl.col("upper"))
    return pl.when(flips).then(worst).otherwise(pl.col("upper"))


def _passes(rule: Rule, count: pl.Expr) -> pl.Expr:
    return {"ge": count >= rule.min_n, "gt": count > rule.min_n, "lt": count < rule.min_n}[
        rule.min_op
    ]
