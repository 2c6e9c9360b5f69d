"""Letters as PDF: the one wrapper around the typst compiler.

Comes in: a template below `configs/letters` and a JSON document; goes out: PDF/UA-1 bytes, the same for the
same input on every machine. Data reaches a template only as `json(bytes(sys.inputs.data))`, so a value is never
read as markup. Fonts come from `notify/fonts` alone; a character they lack is an error, never a blank.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import typst
from reportlab.pdfbase.ttfonts import TTFontFile  # type: ignore[import-untyped]  # no stubs shipped

from matching.store import OperatorError

__all__ = [
    "FONTS", "GlyphMissingError", "TypesetError", "forget", "page_count", "preview", "query", "render",
    "unprintable",
]  # fmt: skip

FONTS = Path(__file__).parent / "fonts"
FAMILY = "Source Sans 3"
_NO_GLYPH = "could not be displayed with font"
_QUOTED = re.compile(r'`[^`]*`|"[^"]*"')
_RAISED = re.compile(r"(assertion failed|panicked with): .*", re.DOTALL)
_WHERE = re.compile(r"┌─ .*?([^/\s]+\.typ:\d+):\d+")
_PAGES = re.compile(rb"/Type/Pages/Count (\d+)")
_COMPILATIONS_KEPT = 10
_INVISIBLE = "\n\r\t\u00a0\u00ad\u200b\u2060"
"""Characters that set no glyph or are replaced by typst."""


class TypesetError(Exception):
    """A template does not compile: our own bug, told without any value of the data."""


class GlyphMissingError(OperatorError):
    """A text holds characters that the letter's fonts cannot show."""

    def __init__(self, template: str, where: str) -> None:
        super().__init__(
            f"letter {template} ({where}): a text holds a character that {FAMILY} lacks; "
            "set that piece aside (exceptions) or add a font to notify/fonts"
        )
        self._told = (template, where)

    def __reduce__(self) -> tuple[type[GlyphMissingError], tuple[str, str]]:
        """Comes whole from a process that prints."""
        return type(self), self._told


def render(
    template: Path,
    data: dict[str, Any] | list[Any],
    *,
    document_date: date,
    root: Path | None = None,
) -> bytes:
    """The letter or letters as one tagged PDF (PDF/UA-1), byte for byte the same for the same input.

    `root` is the folder above which the template may read nothing; default: the template's own.
    Raises GlyphMissingError for a character without a glyph, TypesetError for a template that fails.
    """
    pdf = _compile(template, data, document_date, root, format="pdf", pdf_standards=["ua-1"])
    return pdf[0]


def preview(
    template: Path,
    data: dict[str, Any] | list[Any],
    *,
    document_date: date,
    root: Path | None = None,
    ppi: float = 110,
) -> list[bytes]:
    """The same pages as PNG images, for screens and reports. Missing glyphs show as boxes."""
    return _compile(template, data, document_date, root, format="png", ppi=ppi)


def page_count(pdf: bytes) -> int:
    """Pages of a PDF that `render` made."""
    return max(int(count) for count in _PAGES.findall(pdf))


def forget() -> None:
    """Let go of what typst keeps of earlier documents, 0.7 MB a letter: it drops what ten compilations did not use."""
    for _ in range(_COMPILATIONS_KEPT + 1):
        typst.compile(b"", font_paths=_fonts(), ignore_system_fonts=True, format="svg")


def query(
    template: Path, data: dict[str, Any] | list[Any], label: str, *, root: Path | None = None
) -> list[Any]:
    """The values that the template notes as `metadata(...) <label>`, after layout and in its order.

    Raises as `render` does; a missing glyph is not noticed.
    """
    inside = template.relative_to(root or template.parent).as_posix()
    try:
        found = typst.query(
            _main(inside), f"<{label}>", field="value", **_world(template, data, root)
        )
    except typst.TypstError as error:
        raise _told_without_data(error, template, inside) from None
    values: list[Any] = json.loads(found)
    return values


def unprintable(texts: pl.Series) -> pl.Series:
    """True where a text holds a character that the letter's upright font lacks; null stays null."""
    return texts.str.normalize("NFC").str.contains(_lacking())


def _compile(
    template: Path,
    data: dict[str, Any] | list[Any],
    document_date: date,
    root: Path | None,
    **options: Any,
) -> list[bytes]:
    inside = template.relative_to(root or template.parent).as_posix()
    midnight = datetime.combine(document_date, time(), tzinfo=UTC)
    try:
        made = typst.compile(
            _main(inside),
            timestamp=int(midnight.timestamp()),
            **_world(template, data, root),
            **options,
        )
    except typst.TypstError as error:
        raise _told_without_data(error, template, inside) from None
    return made if isinstance(made, list) else [made or b""]


def _world(template: Path, data: dict[str, Any] | list[Any], root: Path | None) -> dict[str, Any]:
    return {
        "root": str(root or template.parent),
        "font_paths": _fonts(),
        "ignore_system_fonts": True,
        "sys_inputs": {"data": json.dumps(data, ensure_ascii=False, sort_keys=True)},
    }


def _main(inside: str) -> bytes:
    # fallback: false keeps typst's own embedded fonts out, so that a missing glyph is an error
    text = f'#set text(font: "{FAMILY}", fallback: false)\n#include {json.dumps("/" + inside)}\n'
    return text.encode()


def _told_without_data(error: typst.TypstError, template: Path, inside: str) -> Exception:
    found = _WHERE.search(error.diagnostic)
    where = found.group(1) if found else inside
    if _NO_GLYPH in error.message:
        return GlyphMissingError(inside, where)
    source = template.read_text() if template.exists() else ""

    def shown(quoted: re.Match[str]) -> str:
        return quoted.group() if quoted.group()[1:-1] in source else "(a value)"

    message = _QUOTED.sub(shown, _RAISED.sub(r"\1", error.message))
    return TypesetError(f"letter {inside} ({where}): {message}")


@cache
def _fonts() -> typst.Fonts:
    """Read once: they take 12 of the 30 ms of a letter."""
    return typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(FONTS)]
    )


@cache
def _lacking() -> str:
    """Regex of one character that the upright font has no glyph for."""
    font = TTFontFile(str(FONTS / "SourceSans3.ttf"))
    points = {*font.charToGlyph, *map(ord, _INVISIBLE)}
    starts = sorted(point for point in points if point - 1 not in points)
    ends = sorted(point for point in points if point + 1 not in points)
    ranges = (rf"\x{{{a:x}}}-\x{{{b:x}}}" for a, b in zip(starts, ends, strict=True))
    return f"[^{''.join(ranges)}]"
