"""Letters in another format: large print is set here, Braille and audio go on a list for who makes them.

The list is a person's data: it is sealed like every file of that kind.
"""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl

from matching.store import Workspace
from notify.letters.merge import merged
from notify.letters.settings import LettersSettings
from notify.letters.texts import Wording

__all__ = ["LARGE_PRINT", "format_list", "formats_of"]

LARGE_PRINT = "large_print"
"""The format that we set; everything else in `alt_format` goes on the list."""
_COLUMNS = (
    "notice_id", "alt_format", "language", "letter_version", "letter_sha8", "salutation_line",
    "recipient_name", "care_of", "delivery_line", "delivery_line2", "city", "state", "zip5", "zip4",
    "intl_line1", "intl_line2", "country_line", "ce_print_name", "ce_return_address_code",
    "element_set_code", "element_set", "breach_date_text", "discovery_date_text", "toll_free",
    "reference_no", "state_addenda", "mail_by",
)  # fmt: skip


def formats_of(workspace: Workspace, notice_ids: pl.Series) -> pl.DataFrame:
    """`notice_id, alt_format` of those of the notices that want another format."""
    wanted = notice_ids.drop_nulls().unique().to_frame("notice_id").lazy()
    return (
        workspace.scan("notices")
        .filter(pl.col("alt_format").is_not_null())
        .select("notice_id", "alt_format")
        .join(wanted, on="notice_id", how="semi")
        .collect(engine="streaming")
    )


def format_list(workspace: Workspace, settings: LettersSettings, wording: Wording) -> Path | None:
    """Write `out/letters/alt_formats.csv`: mail in formats that we do not set; None where there is none."""
    notices = workspace.scan("notices").filter(
        pl.col("channel") == "mail", pl.col("alt_format").is_not_null(), pl.col("alt_format") != LARGE_PRINT
    )  # fmt: skip
    asked = notices.sort("notice_id").collect(engine="streaming")
    if asked.is_empty():
        return None
    rows = merged(workspace, settings, wording, asked).sort("notice_id").select(_COLUMNS)
    target = io.BytesIO()
    rows.write_csv(target, quote_style="always")
    return workspace.put_output("letters/alt_formats.csv", target.getvalue(), personal=True)
