"""A scenario: named thresholds and level weights, with the numbers that were seen when it was put aside.

Pure: what a scenario is, when two are the same, and what of `[matching]` it replaces. It is written to the inbox by
`flows.scenarios`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from matching.errors import OperatorError
from matching.link.settings import Matching

__all__ = ["Scenario"]

_DIGITS = 16
"""Hex digits of a digest: what people compare by eye."""
Edit = tuple[str, int, float]


@dataclass(frozen=True, slots=True)
class Scenario:
    """Thresholds in bits; `edits`: comparison, code of the level in vectors, bits.

    `model`: digest of the frozen model that the edits speak of. `exact`: no dropped pair could matter. `numbers`: what
    it made of the incident when it was put aside, by name.
    """

    name: str
    include_at_bits: float
    merge_at_bits: float
    attribute_at_bits: float
    edits: tuple[Edit, ...]
    model: str
    author: str
    note: str
    exact: bool
    numbers: dict[str, float] = field(default_factory=dict, compare=False)

    @property
    def digest(self) -> str:
        """Equal for equal thresholds and weights of one model, whatever the name and the author."""
        said = [
            self.include_at_bits,
            self.merge_at_bits,
            self.attribute_at_bits,
            sorted(self.edits),
            self.model,
        ]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:_DIGITS]

    def to_json(self) -> str:
        """As the inbox keeps it."""
        return json.dumps(
            {
                "name": self.name, "include_at_bits": self.include_at_bits, "merge_at_bits": self.merge_at_bits,
                "attribute_at_bits": self.attribute_at_bits, "edits": sorted(self.edits), "model": self.model,
                "note": self.note, "exact": self.exact, "numbers": self.numbers, "digest": self.digest,
            },
            sort_keys=True,
        )  # fmt: skip

    @classmethod
    def from_json(cls, text: str, *, author: str) -> Scenario:
        """What `to_json` wrote."""
        said: dict[str, Any] = json.loads(text)
        said.pop("digest")
        edits = tuple((name, int(code), float(bits)) for name, code, bits in said.pop("edits"))
        return cls(**said, edits=edits, author=author)

    def over(self, matching: Matching) -> Matching:
        """`[matching]` with these thresholds and weights.

        Raises OperatorError where they do not go with the rest of it.
        """
        changed = {
            **matching.model_dump(),
            "include_at_bits": self.include_at_bits,
            "merge_at_bits": self.merge_at_bits,
            "attribute_at_bits": self.attribute_at_bits,
            "weights": [
                {"comparison": name, "level": code, "bits": bits} for name, code, bits in self.edits
            ],
        }
        try:
            return type(matching).model_validate(changed)
        except ValidationError as error:
            why = error.errors(include_input=False, include_url=False)[0]["msg"]
            raise OperatorError(f"scenario '{self.name}': {why}") from None
