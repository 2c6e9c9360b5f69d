"""Reference pages made from the declarations, so that they cannot say anything else.

`python -m flows.docs` writes them, `--check` lists those that differ and fails. Each page is a
function that gives the whole text; equal declarations give equal text on every machine.
"""

from __future__ import annotations

from pathlib import Path
from pkgutil import resolve_name

__all__ = ["PAGES", "ROOT", "drifted", "page", "write_all"]

ROOT = Path(__file__).parents[2]
"""The checkout; a wheel carries no pages to write."""

PAGES: dict[str, str] = {
    "docs/tables.md": "flows.docs.tables:tables_page",
    "docs/commands.md": "flows.docs.commands:commands_page",
    "docs/configuration.md": "flows.docs.configuration:configuration_page",
    "docs/guards.md": "flows.docs.guards:guards_page",
    "docs/ledger.md": "flows.docs.ledger:ledger_page",
    "docs/vendor-guide.md": "flows.docs.vendor:vendor_page",
    "docs/performance.md": "flows.docs.performance:performance_page",
    "docs/adr/index.md": "flows.docs.decisions:decisions_page",
    "docs/sbom.json": "flows.docs.sbom:sbom_page",
    "README.md": "flows.docs.figures:readme_page",
}
"""Every generated page and the function that makes it; of some only the region between two marks."""


def page(name: str) -> str:
    """The text that a page should have."""
    text: str = resolve_name(PAGES[name])()
    return text


def drifted(root: Path = ROOT) -> list[str]:
    """Pages below `root` that are missing or differ from what the declarations say."""
    return [name for name in PAGES if _stored(root / name) != page(name)]


def write_all(root: Path = ROOT) -> list[str]:
    """Write every page that differs; gives their names."""
    changed = drifted(root)
    for name in changed:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(page(name), encoding="utf-8")
    return changed


def _stored(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None
