"""What a batch says of itself: totals, control sums, and the digests that an approval binds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from notify.batches.layout import fields, file_name
from notify.batches.schema import ADDRESS_SEALED, ROW_SEALED
from notify.batches.settings import BatchesSettings
from notify.batches.vendors import Vendor
from notify.letters.body import element_texts, incident_words, needs_credit_steps
from notify.letters.texts import Wording

__all__ = ["SCHEMA", "body", "content_digest", "elements_csv"]

SCHEMA = "affected.mail-manifest/1"
_SEAL_HEX = 8
_CONTROL_BASE = 1 << 32


def elements_csv(rows: pl.DataFrame, sets: pl.DataFrame, wording: Wording) -> bytes:
    """The element text table: `code, kinds, credit_steps, text_en, text_es` for the codes in use."""
    used = rows.select(pl.col("element_set_code").alias("code")).unique()
    found = (
        sets.join(used, on="code").sort("code").unique("code", keep="first", maintain_order=True)
    )
    table = pl.DataFrame(
        {
            "code": found["code"],
            "kinds": found["kinds"],
            "credit_steps": [
                "Y" if needs_credit_steps(s, wording) else "N" for s in found["kinds"]
            ],
            **{
                f"text_{language}": [
                    "; ".join(element_texts(s, wording, language)) for s in found["kinds"]
                ]
                for language in sorted(wording.texts)
            },
        }
    )
    return table.write_csv(quote_style="always").encode()


def body(
    rows: pl.DataFrame, mail: bytes, *, vendor: Vendor, settings: BatchesSettings, wording: Wording
) -> dict[str, Any]:
    """Everything of the manifest that follows from rows, texts and profile alone.

    `mail` is what `mail_file` gave for these rows.
    """
    pieces = rows.filter(pl.col("is_seed") == "N")
    return {
        "schema_version": SCHEMA,
        "incident": settings.incident.id,
        "vendor_profile": vendor.name,
        "vendor_profile_sha256": hashlib.sha256(vendor.model_dump_json().encode()).hexdigest(),
        "mail_sha256": hashlib.sha256(mail).hexdigest(),
        "mail": {
            "name": file_name(vendor),
            "format": vendor.format,
            "encoding": vendor.encoding,
            "line_end": vendor.line_end,
            "columns": fields(vendor),
        },
        "seals": {"row_seal": list(ROW_SEALED), "addr_seal": list(ADDRESS_SEALED)},
        "rows": {
            "total": rows.height,
            "pieces": pieces.height,
            "seeds": rows.height - pieces.height,
            "foreign": pieces["country_line"].count(),
        },
        "by_letter_version": _counted(pieces, "letter_version"),
        "by_language": _counted(pieces, "language"),
        "by_state": _counted(pieces.with_columns(pl.col("state").fill_null("ZZ")), "state"),
        "by_ce": _counted(pieces, "ce_id"),
        "seq_no": {"first": rows["seq_no"].min(), "last": rows["seq_no"].max()},
        "control": _control_sums(rows),
        "mail_by": rows["mail_by"].min(),
        "templates": _templates(rows, wording),
        "template_sha256": wording.template_sha256,
        "letters_sha256": settings.letters_sha256,
        "constants": incident_words(settings),
        "plan": dict(sorted(vendor.plan.items())),
    }


def content_digest(said: Mapping[str, Any]) -> str:
    """Digest of a `body`: changes with any row, text or profile, and with nothing else."""
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _counted(rows: pl.DataFrame, column: str) -> dict[str, int]:
    return dict(rows.group_by(column).len().sort(column).iter_rows())


def _control_sums(rows: pl.DataFrame) -> dict[str, int | str]:
    """Sum of the ZIPs; sum of the first 8 hex digits of row_seal modulo 2**32, as 8 hex digits."""
    heads = rows["row_seal"].str.slice(0, _SEAL_HEX).str.to_integer(base=16, dtype=pl.Int64)
    return {
        "zip5_sum": int(rows["zip5"].cast(pl.Int64).sum()),
        "row_seal_sum": f"{int(heads.sum()) % _CONTROL_BASE:08x}",
    }


def _templates(rows: pl.DataFrame, wording: Wording) -> list[dict[str, Any]]:
    """Each letter in use with its digest; `pages` is null until somebody has counted them."""
    versions = rows.select("letter_version", "letter_sha8", "language", "variant").unique()
    return [
        {**row, "sha256": wording.letter_sha256(row["language"], row["variant"]), "pages": None}
        for row in versions.sort("letter_version").iter_rows(named=True)
    ]
