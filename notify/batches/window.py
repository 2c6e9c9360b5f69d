"""What stands in the window of each piece: name and address of the records its notice names, or told since.

The records are read once, in the order of the files, and the lines put in the order of the pieces.
"""

from __future__ import annotations

import polars as pl

from matching.store import Workspace
from notify import printed
from notify.elsewhere import overlaid
from notify.records import records_in_order

__all__ = ["window"]

_KEYS = ("person_id", "entity_id", "told_address")


def window(workspace: Workspace, notices: pl.DataFrame) -> pl.DataFrame:
    """The printed lines of `notices` (with name, address, its kind and told_address), in their order.

    Bound: 350 bytes a row twice over, and one slice of `records_in_order`.
    """
    rows = notices.with_row_index("piece")
    named = rows.select("piece", member="name_member")
    at = rows.select("piece", "address_kind", member="address_member")
    members = pl.concat([named["member"], at["member"]]).drop_nulls().unique().sort().to_frame()
    names, places = [], []
    for _, found in records_in_order(workspace, members):
        names.append(_names(found, named))
        places.append(_places(found, at))
    lines = rows.select("piece", *_KEYS)
    for frames in (names, places):
        found = pl.concat(frames)
        assert found["piece"].is_unique().all(), "one name and one address for a piece"
        lines = lines.join(found, on="piece", how="left", maintain_order="left")
    told = overlaid(workspace, lines)
    assert not told["recipient_name"].null_count(), "a name for every piece"
    return told.drop("piece", *_KEYS)


def _names(found: pl.DataFrame, named: pl.DataFrame) -> pl.DataFrame:
    texts = pl.col("^(raw_)?(first|middle|last)_name$"), "suffix"
    speaking = found.join(named, on="member").select("piece", *texts)
    return printed.nfc(speaking).lazy().select("piece", *printed.name()).collect()


def _places(found: pl.DataFrame, at: pl.DataFrame) -> pl.DataFrame:
    chosen = found.join(at, on="member")
    kinds = ("home", "alternate", "representative")
    return pl.concat(
        chosen.lazy()
        .filter(pl.col("address_kind") == kind)
        .select("piece", *printed.address(kind))
        .collect()
        for kind in kinds
    )
