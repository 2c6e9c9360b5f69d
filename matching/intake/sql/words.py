"""Eight bytes at once, for compiled loops: load them wherever they lie, find a byte among them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped,unused-ignore]
from numba import types  # type: ignore[import-untyped,unused-ignore]
from numba.core import cgutils  # type: ignore[import-untyped,unused-ignore]
from numba.extending import intrinsic  # type: ignore[import-untyped,unused-ignore]

from matching.compiling import compiled

__all__ = ["HIGH_BITS", "eight_bytes", "first_of", "marked"]

HIGH_BITS: Final = np.uint64(0x8080808080808080)
_LOW_BITS: Final = np.uint64(0x0101010101010101)


def _eight_bytes(typing: Any, buf: Any, at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        wide = builder.bitcast(place, ir.IntType(64).as_pointer())
        return builder.load(wide, align=1)

    return types.uint64(buf, types.int64), generate


def _lowest_bit(typing: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], cgutils.true_bit)

    return types.uint64(types.uint64), generate


eight_bytes: Callable[[Any, Any], Any] = intrinsic(_eight_bytes)  # type: ignore[assignment]  # numba gives it another signature
"""The eight bytes from a place on as one number, the first lowest. The caller sees that they exist."""
_zeros_below: Callable[[Any], Any] = intrinsic(_lowest_bit)  # type: ignore[assignment]  # the same
"""How many zero bits a number has below its lowest one."""


@compiled
def marked(word: Any, byte: Any) -> Any:
    """The high bit of the first byte that is `byte`; bits above that one mean nothing."""
    other = word ^ (np.uint64(byte) * _LOW_BITS)
    return (other - _LOW_BITS) & ~other & HIGH_BITS


@compiled
def first_of(marks: Any) -> Any:
    """Place of the first marked byte."""
    return np.int64(_zeros_below(marks) >> np.uint64(3))
