"""Which pairs are compared at all: named rules, each tolerant of another kind of damage.

A rule gives a record one or more keys, each made of parts (SQL expressions over the record's columns);
records that share a key of a rule are candidates. A key with a missing part is no key.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import polars as pl
from sqlglot import expressions as sql

from matching.errors import OperatorError
from matching.link.dialect import parsed, written
from matching.model.definition import MATCH_COLUMNS

__all__ = ["BLOCKING", "TRAINING", "Rule", "columns_of_part", "rule_names", "rules_of"]

Key = tuple[str, ...]
MAX_RULES = 62
"""Bits of `rules`: the one behind is for groups compared with themselves, the last is the sign."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A name, what the rule tolerates, and its keys."""

    name: str
    tolerates: str
    keys: tuple[Key, ...]
    block_pairs_max: float = float("inf")
    """Larger blocks are values too common to suggest a match: pairs that agree in more than the
    value come from other rules."""


_FIRST = "replace(first_name, ' ', '')"
_LAST = "replace(last_name, ' ', '')"
_NAMES = f"least({_FIRST}, {_LAST}) || ' ' || greatest({_FIRST}, {_LAST})"
_FIRST_INITIAL = "left(first_name, 1)"
_LAST_INITIAL = "left(last_name, 1)"
_BIRTH_YEAR = "left(date_of_birth, 4)"
_BIRTHDAY = "right(date_of_birth, 5)"
_LAST_NAMES = tuple(f"nullif(split_part(last_names, '|', {i}), '')" for i in (1, 2, 3))

_RULES = (
    Rule(
        "birth_date_and_last_name",
        "another first name; hyphenated and previous last names",
        tuple((name, "date_of_birth") for name in _LAST_NAMES),
    ),
    Rule("birth_date_and_first_name", "another last name", ((_FIRST, "date_of_birth"),)),
    Rule(
        "birth_date_and_initials",
        "typing errors in both names",
        ((_FIRST_INITIAL, _LAST_INITIAL, "date_of_birth"),),
    ),
    Rule(
        "birth_date",
        "everything but a birth date that few bear",
        (("date_of_birth",),),
        block_pairs_max=200,
    ),
    Rule("birth_date_and_zip", "other names at the same place", (("zip5", "date_of_birth"),)),
    Rule("birth_date_and_street", "other names, ZIP missing", (("place", "date_of_birth"),)),
    Rule(
        "names_and_birth_year",
        "names swapped; wrong day or month of birth",
        ((_NAMES, _BIRTH_YEAR),),
    ),
    Rule("names_and_birthday", "names swapped; wrong year of birth", ((_NAMES, _BIRTHDAY),)),
    Rule(
        "names_and_middle_initial",
        "birth date missing, moved",
        ((_NAMES, "left(middle_name, 1)"),),
    ),
    Rule("names", "everything but a name that is not common", ((_NAMES,),), block_pairs_max=2_500),
    Rule(
        "last_name_and_zip",
        "another first name and birth date",
        ((_LAST, "zip5"),),
        block_pairs_max=10_000,
    ),
    Rule(
        "first_name_and_zip",
        "another last name and birth date",
        ((_FIRST, "zip5"),),
        block_pairs_max=2_500,
    ),
    Rule(
        "last_name_and_street",
        "another first name and birth date, ZIP missing",
        ((_LAST, "place"),),
    ),
    Rule(
        "first_name_and_street",
        "another last name and birth date, ZIP missing",
        ((_FIRST, "place"),),
    ),
    Rule("phone", "everything but a telephone number", (("phone",), ("phone2",))),
    Rule("email", "everything but the e-mail address", (("email",),)),
    Rule("ssn", "everything but the social security number", (("ssn",),)),
    Rule("ssn4_and_last_name", "a slip in the social security number", (("right(ssn, 4)", _LAST),)),
    Rule("member_id", "everything but the plan's member number", (("member_id",),)),
    Rule(
        "chart_number_and_initial",
        "other names and dates where the chart number and one initial agree",
        (("mrn", "'first'", _FIRST_INITIAL), ("mrn", "'last'", _LAST_INITIAL)),
    ),
    Rule(
        "chart_number",
        "everything but a chart number that few bear",
        (("mrn",),),
        block_pairs_max=1_000,
    ),
    Rule("chart_number_and_birth_year", "other names", (("mrn", _BIRTH_YEAR),)),
)
BLOCKING: dict[str, Rule] = {rule.name: rule for rule in _RULES}
"""Blocking rules by name, in the order of the bits of `rules`."""
TRAINING: dict[str, Rule] = {
    **BLOCKING,
    "place": Rule(
        "place",
        "everything but the address: shows training what neighbours share",
        (("place",),),
    ),
}
"""Training also looks at pairs that share a home only, or it would not know how common they are."""


def rules_of(settings: dict[str, Any]) -> dict[str, Rule]:
    """The model's own blocking rules where it has some, else BLOCKING.

    Raises OperatorError naming a rule that is no conjunction of `l.x = r.x`, one that explodes arrays, or
    an unknown column.
    """
    given = settings.get("blocking_rules_to_generate_predictions") or []
    texts = [_text_of(rule) for rule in given]
    if len(texts) > MAX_RULES:
        raise OperatorError(f"model: {len(texts)} blocking rules; at most {MAX_RULES}")
    rules = [_rule(text) for text in texts]
    for rule in rules:
        unknown = {c for key in rule.keys for part in key for c in columns_of_part(part)}
        unknown -= set(MATCH_COLUMNS)
        if unknown:
            raise OperatorError(f"model: blocking rule '{rule.name}': no column '{min(unknown)}'")
    return {rule.name: rule for rule in rules} or BLOCKING


def _text_of(rule: str | dict[str, Any]) -> str:
    if isinstance(rule, str):
        return rule
    text = str(rule.get("blocking_rule", rule.get("sql", "")))
    if not text:
        raise OperatorError(
            "model: a blocking rule without `blocking_rule`; give it or take it out"
        )
    if rule.get("arrays_to_explode"):
        raise OperatorError(
            f"model: blocking rule '{text}' explodes arrays, which is not done here; rewrite it"
        )
    return text


@cache
def columns_of_part(part: str) -> tuple[str, ...]:
    """Columns that a part reads."""
    tree = parsed(part, what="a blocking rule")
    return tuple(dict.fromkeys(column.name for column in tree.find_all(sql.Column)))


def _rule(text: str) -> Rule:
    tree = parsed(text, what="a blocking rule")
    parts = [_part(equality, text) for equality in tree.flatten() if isinstance(tree, sql.And)] or [
        _part(tree, text)
    ]
    return Rule(" and ".join(parts), "the model's own rule", (tuple(parts),))


def _part(equality: sql.Expr, rule: str) -> str:
    """The expression that both sides of an equality apply to their record."""
    equality = equality.unnest()
    if isinstance(equality, sql.EQ):
        sides = {}
        for side in (equality.left, equality.right):
            tables = {column.table for column in side.find_all(sql.Column)}
            bare = side.copy().transform(
                lambda node: sql.column(node.name) if isinstance(node, sql.Column) else node
            )
            sides["".join(sorted(tables))] = written(bare)
        if set(sides) == {"l", "r"} and sides["l"] == sides["r"]:
            return sides["l"]
    raise OperatorError(
        f"model: blocking rule '{rule}' is no conjunction of equalities l.x = r.x; rewrite it"
    )


def rule_names(rules: pl.Expr, named: Iterable[str] = BLOCKING) -> pl.Expr:
    """Names of the rules whose bits are set, in order, separated by commas."""
    names = [pl.when(rules & (1 << bit) != 0).then(pl.lit(name)) for bit, name in enumerate(named)]
    return pl.concat_str(names, separator=",", ignore_nulls=True)
