"""docs/adr/index.md: the decisions by number, with their titles."""

from __future__ import annotations

from pathlib import Path

__all__ = ["decisions_page"]

FOLDER = Path(__file__).parents[2] / "docs" / "adr"
HEAD = "# Decisions\n\nOne page each: what was decided, why, and what follows.\n\n"


def decisions_page() -> str:
    """One line a page, by its own heading."""
    pages = sorted(FOLDER.glob("[0-9]*.md"))
    titles = [page.read_text(encoding="utf-8").split("\n", 1)[0].lstrip("# ") for page in pages]
    lines = [f"- [{title}]({page.name})\n" for title, page in zip(titles, pages, strict=True)]
    return HEAD + "".join(lines)
