"""docs/guards.md from the declared guards."""

from __future__ import annotations

from flows.docs.markdown import code, grid
from matching.link.guards import GUARDS, MISSING, Levels

__all__ = ["guards_page"]

HEAD = """# Relationship guards

Generated from `matching/link/guards.py` by `python -m flows.docs`; do not edit.

Fields of a family are not independent: twins share birth date and home, father and son name and home. A guard
reads the levels of a pair's comparison vector and, whatever the weight, acts:

- `veto`: two people. The pair is no match, and people never has both in one person, whatever lies between them.
- `cap`: never more than review.
- `review`: review, whatever the weight.
- `off`: says nothing.

Actions are changed in the incident file, `[matching] guards = {twin = "veto"}`. `reasons` of a pair names the
guards that spoke behind `;`, each with what it did: `names,phone;generation=veto`. A guard needs the comparisons
and levels that it reads; a model of other names does without it, except that a comparison which a model lacks counts
as missing where missing would do.

"""
FOOT = """
What each does to a rehearsal with truth is measured by `python -m benchmarks.people` (people of one household merged,
by relation).
"""


def guards_page() -> str:
    """The whole page."""
    rows = [
        (code(g.code), g.action, g.words, "; or ".join(_pattern(p) for p in g.patterns))
        for g in GUARDS
    ]
    lines = grid(("guard", "action", "what it says", "where"), rows)
    return HEAD + "\n".join(lines) + "\n" + FOOT


def _pattern(levels: Levels) -> str:
    """Comparisons and their levels, as a reader of the model knows them."""
    return ", ".join(
        f"{name}: {' / '.join(sorted(labels, key=lambda x: (x == MISSING, x)))}"
        for name, labels in levels.items()
    )
