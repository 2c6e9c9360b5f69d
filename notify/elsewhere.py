"""Addresses and names that no record holds: what the post, the vendor or a covered entity told us since.

`events` (with an address) and `responses` (corrections) come in; frames of printed parts go out. An address of
the post holds for the person at every entity, an entity's correction for its own notice alone. Both steps that
need them ask here: `notices`, which chooses, and `batches`, which prints.
"""

from __future__ import annotations

import polars as pl

from matching.store import Workspace
from notify import printed
from notify.answers import person_answers
from notify.renamed import under_present_ids
from notify.typeset import unprintable

__all__ = [
    "NAME_PARTS",
    "REPRESENTATIVE",
    "overlaid",
    "told_names",
    "told_places",
    "with_told_names",
]

_PAIR = ["person_id", "entity_id"]
_LINES = ("delivery_line", "delivery_line2", "city", "state", "zip5", "zip4")
_WHOLE = ("delivery_line", "city", "state", "zip5")
_JSON = pl.Struct({**dict.fromkeys(_LINES, pl.String), "source": pl.String})
NAME_PARTS = {
    "first_name": "name_first",
    "middle_name": "name_middle",
    "last_name": "name_last",
    "suffix": "name_suffix",
}
"""Field that an entity may correct -> the printed part it replaces."""
_ZIP = r"^(\d{5})(?:-?(\d{4}))?$"
REPRESENTATIVE = r"^([^|]+)\|([^|]+)\|\s*(.+?),?\s+([A-Za-z]{2})\s+(\d{5})(?:-(\d{4}))?\s*$"
"""`NAME | STREET | CITY ST ZIP`, as the response form asks for it."""


def told_places(workspace: Workspace) -> pl.DataFrame:
    """One row per address that was told since, and what stands in the window with it.

    `told_address` (id of the event or response), `person_id`, `entity_id` (null: every entity), `kind` (home or
    representative), `told_on`, `source` (NCOA or CE_REPLY), `whole` (it needs no record beside it), care_of and
    the address lines, `longest` in characters, `faults` (null: none), `lacks` a glyph.
    """
    found = pl.concat([_from_post(workspace), *_from_entities(workspace)])
    lines = found.select("care_of", *_LINES)
    last = pl.concat_str(["city", "state", "zip5"], separator=" ", ignore_nulls=True)
    lengths = (pl.col(c).str.len_chars() for c in ("care_of", "delivery_line", "delivery_line2"))
    limits = {name: printed.LIMITS[name] for name in lines.columns}
    text = found.select(pl.concat_str("care_of", *_LINES, ignore_nulls=True)).to_series()
    return found.with_columns(
        whole=pl.all_horizontal(pl.col(part).is_not_null() for part in _WHOLE),
        longest=pl.max_horizontal(*lengths, last.str.len_chars()).cast(pl.Int64),
        faults=pl.concat_str(
            printed.faults(limits), *_odd(), separator=",", ignore_nulls=True
        ).replace("", None),
        lacks=unprintable(text),
    ).sort("told_on", "source", "told_address")


def _odd() -> list[pl.Expr]:
    """What is no state and no ZIP code of the United States, where one was told."""
    forms = {"state": r"^[A-Z]{2}$", "zip5": r"^\d{5}$"}
    return [
        pl.when(~pl.col(name).str.contains(form)).then(pl.lit(f"not_readable:{name}"))
        for name, form in forms.items()
    ]


def _from_post(workspace: Workspace) -> pl.DataFrame:
    """New addresses that came with moves and returns; an unfinished one is no address."""
    told = workspace.scan("events").filter(
        pl.col("address").is_not_null(), pl.col("kind").is_in(["moved", "returned"])
    )
    rows = under_present_ids(workspace, told).select(
        "person_id", "event_id", "dated_on", parts=pl.col("address").str.json_decode(_JSON)
    )
    places = rows.collect().unnest("parts")
    return _complete(
        places.filter(pl.all_horizontal(pl.col(part).is_not_null() for part in _WHOLE)).with_columns(
            told_address="event_id", told_on="dated_on", kind=pl.lit("home"), source=pl.lit("NCOA")
        )
    )  # fmt: skip


def _from_entities(workspace: Workspace) -> list[pl.DataFrame]:
    """What entities corrected of their own patients' addresses, and whom they named for the deceased."""
    said = person_answers(workspace)
    zips = pl.col("zip").str.strip_chars()
    home = said.with_columns(
        delivery_line=_plain("street"),
        city=_plain("city"),
        state=_plain("state"),
        # a ZIP that is none stays as it is: too long, so the notice waits for a person
        zip5=pl.coalesce(zips.str.extract(_ZIP, 1), zips),
        zip4=zips.str.extract(_ZIP, 2),
        kind=pl.lit("home"),
    )
    corrected = pl.any_horizontal(pl.col(c).is_not_null() for c in _WHOLE)
    named = said.drop_nulls("representative").with_columns(
        _group(place).alias(column)
        for place, column in enumerate(("name", "delivery_line", "city", "state", "zip5", "zip4"), 1)
    )  # fmt: skip
    named = named.with_columns(care_of="C/O " + pl.col("name"), kind=pl.lit("representative"))
    return [
        _complete(
            rows.with_columns(
                told_address=pl.concat_str("kind", *_PAIR, "said_on", separator="|"),
                told_on="said_on",
                source=pl.lit("CE_REPLY"),
            )
        )
        for rows in (home.filter(corrected), named)
    ]


def _plain(column: str) -> pl.Expr:
    text = pl.col(column).str.to_uppercase().str.replace_all(r"\s+", " ").str.strip_chars()
    return pl.when(text != "").then(text)


def _group(number: int) -> pl.Expr:
    return (
        pl.col("representative")
        .str.extract(REPRESENTATIVE, number)
        .str.to_uppercase()
        .str.strip_chars()
    )


def _complete(rows: pl.DataFrame) -> pl.DataFrame:
    texts = ("told_address", *_PAIR, "kind", "source", "care_of", *_LINES)
    return rows.select(
        *(
            (pl.col(name) if name in rows.columns else pl.lit(None)).cast(pl.String).alias(name)
            for name in texts
        ),
        pl.col("told_on").cast(pl.Date),
    )


def told_names(workspace: Workspace) -> pl.DataFrame:
    """One row per person and entity that corrected the name.

    `person_id, entity_id`, the printed parts (null: as recorded), `name_told_longest` in characters,
    `name_told_faults` (null: none), `name_told_lacks` a glyph.
    """
    said = person_answers(workspace)
    parts = said.select(*_PAIR, *(_plain(field).alias(to) for field, to in NAME_PARTS.items()))
    names = list(NAME_PARTS.values())
    some = parts.filter(pl.any_horizontal(pl.col(name).is_not_null() for name in names))
    text = some.select(pl.concat_str(names, ignore_nulls=True)).to_series()
    joined = pl.concat_str(names, separator=" ", ignore_nulls=True)
    return some.with_columns(
        name_told_longest=joined.str.len_chars().cast(pl.Int64),
        name_told_faults=printed.faults({name: printed.NAME[name] for name in names}),
        name_told_lacks=unprintable(text),
    )


def with_told_names(workspace: Workspace, rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` (person_id, entity_id, recipient_name and its parts) with what entities corrected in its place."""
    names = told_names(workspace)
    if names.is_empty():
        return rows
    named = rows.join(names, on=_PAIR, how="left", suffix="_told", maintain_order="left")
    told = [f"{name}_told" for name in NAME_PARTS.values()]
    changed = pl.any_horizontal(pl.col(name).is_not_null() for name in told)
    parts = {name: pl.coalesce(f"{name}_told", name) for name in NAME_PARTS.values()}
    whole = pl.concat_str(list(parts.values()), separator=" ", ignore_nulls=True)
    said = pl.when(changed).then(whole).otherwise("recipient_name")
    return named.with_columns(recipient_name=said, **parts).select(rows.columns)


def overlaid(workspace: Workspace, rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` (person_id, entity_id, told_address, and the printed lines of records) as they go out.

    Told parts take the place of the record's; a new street takes its second line and ZIP+4 with it.
    """
    rows = with_told_names(workspace, rows)
    asked = rows["told_address"].drop_nulls()
    if asked.is_empty():
        return rows
    places = told_places(workspace).filter(pl.col("told_address").is_in(asked.implode()))
    places = places.select("told_address", "care_of", *_LINES)
    met = rows.join(places, on="told_address", how="left", suffix="_told", maintain_order="left")
    street, moved = pl.col("delivery_line_told").is_not_null(), pl.col("zip5_told").is_not_null()
    kept = {name: pl.coalesce(f"{name}_told", name) for name in ("care_of", *_LINES)}
    kept["delivery_line2"] = pl.when(street).then("delivery_line2_told").otherwise("delivery_line2")
    kept["zip4"] = pl.when(street | moved).then("zip4_told").otherwise("zip4")
    kept["country_iso2"] = pl.when(street).then(pl.lit("US")).otherwise("country_iso2")
    abroad = ("intl_line1", "intl_line2", "country_line")
    kept |= {name: pl.when(~street).then(name) for name in abroad}
    return met.with_columns(**kept).select(rows.columns)
