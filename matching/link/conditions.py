"""What a level's SQL says, as far as numbers can tell it.

A condition is taken apart along AND and OR into *atoms*: bits that a pair's coded columns give. An
*exact* atom is the truth of its part: two columns are equal, a column is null, an expression over one
column equals another's. A *maybe* atom says only that its part cannot be true where the bit is 0: two
names with too few letters in common for their similarity, two lists without a common element. Parts of
neither kind, and maybe atoms whose bit is 1, are left to DuckDB as the SQL that the model gives.
Inside AND and OR a null counts as false, as in the CASE that Splink writes; where it would not (below
NOT, coalesce, CASE) nothing is taken apart.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from enum import IntEnum

from sqlglot import expressions as sql

from matching.link.dialect import parsed, written

__all__ = [
    "VALUE", "Atom", "Condition", "Else", "Joined", "Kind", "Open", "Test",
    "atoms_of", "columns_of", "parse", "residual", "texts_of",
]  # fmt: skip

VALUE = "value"
"""Name of a column's value in the expressions that are evaluated once per distinct value."""


class Kind(IntEnum):
    """What an atom tests. From ANY on: maybe atoms."""

    EQUAL = 0
    NULL_LEFT = 1
    NULL_RIGHT = 2
    SAME = 3
    FLAG_LEFT = 4
    FLAG_RIGHT = 5
    ANY = 6
    JARO_WINKLER = 7
    EDITS = 8
    SWAPS = 9
    PLACES = 10


@dataclass(frozen=True, slots=True)
class Atom:
    """One bit.

    `left`, `right`: columns, empty where the side plays no part. `left_of`, `right_of`: SQL over VALUE
    that is evaluated per distinct value (SAME, FLAG, ANY). `limit`: the threshold.
    """

    kind: Kind
    left: str = ""
    right: str = ""
    left_of: str = ""
    right_of: str = ""
    limit: float = 0.0


@dataclass(frozen=True, slots=True)
class Else:
    """The last level: holds where no other did."""


@dataclass(frozen=True, slots=True)
class Test:
    """An exact atom, and whether the condition holds where it is true or where it is false."""

    atom: Atom
    wanted: bool


@dataclass(frozen=True, slots=True)
class Open:
    """A part that only DuckDB can decide; cannot hold where the maybe atom, if there is one, is 0."""

    sql: str
    texts: frozenset[str]
    maybe: Atom | None


@dataclass(frozen=True, slots=True)
class Joined:
    """AND (`both`) or OR of two conditions."""

    both: bool
    left: Condition
    right: Condition


Condition = Else | Test | Open | Joined


def parse(condition: str, coded: Collection[str]) -> Condition:
    """Take one condition apart; ELSE is always true.

    `coded`: columns with a dictionary, about whose values anything may be asked; of others only
    equality, null and likeness are known.
    """
    if condition.strip().upper() == "ELSE":
        return Else()
    return _node(parsed(condition, what="a level"), coded)


def columns_of(condition: str, *, what: str = "a level") -> frozenset[str]:
    """Columns that a condition reads, without `_l` and `_r`. `what` names it where it is no SQL."""
    if condition.strip().upper() == "ELSE":
        return frozenset()
    return frozenset(c[:-2] for c in _names(parsed(condition, what=what)))


def atoms_of(condition: Condition) -> Iterator[Atom]:
    """All atoms of a condition, exact and maybe."""
    if isinstance(condition, Joined):
        yield from atoms_of(condition.left)
        yield from atoms_of(condition.right)
    elif isinstance(condition, Test):
        yield condition.atom
    elif isinstance(condition, Open) and condition.maybe is not None:
        yield condition.maybe


def texts_of(condition: Condition) -> frozenset[str]:
    """Columns whose text DuckDB needs."""
    if isinstance(condition, Joined):
        return texts_of(condition.left) | texts_of(condition.right)
    return condition.texts if isinstance(condition, Open) else frozenset()


def residual(condition: Condition, bit: Callable[[Atom], int]) -> str:
    """SQL over the word `bits` of exact atoms and the texts that are left."""
    if isinstance(condition, Else):
        return "true"
    if isinstance(condition, Test):
        mask = 1 << bit(condition.atom)
        return f"(bits & {mask} {'<>' if condition.wanted else '='} 0)"
    if isinstance(condition, Open):
        return condition.sql
    word = "and" if condition.both else "or"
    return f"({residual(condition.left, bit)} {word} {residual(condition.right, bit)})"


def _node(tree: sql.Expr, coded: Collection[str]) -> Condition:
    if isinstance(tree, sql.Paren):
        return _node(tree.this, coded)
    if isinstance(tree, (sql.And, sql.Or)):
        both = isinstance(tree, sql.And)
        return Joined(both, _node(tree.left, coded), _node(tree.right, coded))
    found = _null_test(tree) or _equality(tree, coded) or _flag(tree, coded)
    if found is not None:
        return found
    texts = frozenset(name[:-2] for name in _names(tree))
    maybe = _overlap(tree, coded) or _similarity(tree)
    return Open(f"({written(tree)})", texts, maybe)


def _names(tree: sql.Expr) -> frozenset[str]:
    names = frozenset(column.name for column in tree.find_all(sql.Column))
    return frozenset(name for name in names if name.endswith(("_l", "_r")))


def _bare(tree: sql.Expr | None) -> tuple[str, str] | None:
    """(column, side) of a bare column such as `zip5_l`."""
    if isinstance(tree, sql.Column) and tree.name.endswith(("_l", "_r")):
        return tree.name[:-2], tree.name[-1]
    return None


_TEXTS = frozenset({
    "left", "right", "substr", "substring", "upper", "lower", "trim", "ltrim", "rtrim", "replace",
    "reverse",
})  # fmt: skip
_TOTAL = _TEXTS | {
    "length", "len", "strlen", "string_split", "str_split", "starts_with", "ends_with", "prefix",
    "suffix", "contains",
}  # fmt: skip
"""Functions that give null for a missing value, and only then, and never fail."""
_TOTAL_NODES = (
    sql.Column, sql.Identifier, sql.Literal, sql.Paren, sql.Substring, sql.Trim, sql.EQ, sql.NEQ,
    sql.GT, sql.GTE, sql.LT, sql.LTE, sql.Like, sql.In, sql.And, sql.Or,
)  # fmt: skip


def _of_one_value(tree: sql.Expr, coded: Collection[str]) -> tuple[str, str, str] | None:
    """(column, side, SQL over VALUE) of an expression over one coded column of one side.

    Only of nodes that are null for a missing value, and only then, and never fail: it is evaluated for
    every value, whether a level's other conditions would have let it through or not.
    """
    names = _names(tree)
    if len(names) != 1 or not all(_is_total(node) for node in tree.walk()):
        return None
    name = next(iter(names))
    if name[:-2] not in coded:
        return None
    renamed = tree.copy().transform(
        lambda node: sql.column(VALUE) if isinstance(node, sql.Column) else node
    )
    return name[:-2], name[-1], written(renamed)


def _is_total(node: sql.Expr) -> bool:
    if isinstance(node, sql.Anonymous):
        return node.name.lower() in _TOTAL
    return isinstance(node, _TOTAL_NODES)


def _is_text(tree: sql.Expr) -> bool:
    """The expression gives a text, whatever it is over."""
    if isinstance(tree, sql.Anonymous):
        return tree.name.lower() in _TEXTS
    return isinstance(tree, (sql.Column, sql.Substring, sql.Trim))


def _null_test(tree: sql.Expr) -> Condition | None:
    """`x is null`, `x is not null` and `coalesce(x, y) is null`, of bare columns."""
    wanted = not isinstance(tree, sql.Not)
    inner = tree if wanted else tree.this
    if not isinstance(inner, sql.Is) or not isinstance(inner.expression, sql.Null):
        return None
    tested = inner.this
    values = [tested]
    if isinstance(tested, sql.Anonymous) and tested.name.lower() == "coalesce":
        values = tested.expressions
    whole: Condition | None = None
    for column in map(_bare, values):
        if column is None:
            return None
        name, side = column
        atom = Atom(Kind.NULL_LEFT, left=name) if side == "l" else Atom(Kind.NULL_RIGHT, right=name)
        test = Test(atom, wanted)
        # not (a and b) is (not a) or (not b)
        whole = test if whole is None else Joined(wanted, whole, test)
    return whole


def _equality(tree: sql.Expr, coded: Collection[str]) -> Condition | None:
    """Two columns, or expressions over one coded column of each side."""
    if not isinstance(tree, sql.EQ):
        return None
    one, two = _bare(tree.left), _bare(tree.right)
    if one and two and one[1] != two[1]:
        left, right = (one, two) if one[1] == "l" else (two, one)
        return Test(Atom(Kind.EQUAL, left[0], right[0]), wanted=True)
    first, second = _of_one_value(tree.left, coded), _of_one_value(tree.right, coded)
    if first is None or second is None or first[1] == second[1]:
        return None
    if first[2] != second[2] and not (_is_text(tree.left) and _is_text(tree.right)):
        return None  # 5 and 5.0 are equal, their hashes are not
    a, b = (first, second) if first[1] == "l" else (second, first)
    return Test(Atom(Kind.SAME, a[0], b[0], _hash(a[2]), _hash(b[2])), wanted=True)


def _hash(value: str) -> str:
    """A hash above 0, and 0 for null."""
    return f"case when ({value}) is null then 0 else greatest(hash({value}), 1) end"


def _flag(tree: sql.Expr, coded: Collection[str]) -> Condition | None:
    """A test of one coded column of one side, such as its length; not true where it is null."""
    found = _of_one_value(tree, coded)
    if found is None:
        return None
    column, side, value = found
    test = f"({value})::ubigint"
    if side == "l":
        return Test(Atom(Kind.FLAG_LEFT, left=column, left_of=test), wanted=True)
    return Test(Atom(Kind.FLAG_RIGHT, right=column, right_of=test), wanted=True)


def _overlap(tree: sql.Expr, coded: Collection[str]) -> Atom | None:
    """`list_has_any(x, y)`: impossible where hashes of the elements to 64 bits have none in common."""
    if isinstance(tree, sql.ArrayOverlaps):
        operands = [tree.this, tree.expression]
    elif isinstance(tree, sql.Anonymous) and tree.name.lower() in _OVERLAPS:
        operands = tree.expressions
    else:
        return None
    if len(operands) != 2:
        return None
    one, two = (_of_one_value(operand, coded) for operand in operands)
    if one is None or two is None or one[1] == two[1]:
        return None
    a, b = (one, two) if one[1] == "l" else (two, one)
    return Atom(Kind.ANY, a[0], b[0], _elements(a[2]), _elements(b[2]))


_OVERLAPS = frozenset({"list_has_any", "array_has_any"})


def _elements(items: str) -> str:
    bits = f"list_transform({items}, lambda x: 1::ubigint << (hash(x) % 64)::int)"
    return f"list_reduce({bits}, lambda a, b: a | b, 0::ubigint)"


_SIMILARITIES: dict[str, tuple[Kind, tuple[type[sql.Expr], ...]]] = {
    "jaro_winkler_similarity": (Kind.JARO_WINKLER, (sql.GTE, sql.GT)),
    "jaro_similarity": (Kind.JARO_WINKLER, (sql.GTE, sql.GT)),
    "levenshtein": (Kind.EDITS, (sql.LTE, sql.LT)),
    "damerau_levenshtein": (Kind.SWAPS, (sql.LTE, sql.LT)),
    "hamming": (Kind.PLACES, (sql.LTE, sql.LT)),
}
"""Functions whose outcome letters alone can rule out, and the comparisons with a limit that do."""


def _similarity(tree: sql.Expr) -> Atom | None:
    """A similarity of two columns against a number; Jaro is never above Jaro-Winkler."""
    if not isinstance(tree, sql.Predicate) or not isinstance(tree, sql.Binary):
        return None
    function, number = tree.left, tree.right
    if not isinstance(function, sql.Anonymous) or not isinstance(number, sql.Literal):
        return None
    if function.name.lower() not in _SIMILARITIES or number.is_string:
        return None
    kind, comparisons = _SIMILARITIES[function.name.lower()]
    sides = [side for side in map(_bare, function.expressions) if side is not None]
    if not isinstance(tree, comparisons) or len(function.expressions) != 2 or len(sides) != 2:
        return None
    one, two = sides
    if one[1] == two[1]:
        return None
    left, right = (one, two) if one[1] == "l" else (two, one)
    return Atom(kind, left[0], right[0], limit=float(number.this))
