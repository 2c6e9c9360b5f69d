"""What each record has to say for a letter, in numbers: one pass over the records, in file order.

`members`, the cleaned and the delivered records and `row_owners` come in; narrow frames in the order
of `members` go out, so that a range of people is a range of rows. A record's place in that order is
its `seat`. Texts are made here, judged and let go: about 80 bytes a record stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from matching.store import Workspace
from notify import printed
from notify.records import records_in_order
from notify.typeset import unprintable

__all__ = ["KINDS", "Hearing", "Voices", "lacks_glyph", "voices"]

KINDS = ("representative", "alternate", "home")
"""Kinds of addresses of a record; their place here is their number in `places`."""
FACT_ONLY = date(1900, 1, 1)
"""deceased_on where the fact of death is known and not its day."""
_OWN_ROW, _POSSIBLE_ROW = 1, 2
_FORMATS = {"large_print": r"large|big", "braille": r"brail", "audio": r"audio|spoken|\bcd\b|phone"}
"""Alternative format -> what a delivered text says of it (Section 504, 45 CFR 84)."""
_NO_FORMAT = frozenset({"", "none", "no", "n", "standard", "regular", "print", "0", "false"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """What a pass needs to know beside the tables."""

    as_of: date
    scopes: tuple[str, ...]
    entities: pl.Enum


@dataclass(frozen=True, slots=True)
class Voices:
    """Frames sorted by seat.

    `members`: `member`, a row per seat. `said`: flags and dates of each record that is not excluded.
    `places`: one row per address that a letter can be sent to. `owners`: covered entities by row.
    """

    members: pl.Series
    said: pl.DataFrame
    places: pl.DataFrame
    owners: pl.DataFrame

    def without(self, records: pl.DataFrame) -> Voices:
        """The same without these addresses (member, kind): nothing is sent there again."""
        if records.is_empty():
            return self
        seats = self.members.alias("member").to_frame().with_row_index("seat")
        gone = seats.join(records, on="member").group_by("seat").agg(gone=pl.col("kind"))
        met = self.said.join(gone, on="seat", how="left", maintain_order="left")
        left = (
            (pl.col(kind) & ~pl.col("gone").list.contains(kind).fill_null(value=False)).alias(kind)
            for kind in KINDS
        )
        said = met.with_columns(left).drop("gone")
        return Voices(self.members, said, self.places, self.owners)

    def between(self, first: int, end: int) -> Voices:
        """The same for the seats from `first` up to `end`."""
        frames = (
            frame.slice(*_range(frame["seat"], first, end))
            for frame in (self.said, self.places, self.owners)
        )
        return Voices(self.members.slice(first, end - first), *frames)


def _range(seats: pl.Series, first: int, end: int) -> tuple[int, int]:
    start, stop = (int(seats.search_sorted(seat, side="left")) for seat in (first, end))
    return start, stop - start


def voices(workspace: Workspace, hearing: Hearing) -> Voices:
    """All records of all people. Bound: 80 bytes a record and one slice of `records_in_order`."""
    members = workspace.scan("members").select(member="mention_id").collect()["member"]
    seats = members.to_frame().with_row_index("seat").sort("member")
    parts = [
        (_said(found, hearing), _places(found), _owners(workspace, some, hearing.entities))
        for some, found in records_in_order(workspace, seats)
    ]
    said, places, owners = (
        pl.concat(frames).sort("seat", maintain_order=True) for frames in zip(*parts, strict=True)
    )
    return Voices(members, said, places, owners)


def _said(found: pl.DataFrame, hearing: Hearing) -> pl.DataFrame:
    withdrawn, consent = pl.col("email_consent_withdrawn_on"), pl.col("email_consent_on")
    agreed = pl.col("email").is_not_null() & pl.col("email_consent_scope").is_in(hearing.scopes)
    facts = found.lazy().select(
        "seat",
        *(printed.mailable(kind).fill_null(value=False).alias(kind) for kind in KINDS),
        name=printed.has_name(),
        as_of="address_as_of",
        # an alternative address is itself a request for confidential communication
        confidential=pl.col("confidential").fill_null(value=False)
        | pl.col("alternate_street").is_not_null(),
        consent_on=pl.when(agreed & (consent <= hearing.as_of)).then(consent),
        withdrawn_on=pl.when(withdrawn <= hearing.as_of).then(withdrawn),
        died_on=pl.when(pl.col("deceased_on") != FACT_ONLY).then("deceased_on"),
        alt_format=_category(_alt_format()),
    )
    texts = pl.col("^(raw_)?(first|middle|last)_name$"), "suffix"
    names = printed.nfc(found.select(*texts)).lazy().select(printed.name()).collect()
    judged = names.select(
        name_longest=_length(pl.col("recipient_name").str.len_chars()),
        name_faults=_category(printed.faults(printed.NAME)),
        name_lacks=lacks_glyph(names),
    )
    return pl.concat([facts.collect(), judged], how="horizontal")


def _alt_format() -> pl.Expr:
    """large_print, braille, audio or other; null where none was asked for."""
    text = pl.col("alt_format").str.strip_chars()
    asked = text.is_not_null() & ~text.is_in(sorted(_NO_FORMAT))
    named = pl.coalesce(
        pl.when(text.str.contains(words)).then(pl.lit(name)) for name, words in _FORMATS.items()
    )
    return pl.when(asked).then(named.fill_null("other"))


def _places(found: pl.DataFrame) -> pl.DataFrame:
    return pl.concat(_places_of(found, number, kind) for number, kind in enumerate(KINDS))


def _places_of(found: pl.DataFrame, number: int, kind: str) -> pl.DataFrame:
    usable = found.lazy().filter(printed.mailable(kind))
    lines = usable.select("seat", *printed.address(kind)).collect()
    texts = [name for name in lines.columns if name != "seat"]
    foreign = pl.col("country_iso2") != "US"
    nobody = pl.lit(None, dtype=pl.String)
    return lines.with_columns(recipient_name=nobody, lacks=lacks_glyph(lines.select(texts))).select(
        "seat",
        kind=pl.lit(number, dtype=pl.UInt8),
        longest=_length(printed.longest_line()),
        state=_category(pl.when(foreign).then(pl.lit("ZZ")).otherwise("state")),
        faults=_category(printed.faults({name: printed.LIMITS[name] for name in texts})),
        lacks="lacks",
        care_of=pl.col("care_of").is_not_null(),
    )


def _owners(workspace: Workspace, some: pl.DataFrame, entities: pl.Enum) -> pl.DataFrame:
    """`seat, entity, rank`: covered entities a leaked row may belong to."""
    inside = pl.lit(value=False)
    if some.height:
        inside = pl.col("mention_id").is_between(some["member"][0], some["member"][-1])
    confirmed = pl.col("status") == "confirmed"
    rank = pl.when(confirmed).then(_OWN_ROW).otherwise(_POSSIBLE_ROW).cast(pl.UInt8)
    entity = pl.col("entity_id").cast(entities, strict=False)
    rows = workspace.scan("row_owners").filter(inside)
    rows = rows.select(entity=entity, rank=rank, member="mention_id").drop_nulls("entity")
    return rows.join(some.lazy(), on="member").select("seat", "entity", "rank").collect()


def _length(characters: pl.Expr) -> pl.Expr:
    return characters.cast(pl.UInt32)


def _category(text: pl.Expr) -> pl.Expr:
    return text.cast(pl.Categorical)


def lacks_glyph(lines: pl.DataFrame) -> pl.Series:
    """Rows with a character that letters cannot print; only rows beyond ASCII are looked at."""
    beyond = pl.any_horizontal(pl.all().str.len_bytes() != pl.all().str.len_chars())
    odd = lines.select(lacks=beyond.fill_null(value=False))["lacks"]
    rows = odd.arg_true()
    if not len(rows):
        return odd
    text = lines[rows].select(text=pl.concat_str(pl.all(), ignore_nulls=True))["text"]
    return odd.scatter(rows, unprintable(text))
