"""Tables written by hand, here too."""

from tests.by_hand import by_hand

__all__ = ["by_hand"]
