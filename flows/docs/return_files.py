"""The RETURN files as tables, from their one declaration: for the ledger's page and the vendor's guide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flows.docs.markdown import code, grid
from notify.returns import RETURNS

__all__ = ["return_files"]


def return_files() -> Iterator[str]:
    """A heading, the grain and the columns of each kind of file, line by line."""
    for one in RETURNS.values():
        yield f"### {one.kind}\n\n{one.grain[0].upper()}{one.grain[1:]}.\n"
        columns = [
            (
                code(name),
                field.type,
                _must(field.needed, field.optional),
                _codes(field.doc, field.codes),
            )
            for name, field in one.columns.items()
        ]
        yield from grid(("column", "type", "filled", "what it says"), columns)
        yield ""


def _must(needed: bool, optional: bool) -> str:
    return "column may lack" if optional else "always" if needed else "may be empty"


def _codes(doc: str, codes: Mapping[str, str] | None) -> str:
    said = ", ".join(f"{code(value)} {words}" for value, words in (codes or {}).items())
    return f"{doc} {said}." if said else doc
