"""Which kinds of data a passage shows besides identifiers: codes and words of clinics and offices.

Comes in: readable texts. Goes out: findings without a value; kinds as in `tables.ELEMENT_KINDS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from matching.passages.marks import matches
from matching.passages.numbers import FINDING

__all__ = ["shown"]

KINDS: Final[Mapping[str, str]] = {
    "diagnosis": (
        r"\b[A-TV-Z]\d{2}(?:\.[0-9A-Z]{1,4})\b|\b(?i:diagnos\w+|dx|caries|decay|periodontitis|gingivitis|abscess\w*|diabet\w+|hypertension|htn|cancer|hiv|hepatitis"
        r"|pregnan\w+|depress\w+|anxiety|asthma|allerg\w+|infection|fracture\w*|bruxism|tmj|tmd|pulpitis|epilepsy|seizures?|copd|a1c|bp \d{2,3}/\d{2,3}|c/o|toothache|swelling)\b"
    ),
    "treatment": (
        r"\bD\d{4}\b|\b(?i:cpt) ?\d{5}\b|\b(?i:crowns?|root canal|rct|fillings?|extract\w+|implants?|dentures?|prophy|cleaning|srp|scaling|bridge|veneers?|braces|invisalign|sealants?"
        r"|composite|surgery|biopsy|treatment|tx plan|tx|procedure|debridement|whitening|retainers?|anesthe\w+|lidocaine|therapy|exam|tooth #?\d{1,2})\b"
    ),
    "medication": (
        r"(?i)\b(?:rx|prescri\w+|amoxicillin|amox|clindamycin|ibuprofen|acetaminophen|tylenol|hydrocodone|oxycodone|percocet|vicodin|penicillin|metformin|lisinopril|warfarin"
        r"|azithromycin|insulin|statin|atorvastatin|medications?|meds|\d{2,4} ?mg)\b"
    ),
    "appointment": r"(?i)\b(?:appts?|appointments?|resched\w+|schedul\w+|recall|no[- ]?show\w*|cancel\w*|next visit|f/u|follow[- ]?up|book(?:ed|ing)?|check[- ]?up|running late)\b",
    "insurance": r"(?i)\b(?:insur\w+|ins\b|delta dental|metlife|aetna|cigna|humana|medicaid|medicare|bcbs|blue cross|united ?healthcare|guardian plan|subscriber|deductible|copay|co-pay|coverage|eob|preauth\w*|pre-auth\w*|policy|claims?)\b",
    "payment": r"(?i)\$\s?\d|\b(?:payments?|paid|balance|owes?|owed|invoices?|billing|bill|refund\w*|collections?|carecredit|statement|charged?)\b",
    "bank_account": r"(?i)\b(?:routing|iban|bank account|checking account)\b",
    "photo": r"(?i)\b(?:photos?|x-?rays?|radiographs?|bwx?|fmx|pano|panorex|cbct|bitewings?|selfie|picture)\b",
    "driver_license": r"(?i)\b(?:driver'?s? licen[cs]e|dl ?#)",
    "deceased": r"(?i)\b(?:deceased|passed away|died|funeral|obituary)\b",
    "sex": r"(?i)\b(?:\d{1,3} ?(?:y/?o|yr old|year[- ]old) ?(?:male|female|m|f|man|woman|boy|girl)|sex\W{1,4}(?:m|f|male|female)|gender)\b",
}  # fmt: skip


def shown(texts: pl.DataFrame) -> pl.DataFrame:
    """One finding for each word or code that shows a kind of data."""
    parts = [
        matches(texts, pattern).select(
            "row", "start", "end", kind=pl.lit(kind), value=pl.lit(""), grade=pl.lit("likely")
        )
        for kind, pattern in KINDS.items()
    ]
    return pl.concat([pl.DataFrame(schema=FINDING), *parts]).sort("row", "start", "kind")
