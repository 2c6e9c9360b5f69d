"""The 116 graded mails of outside data: recipients, and whether they are still being tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.bounces import GRADED, graded, right


@pytest.mark.skipif(not GRADED.exists(), reason="outside data is not there")
def test_every_graded_mail_is_read_right() -> None:
    rows = graded(GRADED)
    wrong = [f"{row['detector']} {row['file']}" for row in rows if not right(row)]
    assert len(rows) == 116
    assert wrong == []


def test_the_folder_of_outside_data_is_beside_the_project() -> None:
    assert GRADED.parts[-2:] == ("bounces", "flufl_graded.parquet")
    assert isinstance(GRADED, Path)
