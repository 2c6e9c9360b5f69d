"""Individual letters: what one says, what it looks like, and the proofs that people approve.

`notices`, the records they name, `elements` and the roster come in; PDF bytes and files below
`out/letters` go out. The vendor composes the bulk from the same texts; here are proof packs of ten
letters a version, single letters and whole batches on request, and the lint that every version must pass.
"""

from __future__ import annotations

from notify.letters.printing import Printed, print_batch, print_piece
from notify.letters.proofs import checked_wording, letter, letters_digest, proof_pack
from notify.letters.settings import LettersSettings
from notify.letters.translate import language_file, translation_table

__all__ = [
    "LettersSettings",
    "Printed",
    "checked_wording",
    "language_file",
    "letter",
    "letters_digest",
    "print_batch",
    "print_piece",
    "proof_pack",
    "translation_table",
]  # fmt: skip
