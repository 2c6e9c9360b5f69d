"""What stands between a delivered file and its reader: kinds that no format reads, and damaged archives.

A damaged archive's bytes end before their time. What came before is read; the rest is a reject of its own,
with the offset in the unpacked bytes and the reason archive_truncated or archive_damaged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import polars as pl

from matching.errors import OperatorError
from matching.intake.content import Content, EncryptedMember, encrypted_how
from matching.intake.packed.archives import HEAD_BYTES
from matching.intake.packed.signs import not_read, other_kind
from matching.intake.packed.streams import Damage
from matching.intake.pieces import NO_REJECTS, ROW_NO, Batch, Piece, Position
from matching.sources import TEXT_FORMATS, Source

__all__ = ["LOST", "refuse_unread", "refused", "with_damage"]

LOST = "{}: damaged from its first byte on; deliver it again"
SEALED = frozenset({"sealed"})
"""Formats of which nobody reads a byte."""
WHOLE = frozenset({"parquet", "xlsx", "xls", "ods"})
"""Formats that a reader can only take apart from their end."""


def refuse_unread(content: Content, source: Source) -> None:
    """Raise OperatorError, with the fix, where the bytes are encrypted or not of the format that is said."""
    if source.format in SEALED:
        return
    how = encrypted_how(content)
    if how:
        raise EncryptedMember(content.name, how)
    head = content.head(HEAD_BYTES)
    what = not_read(head)
    if what and not source.ignored:
        raise OperatorError(
            f"{content.name}: {what}, which is not read; unpack or convert it and name its files in path"
        )
    other = other_kind(head) if source.format in TEXT_FORMATS else ""
    if other and not source.ignored:
        raise OperatorError(
            f'{content.name}: no {source.format}; {other}; correct format = "{source.format}"'
        )


def refused(content: Content, source: Source) -> str | None:
    """The same as a line without the file's name; None where it is nothing to refuse."""
    try:
        refuse_unread(content, source)
    except OperatorError as error:
        return str(error).removeprefix(f"{content.name}: ")
    return None


def with_damage(
    content: Content, source: Source, start: Position, found: Callable[[], Iterator[Piece]]
) -> Iterator[Piece]:
    """The pieces, and behind them one reject where the archive is damaged; its row follows the last.

    Who reads on from its end gets nothing more. Raises OperatorError where the format needs the whole file.
    """
    if source.format in WHOLE:
        if content.damage():
            raise OperatorError(
                f"{content.name}: damaged, and {source.format} cannot be read in part; deliver it again"
            )
        yield from found()
        return
    end = start
    if not start.offset or not (damage := content.damage()) or start.offset <= damage.offset:
        for piece in found():
            end = piece.end
            yield piece
        damage = content.damage()
        if damage:
            yield Piece(Position(damage.offset + 1, end.row + 1), partial(_lost, damage, end.row))


def _lost(damage: Damage, row: int) -> Batch:
    rejects = {"row_no": [row], "offset": [damage.offset], "reason": [damage.reason]}
    rows = pl.DataFrame(schema={ROW_NO: pl.Int64})
    return Batch(rows, pl.DataFrame(rejects, schema=NO_REJECTS.schema), 0)
