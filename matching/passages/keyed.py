"""Names that a key announces: `"first_name": "Ana", "last_name": "Bell"`, `"patient": "Ana Bell"`.

Comes in: readable texts. Goes out: findings of kind name.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from matching.passages.marks import matches
from matching.passages.numbers import FINDING

__all__ = ["keyed"]


_QUOTED: Final = r"""["']?\s*[:=]\s*["']?"""
_ITS_NAME: Final = r"""([\p{L}][\p{L}\p{M}'. -]{0,30}?)"""
_FIRST_KEY: Final = r"""(?:(?:patient|member|pt|guarantor|subscriber|contact|user)?[ _-]?(?:first|given)[ _-]?name|fname|first)"""
_LAST_KEY: Final = r"""(?:(?:patient|member|pt|guarantor|subscriber|contact|user)?[ _-]?(?:last|family|sur)[ _-]?name|surname|lname|last)"""
_KEYS: Final = {
    "first_last": rf"""(?i)["']{_FIRST_KEY}{_QUOTED}{_ITS_NAME}["'],\s*["']{_LAST_KEY}{_QUOTED}{_ITS_NAME}["']""",
    "last_first": rf"""(?i)["']{_LAST_KEY}{_QUOTED}{_ITS_NAME}["'],\s*["']{_FIRST_KEY}{_QUOTED}{_ITS_NAME}["']""",
    "form": rf"""(?i)\b(?:first|given) name\s*:\s*{_ITS_NAME}[\s,;|]+(?:last|family|sur) ?name\s*:\s*{_ITS_NAME}(?:$|[\n,;|])""",
    "full": r"""(?i)["'](?:(?:patient|full|member|guarantor|subscriber|contact|caller|customer|client|display)[ _-]?name|patient|name|caller|guarantor|subscriber)["']\s*:\s*["']([\p{L}][\p{L}\p{M}'.-]+(?:,? [\p{L}][\p{L}\p{M}'.-]*){0,3})["']""",
}  # fmt: skip


def keyed(texts: pl.DataFrame) -> pl.DataFrame:
    """Names that a key announces: `"first_name": "Ana", "last_name": "Bell"`, `"patient": "Ana Bell"`."""
    parts = [pl.DataFrame(schema=FINDING)]
    for form, pattern in _KEYS.items():
        found = matches(texts, pattern)
        if found.is_empty():
            continue
        groups = pl.col("found").str.extract_groups(pattern)
        one, two = (
            groups.struct.field("1"),
            groups.struct.field("2") if form != "full" else pl.lit(""),
        )
        if form == "full":
            found = found.filter(
                ~one.str.to_lowercase().str.contains(
                    r"(?i)dental|clinic|office|desk|agent|assistant|bot|insur|unknown|none|null"
                )
            )
            lead = (
                pl.col("found").str.len_chars()
                - pl.col("found").str.extract(r""":\s*["'](.*)$""").str.len_chars()
            )
            start, end = pl.col("start") + lead.cast(pl.Int64), pl.col("end") - 1
            value = _split(one)
        else:
            start, end = pl.col("start"), pl.col("end")
            first, last = (one, two) if form != "last_first" else (two, one)
            value = pl.concat_str(first.str.strip_chars(), pl.lit("||"), last.str.strip_chars())
        parts.append(
            found.select(
                "row",
                start=start,
                end=end,
                kind=pl.lit("name"),
                value=value,
                grade=pl.lit("validated"),
            )
        )
    return pl.concat(parts)


def _split(name: pl.Expr) -> pl.Expr:
    """`First Middle Last` or `Last, First` in one piece as `first|middle|last`."""
    turned = name.str.extract_groups(r"^([^,]+), *(\S+)(?: (.*))?$")
    plain = name.str.extract_groups(r"^(\S+)(?: (.*?))?(?: (\S+))?$")

    def part(groups: pl.Expr, number: str) -> pl.Expr:
        return groups.struct.field(number).fill_null("")

    return (
        pl.when(name.str.contains(","))
        .then(pl.concat_str(part(turned, "2"), pl.lit("|"), part(turned, "3"), pl.lit("|"), part(turned, "1")))
        .otherwise(pl.concat_str(part(plain, "1"), pl.lit("|"), part(plain, "2"), pl.lit("|"), part(plain, "3")))
    )  # fmt: skip
