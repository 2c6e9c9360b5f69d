"""A JSON document as tables: what its parts are, and the records of one of them block by block.

Parts: `""` where the file is a sequence or an array of records. Where its objects wrap tables, as API pages,
FHIR bundles and exports with `{"data": {"patients": [...]}}` do, each array of objects has its path as a
part, and `""` is what is left of each wrapper, if anything is. An object with KEYED_MIN members or more, all
of them objects, is a table, too: its members are the records, and `$key` is what they stood under.
Memory: a block, a record of RECORD_BYTES_MAX at most, and the state.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from matching.errors import OperatorError
from matching.intake.content import Content
from matching.intake.json_files.frame import Found
from matching.intake.json_files.names import joined, text_of
from matching.intake.json_files.scan import NODES, RECORD_BYTES_MAX, TOO_DEEP, Events, State, scan
from matching.intake.json_files.tokens import DEPTH_MAX, JSON_REASONS
from matching.intake.pieces import Position
from matching.intake.text import byte_order_mark, char_widths, utf8_blocks, with_last
from matching.sources import Source

__all__ = ["Beside", "Shape", "Step", "found_in", "name_of", "records_beside", "steps"]

_LONG = JSON_REASONS.index("too_long")
_KEPT = 16
"""States to go on from without reading a file again from its beginning: 0.4 MiB each."""
_Bytes = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True, slots=True)
class Shape:
    """How a document is read: whether its objects wrap tables, and which objects are keyed ones."""

    tables: bool
    keyed: frozenset[tuple[bytes, ...]] = frozenset()
    parts: tuple[str, ...] = ("",)


@dataclass(frozen=True, slots=True)
class Step:
    """Bytes that were scanned: `table` is the one they begin in, `before` counts the file's bytes."""

    data: _Bytes
    events: Events
    table: int
    offset: int
    before: Any
    state: State
    final: bool

    def delivered(self, at: Any) -> Any:
        """Offsets in the file."""
        return self.offset + (at if self.before is None else self.before[at])


def steps(
    content: Content, source: Source, state: State, *, offset: int = 0, size: int | None = None
) -> Iterator[Step]:
    """Scan the file from `offset` on, where `state` is how it was there."""
    widths, carry = char_widths(source.encoding), b""
    offset = offset or len(byte_order_mark(content, source.encoding))
    for text, final in with_last(utf8_blocks(content, source.encoding, start=offset, size=size)):
        data = np.frombuffer(bytearray(carry + text), np.uint8)
        more = True
        while more:
            table, before = state.table, _before(data, widths)
            events = scan(data, state, final=final)
            if state.numbers[TOO_DEEP]:
                raise OperatorError(
                    f"{content.name}: objects within objects more than {DEPTH_MAX} deep before any record;"
                    " correct format, or take the file out of the incident file"
                )
            yield Step(data, events, table, offset, before, state, final)
            offset += events.consumed if before is None else int(before[events.consumed])
            data, more = data[events.consumed :], events.more
        carry = data.tobytes()


def _before(data: _Bytes, widths: _Bytes | None) -> Any:
    return (
        None if widths is None else np.concatenate(([0], np.cumsum(widths[data], dtype=np.int64)))
    )


@dataclass(slots=True)
class Beside:
    """What is outside tables of the document being read, as far as it was read."""

    text: bytes = b""
    offset: int = 0
    open: bool = False
    long: bool = False


_states: OrderedDict[tuple[Any, ...], tuple[State, Beside]] = OrderedDict()


def found_in(
    content: Content,
    source: Source,
    shape: Shape,
    part: str,
    start: Position,
    *,
    size: int | None = None,
) -> Iterator[tuple[Found, Position]]:
    """Records of a part from `start` on, and where each block of them ends."""
    stat = content.path.stat()
    key = (content, stat.st_size, stat.st_mtime_ns, source.encoding, shape, part)
    state, own = _state_at((*key, start.offset), content, source, shape, start.offset)
    row = start.row
    marked = not start.offset and part == shape.parts[0]
    covered = len(byte_order_mark(content, source.encoding)) if marked else 0
    for step in steps(content, source, state, offset=start.offset, size=size):
        found, own = _records(step, shape, part, own, row)
        covered += found.covered
        if not (found.starts.size or covered):
            continue
        row += found.starts.size
        end = Position(int(step.delivered(step.events.consumed)), row)
        _keep((*key, end.offset), state, own)
        yield replace(found, covered=covered, encoding=source.encoding), end
        covered = 0


def _keep(key: tuple[Any, ...], state: State, own: Beside) -> None:
    _states[key] = (state.copy(), own)
    while len(_states) > _KEPT:
        _states.popitem(last=False)


def _state_at(
    key: tuple[Any, ...], content: Content, source: Source, shape: Shape, offset: int
) -> tuple[State, Beside]:
    """The state at an offset: kept from before, or found by reading up to there."""
    state, own = State(tables=shape.tables, keyed=shape.keyed), Beside()
    if not offset:
        return state, own
    if key in _states:
        state, own = _states[key]
        return state.copy(), own
    widths, carry = char_widths(source.encoding), b""
    at = len(byte_order_mark(content, source.encoding))
    for text, final in with_last(utf8_blocks(content, source.encoding)):
        data = np.frombuffer(bytearray(carry + text), np.uint8)
        more = True
        while more:
            before, table = _before(data, widths), state.table
            there = offset - at if before is None else int(np.searchsorted(before, offset - at))
            limit = there if there < data.size - 1 or final else None
            events = scan(data, state, final=final and limit is None, limit=limit)
            step = Step(data, events, table, at, before, state, final)
            _, own = _records(step, shape, "", own, 0)
            at = int(step.delivered(events.consumed))
            if at == offset:
                return state, own
            data, more = data[events.consumed :], events.more
        carry = data.tobytes()
    raise AssertionError(f"no record begins at byte {offset}")


def _records(step: Step, shape: Shape, part: str, own: Beside, row: int) -> tuple[Found, Beside]:
    """Records of a part among those found, and the bytes that are the part's."""
    events, state = step.events, step.state
    nodes = _nodes(state, part)
    if part == shape.parts[0]:
        nodes |= {0}
    mask = np.isin(events.nodes, sorted(nodes))
    keyed = any(state.flags[node] for node in nodes)
    own_rows, own = records_beside(step, own)
    values: dict[str, Any] = {
        "data": step.data,
        "starts": events.starts[mask],
        "ends": events.ends[mask],
        "reasons": events.reasons[mask],
        "offsets": step.delivered(events.starts[mask]),
    }
    if shape.tables and not part:
        values = _merged(values, own_rows, step)
    covered = _covered(step, nodes)
    return Found(**values, first_row=row, covered=covered, keyed=keyed), own


def _nodes(state: State, part: str) -> set[int]:
    """Nodes of the state that a part is: two where its keys are written in two ways."""
    wanted = part.count(".") + 1
    return {
        node
        for node in range(int(state.numbers[NODES]))
        if (len(way := state.way(node)) <= wanted and name_of(way) == part)
    }


def name_of(way: tuple[bytes, ...]) -> str:
    """The name of a part."""
    return joined([text_of(key) for key in way])


def _covered(step: Step, nodes: set[int]) -> int:
    """Delivered bytes of the stretches that belong to a part."""
    events = step.events
    edges = np.concatenate(([0], events.change_at, [events.consumed]))
    tables = np.concatenate(([step.table], events.change_to))
    sizes = np.diff(step.delivered(edges))
    return int(sizes[np.isin(tables, sorted(nodes))].sum())


def records_beside(step: Step, own: Beside) -> tuple[dict[str, Any], Beside]:
    """What is outside tables, put together: a record a document; the last may go on."""
    events, state = step.events, step.state
    sizes = events.own_ends - events.own_starts
    if not sizes.size:
        return (
            _cut_document(own, state) if step.final and own.open and not events.more else ({}, own)
        )
    edges = np.concatenate(([0], np.cumsum(sizes)))
    at = np.repeat(events.own_starts - edges[:-1], sizes) + np.arange(edges[-1])
    text = own.text + step.data[at].tobytes()
    shift = len(own.text)
    ends = shift + edges[1:][events.own_last]
    offsets = step.delivered(events.documents)
    if own.open:
        offsets = np.concatenate(([own.offset], offsets))
    starts = np.concatenate(([0], ends))[: ends.size]
    reasons = np.zeros(ends.size, np.uint8)
    reasons[ends - starts > RECORD_BYTES_MAX] = _LONG
    if own.long and reasons.size:
        reasons[0] = _LONG
    rest = text[int(ends[-1]) if ends.size else 0 :]
    still = offsets.size > ends.size
    long = (own.long and not ends.size) or len(rest) > RECORD_BYTES_MAX
    left = Beside(b"" if long else rest, int(offsets[-1]) if still else 0, still, long and still)
    rows = {
        "data": np.frombuffer(text, np.uint8),
        "starts": starts,
        "ends": ends,
        "reasons": reasons,
        "offsets": offsets[: ends.size],
    }
    if step.final and still and not events.more:
        cut, left = _cut_document(left, state)
        cut["starts"], cut["ends"] = cut["starts"] + len(text), cut["ends"] + len(text)
        rows = {name: np.concatenate((rows[name], cut[name])) for name in rows}
    return rows, left


def _cut_document(own: Beside, state: State) -> tuple[dict[str, Any], Beside]:
    """A document that the end of the file cuts off, closed for what it says before its tables."""
    text = np.frombuffer(own.text + state.closers, np.uint8)
    rows = {
        "data": text,
        "starts": np.zeros(1, np.int64),
        "ends": np.array([text.size], np.int64),
        "reasons": np.full(1, _LONG if own.long else 0, np.uint8),
        "offsets": np.array([own.offset], np.int64),
    }
    return rows, Beside()


def _merged(strays: dict[str, Any], own: dict[str, Any], step: Step) -> dict[str, Any]:
    """Documents and what stands between them, in the order in which they end: records, and what is wrong."""
    if not own:
        return strays
    ends = step.events.own_ends[step.events.own_last]
    cut = np.full(own["starts"].size - ends.size, step.events.consumed)
    order = np.argsort(np.concatenate((ends, cut, strays["starts"])), kind="stable")
    sizes = np.where(strays["reasons"] == 0, strays["ends"] - strays["starts"], 0)
    sizes = np.concatenate((own["ends"] - own["starts"], sizes))[order]
    begins = np.concatenate((own["starts"], strays["starts"] + own["data"].size))[order]
    edges = np.concatenate(([0], np.cumsum(sizes)))
    at = np.repeat(begins - edges[:-1], sizes) + np.arange(edges[-1])
    return {
        "data": np.concatenate((own["data"], strays["data"]))[at],
        "starts": edges[:-1],
        "ends": edges[1:],
        "reasons": np.concatenate((own["reasons"], strays["reasons"]))[order],
        "offsets": np.concatenate((own["offsets"], strays["offsets"]))[order],
    }
