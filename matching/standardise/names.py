"""Personal names: same letters whatever the keyboard, suffixes and facts taken out, nicknames added.

Originals stay in `leaked` and `charts`; letters are addressed from there.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from matching.standardise.distinct import FLAG, RULE
from matching.standardise.reference import nicknames
from matching.standardise.text import blank_to_null, collapse, fold_accents, pipeline, upper

__all__ = [
    "clean_alias_first",
    "clean_first",
    "clean_full",
    "clean_last",
    "clean_middle",
    "clean_previous",
    "clean_representative",
    "clean_set",
    "clean_suffix",
    "plain_name",
]

PLACEHOLDER = (
    r"^(UNKNOWN|UNK|UNKN|NONE|NO NAME|NONAME|N A|NULL|NOT GIVEN|NOT AVAILABLE|NOT PROVIDED|TEST|TESTING|X+|FNU|LNU"
    r"|NFN|NLN|NMN|NMI|REFUSED|DECLINED|BLANK|MISSING|ANONYMOUS|UNNAMED|PATIENT|TBD|NAME|FIRST NAME|LAST NAME)$"
)
DESCRIBED = (
    r"^(?:(?:ADULT|MALE|FEMALE|WOMAN|LADY|GENT|GENTLE|GENTLEMAN|GENTLEMEN|GENTELMAN|CHILD|KID|TEEN|TEENAGER|PERSON"
    r"|RESIDENT|OCCUPANT|TENANT|GUEST|FRIEND|ROOMMATE|BOARDER|LODGER|SPOUSE|HUSBAND|WIFE|DAUGHTER|GRANDCHILD|GRANDSON"
    r"|GRANDDAUGHTER|GRANDMOTHER|GRANDFATHER|MOTHER|FATHER|SISTER|BROTHER|NEPHEW|NIECE|MAN (?:OF|IN)|SON OF"
    r"|MOM|MOMMY|DAD|DADDY|GRANDMA|GRANDPA|AUNT|UNCLE|COUSIN|RELATIVE|PARTNER|FIANCEE?|TODDLER|MINOR|ELDEST|OLDEST"
    r"|YOUNGEST|STEPSON|STEPDAUGHTER|STEPCHILD|INMATE|PRISONER|DETAINEE|STUDENT|EMPLOYEE|HIJ[OA]|ESPOS[OA]|SENORA?)"
    r"(?: (?:OF|IN|THE|HOUSE|MALE|FEMALE|CHILD|ONE|TWO|THREE|M|F))*|MR|MRS|MS|MISS|JR|SR|DR|ONE|TWO)$"
)
"""Who somebody is to whoever wrote it down: no given name. SON and MAN alone are given names."""
DECEASED = r"\b(?:DECEASED|DECD|DECSD|DCSD|THE ESTATE OF|ESTATE OF|EST OF|THE LATE)\b"
NEWBORN = (
    r"^(?:(?:BABY|INFANT|NEWBORN|NB) ?(?:BOY|GIRL|MALE|FEMALE)?(?: .*)?"
    r"|(?:BOY|GIRL|TWIN|BB|BG|B B|B G)(?: (?:OF .*|[A-D1-4]))?)$"
)
"""BABY BOY, BABYGIRL B, GIRL OF ANNA."""
GLUED = r"^(?:BABY)?(?:BOY(\p{L}{4,})|GIRL(\p{L}{3,}))$"
"""BABY and a mother's name stuck on: GIRLMARIE. The rest must be a given name: Boyles is a family."""
LOOKS_LIKE = {"0": "O", "1": "L", "5": "S", "8": "B"}
SUFFIX = {
    "JR": "JR", "JUNIOR": "JR", "JNR": "JR", "SR": "SR", "SENIOR": "SR", "SNR": "SR", "I": "I",
    "II": "II", "2ND": "II", "2": "II", "III": "III", "3RD": "III", "3": "III", "IV": "IV",
    "4TH": "IV", "4": "IV", "V": "V", "5TH": "V", "5": "V",
}  # fmt: skip
LAST_SUFFIX = r" (JR|JUNIOR|JNR|SR|SENIOR|SNR|II|III|IV|V|2ND|3RD|4TH|5TH)$"
FIRST_SUFFIX = r" (JR|JUNIOR|JNR|SR|SENIOR|SNR|II|III|IV|2ND|3RD|4TH)$"
"""Without V, which after a given name is an initial."""
TITLES = r"^(?:(?:DR|MR|MRS|MS|MISS|MX|PROF|REV|HON|FR|SR|MASTER) )+"
CREDENTIALS = r"(?: (?:MD|DDS|DMD|PHD|ESQ|RN|CPA|DVM|RDH|PA C))+$"
PARTICLES = r"\b(DE|DEL|DELA|DELOS|LA|LAS|LE|LOS|DI|DA|DOS|DAS|DU|DER|DEN|VAN|VON|VANDER|TEN|TER|ZU|AL|EL|ABU|BIN|IBN|MC|MAC|O|D|ST|FITZ) "
"""Glued to what follows, because files disagree about the blank: DE LA CRUZ is DELACRUZ, O BRIEN OBRIEN."""
PARTICLE_WORD = r"^(DE|DEL|DELA|DELOS|LA|LAS|LE|LOS|DI|DA|DOS|DAS|DU|DER|DEN|VAN|VON|VANDER|TEN|TER|ZU|AL|EL|ABU|BIN|IBN|MC|MAC|O|D|ST|FITZ)$"


def _drop_apostrophes(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(r"['`\u{b4}\u{2bc}\u{2018}\u{2019}]", "")


def _punctuation_to_blank(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(r"[^\p{L}\p{M}\p{N}]+", " ")


def _letters_only(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(r"[^\p{L}\p{M} ]+", "")


BASE_STEPS = (fold_accents, upper, _drop_apostrophes, _punctuation_to_blank, collapse)


def _digits_as_letters(text: pl.Expr) -> pl.Expr:
    """'5mith' and 'Ac0sta' come from scanned paper: the letter that looks the same."""
    return text.map_batches(_read_digits, return_dtype=pl.String, is_elementwise=True)


def _read_digits(text: pl.Series) -> pl.Series:
    mixed = text.str.contains(r"\p{L}\d|\d\p{L}").fill_null(value=False)
    if not mixed.any():
        return text
    read = text.filter(mixed)
    for digit, letter in LOOKS_LIKE.items():
        read = read.str.replace_all(rf"(\p{{L}}){digit}", f"${{1}}{letter}")
        read = read.str.replace_all(rf"{digit}(\p{{L}})", f"{letter}$1")
    return text.scatter(mixed.arg_true(), read)


FINAL_STEPS = (_digits_as_letters, _letters_only, collapse, blank_to_null)


def plain_name(text: pl.Expr) -> pl.Expr:
    """Upper case, accents folded, apostrophes dropped, other punctuation blank; null where empty."""
    return pipeline(text, (*BASE_STEPS, blank_to_null))


def clean_suffix(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`suffix`: JR, SR, II ...; what is no suffix is null."""
    plain = plain_name(pl.col("raw"))
    found = plain.replace_strict(SUFFIX, default=None, return_dtype=pl.String)
    return frame.select("raw", suffix=found).with_columns(
        (pl.col("raw").is_not_null() & pl.col("suffix").is_null()).alias(f"{RULE}no_suffix")
    )


def clean_middle(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`middle_name`; placeholders such as NMN are null."""
    plain = plain_name(pl.col("raw"))
    placeholder = plain.str.contains(PLACEHOLDER)
    kept = pl.when(~placeholder).then(pipeline(plain, FINAL_STEPS))
    return frame.select("raw", kept.alias("middle_name"), placeholder.alias(f"{RULE}placeholder"))


def _prepared(frame: pl.LazyFrame, suffixes: str) -> pl.LazyFrame:
    """`name` without facts, titles and suffix; `suffix_found`; the flags that all names share."""
    inside = pl.col("raw").str.extract(r"""["(“]([^")”]*)[")”]""")
    outside = pl.col("raw").str.replace_all(r"""["(“][^")”]*[")”]""", " ")
    plain = frame.select(
        "raw",
        whole=plain_name(pl.col("raw")),
        nickname=plain_name(inside),
        name=plain_name(outside),
    ).with_columns(
        pl.col("whole").str.contains(DECEASED).alias(f"{FLAG}name_says_deceased"),
        pl.coalesce("name", "whole").str.replace_all(DECEASED, " ").pipe(collapse).alias("name"),
        pl.when(~pl.col("nickname").str.contains(DECEASED)).then("nickname").alias("nickname"),
    )
    titled = plain.with_columns(
        pl.col("name").str.replace(TITLES, "").str.replace(CREDENTIALS, "").alias("name"),
        pl.col("name").str.contains(TITLES).alias(f"{RULE}title"),
    )
    return titled.with_columns(
        suffix_found=pl.col("name")
        .str.extract(suffixes)
        .replace_strict(SUFFIX, default=None, return_dtype=pl.String),
        name=pl.col("name").str.replace(suffixes, "").str.replace(CREDENTIALS, ""),
    ).with_columns(
        pl.col("suffix_found").is_not_null().alias(f"{RULE}suffix_split_off"),
        pl.col("name").str.contains(PLACEHOLDER).alias(f"{FLAG}name_placeholder"),
        pl.when(~pl.col("name").str.contains(PLACEHOLDER)).then("name").alias("name"),
    )


def clean_first(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`first_name`, `first_names`, `middle_found`, `suffix_found`, `order_found` of newborns.

    BABY BOY and its like are no name: null, flagged newborn, a letter at the end is the birth order.
    """
    mother = pl.coalesce(pl.col("name").str.extract(GLUED, 1), pl.col("name").str.extract(GLUED, 2))
    glued = mother.is_in(nicknames()["name"].implode())
    newborn = (pl.col("name").str.contains(NEWBORN) | glued).fill_null(value=False)
    initial = r"^(\p{L}{2,}.*) (\p{L})$"
    prepared = _prepared(frame, FIRST_SUFFIX).with_columns(
        newborn.alias(f"{FLAG}newborn"),
        order_found=pl.when(newborn).then(pl.col("name").str.extract(r" ([A-D1-4])$")),
        name=pl.when(~newborn).then("name"),
        described=pl.col("name").str.contains(DESCRIBED).fill_null(value=False),
    )
    split = prepared.with_columns(
        first_name=pipeline(
            pl.when(~pl.col("described")).then(pl.col("name").str.replace(initial, "$1")),
            FINAL_STEPS,
        ),
        middle_found=pl.when(~pl.col("described")).then(pl.col("name").str.extract(initial, 2)),
        order_found=pl.col("order_found").replace_strict(
            {"A": "1", "B": "2", "C": "3", "D": "4"}, default=pl.col("order_found")
        ),
    ).with_columns(
        pl.col("middle_found").is_not_null().alias(f"{RULE}initial_split_off"),
        pl.col("described").alias(f"{RULE}description"),
    )
    return _with_nicknames(split).drop("whole", "nickname", "name", "described")


def _with_nicknames(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`first_names`: the name, its first word, both with nicknames, and a nickname in brackets."""
    table = nicknames().lazy()
    word = pl.col("first_name").str.split(" ").list.first()
    looked_up = (
        frame.with_columns(word=word)
        .join(table, left_on="word", right_on="name", how="left", maintain_order="left")
        .join(
            table,
            left_on="nickname",
            right_on="name",
            how="left",
            suffix="_of_nickname",
            maintain_order="left",
        )
    )
    parts = pl.concat_str(
        "first_name",
        "word",
        "names",
        "nickname",
        "names_of_nickname",
        separator="|",
        ignore_nulls=True,
    )
    return looked_up.with_columns(first_names=name_set(parts)).drop(
        "word", "names", "names_of_nickname"
    )


def name_set(parts: pl.Expr) -> pl.Expr:
    """Names separated by `|`: each once, sorted, no empty one; null where there is none."""
    listed = parts.str.split("|").list.unique().list.sort()
    return blank_to_null(listed.list.join("|").str.strip_chars_start("|"))


def clean_last(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`last_name`, `last_names`, `suffix_found`. 'Smith-Jones Jr.' is SMITH JONES, JR."""
    prepared = _prepared(frame, LAST_SUFFIX)
    words = pipeline(pl.col("name"), FINAL_STEPS)
    cleaned = prepared.with_columns(
        last_name=words.str.replace_all(PARTICLES, "$1"), words=words.str.replace_all(" ", "|")
    )
    pieces = (
        pl.concat_str(pl.col("last_name").str.replace_all(" ", "|"), "words", separator="|")
        .str.split("|")
        .list.eval(pl.element().filter(~pl.element().str.contains(PARTICLE_WORD)))
        .list.join("|")
    )
    both = pl.concat_str("last_name", pieces, separator="|")
    return cleaned.with_columns(last_names=name_set(both)).drop(
        "whole", "nickname", "name", "words"
    )


def clean_full(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`first_raw`, `middle_raw`, `last_raw` of a name in one column, for the cleaners above.

    'LAST, FIRST M' by the comma; else the last word is the family name, with its suffix and the
    particles before it.
    """
    fact = rf"(?i)[(]?{DECEASED}[)]?"
    text = pl.col("raw").str.replace_all(fact, " ").pipe(collapse).str.strip_chars(", ")
    comma = text.str.extract_groups(r"^([^,]+), *([^, ]+) *([^,]*?)(?:, *([^,]+))?$")
    suffixed = r"(?i)^(.+?),? +(jr|sr|ii|iii|iv|2nd|3rd)\.?$"
    plain = text.str.replace(suffixed, "$1")
    suffix = text.str.extract(suffixed, 2)
    particle = (
        r"(?:(?:de|del|de la|de los|la|van|van der|van den|von|di|da|dos|st\.?|al|el|ben|mc|mac) )*"
    )
    blank = plain.str.extract_groups(rf"(?i)^(\S+)(?: +(.*?))?? +({particle}\S+)$")
    by_comma = text.str.contains(r"^[^,]+, *[^, ]") & ~text.str.contains(
        r"(?i)^[^,]+, *(jr|sr|ii|iii|iv|2nd|3rd)\.?$"
    )
    last = (
        pl.when(by_comma)
        .then(
            pl.concat_str(
                comma.struct.field("1"), comma.struct.field("4"), separator=" ", ignore_nulls=True
            )
        )
        .otherwise(
            pl.concat_str(
                pl.coalesce(blank.struct.field("3"), plain),
                suffix,
                separator=" ",
                ignore_nulls=True,
            )
        )
    )
    return frame.select(
        "raw",
        first_raw=pl.when(by_comma)
        .then(comma.struct.field("2"))
        .otherwise(blank.struct.field("1")),
        middle_raw=blank_to_null(
            pl.when(by_comma).then(comma.struct.field("3")).otherwise(blank.struct.field("2"))
        ),
        last_raw=last,
    ).with_columns(
        pl.col("raw").is_not_null().alias(f"{RULE}split"),
        pl.col("raw").str.contains(fact).alias(f"{FLAG}name_says_deceased"),
    )


def clean_representative(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`representative_name`: as a name in one piece."""
    return frame.select("raw", representative_name=pipeline(plain_name(pl.col("raw")), FINAL_STEPS))


def clean_previous(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`names`: family names of former and other names, separated by `|`: each name's last word and whole.

    A full name's family name is its last word; of one word it is that word.
    """
    return _each(frame, lambda one: one.str.extract(r"(\S+)$"))


def clean_alias_first(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`names`: given names of other full names; a single word is no given name."""
    return _each(frame, lambda one: one.str.extract(r"^(\S+) "))


def _each(frame: pl.LazyFrame, take: Callable[[pl.Expr], pl.Expr]) -> pl.LazyFrame:
    """`take` of every name of a list."""
    one = pipeline(plain_name(pl.element()), FINAL_STEPS).str.replace_all(PARTICLES, "$1")
    listed = pl.col("raw").str.split("|").list.eval(take(one).drop_nulls())
    return frame.select("raw", names=blank_to_null(listed.list.join("|")))


def clean_set(frame: pl.LazyFrame) -> pl.LazyFrame:
    """`names`: a list of names, each once, sorted."""
    return frame.select("raw", names=name_set(pl.col("raw")))
