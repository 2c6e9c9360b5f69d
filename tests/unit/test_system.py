"""What the operating system refuses is the operator's to mend, whoever repeats it; all else is our bug."""

from __future__ import annotations

import errno
import os

import duckdb
import httpx
import polars as pl
import pytest

from flows.prefect_home import told_by_prefect
from flows.system import told_by_system
from matching.errors import OperatorError, TryAgainLater

SAID = {
    errno.ENOSPC: (75, "free space"), errno.EDQUOT: (75, "free space"), errno.EIO: (75, "see to the disk"),
    errno.ESTALE: (75, "see to the disk"), errno.EAGAIN: (75, "end other programs"),
    errno.EMFILE: (75, "end other programs"), errno.ENOLCK: (75, "end other programs"),
    errno.EACCES: (3, "right"), errno.EROFS: (3, "right"), errno.EFBIG: (3, "ulimit"),
}  # fmt: skip


@pytest.mark.parametrize("number", SAID)
def test_each_refusal_has_its_exit_code_and_its_fix(number: int) -> None:
    code, fix = SAID[number]
    told = told_by_system(OSError(number, os.strerror(number), "/ws/tables/pairs"))
    assert told is not None
    assert told.exit_code == code
    assert fix in str(told)
    assert "\n" not in str(told)


@pytest.mark.parametrize(
    "error",
    [
        pl.exceptions.ComputeError("could not write: No space left on device (os error 28)"),
        OSError("[Errno 5] Error writing bytes to file. Detail: [errno 5] Input/output error"),
        duckdb.IOException('IO Error: Could not write file "x.tmp": Input/output error'),
        MemoryError(),
    ],
)
def test_libraries_repeat_it_in_their_own_words(error: Exception) -> None:
    assert isinstance(told_by_system(error), TryAgainLater)


@pytest.mark.parametrize(
    "error",
    [ValueError("row 28: os error"), FileNotFoundError(errno.ENOENT, "no such", "x"), KeyError(5)],
)
def test_our_bugs_stay_bugs(error: Exception) -> None:
    assert told_by_system(error) is None


def test_a_right_names_the_file() -> None:
    told = told_by_system(PermissionError(errno.EACCES, "Permission denied", "/ws/journal.sqlite"))
    assert isinstance(told, OperatorError)
    assert str(told).startswith("/ws/journal.sqlite: Permission denied; give")


def test_a_server_of_prefect_that_went_away_is_told_and_our_bugs_are_not() -> None:
    gone = httpx.ConnectError("All connection attempts failed")
    late = RuntimeError("Timed out while attempting to connect to ephemeral Prefect API server.")
    for error in (gone, late):
        told = told_by_prefect(error)
        assert isinstance(told, TryAgainLater)
        assert "--engine local" in str(told)
    assert told_by_prefect(RuntimeError("ours")) is None
    assert told_by_prefect(OperatorError("said already")) is None
