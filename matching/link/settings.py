"""What an operator may set about linking."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from matching.link.guards import GUARDS, Action

__all__ = ["Cluster", "LinkSettings", "Matching"]

FLOOR_BELOW_INCLUDE_BITS = 6.0
"""Pairs this far below the include threshold are kept, so that tuning needs no new run."""


class LevelWeight(BaseModel):
    """One level's bits in place of the model's."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    comparison: str = Field(description="Comparison of the model.")
    level: int = Field(ge=1, description="Its level, from 1 for the worst.")
    bits: float = Field(ge=-60, le=60, description="Match weight of the level.")


class Matching(BaseModel):
    """`[matching]`: model and thresholds, in bits of match weight. All change the result."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    model: str = Field(
        default="", description="dental, clinic or a JSON file; default by the fields."
    )
    text_names: Literal["auto", "lists", "model"] = Field(
        default="auto", description="Names in free text; auto: with the model where installed."
    )
    train: Literal["auto", "never"] = Field(
        default="auto",
        description="Re-estimate m, u and prior on this data, or take the file as it is.",
    )
    merge_at_bits: float = Field(default=5.0, description="At or above: one person (band match).")
    include_at_bits: float = Field(
        default=3.0, description="At or above: perhaps the same (band review)."
    )
    attribute_at_bits: float = Field(
        default=14.0, description="At or above: a chart may give its entity to the leaked row."
    )
    floor_bits: float = Field(default=-3.0, description="Pairs below are not kept.")
    guards: dict[str, Action] = Field(
        default={},
        description="Guard = veto, cap, review or off, where not the guard's own action (see docs/guards.md).",
    )
    weights: tuple[LevelWeight, ...] = Field(
        default=(),
        description="Bits of single levels in place of the model's; `affected tune` tries them out.",
    )
    pair_budget: int = Field(
        default=400_000_000,
        gt=0,
        description="Most candidate pairs of a kind. Counts at the first run.",
    )
    over_budget: Literal["leave_out", "refuse"] = Field(
        default="leave_out",
        description="A blocking rule above its share of the budget: its commonest keys are left out for"
        " good (see tables common_*), or the run is refused (see table over_budget).",
    )

    @field_validator("guards")
    @classmethod
    def _known_guards(cls, given: dict[str, Action]) -> dict[str, Action]:
        known = [guard.code for guard in GUARDS]
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise ValueError(f"no guard '{unknown[0]}'; there are {', '.join(known)}")
        return given

    @property
    def edits(self) -> tuple[tuple[str, int, float], ...]:
        """`weights` as comparison, code of the level in vectors, bits; in order."""
        return tuple(sorted((w.comparison, w.level, w.bits) for w in self.weights))

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.floor_bits > self.include_at_bits - FLOOR_BELOW_INCLUDE_BITS:
            raise ValueError(
                f"floor_bits ({self.floor_bits}) must be at least {FLOOR_BELOW_INCLUDE_BITS:g} below"
                f" include_at_bits ({self.include_at_bits})"
            )
        if self.include_at_bits >= self.merge_at_bits:
            raise ValueError(
                f"include_at_bits ({self.include_at_bits}) must be below merge_at_bits"
                f" ({self.merge_at_bits})"
            )
        if self.attribute_at_bits < self.merge_at_bits:
            raise ValueError(
                f"attribute_at_bits ({self.attribute_at_bits}) must not be below merge_at_bits"
                f" ({self.merge_at_bits}): a wrong entity is a new breach"
            )
        return self


class Cluster(BaseModel):
    """Workers elsewhere: who hands out the parts, and the folder that all of them see."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    scheduler: str = Field(pattern="^tls://", description="Address of a Dask scheduler.")
    shared: Path = Field(description="Folder that workers see under the same path.")
    tls_ca: Path = Field(description="CA certificate.")
    tls_cert: Path = Field(description="Client certificate.")
    tls_key: Path = Field(description="Client key.")


class LinkSettings(Matching):
    """The same with a model named, and limits that never change the result."""

    model: str = Field(default="dental", description="dental, clinic or a model file.")
    seed: int = Field(default=1, ge=0, description="Seed of the samples that training draws.")
    memory_gib: float = Field(default=6.0, gt=0, description="Memory of the step.")
    threads: int = Field(default=2, gt=0, description="Threads of joins and comparisons.")
    chunk_rows: int = Field(
        default=400_000, gt=0, description="Left rows per part: what a kill can lose."
    )
    cluster: Cluster | None = Field(
        default=None, description="Workers elsewhere; None: threads of this process."
    )
