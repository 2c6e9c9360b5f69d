"""SQL dumps: the rows of INSERT statements and COPY blocks, table by table, every byte accounted for.

One pass finds what belongs to which table (`layout`); the reader takes it apart in any thread. Nothing is
executed. Strings, comments and bodies of routines are text, whatever they say.
"""

from matching.intake.sql.encoding import encoding_problem
from matching.intake.sql.reader import SqlDump

__all__ = ["SqlDump", "encoding_problem"]
