"""Practice names as free text, resolved to the roster within a state or town, never across states.

Distinct names only; candidates are the roster's names of one state (or, where no state is known,
of the town that the text ends with), compared in DuckDB. Names that share too few letters to be
alike are not compared: their similarity could not reach the threshold.
"""

from __future__ import annotations

import polars as pl

from matching.in_memory import in_memory

__all__ = ["PracticeNames", "name_places", "named_by_text", "practice_name", "practice_roster"]

_TEXT = ("entity_hint", "state")

_SIMILAR_AT = 0.92
"""Jaro-Winkler: one or two slips in a name of twenty letters; two different words fall below."""
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 "
_MARGIN = 0.03
"""Names closer than this to the best one cannot be told apart by a text with slips."""
_LEGAL = r"\b(LLC|L L C|PLLC|P L L C|PC|P C|PA|P A|INC|LLP|LTD|CORP|CORPORATION|DDS|DMD|MD)\b"
_LEADING = r"^(THE|DR|DRS|OFFICE|OFFICES|OF|PRACTICE)\s+"
_ALSO = r"\b(D[./]?B[./]?A[./]?|T/A|A/K/A|AKA)(\s|:)"
_STATES = (
    "AL|AK|AZ|AR|CA|CO|CT|DE|DC|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ"
    "|NM|NY|NC|ND|OH|OK|OR|PA|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|PR|VI|GU|AS|MP"
)

# Jaro is (m/a + m/b + t) / 3 with m matching letters of a and b and t at most 1; Winkler adds a tenth
# of what it leaves to 1 for each common first letter, up to four. `shared` is at least m/a + m/b, so
# names below the line cannot be similar enough and are not compared.
RESOLVE_SQL = """
with near as (
    select
        names.name_id,
        names.name,
        titles.block,
        titles.name as title,
        least(
            names.letters - bit_count(names.once & ~titles.once)
                - bit_count(names.twice & ~titles.twice),
            titles.letters - bit_count(titles.once & ~names.once)
                - bit_count(titles.twice & ~names.twice)
        ) * (1 / names.letters + 1 / titles.letters) as shared,
        (names.head1 = titles.head1)::int + (names.head2 = titles.head2)::int
            + (names.head3 = titles.head3)::int + (names.head4 = titles.head4)::int as prefix
    from names
    join titles using (block)
    where names.block not like 'town %'
),
alike as (
    select name_id, block, title, jaro_winkler_similarity(name, title) as similarity
    from near
    where case
        when shared >= 3 * ($similar_at - 0.1 * prefix) / (1 - 0.1 * prefix) - 1 - 1e-9
            then jaro_winkler_similarity(name, title) >= $similar_at
        else false
    end
),
compared as (
    select
        town.name_id,
        roster.entity_id,
        true as in_town,
        greatest(
            jaro_winkler_similarity(town.name, roster.name),
            case when not roster.ends_with_city
                then jaro_winkler_similarity(town.short, roster.name)
                else 0
            end
        ) as similarity
    from town
    join roster using (block, city)
    union all
    select alike.name_id, roster.entity_id, false as in_town, alike.similarity
    from alike
    join roster on alike.block = roster.block and alike.title = roster.name
),
scored as (
    select
        said.text_id,
        compared.entity_id,
        bool_or(compared.in_town) as in_town,
        max(compared.similarity) as similarity
    from compared
    join said using (name_id)
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


class PracticeNames:
    """What texts name, learned as they come: each distinct text is compared once."""

    def __init__(
        self, entities: pl.DataFrame, owner: pl.Expr, decided: pl.DataFrame | None = None
    ) -> None:
        """`decided`: name_place, entity_id (null: no practice) where people said whose a name is."""
        self._roster = practice_roster(entities)
        self._owner = owner
        self._decided = decided
        said = {"entity_hint": pl.String(), "state": pl.String()}
        self._seen = pl.DataFrame(schema=said)
        self._named = pl.DataFrame(schema=said | {"entity_id": pl.String()}).with_columns(owner)

    def named_by(self, rows: pl.DataFrame) -> pl.DataFrame:
        """row, entity_id: what each row's `entity_hint` names within its state or town.

        The row's own `state` is used only where the text ends with none.
        """
        said = rows.select("row", *_TEXT).drop_nulls("entity_hint")
        texts = said.select(_TEXT).unique()
        new = texts.join(self._seen, on=_TEXT, how="anti", nulls_equal=True)
        named = self._as_decided(new, named_by_text(new, self._roster))
        named = named.with_columns(self._owner).unique()
        self._seen = pl.concat([self._seen, new])
        self._named = pl.concat([self._named, named])
        found = said.join(self._named, on=_TEXT, nulls_equal=True)
        return found.select("row", "entity_id").unique()

    def _as_decided(self, texts: pl.DataFrame, named: pl.DataFrame) -> pl.DataFrame:
        """What people said of a name and place goes before what it resembles."""
        if self._decided is None or self._decided.is_empty():
            return named
        said = name_places(texts).join(self._decided, on="name_place").drop("name_place")
        left = named.join(said, on=_TEXT, how="anti", nulls_equal=True)
        columns = [*_TEXT, "entity_id"]
        return pl.concat([left.select(columns), said.drop_nulls("entity_id").select(columns)])


def name_places(texts: pl.DataFrame) -> pl.DataFrame:
    """The distinct texts with `name_place`: the cleaned name, or names, within its state, else its town.

    Two texts of one `name_place` say the same practice, whatever the spelling of legal form and title; a text
    that says nothing has none and is left out.
    """
    texts = texts.select(_TEXT).sort(_TEXT, nulls_last=True).with_row_index("text_id")
    parts = _said(texts).with_columns(part=pl.concat_str("name", "block", separator=" @ "))
    places = parts.group_by("text_id").agg(name_place=pl.col("part").sort().str.join(" | "))
    return texts.join(places, on="text_id").drop("text_id")


def named_by_text(texts: pl.DataFrame, roster: pl.DataFrame) -> pl.DataFrame:
    """entity_hint, state, entity_id: the practices that distinct texts name."""
    texts = texts.sort(_TEXT, nulls_last=True).with_row_index("text_id")
    said = _said(texts)
    names = said.select("name", "block").unique(maintain_order=True).with_row_index("name_id")
    said = said.join(names, on=["name", "block"]).select("text_id", "name_id")
    with in_memory() as con:
        con.register("said", said.to_arrow())
        con.register("names", _with_letters(names).to_arrow())
        con.register("town", _towns(names, roster).to_arrow())
        con.register("roster", roster.to_arrow())
        con.register("titles", _with_letters(roster.select("block", "name").unique()).to_arrow())
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
    rows = pl.concat([own, ended]).select("text_id", "state", parts.alias("part"))
    rows = rows.explode("part", empty_as_null=True, keep_nulls=True)
    clean = rows.select("part").unique().with_columns(practice_name(pl.col("part")).alias("name"))
    rows = rows.join(clean.drop_nulls("name"), on="part")
    block = pl.coalesce("state", pl.lit("town ") + _last_word(pl.col("name")))
    said = rows.select("text_id", "name", block.alias("block")).unique()
    return said.sort("text_id", "name", "block")


def _towns(names: pl.DataFrame, roster: pl.DataFrame) -> pl.DataFrame:
    """name_id, name, block, city, short: names that end with a city of the roster."""
    cities = roster.select("block", "city").unique()
    longest = int(cities.select(pl.col("city").str.split(" ").list.len().max()).item() or 0)
    word = pl.col("name").str.split(" ")
    ends = [
        names.filter(word.list.len() > words).with_columns(
            city=word.list.tail(words).list.join(" "),
            short=word.list.head(word.list.len() - words).list.join(" "),
        )
        for words in range(1, longest + 1)
    ]
    found = [names.clear().with_columns(city="name", short="name"), *ends]
    return pl.concat(found).join(cities, on=["block", "city"], how="semi")


def _with_letters(names: pl.DataFrame) -> pl.DataFrame:
    """Adds how many letters a name has, which of them once and twice (one bit each), and its start."""
    once, twice = pl.lit(0, pl.UInt64), pl.lit(0, pl.UInt64)
    for place, letter in enumerate(_LETTERS):
        times = pl.col("name").str.count_matches(letter, literal=True)
        once |= (times >= 1).cast(pl.UInt64) * (1 << place)
        twice |= (times >= 2).cast(pl.UInt64) * (1 << place)
    return names.with_columns(
        once=once,
        twice=twice,
        letters=pl.col("name").str.len_chars().cast(pl.Float64),
        **{f"head{size}": pl.col("name").str.head(size).hash() for size in (1, 2, 3, 4)},
    )


def practice_roster(entities: pl.DataFrame) -> pl.DataFrame:
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
    found = pl.concat(both).drop_nulls(["name", "block"]).drop("state").unique(maintain_order=True)
    within = pl.col("name").str.ends_with(pl.lit(" ") + pl.col("city"))
    return found.with_columns(ends_with_city=within)


def _last_word(text: pl.Expr) -> pl.Expr:
    return text.str.extract(r"(\S+)$")


def _spaced(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(r"\s+", " ").str.strip_chars()
