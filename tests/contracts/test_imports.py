"""Which package may import which: architecture as a test."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "matching": {"matching"},
    "notify": {
        "notify",
        "matching.tables",
        "matching.store",
        "matching.person_numbers",
        "matching.compiling",
        "matching.typed_files",
    },
    "flows": {"flows", "notify", "matching"},
}
OURS = tuple(MAY_IMPORT)


def imports(source: str, package: str) -> set[str]:
    """Our modules that a source imports, relative imports included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            found.add(package)
        elif isinstance(node, ast.ImportFrom) and node.module in OURS:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return {name for name in found if name.split(".")[0] in OURS}


def forbidden(source: str, package: str) -> set[str]:
    allowed = MAY_IMPORT[package]
    return {
        name
        for name in imports(source, package)
        if not any(name == module or name.startswith(f"{module}.") for module in allowed)
    }


@pytest.mark.parametrize("package", OURS)
def test_packages_import_only_what_they_may(package: str) -> None:
    wrong = {
        path.relative_to(ROOT).as_posix(): sorted(found)
        for path in (ROOT / package).rglob("*.py")
        if (found := forbidden(path.read_text(encoding="utf-8"), package))
    }
    assert wrong == {}


@pytest.mark.parametrize(
    ("package", "source", "wrong"),
    [
        ("matching", "import notify.facts", {"notify.facts"}),
        ("matching", "def late():\n    from flows import run", {"flows.run"}),
        ("notify", "from matching import fields", {"matching.fields"}),
        ("notify", "from matching.keys import Keys", {"matching.keys"}),
        ("notify", "from matching.store import Workspace", set()),
        ("flows", "from matching.keys import Keys", set()),
    ],
)
def test_the_check_sees_what_it_should(package: str, source: str, wrong: set[str]) -> None:
    assert forbidden(source, package) == wrong
