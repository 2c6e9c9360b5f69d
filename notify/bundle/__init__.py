"""Everything that proves one person's notice, in one zip that stands alone (45 CFR 164.414(b)).

`affected explain WS PERSON --bundle FILE.zip` writes it: why the person is affected and from which rows, whose
patient they are and on what evidence, which kinds of data, which notice, when, what came back; for each letter
its line of the mail file with a path to the root in the signed manifest. `check_bundle.py` inside needs Python and
nothing of ours. The zip holds this person's name and address: it is for counsel, a regulator or a court.
"""

from __future__ import annotations

from notify.bundle.writing import bundle

__all__ = ["bundle"]
