r"""Values that call something, as the text they stand for: CAST(N'..' AS t), replace('a\nb','\n',char(10)).

What is not known here stays as written: nothing is executed, and nothing is lost.
"""

from __future__ import annotations

import re

import polars as pl

__all__ = ["evaluated"]

_TEXT = r"(?s)^(?:[Nn]|(?i:date|timestamp|time)\s*)?'((?:[^']|'')*)'$"
_CAST = r"(?is)^(?:try_)?cast\s*\(\s*(.*?)\s+as\s+([a-z0-9_ ]+?)\s*(?:\([0-9, max]*\))?\s*\)$"
_CONVERT = (
    r"(?is)^convert\s*\(\s*([a-z0-9_ ]+?)\s*(?:\([0-9, max]*\))?\s*,\s*(.*?)\s*(?:,\s*\d+\s*)?\)$"
)
_TO_DATE = r"(?is)^to_(?:date|timestamp|timestamp_tz|clob|char|nchar)\s*\(\s*(N?'(?:[^']|'')*')\s*(?:,.*)?\)$"
_REPLACE = r"(?s)^replace\((.*),'([^']*)',char\((\d+)\)\)$"
_UNISTR = r"(?is)^unistr\('((?:[^']|'')*)'\)$"
_ESCAPED = r"(?s)^[Ee]'(.*)'$"
_TOKENS_MAX = 64
"""Ways to write a line break that one piece may use; sqlite3 takes another only where a text has the first."""
_SIMPLE = re.compile(
    r"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL
)
_NAMED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def evaluated(written: pl.Series) -> pl.Series:
    """Expressions as the text they stand for; blank text is null. `written` has no nulls."""
    distinct = written.unique(maintain_order=True)
    found = _text(_unistr(_escaped(_replaced(_dates(_inner(distinct))))))
    found = pl.select(pl.when(found.str.strip_chars() != "").then(found)).to_series()
    values = pl.DataFrame({"written": distinct, "found": found})
    asked = pl.DataFrame({"written": written})
    return asked.join(values, on="written", how="left", maintain_order="left")["found"]


def _inner(written: pl.Series) -> pl.DataFrame:
    """What is cast, and to what."""
    groups = written.str.extract_groups
    cast, convert = groups(_CAST), groups(_CONVERT)
    return pl.DataFrame(
        {
            "written": written,
            "value": pl.select(
                pl.coalesce(
                    cast.struct.field("1"), convert.struct.field("2"), written.str.extract(_TO_DATE),
                    written,
                )
            ).to_series(),
            "type": pl.select(
                pl.coalesce(cast.struct.field("2"), convert.struct.field("1"), pl.lit(""))
                .str.to_lowercase()
            ).to_series(),
        }
    )  # fmt: skip


def _dates(frame: pl.DataFrame) -> pl.Series:
    """SQL Server's dates in digits: CAST(0x0000A5E200000000 AS DateTime) is 2016-04-08."""
    digits = pl.col("value").str.extract(r"^0[xX]([0-9A-Fa-f]+)$")
    size = digits.str.len_bytes()
    wide = pl.when((pl.col("type") == "datetime") & (size == 16)).then(digits)
    days = wide.str.head(8).str.to_integer(base=16, strict=False, dtype=pl.Int64)
    days = pl.when(days >= 1 << 31).then(days - (1 << 32)).otherwise(days)
    ticks = wide.str.tail(8).str.to_integer(base=16, strict=False, dtype=pl.Int64)
    small = pl.when((pl.col("type") == "smalldatetime") & (size == 8)).then(digits)
    small_days = small.str.head(4).str.to_integer(base=16, strict=False, dtype=pl.Int64)
    minutes = small.str.tail(4).str.to_integer(base=16, strict=False, dtype=pl.Int64)
    last = pl.when(pl.col("type").is_in(["date", "datetime2"]) & (size >= 6)).then(
        pl.when((pl.col("type") == "date") & (size == 8)).then(digits.str.head(6)).otherwise(
            digits.str.tail(6)
        )
    )  # fmt: skip
    turned = last.str.slice(4, 2) + last.str.slice(2, 2) + last.str.slice(0, 2)
    since_1 = turned.str.to_integer(base=16, strict=False, dtype=pl.Int64)
    return frame.select(
        pl.coalesce(
            _day(days, ticks * 10 // 3), _day(small_days, minutes * 60_000),
            _day(since_1 - 693_595, pl.lit(0, pl.Int64)), pl.col("value"),
        )
    ).to_series()  # fmt: skip


def _day(since_1900: pl.Expr, milliseconds: pl.Expr) -> pl.Expr:
    """A day, with the time where it is not midnight; null beyond years 1 to 9999."""
    sane = pl.when(since_1900.is_between(-693_595, 2_958_463)).then(since_1900)
    moment = pl.lit("1900-01-01").str.to_datetime() + pl.duration(
        days=sane, milliseconds=milliseconds
    )
    return moment.dt.strftime("%Y-%m-%d %H:%M:%S").str.strip_suffix(" 00:00:00")


def _text(value: pl.Series) -> pl.Series:
    """What stands between quotes, where nothing else stands there."""
    inner = value.str.extract(_TEXT)
    return pl.select(
        pl.when(inner.is_not_null())
        .then(inner.str.replace_all("''", "'", literal=True))
        .otherwise(value)
    ).to_series()


def _replaced(value: pl.Series) -> pl.Series:
    """sqlite3's line breaks, the inner call last."""
    frame = pl.DataFrame({"value": value}).with_row_index("row")
    asked = frame.select("row", found=pl.col("value").str.extract_groups(_REPLACE)).unnest("found")
    asked = asked.drop_nulls("1")
    if asked.is_empty():
        return value
    inner = _replaced(asked["1"])
    asked = asked.with_columns(pl.Series("1", inner))
    made = [
        _put(part, str(token), int(code))
        for (token, code), part in asked.group_by(["2", "3"], maintain_order=True)
    ][:_TOKENS_MAX]
    return (
        frame.update(pl.concat(made).select("row", pl.col("1").alias("value")), on="row", how="left")
        .sort("row")["value"]
    )  # fmt: skip


def _put(part: pl.DataFrame, token: str, code: int) -> pl.DataFrame:
    sign = chr(code) if 0 < code < 0x110000 else token
    return part.with_columns(pl.col("1").str.replace_all(token, sign, literal=True))


def _unistr(value: pl.Series) -> pl.Series:
    r"""sqlite3's unistr('a\u000ab'): four digits, and a doubled backslash."""
    inner = value.str.extract(_UNISTR)
    if inner.null_count() == inner.len():
        return value
    made = inner.map_elements(_one_unistr, return_dtype=pl.String)
    return pl.select(pl.coalesce(made, value)).to_series()


def _one_unistr(text: str) -> str:
    def sign(found: re.Match[str]) -> str:
        return "\\" if found.group() == "\\\\" else chr(int(found.group()[2:], 16))

    return "'" + re.sub(r"\\\\|\\u[0-9A-Fa-f]{4}", sign, text) + "'"


def _escaped(value: pl.Series) -> pl.Series:
    r"""PostgreSQL's E'a\nb', distinct ones only: pg_dump writes them where a text has a backslash."""
    inner = value.str.extract(_ESCAPED)
    if inner.null_count() == inner.len():
        return value
    made = inner.map_elements(_one_escaped, return_dtype=pl.String)
    return pl.select(pl.coalesce(made, value)).to_series()


def _one_escaped(text: str) -> str:
    """Between its quotes again, quotes doubled, for `_text`."""

    def sign(found: re.Match[str]) -> str:
        octal, two, four, eight, other = found.groups()
        if octal:
            return chr(int(octal, 8) & 255)
        code = two or four or eight
        if code:
            return chr(min(int(code, 16), 0x10FFFF))
        return "''" if other == "'" else _NAMED.get(other, other)

    return "'" + _SIMPLE.sub(sign, text) + "'"
