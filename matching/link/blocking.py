"""Which pairs are compared at all: named rules, each tolerant of another kind of damage.

A rule gives each row up to three text keys; rows that share a key are candidates. Keys are hashed to
64 bits, so that joins touch no strings. Pairs are counted from block sizes before anything is joined.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
import polars as pl

from matching.log import log_counts

__all__ = [
    "BLOCKING",
    "TRAINING",
    "Rule",
    "Sides",
    "candidates",
    "limit_blocks",
    "make_keys",
    "rule_names",
]


@dataclass(frozen=True, slots=True)
class Rule:
    """A name, what the rule tolerates, and SQL expressions over one row that give its keys."""

    name: str
    tolerates: str
    keys: tuple[str, ...]
    block_pairs_max: float = float("inf")
    """Larger blocks are values too common to suggest a match: pairs that agree in more than the
    value come from other rules."""


_FIRST = "replace(first_name, ' ', '')"
_LAST = "replace(last_name, ' ', '')"
_NAMES = f"least({_FIRST}, {_LAST}) || ' ' || greatest({_FIRST}, {_LAST})"
_BIRTH_YEAR = "left(date_of_birth, 4)"
_STREET = "street_number || ' ' || street_name"

_RULES = (
    Rule(
        "birth_date_and_last_name",
        "another first name; hyphenated and previous last names",
        tuple(f"nullif(split_part(last_names, '|', {i}), '') || date_of_birth" for i in (1, 2, 3)),
    ),
    Rule("birth_date_and_first_name", "another last name", (f"{_FIRST} || date_of_birth",)),
    Rule(
        "birth_date_and_initials",
        "typing errors in both names",
        ("left(first_name, 1) || left(last_name, 1) || date_of_birth",),
    ),
    Rule(
        "birth_date",
        "everything but a birth date that few bear",
        ("date_of_birth",),
        block_pairs_max=200,
    ),
    Rule("birth_date_and_zip", "other names at the same place", ("zip5 || date_of_birth",)),
    Rule("birth_date_and_street", "other names, ZIP missing", (f"{_STREET} || date_of_birth",)),
    Rule(
        "names_and_birth_year",
        "names swapped; wrong day or month of birth",
        (f"{_NAMES} || {_BIRTH_YEAR}",),
    ),
    Rule(
        "names_and_birthday",
        "names swapped; wrong year of birth",
        (f"{_NAMES} || right(date_of_birth, 5)",),
    ),
    Rule(
        "names_and_middle_initial",
        "birth date missing, moved",
        (f"{_NAMES} || '  ' || left(middle_name, 1)",),
    ),
    Rule("names", "everything but a name that is not common", (_NAMES,), block_pairs_max=2_500),
    Rule(
        "last_name_and_zip",
        "another first name and birth date",
        (f"{_LAST} || zip5",),
        block_pairs_max=10_000,
    ),
    Rule(
        "first_name_and_zip",
        "another last name and birth date",
        (f"{_FIRST} || zip5",),
        block_pairs_max=2_500,
    ),
    Rule(
        "last_name_and_street",
        "another first name and birth date, ZIP missing",
        (f"{_LAST} || {_STREET}",),
    ),
    Rule(
        "first_name_and_street",
        "another last name and birth date, ZIP missing",
        (f"{_FIRST} || {_STREET}",),
    ),
    Rule("phone", "everything but a telephone number", ("phone", "phone2")),
    Rule("email", "everything but the e-mail address", ("email",)),
    Rule("ssn", "everything but the social security number", ("ssn",)),
    Rule(
        "ssn4_and_last_name", "a slip in the social security number", (f"right(ssn, 4) || {_LAST}",)
    ),
    Rule("member_id", "everything but the plan's member number", ("member_id",)),
    Rule(
        "chart_number_and_initial",
        "other names and dates where the chart number and one initial agree",
        ("mrn || ' ' || left(first_name, 1)", "mrn || '  ' || left(last_name, 1)"),
    ),
    Rule(
        "chart_number",
        "everything but a chart number that few bear",
        ("mrn",),
        block_pairs_max=1_000,
    ),
    Rule("chart_number_and_birth_year", "other names", (f"mrn || ' ' || {_BIRTH_YEAR}",)),
)
BLOCKING: dict[str, Rule] = {rule.name: rule for rule in _RULES}
"""Blocking rules by name, in the order of the bits of `rules`."""
TRAINING: dict[str, Rule] = {
    **BLOCKING,
    "place": Rule(
        "place", "everything but the address: shows training what neighbours share", (_STREET,)
    ),
}
"""Training also looks at pairs that share a home only, or it would not know how common they are."""

_KEYS_SQL = """
create table keys_{side} as
select * from ({each})
where key is not null
"""
_ONE_KEY_SQL = "select {bit}::utinyint as rule, rid, hash({key}) as key from rows_{side} where ({key}) is not null"
_BLOCKS_SQL = """
create table blocks as
select l.rule, l.key, l.n as n_left, r.n as n_right
from (select rule, key, count(*) as n from keys_{left} group by all) l
join (select rule, key, count(*) as n from keys_{right} group by all) r using (rule, key)
"""
_SIZES_SQL = """
select rule, n_left::double * n_right as size, count(*) as blocks
from blocks
group by all
order by rule, size
"""
_CANDIDATES_SQL = """
select l.rid as left_rid, r.rid as right_rid, bit_or(1::bigint << l.rule) as rules
from keys_{left} l
join keys_{right} r on l.rule = r.rule and l.key = r.key
where l.rid >= $start and l.rid < $stop {condition}
group by all
"""


@dataclass(frozen=True, slots=True)
class Sides:
    """Which loaded tables are compared; `within`: one table against itself, each pair once."""

    left: str
    right: str

    @property
    def within(self) -> bool:
        """One table against itself."""
        return self.left == self.right


def make_keys(
    con: duckdb.DuckDBPyConnection, side: str, rules: Mapping[str, Rule] = BLOCKING
) -> None:
    """Make `keys_<side>` (rule, rid, key) from `rows_<side>`."""
    each = " union all ".join(
        _ONE_KEY_SQL.format(bit=bit, key=key, side=side)
        for bit, rule in enumerate(rules.values())
        for key in rule.keys
    )
    con.execute(_KEYS_SQL.format(side=side, each=each))


def limit_blocks(
    con: duckdb.DuckDBPyConnection,
    sides: Sides,
    *,
    pair_budget: int,
    step: str,
    rules: Mapping[str, Rule] = BLOCKING,
) -> None:
    """Count the pairs of every rule and take the largest blocks out where they exceed its share.

    Rules that stay below an equal share of the budget leave the rest to the others. Blocks that
    are left out are counted in the log, rule by rule.
    """
    con.execute("drop table if exists blocks")
    con.execute(_BLOCKS_SQL.format(left=sides.left, right=sides.right))
    sizes = con.sql(_SIZES_SQL).pl()
    caps = _caps(sizes, pair_budget, rules)
    for bit, (name, cap) in enumerate(zip(rules, caps, strict=True)):
        dropped = sizes.filter((pl.col("rule") == bit) & (pl.col("size") > cap))
        if dropped.is_empty():
            continue
        pairs = int((dropped["size"] * dropped["blocks"]).sum())
        log_counts(
            step,
            **{f"blocks_left_out_{name}": int(dropped["blocks"].sum()), "pairs_left_out": pairs},
        )
        for side in {sides.left, sides.right}:
            con.execute(
                f"delete from keys_{side} where rule = $rule and key in "
                "(select key from blocks where rule = $rule and n_left::double * n_right > $cap)",
                {"rule": bit, "cap": cap},
            )
    log_counts(
        step, **{f"pairs_{name}": _planned(sizes, bit, caps[bit]) for bit, name in enumerate(rules)}
    )


def _planned(sizes: pl.DataFrame, bit: int, cap: float) -> int:
    kept = sizes.filter((pl.col("rule") == bit) & (pl.col("size") <= cap))
    return int((kept["size"] * kept["blocks"]).sum())


def _caps(sizes: pl.DataFrame, pair_budget: int, rules: Mapping[str, Rule]) -> list[float]:
    """Largest block size that each rule may keep, smallest rules served first."""
    caps = [rule.block_pairs_max for rule in rules.values()]
    totals = {
        bit: float((rows["size"] * rows["blocks"]).sum())
        for bit in range(len(rules))
        for rows in [sizes.filter((pl.col("rule") == bit) & (pl.col("size") <= caps[bit]))]
    }
    left, waiting = float(pair_budget), len(rules)
    for bit in sorted(totals, key=lambda b: (totals[b], b)):
        share = left / waiting
        if totals[bit] > share:
            caps[bit] = min(caps[bit], _cap(sizes.filter(pl.col("rule") == bit), share))
        left -= min(totals[bit], share)
        waiting -= 1
    return caps


def _cap(sizes: pl.DataFrame, share: float) -> float:
    within = sizes.sort("size").with_columns(total=(pl.col("size") * pl.col("blocks")).cum_sum())
    kept = within.filter(pl.col("total") <= share)["size"]
    return float(kept.max()) if len(kept) else 0.0  # type: ignore[arg-type]  # a float column


def candidates(
    con: duckdb.DuckDBPyConnection, sides: Sides, *, start: int, stop: int
) -> pl.DataFrame:
    """Pairs (left_rid, right_rid, rules) whose left row number is in [start, stop), each once."""
    condition = "and l.rid < r.rid" if sides.within else ""
    sql = _CANDIDATES_SQL.format(left=sides.left, right=sides.right, condition=condition)
    found: pl.DataFrame = con.sql(sql, params={"start": start, "stop": stop}).pl()
    return found


def rule_names(rules: pl.Expr) -> pl.Expr:
    """Names of the rules whose bits are set, in order, separated by commas."""
    names = [
        pl.when(rules & (1 << bit) != 0).then(pl.lit(name)) for bit, name in enumerate(BLOCKING)
    ]
    return pl.concat_str(names, separator=",", ignore_nulls=True)
