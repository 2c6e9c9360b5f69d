"""Practice names as free text, resolved to the roster within a state or town, never across states.

Distinct texts only; candidates are the roster's names of one state (or, where no state is known,
of the town that the text ends with), compared in DuckDB.
"""

from __future__ import annotations

import duckdb
import polars as pl

from matching.store import Workspace

__all__ = ["named_by_text", "practice_name"]

_SIMILAR_AT = 0.92
"""Jaro-Winkler: one or two slips in a name of twenty letters; two different words fall below."""
_MARGIN = 0.03
"""Names closer than this to the best one cannot be told apart by a text with slips."""
_LEGAL = r"\b(LLC|L L C|PLLC|P L L C|PC|P C|PA|P A|INC|LLP|LTD|CORP|CORPORATION|DDS|DMD|MD)\b"
_LEADING = r"^(THE|DR|DRS|OFFICE|OFFICES|OF|PRACTICE)\s+"
_ALSO = r"\b(D[./]?B[./]?A[./]?|T/A|A/K/A|AKA)(\s|:)"
_STATES = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|DC|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ"
    "|NM|NY|NC|ND|OH|OK|OR|PA|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|PR|VI|GU|AS|MP"
)

RESOLVE_SQL = """
with compared as (
    select
        said.text_id,
        roster.entity_id,
        said.name like '% ' || roster.city as in_town,
        case
            when said.name like '% ' || roster.city and roster.name not like '% ' || roster.city
            then left(said.name, length(said.name) - length(roster.city) - 1)
            else said.name
        end as short,
        said.name as whole,
        roster.name
    from said
    join roster on said.block = roster.block
    where said.block not like 'town %' or said.name like '% ' || roster.city
),
scored as (
    select
        text_id,
        entity_id,
        bool_or(in_town) as in_town,
        max(greatest(
            jaro_winkler_similarity(short, name),
            jaro_winkler_similarity(whole, name)
        )) as similarity
    from compared
    group by all
),
close as (
    select
        *,
        max(similarity) over (partition by text_id) as best,
        bool_or(in_town) over (partition by text_id) as any_in_town
    from scored
    where similarity >= $similar_at
)
select text_id, entity_id
from close
where (in_town or not any_in_town)
    and (similarity = best or (best < 1 and similarity >= best - $margin))
order by all
"""


def practice_name(text: pl.Expr) -> pl.Expr:
    """Upper case, letters and digits, no legal form, no 'Dr. office -' in front."""
    plain = text.str.normalize("NFKD").str.replace_all(r"\p{M}", "").str.to_uppercase()
    plain = plain.str.replace_all("&", " AND ").str.replace_all(r"['\u2019.]", "")
    plain = plain.str.replace_all(r"[^A-Z0-9]+", " ").str.strip_chars()
    plain = _spaced(plain.str.replace_all(_LEGAL, " "))
    for _ in range(3):  # "The offices of Dr ..." is the longest seen
        plain = plain.str.replace(_LEADING, "")
    return pl.when(plain != "").then(plain)


def named_by_text(workspace: Workspace, entities: pl.DataFrame) -> pl.DataFrame:
    """entity_hint, state, entity_id: what each distinct text names within its state or town.

    `state` is the row's own, used only where the text ends with none.
    """
    roster = _roster(entities)
    texts = (
        workspace.scan("leaked")
        .select("mention_id", "entity_hint")
        .drop_nulls("entity_hint")
        .join(
            workspace.scan("leaked_std").select("mention_id", "state"), on="mention_id", how="left"
        )
        .select("entity_hint", "state")
        .unique()
        .collect(engine="streaming")
        .sort("entity_hint", "state", nulls_last=True)
        .with_row_index("text_id")
    )
    said = _said(texts)
    with duckdb.connect() as con:
        con.register("said", said.to_arrow())
        con.register("roster", roster.to_arrow())
        params = {"similar_at": _SIMILAR_AT, "margin": _MARGIN}
        found = con.sql(RESOLVE_SQL, params=params).pl()
    return texts.join(found.cast({"text_id": pl.UInt32}), on="text_id").drop("text_id")


def _said(texts: pl.DataFrame) -> pl.DataFrame:
    """text_id, name, block: the parts of a text around DBA; the block is its state, else its town.

    A text that ends with MD or PA may end with a legal form: then the row's own state counts, too.
    """
    tail = pl.col("entity_hint").str.to_uppercase().str.extract(rf"[\s,]({_STATES})\.?\s*$")
    with_tail = texts.with_columns(tail=tail)
    own = with_tail.filter(pl.col("tail").is_null() | pl.col("tail").is_in(["MD", "PA"]))
    ended = with_tail.drop_nulls("tail").with_columns(
        pl.col("tail").alias("state"),
        pl.col("entity_hint").str.replace(r"[\s,]+[A-Za-z]{2}\.?\s*$", ""),
    )
    parts = pl.col("entity_hint").str.to_uppercase().str.replace_all(_ALSO, "|").str.split("|")
    rows = pl.concat([own, ended]).select("text_id", "state", parts.alias("name"))
    rows = rows.explode("name", empty_as_null=True, keep_nulls=True)
    rows = rows.with_columns(practice_name(pl.col("name"))).drop_nulls("name")
    block = pl.coalesce("state", pl.lit("town ") + _last_word(pl.col("name")))
    return rows.select("text_id", "name", block.alias("block")).unique(maintain_order=True)


def _roster(entities: pl.DataFrame) -> pl.DataFrame:
    """entity_id, name, city, block: every name of every covered entity, by state and by town."""
    practices = entities.filter(pl.col("kind") == "covered_entity")
    names = pl.concat_str("legal_name", "print_name", "aliases", separator="|", ignore_nulls=True)
    rows = practices.select("entity_id", "state", "city", names.str.split("|").alias("name"))
    rows = rows.explode("name", empty_as_null=True, keep_nulls=True)
    rows = rows.with_columns(
        practice_name(pl.col("name")),
        practice_name(pl.col("city")).fill_null("?"),
        pl.col("state").str.strip_chars().str.to_uppercase(),
    )
    town = pl.lit("town ") + _last_word(pl.col("city"))
    both = [rows.with_columns(block=pl.col("state")), rows.with_columns(block=town)]
    return pl.concat(both).drop_nulls(["name", "block"]).drop("state").unique(maintain_order=True)


def _last_word(text: pl.Expr) -> pl.Expr:
    return text.str.extract(r"(\S+)$")


def _spaced(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(r"\s+", " ").str.strip_chars()
