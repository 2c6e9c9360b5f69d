"""A change of keys that is killed at one of its writes: the key file, or keys.json."""

from __future__ import annotations

from typing import Any

import pytest

import matching.rekey
from matching.ring import Ring

__all__ = ["Killed", "kill_after"]


class Killed(BaseException):
    """Nothing catches it."""


def kill_after(patch: pytest.MonkeyPatch, writes: int) -> None:
    """Let that many writes of keys pass, then raise Killed instead of writing."""
    left = [writes]

    def counted(write: Any) -> Any:
        def called(*arguments: Any, **options: Any) -> None:
            if not left[0]:
                raise Killed
            left[0] -= 1
            write(*arguments, **options)

        return called

    patch.setattr(matching.rekey, "write_key_file", counted(matching.rekey.write_key_file))
    patch.setattr(Ring, "save", counted(Ring.save))
