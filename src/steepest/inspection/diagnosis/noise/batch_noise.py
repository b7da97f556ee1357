"""Noise of mini-batches: the loss hovers above its minimum, because the step is too long for such small batches."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from steepest.call import Code
from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.noise.rows import Batches, batches, gain, is_much, row_gradients
from steepest.inspection.diagnosis.noise.tail import Tail
from steepest.inspection.diagnosis.noise.written import is_false, number
from steepest.inspection.diagnosis.words import FROM_RECORD
from steepest.trace import Outcome

NAME = "noise of mini-batches"
# The share of the descent by which a fit may miss its minimum, if no tolerance was given.
WANTED = 1e-3
# A gradient bends from row to row, in its logarithm, by more than this if it holds noise. A smooth descent has 0.
ROUGH = 0.2
# At a floor the steps point anywhere: the mean of n gradients has 1 / n of their square. More than this share of it
# shows a common direction.
COMMON = 0.25


def batch_noise(case: Case) -> Iterator[Finding]:
    """Yield a finding if the noise of mini-batches keeps the loss above its minimum.

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
    batch, tail = batches(case), Tail(case.value)
    if batch is None or not tail.is_long or tail.still_falls:
        return
    excess, is_measured = _excess(case, tail)
    # The loss may hover above its start, if the points around which it hovers are below.
    if tail.half.mean() - (excess if is_measured else 0.0) >= tail.series[0]:
        return
    gradients = None
    if is_false(case.asked("shuffle")) and not is_much(excess, float(tail.series[0]), float(tail.half.mean())):
        # In the same order each epoch ends in the same place, so that the points don't show the noise.
        gradients = row_gradients(case, batch)
        excess = max(excess, (gain(case, batch, gradients) if gradients is not None else None) or 0.0)
    if not is_much(excess, float(tail.series[0]), float(tail.half.mean())):
        return
    gradients = row_gradients(case, batch) if gradients is None else gradients
    evidence = FROM_RECORD
    if gradients is not None:
        noise = float(gradients.var(axis=0, ddof=1).sum()) / batch.size
        signal = float(gradients.mean(axis=0) @ gradients.mean(axis=0))
        # A gradient that stands clear of the noise shows the way: then something else holds the fit up.
        if noise < signal:
            return
        evidence = (
            f"At the end the gradient of a batch is off by {math.sqrt(noise):.2g}, and that of all rows is only "
            f"{math.sqrt(signal):.2g}; independent batches would leave about step × noise² / 4 = "
            f"{batch.rate * noise / 4:.2g} of the loss."
        )
    yield Finding(
        "warning",
        NAME,
        f"The loss stopped falling and hovers about {excess:.2g} above what it could be, because each step of "
        f"{batch.rate:.3g} follows only {batch.size} row{'s' * (batch.size != 1)}, and so few rows point in another "
        "direction than all.",
        _cure(case, batch, excess, tail),
        evidence,
        _call(case, batch),
        "NoiseConeDisplay" if gradients is not None else "DescentDisplay",
        0.94 if gradients is not None and is_measured else 0.75,
    )


def _excess(case: Case, tail: Tail) -> tuple[float, bool]:
    """Return how far the loss hovers above the loss of the mean of its points, and whether that was measured."""
    points = case.points
    if points is not None and case.function.is_at_hand and len(points) == len(tail.series):
        # The mean of the points has hardly any noise: their distances from it are what noise alone adds to the loss.
        middle = case.function.value(points[len(points) // 2 :].mean(axis=0))
        if middle is not None and math.isfinite(middle):
            return float(tail.half.mean() - middle), True
    return float(tail.half.mean() - tail.series.min()), False


def _cure(case: Case, batch: Batches, excess: float, tail: Tail) -> str:
    """Say which batch size or which step reaches the tolerance: the floor is proportional to step / batch size."""
    wanted = (number(case.asked("tolerance")) or WANTED) * float(tail.series[0] - tail.half.mean() + excess)
    times = excess / wanted if wanted > 0 else 10.0
    needed = math.ceil(batch.size * times)
    larger = f"batch_size={needed}" if not batch.rows or needed < batch.rows else "all rows (leave batch_size out)"
    return (
        "Let the step shrink to 0 towards the end, as this call does, or leave step out. The height is about "
        f"proportional to the step, and to 1 / batch size: {larger}, or a step of {batch.rate / times:.2g}, leaves "
        f"{wanted:.2g}."
    )


def _call(case: Case, batch: Batches) -> str:
    """Return the call with a step that shrinks to 0 over the whole fit."""
    call, epochs = case.call, case.column("epoch")
    if call is None:
        return ""
    passes = number(case.asked("epochs")) or (float(epochs[-1]) if np.isfinite(epochs[-1]) else 0)
    if not batch.rows or not passes:
        return str(call.changed(step=None, direction=None))
    updates = int(passes) * math.ceil(batch.rows / batch.size)
    return str(call.changed(step=Code(f"st.steps.Cosine({batch.rate:.6g}, iterations={updates})"), seconds=None))


def _recorded(case: Case) -> Iterator[Finding]:
    """Yield a finding for a recorded loop whose losses hover while its gradients point anywhere."""
    tail, slope, rate = Tail(case.value), case.slope, case.size[np.isfinite(case.size)]
    if not tail.is_long or tail.still_falls or tail.still_rises:
        return
    if len(rate) and rate[-1] < 0.5 * rate.max():
        return
    known = slope[np.isfinite(slope) & (slope > 0)]
    last = known[len(known) // 2 :]
    gradients = getattr(case.run, "gradients", None)
    evidence, confidence = FROM_RECORD, 0.6
    checked = case.validation[np.isfinite(case.validation)]
    if len(last) >= 8:
        # Without a learning rate nothing tells what the noise of the gradients costs, nor whether the rate went to 0.
        if not len(rate):
            return
        # A gradient without noise changes smoothly.
        if float(np.median(np.abs(np.diff(np.log(last), 2)))) < ROUGH:
            return
        if gradients is not None and len(gradients) == len(case.value):
            half = np.asarray(gradients, dtype=float)[len(gradients) // 2 :]
            half = half[np.isfinite(half).all(axis=1)]
            mean = half.mean(axis=0) if len(half) else np.zeros(1)
            if len(half) < 8 or float(mean @ mean) > COMMON * float(np.mean(np.sum(half**2, axis=1))):
                return
            confidence = 0.7
            length = float(np.sqrt(np.mean(np.sum(half**2, axis=1))))
            evidence = (
                f"The last {len(half)} gradients point in all directions: their mean is only "
                f"{np.linalg.norm(mean):.2g}, and their typical length {length:.2g}. {evidence}"
            )
        # On a bowl, independent noise in the gradient leaves step × noise² / 4 of the loss.
        excess = float(rate[-1]) * float(np.mean(last**2)) / 4 if len(rate) else tail.spread
    else:
        # The losses of batches differ as their rows do, at the best point, too. Those of the same other rows do not.
        hovers = Tail(checked)
        if not len(rate) or not hovers.is_long or hovers.still_falls or hovers.still_rises:
            return
        excess = hovers.spread
    start = float(tail.series[: max(1, len(tail.series) // 50)].mean())
    descent = start - (float(tail.half.mean()) - excess)
    # Without gradients a loop that did not get below its start shows nothing.
    if not is_much(excess, start, float(tail.half.mean())) or descent <= (0 if len(last) >= 8 else excess):
        return
    step = f"learning_rate = {float(rate[-1]) / 10:.3g}" if len(rate) else ""
    yield Finding(
        "warning",
        NAME,
        f"The loss stopped falling and only jumps up and down, by about {tail.spread:.2g}: the steps follow the noise "
        "of the batches, no longer the slope.",
        "Let the learning rate shrink to 0 towards the end, or continue with a tenth of it, or take larger batches: the"
        " height above the minimum is about proportional to learning rate / batch size.",
        evidence,
        step,
        "DescentDisplay",
        confidence,
    )
