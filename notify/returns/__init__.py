"""What comes back from the vendor: ACK, ADDR, PROOF, DROP, UAA and DESTROY files, into the inbox `events`.

`schemas` declares the six files, `reading` reads one in slices and refuses one that is not whole, `pieces` and
`batch_news` say what its rows mean, `judge` what of it is news, `take` appends. Mail (bounces) is not for here.
"""

from __future__ import annotations

from pathlib import Path

from notify.returns.schemas import RETURNS
from notify.returns.take import Taken, take

__all__ = ["RETURNS", "Taken", "is_mail", "take"]

_MAIL = frozenset({".eml", ".mbox", ".mbx"})


def is_mail(path: Path) -> bool:
    """A message or a mailbox by its name, or by its first line as a mailbox begins."""
    if path.suffix.lower() in _MAIL:
        return True
    try:
        with path.open("rb") as handle:
            return handle.read(5) == b"From "
    except OSError:
        return False
