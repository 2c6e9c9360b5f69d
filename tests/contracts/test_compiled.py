"""Compiled functions call none of another file: numba's cache of a caller does not see a changed callee."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("matching", "notify", "flows")
SOURCES = [p for package in PACKAGES for p in sorted((ROOT / package).rglob("*.py"))]


def compiled(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    """Functions under @njit."""
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {f.name: f for f in functions if any("njit" in ast.unparse(d) for d in f.decorator_list)}


def test_compiled_functions_call_none_of_another_file() -> None:
    trees = {path.relative_to(ROOT).with_suffix("").as_posix().replace("/", "."): ast.parse(path.read_text()) for path in SOURCES}  # fmt: skip
    named = {(module, name) for module, tree in trees.items() for name in compiled(tree)}
    assert len(named) > 20
    wrong = []
    for module, tree in trees.items():
        imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module]
        foreign = {a.asname or a.name for node in imports for a in node.names if (node.module, a.name) in named}  # fmt: skip
        for function in compiled(tree).values():
            used = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
            wrong += [f"{module}.{function.name} calls {name}" for name in sorted(used & foreign)]
    assert wrong == []
