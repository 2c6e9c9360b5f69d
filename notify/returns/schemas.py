"""What a vendor sends back: the six RETURN files of the mail interface, each declared once.

One declaration recognises a file by its header, checks every value, and makes the table in `docs/ledger.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["NIXIES", "NO_USABLE_ADDRESS", "RETURNS", "Field", "Return"]

Type = Literal["text", "date", "moment", "month", "integer", "digest", "code"]


@dataclass(frozen=True, slots=True)
class Field:
    """One column. `needed`: no row may leave it empty. `optional`: the file may lack the column."""

    type: Type
    doc: str
    needed: bool = True
    optional: bool = False
    codes: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Return:
    """One kind of file. `mark` is the column that no other kind has: it says which kind a file is."""

    kind: str
    grain: str
    mark: str
    columns: Mapping[str, Field]

    @property
    def must(self) -> tuple[str, ...]:
        """Columns that a file of this kind has."""
        return tuple(name for name, field in self.columns.items() if not field.optional)


NIXIES: Mapping[str, str] = {
    "ANK": "attempted, not known",
    "BCNO": "box closed, no order",
    "DEC": "deceased",
    "DIS": "in dispute",
    "FOE": "forwarding order expired",
    "IA": "insufficient address",
    "ILL": "illegible",
    "MLNA": "moved, left no address",
    "NMR": "no mail receptacle",
    "NSN": "no such number",
    "NSS": "no such street",
    "REF": "refused",
    "TMP": "temporarily away",
    "UNC": "unclaimed",
    "UTF": "unable to forward",
    "VAC": "vacant",
}
"""USPS reasons for return (Domestic Mail Manual 507, exhibit 1.4.1), in the four letters of ACS."""
_NCOA: Mapping[str, str] = {
    "A": "moved, new address found",
    "00": "no move on file",
    "01": "moved abroad",
    "02": "moved, left no address",
    "03": "box closed, no order",
    "04": "no match: secondary number",
    "05": "no match: new address ambiguous",
    "06": "no match: conflicting moves, middle name",
    "07": "no match: conflicting moves, gender",
    "08": "no match: conflicting moves",
    "09": "no match: high-rise default",
    "10": "no match: rural default",
    "11": "no match: individual, too little name",
    "12": "no match: middle name",
    "13": "no match: gender",
    "14": "moved, new address cannot be written",
    "15": "no match: individual name",
    "16": "no match: secondary number differs",
    "17": "no match: other insufficient name",
    "18": "no match: general delivery",
    "19": "moved, new address is not deliverable",
    "20": "no match: conflicting moves after the chain",
    "66": "move deleted today",
    "91": "moved; number of the dwelling missing on the move",
    "92": "moved; number of the dwelling missing on the letter",
}
"""NCOALink return codes (USPS NCOALink licensee guide)."""
NO_USABLE_ADDRESS = ("01", "02", "03", "05", "14", "19")
"""Of these: moved, and no address that a letter can go to (DOMAIN 5.1); substitute notice, if nothing else is known."""
_PIECE = Field("text", "The piece, as in MAIL v1.")
_BATCH = Field("text", "Checked where given.", needed=False, optional=True)
_WAVE = Field("integer", "Checked where given.", needed=False, optional=True)
_NEW: Mapping[str, Field] = {
    "new_delivery": Field("text", "New street line.", needed=False),
    "new_delivery2": Field("text", "Its second line.", needed=False, optional=True),
    "new_city": Field("text", "New city.", needed=False),
    "new_state": Field("text", "Its two letters.", needed=False),
    "new_zip5": Field("text", "Five digits.", needed=False),
    "new_zip4": Field("text", "Four digits.", needed=False),
}
_YES_NO = {"Y": "yes", "N": "no"}

RETURNS: Mapping[str, Return] = {
    one.kind: one
    for one in (
        Return(
            "ACK", "one letter version of one mail file that was read in", "rows_read",
            {
                "file": Field("text", "Name of the file, or `batch/name`."),
                "sha256": Field("digest", "Of the file as it came."),
                "rows_read": Field("integer", "Rows of the file, seeds among them."),
                "rows_rejected": Field("integer", "Of these, rows that cannot be used."),
                "letter_version": Field("text", "As in MAIL v1."),
                "letter_count": Field("integer", "Rows of this version."),
                "received_at": Field("moment", "When, ISO 8601."),
                "operator": Field("text", "Who.", needed=False),
            },
        ),
        Return(
            "ADDR", "one piece whose address was looked up", "ncoa_rc",
            {
                "mailpiece_id": _PIECE,
                "ncoa_rc": Field("code", "NCOALink return code.", codes=_NCOA),
                "move_type": Field("code", "Who moved.", needed=False,
                                   codes={"I": "individual", "F": "family", "B": "business"}),
                "move_date": Field("month", "YYYYMM.", needed=False),
                **_NEW,
                "dpv": Field("code", "Delivery point of the new address.", needed=False,
                             codes={"Y": "confirmed", "S": "without the dwelling's number",
                                    "D": "the dwelling's number is missing", "N": "not confirmed"}),
                "dpv_fn": Field("text", "DPV footnotes; not read.", needed=False),
                "cmra": Field("code", "Mail receiving agency.", needed=False, codes=_YES_NO),
                "vacant": Field("code", "Vacant.", needed=False, codes=_YES_NO),
                "lacs": Field("code", "Converted by LACSLink.", needed=False, codes=_YES_NO),
                "action": Field("code", "What the vendor did.",
                                codes={"mailed_old": "mails to the address it was given",
                                       "mailed_new": "mails to the new address",
                                       "held": "waits"}),
                "processed_on": Field("date", "Day of the look-up; else the day it is taken in.",
                                      needed=False, optional=True),
                "batch_id": _BATCH, "wave": _WAVE,
            },
        ),
        Return(
            "PROOF", "one letter version whose proofs somebody approved", "proof_sha256",
            {
                "letter_version": Field("text", "As in MAIL v1."),
                "proof_sha256": Field("digest", "Of the proof PDF."),
                "approver": Field("text", "Who."),
                "approved_at": Field("moment", "When, ISO 8601."),
            },
        ),
        Return(
            "DROP", "one piece handed to the post", "postage_statement_id",
            {
                "mailpiece_id": _PIECE,
                "drop_date": Field("date", "Day of induction."),
                "facility": Field("text", "Where; not read.", needed=False),
                "imb": Field("text", "Barcode that was printed; not read.", needed=False),
                "postage_statement_id": Field("text", "Of PS Form 3600-FCM: the proof of mailing."),
                "spoiled_reprint_count": Field("integer", "Times it was printed anew.", needed=False),
                "batch_id": _BATCH, "wave": _WAVE,
            },
        ),
        Return(
            "UAA", "one piece that came back, or that was seen on its way", "nixie_class",
            {
                "mailpiece_id": _PIECE,
                "event_date": Field("date", "Day of the return."),
                "channel": Field("code", "How it is known.",
                                 codes={"PHYS": "the letter itself", "ACS": "address correction",
                                        "SD": "secure destruction", "IV_MTR": "tracking"}),
                "nixie_class": Field("code", "Why it came back; empty only for IV_MTR.",
                                     needed=False, codes=NIXIES),
                **_NEW,
                "image_ref": Field("text", "Picture of the envelope; not read.", needed=False),
                "batch_id": _BATCH, "wave": _WAVE,
            },
        ),
        Return(
            "DESTROY", "one certificate of destruction", "certificate_id",
            {
                "certificate_id": Field("text", "The vendor's."),
                "batch_id": Field("text", "Batch."),
                "what": Field("code", "What was destroyed.",
                              codes={"spoilage": "spoiled prints", "overs": "surplus prints",
                                     "data": "the mail file and all that was made of it"}),
                "pieces": Field("integer", "How many."),
                "destroyed_on": Field("date", "Day."),
            },
        ),
    )
}  # fmt: skip
"""Kind -> declaration, in the order in which the files come."""
