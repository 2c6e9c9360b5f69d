"""What comes back from the vendor: ACK, ADDR, PROOF, DROP, UAA and DESTROY files, into the inbox `events`.

`schemas` declares the six files, `reading` reads one in slices and refuses one that is not whole, `pieces` and
`batch_news` say what its rows mean, `judge` what of it is news, `take` appends. Mail (bounces) is not for here.
"""

from __future__ import annotations

from notify.returns.schemas import RETURNS
from notify.returns.take import Taken, take

__all__ = ["RETURNS", "Taken", "take"]
