"""MAIL v1, declared once: name, width, need, seal and meaning of every column of a vendor's file.

The limits of a row, both seals, the CSV, its fixed-width twin, `MAIL_v1.layout.csv` and the vendor's guide
are made from this list. Its order is that of `MAIL_V1`, which is fixed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ADDRESS_SEALED", "COLUMNS", "LIMITS", "REQUIRED", "ROW_SEALED", "SEALED", "MailColumn"]

Need = Literal["always", "domestic", "if any"]
Seal = Literal["row", "address", "both", "none"]


@dataclass(frozen=True, slots=True)
class MailColumn:
    """One column. `width`: most characters, and the columns it takes in the fixed-width file.

    `need`: always filled, filled where the letter stays in the country, or filled if there is one. `seal`:
    which seal covers it. `right`: numbers stand at the right of their field.
    """

    name: str
    width: int
    need: Need
    seal: Seal
    meaning: str
    right: bool = False


COLUMNS = (
    MailColumn("mailpiece_id", 16, "always", "both", "The piece: 15 letters and digits and a check. Print it as keyline or 2-D code; every file you send back names it."),
    MailColumn("batch_id", 12, "always", "none", "The batch."),
    MailColumn("seq_no", 9, "always", "none", "1, 2, 3 ... without a gap in each file.", right=True),
    MailColumn("wave", 2, "always", "none", "1 first mailing, 2 and more later ones.", right=True),
    MailColumn("remail_of", 16, "if any", "none", "Earlier piece that this one takes the place of."),
    MailColumn("letter_version", 24, "always", "row", "Which letter, its language and variant, e.g. IND-EN-ADULT-V1."),
    MailColumn("letter_sha8", 8, "always", "row", "First 8 hex digits of the approved letter's digest."),
    MailColumn("language", 5, "always", "row", "Language of the letter (BCP-47)."),
    MailColumn("variant", 24, "always", "row", "ADULT, MINOR, DECEASED or PERSREP; POSSIBLE_ in front where it is not certain that the person is concerned."),
    MailColumn("salutation_line", 48, "if any", "row", "First line in the window, e.g. TO THE PARENT OR GUARDIAN OF."),
    MailColumn("recipient_name", 64, "always", "row", "The name, ready to print."),
    MailColumn("name_prefix", 10, "if any", "row", "Part of the name, for change-of-address matching only."),
    MailColumn("name_first", 30, "if any", "row", "Part of the name, for change-of-address matching only."),
    MailColumn("name_middle", 30, "if any", "row", "Part of the name, for change-of-address matching only."),
    MailColumn("name_last", 40, "if any", "row", "Part of the name, for change-of-address matching only."),
    MailColumn("name_suffix", 10, "if any", "row", "Part of the name, for change-of-address matching only."),
    MailColumn("care_of", 64, "if any", "row", "Line below the name: the person who receives it for them."),
    MailColumn("delivery_line", 64, "always", "address", "Street or box with the unit (USPS Publication 28)."),
    MailColumn("delivery_line2", 64, "if any", "address", "Unit or private mailbox that the first line has no room for."),
    MailColumn("urbanization", 28, "if any", "address", "Puerto Rico only."),
    MailColumn("city", 28, "domestic", "address", "City."),
    MailColumn("state", 2, "domestic", "address", "State, territory or AA, AE, AP."),
    MailColumn("zip5", 5, "domestic", "address", "ZIP as text: a leading zero is part of it."),
    MailColumn("zip4", 4, "if any", "address", "ZIP+4 as text."),
    MailColumn("country_iso2", 2, "always", "address", "Country (ISO 3166); US for domestic mail."),
    MailColumn("intl_line1", 64, "if any", "address", "Foreign address: print these lines instead of city, state and ZIP."),
    MailColumn("intl_line2", 64, "if any", "address", "Foreign address, second line."),
    MailColumn("intl_line3", 64, "if any", "address", "Foreign address, third line."),
    MailColumn("intl_line4", 64, "if any", "address", "Foreign address, fourth line."),
    MailColumn("country_line", 40, "if any", "address", "Foreign address, last line: the country in English capitals. Filled means foreign."),
    MailColumn("address_source", 10, "always", "none", "CE_MASTER, NCOA, LEAK, APPEND or CE_REPLY."),
    MailColumn("moveupdate_date", 10, "if any", "none", "Day of the last change-of-address check (YYYY-MM-DD)."),
    MailColumn("dpv", 1, "if any", "none", "Delivery point validation: Y, S, D or N."),
    MailColumn("no_ncoa", 1, "always", "none", "Y: never look for another address of this person."),
    MailColumn("no_household", 1, "always", "none", "Y: never put into one envelope with another piece."),
    MailColumn("ce_id", 12, "always", "row", "Code of the covered entity; not printed."),
    MailColumn("ce_print_name", 120, "always", "row", "Name of the practice as the patient knows it."),
    MailColumn("ce_return_address_code", 8, "always", "row", "Return address of the envelope, see return_addresses.csv."),
    MailColumn("element_set_code", 8, "always", "row", "Which kinds of data the letter lists, see elements.csv."),
    MailColumn("breach_date_text", 60, "always", "row", "When it happened, as the letter says it."),
    MailColumn("discovery_date_text", 40, "always", "row", "When it was discovered, as the letter says it."),
    MailColumn("toll_free", 14, "always", "row", "Telephone number of the call centre."),
    MailColumn("reference_no", 10, "always", "row", "What a caller reads out; the same in every wave."),
    MailColumn("cm_code", 20, "if any", "row", "Activation code of credit monitoring; used once."),
    MailColumn("cm_months", 2, "if any", "row", "Months of monitoring.", right=True),
    MailColumn("cm_enroll_by", 10, "if any", "row", "Last day to enrol (YYYY-MM-DD)."),
    MailColumn("state_addenda", 60, "if any", "row", "State pages to add, separated by semicolons."),
    MailColumn("insert_codes", 20, "if any", "none", "Inserts, e.g. TAGLINE for help in other languages."),
    MailColumn("mail_class", 3, "always", "none", "FCM: first-class mail, always."),
    MailColumn("endorsement", 6, "always", "none", "RSR return service requested, ESR_SD electronic service with secure destruction."),
    MailColumn("imb_mid", 9, "if any", "none", "Mailer id of the Intelligent Mail barcode, where we give it."),
    MailColumn("imb_serial", 9, "if any", "none", "Serial number of that barcode."),
    MailColumn("mail_by", 10, "always", "none", "Last day to hand it to the post (YYYY-MM-DD)."),
    MailColumn("is_seed", 1, "always", "none", "Y: a decoy that comes back to us; treat it as every other piece."),
    MailColumn("row_seal", 16, "always", "none", "Seal over the letter's columns: check it after the merge and before print."),
    MailColumn("addr_seal", 16, "always", "none", "Seal over the address: check it on receipt."),
)  # fmt: skip
"""The columns in their order (DOMAIN 5.3 of the incident's rules; 45 CFR 164.404(d)(1) for first class)."""


def _covered_by(seal: Seal) -> tuple[str, ...]:
    return tuple(column.name for column in COLUMNS if column.seal in {seal, "both"})


ROW_SEALED = _covered_by("row")
"""What `row_seal` covers, in this order."""
ADDRESS_SEALED = _covered_by("address")
"""What `addr_seal` covers, in this order."""
SEALED = frozenset({*ROW_SEALED, *ADDRESS_SEALED, "row_seal", "addr_seal"})
"""What no profile may drop: covered by a seal, or a seal."""
LIMITS = {column.name: column.width for column in COLUMNS}
"""Column -> most characters."""
REQUIRED = tuple(column.name for column in COLUMNS if column.need == "always")
"""Columns that are never empty."""
