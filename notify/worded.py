"""Files of words that operators edit (`configs/letters`, `configs/filings`): read, and checked as they are read."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from matching.store import OperatorError
from matching.typed_files import parse_toml

__all__ = ["checked", "read_toml"]

Model = TypeVar("Model", bound=BaseModel)


def read_toml(path: Path) -> dict[str, Any]:
    """The file's tables. Raises OperatorError naming it where it is missing or no TOML."""
    try:
        return parse_toml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        folder = f"configs/{path.parent.name}"
        raise OperatorError(f"{path}: not found; restore it from {folder}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OperatorError(f"{path}: no valid TOML: {error}") from None


def checked(path: Path, model: type[Model], raw: Any) -> Model:
    """The table as a model. Raises OperatorError naming the file and every key that does not fit."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(key) for key in problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise OperatorError(f"{path}: {'; '.join(problems)}") from None
