"""Sheets for people: evidence per column, and masked samples. No value of a person is in either.

A mask keeps the shape: letters are x or X, digits 9, signs as they are.
"""

from __future__ import annotations

import polars as pl

from matching.propose.table import TableProposal

__all__ = ["COLUMN_SHEET", "SAMPLE_SHEET", "column_rows", "masked", "sample_rows"]

COLUMN_SHEET = ("file", "table", "column", "proposal", "grade", "bits", "filled", "rows", "distinct",
                "evidence", "other_meanings")  # fmt: skip
SAMPLE_SHEET = ("file", "table", "column", "proposal", "grade", "which", "shape", "rows")
FIRST_ROWS, RARE_SHAPES, SHAPE_MAX = 5, 5, 60


def column_rows(file: str, part: str, table: TableProposal) -> list[dict[str, str]]:
    """One row a column."""
    return [
        {
            "file": file,
            "table": part,
            "column": _plain(proposal.column),
            "proposal": proposal.target or "?",
            "grade": proposal.grade,
            "bits": f"{proposal.bits:.1f}",
            "filled": str(profile.filled),
            "rows": str(profile.rows),
            "distinct": str(profile.distinct),
            "evidence": "; ".join(proposal.evidence),
            "other_meanings": " ".join(proposal.others),
        }
        for proposal, profile in zip(table.proposals, table.profiles, strict=True)
    ]


def sample_rows(
    file: str, part: str, rows: pl.DataFrame, table: TableProposal
) -> list[dict[str, str]]:
    """Per column: the shapes of the first rows, and those that occur least."""
    found = []
    for proposal in table.proposals:
        shapes = rows.select(shape=masked(pl.col(proposal.column)))["shape"].drop_nulls()
        first = [("first", shape, "") for shape in shapes.head(FIRST_ROWS)]
        counts = shapes.value_counts(sort=False, name="n").sort("n", "shape").head(RARE_SHAPES)
        rare = [
            ("rare", shape, str(count)) for shape, count in counts.iter_rows()
        ]  # five of a column
        found += [
            {
                "file": file,
                "table": part,
                "column": _plain(proposal.column),
                "proposal": proposal.target or "?",
                "grade": proposal.grade,
                "which": which,
                "shape": _plain(shape),
                "rows": count,
            }
            for which, shape, count in (*first, *rare)
        ]
    return found


def masked(value: pl.Expr) -> pl.Expr:
    """Its shape, cut where it is long."""
    shape = (
        value.str.slice(0, SHAPE_MAX)
        .str.replace_all(r"\p{C}", "?")
        .str.replace_all(r"\p{Lu}", "\x01")
        .str.replace_all(r"[\p{L}\p{M}]", "x")
        .str.replace_all("\x01", "X")
        .str.replace_all(r"\p{N}", "9")
    )
    cut = value.str.len_chars() > SHAPE_MAX
    return pl.when(cut).then(shape + "...").otherwise(shape)


def _plain(text: str) -> str:
    """No formula where a spreadsheet opens it."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
