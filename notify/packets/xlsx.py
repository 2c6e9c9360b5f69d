"""A table as a spreadsheet file (XLSX) in which every cell is text.

No library among ours writes XLSX; those that exist write a cell at a time, a hundred times slower than
a packet can wait for (ADR 0020). A sheet is put together by column expressions. A cell is an inline string in
the format `@` (text): nothing that a value says is taken for a formula, a number or a date, not even after
somebody edits it.
"""

from __future__ import annotations

import io
import zipfile

import polars as pl

__all__ = ["CELL_MAX", "xlsx"]

CELL_MAX = 32_767
"""Characters that a cell may hold."""
_TOO_LONG = "(too long for a spreadsheet: see the CSV file)"
_WIDTHS = (8, 40)
"""Least and most width of a column, in characters."""
_SAMPLE = 1_000
"""Rows whose longest value gives the width of a column."""
_FORBIDDEN = "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x{fffe}\\x{ffff}]"
"""Characters that XML 1.0 cannot hold at all."""
_ODD = "[&<>]|_x|" + _FORBIDDEN
"""What some value of a column must hold for the column to be looked at closely."""
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"

_FIXED = {
    "[Content_Types].xml": (
        f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" '
        f'Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>'
    ),
    # cell format 1: text; 2: bold text on grey, the header
    "xl/styles.xml": (
        f'{_XML}<styleSheet xmlns="{_MAIN}">'
        '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
        '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
        '<fills count="3"><fill><patternFill patternType="none"/></fill>'
        '<fill><patternFill patternType="gray125"/></fill><fill><patternFill patternType="solid">'
        '<fgColor rgb="FFE4E9EE"/><bgColor indexed="64"/></patternFill></fill></fills>'
        '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
        '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
        '<cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
        '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
        '<xf numFmtId="49" fontId="1" fillId="2" borderId="0" xfId="0" applyNumberFormat="1" '
        'applyFont="1" applyFill="1"/></cellXfs>'
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
    ),
}  # fmt: skip
_BEGIN = '<c s="1" t="inlineStr"><is><t>'
_BEGIN_HEADER = '<c s="2" t="inlineStr"><is><t>'
_END = "</t></is></c>"


def xlsx(frame: pl.DataFrame, *, sheet: str) -> bytes:
    """The frame's text columns as one sheet with a frozen header and filters; null cells are empty.

    The same bytes for the same frame. `sheet` is a name of at most 31 letters.
    """
    workbook = (
        f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        f'<sheet name="{sheet}" sheetId="1" r:id="rId1"/></sheets></workbook>'
    )
    parts = {**_FIXED, "xl/workbook.xml": workbook, "xl/worksheets/sheet1.xml": _sheet(frame)}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in parts.items():
            place = zipfile.ZipInfo(name)  # its date is 1 January 1980
            place.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(place, text, compresslevel=1)
    return packed.getvalue()


def _sheet(frame: pl.DataFrame) -> str:
    last = f"{_letters(frame.width)}{frame.height + 1}"
    header = "".join(f"{_BEGIN_HEADER}{name}{_END}" for name in frame.columns)
    return (
        f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
        f"<cols>{_columns(frame)}</cols><sheetData><row>{header}</row>{_rows(frame)}</sheetData>"
        f'<autoFilter ref="A1:{last}"/></worksheet>'
    )


def _rows(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return ""
    cells = _storable(frame).select(
        (pl.lit(_BEGIN) + pl.all() + pl.lit(_END)).fill_null("<c/>").name.keep()
    )
    row = pl.concat_str(pl.lit("<row>"), pl.all(), pl.lit("</row>"))
    return str(cells.select(row.str.join("")).item())


def _storable(frame: pl.DataFrame) -> pl.DataFrame:
    """Markup escaped; `_x0041_`, which a spreadsheet would read as a letter, too. Most columns need nothing."""
    found = frame.select(pl.all().str.contains(_ODD).any().name.prefix("odd_"),
                         (pl.all().str.len_bytes().max() > CELL_MAX).name.prefix("long_")).row(0, named=True)  # fmt: skip
    odd = [name for name in frame.columns if found[f"odd_{name}"] or found[f"long_{name}"]]
    if not odd:
        return frame
    text = pl.col(odd)
    short, there = text.str.len_chars() <= CELL_MAX, text.is_not_null()
    fits = pl.when(short).then(text).when(there).then(pl.lit(_TOO_LONG))
    return frame.with_columns(
        fits.str.replace_all(_FORBIDDEN, "\ufffd")
        .str.replace_all(r"_(x[0-9A-Fa-f]{4}_)", "_x005F_${1}")
        .str.replace_all("&", "&amp;", literal=True)
        .str.replace_all("<", "&lt;", literal=True)
        .str.replace_all(">", "&gt;", literal=True)
        .name.keep()
    )


def _columns(frame: pl.DataFrame) -> str:
    longest = frame.head(_SAMPLE).select(pl.all().str.len_chars().max().fill_null(0)).row(0)
    widths = [
        min(max(len(name) + 3, seen + 2, _WIDTHS[0]), _WIDTHS[1])
        for name, seen in zip(frame.columns, longest or [0] * frame.width, strict=True)
    ]
    return "".join(
        f'<col min="{place}" max="{place}" width="{width}" style="1" customWidth="1"/>'
        for place, width in enumerate(widths, 1)
    )


def _letters(number: int) -> str:
    """The name of a column: 1 is A, 27 is AA."""
    name = ""
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(ord("A") + rest) + name
    return name
