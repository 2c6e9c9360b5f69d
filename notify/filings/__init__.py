"""Regulators, the press and the public: what `duties` says is owed to them, as files below `out/filings`.

`duties`, `counts`, the roster, `elements`, `packets` and the inbox come in; nothing is written but files. A
filing is planned from the duty that asks for it, released only where the business associate performs it, and
carries no person's data. The four-factor risk assessment and the roster of covered entities come with it.
"""

from notify.filings.releasing import FilingsReleased, release
from notify.filings.settings import Filings, FilingsSettings

__all__ = ["Filings", "FilingsReleased", "FilingsSettings", "release"]
