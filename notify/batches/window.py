"""What stands in the window of each piece: name and address of the records its notice names.

The records are read once, in the order of the files, and the lines put in the order of the pieces.
"""

from __future__ import annotations

import polars as pl

from matching.store import Workspace
from notify import printed
from notify.records import records_in_order

__all__ = ["window"]


def window(workspace: Workspace, notices: pl.DataFrame) -> pl.DataFrame:
    """The printed lines of `notices` (with name, address and its kind), row by row in their order.

    Bound: 350 bytes a row twice over, and one slice of `records_in_order`.
    """
    rows = notices.with_row_index("piece")
    named = rows.select("piece", member="name_member")
    at = rows.select("piece", "address_kind", member="address_member")
    members = pl.concat([named["member"], at["member"]]).unique().sort().to_frame()
    names, places = [], []
    for _, found in records_in_order(workspace, members):
        names.append(_names(found, named))
        places.append(_places(found, at))
    lines = [pl.concat(frames).sort("piece") for frames in (names, places)]
    assert all(frame["piece"].equals(rows["piece"]) for frame in lines), "a window for every piece"
    return pl.concat([frame.drop("piece") for frame in lines], how="horizontal")


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
