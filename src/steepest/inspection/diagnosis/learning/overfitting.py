"""Over-fitting: the loss on the training rows falls while that on other rows rises, or is far above it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from steepest.call import Code
from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.learning.network import constant_loss, least_constant
from steepest.inspection.diagnosis.words import FROM_RECORD

NAME = "over-fitting"
# The loss on other rows has risen if it is this share above its least value, and by so many times its scatter.
RISE, SCATTER = 0.1, 4.0
# A judgement needs at least FEWEST losses. A rise counts if it is CLEAR times the other ups and downs, or FAR times the
# least loss.
FEWEST, CLEAR, FAR = 6, 2.0, 0.5
# The gap is large if the loss on other rows is this many times that on the training rows, as it is for a linear model
# of half as many columns as rows: (1 + 1/2) / (1 - 1/2); and if other rows are predicted poorly: above this share of
# the loss of a constant.
GAP, POOR = 3.0, 0.5
# The most numbers of a table whose rows are left out one by one, which takes about 0.1 s.
MOST_NUMBERS = 1_000_000


class Rise(NamedTuple):
    """How the loss on other rows rose.

    Parameters
    ----------
    row : int
        The row of its least value.
    least, last : float
        Its least value, and that at the end.
    before, after : float
        The loss on the training rows at that row, and at the end.
    """

    row: int
    least: float
    last: float
    before: float
    after: float


def over_fitting(case: Case) -> Iterator[Finding]:
    """Yield a finding if the model learnt its training rows by heart.

    Parameters
    ----------
    case : Case
        The facts of the run.

    Yields
    ------
    Finding
        The finding.
    """
    seen = np.flatnonzero(np.isfinite(case.validation) & np.isfinite(case.value))
    if len(seen) > 1:
        if case.fit is not None:
            yield from _of_fit(case, seen)
        elif (rise := rise_of(_meanwhile(case.value, seen), case.validation[seen])) is not None:
            yield _of_loop(case, rise, int(seen[rise.row]))
    elif case.fit is not None:
        yield from _left_out(case)


def rise_of(training: np.ndarray, validation: np.ndarray) -> Rise | None:
    """Return how the loss on other rows rose while that on the training rows fell; None if it did not.

    Parameters
    ----------
    training, validation : array of shape (rows,)
        The losses.

    Returns
    -------
    Rise or None
        The rise.

    Examples
    --------
    >>> epochs = np.arange(100)
    >>> rise_of(np.exp(-epochs / 20), 1 + (epochs / 40 - 1) ** 2).row
    40
    >>> rise_of(np.exp(-epochs / 20), 1 + np.exp(-epochs / 20)) is None
    True
    """
    count = len(validation)
    if count < FEWEST:
        return None
    # Losses that may be below zero have no size of their own: their descent is their scale.
    least = float(validation.min())
    scale = least if least > 0 else float(validation[0]) - least
    # Second differences of a smooth curve are small; those of noise have six times its variance.
    scatter = 1.4826 * float(np.median(np.abs(np.diff(validation, 2)))) / np.sqrt(6)
    # Only noise that could be taken for a rise is smoothed away, as the least loss may come early.
    width = max(1, count // 20) | 1 if SCATTER * scatter > RISE * scale else 1
    smooth, falling = _running_median(validation, width), _running_median(training, width)
    row, tail = int(np.argmin(smooth)), max(FEWEST // 2, count // 20)
    last, after = float(np.median(validation[-tail:])), float(np.median(training[-tail:]))
    least, before = float(smooth[row]), float(falling[row])
    rise = last - least
    has_risen = scale > 0 and rise > max(RISE * scale, SCATTER * scatter)
    # The training loss fell on, by at least half the share that counts as a rise.
    size = abs(before) if training.min() > 0 else abs(float(training[0]) - before)
    if not has_risen or before - after <= RISE / 2 * size:
        return None
    # A curve that goes up and down as much at other times may only do it again, unless it has risen far.
    waves = _running_median(validation, max(1, count // 20) | 1)
    before_least, since = np.split(waves, [int(np.argmin(waves)) + 1])
    ups = np.max(before_least - np.minimum.accumulate(before_least))
    downs = np.max(np.maximum.accumulate(since) - since, initial=0.0)
    if rise < min(CLEAR * max(ups, downs), FAR * scale):
        return None
    return Rise(row, least, last, before, after)


def _meanwhile(value: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return the mean value since the row before, for each of some rows: values of single batches are noisy."""
    finite = np.where(np.isfinite(value), value, 0.0)
    sums, counts = np.cumsum(finite), np.cumsum(np.isfinite(value))
    return np.diff(sums[seen], prepend=0.0) / np.diff(counts[seen], prepend=0)


def _running_median(numbers: np.ndarray, width: int) -> np.ndarray:
    if width < 3:
        return numbers
    padded = np.pad(numbers, width // 2, mode="edge")
    if len(numbers) * width > MOST_NUMBERS:
        # Means of running sums take no longer for wide windows.
        sums = np.cumsum(np.concatenate([[0.0], padded]))
        return (sums[width:] - sums[:-width]) / width
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)


def _of_loop(case: Case, rise: Rise, row: int) -> Finding:
    unit = "epoch" if "epoch" in case.trace.columns else "iteration"
    when = int(case.column(unit)[row])
    text = (
        f"From {unit} {when:,} on the model learns its training rows by heart: the loss on other rows rises from "
        f"{rise.least:.3g} to {rise.last:.3g}, while that on the training rows falls from {rise.before:.3g} to "
        f"{rise.after:.3g}."
    )
    share = (rise.last - rise.least) / abs(rise.least) if rise.least else np.inf
    evidence = f"The rise is {100 * share:.0f} % of the least loss. {FROM_RECORD}"
    cure = f"Stop at {unit} {when:,}, or keep its parameters; a penalty or fewer parameters help too."
    call = f"{unit}s = {when}" if case.call is None else str(case.call.changed(iterations=when))
    return Finding("warning", NAME, text, cure, evidence, call, "DescentDisplay", 0.93 if share > 2 * RISE else 0.8)


def _of_fit(case: Case, seen: np.ndarray) -> Iterator[Finding]:
    """Yield a finding of a fit, which has kept its best epoch: it is healthy unless even that is poor."""
    training, held = case.value[seen], case.validation[seen]
    best = int(np.argmin(held))
    whole = _held_constant(case) or float(held[0])
    t, v = float(training[best]), float(held[best])
    if "training 1" in case.trace.columns:
        t = float(np.min(case.trace.members("training").mean(axis=1)))
    is_first = best == 0 and training[-1] < training[0] / GAP
    if is_first:
        # No epoch beat the start, so that even one step learnt by heart.
        t, v = float(training[-1]), float(held[-1])
    # The mean of few squares is uncertain: that of n squares of normal numbers by √(2 / n) of itself.
    lower = v * (1 - np.sqrt(2 / _held_rows(case)))
    # A linear model of as many parameters as rows fits any targets: it only was not given the time.
    fits_any = _fits_any(case) and (is_first or v > GAP * max(t, 0.0))
    if not fits_any and not (whole > 0 and v > POOR * whole and lower > GAP * max(t, 0.0)):
        return
    when = f"epoch {int(case.iteration[seen[best]]):,}" if best else "the start"
    text = f"The model learnt its training rows by heart: its loss is {t:.3g} on them, and {v:.3g} on other rows."
    guess = f"The same prediction for every row has {whole:.3g} there. " if _held_constant(case) else ""
    evidence = f"{guess}The loss on other rows was least at {when}."
    if fits_any and case.points is not None:
        evidence += f" With {case.points.shape[1]} parameters for {_learnt_rows(case)} rows it can fit any targets."
    # It is hardly chance if the gap is twice the limit, or if other rows are predicted worse than by one number.
    sure = 0.9 if v > 2 * GAP * t or v > whole else 0.8
    cure = "Give a penalty, fewer columns or units, or more rows."
    yield Finding("warning", NAME, text, cure, evidence, _penalised(case, v), "DescentDisplay", sure)


def _held_constant(case: Case) -> float | None:
    """Return the least loss of one prediction on the rows for validation; None if they are not at hand."""

    def make() -> float | None:
        basis = case.basis
        if basis is None or np.ndim(basis.y) != 1:
            return None
        if basis.validation is not None:
            _, y, weight = basis.validation
        else:
            y, weight = basis.y[~basis.learnt], basis.weight[~basis.learnt]
        y, weight = np.asarray(y, dtype=float), np.asarray(weight, dtype=float)
        return least_constant(basis.loss, y, weight) if y.size and weight.any() else None

    return case.once("held constant", make)


def _fits_any(case: Case) -> bool:
    """Return whether the model is linear, with as many parameters as rows at least, and without a penalty."""
    rows, points = case.rows, case.points
    if rows is None or points is None or rows.is_penalised or points.shape[1] < _learnt_rows(case):
        return False
    return rows.loss == "squared" and (rows.kind == "linear" or rows.is_linear_in_parameters)


def _learnt_rows(case: Case) -> int:
    """Return how many rows the model learnt from."""
    return 0 if case.basis is None else int(np.sum(case.basis.learnt))


def _held_rows(case: Case) -> float:
    """Return how many rows are for validation; infinitely many if that is not known."""
    basis = case.basis
    if basis is None:
        return np.inf
    count = len(basis.y) - np.sum(basis.learnt) if basis.validation is None else len(basis.validation[1])
    return max(float(count), 2.0)


def _penalised(case: Case, noise: float) -> str:
    """Return the call with a penalty: for a linear model the best of many, else that of weights like these.

    Squared weights of the variance τ² before the rows are seen, and rows of the variance σ², ask for the penalty
    σ² / (n τ²) on a mean loss.
    """
    call = case.call
    if call is None or call.name != "fit" or case.fit is None:
        return ""
    if type(case.fit.model).__name__ == "Linear":
        return str(call.changed(penalty="auto"))
    points, basis = case.points, case.basis
    if points is None or basis is None:
        return ""
    size, rows = float(np.mean(points[0] ** 2)), int(np.sum(basis.learnt))
    strength = noise / (rows * size) if size else noise / rows
    return str(call.changed(penalty=Code(f"st.penalties.L2({strength:.2g})")))


def _left_out(case: Case) -> Iterator[Finding]:
    """Yield a finding of a linear model by least squares, each of whose rows is predicted by the fit to the others.

    The residual of a row that was left out is its residual divided by 1 minus its leverage.
    """
    basis, fit = case.basis, case.fit
    if basis is None or fit is None or type(fit.model).__name__ != "Linear" or basis.penalty is not None:
        return
    X, y = basis.X, np.asarray(basis.y, dtype=float)[basis.learnt]
    is_table = not hasattr(X, "tocsr") and np.ndim(X) == 2 and np.size(X) <= MOST_NUMBERS
    if not is_table or getattr(basis.loss, "name", "") != "squared":
        return
    X = np.asarray(X, dtype=float)[basis.learnt]
    rows, columns = X.shape
    whole = constant_loss(case)
    # With few columns there is no gap to look for.
    if not whole or rows < 5 or columns + 1 < rows / GAP:
        return
    spread = X.std(axis=0)
    Z = np.column_stack([np.ones(rows), (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1.0)])
    left, sizes, _ = np.linalg.svd(Z, full_matrices=False)
    base = left[:, sizes > 1e-10 * sizes[0]]
    if base.shape[1] >= rows:
        text = f"The model passes through every row: it has {columns} columns for {rows} rows, and can fit any targets."
        evidence = "With as many parameters as rows the training loss says nothing about other rows."
        picture = "PredictedDisplay"
    else:
        residual = y - base @ (base.T @ y)
        beyond = residual / np.maximum(1 - (base**2).sum(axis=1), 1e-12)
        training, held = float(np.mean(residual**2)), float(np.mean(beyond**2))
        # A few rows of a leverage near 1 are not to decide alone.
        is_common = np.median(beyond**2) > GAP / 2 * np.median(residual**2)
        if not (held > GAP * training and held > POOR * whole and is_common):
            return
        text = f"The model learnt its rows by heart: its loss is {training:.3g} on them, and {held:.3g} on others."
        evidence = (
            f"The same prediction for every row has {whole:.3g}; each row was predicted by the fit to the other rows. "
            f"The model has {columns} columns for {rows} rows."
        )
        picture = ""
    cure = "Give a penalty, fewer columns, or more rows."
    call = "" if case.call is None else str(case.call.changed(penalty="auto"))
    yield Finding("warning", NAME, text, cure, evidence, call, picture, 0.85)
