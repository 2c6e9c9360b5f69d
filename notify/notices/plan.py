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
from notify.notices import choose
from notify.notices.common import Common, common
from notify.notices.decide import decided, with_address
from notify.notices.entities import default_due
from notify.notices.settings import NoticesSettings
from notify.notices.substitutes import counted, substitutes
from notify.notices.voices import KINDS, Voices
from notify.records import people_in_ranges

__all__ = ["PAIRS_AT_ONCE", "run"]

PAIRS_AT_ONCE = 1_000_000
"""About 1 GB while they are decided, and as much again while the slice before is written."""
_ID_LENGTH = 15
_PAIR = ["person_id", "entity_id"]
_SAID_BY = {
    "deceased": ("deceased", "said_deceased", "reported_dead"),
    "confidential": ("confidential", "said_confidential"),
}
"""Flag -> the columns that may say it: records, entities, the post."""
_OF_PLACE = ("state", "source", "longest", "faults", "lacks", "care_of")
_SOURCES = {"master": "CE_MASTER", "leaked": "LEAK"}


@dataclass(frozen=True, slots=True)
class Slice:
    """A range of people: their pairs (`own`), and their records in the order of seats (`members`)."""

    own: pl.DataFrame
    members: pl.DataFrame
    voices: Voices


def run(workspace: Workspace, settings: NoticesSettings) -> None:
    """Write `notices`, `ledger` and `substitutes`: every (person, entity) of `ownership` in exactly one state."""
    with ThreadPoolExecutor(1) as aside:  # hashing holds the interpreter, polars does not
        known = common(workspace, settings, aside)
        states = _write(workspace, known, aside)
    log_counts("notices", **{state.replace("-", ""): states[state] for state in sorted(states)})


def _write(workspace: Workspace, known: Common, aside: ThreadPoolExecutor) -> dict[str, int]:
    """Decide and write slice by slice, writing one while the next is decided; gives rows a state."""
    states: dict[str, int] = {}
    unreached: list[pl.DataFrame] = []
    written: Future[None] | None = None
    with workspace.writer("notices") as notices, workspace.writer("ledger") as ledger:
        for index, part in enumerate(_slices(workspace, known)):
            pairs = _decide(workspace, known, part)
            if written:
                written.result()
            written = aside.submit(_put, workspace, index, pairs, notices, ledger)
            unreached.append(counted(pairs))
            for state, rows in pairs["ledger_state"].value_counts().iter_rows():
                states[state] = states.get(state, 0) + rows
        if written:
            written.result()
    workspace.write("substitutes", substitutes(unreached))
    return states


def _put(
    workspace: Workspace, index: int, pairs: pl.DataFrame, notices: Writer, ledger: Writer
) -> None:
    notices.put(index, _notices(workspace, pairs))
    ledger.put(index, pairs.select(*_PAIR, state="ledger_state", reason="reason"))


def _slices(workspace: Workspace, known: Common) -> Iterator[Slice]:
    """Everyone once, in the order of person ids."""
    pairs = records = 0
    for people in people_in_ranges(workspace.rows("ownership"), PAIRS_AT_ONCE):
        own = workspace.scan("ownership").filter(people).select(*_PAIR, "status").collect()
        members = _members(workspace, known, people, first=records)
        heard = known.voices.between(records, records + members.height)
        assert heard.members.equals(members["member"]), "members are in the order of their key"
        who = members.select("person_id", "who").unique("person_id")
        own = own.with_row_index("pair").join(
            who, on="person_id", how="left", maintain_order="left"
        )
        own = own.with_columns(
            known.numbers.slice(pairs, own.height).alias("reference_no"),
            entity=pl.when(pl.col("entity_id") != UNOWNED).then("entity_id").cast(known.entities),
        )
        yield Slice(own, members, heard)
        pairs, records = pairs + own.height, records + members.height


def _members(workspace: Workspace, known: Common, people: pl.Expr, *, first: int) -> pl.DataFrame:
    """`seat, who, person_id, member, side, entity`: who numbers the people of the slice."""
    return (
        workspace.scan("members")
        .filter(people)
        .select(
            "person_id",
            "side",
            member="mention_id",
            entity=pl.col("entity_id").cast(known.entities, strict=False),
        )
        .collect()
        .with_row_index("seat", offset=first)
        .with_columns(who=pl.col("person_id").rle_id())
    )


def _decide(workspace: Workspace, known: Common, part: Slice) -> pl.DataFrame:
    """The pairs of a slice with all that decides, and the decision, sorted by their key."""
    wide = _with_people(workspace, known, part)
    wide = wide.join(known.by_entity, on="entity_id", how="left")
    wide = wide.join(known.told, on=_PAIR, how="left").with_columns(
        pl.col("told_by").fill_null("undecided")
    )
    wide = wide.join(_places_of(known, part), on="pair", how="left")
    wide = _with_printed(with_address(wide), part, known.names)
    due = pl.min_horizontal("due_on", "state_due_on").fill_null(default_due(known.settings))
    wide = wide.join(known.state_due, on=["entity_id", "state"], how="left")
    return decided(wide.with_columns(due_on=due), known.settings).sort(_PAIR)


def _with_people(workspace: Workspace, known: Common, part: Slice) -> pl.DataFrame:
    """Add what holds for the person, and the best records of each kind at the entity."""
    said, settings = part.voices.said, known.settings
    inside = pl.col("person_id").is_between(*_ends(part.own["person_id"]))
    columns = ["person_id", "affected", "deceased", "minor_on", "language"]
    persons = workspace.scan("persons").filter(inside).select(columns).collect()
    near = choose.near(part.own, part.members, part.voices.owners)
    wide = part.own.join(persons, on="person_id", how="left")
    wide = wide.join(known.suppressed, on=_PAIR, how="left")
    wide = wide.join(known.by_post, on="person_id", how="left")
    wide = wide.join(choose.of_people(part.members, said), on="who", how="left")
    wide = wide.join(choose.of_pairs(near, said), on="pair", how="left")
    wide = wide.with_columns(consent_on=choose.as_of(pl.col("consent")))
    wide = wide.join(known.answered, on=_PAIR, how="left")
    anyone = ("name", *(KINDS if settings.mailing.cross_entity_addresses else ()))
    return wide.with_columns(
        *(pl.coalesce(kind, f"any_{kind}").alias(kind) for kind in anyone),
        pl.col("affected").fill_null("confirmed"),
        pl.col("disputed", "order_unclear", "known_bad", "representative_unclear").fill_null(
            value=False
        ),
        *(
            pl.any_horizontal(pl.col(source).fill_null(value=False) for source in sources).alias(
                flag
            )
            for flag, sources in _SAID_BY.items()
        ),
        pl.col("language").fill_null("en"),
    )


def _places_of(known: Common, part: Slice) -> pl.DataFrame:
    """`pair` and what was told of its address since: place_id, _kind, _on, _whole, _source and what it would print."""
    met = part.own.select("pair", *_PAIR).join(known.places, on="person_id", suffix="_of")
    own = met.filter(
        pl.col("entity_id_of").is_null() | (pl.col("entity_id_of") == pl.col("entity_id"))
    )
    latest = own.sort("told_on", "source", "told_address", descending=[False, True, False])
    last = latest.group_by("pair", maintain_order=True).last()
    return last.select(
        "pair",
        place_id="told_address",
        **{
            f"place_{name}": name
            for name in (
                "kind",
                "whole",
                "source",
                "state",
                "longest",
                "faults",
                "lacks",
                "care_of",
            )
        },
        place_on="told_on",
    )


def _ends(ordered: pl.Series) -> tuple[pl.Expr, pl.Expr]:
    first, last = ordered.head(1).to_list(), ordered.tail(1).to_list()
    return pl.lit(first[0] if first else ""), pl.lit(last[0] if last else "")


def _with_printed(wide: pl.DataFrame, part: Slice, names: pl.DataFrame) -> pl.DataFrame:
    """Add what the window would show: its faults, its longest line, and the state of the address."""
    met = _with_chosen(wide, part).join(names, on=_PAIR, how="left")
    told = pl.col("told_address").is_not_null()
    of_place = {name: pl.when(told).then(f"place_{name}") for name in _OF_PLACE}
    printed_name = _length(pl.col("name_longest")) + _length(pl.col("name_told_longest"))
    too_long = pl.when(
        pl.col("name_told_longest").is_not_null() & (printed_name >= printed.NAME["recipient_name"])
    )
    faults = ("name_faults", "faults", "print_faults", "name_told_faults", of_place["faults"])
    texts = (pl.col(f).cast(pl.String) if isinstance(f, str) else f for f in faults)
    joined = pl.concat_str(
        *texts, too_long.then(pl.lit("too_long:recipient_name")), separator=",", ignore_nulls=True
    )
    lacking = pl.any_horizontal(
        "name_lacks", "lacks", "print_lacks", "name_told_lacks", of_place["lacks"]
    )
    no_glyph = pl.when(lacking).then(pl.lit("no_glyph:printed_line"))
    lengths = (_length(pl.col(c)) for c in ("name_longest", "longest", "name_told_longest"))
    of_record = pl.col("side").replace_strict(_SOURCES, default=None, return_dtype=pl.String)
    return met.with_columns(
        faults=pl.coalesce(pl.when(joined != "").then(joined), no_glyph),
        longest_line=pl.when(told | pl.col("address_member").is_not_null()).then(
            pl.max_horizontal(*lengths, of_place["longest"])
        ),
        representative_named=pl.coalesce(
            of_place["care_of"].is_not_null() & told, "care_of"
        ).fill_null(value=False)
        | pl.col("care_of").fill_null(value=False),
        state=pl.coalesce(of_place["state"], pl.col("state").cast(pl.String)),
        address_source=pl.coalesce(of_place["source"], of_record),
        address_as_of=pl.coalesce(pl.when(told).then("place_on"), "address_as_of"),
    )


def _length(characters: pl.Expr) -> pl.Expr:
    return characters.cast(pl.Int64).fill_null(0)


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
        wave=_wave(),
        email_member=pl.when(pl.col("channel") == "email").then("agreed_member"),
        remail_of=pl.when(~_already_told()).then("told_piece"),
        authority=pl.when(pl.col("ledger_state") == "excluded").then("authority"),
    )
    names = due.select(name=pl.concat_str(*_PAIR, "wave", separator="|"))["name"]
    ids = workspace.keys.mint("notice", names, length=_ID_LENGTH)
    return due.with_columns(notice_id=ids).select(list(TABLES["notices"].columns))


def _already_told() -> pl.Expr:
    return pl.col("reason").str.starts_with("already_told") | (
        pl.col("ledger_state") == "uncertain"
    )


def _wave() -> pl.Expr:
    """1 for a first notice; a notice in place of an earlier one comes after it, one already out keeps its own."""
    later = pl.when(_already_told()).then("told_wave").otherwise(pl.col("told_wave") + 1)
    return later.fill_null(1).cast(pl.Int32)
