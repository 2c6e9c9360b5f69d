"""Whether a step's source changed without a new version: a stale skip would keep old results.

`tests/contracts/step_versions.json` holds, per step and version, digests of the source that were
accepted: the first as it is, each later one with a line "same output as version N: why". The source
of a step is its package and what it imports of ours, less the frame; comments, docstrings and
formatting do not count, templates and styles do.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from flows.steps import REPORT, STEPS

__all__ = ["RECORD", "changed_steps", "record_steps", "source_digest"]

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "tests" / "contracts" / "step_versions.json"
OURS = ("matching", "notify")
FRAME = frozenset(
    f"matching.{name}"
    for name in ("errors", "fields", "keys", "log", "schema", "sources", "store", "tables")
) | {"notify.facts"}
"""Declarations and the store: a changed table or settings model changes the digests by itself."""
Recorded = dict[str, dict[str, list[str]]]


def changed_steps(record: Path = RECORD) -> list[str]:
    """One line a step whose source is not among those accepted for its version."""
    known = _read(record)
    return [
        f"step {name}: source changed; raise its version in flows/steps.py, or"
        f" python -m flows.docs --same-output WHY (same output as version {version})"
        for name, version, digest in _steps()
        if digest not in [line.split(" ")[0] for line in known.get(name, {}).get(str(version), [])]
    ]


def record_steps(record: Path = RECORD, *, same_output: str = "") -> list[str]:
    """Accept new steps and versions, and with `same_output` changed sources; gives what it refused."""
    known = _read(record)
    for name, version, digest in _steps():
        lines = known.setdefault(name, {}).setdefault(str(version), [])
        if not lines:
            lines.append(digest)
        elif same_output and digest not in [line.split(" ")[0] for line in lines]:
            lines.append(f"{digest} same output as version {version}: {same_output}")
    text = json.dumps(known, indent=1) + "\n"
    if not record.exists() or record.read_text() != text:
        record.write_text(text)
    return changed_steps(record)


def source_digest(module: str) -> str:
    """Digest over the normalised source of a module or package and of ours that it imports."""
    files = sorted(_closure(module))
    parts = [(path.relative_to(ROOT).as_posix(), _normalised(path)) for path in files]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


def _steps() -> list[tuple[str, int, str]]:
    return [(step.name, step.version, source_digest(_module(step))) for step in (*STEPS, REPORT)]


def _module(step: Any) -> str:
    """The package or module of the step: `matching.intake`, wherever in it `run` stands."""
    return ".".join(step.run.__module__.split(".")[:2])


def _read(record: Path) -> Recorded:
    stored: Recorded = json.loads(record.read_text()) if record.exists() else {}
    return stored


def _closure(module: str) -> set[Path]:
    waiting, seen, files = [module], set(), set()
    while waiting:
        name = waiting.pop()
        if name in seen or name in FRAME or name.split(".")[0] not in OURS or name in OURS:
            continue
        seen.add(name)
        own = _files(name)
        files |= own
        waiting += [found for path in own if path.suffix == ".py" for found in _imports(path)]
    return files


def _files(name: str) -> set[Path]:
    folder = ROOT.joinpath(*name.split("."))
    if folder.is_dir():
        return {p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    path = folder.with_suffix(".py")
    return {path} if path.exists() else set()


def _imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in found if name not in sys.stdlib_module_names]


def _normalised(path: Path) -> str:
    if path.suffix != ".py":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    return json.dumps(_plain(ast.parse(path.read_text(encoding="utf-8"))))


def _plain(node: Any) -> Any:
    """The tree without positions, docstrings and empty fields (which differ between Pythons)."""
    if isinstance(node, list):
        return [_plain(item) for item in node if not _is_docstring(item)]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {
        name: _plain(value) for name, value in ast.iter_fields(node) if value not in (None, [])
    }
    return {type(node).__name__: fields}


def _is_docstring(node: Any) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
