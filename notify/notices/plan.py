"""The `notices` step: put together what is known of each pair, decide, write, in slices of people.

A slice is a range of person ids: the decisions need memory for `PAIRS_AT_ONCE` pairs whatever the size
of the incident, and the rows do not depend on how many slices there are. What stays all the time is
one number per pair (the reference, 16 bytes) and the voices of all records (80 bytes each).
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import polars as pl

from matching.store import Workspace, Writer, log_counts
from matching.tables import TABLES, UNOWNED
from notify import printed
from notify.answers import PRINTED, person_answers
from notify.duties import earliest_by
from notify.notices import choose
from notify.notices.decide import decided, with_address
from notify.notices.entities import default_due, holds, told_by
from notify.notices.references import reference_numbers
from notify.notices.settings import NoticesSettings
from notify.notices.told import told
from notify.notices.voices import KINDS, Hearing, Voices, lacks_glyph, voices
from notify.records import people_in_ranges

__all__ = ["PAIRS_AT_ONCE", "run"]

PAIRS_AT_ONCE = 1_000_000
"""About 1 GB while they are decided, and as much again while the slice before is written."""
_ID_LENGTH = 15
PRINT_NAME_MAX = 120
"""Characters of ce_print_name in a mail file (DOMAIN 5.3)."""
_PAIR = ["person_id", "entity_id"]
_SOURCES = {"master": "CE_MASTER", "leaked": "LEAK"}


@dataclass(frozen=True, slots=True)
class Common:
    """What every slice needs: small frames by entity, and what is known of all pairs and records."""

    settings: NoticesSettings
    entities: pl.Enum
    by_entity: pl.DataFrame
    state_due: pl.DataFrame
    suppressed: pl.DataFrame
    told: pl.DataFrame
    answered: pl.DataFrame
    voices: Voices
    numbers: pl.Series


@dataclass(frozen=True, slots=True)
class Slice:
    """A range of people: their pairs (`own`), and their records in the order of seats (`members`)."""

    own: pl.DataFrame
    members: pl.DataFrame
    voices: Voices


def run(workspace: Workspace, settings: NoticesSettings) -> None:
    """Write `notices` and `ledger`: every (person, entity) of `ownership` in exactly one state."""
    with ThreadPoolExecutor(1) as aside:  # hashing holds the interpreter, polars does not
        common = _common(workspace, settings, aside)
        states = _write(workspace, common, aside)
    log_counts("notices", **{state.replace("-", ""): states[state] for state in sorted(states)})


def _common(workspace: Workspace, settings: NoticesSettings, aside: ThreadPoolExecutor) -> Common:
    earlier = told(workspace)
    pairs = workspace.scan("ownership").select(_PAIR).collect()
    assert pairs["person_id"].is_sorted(), "ownership is in the order of its key"
    entities = pl.Enum(pairs["entity_id"].unique().drop_nulls().sort())
    numbers = aside.submit(reference_numbers, workspace, pairs, earlier)
    del pairs
    reminders = settings.counsel.reminder_opt_in_is_email_consent
    scopes = ("notices", "all", *(["reminders"] if reminders else []))
    heard = voices(workspace, Hearing(as_of=settings.as_of, scopes=scopes, entities=entities))
    due = earliest_by(workspace)
    return Common(
        settings=settings,
        entities=entities,
        by_entity=_by_entity(workspace, settings, due),
        state_due=due.drop_nulls("state").rename({"due_on": "state_due_on"}),
        suppressed=_suppressed(workspace),
        told=earlier,
        answered=_answered(workspace),
        voices=heard,
        numbers=numbers.result(),
    )


def _by_entity(workspace: Workspace, settings: NoticesSettings, due: pl.DataFrame) -> pl.DataFrame:
    """`entity_id, told_by, hold, due_on, print_faults, print_lacks`, a row per entity of the roster."""
    held = holds(workspace, settings)
    for_all = held.filter(pl.col("entity_id").is_null())["hold"]
    everywhere = pl.lit(for_all[0] if len(for_all) else None, dtype=pl.String)
    roster = workspace.read("entities", ["entity_id", "print_name"])
    frames = (
        told_by(workspace),
        held.drop_nulls("entity_id"),
        due.filter(pl.col("state").is_null()).drop("state"),
    )
    for frame in frames:
        roster = roster.join(frame, on="entity_id", how="full", coalesce=True)
    return roster.select(
        "entity_id",
        "told_by",
        "due_on",
        hold=pl.coalesce("hold", everywhere),
        print_faults=printed.faults({"print_name": PRINT_NAME_MAX}),
        print_lacks=lacks_glyph(roster.select("print_name")),
    )


def _answered(workspace: Workspace) -> pl.DataFrame:
    """`person_id, entity_id, disputed, corrected, said_deceased, said_confidential`: entities' own words.

    Death and a wish for confidential communications hold for the person, whoever said so; that the person
    is no patient, and another name or address, for that entity's notice alone.
    """
    said = person_answers(workspace)
    person = said.group_by("person_id").agg(
        said_deceased=(pl.col("deceased") == pl.lit(value=True)).any(),
        said_confidential=(pl.col("confidential") == pl.lit(value=True)).any(),
    )
    pairs = workspace.scan("ownership").select(_PAIR).join(person.lazy(), on="person_id").collect()
    own = said.select(
        *_PAIR,
        "disputed",
        corrected=pl.any_horizontal(pl.col(field).is_not_null() for field in PRINTED),
    )
    return pairs.join(own, on=_PAIR, how="left")


def _suppressed(workspace: Workspace) -> pl.DataFrame:
    """`person_id, suppressed` of people with a record that somebody ordered to leave out."""
    orders = workspace.scan("suppressions").select("record_id", "reason")
    rows = workspace.scan("members").select("person_id", "record_id").join(orders, on="record_id")
    return (
        rows.group_by("person_id")
        .agg(suppressed=pl.col("reason").min())
        .collect(engine="streaming")
    )


def _write(workspace: Workspace, common: Common, aside: ThreadPoolExecutor) -> dict[str, int]:
    """Decide and write slice by slice, writing one while the next is decided; gives rows a state."""
    states: dict[str, int] = {}
    written: Future[None] | None = None
    with workspace.writer("notices") as notices, workspace.writer("ledger") as ledger:
        for index, part in enumerate(_slices(workspace, common)):
            pairs = _decide(workspace, common, part)
            if written:
                written.result()
            written = aside.submit(_put, workspace, index, pairs, notices, ledger)
            for state, rows in pairs["ledger_state"].value_counts().iter_rows():
                states[state] = states.get(state, 0) + rows
        if written:
            written.result()
    return states


def _put(
    workspace: Workspace, index: int, pairs: pl.DataFrame, notices: Writer, ledger: Writer
) -> None:
    notices.put(index, _notices(workspace, pairs))
    ledger.put(index, pairs.select(*_PAIR, state="ledger_state", reason="reason"))


def _slices(workspace: Workspace, common: Common) -> Iterator[Slice]:
    """Everyone once, in the order of person ids."""
    pairs = records = 0
    for people in people_in_ranges(workspace.rows("ownership"), PAIRS_AT_ONCE):
        own = workspace.scan("ownership").filter(people).select(*_PAIR, "status").collect()
        members = _members(workspace, common, people, first=records)
        heard = common.voices.between(records, records + members.height)
        assert heard.members.equals(members["member"]), "members are in the order of their key"
        who = members.select("person_id", "who").unique("person_id")
        own = own.with_row_index("pair").join(
            who, on="person_id", how="left", maintain_order="left"
        )
        own = own.with_columns(
            common.numbers.slice(pairs, own.height).alias("reference_no"),
            entity=pl.when(pl.col("entity_id") != UNOWNED).then("entity_id").cast(common.entities),
        )
        yield Slice(own, members, heard)
        pairs, records = pairs + own.height, records + members.height


def _members(workspace: Workspace, common: Common, people: pl.Expr, *, first: int) -> pl.DataFrame:
    """`seat, who, person_id, member, side, entity`: who numbers the people of the slice."""
    return (
        workspace.scan("members")
        .filter(people)
        .select(
            "person_id",
            "side",
            member="mention_id",
            entity=pl.col("entity_id").cast(common.entities, strict=False),
        )
        .collect()
        .with_row_index("seat", offset=first)
        .with_columns(who=pl.col("person_id").rle_id())
    )


def _decide(workspace: Workspace, common: Common, part: Slice) -> pl.DataFrame:
    """The pairs of a slice with all that decides, and the decision, sorted by their key."""
    wide = _with_people(workspace, common, part)
    wide = wide.join(common.by_entity, on="entity_id", how="left")
    wide = wide.join(common.told, on=_PAIR, how="left").with_columns(
        pl.col("told_by").fill_null("undecided")
    )
    wide = _with_printed(with_address(wide), part)
    due = pl.min_horizontal("due_on", "state_due_on").fill_null(default_due(common.settings))
    wide = wide.join(common.state_due, on=["entity_id", "state"], how="left")
    return decided(wide.with_columns(due_on=due), common.settings).sort(_PAIR)


def _with_people(workspace: Workspace, common: Common, part: Slice) -> pl.DataFrame:
    """Add what holds for the person, and the best records of each kind at the entity."""
    said, settings = part.voices.said, common.settings
    inside = pl.col("person_id").is_between(*_ends(part.own["person_id"]))
    columns = ["person_id", "affected", "deceased", "minor_on", "language"]
    persons = workspace.scan("persons").filter(inside).select(columns).collect()
    near = choose.near(part.own, part.members, part.voices.owners)
    wide = part.own.join(persons, on="person_id", how="left")
    wide = wide.join(common.suppressed, on="person_id", how="left")
    wide = wide.join(choose.of_people(part.members, said), on="who", how="left")
    wide = wide.join(choose.of_pairs(near, said), on="pair", how="left")
    wide = wide.with_columns(consent_on=choose.as_of(pl.col("consent")))
    wide = wide.join(common.answered, on=_PAIR, how="left")
    anyone = ("name", *(KINDS if settings.mailing.cross_entity_addresses else ()))
    return wide.with_columns(
        *(pl.coalesce(kind, f"any_{kind}").alias(kind) for kind in anyone),
        pl.col("affected").fill_null("confirmed"),
        pl.col("disputed", "corrected").fill_null(value=False),
        *(
            pl.col(flag).fill_null(value=False) | pl.col(f"said_{flag}").fill_null(value=False)
            for flag in ("deceased", "confidential")
        ),
        pl.col("language").fill_null("en"),
    )


def _ends(ordered: pl.Series) -> tuple[pl.Expr, pl.Expr]:
    first, last = ordered.head(1).to_list(), ordered.tail(1).to_list()
    return pl.lit(first[0] if first else ""), pl.lit(last[0] if last else "")


def _with_printed(wide: pl.DataFrame, part: Slice) -> pl.DataFrame:
    """Add what the window would show: its faults, its longest line, and the state of the address."""
    faults = (pl.col(f).cast(pl.String) for f in ("name_faults", "faults", "print_faults"))
    found = pl.concat_str(faults, separator=",", ignore_nulls=True)
    lacking = pl.any_horizontal("name_lacks", "lacks", "print_lacks")
    no_glyph = pl.when(lacking).then(pl.lit("no_glyph:printed_line"))
    longest = pl.max_horizontal("name_longest", "longest").cast(pl.Int64)
    return _with_chosen(wide, part).with_columns(
        faults=pl.coalesce(pl.when(found != "").then(found), no_glyph),
        longest_line=pl.when(pl.col("address_member").is_not_null()).then(longest),
        representative_named=pl.col("care_of").fill_null(value=False),
        state=pl.col("state").cast(pl.String),
        address_source=pl.col("side").replace_strict(
            _SOURCES, default=None, return_dtype=pl.String
        ),
    )


def _with_chosen(wide: pl.DataFrame, part: Slice) -> pl.DataFrame:
    """Add what the pass over the records said of the chosen name and the chosen address."""
    seats = wide.with_columns(
        name_seat=choose.seat(pl.col("name")),
        address_seat=choose.seat(pl.col("address")),
        email_seat=choose.seat(pl.col("consent")),
        address_as_of=choose.as_of(pl.col("address")),
        kind=pl.col("address_kind").replace_strict(
            {kind: number for number, kind in enumerate(KINDS)}, default=None, return_dtype=pl.UInt8
        ),
    )
    named = part.members.select(name_seat="seat", name_member="member")
    agreed = part.members.select(email_seat="seat", agreed_member="member")
    texts = part.voices.said.select("^name_(longest|faults|lacks)$", name_seat="seat")
    at = part.members.select("side", address_seat="seat", address_member="member")
    lines = seats.join(named, on="name_seat", how="left").join(texts, on="name_seat", how="left")
    lines = lines.join(at, on="address_seat", how="left").join(agreed, on="email_seat", how="left")
    places = part.voices.places.rename({"seat": "address_seat"})
    return lines.join(places, on=["address_seat", "kind"], how="left")


def _notices(workspace: Workspace, pairs: pl.DataFrame) -> pl.DataFrame:
    """Rows of `notices`: all pairs but those without an entity and those no longer affected."""
    due = pairs.filter(pl.col("channel").is_not_null()).with_columns(
        wave=pl.col("told_wave").fill_null(1).cast(pl.Int32),
        email_member=pl.when(pl.col("channel") == "email").then("agreed_member"),
        remail_of=pl.lit(None, pl.String),
        alt_format=pl.lit(None, pl.String),
        told_address=pl.lit(None, pl.String),
    )
    names = due.select(name=pl.concat_str(*_PAIR, "wave", separator="|"))["name"]
    ids = workspace.keys.mint("notice", names, length=_ID_LENGTH)
    return due.with_columns(notice_id=ids).select(list(TABLES["notices"].columns))
