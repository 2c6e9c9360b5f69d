"""The `notices` step: put together what is known of each pair, decide, write, in slices of people.

A slice is a range of person ids, so that memory is bounded by `PAIRS_AT_ONCE` whatever the size of
the incident, and the rows do not depend on how many slices there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from matching.store import Workspace, log_counts
from matching.tables import TABLES, UNOWNED
from notify import printed
from notify.notices.choose import at_entities, best, consents, person_flags, usable
from notify.notices.decide import decided, with_address
from notify.notices.entities import default_due, due_dates, holds, told_by
from notify.notices.references import reference_numbers
from notify.notices.settings import NoticesSettings
from notify.notices.told import told
from notify.records import records
from notify.typeset import unprintable

__all__ = ["PAIRS_AT_ONCE", "run"]

PAIRS_AT_ONCE = 2_000_000
"""About 3 GB with the records of these people beside them."""
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""First characters of person ids, which are even: 32 slices at most, 64 million pairs."""
_ID_LENGTH = 15
PRINT_NAME_MAX = 120
"""Characters of ce_print_name in a mail file (DOMAIN 5.3)."""
_PAIR = ["person_id", "entity_id"]


@dataclass(frozen=True, slots=True)
class Common:
    """What every slice needs: small frames by entity, and numbers given over all people."""

    told: pl.DataFrame
    numbers: pl.DataFrame
    told_by: pl.DataFrame
    holds: pl.DataFrame
    due: pl.DataFrame
    print_names: pl.DataFrame


def run(workspace: Workspace, settings: NoticesSettings) -> None:
    """Write `notices` and `ledger`: every (person, entity) of `ownership` in exactly one state."""
    earlier = told(workspace)
    common = Common(
        told=earlier,
        numbers=_numbers(workspace, earlier),
        told_by=told_by(workspace),
        holds=holds(workspace, settings),
        due=due_dates(workspace),
        print_names=workspace.read("entities", ["entity_id", "print_name"]),
    )
    states: dict[str, int] = {}
    with workspace.writer("notices") as notices, workspace.writer("ledger") as ledger:
        for index, people in enumerate(_slices(workspace.rows("ownership"))):
            pairs = _decide_slice(workspace, settings, common, people)
            notices.put(index, _notices(workspace, pairs))
            ledger.put(index, _ledger(pairs))
            for state, rows in pairs["ledger_state"].value_counts().iter_rows():
                states[state] = states.get(state, 0) + rows
    log_counts("notices", **{state.replace("-", ""): states[state] for state in sorted(states)})


def _slices(pairs: int) -> Iterator[pl.Expr]:
    """Conditions on person_id, in order, that together hold for everyone once."""
    wanted = max(1, -(-pairs // PAIRS_AT_ONCE))
    count = min(1 << (wanted - 1).bit_length(), len(_LETTERS))
    starts = [_LETTERS[i * len(_LETTERS) // count] for i in range(count)]
    person = pl.col("person_id")
    for index in range(count):
        above = person >= starts[index] if index else pl.lit(value=True)
        below = person < starts[index + 1] if index + 1 < count else pl.lit(value=True)
        yield above & below


def _numbers(workspace: Workspace, earlier: pl.DataFrame) -> pl.DataFrame:
    pairs = workspace.scan("ownership").filter(pl.col("entity_id") != UNOWNED).select(_PAIR)
    return reference_numbers(workspace, pairs.sort(_PAIR).collect(engine="streaming"), earlier)


def _decide_slice(
    workspace: Workspace, settings: NoticesSettings, common: Common, people: pl.Expr
) -> pl.DataFrame:
    own = workspace.scan("ownership").filter(people).select(*_PAIR, "status").collect()
    members = _members(workspace, people)
    found = records(workspace, members.lazy()).collect(engine="streaming")
    wide = _with_people(workspace, own, members, found=found, settings=settings, people=people)
    wide = _with_entities(wide, common)
    wide = _with_choices(workspace, wide, members, found, settings)
    wide = _with_printed(with_address(wide), found)
    due = pl.min_horizontal("due_on", "state_due_on").fill_null(default_due(settings))
    state_due = common.due.drop_nulls("state").rename({"due_on": "state_due_on"})
    wide = wide.join(state_due, on=["entity_id", "state"], how="left").with_columns(due_on=due)
    return decided(wide, settings).sort(_PAIR)


def _members(workspace: Workspace, people: pl.Expr) -> pl.DataFrame:
    return (
        workspace.scan("members")
        .filter(people)
        .select(*_PAIR, "side", "record_id", member="mention_id")
        .collect(engine="streaming")
    )


def _with_people(
    workspace: Workspace,
    own: pl.DataFrame,
    members: pl.DataFrame,
    *,
    found: pl.DataFrame,
    settings: NoticesSettings,
    people: pl.Expr,
) -> pl.DataFrame:
    persons = workspace.scan("persons").filter(people)
    columns = ["person_id", "affected", "deceased", "minor_on", "language"]
    suppressions = workspace.read("suppressions", ["record_id", "reason"])
    suppressed = (
        members.join(suppressions, on="record_id")
        .group_by("person_id")
        .agg(suppressed=pl.col("reason").min())
    )
    flags = person_flags(members, found, as_of=settings.as_of)
    wide = own.join(persons.select(columns).collect(), on="person_id", how="left")
    wide = wide.join(suppressed, on="person_id", how="left").join(flags, on="person_id", how="left")
    return wide.with_columns(
        pl.col("affected").fill_null("confirmed"),
        pl.col("deceased", "confidential").fill_null(value=False),
        pl.col("language").fill_null("en"),
    )


def _with_entities(wide: pl.DataFrame, common: Common) -> pl.DataFrame:
    for_all = common.holds.filter(pl.col("entity_id").is_null())["hold"]
    everywhere = pl.lit(for_all[0] if len(for_all) else None, dtype=pl.String)
    due = common.due.filter(pl.col("state").is_null()).drop("state")
    held = common.holds.drop_nulls("entity_id")
    for frame in (common.told_by, held, due, common.print_names):
        wide = wide.join(frame, on="entity_id", how="left")
    wide = wide.join(common.told, on=_PAIR, how="left").join(common.numbers, on=_PAIR, how="left")
    return wide.with_columns(
        pl.col("told_by").fill_null("undecided"), hold=pl.coalesce("hold", everywhere)
    )


def _with_choices(
    workspace: Workspace,
    wide: pl.DataFrame,
    members: pl.DataFrame,
    found: pl.DataFrame,
    settings: NoticesSettings,
) -> pl.DataFrame:
    owners = (
        workspace.scan("row_owners")
        .select("entity_id", "status", member="mention_id")
        .join(members.lazy().select("member"), on="member", how="semi")
        .collect(engine="streaming")
    )
    speaking = at_entities(wide, members, owners)
    others = settings.mailing.cross_entity_addresses
    scopes = ["notices", "all"]
    if settings.counsel.reminder_opt_in_is_email_consent:
        scopes.append("reminders")
    frames = [
        best(speaking, found, test, others=others, prefix=kind) for kind, test in usable().items()
    ]
    frames.append(best(speaking, found, printed.has_name(), others=True, prefix="name"))
    frames.append(consents(speaking, found, as_of=settings.as_of, scopes=scopes))
    for frame in frames:
        wide = wide.join(frame, on=_PAIR, how="left")
    return wide


def _with_printed(wide: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Add what the window would show: its faults, its longest line, and the state of the address."""
    lines = printed.with_lines(wide, found)
    limits = {**printed.LIMITS, "print_name": PRINT_NAME_MAX}
    no_glyph = pl.when(_lacks_glyph(lines, list(limits))).then(pl.lit("no_glyph:printed_line"))
    addressed = pl.col("address_member").is_not_null()
    foreign = pl.col("country_iso2") != "US"
    return lines.with_columns(
        faults=pl.coalesce(printed.faults(limits), no_glyph),
        longest_line=pl.when(addressed).then(printed.longest_line()),
        representative_named=pl.col("care_of").is_not_null(),
        state=pl.when(addressed).then(pl.when(foreign).then(pl.lit("ZZ")).otherwise("state")),
    )


def _lacks_glyph(lines: pl.DataFrame, columns: list[str]) -> pl.Series:
    """Rows with a character that letters cannot print; only rows beyond ASCII are looked at."""
    text = lines.select(text=pl.concat_str(columns, ignore_nulls=True))["text"]
    odd = text.str.len_bytes() != text.str.len_chars()
    rows = odd.arg_true()
    lacking = unprintable(text.gather(rows))
    return odd.scatter(rows, lacking) if len(rows) else odd


def _notices(workspace: Workspace, pairs: pl.DataFrame) -> pl.DataFrame:
    """Rows of `notices`: all pairs but those without an entity and those no longer affected."""
    due = pairs.filter(pl.col("channel").is_not_null()).with_columns(
        wave=pl.col("told_wave").fill_null(1).cast(pl.Int32)
    )
    names = due.select(name=pl.concat_str(*_PAIR, "wave", separator="|"))["name"]
    ids = workspace.keys.mint("notice", names, length=_ID_LENGTH)
    return due.with_columns(notice_id=ids).select(list(TABLES["notices"].columns))


def _ledger(pairs: pl.DataFrame) -> pl.DataFrame:
    return pairs.select(*_PAIR, state="ledger_state", reason="reason")
