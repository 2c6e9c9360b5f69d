"""One machine instruction that numba has no name for: begin to fetch a place in memory, and go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped,unused-ignore]
from numba import types  # type: ignore[import-untyped,unused-ignore]
from numba.extending import intrinsic  # type: ignore[import-untyped,unused-ignore]

__all__ = ["prefetch"]

_READ, _KEEP, _DATA = 0, 3, 1
"""Arguments of LLVM's prefetch: for reading, into all caches, data."""


def _prefetch(typing_context: Any, array: Any, place: Any) -> Any:
    def generated(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        at = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [at.type, number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch", [at.type], kind)
        builder.call(function, [at, number(_READ), number(_KEEP), number(_DATA)])
        return context.get_dummy_value()

    return types.void(array, place), generated


prefetch: Callable[[Any, Any], None] = intrinsic(_prefetch)  # type: ignore[assignment]  # numba gives it another signature
"""Begin to fetch `array[place]` of a one-dimensional array; any place is allowed, nothing is read.

For compiled functions only. Callers that are cached do not notice changes of this file.
"""
