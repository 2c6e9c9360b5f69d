"""Match models: what is compared, how it is trained, and how it lies on disk."""

from __future__ import annotations
