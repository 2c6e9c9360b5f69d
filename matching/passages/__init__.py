"""passages: people named in free text: notes, mail bodies, chat and language-model transcripts.

Identifiers by validated patterns, names by lists and, where installed, an offline model. A person who
is identified becomes a record to be linked; a passage that only names somebody is listed for review
and counted in `upper` only.
"""

from matching.passages.people import FIELDS
from matching.passages.said import Names, Said, people_said, places

__all__ = ["FIELDS", "Names", "Said", "people_said", "places"]
