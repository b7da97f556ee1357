"""Unshuffled rows: batches of neighbouring rows that are alike pull the fit to and fro."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.noise.rows import batches, gain, is_much, row_gradients
from steepest.inspection.diagnosis.noise.tail import Tail
from steepest.inspection.diagnosis.noise.written import is_false
from steepest.trace import Outcome

NAME = "unshuffled rows"
# So many random orders are compared with that of the rows: if all of them give less difference between blocks, the
# order is chance in less than one of 200 cases.
ORDERS, BLOCKS = 200, 20
# The variance between blocks must be so many times that of chance: less bends the path too little to matter.
MUCH = 1.25
# Losses repeat from pass to pass if they correlate by this much, and are in an order if neighbours do.
REPEATS, NEIGHBOURS = 0.6, 0.5
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
    times = _times_more(gradients)
    if times < MUCH:
        return
    excess = gain(case, batch, gradients)
    if excess is None or not is_much(excess, case, tail):
        return
    yield Finding(
        "warning",
        NAME,
        "The rows are in an order, and the batches were taken in it (shuffle=False): each batch holds rows that are "
        f"alike and pulls its own way, and the loss ended at least {excess:.2g} above what it could be.",
        "Shuffle the rows in each epoch.",
        f"Blocks of neighbouring rows have gradients that differ {math.sqrt(times):.1f} times more than blocks of"
        " rows in a random order.",
        str(case.call.changed(shuffle="rows")) if case.call is not None else "",
        "NoiseConeDisplay",
        0.96,
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
        "Judged from the trace alone.",
        str(case.call.changed(shuffle="rows")) if case.call is not None else "",
        "DescentDisplay",
        0.7,
    )


def _recorded(case: Case) -> Iterator[Finding]:
    """Yield a finding for a recorded loop whose losses swing with a period, as one pass through ordered rows makes."""
    value = case.value[np.isfinite(case.value)]
    descent = float(value[:3].mean() - value[len(value) // 2 :].mean()) if len(value) else 0.0
    rates = case.size[np.isfinite(case.size)]
    half = value[len(value) // 3 :][-20_000:]
    # Learning rates that go up and down make such swings, too.
    if len(half) < LEAST_PASSES * LEAST_PERIOD or (len(rates) and np.ptp(rates) > 0.1 * rates.max()):
        return
    rest = half - np.polyval(np.polyfit(np.arange(len(half)), half, 2), np.arange(len(half)))
    scale = float(rest @ rest)
    if not scale > 0 or math.sqrt(scale / len(rest)) < LEAST_SWING * abs(descent):
        return
    spectrum = np.abs(np.fft.rfft(rest, 2 * len(rest))) ** 2
    lags = np.arange(len(rest) // LEAST_PASSES + 1)
    # Each sum is over the pairs of a lag, so it is divided by their share.
    correlation = np.fft.irfft(spectrum)[: len(lags)] / scale / (1 - lags / len(rest))
    # The lag 1 must correlate less than a period, or there is only a slow drift; the first low part ends the peak at 0.
    low = np.flatnonzero(correlation < 0.2)
    if not len(low):
        return
    beyond = np.arange(max(int(low[0]), LEAST_PERIOD), len(lags))
    if not len(beyond):
        return
    period = int(beyond[np.argmax(correlation[beyond])])
    first = beyond[correlation[beyond] > 0.95 * correlation[period]]
    period = int(first[0]) if len(first) else period
    if correlation[period] < REPEATS:
        return
    passes = rest[: len(rest) // period * period].reshape(-1, period)
    profile = passes.mean(axis=0)
    neighbours = float(np.corrcoef(profile, np.roll(profile, 1))[0, 1])
    # A swing that dies out is that of a momentum or of a valley.
    sizes = passes.std(axis=1)
    if neighbours < NEIGHBOURS or len(passes) < LEAST_PASSES or sizes[-1] < 0.6 * sizes[0]:
        return
    yield Finding(
        "warning",
        NAME,
        f"The loss swings up and down every {period} steps, by about {np.ptp(profile):.2g}, always in the same way: it"
        " looks as if the rows were sorted, and each pass takes them in the same order.",
        "Shuffle the rows before each pass, as in this line.",
        f"From one pass to the next the losses correlate by {correlation[period]:.2f}. Judged from the trace alone.",
        "order = np.random.permutation(len(X))",
        "DescentDisplay",
        0.78,
    )
