"""Makes the letters' fonts from Source Sans 3: `python notify/fonts/make.py`, needs fontTools (no dependency).

`Notice Sans` is Source Sans 3 at two weights, without substitutions and with the kerning of common letters as a plain
table: a letter is set in half the time. `Notice Bars` has the four bars of the Intelligent Mail barcode, drawn to
USPS-B-3200 when set at 36 pt. The licence reserves the name Source, so a changed font has a name of its own.
"""

# mypy: ignore-errors
# ruff: noqa: INP001, D103, PLC0415, T201
# A recipe that is run by hand; fontTools is no dependency of the program.
from __future__ import annotations

import sys
import tomllib
from pathlib import Path

FONTS = Path(__file__).parent
WEIGHTS = {"Regular": 400, "SemiBold": 600}
STAMP = 3_850_000_000  # seconds since 1904, fixed: the same bytes every time
UNITS = 11_000
"""Units to half an inch, the em of 36 pt: 1/22 in is 1,000 and the bar of 0.020 in is 440."""
PITCH, BAR = 1000, 440
FULL, TRACK = 1595, 528
"""Half of the full height (0.145 in) and of the tracker (0.048 in)."""


TAGLINES = FONTS.parents[1] / "configs" / "letters" / "taglines" / "taglines.toml"


def main() -> None:
    if sys.argv[1:2] == ["taglines"]:
        taglines(Path(sys.argv[2]))
        return
    for style, weight in WEIGHTS.items():
        sans(style, weight)
    bars()


def sans(style: str, weight: int) -> None:
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont
    from fontTools.varLib.instancer import instantiateVariableFont

    font = instantiateVariableFont(TTFont(FONTS / "SourceSans3.ttf"), {"wght": weight})
    pairs = kerning(font)
    options = Options(
        layout_features=[], hinting=False, glyph_names=False, notdef_outline=True, name_IDs=["*"],
        recalc_timestamp=False,
    )  # fmt: skip
    options.drop_tables += ["DSIG", "STAT", "GPOS", "GSUB", "GDEF"]
    names = {font.getGlyphID(a): a for a in font.getGlyphOrder()}
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=font.getBestCmap().keys())
    subsetter.subset(font)
    kept = set(font.getGlyphOrder())
    assert names
    add_kern(font, {pair: by for pair, by in pairs.items() if kept.issuperset(pair)})
    named(font, "Notice Sans", style, weight)
    font["head"].created = font["head"].modified = STAMP
    font.recalcTimestamp = False
    font.save(FONTS / f"NoticeSans-{style}.ttf")
    print(style, len(pairs), "pairs")


def kerning(font) -> dict[tuple[str, str], int]:
    """Pairs of common letters -> units, from the first subtable that speaks of a pair."""
    cmap = font.getBestCmap()
    common = {cmap[c] for c in (*range(0x21, 0x7F), *range(0xC0, 0x100), 0x2019) if c in cmap}
    gpos = font["GPOS"].table
    kern = {
        index
        for record in gpos.FeatureList.FeatureRecord
        if record.FeatureTag == "kern"
        for index in record.Feature.LookupListIndex
    }
    found: dict[tuple[str, str], int] = {}
    for index in sorted(kern):
        for table in gpos.LookupList.Lookup[index].SubTable:
            inner = table.ExtSubTable if table.LookupType == 9 else table
            if inner.LookupType == 2:
                for pair, by in subtable(inner, common):
                    found.setdefault(pair, by)
    return {pair: by for pair, by in found.items() if by}


def subtable(table, common):
    firsts = [glyph for glyph in table.Coverage.glyphs if glyph in common]
    if table.Format == 1:
        for glyph, pairs in zip(table.Coverage.glyphs, table.PairSet, strict=True):
            for record in pairs.PairValueRecord if glyph in common else ():
                if record.SecondGlyph in common:
                    yield (glyph, record.SecondGlyph), advance(record.Value1)
        return
    for first in firsts:
        row = table.Class1Record[table.ClassDef1.classDefs.get(first, 0)].Class2Record
        for second in common:
            yield (first, second), advance(row[table.ClassDef2.classDefs.get(second, 0)].Value1)


def advance(value) -> int:
    return getattr(value, "XAdvance", 0) if value else 0


def add_kern(font, pairs: dict[tuple[str, str], int]) -> None:
    from fontTools.ttLib import newTable
    from fontTools.ttLib.tables._k_e_r_n import KernTable_format_0

    table = KernTable_format_0()
    table.coverage, table.tupleIndex, table.kernTable = 1, None, pairs
    table.apple = False
    kern = newTable("kern")
    kern.version, kern.kernTables = 0, [table]
    font["kern"] = kern


def named(font, family: str, style: str, weight: int) -> None:
    names = {1: family, 2: style, 4: f"{family} {style}", 6: f"{family.replace(' ', '')}-{style}"}
    for record in list(font["name"].names):
        if record.nameID in {3, 5, 16, 17, 18, 21, 22, 25}:
            font["name"].removeNames(nameID=record.nameID)
    for name_id, text in names.items():
        font["name"].setName(text, name_id, 3, 1, 0x409)
    font["OS/2"].usWeightClass = weight
    font["OS/2"].fsSelection = 0x40 if weight == 400 else 0


def bars() -> None:
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    spans = {"F": (-FULL, FULL), "A": (-TRACK, FULL), "D": (-FULL, TRACK), "T": (-TRACK, TRACK)}
    glyphs = {".notdef": TTGlyphPen(None).glyph()}
    for state, (bottom, top) in spans.items():
        pen = TTGlyphPen(None)
        pen.moveTo((0, bottom))
        for corner in ((0, top), (BAR, top), (BAR, bottom)):
            pen.lineTo(corner)
        pen.closePath()
        glyphs[state] = pen.glyph()
    builder = FontBuilder(UNITS, isTTF=True)
    builder.setupGlyphOrder(list(glyphs))
    builder.setupCharacterMap({ord(state): state for state in spans})
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (PITCH, 0)))
    builder.setupHorizontalHeader(ascent=FULL, descent=-FULL)
    builder.setupNameTable(
        {"familyName": "Notice Bars", "styleName": "Regular", "psName": "NoticeBars"}
    )
    builder.setupOS2(sTypoAscender=FULL, sTypoDescender=-FULL, usWinAscent=FULL, usWinDescent=FULL)
    builder.setupPost(isFixedPitch=1)
    builder.font["head"].created = builder.font["head"].modified = STAMP
    builder.font.recalcTimestamp = False
    builder.save(FONTS / "NoticeBars.ttf")


def taglines(noto: Path) -> None:
    """Cut the letters of the language insert from the Noto fonts below a folder."""
    from fontTools.ttLib import TTCollection, TTFont

    said = tomllib.loads(TAGLINES.read_text(encoding="utf-8"))["text"]
    collection = next(noto.rglob("NotoSansCJK-Regular.ttc"))
    faces = {font["name"].getDebugName(1): font for font in TTCollection(collection).fonts}
    chinese = said["zh-Hans"] + said["zh-Hant"]
    cut(faces["Noto Sans CJK SC"], chinese, "Notice Chinese", "NoticeChinese.otf")
    cut(faces["Noto Sans CJK KR"], said["ko"], "Notice Korean", "NoticeKorean.otf")
    arabic = TTFont(next(noto.rglob("NotoSansArabic-Regular.ttf")))
    cut(arabic, said["ar"], "Notice Arabic", "NoticeArabic.ttf")


def cut(font, text: str, family: str, file: str) -> None:
    from fontTools.subset import Options, Subsetter

    options = Options(
        layout_features=["*"], hinting=False, glyph_names=False, notdef_outline=True, name_IDs=["*"],
        recalc_timestamp=False,
    )  # fmt: skip
    options.drop_tables += ["DSIG", "STAT"]
    subsetter = Subsetter(options)
    subsetter.populate(text=text)
    subsetter.subset(font)
    named(font, family, "Regular", 400)
    if "CFF " in font:
        font["CFF "].cff.fontNames = [family.replace(" ", "")]
        font["CFF "].cff.topDictIndex[0].FamilyName = family
    font["head"].created = font["head"].modified = STAMP
    font.recalcTimestamp = False
    font.save(FONTS / file)


if __name__ == "__main__":
    main()
