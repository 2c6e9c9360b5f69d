"""docs/configuration.md from the models of the incident file, and the keys of a TOML file like it."""

from __future__ import annotations

import inspect
import types
from datetime import date
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from flows.docs.markdown import code, grid
from flows.settings import IncidentFile
from matching.fields import CANONICAL_FIELDS

__all__ = ["SET_BY_PROGRAM", "configuration_page", "section_model", "sections"]

SET_BY_PROGRAM = frozenset({"folder"})
HEAD = """# The incident file

Generated from `flows/settings.py` by `python -m flows.docs`; do not edit.

TOML; unknown keys are refused, and every message names the key and the fix. Paths are relative to the file.
`configs/example/incident.toml` has every key. `[section]` stands once, `[[section]]` as often as needed.
"""
NAMED = {str: "text", bool: "true or false", int: "integer", float: "number", date: "date"}


def sections() -> dict[str, FieldInfo]:
    """The sections of the file in their order."""
    return {n: f for n, f in IncidentFile.model_fields.items() if n not in SET_BY_PROGRAM}


def section_model(field: FieldInfo) -> type[BaseModel] | None:
    """The model of a section's entries; None where its keys are free (`[people]`)."""
    for kind in (field.annotation, *get_args(field.annotation)):
        if inspect.isclass(kind) and issubclass(kind, BaseModel):
            return kind
    return None


def configuration_page() -> str:
    """The whole page."""
    lines = [HEAD]
    for name, field in sections().items():
        lines += _section(name, field)
    lines += [
        "## Canonical fields",
        "",
        "What a column of a delivered file can mean (`[leaked.columns]`,",
    ]
    lines += [
        '`[masters.columns]`): `field = "column"`, or a list of columns joined by a blank.',
        "",
    ]
    lines += grid(("field", "meaning"), [(code(n), d) for n, d in CANONICAL_FIELDS.items()])
    return "\n".join(lines).rstrip() + "\n"


def _section(name: str, field: FieldInfo) -> list[str]:
    many = get_origin(field.annotation) is tuple
    title = f"[[{name}]]" if many else f"[{name}]"
    needed = "Required. " if field.is_required() else "Optional. "
    lines = [f"## {title}", "", needed + (field.description or ""), ""]
    model = section_model(field)
    if model is None:
        return [*lines, f"Free keys; each value: {_type(get_args(field.annotation)[1])}.", ""]
    rows = [
        (code(key.alias or name), _type(key.annotation), _default(key), key.description or "")
        for name, key in model.model_fields.items()
    ]
    return [*lines, *grid(("key", "value", "default", "meaning"), rows), ""]


def _default(key: FieldInfo) -> str:
    if key.is_required():
        return "required"
    default = key.get_default(call_default_factory=True)
    if default is PydanticUndefined or default in (None, "", (), {}):
        return ""
    return code(
        str(default).lower()
        if isinstance(default, bool)
        else f"{default:,}"
        if isinstance(default, int)
        else str(default)
    )


def _type(kind: Any) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in NAMED:
        return NAMED[kind]
    if origin is Literal:
        return "one of " + ", ".join(code(str(value)) for value in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(
            _type(part).removeprefix("one of ") for part in arguments if part is not type(None)
        )
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return f"table of {_type(arguments[1])}"
    return str(getattr(kind, "__name__", kind))
