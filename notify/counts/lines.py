"""`open_lines` and `open_questions`: legal lines that pending answers could flip, and the answers to get first.

A line is open where the confirmed number is below it and the upper one, with people of unknown residence,
reaches it. Its questions are those whose answer moves the number: who is the same person, whose patient
somebody is, where somebody lives.
"""

from __future__ import annotations

import polars as pl

from matching.tables import TABLES, UNOWNED
from notify.counts.numbers import spread
from notify.counts.people import MILLION
from notify.counts.residence import FOREIGN, UNKNOWN

__all__ = ["open_lines", "open_questions"]

_AT_LEAST = 500
"""Individuals of one entity: 45 CFR 164.408(b), 500 or more."""
_STATE_AT_LEAST = (500, 501)
"""Residents of one state: 164.406 says more than 500, some state laws 500 or more."""
_ON = ("entity_id", "state", "at_least")


def open_lines(counts: pl.DataFrame) -> pl.DataFrame:
    """Rows of `open_lines` from rows of `counts`, the least settled first.

    `chance` that the line is reached by what is known of residence: a normal number with the interval's width.
    """
    owned = counts.filter(pl.col("entity_id") != UNOWNED)
    unknown = owned.filter(pl.col("state") == UNKNOWN).select("entity_id", unknown="upper")
    lines = pl.concat(
        [
            owned.filter(pl.col("state").is_null()).with_columns(at_least=pl.lit(_AT_LEAST)),
            *(
                owned.filter(~pl.col("state").is_in([UNKNOWN, FOREIGN])).with_columns(
                    at_least=pl.lit(n)
                )
                for n in _STATE_AT_LEAST
            ),
        ]
    ).join(unknown, on="entity_id", how="left")
    in_state = pl.col("state").is_not_null()
    lines = lines.with_columns(
        pl.col("at_least").cast(pl.Int64),
        unknown=pl.when(in_state).then(pl.col("unknown").fill_null(0)).otherwise(0),
    )
    reached = pl.col("upper") + pl.col("unknown")
    found = lines.filter(pl.col("confirmed") < pl.col("at_least"), reached >= pl.col("at_least"))
    found = found.with_columns(chance=_chance())
    ordered = found.sort(_unsettled(), *_ON, nulls_last=True).with_row_index("position")
    return TABLES["open_lines"].complete(ordered.drop("expected_low", "expected_high"))


def _chance() -> pl.Expr:
    """Logistic with the scale of the normal distribution: at most 0.01 from it."""
    away = (pl.col("expected") - pl.col("at_least") + 0.5) / spread().clip(lower_bound=1e-6)
    return (1 / (1 + (-1.702 * away.clip(-20, 20)).exp())).round(4)


def _unsettled() -> pl.Expr:
    return (pl.col("chance") - 0.5).abs()


def open_questions(
    lines: pl.DataFrame, rows: pl.DataFrame, links: pl.DataFrame, ids: pl.Series
) -> pl.DataFrame:
    """Rows of `open_questions`: one a question, in the order in which to ask.

    `rows`: person (number), entity_id, state, confirmed, certain, millionths, chance; `links`: a, b,
    probability; `ids`: person ids by number. First those of the least settled lines, there the most doubtful.
    """
    linked = pl.concat([links["a"], links["b"]]).unique().implode()
    doubtful = ~pl.col("certain") | (pl.col("state") == UNKNOWN) | pl.col("person").is_in(linked)
    of_lines = pl.col("entity_id").is_in(lines["entity_id"].cast(rows["entity_id"].dtype).implode())
    named = rows.filter(doubtful).filter(of_lines)
    people = named.select(
        "person", pl.col("entity_id").cast(pl.String), home=pl.col("state").cast(pl.String),
        certain="certain", confirmed="confirmed", probability=pl.col("millionths") / MILLION,
        own=pl.col("chance") > 0,
    )  # fmt: skip
    asked = lines.select("position", *_ON, "unknown", unsettled=_unsettled())
    met = people.join(asked, on="entity_id")
    here = met.filter(pl.col("state").is_null() | (pl.col("state") == pl.col("home")))
    elsewhere = met.filter((pl.col("unknown") > 0) & (pl.col("home") == UNKNOWN))
    possible = here.filter(~pl.col("certain") & pl.col("own") & ~pl.col("person").is_in(linked))
    questions = pl.concat(
        [_same(here, links), _one(possible, "whose"), _one(elsewhere, "residence")]
    )
    return _ordered(questions, ids)


def _same(here: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    """Links of a person at the line: a yes makes two one, or makes somebody known by a chart affected."""
    both = pl.concat(
        [here.join(links, left_on="person", right_on=end, suffix="_link") for end in ("a", "b")],
        how="diagonal",
    )
    return both.select(
        question=pl.lit("same_person"),
        person=pl.min_horizontal(pl.col("person"), pl.coalesce("a", "b")),
        other=pl.max_horizontal(pl.col("person"), pl.coalesce("a", "b")),
        probability="probability_link",
        **{name: pl.col(name) for name in (*_ON, "position", "unsettled")},
    ).unique()


def _one(people: pl.DataFrame, question: str) -> pl.DataFrame:
    known = pl.col("probability") if question == "whose" else pl.lit(None, pl.Float64)
    return people.select(
        question=pl.lit(question), person="person", other=pl.lit(None, pl.UInt32),
        probability=known, **{name: pl.col(name) for name in (*_ON, "position", "unsettled")},
    )  # fmt: skip


def _ordered(questions: pl.DataFrame, ids: pl.Series) -> pl.DataFrame:
    """One row a question, with the least settled line that it moves and how many it moves."""
    doubt = pl.col("probability") * (1 - pl.col("probability"))
    first = questions.sort("position").group_by("question", "person", "other", maintain_order=True).agg(
        pl.col(*_ON, "probability", "unsettled").first(), lines=pl.len(), line=pl.col("position").first()
    )  # fmt: skip
    named = first.with_columns(
        person_id=ids.gather(first["person"]), other_id=ids.gather(first["other"])
    )
    ordered = named.sort(
        "line", doubt.fill_null(0.0), "question", "person_id", "other_id",
        descending=[False, True, False, False, False], nulls_last=True,
    )  # fmt: skip
    return TABLES["open_questions"].complete(ordered.with_row_index("position"))
