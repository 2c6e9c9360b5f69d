"""Names in texts by lists and by the words around them.

Comes in: readable texts. Goes out: findings of kind name; the value is `first|middle|last`, where a
part that was not said is empty. Names are found where lists and capitals agree, or where a word such
as "patient" or "Dear" announces one; what neither knows is left to the model (`model`).
"""

from __future__ import annotations

from typing import Final

import polars as pl

from matching.passages.keyed import keyed
from matching.passages.lists import kinds_of_words, never, words
from matching.passages.marks import apart, around, matches
from matching.passages.numbers import FINDING
from matching.passages.small import PROVIDER, small_names

__all__ = [
    "BEFORE",
    "CREDENTIAL",
    "FIRMS",
    "PROVIDER",
    "WORD",
    "named",
    "said_again",
    "without_overlaps",
]

WORD: Final = r"\b\p{Lu}[\p{L}\p{M}]*(?:['-][\p{L}\p{M}]{2,}|'\p{Lu}[\p{L}\p{M}]+)*\b"
"""A capitalised word; a possessive 's stays outside."""
_PARTICLE: Final = r"(?:(?:de|del|de la|de las|de los|da|dos|do|das|di|du|van|van der|van den|von|bin|ibn|al|el|la|le|ter|ten|y) )?"
_LINK: Final = rf"""^,? ?["(']?{_PARTICLE}$|^["')]+ $"""
_AFTER_LETTER: Final = rf"^\.? ?{_PARTICLE}$"
_TITLE: Final = (
    r"(?:mr|mrs|ms|miss|mx|dr|doctor|prof|sr|sra|srta|hon|rev|nurse|hygienist|assistant)\.?"
)
BEFORE: Final = (
    rf"(?i)(?:^|[^a-z])(?:{_TITLE}|pt|pts|patient(?:'s)?(?: name)?|client|member|subscriber|guarantor|insured|responsible party|caller|parent|guardian"
    r"|emergency contact|pharmacist|attorney|adjuster|therapist|technician|tech|surgeon|mother|father|mom|dad|wife|husband|spouse|son|daughter|sister|brother|child|partner|grandmother|grandma|aunt|uncle|caregiver"
    r"|(?:first|last|full|patient|legal|maiden|middle|given|family)? ?name(?: is|'s)?|i'?m|i am|my name is|this is|it'?s|speaking with|spoke (?:with|to)|spoken (?:with|to)"
    r"|talked (?:with|to)|called|phoned|emailed|texted|met with|attn|attention|dear|hi|hello|hey|thanks|thank you|regards|sincerely|cheers|best|from|to|cc|re"
    r"|for|with|w/|by|under|that'?s|late|maybe|brought|bring|moving|move|about|regarding|behalf of|see|saw|signed|sent by|author|user|named|name of|cancel|reschedul\w+|remind|contact|ask for|per|and"
    r")(?: patient| pt)?(?: is)?[\s:,.\-*\"'(#]{1,4}$"
)  # fmt: skip
"""What stands right before a name. A capital decides between "for Maria" and "for a crown"."""
_LABEL_BEFORE: Final = r"(?:^|\n)[\s\[*(<]*(?:\d{1,2}:\d\d\S*[\s\])-]*)?(?:\w{2,12}[.\s-])?$"
_LABEL_AFTER: Final = r"^(?: \([A-Za-z ]{2,18}\))?\s?(?:[>\])]|:)\s"
"""Who speaks in a chat: a line that begins with a name."""
_DOES: Final = (
    r"^,? (?:is|was) an? \d|^,? ?\(?\d{1,3} ?-?(?:y/?o|yo|yr|year)|^ (?:called|phoned|texted|emailed|e-mailed|stopped by|came in|presents|presented|here (?:for|today)|no-?show|states|stated|reports|reported"
    r"|c/o|wants|would like|asked|arrived|confirmed|cancel+ed|rescheduled|declined|agreed|says|said|wrote|complain|denies|tolerated)"
)
"""What people do in notes, right after a name."""
FIRMS: Final = (
    "henry schein", "johns hopkins", "eli lilly", "wells fargo", "charles schwab", "edward jones", "merrill lynch", "jp morgan", "walter reed", "kaiser permanente",
    "ralph lauren", "calvin klein", "morgan stanley", "baxter healthcare", "patterson dental", "parke davis", "abbott laboratories", "warner chilcott", "dun bradstreet",
)  # fmt: skip
_SURE: Final = (
    rf"(?i)(?:^|[^a-z])(?:{_TITLE}|pt|patient(?:'s)?(?: name)?|client|subscriber|guarantor|responsible party|caller|my name is|name(?: is|'s)?|dear|hi|hello|hey"
    r"|spoke (?:with|to)|spoken (?:with|to)|talked (?:with|to)|(?:mom|mother|father|dad|wife|husband|son|daughter|sister|brother|spouse|guardian),?|behalf of|named|attn|thanks,|thank you,|regards,|sincerely,|cheers,"
    r")(?: is)?[\s:,.*\"'(]{1,3}$"
)
"""Those after which also a word that no list knows is a name."""
_ORGANISATION: Final = (
    r"(?i)^ ?(?:,? (?:Inc|LLC|PC|PA|Corp)\b|&| (?:dental|clinic|dentistry|hospital|medical|health|healthcare|insurance|pharmacy|school|university|college|street|st\b|ave|avenue|road|rd\b"
    r"|blvd|boulevard|drive|lane|ln\b|court|county|center|centre|group|associates|bank|church|park|hall|building|plaza|highway|pkwy|parkway|orthodontics|endodontics|periodontics"
    r"|smiles|labs?|syndrome|disease|teeth|tooth|procedure|sign|classification|test|scale|foundation|services|dds|system|software|lake|beach|heights|hills|city|springs|valley))"
)
CREDENTIAL: Final = r"^,? ?\(?(?:DDS|D\.D\.S|DMD|D\.M\.D|MD|M\.D|RDH|R\.D\.H|RN|NP|PA-C|DO|CDA|EFDA|MS|MSD|FNP|LPN|PhD|Hygienist|Office Manager|Front Desk|Treatment Coordinator)\b"


def named(texts: pl.DataFrame) -> pl.DataFrame:
    """Findings of kind name and provider, without overlaps."""
    found = pl.concat([keyed(texts), _capitalised(texts), *small_names(texts)])
    return without_overlaps(found)


def without_overlaps(found: pl.DataFrame) -> pl.DataFrame:
    """Of findings that share a letter, the first, else the longest; the order given breaks ties."""
    frame = found.with_row_index("order").sort(
        "row", "start", "end", "order", descending=[False, False, True, False]
    )
    while frame.height:
        reach = pl.col("end").cum_max().over("row").shift(1).over("row")
        held = frame.with_columns(held=(pl.col("start") < reach).fill_null(value=False))
        if not held["held"].any():
            break
        first = pl.col("held") & ~pl.col("held").shift(1).over("row").fill_null(value=False)
        frame = held.filter(~first).drop("held")
    return frame.drop("order")


def said_again(texts: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """Each further capitalised word that is part of a name found in the same text."""
    parts = names.filter(pl.col("kind").is_in(["name", "provider"])).select(
        "row", "kind", low=pl.col("value").str.to_lowercase().str.split("|")
    )
    said = parts.with_columns(place=pl.int_ranges(3)).explode(
        "low", "place", empty_as_null=False, keep_nulls=False
    )
    known = said.filter((pl.col("low").str.len_chars() > 1) & (pl.col("place") != 1)).unique(
        ["row", "low"], keep="first", maintain_order=True
    )
    again = matches(
        texts.join(known.select("row").unique(), on="row", how="semi", maintain_order="left"), WORD
    )
    met = again.with_columns(low=pl.col("found").str.to_lowercase()).join(
        known, on=["row", "low"], how="inner", maintain_order="left"
    )
    common = pl.col("low").is_in(list(words())) | pl.col("low").is_in(list(never()))
    value = (
        pl.when(pl.col("place") == 0)
        .then(pl.concat_str("found", pl.lit("||")))
        .otherwise(pl.concat_str(pl.lit("||"), "found"))
    )
    return met.filter(~common).select(
        "row", "start", "end", "kind", value=value, grade=pl.lit("likely")
    )


# --- capitals and lists ---------------------------------------------------------------------


def _capitalised(texts: pl.DataFrame) -> pl.DataFrame:
    tokens = around(apart(texts, WORD)).filter(pl.col("found").is_not_null())
    if tokens.is_empty():
        return pl.DataFrame(schema=FINDING)
    known = tokens.join(
        kinds_of_words(tokens["found"]), on="found", how="left", maintain_order="left"
    )
    known = known.with_columns(
        link=pl.when(pl.col("found").str.len_chars() == 1)
        .then(pl.col("rest").str.contains(_AFTER_LETTER))
        .otherwise(pl.col("rest").str.contains(_LINK))
        & pl.col("row").eq(pl.col("row").shift(-1)),
        comma=pl.col("rest").str.contains(r"^, ?$"),
        letter=pl.col("found").str.len_chars() == 1,
        titlecase=pl.col("found").str.contains(r"^\p{Lu}[\p{Ll}'-]+"),
    ).with_columns(
        given=(pl.col("first") > 0) & ~pl.col("never") & (~pl.col("word") | (pl.col("first") == 2)),
        family=(pl.col("last") > 0) & ~pl.col("never") & (~pl.col("word") | (pl.col("last") == 2)),
        unknown=~pl.col("never") & ~pl.col("word") & (pl.col("found").str.len_chars() > 1),
    )
    ahead = [
        pl.col(name).shift(-step).over("row").alias(f"{name}{step}")
        for step in (1, 2, 3)
        for name in (
            "found",
            "end",
            "link",
            "comma",
            "letter",
            "given",
            "family",
            "unknown",
            "titlecase",
            "word",
            "never",
            "first",
            "last",
            "after",
            "rest",
        )
    ]
    chosen = known.with_columns(ahead).with_columns(
        announced=pl.col("before").str.contains(BEFORE), sure=pl.col("before").str.contains(_SURE),
        provider=pl.col("before").str.contains(PROVIDER), titled=pl.col("before").str.contains(rf"(?i)(?:^|[^a-z]){_TITLE} $"),
    ).with_columns(words=pl.coalesce(_whole_names())).filter(pl.col("words").is_not_null())  # fmt: skip
    return _as_findings(chosen)


def _whole_names() -> list[pl.Expr]:
    """How many words the name that begins here has, the longest first; negative: family name first."""

    def at(name: str, step: int) -> pl.Expr:
        return pl.col(f"{name}{step}" if step else name).fill_null(value=False)

    def strong(name: str, step: int) -> pl.Expr:
        return at(name, step) & ~at("word", step)

    def pair(one: int, two: int) -> pl.Expr:
        """A given and a family name, of which one is no ordinary word, or both are common names."""
        both = at("given", one) & at("family", two)
        common = (pl.col(f"first{one}" if one else "first") == 2) & (pl.col(f"last{two}") == 2)
        listed = strong("given", one) & (pl.col(f"last{two}") > 0) & ~at("never", two)
        return listed | (both & (~at("word", one) | ~at("word", two) | common))

    def open_pair(one: int, two: int) -> pl.Expr:
        """One half is a surely known name, the other a word that is none."""
        left = strong("given", one) & at("unknown", two)
        right = at("unknown", one) & strong("family", two) & at("titlecase", one)
        neither = (
            at("unknown", one) & at("unknown", two) & at("titlecase", one) & at("titlecase", two)
        )
        return left | right | neither

    space, space1, space2 = (at("link", step) & ~at("comma", step) for step in (0, 1, 2))
    wrapped = (
        pl.col("rest").str.contains(r"^ ?\n$")
        & ((strong("given", 0) & strong("family", 1)) | (at("announced", 0) & open_pair(0, 1)))
        & ~pl.col("before").str.contains(r"(?:^|\n)\s*$")
    )
    fine1, fine2, fine3 = (
        ~pl.col(f"after{step}").str.contains(_ORGANISATION) for step in (1, 2, 3)
    )
    fine = ~pl.col("after").str.contains(_ORGANISATION)
    firm = (
        pl.concat_str("found", pl.lit(" "), "found1")
        .str.to_lowercase()
        .is_in(list(FIRMS))
        .fill_null(value=False)
    )
    more = pl.when(space1).then(fine2).otherwise(fine1)
    full2 = (pair(0, 1) | open_pair(0, 1)) & space & more
    initial = at("letter", 1) & space & space1 & (pair(0, 2) | open_pair(0, 2))
    middle = space & space1 & at("unknown", 1) & ~at("letter", 1) & (pair(0, 2) | open_pair(0, 2))
    double = full2 & space1 & strong("family", 2) & ~at("letter", 2)
    turned = (
        at("comma", 0)
        & at("link", 0)
        & at("family", 0)
        & at("given", 1)
        & (~at("word", 0) | ~at("word", 1))
    )
    turned_open = (
        at("comma", 0)
        & at("link", 0)
        & (
            (at("unknown", 0) & strong("given", 1))
            | (strong("family", 0) & at("unknown", 1) & at("sure", 0))
            | (
                at("announced", 0)
                & at("unknown", 0)
                & at("unknown", 1)
                & at("titlecase", 0)
                & at("titlecase", 1)
            )
        )
    )
    any2 = (
        at("sure", 0)
        & space
        & ~at("never", 0)
        & ~at("never", 1)
        & ~at("letter", 1)
        & (at("unknown", 0) | at("unknown", 1))
    )
    short = (
        at("letter", 0)
        & at("link", 0)
        & (strong("family", 1) | (at("announced", 0) & at("unknown", 1)))
        & ~at("letter", 1)
    )
    alone = strong("given", 0) & (pl.col("first") == 2)
    titled = at("titled", 0) & ~at("never", 0)
    owns = strong("given", 0) & pl.col("after").str.contains("^'s ")
    speaks = pl.col("before").str.contains(_LABEL_BEFORE) & pl.col("after").str.contains(
        _LABEL_AFTER
    )
    label = speaks & (at("given", 0) | (at("unknown", 0) & pl.col("after").str.contains("^>")))
    person_only = pl.col("after").str.contains(r"^[ ,(]*(?:is|was|\d|presents|c/o)")
    does = pl.col("after").str.contains(_DOES) & (
        strong("given", 0) | (at("unknown", 0) & at("titlecase", 0) & person_only)
    )
    called = (
        titled
        | owns
        | label
        | does
        | at("announced", 0)
        & (strong("given", 0) | strong("family", 0) | ((pl.col("first") == 2) & ~at("never", 0)))
    )
    sure = at("sure", 0) & at("unknown", 0)
    shapes = {
        4: space & space1 & space2 & at("letter", 1) & pair(0, 2) & strong("family", 3) & fine3,
        3: (initial | middle | double) & fine2,
        -3: (turned | turned_open) & at("letter", 2) & at("link", 1) & ~at("comma", 1),
        2: (full2 | any2 | short | wrapped) & fine1 & ~firm,
        -2: (turned | turned_open),
        1: (alone | called | sure) & fine & ~firm & ~at("letter", 0),
    }
    return [pl.when(shape).then(pl.lit(count, pl.Int8)) for count, shape in shapes.items()]


def _as_findings(chosen: pl.DataFrame) -> pl.DataFrame:
    count = pl.col("words").abs()
    end = (
        pl.when(count == 1)
        .then("end")
        .otherwise(
            pl.when(count == 2)
            .then("end1")
            .otherwise(pl.when(count == 3).then("end2").otherwise("end3"))
        )
    )
    gap = [pl.col("rest").str.extract(rf"^\.? ({_PARTICLE})$", 1).fill_null("")] + [
        pl.col(f"rest{step}").str.extract(rf"^\.? ({_PARTICLE})$", 1).fill_null("")
        for step in (1, 2)
    ]
    first, second, third = pl.col("found"), pl.col("found1"), pl.col("found2")
    titled = pl.col("before").str.contains(
        rf"(?i)(?:^|[^a-z])(?:{_TITLE})\s?$|(?i)last name\W+$|(?i)family\s$"
    )
    family_only = titled | ((pl.col("first") == 0) & (pl.col("last") > 0))
    value = (
        pl.when(pl.col("words") == 2).then(pl.concat_str(first, pl.lit("||"), gap[0], second))
        .when(pl.col("words") == -2).then(pl.concat_str(second, pl.lit("||"), first))
        .when(pl.col("words") == -3).then(pl.concat_str(second, pl.lit("|"), third, pl.lit("|"), first))
        .when(count >= 3).then(pl.concat_str(first, pl.lit("|"), gap[0], second, pl.lit("|"), gap[1], third))
        .when(family_only).then(pl.concat_str(pl.lit("||"), first))
        .otherwise(pl.concat_str(first, pl.lit("||")))
    )  # fmt: skip
    last_after = (
        pl.when(count == 1)
        .then("after")
        .otherwise(
            pl.when(count == 2)
            .then("after1")
            .otherwise(pl.when(count == 3).then("after2").otherwise("after3"))
        )
    )
    provider = pl.col("provider") | last_after.str.contains(CREDENTIAL)
    sure = (count >= 2) & pl.col("found").is_not_null()
    return chosen.select(
        "row", "start", end=end,
        kind=pl.when(provider).then(pl.lit("provider")).otherwise(pl.lit("name")),
        value=value,
        grade=pl.when(sure).then(pl.lit("validated")).otherwise(pl.lit("likely")),
    )  # fmt: skip
