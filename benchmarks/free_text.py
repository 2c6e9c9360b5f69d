"""How many identifiers and names are found in generated notes, mails, chats and transcripts.

    python -m benchmarks.free_text [--texts N] [--seeds 1 2 3] [--without-model] [--misses KIND] [--json]

Five sets of templates (`benchmarks/notes.py` says how they are written): the patterns were written on `written_on`. Each
of `held_out`, `fresh`, `last` and `unseen` was written after all before it, and measured once before anything was mended
on it (`results/free_text_first.json`, `_second`, `_third`, and `results/free_text.json` for `unseen`, the only one that nothing was mended on).

Recall: a truth is found where a finding of its kind lies on it and has its value. A name must be whole. Precision:
findings of a kind that lie on such a truth, of all of the kind.
"""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter
from typing import Any

import polars as pl

from benchmarks.notes import SETS, TEXTS, load, texts
from benchmarks.results import record
from matching.passages import Names, places

KINDS = ("ssn", "phone", "email", "mrn", "name", "date_of_birth")
MUST = {"ssn": 0.98, "phone": 0.98, "email": 0.98, "mrn": 0.98, "name": 0.90}


def judge(
    found: pl.DataFrame, truth: pl.DataFrame, shown: pl.DataFrame, misses: str | None
) -> dict[str, Counter[str]]:
    """Kind -> true, found, said, right."""
    counts = {kind: Counter[str]() for kind in KINDS}
    by_row: dict[int, list[dict[str, Any]]] = {}
    for row in found.filter(pl.col("kind").is_in([*KINDS, "ssn4", "provider"])).iter_rows(
        named=True
    ):
        row["kind"] = {"provider": "name"}.get(row["kind"], row["kind"])
        by_row.setdefault(row["row"], []).append(row)
    whole = dict(shown.iter_rows())
    for t in truth.iter_rows(named=True):
        kind = t["kind"].replace("ssn4", "ssn")
        hit = _hit(t, by_row.get(t["row"], []))
        if not kind.startswith("house_"):
            counts[kind].update(true=1, found=int(hit))
            if misses == kind and not hit:
                print("MISS", kind, repr(t["value"]), "in", _near(whole[t["row"]], t))
    for f in (f for fs in by_row.values() for f in fs):
        kind = f["kind"].replace("ssn4", "ssn")
        counts[kind].update(said=1, right=int(f.get("right", False)))
        if misses == kind and not f.get("right"):
            print("FALSE", kind, repr(f["value"]), "in", _near(whole[f["row"]], f))
    return counts


def _hit(truth: dict[str, Any], said: list[dict[str, Any]]) -> bool:
    """Whether a truth was found; marks the findings that are right because of it."""
    kind = truth["kind"].removeprefix("house_")
    near = [
        f
        for f in said
        if f["kind"] == kind and f["start"] < truth["end"] and f["end"] > truth["start"]
    ]
    general = kind.replace("ssn4", "ssn")
    for f in near:
        if truth["kind"] != kind or agrees(general, f["value"], truth["value"], whole=False):
            f["right"] = True
    return any(agrees(general, f["value"], truth["value"], whole=True) for f in near)


def _near(text: str, place: dict[str, Any]) -> str:
    return repr(text[max(place["start"] - 60, 0) : place["end"] + 20])


def agrees(kind: str, said: str, true: str, *, whole: bool) -> bool:
    if kind == "name":
        one, two = set(re.findall(r"[^\s|.]+", said.lower())), set(true.lower().split())
        return two <= one if whole else bool(one & two)
    if kind == "date_of_birth":
        return whole is False or _same_day(said, true)
    clean = [
        re.sub(r"[^a-z0-9@.+_]" if kind == "email" else r"[^a-z0-9]", "", v.lower())
        for v in (said, true)
    ]
    return clean[0] == clean[1]


def _same_day(said: str, true: str) -> bool:
    from matching.standardise.dates import birth_date

    cleaner = birth_date("mdy", pivot=26)
    got = cleaner(pl.LazyFrame({"raw": [said]})).collect()["date_of_birth"].to_list()
    return str(got[0]) == true


def _share(one: int, of: int) -> float | None:
    return round(one / of, 4) if of else None


def run(
    name: str, count: int, seeds: list[int], names: Names, misses: str | None
) -> dict[str, Any]:
    total = {kind: Counter[str]() for kind in KINDS}
    seconds, characters = 0.0, 0
    by_seed = []
    for seed in seeds:
        frame, truth = texts(name, count, seed)
        began = time.perf_counter()
        found = places(frame, names=names)
        seconds += time.perf_counter() - began
        characters += int(frame["text"].str.len_chars().sum())
        counts = judge(found, truth, frame, misses)
        by_seed.append({kind: _share(c["found"], c["true"]) for kind, c in counts.items()})
        for kind, c in counts.items():
            total[kind].update(c)
    return {
        "templates": len(load(name).texts),
        "texts": count * len(seeds),
        "characters": characters,
        "characters_per_s": round(characters / seconds),
        **{
            kind: {
                "true": c["true"],
                "recall": _share(c["found"], c["true"]),
                "precision": _share(c["right"], c["said"]),
                "must": MUST.get(kind),
            }
            for kind, c in total.items()
        },
        "recall_by_seed": by_seed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--without-model", action="store_true")
    parser.add_argument(
        "--sets", nargs="+", default=[s for s in SETS if (TEXTS / f"{s}.txt").exists()]
    )
    parser.add_argument("--misses", default=None, help="print what was missed or false of one kind")
    parser.add_argument("--json", action="store_true", help="write the committed result")
    given = parser.parse_args()
    result: dict[str, Any] = {}
    for label, model in (("with_model", True), ("without_model", False)):
        if model and given.without_model:
            continue
        names = Names(model=model)
        result[label] = {
            name: run(name, given.texts, given.seeds, names, given.misses) for name in given.sets
        }
        result[label]["characters_given_to_the_model"] = names.characters
    if given.json:
        record("free_text", result)
    for label, sets in result.items():
        for name, r in sets.items():
            if isinstance(r, dict):
                print(
                    label,
                    name,
                    r["characters_per_s"],
                    {k: (r[k]["true"], r[k]["recall"], r[k]["precision"]) for k in KINDS},
                )
            else:
                print(label, name, r)


if __name__ == "__main__":
    main()
