"""docs/commands.md from the command line's own declarations."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import typer.main

from flows.cli import app
from flows.docs.markdown import code, grid

__all__ = ["commands_page"]

HEAD = """# Commands

Generated from `flows/cli.py` by `python -m flows.docs`; do not edit.

Every command: `--json` prints one document on stdout whose `schema` is `affected.<command>/1` (changes only
add to it); progress goes to stderr; `--help` shows an example.

| exit code | meaning |
| --- | --- |
| 0 | done |
| 1 | our bug |
| 2 | wrong usage |
| 3 | bad configuration or input: one line names the file, the key or row and the fix |
| 4 | a check failed |
| 5 | an approval is missing |
| 6 | uncertain sends exist |
| 7 | a stored file is not what its manifest says |
| 75 | try again later: locked, disk full, a server that does not answer |
"""


def commands_page() -> str:
    """The whole page, commands in the order of `affected --help`."""
    group: Any = typer.main.get_command(app)
    lines = [HEAD]
    for name, command in group.commands.items():
        lines += _command(name, command)
    return "\n".join(lines).rstrip() + "\n"


def _command(name: str, command: Any) -> list[str]:
    arguments = [p for p in command.params if not p.opts[0].startswith("-")]
    options = [p for p in command.params if p.opts[0].startswith("-")]
    usage = " ".join(["affected", name, *(_usage(p) for p in arguments)])
    what, _, example = inspect.cleandoc(command.help or "").partition("Example:")
    lines = [
        f"## affected {name}",
        "",
        what.strip(),
        "",
        "```",
        f"{usage}{' [options]' if options else ''}",
    ]
    lines += [*([f"# example: {example.strip()}"] if example else []), "```", ""]
    rows = [(_spelled(p), p.help or "", _default(p)) for p in (*arguments, *options)]
    return [*lines, *grid(("argument or option", "meaning", "default"), rows), ""]


def _usage(parameter: Any) -> str:
    shown = parameter.name.upper() + ("..." if parameter.nargs != 1 else "")
    return shown if parameter.required else f"[{shown}]"


def _spelled(parameter: Any) -> str:
    if not parameter.opts[0].startswith("-"):
        return code(parameter.name.upper())
    flag = getattr(parameter, "is_flag", False)
    return code(", ".join(parameter.opts) + ("" if flag else f" {parameter.metavar or 'VALUE'}"))


def _default(parameter: Any) -> str:
    """As declared; empty where there is none or where the meaning already tells it."""
    if parameter.required:
        return "required"
    default = parameter.default
    told = not parameter.show_default or "default" in (parameter.help or "").lower()
    if told or default in (None, "", False):
        return ""
    return code(default.as_posix() if isinstance(default, Path) else str(default))
