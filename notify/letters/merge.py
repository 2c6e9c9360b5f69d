"""The merge fields of letters: the columns of MAIL v1 that do not depend on a batch.

Notices and the records they name come in; one row per notice goes out, texts as printed, dates and
flags as MAIL v1 writes them. Nothing about health but the code of the set of PHI kinds.
"""

from __future__ import annotations

import hashlib

import polars as pl

from matching.store import OperatorError, Workspace
from notify import printed
from notify.letters.dates import day_text, span_text
from notify.letters.settings import LettersSettings
from notify.letters.texts import Wording
from notify.records import records

__all__ = ["ALLOWED", "element_code", "entity_table", "merged"]

_PAIR = ["person_id", "entity_id"]
_CE_ID_LENGTH = 12
_SET_CODE_LENGTH = 8
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
    lines = printed.with_lines(notices.drop("state"), found)
    letters = _by_letter(lines, settings, wording)
    sets = _element_sets(workspace, notices)
    ready = letters.join(sets, on=_PAIR, how="left").join(
        entity_table(workspace), on="entity_id", how="left"
    )
    return ready.with_columns(
        pl.col("element_set").fill_null("other"),
        element_set_code=pl.col("element_set_code").fill_null(element_code("other")),
        no_ncoa=_flag(pl.col("address_kind") == "alternate"),
        no_household=pl.lit("Y"),
        insert_codes=pl.when(pl.col("language") != pl.col("wanted")).then(pl.lit("TAGLINE")),
        mail_by=pl.col("mail_by").dt.to_string("%Y-%m-%d"),
        wave=pl.col("wave").cast(pl.String),
    )


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
            "salutation_line": wording.texts[language].salutation_line.get(variant.split("_")[-1]),
            "breach_date_text": span_text(incident.breach_start, incident.breach_end, language),
            "discovery_date_text": day_text(incident.discovered_on, language),
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


def _element_sets(workspace: Workspace, notices: pl.DataFrame) -> pl.DataFrame:
    """`person_id, entity_id, element_set, element_set_code`; codes are made once per distinct set."""
    pairs = notices.select(_PAIR).unique().lazy()
    sets = (
        workspace.scan("elements")
        .join(pairs, on=_PAIR, how="semi")
        .group_by(_PAIR)
        .agg(element_set=pl.col("element").unique().sort().str.join("|"))
        .collect(engine="streaming")
    )
    distinct = sets["element_set"].unique().sort()
    codes = pl.Series([element_code(text) for text in distinct], dtype=pl.String)
    assert codes.is_unique().all(), "two sets of PHI kinds share a code"
    table = pl.DataFrame({"element_set": distinct, "element_set_code": codes})
    return sets.join(table, on="element_set")
