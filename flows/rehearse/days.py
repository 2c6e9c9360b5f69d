"""Dates as delivered files write them, and the mistakes people make in dates of birth.

Days are counted from 1970, as everywhere in the rehearsal.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from flows.rehearse.texts import Texts

__all__ = ["PLACEHOLDER", "date_texts", "day_number", "slip_day", "slip_year", "swap_day_and_month"]

Ints = NDArray[np.int64]


def day_number(day: date) -> int:
    """Days since 1970."""
    return (day - date(1970, 1, 1)).days


# Nobody is older than 110 years, whatever the mistake, and no date is far after the discovery.
_FIRST: Final = day_number(date(1900, 1, 1))
_COUNT: Final = day_number(date(2040, 1, 1)) - _FIRST
PLACEHOLDER: Final = day_number(date(1900, 1, 1))
"""The birth date of whoever gave none, where a program insists on one."""


@cache
def _words() -> pl.Series:
    """Every day as 2026-03-05, then every day as 03/05/2026."""
    days = pl.Series(np.arange(_FIRST, _FIRST + _COUNT, dtype=np.int32)).cast(pl.Date)
    return pl.concat([days.dt.strftime("%Y-%m-%d"), days.dt.strftime("%m/%d/%Y")])


def date_texts(days: Ints, *, us: bool | NDArray[np.bool_] = False) -> Texts:
    """Days as text, ISO or in the American order."""
    return Texts.of(days - _FIRST + np.where(us, _COUNT, 0), _words())


def _civil(days: Ints) -> tuple[Ints, Ints, Ints]:
    """Year, month and day of the month."""
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    number = months.astype(np.int64)
    return number // 12 + 1970, number % 12 + 1, (dates - months).astype(np.int64) + 1


def _number(year: Ints, month: Ints, day: Ints) -> Ints:
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    return months.astype("datetime64[D]").astype(np.int64) + day - 1


def swap_day_and_month(days: Ints) -> Ints:
    """The 5th of March as the 3rd of May; days after the 12th stay."""
    year, month, day = _civil(days)
    return np.where(day <= 12, _number(year, day, month), days)


def slip_day(rng: np.random.Generator, days: Ints) -> Ints:
    """Another day of the month, or (two in five) another month."""
    year, month, day = _civil(days)
    step = rng.choice([-10, -2, -1, 1, 2, 10], len(days))
    near = day + step
    near = np.where((near < 1) | (near > 28), np.where(day < 28, day + 1, day - 1), near)
    other = _number(year, (month - 1 + np.abs(step)) % 12 + 1, np.minimum(day, 28))
    return np.where(rng.random(len(days)) < 0.6, _number(year, month, near), other)


def slip_year(rng: np.random.Generator, days: Ints) -> Ints:
    """The year before or after, or ten years off."""
    year, month, day = _civil(days)
    off = rng.choice([-10, -1, 1, 1, 10], len(days))
    return _number(year + off, month, np.where(month == 2, np.minimum(day, 28), day))
