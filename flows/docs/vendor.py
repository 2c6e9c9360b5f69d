"""docs/vendor-guide.md from the declared schema: what a mail vendor's intake engineer needs."""

from __future__ import annotations

import hmac

from flows.docs.markdown import code, grid
from flows.docs.return_files import return_files
from notify.batches.layout import fields
from notify.batches.manifest import SCHEMA
from notify.batches.recall import SCHEMA as RECALL_SCHEMA
from notify.batches.schema import ADDRESS_SEALED, COLUMNS, ROW_SEALED
from notify.batches.vendors import Vendor

__all__ = ["vendor_page"]

EXAMPLE_KEY = bytes(range(32))
"""Of the worked example, and of nothing else."""
EXAMPLE = {
    "mailpiece_id": "9K2M4N6P8Q0R1S3T", "letter_version": "IND-EN-ADULT-V1", "letter_sha8": "0a1b2c3d",
    "language": "en", "variant": "ADULT", "recipient_name": "ZOË SAMPLE", "name_first": "ZOË",
    "name_last": "SAMPLE", "delivery_line": "12 MAIN ST APT 3", "city": "BALTIMORE", "state": "MD",
    "zip5": "21201", "country_iso2": "US", "ce_id": "CE1", "ce_print_name": "Bright Smile Dental",
    "ce_return_address_code": "SENDER", "element_set_code": "1A2B3C4D",
    "breach_date_text": "December 21, 2025", "discovery_date_text": "March 5, 2026",
    "toll_free": "1-800-555-0100", "reference_no": "4C6D8E0F2G",
}  # fmt: skip
"""A made-up row; what is not here is empty."""
NEED = {
    "always": "never empty",
    "domestic": "empty only where the letter goes abroad",
    "if any": "may be empty",
}
SEAL = {"row": "row_seal", "address": "addr_seal", "both": "both", "none": ""}

HEAD = """# Guide for the mail vendor

Generated from `notify/batches/schema.py` by `python -m flows.docs`; do not edit.

One row of a mail file is one letter to one person about one practice. A row in the wrong envelope is a new breach,
so every row is sealed, every file is counted, and nothing is mailed that does not check.

## What arrives

Files come by SFTP, each named `<INCIDENT>_<BATCH>_001_...`, encrypted to your OpenPGP key. **Take a batch only when its
`.done` file is there**: it is empty and comes last.

"""
ARRIVES = (
    (
        "..._MAIL_v1.csv.zst.pgp",
        "The rows: at most 250,000, decoys included. `gpg --decrypt`, then `zstd -d`.",
    ),
    ("..._manifest.json.pgp", "Totals, control sums, digests, the key of the seals. Decrypt it to `manifest.json`."),
    ("manifest.sig", "Ed25519 signature over the manifest's bytes before encryption."),
    (
        "signing_key.pem",
        "The public key. Compare it with the one that was agreed on by another way.",
    ),
    ("MAIL_v1.layout.csv", "With a fixed-width file only: `start,length,name,column`."),
    ("elements.csv", "`element_set_code` -> the kinds of data that the letter lists, in each language."),
    ("return_addresses.csv", "`ce_return_address_code` -> return address of the envelope."),
    ("templates/", "Layout and texts of the letters."),
    ("verify_batch.py", "The check. Python 3.9 or newer, nothing to install."),
    ("..._001.done", "Empty; written last."),
)  # fmt: skip
CHECKS = """
## What to do, in this order

1. Decrypt and unpack everything into one folder. Run `python verify_batch.py FOLDER --signing-key AGREED.pem`. It
   must end with `all is well` and exit code 0. If not, stop and send us its lines: they name rows by `seq_no` and
   show nobody's data.
2. Look up addresses, but never for rows with `no_ncoa` = Y. Never put two pieces into one envelope where
   `no_household` = Y.
3. Compose, presort. **After the merge and before print** run `python verify_batch.py FOLDER --after-merge FILE` over the
   file that drives the printer: it has the sealed columns and `row_seal`, by your names or ours. Addresses and order
   may differ by then, letters may not.
4. Print `mailpiece_id` on each piece, as keyline or 2-D code. Mail first class, by `mail_by`.
5. Treat decoys (`is_seed` = Y) as every other row.
6. Send back the files below.

## The file

CSV: UTF-8 in NFC without byte order mark, RFC 4180, every field in quotes, a header row, LF or CRLF by profile; an empty
field is an absent value. No field begins with `= + - @`, none holds a control character. ZIPs are text. Your profile
may rename and reorder columns and leave out those without a seal. Birth dates, social security and chart numbers,
telephone numbers and e-mail addresses of people are never in a file; should you find one, stop and call us.

Fixed width: the same columns one after another, widths in characters (not bytes), text at the left, numbers at the
right, filled up with blanks, every row closed by the line end of your profile; encoding UTF-8 or as agreed.

"""
SEALS = """
## Seals

HMAC-SHA256 with the key `seal_key` of the manifest (64 hex digits are 32 bytes), over the UTF-8 of the values joined
by U+001F in NFC, an absent value as nothing between two separators; the first 16 hex digits in lower case.

"""
MANIFEST_ROWS = (
    ("schema_version", f"`{SCHEMA}`. Fields are added, never changed."),
    ("incident, batch, wave, content", "Which batch; `content` is the digest that our approval binds."),
    ("files", "Each file: `name`, `sha256` of its text, `stored_as`, `stored_sha256` of its bytes as sent."),
    ("mail", "Name, format, encoding, line end, and the columns in the order of your file: `column` (of MAIL v1), `name` (yours), `start`, `length`."),
    ("lines", "`count` of lines, a header too, and `root` of a Merkle tree over them (SHA-256; leaf 00, node 01, as RFC 6962): by it one line can be proved without the others."),
    ("mail_sha256", "Digest of the mail file, decrypted and unpacked."),
    ("rows", "`total`, `pieces`, `seeds`, `foreign`. All below but control sums count pieces, without decoys."),
    ("by_letter_version, by_language, by_state, by_ce", "Pieces by value; state ZZ is foreign."),
    ("seq_no", "`first` and `last`."),
    ("control", "`zip5_sum`: sum of all ZIPs as numbers. `row_seal_sum`: sum of the first 8 hex digits of each row_seal, modulo 2^32, 8 hex digits."),
    ("seals, seal_key, signing_key", "Columns under each seal in order; the seal's key; the signing key's fingerprint."),
    ("mail_by", "Earliest of all rows."),
    ("templates", "Letter versions in use, each with `sha256`; `pages` where known."),
    ("plan, vendor_profile, vendor_profile_sha256", "How to print, and the profile it was made with."),
    ("constants", "Words of the letters that are the same for everybody."),
    ("approvals, generated_at", "Who approved the batch, and when."),
    ("code_version, config_sha256, data_snapshot, letters_sha256, template_sha256", "What it was made from."),
)  # fmt: skip
RETURN_HEAD = """
## What to send back

CSV in UTF-8 with a header row of these names, over the same SFTP. Send each file once; a file sent twice counts once, and
files may come in any order. The last line ends with a line end: a file without it is taken for cut, and refused whole. A row that names an unknown piece, or a day before export, is set aside and asked about.

"""
RECALL = f"""
## Recall

`RECALL.json` (`{RECALL_SCHEMA}`) names a batch that must not be mailed: stop it, and destroy what is printed.
`mailpiece_ids` are the pieces that we believe are still with you. `RECALL.sig` is our signature over its bytes:
`openssl pkeyutl -verify -pubin -inkey signing_key.pem -rawin -in RECALL.json -sigfile RECALL.sig`.
Report what had been mailed already in a DROP file and the rest in a DESTROY file. Those people get a new piece in a new
batch, under a new `mailpiece_id`.
"""


def vendor_page() -> str:
    """The whole page."""
    lines = [HEAD + "\n".join(grid(("file", "what it is"), ((code(n), w) for n, w in ARRIVES)))]
    lines += [CHECKS + "\n".join(_columns()), SEALS + "\n".join(_example())]
    lines += ["\n## Manifest\n", *grid(("field", "meaning"), MANIFEST_ROWS)]
    lines += [RETURN_HEAD + "\n".join(return_files()).rstrip(), RECALL]
    return "\n".join(lines).rstrip() + "\n"


def _columns() -> list[str]:
    """The columns with their places: positions are those of a profile that keeps them all."""
    places = fields(Vendor(name="all"))
    rows = [
        (str(number), code(column.name), str(place["start"]), str(column.width), NEED[column.need],
         code(SEAL[column.seal]) if column.seal != "both" else "both", column.meaning)
        for number, (column, place) in enumerate(zip(COLUMNS, places, strict=True), 1)
    ]  # fmt: skip
    heads = ("#", "column", "start", "width", "empty", "seal", "meaning")
    return grid(heads, rows)


def _example() -> list[str]:
    """Both seals of a made-up row, computed here."""
    lines = ["A made-up row with the key `" + EXAMPLE_KEY.hex() + "`:", ""]
    lines += grid(("column", "value"), ((code(n), code(v)) for n, v in EXAMPLE.items()))
    for seal, columns in (("row_seal", ROW_SEALED), ("addr_seal", ADDRESS_SEALED)):
        text = "\x1f".join(EXAMPLE.get(column, "") for column in columns)
        digest = hmac.digest(EXAMPLE_KEY, text.encode(), "sha256").hex()[:16]
        shown = text.replace("\x1f", "␟")
        lines += ["", f"`{seal}` covers {', '.join(code(c) for c in columns)}: over", "",
                  f"    {shown}", "", f"(␟ is U+001F) it is `{digest}`."]  # fmt: skip
    return lines
