"""The merge fields of letters: the columns of MAIL v1 that do not depend on a batch.

Notices and the records they name come in; one row per notice goes out, texts as printed, dates and
flags as MAIL v1 writes them. Nothing about health but the code of the set of PHI kinds.
"""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl

from matching.store import OperatorError, Workspace
from notify import printed
from notify.elsewhere import overlaid
from notify.letters.dates import day_text, span_text
from notify.letters.settings import LettersSettings
from notify.letters.texts import Wording, voice
from notify.records import records

__all__ = ["ALLOWED", "element_code", "element_sets", "entity_table", "merged", "worded"]

_PAIR = ["person_id", "entity_id"]
_CE_ID_LENGTH = 12
_SET_CODE_LENGTH = 8
_WORD = 64
_FORMAT_CODES = {
    "large_print": "LARGEPRINT",
    "braille": "BRAILLE",
    "audio": "AUDIO",
    "other": "ASKS",
}
"""Alternative format -> insert code; with the tagline at most 20 characters (DOMAIN 5.3)."""
_SENDER_CODE = "SENDER"
"""Return address code of the business associate."""
ALLOWED = (
    ("ce_print_name", 120),
    ("breach_date_text", 60),
    ("discovery_date_text", 40),
    ("toll_free", 14),
)
"""Fields that come from the incident file and the roster -> most characters."""


def merged(
    workspace: Workspace, settings: LettersSettings, wording: Wording, notices: pl.DataFrame
) -> pl.DataFrame:
    """One row per notice with its keys, `element_set` and the MAIL v1 columns that letters use.

    Raises OperatorError where a text of the incident file does not fit the vendor's column.
    """
    members = pl.concat([notices["name_member"], notices["address_member"]]).drop_nulls()
    found = records(workspace, members.unique().to_frame("member").lazy()).collect(
        engine="streaming"
    )
    pairs = notices.select(_PAIR).unique().lazy()
    elements = workspace.scan("elements").join(pairs, on=_PAIR, how="semi").collect()
    sets = element_sets(elements.sort(*_PAIR, "element"))
    lines = overlaid(workspace, printed.with_lines(notices.drop("state"), found))
    lines = lines.join(sets, on=_PAIR, how="left")
    return worded(lines, entity_table(workspace), settings, wording)


def worded(
    lines: pl.DataFrame, entities: pl.DataFrame, settings: LettersSettings, wording: Wording
) -> pl.DataFrame:
    """Notices with their printed lines and `element_set` become the merge fields of `merged`.

    `entities` is the `entity_table`.
    """
    letters = _by_letter(_with_states(lines, settings, wording), settings, wording)
    ready = letters.with_columns(pl.col("element_set").fill_null("other"))
    ready = ready.join(_set_codes(ready["element_set"]), on="element_set", how="left").join(
        entities, on="entity_id", how="left"
    )
    return ready.with_columns(
        no_ncoa=_flag(pl.col("address_kind") != "home"),
        no_household=pl.lit("Y"),
        insert_codes=_inserts(),
        mail_by=pl.col("mail_by").dt.to_string("%Y-%m-%d"),
        wave=pl.col("wave").cast(pl.String),
    )


def _with_states(lines: pl.DataFrame, settings: LettersSettings, wording: Wording) -> pl.DataFrame:
    """The variant of the state that the letter goes to, and the blocks for its residents."""
    massachusetts = settings.counsel.massachusetts_wording
    forms = wording.forms(massachusetts=massachusetts)
    addenda = wording.addenda(
        unreviewed=settings.counsel.unreviewed_state_texts, massachusetts=massachusetts
    )
    form = pl.col("state").replace_strict(forms, default=None, return_dtype=pl.String)
    return lines.with_columns(
        variant=pl.concat_str([form, pl.col("variant")], separator="_", ignore_nulls=True),
        state_addenda=pl.when(pl.col("state").is_in(sorted(addenda))).then("state"),
    )


def _inserts() -> pl.Expr:
    """TAGLINE where the letter is not in the person's language; the format that the person asked for."""
    tagline = pl.when(pl.col("language") != pl.col("wanted")).then(pl.lit("TAGLINE"))
    format_ = pl.col("alt_format").replace_strict(
        _FORMAT_CODES, default=None, return_dtype=pl.String
    )
    both = pl.concat_str(tagline, format_, separator=";", ignore_nulls=True)
    return pl.when(both != "").then(both)


def _flag(condition: pl.Expr) -> pl.Expr:
    return pl.when(condition).then(pl.lit("Y")).otherwise(pl.lit("N"))


def _by_letter(lines: pl.DataFrame, settings: LettersSettings, wording: Wording) -> pl.DataFrame:
    """Add what depends on language and variant alone."""
    languages = {wanted: wording.language(wanted) for wanted in lines["language"].unique()}
    asked = lines.rename({"language": "wanted"}).with_columns(
        language=pl.col("wanted").replace_strict(languages, return_dtype=pl.String)
    )
    incident = settings.incident
    rows = [
        {
            "language": language,
            "variant": variant,
            "letter_version": wording.letter_version(language, variant),
            "letter_sha8": wording.letter_sha8(language, variant),
            "salutation_line": wording.texts[language].salutation_line.get(voice(variant).base),
            "breach_date_text": span_text(
                incident.breach_start, incident.breach_end, language, wording.texts[language].dates
            ),
            "discovery_date_text": day_text(
                incident.discovered_on, language, wording.texts[language].dates
            ),
            "toll_free": settings.business_associate.toll_free,
        }
        for language, variant in wording.versions()
    ]
    _check_texts(rows)
    by_letter = pl.DataFrame(rows, schema_overrides={"salutation_line": pl.String})
    return asked.join(by_letter, on=["language", "variant"], how="left")


def _check_texts(rows: list[dict[str, str | None]]) -> None:
    for row in rows:
        for field, most in ALLOWED[1:]:
            text = row[field] or ""
            if len(text) > most or text[:1] in tuple("=+-@"):
                raise OperatorError(
                    f"incident file: {field} '{text}' does not fit a mail file"
                    f" (at most {most} characters, none of = + - @ in front); shorten it"
                )


def entity_table(workspace: Workspace) -> pl.DataFrame:
    """`entity_id, ce_id, ce_print_name, ce_return_address_code, return_address`, a row an entity.

    An id longer than the vendor's column becomes a keyed code of 12 characters.
    """
    entities = workspace.read("entities", ["entity_id", "print_name", "return_address"])
    short = workspace.keys.mint("ce", entities["entity_id"], length=_CE_ID_LENGTH - 1)
    code = pl.col("return_address").map_elements(_return_code, return_dtype=pl.String)
    fits = pl.col("entity_id").str.len_chars() <= _CE_ID_LENGTH
    return entities.with_columns(short=short).select(
        "entity_id",
        ce_id=pl.when(fits).then("entity_id").otherwise("short"),
        ce_print_name=pl.col("print_name").str.normalize("NFC"),
        ce_return_address_code=code.fill_null(_SENDER_CODE),
        return_address="return_address",
    )


def _return_code(address: str) -> str:
    return "R" + hashlib.sha256(address.encode()).hexdigest()[:7].upper()


def element_code(elements: str) -> str:
    """Code of a set of PHI kinds written `a|b|c` in sorted order: 8 characters."""
    return hashlib.sha256(elements.encode()).hexdigest()[:_SET_CODE_LENGTH].upper()


def element_sets(elements: pl.DataFrame) -> pl.DataFrame:
    """`person_id, entity_id, element_set`: the kinds of PHI of each pair of `elements`, as `a|b|c`.

    `elements` is in the order of its key, and so is what comes out.
    """
    kinds = elements["element"].unique().sort()
    starts = elements.select(
        pl.any_horizontal(pl.col(_PAIR).ne_missing(pl.col(_PAIR).shift())).arg_true()
    ).to_series()
    words = _bit_sets(elements["element"].cast(pl.Enum(kinds)).to_physical(), len(kinds), starts)
    pairs = elements.select(pl.col(_PAIR).gather(starts)).with_columns(**words)
    distinct = pairs.select(list(words)).unique()
    texts = [
        "|".join(kind for i, kind in enumerate(kinds) if row[i // _WORD] >> i % _WORD & 1)
        for row in distinct.iter_rows()
    ]
    named = distinct.with_columns(element_set=pl.Series(texts, dtype=pl.String))
    found = pairs.join(named, on=list(words), how="left", maintain_order="left")
    return found.select(*_PAIR, "element_set")


def _bit_sets(codes: pl.Series, kinds: int, starts: pl.Series) -> dict[str, pl.Series]:
    """One bit a kind, joined over each run that begins at `starts`: a column for each 64 kinds."""
    numbers, begins = codes.to_numpy().astype(np.uint64), starts.to_numpy()
    words = {}
    for word in range(max(1, -(-kinds // _WORD))):
        bits = np.where(numbers // _WORD == word, np.uint64(1) << numbers % _WORD, np.uint64(0))
        joined = np.bitwise_or.reduceat(bits, begins) if len(begins) else bits
        words[f"kinds_{word}"] = pl.Series(joined, dtype=pl.UInt64)
    return words


def _set_codes(sets: pl.Series) -> pl.DataFrame:
    """`element_set, element_set_code`: codes are made once per distinct set."""
    distinct = sets.unique().sort()
    codes = pl.Series([element_code(text) for text in distinct], dtype=pl.String)
    assert codes.is_unique().all(), "two sets of PHI kinds share a code"
    return pl.DataFrame({"element_set": distinct, "element_set_code": codes})
