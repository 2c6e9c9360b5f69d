"""Delivery lines by USPS Publication 28: upper case, abbreviated, unit at the end, boxes as boxes."""

from __future__ import annotations

from functools import cache

import polars as pl

from matching.standardise.distinct import FLAG, RULE, Cleaner
from matching.standardise.line_order import (
    ORDINAL_FLOOR,
    UNIT_SIDE,
    UNIT_VALUE,
    UNIT_WORD,
    in_usual_order,
)
from matching.standardise.reference import words
from matching.standardise.text import blank_to_null, collapse, fold_accents, pipeline, upper

__all__ = ["LINE_BREAK", "clean_street"]

LINE_BREAK = "\x1f"
"""Between the first and the second line in the raw value."""
PLACEHOLDER = r"^(UNKNOWN|UNK|NONE|N/?A|NO ADDRESS|NOT GIVEN|GENERAL DELIVERY UNKNOWN|X+|TEST|123 TEST ST.*|0+|HOMELESS|NO STREET|BAD ADDRESS|RETURNED MAIL|DO NOT MAIL)$"
CARE_OF = r"^(?:C/O|C O |CARE OF|ATTN|%)"
_ALONE = "|".join(sorted(words("unit_alone"), key=len, reverse=True))
UNIT = (
    rf"^(.*?)((?: (?:(?:{UNIT_WORD})(?:(?: # ?| ){UNIT_VALUE}{UNIT_SIDE}|\d[\w/-]*)|# ?[\w-]+{UNIT_SIDE}"
    rf"|(?:{ORDINAL_FLOOR}|\d+) (?:FLOOR|FLR|FL)|(?:LOWER|UPPER) LEVEL"
    rf"|(?:M/?C|MAIL (?:CODE|STOP)) ?#? ?\w+|{_ALONE}))+)$"
)
"""A designator with a number or one letter, at the end: UNIT ST is a street, UNIT 5 is a unit."""
BOX = (
    r"^(?:.* )?(?:P ?O ?(?:BOX|DRAWER|BX)|POST OFFICE(?: BOX)?|POB|BOX|BX|CALLER(?: SERVICE)?|APARTADO) ?#? ?((?:[A-Z]{1,2} \d|\w)[\w-]*)"
    rf"(?: ((?:{UNIT_WORD}) ?#? ?{UNIT_VALUE}|(?:MAIL (?:CODE|STOP|DROP)|MS|MC|SCB|DEPT|SUBSTATION|STATION) \S.*))?$"
)
UNIT_BEFORE_BOX = rf"^((?:{UNIT_WORD})(?: #)? ?{UNIT_VALUE}) (?:P|POST|BOX|POB) ?"
RURAL = r"^(?:RR|R R|RURAL ROUTE|RURAL RTE|RFD|RD|RT|RTE|ROUTE) ?#? ?(\d+\w?) (?:BOX|BX) ?#? ?(\w+(?: [A-Z])?)$"
HIGHWAY_CONTRACT = (
    r"^(?:HC|HCR|HIGHWAY CONTRACT(?: ROUTE)?|STAR ROUTE) ?#? ?(\d+) (?:BOX|BX) ?#? ?(\w+)$"
)
MILITARY = r"^(PSC|CMR|UNIT) ?#? ?(\d+) (?:BOX|BX) ?#? ?(\w+)$"
BOX_SIGNS = ["BOX", "POST OFFICE", "BX", "POB", "DRAWER", "CALLER", "APARTADO"]
UNIT_SIGNS = [
    f" {word}"
    for word in (
        *(f"{word} " if word == "NO" else word for word in words("unit")),
        *words("unit_alone"),
        "MC ",
        "M/C ",
        "MAIL ",
        "1ST F",
        "2ND F",
        "3RD F",
        "TH F",
        "GROUND F",
        "MAIN F",
    )
]
ROAD_SIGNS = [
    "CO R",
    "CNTY",
    "COUNTY",
    "CR ",
    "C R ",
    "STATE",
    "ST R",
    "ST H",
    "HWY",
    "HIW",
    "HWAY",
    "HIGHW",
    "U S ",
    "US ",
    "RT",
]
NUMBER = r"^(\d+(?:-\d+)?[A-Z]?(?: \d/\d)?|[NSEW]\d+[NSEW]\d+|[A-Z]\d{2,5}) (.+)$"
TWO_WORD_DIRECTIONS = {
    r"^(N|S|NORTH|SOUTH)[ -](E|W|EAST|WEST) (\S+ \S)": "${1}${2} $3",
    r"(\S \S+) (N|S|NORTH|SOUTH)[ -](E|W|EAST|WEST)$": "$1 ${2}${3}",
}
"""NORTH EAST is NE where a whole street is left beside it: not in 12 NORTH EAST ST."""
NAMED_ROADS = {
    r"\b(?:CO|CNTY|COUNTY) (?:RD|ROAD)\b|\bC ?R (\d)": "COUNTY ROAD $1",
    r"\b(?:STATE|ST) (?:RTE|RT|ROUTE)\b": "STATE ROUTE",
    r"\b(?:STATE|ST) (?:HWY|HIGHWAY)\b": "STATE HIGHWAY",
    r"\bU ?S (?:HWY|HIGHWAY|RTE|ROUTE)\b": "US HIGHWAY",
    r"\b(?:HWY|HIWAY|HWAY|HIGHWY) (\d)": "HIGHWAY $1",
    r"\b(?:RTE|RT) (\d)": "ROUTE $1",
}
"""Publication 28 appendix F: numbered roads are written out."""


def _signs(text: pl.Expr) -> pl.Expr:
    bare = text.str.replace_all(r"['\u{2019}`]", "")
    return bare.str.replace_all(r"[^\p{L}\p{M}\p{N}#/& %-]+", " ").str.replace_all(
        "#", " # ", literal=True
    )


LINE_STEPS = (fold_accents, upper, _signs, collapse, blank_to_null)


_FLOORS = {f"{word} F": f"{code} F" for word, code in words("ordinal").items()}


@cache
def clean_street(name: str) -> Cleaner:
    """`name`, and `street_number`, `street_name`, `unit` of a line with an optional second line."""

    def clean(frame: pl.LazyFrame) -> pl.LazyFrame:
        parsed = _parsed(_joined(frame)).collect()
        streets, units = (parsed.select(part).unique().lazy() for part in ("rest", "unit_raw"))
        whole = _with(_with(parsed.lazy(), _street(streets)), _unit(units))
        return _written(whole, name)

    return clean


def _with(frame: pl.LazyFrame, few: pl.LazyFrame) -> pl.LazyFrame:
    """Add what the first column of `few` was made into: far fewer streets than lines."""
    on = few.collect_schema().names()[0]
    return frame.join(few, on=on, how="left", nulls_equal=True, maintain_order="left")


def _joined(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`line`: both lines as one, without care-of lines; a bare number below is a unit."""
    split = pl.col("raw").str.splitn(LINE_BREAK, 2)
    lines = frame.with_columns(
        first=pipeline(split.struct.field("field_0"), LINE_STEPS),
        second=pipeline(split.struct.field("field_1"), LINE_STEPS),
    ).with_columns(
        first_care=pl.col("first").str.contains(CARE_OF),
        second_care=pl.col("second").str.contains(CARE_OF),
    )
    first, second = (pl.when(~pl.col(f"{c}_care")).then(c) for c in ("first", "second"))
    bare = second.str.contains(rf"^{UNIT_VALUE}$")
    below = pl.when(bare).then("# " + second).otherwise(second)
    line = blank_to_null(pl.concat_str(first, below, separator=" ", ignore_nulls=True))
    placeholder = f"{FLAG}address_placeholder"
    return (
        lines.select(
            "raw",
            pl.any_horizontal("first_care", "second_care").alias(f"{FLAG}care_of"),
            line=line,
        )
        .with_columns(pl.col("line").str.contains(PLACEHOLDER).alias(placeholder))
        .with_columns(pl.when(~pl.col(placeholder)).then("line").alias("line"))
    )


def _only_where(text: pl.Expr, signs: list[str]) -> pl.Expr:
    """Null where none of the words occurs: spares the slow patterns nine rows in ten."""
    return pl.when(text.str.contains_any(signs)).then(text)


def _parsed(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`box_kind`, `box`, else `number`, `unit_raw` and the `rest` of the street."""
    units = in_usual_order(_boxes(frame)).with_columns(
        parts=_only_where(pl.col("street"), UNIT_SIGNS).str.extract_groups(UNIT)
    )
    numbered = units.with_columns(
        unit_raw=pl.coalesce("box_unit", pl.col("parts").struct.field("2").str.strip_chars(" ")),
        body=pl.coalesce(pl.col("parts").struct.field("1"), "street"),
    ).with_columns(numbered=pl.col("body").str.extract_groups(NUMBER))
    return numbered.select(
        "raw", "^(rule|flag):.*$", "box_kind", "box", "unit_raw",
        number=pl.col("numbered").struct.field("1"),
        rest=pl.coalesce(pl.col("numbered").struct.field("2"), "body"),
    )  # fmt: skip


def _boxes(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`box_kind` and `box` of post office, rural and military boxes; `street` is every other line."""
    line = pl.col("boxed")
    read = frame.with_columns(boxed=_only_where(pl.col("line"), BOX_SIGNS)).with_columns(
        rural=line.str.extract_groups(RURAL),
        contract=line.str.extract_groups(HIGHWAY_CONTRACT),
        military=line.str.extract_groups(MILITARY),
        post=line.str.extract(BOX),
        box_unit=pl.coalesce(line.str.extract(BOX, 2), line.str.extract(UNIT_BEFORE_BOX)),
    )
    rural, contract, military = (pl.col(c).struct.field for c in ("rural", "contract", "military"))
    return read.with_columns(
        box_kind=pl.coalesce(
            "RR " + rural("1"), "HC " + contract("1"), military("1") + " " + military("2"),
            pl.when(pl.col("post").is_not_null()).then(pl.lit("PO BOX")),
        ),
        box=pl.coalesce(rural("2").str.replace(" ", ""), contract("2"), military("3"), "post"),
    ).with_columns(street=pl.when(pl.col("box_kind").is_null()).then("line"))  # fmt: skip


def _street(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`pre`, `words`, `suffix`, `post` of each `rest`: directions and suffix abbreviated.

    The words between them stay as they are but for ordinals.
    """
    named = _only_where(pl.col("rest"), ROAD_SIGNS)
    for pattern, written in NAMED_ROADS.items():
        named = named.str.replace(pattern, written)
    rest = pl.coalesce(named, "rest")
    for pattern, written in TWO_WORD_DIRECTIONS.items():
        rest = rest.str.replace(pattern, written)
    tokens, directions, suffixes = pl.col("tokens"), words("direction"), words("suffix")
    shorter = tokens.list.head(tokens.list.len() - 1)

    def taken(part: str, code: pl.Expr, left: pl.Expr) -> list[pl.Expr]:
        return [code.alias(part), pl.when(code.is_not_null()).then(left).otherwise(tokens)]

    def coded(place: pl.Expr, table: dict[str, str], *, over: int) -> pl.Expr:
        code = place.replace_strict(table, default=None, return_dtype=pl.String)
        return pl.when(tokens.list.len() > over).then(code)

    ordinal = pl.element().replace(words("ordinal"))
    return (
        frame.with_columns(tokens=blank_to_null(collapse(rest)).str.split(" "))
        .with_columns(taken("post", coded(tokens.list.last(), directions, over=2), shorter))
        .with_columns(taken("suffix", coded(tokens.list.last(), suffixes, over=1), shorter))
        .with_columns(
            taken("pre", coded(tokens.list.first(), directions, over=1), tokens.list.slice(1))
        )
        .select(
            "rest", "pre", "suffix", "post",
            words=blank_to_null(tokens.list.eval(ordinal).list.join(" ")),
        )
    )  # fmt: skip


def _written(frame: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """The delivery line and its parts."""
    named = frame.with_columns(
        street_name=pl.coalesce("box_kind", "words"), street_number=pl.coalesce("box", "number")
    )
    box = (
        pl.col("box_kind")
        + pl.when(pl.col("box_kind") == "PO BOX").then(pl.lit(" ")).otherwise(pl.lit(" BOX "))
        + pl.col("box")
    )
    street = pl.concat_str(
        "number", "pre", "street_name", "suffix", "post", "unit", separator=" ", ignore_nulls=True
    )
    box += (" " + pl.col("unit")).fill_null("")
    standard = pl.any_horizontal(
        pl.col(part).is_not_null() for part in ("suffix", "pre", "post", "unit_raw")
    )
    return named.select(
        "raw",
        pl.coalesce(box, blank_to_null(street)).alias(name),
        "street_number",
        "street_name",
        "unit",
        pl.col("^(rule|flag):.*$"),
        standard.alias(f"{RULE}publication_28"),
        pl.col("box_kind").is_not_null().alias(f"{RULE}box"),
    )


def _unit(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`unit` of each `unit_raw`: 'APARTMENT # 4' is APT 4, '2ND FLOOR' is FL 2."""
    floor = (
        pl.col("unit_raw")
        .str.replace_many(list(_FLOORS), list(_FLOORS.values()))
        .str.replace(r"^(\d+)(?:ST|ND|RD|TH)? (?:FLOOR|FLR|FL)$", "FL $1")
        .str.replace(r"^(GROUND|MAIN) (?:FLOOR|FLR|FL)$", "FL $1")
        .str.replace(r"^(LOWER|UPPER) LEVEL$", "$1")
    )
    apart = floor.str.replace_all(rf"\b({UNIT_WORD})(?: #)? ?(\d|[A-Z]\b|[A-Z]-?\d)", "$1 $2")
    table = {**words("unit"), **words("unit_alone")}
    coded = apart.str.split(" ").list.eval(pl.element().replace(table)).list.join(" ")
    return frame.select("unit_raw", unit=blank_to_null(collapse(coded)))
