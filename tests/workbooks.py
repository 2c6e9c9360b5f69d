"""Small workbooks, written by hand: what a spreadsheet program may leave in them, and what none would."""

from tests.archive_bytes import zipped

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
STYLES = (
    f'<styleSheet xmlns="{MAIN}"><numFmts count="2"><numFmt numFmtId="164" formatCode="00000"/>'
    '<numFmt numFmtId="165" formatCode="[h]:mm:ss"/></numFmts><cellXfs count="6"><xf numFmtId="0"/>'
    '<xf numFmtId="14"/><xf numFmtId="22"/><xf numFmtId="21"/><xf numFmtId="164"/><xf numFmtId="165"/>'
    "</cellXfs></styleSheet>"
)
DATE, MOMENT, TIME, ZIP, HOURS = 1, 2, 3, 4, 5


def cell(value: object, ref: str = "", style: int = 0) -> str:
    """One cell: text inline, numbers as they are."""
    where = (f' r="{ref}"' if ref else "") + (f' s="{style}"' if style else "")
    if isinstance(value, str):
        return f'<c{where} t="inlineStr"><is><t>{value}</t></is></c>'
    return f"<c{where}/>" if value is None else f"<c{where}><v>{value}</v></c>"


def row(*values: object) -> str:
    """Cells one after the other, without references."""
    return "<row>" + "".join(v if str(v).startswith("<c") else cell(v) for v in values) + "</row>"


def xlsx(
    sheets: dict[str, str],
    *,
    states: dict[str, str] | None = None,
    extra: dict[str, bytes] | None = None,
    after: str = "",
    shared: str = "",
) -> bytes:
    """A workbook; `sheets`: rows by name; `after`: behind the rows of each sheet; `extra`: other parts."""
    states = states or {}
    numbered = list(enumerate(sheets, 1))
    listed = "".join(
        f'<sheet name="{name}" sheetId="{i}" state="{states.get(name, "visible")}" r:id="r{i}"/>'
        for i, name in numbered
    )
    related = "".join(
        f'<Relationship Id="r{i}" Type="{RELATIONS}/worksheet" Target="worksheets/sheet{i}.xml"/>'
        for i, _ in numbered
    )
    parts: dict[str, bytes | str] = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="a"'
        f' Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>{listed}</sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">{related}'
        f'<Relationship Id="s" Type="{RELATIONS}/styles" Target="styles.xml"/>'
        f'<Relationship Id="t" Type="{RELATIONS}/sharedStrings" Target="sharedStrings.xml"/>'
        "</Relationships>",
        "xl/styles.xml": STYLES,
        "xl/sharedStrings.xml": shared or f'<sst xmlns="{MAIN}"/>',
    }
    for i, name in numbered:
        parts[f"xl/worksheets/sheet{i}.xml"] = (
            f'<worksheet xmlns="{MAIN}"><sheetData>{sheets[name]}</sheetData>{after}</worksheet>'
        )
    return zipped({**parts, **(extra or {})})


def ods(rows: str) -> bytes:
    """A spreadsheet of LibreOffice with one table."""
    office = "urn:oasis:names:tc:opendocument:xmlns"
    content = (
        f'<office:document-content xmlns:office="{office}:office:1.0" xmlns:table="{office}:table:1.0"'
        f' xmlns:text="{office}:text:1.0"><office:body><office:spreadsheet><table:table'
        f' table:name="Blatt">{rows}</table:table></office:spreadsheet></office:body>'
        "</office:document-content>"
    )
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    )
    return zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": content,
            "META-INF/manifest.xml": manifest,
        }
    )
