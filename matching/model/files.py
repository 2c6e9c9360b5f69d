"""Models on disk: the Splink settings JSON, its term frequencies beside it, and what makes it whole.

A model that lacks an m or u, or whose agreement speaks against a match, is refused by name: Splink
would fill such levels with defaults silently.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl

from matching.errors import OperatorError
from matching.model.definition import BUILTIN, MAX_COMPARISONS, MAX_LEVELS
from matching.model.frequencies import TF_SCHEMA
from matching.typed_files import parse_json

__all__ = [
    "BUILTIN_FOLDER",
    "faults",
    "load_frequencies",
    "load_model",
    "model_text",
    "significant",
]

_ROOT = Path(__file__).parents[2]
BUILTIN_FOLDER = next(
    (
        f
        for f in (_ROOT / "configs" / "models", _ROOT / "flows" / "configs" / "models")
        if f.is_dir()
    ),
    _ROOT / "configs" / "models",
)
"""Where the trained built-in models lie: in the sources, or in an installed package."""
DIGITS = 12
"""m, u and prior keep 12 significant digits: the last ones differ between runs of the same EM."""
_EXACT = frozenset({"same"})


def significant(value: float) -> float:
    """The value with 12 significant digits."""
    return float(f"{value:.{DIGITS}g}")


def load_model(model: str | Path) -> dict[str, Any]:
    """Settings of a built-in model by name, or of a JSON file.

    Raises OperatorError naming the file, and the comparison and level at fault.
    """
    path = BUILTIN_FOLDER / f"{model}.json" if str(model) in BUILTIN else Path(model)
    try:
        settings = parse_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise OperatorError(
            f"model {path}: not found; name dental, clinic or a JSON file"
        ) from None
    except ValueError:
        raise OperatorError(f"model {path}: no JSON; write it with `affected train`") from None
    found = faults(settings)
    if found:
        raise OperatorError(f"model {path}: {'; '.join(found)}")
    return dict(settings)


def load_frequencies(model: str | Path) -> pl.DataFrame | None:
    """Term frequencies beside the model (`<model>.tf.parquet`); None where there is no such file."""
    folder = BUILTIN_FOLDER if str(model) in BUILTIN else Path(model).parent
    path = folder / f"{Path(model).name.removesuffix('.json')}.tf.parquet"
    if not path.exists():
        return None
    return pl.read_parquet(path).cast(TF_SCHEMA)  # type: ignore[arg-type]  # a plain dict


def model_text(settings: dict[str, Any]) -> str:
    """The JSON as stored: sorted nowhere, m, u and prior rounded, without Splink's random id."""
    kept = {key: value for key, value in settings.items() if key != "linker_uid"}
    return json.dumps(kept, indent=1, ensure_ascii=False) + "\n"


def faults(settings: Any) -> list[str]:
    """What keeps the model from being used, one text per fault; empty when it is whole."""
    comparisons = settings.get("comparisons") if isinstance(settings, dict) else None
    if not isinstance(comparisons, list) or not comparisons:
        return ["no comparisons; it must be Splink settings"]
    found = []
    if len(comparisons) > MAX_COMPARISONS:
        found.append(f"{len(comparisons)} comparisons; at most {MAX_COMPARISONS}")
    prior = settings.get("probability_two_random_records_match")
    if not isinstance(prior, float) or not 0 < prior < 1:
        found.append("probability_two_random_records_match must be between 0 and 1")
    for comparison in comparisons:
        found += _comparison_faults(comparison)
    return found


def _comparison_faults(comparison: dict[str, Any]) -> list[str]:
    name = comparison.get("output_column_name", "unnamed")
    levels = [x for x in comparison.get("comparison_levels", []) if not x.get("is_null_level")]
    found = []
    if len(levels) > MAX_LEVELS:
        found.append(f"comparison '{name}' has {len(levels)} levels; at most {MAX_LEVELS}")
    for level in levels:
        label = level.get("label_for_charts", level.get("sql_condition"))
        m, u = level.get("m_probability"), level.get("u_probability")
        untrained = [
            key for key, p in (("m", m), ("u", u)) if not isinstance(p, float) or not 0 < p <= 1
        ]
        if untrained:
            found.append(
                f"comparison '{name}', level '{label}': {' and '.join(untrained)} not trained"
            )
        elif label in _EXACT and m < u:
            found.append(
                f"comparison '{name}', level '{label}': m is below u, agreement cannot speak against"
            )
    return found
