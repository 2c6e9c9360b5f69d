"""Every parser under test, by name."""

from __future__ import annotations

from tests.fuzz.targets import binaries, delimited, documents, mails, typed, values

__all__ = ["TARGETS"]

TARGETS = {
    target.name: target
    for module in (delimited, documents, binaries, mails, typed, values)
    for target in module.TARGETS
}
