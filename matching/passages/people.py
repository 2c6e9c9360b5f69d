"""From findings to people said: one row per person whom a text names or identifies.

Comes in: findings of texts. Goes out: people with canonical fields. Promised: two different SSNs, birth
dates or chart numbers are never put on one person; what cannot be said of a named person becomes a
person without a name, so that nobody disappears into somebody else.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from matching.standardise.reference import nicknames

__all__ = ["FIELDS", "PERSON", "attached", "people"]

FIELDS: Final = (
    "first_name", "middle_name", "last_name", "full_name", "date_of_birth", "ssn", "phone", "phone2", "email", "mrn",
    "member_id", "street", "city", "state", "zip",
)  # fmt: skip
"""What a passage can say of a person."""
PERSON: Final = {
    "row": pl.Int64, "person": pl.Int64, "start": pl.Int64, "end": pl.Int64, "role": pl.String,
    **dict.fromkeys(FIELDS, pl.String), "elements": pl.String,
}  # fmt: skip
_NAMES: Final = ("name", "provider")
_ONE_EACH: Final = ("ssn", "date_of_birth", "mrn")
"""Kinds of which nobody has two."""
_NAMELESS: Final = 1_000_000
"""Person numbers from here on bear no name."""
_TOLL_FREE: Final = r"^8(?:00|33|44|55|66|77|88)"
_HOUSE: Final = (
    r"(?i)\b(?:our (?:office|number|main|direct|new|front)[^.\n]*|office(?: (?:number|phone|at|is))?|front desk|clinic|practice|pharmacy|walgreens|cvs|call us(?: back)?(?: at)?"
    r"|reach us(?: at)?|give us a call(?: at)?|main line|insurance|payer|helpline|hotline|lab|support|contact us(?: at)?)\W{0,6}(?:at|on|is)?\W{0,4}$"
)
_MAILBOX: Final = (
    r"^(?:info|office|front\W?desk|desk|reception|contact|billing|hello|appointments?|appts|no-?reply|donotreply|support|admin|scheduling|schedule|records|insurance|claims|help|mail|team"
    r"|care|referrals?|intake|hr|marketing|news|newsletter|notifications?|alerts?|service|accounts?|postmaster|mailer-daemon|staff|smile\w*|dental\w*)[._+-]?\w{0,6}@|@.*(?:dental|dentist|clinic|smile|ortho|medical|health)"
)
_KIND_OF: Final = {
    "ssn4": "ssn",
    "phone": "contact",
    "email": "contact",
    "address": "contact",
    "fax": "contact",
}


def people(found: pl.DataFrame, shown: pl.DataFrame) -> pl.DataFrame:
    """PERSON, sorted by row and person. `found`: findings with context; `shown`: kinds of data shown."""
    said = attached(found)
    if said.is_empty():
        return pl.DataFrame(schema=PERSON)
    ends = said.group_by("row", "person").agg(
        pl.col("start").min(), pl.col("end").max(),
        role=pl.when((pl.col("kind") == "provider").any()).then(pl.lit("provider")),
    )  # fmt: skip
    whole = (
        ends.join(_names(said), on=["row", "person"], how="left")
        .join(_values(said), on=["row", "person"], how="left")
        .join(_kinds(said, shown), on=["row", "person"], how="left")
        .sort("row", "person")
    )
    number = pl.int_range(pl.len()).over("row").alias("person")
    return whole.with_columns(number).select(
        pl.col(name).cast(dtype) if name in whole.columns else pl.lit(None, dtype).alias(name)
        for name, dtype in PERSON.items()
    )


# --- who is named ---------------------------------------------------------------------------


def attached(found: pl.DataFrame) -> pl.DataFrame:
    """`found` with `person`: which of the people of its text it speaks of. What speaks of nobody is left out."""
    names = _named_people(found.filter(pl.col("kind").is_in(_NAMES)))
    others = found.filter(~pl.col("kind").is_in([*_NAMES, "npi"])).filter(~_of_the_house())
    placed = pl.concat([names.select(*found.columns, "person"), _nearest(others, names)])
    return _split_apart(placed).sort("row", "start")


def _of_the_house() -> pl.Expr:
    """Numbers and mailboxes of practices, insurers and pharmacies."""
    phone = pl.col("kind").is_in(["phone", "fax"]) & (
        pl.col("value").str.contains(_TOLL_FREE) | pl.col("before").str.contains(_HOUSE)
    )
    return (
        phone
        | ((pl.col("kind") == "email") & pl.col("value").str.contains(_MAILBOX))
        | (pl.col("kind") == "fax")
    )


def _named_people(names: pl.DataFrame) -> pl.DataFrame:
    """Mentions of names with `person`: a given or family name alone is the whole name said in the same text."""
    parts = pl.col("value").str.split_exact("|", 2)
    low = names.with_columns(
        first=parts.struct.field("field_0").str.to_lowercase(),
        last=parts.struct.field("field_2").str.to_lowercase(),
    ).with_columns(whole=(pl.col("first") != "") & (pl.col("last") != ""))
    keyed = low.with_columns(key=pl.concat_str("first", pl.lit("|"), "last"))
    wholes = (
        keyed.filter("whole")
        .sort("row", "start")
        .unique(["row", "key"], keep="first", maintain_order=True)
    )
    by_first = _by_first(wholes)
    by_last = wholes.unique(["row", "last"], keep="first", maintain_order=True).select(
        "row", "last", by_last="key"
    )
    met = keyed.join(by_first, on=["row", "first"], how="left").join(
        by_last, on=["row", "last"], how="left"
    )
    key = (
        pl.when("whole").then("key")
        .when(pl.col("last") == "").then(pl.coalesce("by_first", "key"))
        .otherwise(pl.coalesce("by_last", "key"))
    )  # fmt: skip
    numbered = met.with_columns(key=key).sort("row", "start")
    return numbered.with_columns(
        person=(pl.col("key").rank("dense").over("row") - 1).cast(pl.Int64)
    ).with_columns(person=_in_order())


def _in_order() -> pl.Expr:
    """Numbers in the order of first mention."""
    begin = pl.col("start").min().over("row", "person")
    return (begin.rank("dense").over("row") - 1).cast(pl.Int64)


def _by_first(wholes: pl.DataFrame) -> pl.DataFrame:
    """row, first, by_first: each given name by which a person of the text may be called, nicknames too."""
    known = nicknames().select(upper="name", called=pl.col("names").str.split("|"))
    upper = wholes.with_columns(upper=pl.col("first").str.to_uppercase())
    called = upper.join(known, on="upper", how="left").with_columns(
        first=pl.coalesce(pl.col("called"), pl.concat_list("upper"))
    ).explode("first", empty_as_null=False, keep_nulls=False)  # fmt: skip
    exact = upper.select("row", "start", "first", by_first="key", rank=pl.lit(0))
    loose = called.select(
        "row", "start", pl.col("first").str.to_lowercase(), by_first="key", rank=pl.lit(1)
    )
    every = pl.concat([exact, loose]).sort("row", "first", "rank", "start")
    return every.unique(["row", "first"], keep="first", maintain_order=True).select(
        "row", "first", "by_first"
    )


# --- whose number it is ---------------------------------------------------------------------


def _nearest(others: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """`others` with `person`: by the mailbox's letters, else the name before, on its line first."""
    real = names.filter(pl.col("kind") == "name").sort("row", "start")
    spots = real.select("row", "start", "end", "line", "person")
    left = others.with_row_index("order").sort("row", "start")
    back = left.join_asof(
        spots.select("row", "start", back="person", back_line="line"), on="start", by="row",
        strategy="backward", check_sortedness=False,
    )  # fmt: skip
    both = back.join_asof(
        spots.select("row", "start", ahead="person", ahead_line="line", ahead_start="start"), on="start", by="row",
        strategy="forward", check_sortedness=False,
    )  # fmt: skip
    mailbox = _by_mailbox(others.filter(pl.col("kind") == "email"), real)
    met = both.join(mailbox, on=["row", "start"], how="left")
    same_back, same_ahead = (
        pl.col("back_line") == pl.col("line"),
        pl.col("ahead_line") == pl.col("line"),
    )
    stranger = pl.lit(_NAMELESS, pl.Int64)
    person = pl.coalesce(
        pl.when(pl.col("kind") == "email").then("by_mailbox"),
        pl.when(same_back).then("back"),
        pl.when(same_ahead & (pl.col("ahead_start") - pl.col("end") < 40)).then("ahead"),
        "back",
        "ahead",
        stranger,
    )
    return met.sort("order").select(*others.columns, person=person)


def _by_mailbox(mails: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    """row, start, by_mailbox: the person of the text whose name the mailbox spells."""
    local = pl.col("value").str.extract("^([^@]+)@")
    pairs = mails.select("row", "start", local=local).join(
        names.select("row", "person", "first", "last").unique(maintain_order=True), on="row"
    )
    spells = [
        pl.when((pl.col(part).str.len_chars() > 2) & pl.col("local").str.contains(pl.col(part), literal=True))
        .then(pl.col(part).str.len_chars()).otherwise(0)
        for part in ("first", "last")
    ]  # fmt: skip
    scored = pairs.with_columns(score=pl.sum_horizontal(spells)).filter(pl.col("score") > 0)
    return (
        scored.sort("row", "start", "score", "person", descending=[False, False, True, False])
        .unique(["row", "start"], keep="first", maintain_order=True)
        .select("row", "start", by_mailbox="person")
    )


def _split_apart(placed: pl.DataFrame) -> pl.DataFrame:
    """A second SSN, birth date or chart number of one person belongs to another, who is not named.

    Without any name each further mailbox is another person, too.
    """
    nameless = pl.col("person") >= _NAMELESS
    single = pl.col("kind").is_in(_ONE_EACH) | (nameless & (pl.col("kind") == "email"))
    letters = pl.col("value").str.to_uppercase().str.replace_all(r"[^A-Z0-9@.]", "")
    group = ["row", "person", "kind"]
    numbered = placed.sort("row", "start").with_columns(same=letters).with_columns(
        nth=pl.when(single).then(
            (pl.col("start").min().over(*group, "same").rank("dense").over(group) - 1).cast(pl.Int64)
        ).otherwise(0)
    )  # fmt: skip
    moved = pl.lit(_NAMELESS) * 2 + pl.col("person") % _NAMELESS * 1000 + pl.col("nth")
    return numbered.with_columns(
        person=pl.when(pl.col("nth") > 0).then(moved).otherwise("person")
    ).drop("same", "nth")


# --- what is said of each -------------------------------------------------------------------


def _names(said: pl.DataFrame) -> pl.DataFrame:
    """The fullest form of each person's name."""
    parts = pl.col("value").str.split_exact("|", 2)
    names = said.filter(pl.col("kind").is_in(_NAMES)).with_columns(
        first_name=parts.struct.field("field_0"),
        middle_name=parts.struct.field("field_1"),
        last_name=parts.struct.field("field_2"),
    )
    filled = pl.sum_horizontal(
        (pl.col(name) != "").cast(pl.Int8) * weight
        for name, weight in (("first_name", 2), ("middle_name", 1), ("last_name", 2))
    )
    best = (
        names.with_columns(filled=filled)
        .sort("row", "person", "filled", "start", descending=[False, False, True, False])
        .unique(["row", "person"], keep="first", maintain_order=True)
    )
    cut = [
        pl.when(pl.col(name) != "").then(pl.col(name)).alias(name)
        for name in ("first_name", "middle_name", "last_name")
    ]
    kept = best.select("row", "person", *cut)
    return kept.with_columns(
        full_name=pl.concat_str(
            "first_name", "middle_name", "last_name", separator=" ", ignore_nulls=True
        )
    )


def _values(said: pl.DataFrame) -> pl.DataFrame:
    """First value of each kind; the second phone; an address in its parts."""

    def nth(kind: str, place: int = 0) -> pl.Expr:
        return pl.col("value").filter(pl.col("kind") == kind).get(place, null_on_oob=True)

    others = (
        said.filter(~pl.col("kind").is_in(_NAMES))
        .sort("row", "person", "grade", "start", descending=[False, False, True, False])
        .unique(["row", "person", "kind", "value"], keep="first", maintain_order=True)
    )
    values = others.group_by("row", "person", maintain_order=True).agg(
        *(
            nth(kind).alias(kind)
            for kind in ("date_of_birth", "ssn", "phone", "email", "mrn", "member_id", "address")
        ),
        nth("phone", 1).alias("phone2"),
    )
    parts = pl.col("address").str.split_exact("|", 3)
    return values.with_columns(
        pl.when(parts.struct.field(f"field_{place}") != "")
        .then(parts.struct.field(f"field_{place}"))
        .alias(name)
        for place, name in enumerate(("street", "city", "state", "zip"))
    ).drop("address")


def _kinds(said: pl.DataFrame, shown: pl.DataFrame) -> pl.DataFrame:
    """Kinds of data of each person: its findings, and what is shown near it; alone in a text, all of it."""
    own = said.select(
        "row", "person", kind=pl.col("kind").replace({**_KIND_OF, "provider": "name"})
    )
    spots = (
        said.filter(pl.col("kind") != "provider")
        .select("row", "start", "person")
        .sort("row", "start")
    )
    seen = shown.select("row", "start", "kind").sort("row", "start")
    back = seen.join_asof(spots, on="start", by="row", strategy="backward", check_sortedness=False)
    first = spots.unique("row", keep="first", maintain_order=True).select("row", first="person")
    near = back.join(first, on="row", how="left").select(
        "row", pl.coalesce("person", "first").alias("person"), "kind"
    )
    every = pl.concat([own, near.filter(pl.col("person").is_not_null())]).unique()
    return every.group_by("row", "person").agg(elements=pl.col("kind").sort().str.join("|"))
