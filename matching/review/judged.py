"""What the model and the guards say of one kept pair: level by level, and what would turn the decision.

Reads the comparison vector and the reasons of the pair; no value of a record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from matching.link.guards import GUARDS, MISSING
from matching.link.reference import model_in_force
from matching.link.rescore import ModelWeights, model_weights
from matching.link.settings import Matching
from matching.link.vectors import codes, graded
from matching.store import Workspace

__all__ = ["Judge"]

Document = dict[str, Any]
_WORDS = {guard.code: guard.words for guard in GUARDS}


@dataclass(frozen=True, slots=True)
class Judge:
    """A run's model and thresholds, ready to put pairs in words."""

    settings: Mapping[str, Any]
    weights: ModelWeights
    matching: Matching

    @classmethod
    def load(cls, workspace: Workspace, matching: Matching) -> Judge:
        """Of the model that the run's pairs were scored with."""
        settings = model_in_force(workspace, matching)
        return cls(settings, model_weights(settings), matching)

    def of(self, pair: Mapping[str, Any]) -> Document:
        """Weights by comparison, guards, and what would change the decision, of a row of `pairs`."""
        rules, _, said = (pair["reasons"] or "").partition(";")
        guards = [
            {"guard": code, "action": action, "words": _WORDS.get(code, "")}
            for code, _, action in (one.partition("=") for one in said.split(",") if one)
        ]
        found: Document = {
            "match_weight": pair["match_weight"], "probability": pair["probability"],
            "band": pair["band"], "prior_bits": round(self.weights.prior, 2),
            "term_frequency_bits": round(pair["tf_bits"], 2), "levels": self.levels(pair["vector"]),
            "blocking_rules": [rule for rule in rules.split(",") if rule], "guards": guards,
        }  # fmt: skip
        return {**found, "words": self._what_would_change(found)}

    def levels(self, vector: int) -> list[dict[str, str | float]]:
        """Comparison, level and bits, most telling first; term frequencies are said once for all.

        `code` is the level's number in the vector: 0 missing, 1 the worst; `best` the highest there is.
        """
        code = codes(pl.Series([vector]).to_numpy(), len(self.weights.names))[0]
        rows: list[dict[str, str | float]] = []
        for place, comparison in enumerate(self.settings["comparisons"]):
            number, labels = int(code[place]), graded(comparison)
            label = labels[number - 1]["label_for_charts"] if number else MISSING
            bits = round(float(self.weights.bits[place, number]), 2)
            rows.append(
                {"comparison": self.weights.names[place], "level": label, "bits": bits}
                | {"code": number, "best": len(labels)}
            )
        return sorted(rows, key=lambda row: -abs(float(row["bits"])))

    def _what_would_change(self, found: Document) -> list[str]:
        """Sentences: where the weight lies, what a guard did, which comparison alone would turn it."""
        weight = found["match_weight"]
        merge, include = self.matching.merge_at_bits, self.matching.include_at_bits
        band = "match" if weight >= merge else "review" if weight >= include else "no"
        words = [
            f"{weight:.1f} bits: {band} by weight (review from {include:g}, match from {merge:g})."
        ]
        words += [f"Guard {g['guard']} ({g['action']}): {g['words']}." for g in found["guards"]]
        if found["band"] != band:
            words.append(f"The guards make it {found['band']}; without them it would be {band}.")
        if band != "match":
            return words + self._for_a_match(weight, found["levels"])
        return words + [
            f"Were {row['comparison']} missing instead of '{row['level']}', it would weigh {weight - float(row['bits']):.1f}: no match."
            for row in found["levels"]
            if float(row["bits"]) > 0 and weight - float(row["bits"]) < merge
        ]

    def _for_a_match(self, weight: float, levels: list[dict[str, str | float]]) -> list[str]:
        merge = self.matching.merge_at_bits
        against = [row for row in levels if float(row["bits"]) < 0]
        turning = [row for row in against if weight - float(row["bits"]) >= merge]
        if not turning:
            return [
                f"{merge - weight:.1f} bits are lacking for a match; no single comparison makes up for them."
            ]
        return [
            f"Were {row['comparison']} missing instead of '{row['level']}', it would weigh {weight - float(row['bits']):.1f}: a match."
            for row in turning
        ]
