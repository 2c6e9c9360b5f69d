"""Compiled functions: numba's, with a cache that knows what it was compiled from.

numba keeps compiled code beside its module and compiles again when that file changes. What is called in, or
taken as a constant from, another file is compiled in too, and its change goes unnoticed: yesterday's code
would run under today's rules. Here the key of cached code holds the files of all functions that can be
reached and the values of the constants that these use.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, TypeVar, overload

import numpy as np
from numba import njit  # type: ignore[import-untyped,unused-ignore]
from numba.core.caching import FunctionCache  # type: ignore[import-untyped,unused-ignore]

__all__ = ["compiled", "compiled_from"]

_Function = TypeVar("_Function", bound=Callable[..., Any])
_CONSTANTS = (bool, int, float, str, bytes, tuple, np.generic)


@overload
def compiled(function: _Function, /) -> _Function: ...
@overload
def compiled(
    *, error_model: str = "python", inline: str = "never"
) -> Callable[[_Function], _Function]: ...
def compiled(function: Any = None, /, **options: str) -> Any:
    """Compile at the first call; runs without the interpreter's lock. The options are numba's."""
    if function is None:
        return lambda later: _dispatcher(later, options)
    return _dispatcher(function, options)


def _dispatcher(function: Any, options: dict[str, Any]) -> Any:
    dispatcher: Any = njit(function, nogil=True, **options)
    dispatcher._cache = _Cache(function)  # type: ignore[no-untyped-call]  # what numba's own `cache=True` does
    return dispatcher


class _Cache(FunctionCache):  # type: ignore[misc,unused-ignore]  # numba is untyped
    """Code on disk, found again only where all that it was compiled from is the same."""

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        return (
            *super()._index_key(sig, codegen),  # type: ignore[no-untyped-call]
            compiled_from(self._py_func),
        )


def compiled_from(function: FunctionType) -> str:
    """Digest of a function's own file, those of the functions it reaches, and the constants of all."""
    digest, reached = hashlib.sha256(), [function]
    for one in reached:  # grows on the way
        for name, value in sorted(_globals_of(one)):
            called = getattr(value, "py_func", None) or getattr(value, "_defn", None)
            if called is not None:
                reached += [called] if called not in reached else []
            elif isinstance(value, np.ndarray):
                digest.update(f"{name} {value.dtype} {value.shape}".encode() + value.tobytes())
            elif isinstance(value, _CONSTANTS):
                digest.update(f"{name} {value!r}".encode())
    for path in sorted({one.__code__.co_filename for one in reached}):
        digest.update(_file_digest(path))
    return digest.hexdigest()


def _globals_of(function: FunctionType) -> Iterator[tuple[str, Any]]:
    for name in set(_names(function.__code__)):
        if name in function.__globals__:
            yield name, function.__globals__[name]


def _names(code: CodeType) -> Iterator[str]:
    """Names that code and the code within it looks up."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)


@cache
def _file_digest(path: str) -> bytes:
    return hashlib.sha256(Path(path).read_bytes()).digest()
