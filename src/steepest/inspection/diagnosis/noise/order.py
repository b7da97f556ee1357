"""Unshuffled rows: batches of neighbouring rows that are alike pull the fit to and fro."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.noise.rows import (
    Batches,
    batches,
    gain,
    is_much,
    row_gradients,
    row_numbers,
)
from steepest.inspection.diagnosis.noise.tail import Tail
from steepest.inspection.diagnosis.noise.written import is_false
from steepest.inspection.diagnosis.words import FROM_RECORD
from steepest.trace import Outcome

NAME = "unshuffled rows"
# The order of the rows is compared with ORDERS random ones. If each of those gives less difference between blocks, the
# order is chance in less than one of 200 cases.
ORDERS, BLOCKS = 200, 20
# The variance between blocks must be so many times that of chance: less bends the path too little to matter.
MUCH = 1.25
# Passes are the same if they correlate by this much; their rows are in an order if neighbours do by this much.
REPEATS, NEIGHBOURS = 0.9, 0.3
# The last steps that are looked at, and the random projections of long gradients, which keep their correlations.
MOST_STEPS, MOST_COLUMNS = 20_000, 16
# Fewer passes, or fewer batches in a pass, show no period.
LEAST_PASSES, LEAST_PERIOD = 3, 6
# The swing of a pass must be at least this share of the descent.
LEAST_SWING = 0.02


def order(case: Case) -> Iterator[Finding]:
    """Yield a finding if the order of the rows keeps a fit in batches from its minimum.

    Parameters
    ----------
    case : Case
        The case.

    Yields
    ------
    Finding
        The finding.
    """
    if case.outcome is Outcome.RECORDED:
        yield from _recorded(case)
        return
    if not is_false(case.asked("shuffle")):
        return
    batch, tail = batches(case), Tail(case.value)
    if batch is None or len(tail.series) < 3 or (tail.is_long and tail.still_falls and not _crawls(tail)):
        return
    gradients = row_gradients(case, batch)
    if gradients is None:
        yield from _from_trace(case, tail)
        return
    times, of = _times_more(gradients), "gradients"
    if times < MUCH:
        times, of = _times_more_targets(case, batch), "targets"
    if times < MUCH:
        return
    excess = gain(case, batch, gradients)
    if excess is None or not is_much(excess, float(tail.series[0]), float(tail.half.mean())):
        return
    yield Finding(
        "warning",
        NAME,
        "The rows are in an order, and the batches were taken in it (shuffle=False): each batch holds rows that are "
        f"alike and pulls its own way, and the loss ended at least {excess:.2g} above what it could be.",
        "Shuffle the rows in each epoch.",
        f"Blocks of neighbouring rows have {of} that differ {math.sqrt(times):.1f} times as much as those of"
        " rows in a random order.",
        str(case.call.changed(shuffle="rows")) if case.call is not None else "",
        "DescentDisplay",
        0.96 if of == "gradients" else 0.95,
    )


def _crawls(tail: Tail) -> bool:
    """Return whether the half that is left goes down by less than a tenth of what the first half did."""
    return bool(-tail.trend[0] < 0.1 * (tail.series[0] - tail.half[0]))


def _times_more(gradients: np.ndarray) -> float:
    """Return how many times more blocks of rows differ than in a random order; 1 if that may be chance."""
    rng = np.random.default_rng(0)
    if gradients.shape[1] > 16:
        # Random projections keep the distances, and are fewer numbers.
        gradients = gradients @ rng.standard_normal((gradients.shape[1], 16)) / 4
    length = len(gradients) // min(BLOCKS, len(gradients) // 4) if len(gradients) >= 16 else 0
    if not length:
        return 1.0
    used = gradients[: len(gradients) // length * length]

    def between(rows: np.ndarray) -> float:
        return float(rows.reshape(-1, length, rows.shape[1]).mean(axis=1).var(axis=0).sum())

    found, chance = between(used), [between(used[rng.permutation(len(used))]) for _ in range(ORDERS)]
    return found / float(np.mean(chance)) if found > max(chance) else 1.0


def _times_more_targets(case: Case, batch: Batches) -> float:
    """Return how many times more the targets of blocks of rows differ than in a random order; 1 if not known."""
    basis = case.basis
    try:
        y = np.asarray(basis.y, dtype=float)[np.asarray(basis.learnt)] if basis is not None else np.zeros(0)
    except (TypeError, ValueError):
        # The targets are classes with names.
        return 1.0
    return _times_more(y[row_numbers(batch)].reshape(-1, 1)) if y.shape == (batch.rows,) else 1.0


def _from_trace(case: Case, tail: Tail) -> Iterator[Finding]:
    """Yield a finding for epochs that end in the same place again and again, where the gradient is not 0."""
    slope = case.slope[np.isfinite(case.slope)]
    if not tail.is_long or len(slope) < len(tail.half):
        return
    last = slope[-len(tail.half) // 2 :]
    # Shuffled batches end each epoch elsewhere, and the gradient of all rows then differs.
    if last.min() < 0.9 * last.max() or last.mean() < 0.02 * slope.max():
        return
    yield Finding(
        "warning",
        NAME,
        "Each epoch ends in the same place, where the gradient of all rows is still "
        f"{last[-1]:.2g}: the batches come in the same order (shuffle=False), and the last ones always pull one way.",
        "Shuffle the rows in each epoch.",
        FROM_RECORD,
        str(case.call.changed(shuffle="rows")) if case.call is not None else "",
        "DescentDisplay",
        0.7,
    )


def _recorded(case: Case) -> Iterator[Finding]:
    """Yield a finding for a recorded loop that swings with a period, as passes through rows in an order make it."""
    rows = np.isfinite(case.value)
    # The first third may still fall, and a hundred passes show as much as a thousand.
    last = np.flatnonzero(rows)[int(rows.sum()) // 3 :][-MOST_STEPS:]
    rates = case.size[np.isfinite(case.size)]
    # Learning rates that go up and down make such swings, too, and so do steps on a smooth function that are too long.
    if (
        not case.is_batched
        or len(last) < LEAST_PASSES * LEAST_PERIOD
        or (len(rates) and np.ptp(rates) > 0.1 * rates.max())
    ):
        return
    value = case.value[last]
    gradients = getattr(case.run, "gradients", None)
    has_gradients = gradients is not None and len(gradients) == len(case.value) and np.isfinite(gradients[last]).all()
    series = np.asarray(gradients, dtype=float)[last] if has_gradients else value.reshape(-1, 1)
    if series.shape[1] > MOST_COLUMNS:
        rng = np.random.default_rng(0)
        series = series @ rng.standard_normal((series.shape[1], MOST_COLUMNS)) / math.sqrt(MOST_COLUMNS)
    found = _period(series)
    if found is None:
        return
    period, correlation, neighbours = found
    passes = value[: len(value) // period * period].reshape(-1, period)
    sizes, profile = passes.std(axis=1), passes.mean(axis=0)
    descent = float(case.value[rows][:3].mean() - value.mean())
    # A swing that dies out is that of a momentum or of a valley.
    if sizes[-1] < 0.6 * sizes[0]:
        return
    if has_gradients and len(rates):
        # On a bowl, steps that follow their batch only leave step × noise² / 4 of the loss.
        excess = float(rates[-1]) * float(np.mean(np.sum(series**2, axis=1))) / 4
        if not is_much(excess, descent + float(value.mean()), float(value.mean())):
            return
    elif neighbours < max(NEIGHBOURS, 3 / period**0.5) or float(profile.std()) < LEAST_SWING * abs(descent):
        # Losses repeat in every fixed order, also in a harmless one: without an order neighbours correlate by chance.
        return
    what = "steps" if has_gradients else "losses"
    yield Finding(
        "warning",
        NAME,
        f"The loss swings every {period} steps, by about {np.ptp(profile):.2g}, always in the same way: "
        "each pass takes the rows in the same order, so the last batches of a pass always pull to their side.",
        "Shuffle the rows before each pass.",
        f"From one pass to the next the {what} correlate by {correlation:.2f}, and from one step to the next by "
        f"{neighbours:.2f}. {FROM_RECORD}",
        "order = np.random.permutation(len(X))",
        "DescentDisplay",
        0.8,
    )


def _period(series: np.ndarray) -> tuple[int, float, float] | None:
    """Return a period, the correlation at it, and that of neighbours; None without a period or an order in it."""
    count = len(series)
    place = np.vander(np.linspace(-1, 1, count), 3)
    # A slow drift is no swing.
    rest = series - place @ np.linalg.lstsq(place, series, rcond=None)[0]
    scale = float(np.sum(rest**2))
    if not scale > 0:
        return None
    lags = np.arange(count // LEAST_PASSES + 1)
    spectrum = np.sum(np.abs(np.fft.rfft(rest, 2 * count, axis=0)) ** 2, axis=1)
    # Each sum is over the pairs of a lag, so it is divided by their share.
    correlation = np.fft.irfft(spectrum)[: len(lags)] / scale / (1 - lags / count)
    # The first low lag ends the peak at 0, which a slow swing has, too.
    low = np.flatnonzero(correlation < NEIGHBOURS / 2)
    beyond = np.arange(max(int(low[0]), LEAST_PERIOD), len(lags)) if len(low) else lags[:0]
    if not len(beyond) or not correlation[beyond].max() >= REPEATS:
        return None
    # Steps that jump to and fro over a minimum have a period of 2, and all its multiples.
    if correlation[int(low[0]) : LEAST_PERIOD].max(initial=0.0) > 0.9 * correlation[beyond].max():
        return None
    # Twice a period is a period, too: take the first that is as good.
    period = int(beyond[correlation[beyond] > 0.9 * correlation[beyond].max()][0])
    profile = rest[: count // period * period].reshape(-1, period, rest.shape[1]).mean(axis=0)
    profile = profile - profile.mean(axis=0)
    neighbours = float(np.sum(profile * np.roll(profile, 1, axis=0)) / np.sum(profile**2))
    return period, float(correlation[period]), neighbours
