"""Delivery lines put in the usual order: number first, unit last and said to be one.

People write APT 1B 626 E KILBOURN AVE, ONE MAIN ST, 350 W HUBBARD ST 200. What comes out is what the patterns
of `address` take apart.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from matching.standardise.reference import words

__all__ = ["ORDINAL_FLOOR", "UNIT_SIDE", "UNIT_VALUE", "UNIT_WORD", "in_usual_order"]

UNIT_WORD = "|".join(sorted((w for w in words("unit") if w != "#"), key=len, reverse=True))
UNIT_VALUE = r"(?:\d[\w/-]*|[A-Z]-?\d[\w-]*|[A-Z](?:-[A-Z])?)"
UNIT_SIDE = r"(?: (?:[A-Z]|NE|NW|SE|SW|NORTH|SOUTH|EAST|WEST))?"
"""Behind a unit: 13 C, 2 EAST."""
ORDINAL_FLOOR = r"(?:\d+(?:ST|ND|RD|TH)|FIRST|SECOND|THIRD|FOURTH|FIFTH|SIXTH|SEVENTH|EIGHTH|NINTH|TENTH|GROUND|MAIN)"
_SUFFIX = "|".join(sorted(words("suffix"), key=len, reverse=True))
_DIRECTION = "N|S|E|W|NE|NW|SE|SW|NORTH|SOUTH|EAST|WEST"
NUMBERED_ROAD = r"\b(?:HIGHWAY|HWY|HIWAY|ROUTE|RTE|RT|CO|COUNTY|CNTY|CR|STATE|SR|US|U S|INTERSTATE|I|FM|LOOP|SPUR|COUNTRY|AVENIDA|CALLE)\b[^#]* \S+$"
"""What follows such a word at the end is the road's own number, not a door's."""
_DOOR = r"(?:[A-Z]?-?\d[\w-]*(?: (?:[A-Z]|NE|NW|SE|SW))?|[A-DF-MO-RT-VX-Z])"
AFTER_SUFFIX = rf"^(\d\S* .*\S (?:{_SUFFIX})(?: (?:{_DIRECTION}|[NS] [EW]))?) ({_DOOR})$"
AFTER_NAME = rf"^(\d\S* (?:{_DIRECTION})(?: [A-Z]{{3,}})+) (\d[\w-]*(?: [NSEW])?)$"
DOOR_AFTER_NAME = r"^(\d\S*(?: [A-Z]{3,})+) (\d+[A-Z])$"
"""350 W HUBBARD ST 200, 720 10TH AVE A, 860 W BLACKHAWK 305, 308 ELIZABETH 1W: a door without its designator."""
DOOR_AFTER_NUMBER = r"^(\d+) # ?(\w+) ([A-Z].* \S+)$"
LETTERED_ROAD = rf"^\d\S* (?:(?:{_DIRECTION}) )?(?:AVE|AVENUE|AV|ST|STREET) [A-Z]$"
"""9912 S AVENUE H: the letter is the street."""
SUITE_AS_STREET = rf"( (?:{_SUFFIX})) ST (\d+)$"
"""7777 BONHOMME AVE ST 1400 is a suite."""
NO_DOOR = r" (?:UNIT|APT|APARTMENT|STE|SUITE)$"
"""A designator that designates nothing."""
ROAD_NUMBER = r"^((?:\d\S* )?(?:(?:[NSEW]|NORTH|SOUTH|EAST|WEST) )?(?:(?:U ?S|STATE|ST|COUNTY|CO|INTERSTATE) )?(?:HIGHWAY|HWY|ROUTE|RTE)) (?:NO|#) ?(\d)"
"""254 US HIGHWAY NO 202, but not 17071 W DIXIE HWY # 312."""
LETTERED = r"^(\d+) ([A-DF-MO-RT-VX-Z]) (\S{3,}.*)$"
"""4224 A LINCOLNSHIRE, but not 214 B ST."""
_DOOR_SIGNS = [" UNIT", " APT", " APARTMENT", " STE", " SUITE"]
_FLOOR_SIGNS = [" FLOOR ", " FLR ", " FL "]
IN_FRONT = {
    rf"^((?:(?:{UNIT_WORD})(?: #)? ?{UNIT_VALUE} |(?:{ORDINAL_FLOOR}|\d+) (?:FLOOR|FLR|FL) )+)(\d[\d-]*[A-Z]? .*)$": "$2 $1",
    r"^ONE (.+ \S)": "1 $1", r"^TWO (.+ \S)": "2 $1", r"^THREE (.+ \S)": "3 $1",
    r"^FOUR (.+ \S)": "4 $1", r"^FIVE (.+ \S)": "5 $1", r"^TEN (.+ \S)": "10 $1",
    r"^([NSEW]\d+) ([NSEW]\d+) ": "${1}${2} ",
    r"^# (\d+ .+ \S)": "$1",
}  # fmt: skip
"""Lines that do not begin with a number: a unit in front, a number in words (ONE MAIN ST), a grid number."""
LETTER_BEFORE_DIRECTION = rf"^(\d+) ([A-DF-H])-? ({_DIRECTION}) (\S+)"
LETTER_BEHIND_HYPHEN = r"^(\d+)-([A-Z]) (.+ \S)"


def in_usual_order(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`street` with the number first and the unit last and said to be one.

    A step at a time, each on the lines that its pattern can fit: the rest is null while it runs.
    """
    line = pl.col("street")
    steps: tuple[tuple[pl.Expr, Callable[[pl.Expr], pl.Expr]], ...] = (
        (~line.str.contains(r"^\d") | line.str.contains_any(_FLOOR_SIGNS), _number_first),
        (line.str.contains(r"^\d+[ -][A-DF-MO-RT-VX-Z](?:-? |$)"), _one_number),
        (line.str.contains_any([" NO ", "# "]), _road_number),
        (line.str.contains(rf" {_DOOR}$"), _said_door),
        (line.str.contains_any(_DOOR_SIGNS), lambda some: some.str.replace(NO_DOOR, "")),
    )
    for chosen, change in steps:
        some = frame.with_columns(some=pl.when(chosen).then(line))
        frame = some.with_columns(street=pl.coalesce(change(pl.col("some")), line)).drop("some")
    return frame


def _number_first(line: pl.Expr) -> pl.Expr:
    for pattern, written in IN_FRONT.items():
        line = line.str.replace(pattern, written)
    return line.str.strip_chars_end(" ")


def _one_number(line: pl.Expr) -> pl.Expr:
    line = line.str.replace(LETTER_BEFORE_DIRECTION, "${1}${2} $3 $4")
    line = line.str.replace(LETTER_BEHIND_HYPHEN, "${1}${2} $3")
    lettered = line.str.extract_groups(LETTERED)
    number, letter, rest = (lettered.struct.field(str(n)) for n in (1, 2, 3))
    street = rest.str.extract(r"^(\S+)").is_in([*words("suffix"), "AND"])
    return (
        pl.when(number.is_not_null() & ~street).then(number + letter + " " + rest).otherwise(line)
    )


def _road_number(line: pl.Expr) -> pl.Expr:
    return line.str.replace(ROAD_NUMBER, "$1 $2").str.replace(DOOR_AFTER_NUMBER, "$1 $3 # $2")


def _said_door(line: pl.Expr) -> pl.Expr:
    said = line.str.replace(SUITE_AS_STREET, "$1 STE $2")
    for pattern in (AFTER_SUFFIX, AFTER_NAME, DOOR_AFTER_NAME):
        said = said.str.replace(pattern, "$1 # $2")
    return (
        pl.when(~line.str.contains(NUMBERED_ROAD) & ~line.str.contains(LETTERED_ROAD))
        .then(said)
        .otherwise(line)
    )
