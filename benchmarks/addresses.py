"""How many addresses the standardiser takes apart as people tagged them.

    python -m benchmarks.addresses [--data ../shared/data] [--show N] [--json]

`tagged`: US addresses whose tokens were tagged by hand. Of those with a delivery line the line is cleaned and
compared with what the tags say: house or box number, unit, and the words of the street (directions,
name, suffix, box group) in any order, both abbreviated by Publication 28. `cases`: words and abbreviations of
streets, units and states with the form that is expected.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.results import record
from matching.standardise.address import clean_street
from matching.standardise.places import clean_state
from matching.standardise.reference import words

DATA = Path(__file__).parents[2] / "shared" / "data" / "addresses"
NUMBER = ("AddressNumberPrefix", "AddressNumber", "AddressNumberSuffix")
STREET = (
    "StreetNamePreDirectional", "StreetNamePreModifier", "StreetNamePreType", "StreetName",
    "StreetNamePostType", "StreetNamePostModifier", "StreetNamePostDirectional",
)  # fmt: skip
UNIT = ("OccupancyType", "OccupancyIdentifier", "SubaddressType", "SubaddressIdentifier")
BOX = ("USPSBoxGroupType", "USPSBoxGroupID", "USPSBoxType", "USPSBoxID")
LINE = (*NUMBER, *STREET, *UNIT, *BOX)
FUNCTIONS = {
    "statePossessionAbbreviations": "state", "type.js": "suffix", "unitType.js": "unit",
}  # fmt: skip
_NUMBERS = {"ONE": "1", "TWO": "2", "THREE": "3", "FOUR": "4", "FIVE": "5", "SIX": "6"}
_SHORT = {"RT": "RTE", "ROUTE": "RTE", "CO": "COUNTY", **words("suffix"), **words("direction"), **words("ordinal"), **words("unit"),
          **words("unit_alone")}  # fmt: skip


def tagged(path: Path) -> pl.DataFrame:
    """line, number, unit, street: of every address whose tags hold a number or box and a line in one piece."""
    rows = []
    for address in pl.read_parquet(path).iter_rows(named=True):
        pairs = list(zip(address["tokens"], address["tags"], strict=True))
        at = [i for i, (_, tag) in enumerate(pairs) if tag in LINE]
        has = {tag for _, tag in pairs}
        if (
            not at
            or at != list(range(at[0], at[-1] + 1))
            or not has & {"AddressNumber", "USPSBoxID"}
        ):
            continue
        box = "USPSBoxID" in has
        rows.append(
            {
                "line": " ".join(token for token, _ in pairs[at[0] : at[-1] + 1]),
                "number": _number(_of(pairs, ("USPSBoxID",) if box else NUMBER)),
                "unit": _of(pairs, UNIT, short=True),
                "street": _of(pairs, (*STREET, "USPSBoxGroupType", "USPSBoxGroupID"), short=True),
                "box": box,
            }
        )  # fmt: skip
    return pl.DataFrame(rows)


def _number(text: str) -> str:
    return _NUMBERS.get(text, re.sub(r"-(?=[A-Z]?$)", "", text))


def _of(pairs: list[tuple[str, str]], tags: Iterable[str], *, short: bool = False) -> str:
    text = " ".join(token for token, tag in pairs if tag in set(tags))
    return _plain(text) if short else re.sub(r"[^A-Z0-9/-]", "", text.upper())


def _plain(text: str) -> str:
    """Words without signs, abbreviated, sorted: BOULEVARD NORTH is BLVD N."""
    bare = re.sub(r"[^A-Z0-9/ -]", "", text.upper().replace("#", " ").replace(",", " "))
    bare = re.sub(r"\b(SUITE|STE|UNIT|APT|RM)(\d)", r"\1 \2", bare)
    bare = re.sub(r"\bC ?R (\d)", r"COUNTY RD \1", bare)
    bare = re.sub(r"\b([NS]) ([EW])\b", r"\1\2", bare)
    return " ".join(sorted(_SHORT.get(word, word) for word in bare.split()))


def judge(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with what was found, and whether number, unit and street agree."""
    raw = rows.select(raw="line").unique()
    found = clean_street("street_line")(raw.lazy()).collect()
    both = rows.join(found, left_on="line", right_on="raw", suffix="_found")
    agreed = []
    for row in both.iter_rows(named=True):
        unit = _plain(row["unit_found"] or "")
        rest = (row["street_line"] or "").removesuffix(row["unit_found"] or "").strip()
        number = row["street_number"] or ""
        street = _plain(rest.removeprefix(number).removesuffix(f"BOX {number}").strip())
        agreed.append(
            {
                "number_ok": _number(re.sub(r"[^A-Z0-9/-]", "", number)) == row["number"],
                "unit_ok": _unit(unit) == _unit(row["unit"]),
                "street_ok": row["box"] or street == row["street"],
            }
        )
    return pl.concat([both, pl.DataFrame(agreed)], how="horizontal")


def _unit(text: str) -> str:
    """A unit by its number alone: APT 4 and # 4 are one door, 3RD FLOOR and FL 3 one floor."""
    bare = (re.sub(r"^(\d+)(?:ST|ND|RD|TH)$", r"\1", word) for word in text.split())
    return " ".join(
        sorted(word for word in bare if word not in {*words("unit").values(), "LEVEL", "PO", "BOX"})
    )


def cases(path: Path) -> dict[str, float]:
    """Share of words that become the form that is expected, by kind."""
    rows = pl.read_parquet(path)
    given: dict[str, list[tuple[str, str]]] = {}
    for row in rows.iter_rows(named=True):
        kind = FUNCTIONS.get(row["function"] or Path(row["file"]).name)
        if kind:
            given.setdefault(kind, []).append((row["input"], row["expected"]))
    shares = {}
    for kind, pairs in given.items():
        texts = pl.LazyFrame({"raw": [text for text, _ in pairs]})
        if kind == "state":
            found = clean_state("state")(texts).collect()["state"].to_list()
        else:
            found = [words(kind).get(text.upper(), text.upper()) for text, _ in pairs]
        right = sum(f == e for f, (_, e) in zip(found, pairs, strict=True))
        shares[kind] = round(right / len(pairs), 4)
    return shares


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--show", type=int, default=0, help="so many that disagree")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not options.data.is_dir():
        raise SystemExit("the outside data is not there; nothing measured")
    judged = judge(tagged(options.data / "tagged.parquet"))
    right = pl.all_horizontal("number_ok", "unit_ok", "street_ok")
    for row in judged.filter(~right).head(options.show).iter_rows(named=True):
        print(row, file=sys.stderr)
    shares = judged.select(
        pl.col("number_ok", "unit_ok", "street_ok").mean(), all_ok=right.mean()
    ).row(0, named=True)
    result: dict[str, Any] = {
        "addresses": judged.height,
        **{k: round(v, 4) for k, v in shares.items()},
    }
    record(
        "addresses",
        {**result, "cases": cases(options.data / "p2r_cases.parquet")},
        show=options.json,
    )


if __name__ == "__main__":
    main()
