"""TOML and JSON that people typed: text in, tables out, whatever the text; a ValueError and nothing else where it is none.

The standard library's parsers follow nesting by recursion, and remember every part of a dotted key beside all
before it: a key of 200,000 parts takes more memory than a machine has. What nobody types is refused before it is parsed.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any, Final

__all__ = ["parse_json", "parse_toml"]

KEY_PARTS_MAX: Final = 32
"""Parts of a dotted key; the deepest of ours has four."""
_PART: Final = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')"""
_LONG_KEY: Final = re.compile(
    rf"(?<![A-Za-z0-9_-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{KEY_PARTS_MAX}}}"
)
_DEEP: Final = "nested deeper than anybody types"


def parse_toml(text: str) -> dict[str, Any]:
    """The tables of a TOML text. Raises tomllib.TOMLDecodeError, a ValueError, for all that is none."""
    if _LONG_KEY.search(text):
        raise tomllib.TOMLDecodeError(f"a name of more than {KEY_PARTS_MAX} parts")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise tomllib.TOMLDecodeError(_DEEP) from None
    except ValueError:  # a number of thousands of digits
        raise tomllib.TOMLDecodeError("a number that is none") from None


def parse_json(text: str | bytes) -> Any:
    """What a JSON text says. Raises ValueError for all that is none, and for letters that are no Unicode."""
    try:
        found = json.loads(text)
        json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError(_DEEP) from None
    except UnicodeEncodeError:
        raise ValueError("half a character (a lone surrogate)") from None
    return found
