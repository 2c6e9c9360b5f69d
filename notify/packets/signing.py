"""The incident's signature on what leaves, under the name that packets and batches know it by."""

from __future__ import annotations

from matching.store import fingerprint, public_key, signature

__all__ = ["fingerprint", "public_key", "signature"]
