"""The cycles that times go through: the hours of a day, the days of a week, the months of a year."""

from __future__ import annotations

import numpy as np

from steepest.tabular.reading.columns import DAY

# How many days a column must span, so that a cycle is told from a trend: two days, two weeks, and nearly a year, as
# from the first of January to the first of December. Times of day span none; half of a day tells their cycle.
SPANS = {"hour": 2, "weekday": 14, "month": 330}
HALF_A_DAY = DAY // 2
# A sine and a cosine beside a constant need three different phases.
FEWEST = 3


def cycles_of(ticks: np.ndarray, family: str) -> tuple[str, ...]:
    """Return the cycles that a column of times goes through.

    Parameters
    ----------
    ticks : array
        The times in microseconds, none missing.
    family : {"date", "instant", "time", "duration"}
        The kind of time.

    Returns
    -------
    tuple of {"hour", "weekday", "month"}
        The cycles.

    Examples
    --------
    >>> cycles_of(np.arange(30.0) * DAY, "date"), cycles_of(np.arange(0, 60, 7.0) * DAY, "date")
    (('weekday',), ())
    """
    span = ticks.max() - ticks.min()
    if family == "duration":
        return ()
    if family == "time":
        return ("hour",) * bool(span >= HALF_A_DAY and len(np.unique(ticks)) >= FEWEST)
    wide = [cycle for cycle, days in SPANS.items() if span >= days * DAY]
    if "weekday" in wide and len(np.unique(_days_of_month(ticks))) == 1:
        # One day for each month or year is not about weekdays.
        wide.remove("weekday")
    return tuple(cycle for cycle in wide if len(np.unique(_phases(ticks, cycle))) >= FEWEST)


def waves(ticks: np.ndarray, cycle: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the sine and the cosine of where times are in a cycle.

    Parameters
    ----------
    ticks : array
        The times in microseconds; NaN if missing.
    cycle : {"hour", "weekday", "month"}
        The cycle. Hours count with their minutes; weeks begin on Monday, and years in January.

    Returns
    -------
    tuple of array
        The sine and the cosine; NaN if missing.

    Examples
    --------
    >>> sine, cosine = waves(np.array([0.0, DAY / 4, np.nan]), "hour")
    >>> sine.round(3), cosine.round(3)
    (array([ 0.,  1., nan]), array([ 1.,  0., nan]))
    """
    angle = 2 * np.pi * _phases(ticks, cycle)
    return np.sin(angle), np.cos(angle)


def _phases(ticks: np.ndarray, cycle: str) -> np.ndarray:
    """Return where in a cycle times are, as a part of it from 0 to 1."""
    if cycle == "hour":
        return ticks % DAY / DAY
    days = np.floor(ticks / DAY)
    if cycle == "weekday":
        # The first of January 1970 was a Thursday.
        return (days + 3) % 7 / 7
    missing = np.isnan(days)
    months = _dates(np.where(missing, 0, ticks)).astype("M8[M]").astype(np.int64)
    return np.where(missing, np.nan, months % 12 / 12)


def _days_of_month(ticks: np.ndarray) -> np.ndarray:
    days = _dates(ticks)
    return (days - days.astype("M8[M]")).astype(np.int64)


def _dates(ticks: np.ndarray) -> np.ndarray:
    return np.floor(ticks / DAY).astype(np.int64).astype("M8[D]")
