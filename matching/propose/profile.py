"""What the values of a column look like: shares of shapes, check digits and known words.

In: a sample of one table as text. Out: one Profile a column. Shares are of the column's filled rows;
no value leaves this module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from matching.propose import known

__all__ = ["Dates", "Profile", "profile_table", "shapes"]

DISTINCT_MAX = 2_000
"""Distinct values looked at, the most frequent first: shares of more would not move by a per cent."""

_DATE = {
    "ymd": r"^(?<y>(?:18|19|20)\d\d)[-/.]?(?<a>\d{1,2})[-/.]?(?<b>\d{1,2})(?:[T ]\d{1,2}:\d\d.*)?$",
    "parts": r"^(?<a>\d{1,2})[-/. ](?<b>\d{1,2})[-/. ](?<y>(?:18|19|20)\d\d|\d\d)(?:[T ]\d{1,2}:\d\d.*)?$",
    "solid": r"^(?<a>0\d|1[0-2]|[0-3]\d)(?<b>[0-3]\d)(?<y>19\d\d|20\d\d)$",
    "named": r"(?i)^(?:[a-z]{3,9}[-. ]+\d{1,2},?[- ]+|\d{1,2}[- ]*[a-z]{3,9}[-., ]*)(?<y>(?:18|19|20)\d\d|\d\d)$",
}
_LETTERS = r"^[\p{L}][\p{L}'\x{2019}.\- ]*$"
SHAPES: Mapping[str, str] = {
    "email": r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$",
    "ssn_dashed": r"^\d{3}-\d{2}-\d{4}$",
    "masked": r"^[Xx*#]{2,}[-Xx*#]*\d{2,4}$",
    "nine": r"^\d{9}$",
    "zip": r"^\d{5}(?:-?\d{4})?$|^\d{4}$",
    "street": r"(?i)^(?:\d+[\w/-]*\s+(?:\S+\s+)*\S*\p{L}{2}.*|p\.?\s?o\.?\s*box\s+\w+.*|(?:rr|hc|rural route)\s*\d+.*)$",
    "whole_address": r"(?i)\d.*[ ,]+[a-z]{2}\.?,?\s+\d{5}(?:-?\d{4})?$",
    "house": r"^\d{1,6}[A-Za-z]?$",
    "unit": r"(?i)^(?:apt|apartment|unit|ste|suite|lot|floor|fl|rm|room|bldg|trlr|#|po box|p\.?o\.? box|c/o|spc|dept|pmb)\b?.*",
    "pobox": r"(?i)^p\.?\s?o\.?\s*box\b",
    "initial": r"^\p{L}\.?$",
    "letters": _LETTERS,
    "word": r"^[\p{L}][\p{L}'\x{2019}\-]*$",
    "two_words": r"^[\p{L}'\x{2019}.\-]+(?:(?:\s*,\s*|\s+)[\p{L}'\x{2019}.\-]+){1,4}$",
    "yes_no": r"(?i)^(?:y|n|yes|no|t|f|true|false|0|1|si)$",
    "money": r"^-?\$?\s?-?\d{1,3}(?:,?\d{3})*\.\d{2}$",
    "integer": r"^-?\d+$",
    "number": r"^-?\d+(?:\.\d+)?$",
    "hex": r"(?i)^(?:[0-9a-f]{32,}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$",
    "code": r"^[A-Za-z0-9]+(?:[-_./][A-Za-z0-9]+){0,5}$",
    "icd10": r"(?i)^[A-TV-Z]\d[0-9A-B](?:\.[0-9A-TV-Z]{1,4})?$",
    "cdt": r"(?i)^D\d{4}$",
    "cpt": r"^\d{4}[\dFTU]$|^[A-V]\d{4}$",
    "ndc": r"^\d{4,5}-\d{3,4}-\d{1,2}$",
    "image": r"(?i)\.(?:jpe?g|png|gif|tiff?|dcm|bmp|heic|webp)$|^(?:/9j/|iVBOR|data:image)",
    "url": r"(?i)^https?://",
    "time": r"^\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?(?:\s*[AaPp][Mm])?$",
    "stamp": r"[T ]\d{1,2}:\d\d",
    "provider": r"(?i)^(?:dr\.?\s|doctor\s|provider\b|prov\b)|,?\s(?:d\.?d\.?s|d\.?m\.?d|m\.?d|d\.?o|n\.?p|p\.?a|r\.?d\.?h|r\.?n|pa-c|dpm|od)\.?$",
    "company": r"(?i)\b(?:llc|pllc|inc|p\.?c|ltd|corp|dental|dentistry|dentists|orthodontics?|endodontics|periodontics|smiles?|clinic|medical|medicine|health|hospital|associates|group|center|centre|care|practice|family|pediatrics?|surgery|specialists|dba|office)\b",
    "insurer": r"(?i)\b(?:delta dental|metlife|aetna|cigna|humana|medicaid|medicare|blue cross|bcbs|anthem|united ?health|guardian life|kaiser|ppo|hmo|dhmo|tricare)\b",
    "procedure": r"(?i)\b(?:exam|cleaning|prophy\w*|crown|filling|root canal|extraction|x-?ray|visit|physical|vaccin\w*|follow-?up|consult\w*|implant|denture|whitening|therapy|surgery|lab work|checkup|screening|injection|scaling|sealant|fluoride|veneer|braces)\b",
    "medicine": r"(?i)\b(?:\d+\s?mg|\d+\s?mcg|tablets?|capsules?|amoxicillin|ibuprofen|lisinopril|metformin|atorvastatin|hydrocodone|acetaminophen|penicillin|clindamycin|albuterol)\b",
    "disease": r"(?i)\b(?:diabetes|hypertension|asthma|caries|gingivitis|periodontitis|depress\w+|anxiety|cancer|arthritis|infection|disorder|disease|syndrome|pain|allerg\w+|hepatitis|hiv|chronic|acute|fracture)\b",
    "license": r"^[A-Z]\d{7,8}$|^[A-Z]{2}\d{6}$|^[A-Z]\d{3}-\d{3,4}-\d{2}-\d{3}(?:-\d)?$",
    "phone_marks": r"^\+?1?[-. ]?\(?\d{3}\)?[-. ]\d{3}[-. ]?\d{4}|^\+1\d{10}$|^\(\d{3}\)\s*\d{3}-?\d{4}",
    "json": r"^[\[{].*[\]}]$",
}  # fmt: skip
"""Shape -> pattern on the stripped text."""


@dataclass(frozen=True, slots=True)
class Dates:
    """How a column of dates is written and when: years by share, whether the first or second part passes 12."""

    share: float = 0.0
    first_over_12: int = 0
    second_over_12: int = 0
    ordered: int = 0
    year_low: float = 0.0
    year_median: float = 0.0
    year_high: float = 0.0
    stamped: float = 0.0
    months: int = 0

    @property
    def order(self) -> str:
        """mdy, dmy or ymd; empty where nothing in the sample tells."""
        if self.share < 0.3:
            return ""
        if not self.ordered:
            return "ymd"
        first, second = self.first_over_12, self.second_over_12
        if second and second >= 10 * first:
            return "mdy"
        return "dmy" if first and first >= 10 * second else ""


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """One column of a sample. `filled` rows of `rows`; `share` of shapes among the filled."""

    name: str
    rows: int
    filled: int
    distinct: int
    share: Mapping[str, float]
    dates: Dates
    length_mean: float
    length_max: int
    words_mean: float
    first_bits: float
    values: pl.Series
    blank: np.ndarray

    @property
    def fill(self) -> float:
        """Share of rows with a value."""
        return self.filled / self.rows if self.rows else 0.0

    @property
    def unique(self) -> float:
        """Distinct values by filled rows: 1 where no value occurs twice."""
        return self.distinct / self.filled if self.filled else 0.0

    def of(self, *shapes: str) -> float:
        """The largest share of these shapes."""
        return max(self.share.get(shape, 0.0) for shape in shapes)


def profile_table(rows: pl.DataFrame) -> list[Profile]:
    """Profiles of the text columns of a sample, null where blank."""
    if not rows.width:
        return []
    counts = [_counted(rows[name], place) for place, name in enumerate(rows.columns)]
    seen = pl.concat([frame.head(DISTINCT_MAX) for frame in counts])
    looked = seen.select(pl.col("v").unique()).with_columns(_listed(), **shapes(pl.col("v")))
    flags = seen.join(looked, on="v", how="left", maintain_order="left")
    weight = pl.col("n").cast(pl.Float64)
    shares = flags.group_by("column").agg(
        (pl.col(name).fill_null(value=False).cast(pl.Float64) * weight).sum() / weight.sum()
        for name in looked.columns
        if name != "v"
    )
    by_column = {row.pop("column"): row for row in shares.iter_rows(named=True)}  # one row a column
    parts = seen.partition_by("column", as_dict=True)
    empty = seen.clear()
    return [
        _profile(
            rows[name], counts[place].height, parts.get((place,), empty), by_column.get(place, {})
        )
        for place, name in enumerate(rows.columns)
    ]


def _counted(column: pl.Series, place: int) -> pl.DataFrame:
    """column, v, n: its distinct stripped values, the most frequent first."""
    values = column.cast(pl.String).str.strip_chars().alias("v").drop_nulls().to_frame()
    counts = values.group_by("v").agg(n=pl.len()).sort("n", "v", descending=[True, False])
    return counts.select(pl.lit(place).alias("column"), "v", "n")


def _profile(
    column: pl.Series, distinct: int, seen: pl.DataFrame, share: dict[str, float]
) -> Profile:
    total = float(seen["n"].sum()) or 1.0
    lengths, words = seen["v"].str.len_chars(), seen["v"].str.count_matches(r"\S+")
    return Profile(
        name=column.name,
        rows=column.len(),
        filled=column.len() - column.null_count(),
        distinct=distinct,
        share=share,
        dates=_dates(seen, total),
        length_mean=float((lengths * seen["n"]).sum() or 0) / total,
        length_max=max(lengths.to_list(), default=0),
        words_mean=float((words * seen["n"]).sum() or 0) / total,
        first_bits=known.first_or_last_bits(seen["v"]),
        values=seen["v"],
        blank=column.is_null().to_numpy(),
    )


def shapes(value: pl.Expr) -> dict[str, pl.Expr]:
    """Every shape of a stripped text, check digits with them."""
    found = {name: value.str.contains(pattern) for name, pattern in SHAPES.items()}
    found["code"] &= value.str.contains(r"\d")
    digits = value.str.replace_all(r"\D", "")
    plain = value.str.contains(r"^[\d\s().+/x-]+(?i:ext\.?\s*\d+)?$")
    local = (
        pl.when(digits.str.len_chars() == 11).then(digits.str.strip_prefix("1")).otherwise(digits)
    )
    nanp = local.str.contains(r"^[2-9]\d{2}[2-9]\d{6}(?:\d{0,5})?$")
    found["phone"] = (
        plain
        & nanp
        & local.str.len_chars().is_between(10, 15)
        & ((local.str.len_chars() == 10) | value.str.contains(r"(?i)x|ext"))
    )
    structured = local.str.contains(r"^\d{9}$") & ~local.str.contains(
        r"^(?:000|666|9)|^\d{3}00|0000$"
    )
    found["ssn"] = structured & value.str.contains(r"^\d{3}[- ]?\d{2}[- ]?\d{4}$")
    found["npi"] = value.str.contains(r"^[12]\d{9}$") & _luhn(pl.lit("80840") + digits)
    found["card"] = digits.str.contains(
        r"^(?:4\d{12}(?:\d{3})?|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|6(?:011|5\d\d)\d{12})$"
    ) & _luhn(digits)
    found["aba"] = value.str.contains(
        r"^(?:0\d|1[0-2]|2[1-9]|3[0-2]|6[1-9]|7[0-2]|80)\d{7}$"
    ) & _aba(digits)
    return found


def _luhn(digits: pl.Expr) -> pl.Expr:
    """ISO/IEC 7812: digits doubled every second one from the right sum to a multiple of ten."""
    total = pl.lit(0)
    for place in range(16):
        digit = digits.str.reverse().str.slice(place, 1).str.to_integer(strict=False).fill_null(0)
        twice = digit * 2
        total = total + (digit if place % 2 == 0 else twice - 9 * (twice > 9).cast(pl.Int64))
    return total % 10 == 0


def _aba(digits: pl.Expr) -> pl.Expr:
    """Routing numbers: weights 3, 7, 1 sum to a multiple of ten."""
    total = pl.lit(0)
    for place in range(9):
        digit = digits.str.slice(place, 1).str.to_integer(strict=False).fill_null(0)
        total = total + digit * (3, 7, 1)[place % 3]
    return total % 10 == 0


def _listed() -> Iterator[pl.Expr]:
    """Which values known lists hold."""
    upper = pl.col("v").str.to_uppercase()
    letters = upper.str.normalize("NFKD").str.replace_all(r"[^A-Z ]", "").str.strip_chars()
    words = upper.str.to_lowercase()
    first, last = letters.str.extract(r"^(\S+)"), letters.str.extract(r"(\S+)$")
    parts = {
        "state": upper.str.strip_chars("."),
        "city": letters,
        "zip": upper.str.slice(0, 5),
        "first": first,
        "last": letters.str.replace_all(" ", ""),
        "sex": words,
        "language": words.str.extract(r"^([^-_]+)"),
        "country": upper,
        "generation": upper.str.strip_chars("."),
        "format": words,
        "scope": words,
        "role": words.str.replace_all(r"[\s-]+", "_"),
        "element": words.str.extract(r"^([^|,;]+)"),
        "street_word": letters.str.extract(r"(\S+)(?: [NSEW]{1,2})?$"),
    }
    for name, part in parts.items():
        yield part.is_in(known.listed(name).implode()).alias("zip_known" if name == "zip" else name)
    named = first.is_in(known.listed("first").implode()) & last.is_in(
        known.listed("last").implode()
    )
    comma = upper.str.contains(r"^[\p{L}'\x{2019} \-]+,\s*[\p{L}]")
    yield ((named | comma) & pl.col("v").str.contains(SHAPES["two_words"])).alias("full")


def _dates(seen: pl.DataFrame, total: float) -> Dates:
    groups = {name: seen["v"].str.extract_groups(pattern) for name, pattern in _DATE.items()}
    frame = seen.select(
        "n",
        stamped=pl.col("v").str.contains(SHAPES["stamp"]),
        iso=groups["ymd"].struct.field("y"),
        ma=groups["ymd"].struct.field("a"),
        mb=groups["ymd"].struct.field("b"),
        year=pl.coalesce(*(group.struct.field("y") for group in groups.values())),
        first=pl.coalesce(groups["parts"].struct.field("a"), groups["solid"].struct.field("a")),
        second=pl.coalesce(groups["parts"].struct.field("b"), groups["solid"].struct.field("b")),
    ).with_columns(pl.col("year", "first", "second", "ma", "mb").str.to_integer(strict=False))
    good = frame.filter(
        pl.col("year").is_not_null()
        & (
            pl.col("iso").is_null()
            | (pl.col("ma").is_between(1, 12) & pl.col("mb").is_between(1, 31))
        )
        & (
            pl.col("first").is_null()
            | (pl.col("first").is_between(1, 31) & pl.col("second").is_between(1, 31))
        )
    )
    if good.is_empty():
        return Dates()
    ordered = good.filter(pl.col("iso").is_null() & pl.col("first").is_not_null())
    short = pl.col("year") < 100
    years = good.select(
        year=pl.when(short & (pl.col("year") > 30)).then(pl.col("year") + 1900)
        .when(short).then(pl.col("year") + 2000).otherwise("year")
    )["year"]  # fmt: skip
    low, median, high = (float(years.quantile(q) or 0) for q in (0.05, 0.5, 0.95))
    return Dates(
        share=float(good["n"].sum()) / total,
        first_over_12=int((ordered["first"] > 12).sum()),
        second_over_12=int((ordered["second"] > 12).sum()),
        ordered=ordered.height,
        year_low=low,
        year_median=median,
        year_high=high,
        stamped=float(good.filter("stamped")["n"].sum()) / total,
        months=int(good.select(pl.struct("year", pl.coalesce("ma", "first")).n_unique()).item()),
    )
