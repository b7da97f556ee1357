"""Held-out rows that differ from those to learn from, or that do not differ although new rows will."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.printable import printable
from steepest.tabular.encoders import Moment
from steepest.tabular.one_vs_rest import outputs_of
from steepest.tabular.reading.arrow import counted
from steepest.tabular.score import predicts_probabilities
from steepest.tabular.warnings.fitted import FittedTable
from steepest.tabular.warnings.words import option

# A correlation of neighbouring residuals that matters, and how many of its standard errors, 1/√n, are no chance.
CORRELATION, ERRORS = 0.2, 4.0
# Fewer rows tell nothing of neighbours. Chosen, not measured.
FEWEST_ROWS = 30
# A rank correlation with the order above which the table is sorted by its target.
SORTED = 0.8
# Classes that change from row to row less often than this part of what chance makes are sorted, within groups too.
FEW_CHANGES = 0.1
# How far the share of steps up may be from a half in an order that the target does not make, within groups either.
STRETCHES = 0.2
# A table is in the order of a column if at most this part of the steps of its values go against it.
AGAINST = 0.01
# The degree of the polynomial in the place of a row that takes out a misfit which follows a sorted column.
SMOOTH = 5
# A difference of the parts that matters, in standard deviations, and the chance for any column below which it is none.
SHIFT, CHANCE = 0.5, 1e-4
# The same for the means of groups, which are few: two of ten groups are seen if they lie about 5 deviations away.
CHANCE_OF_GROUPS = 1e-3
# The most columns that a warning names.
MOST_NAMED = 3


def dependent_rows(fitted: FittedTable) -> Iterator[Finding]:
    """Yield a warning if rows held out at random have neighbours, in time or in the table, that tell their residuals.

    Neighbours in the table may be alike because it is sorted by a column that the model misfits. A polynomial in the
    place of a row takes a smooth misfit out first. Steps, kinks and waves are left: if the table is in the order of a
    column of the model, the warning names this column. A table that is sorted by its target has such neighbours by
    design, and nothing is said of it.

    Parameters
    ----------
    fitted : FittedTable
        The table and the fit.

    Yields
    ------
    Finding
        The warning.
    """
    ready, parts = fitted.ready, fitted.ready.parts
    if parts is None or parts.ordered_by or parts.grouped_by or parts.training.all():
        return
    rows = ready.training
    if len(rows.y) < FEWEST_ROWS:
        return
    residuals = _residuals(fitted)
    if residuals is None or not np.isfinite(residuals).all():
        return
    for part, columns in fitted.parts:
        if isinstance(part, Moment) and part.family in ("date", "instant"):
            order = np.argsort(rows.X[:, columns.start], kind="stable")
            if found := _correlated(residuals[order]):
                yield _warning(
                    found, f"in the order of {part.column}",
                    "If the fit is to predict later rows, hold out the last ones: "
                    f"split={part.column!r} (--split {shlex.quote(part.column)}).",
                )  # fmt: skip
                return
    order = np.argsort(rows.numbers)
    if _is_sorted(rows.y[order], classes=ready.classes is not None):
        return
    place = np.polynomial.chebyshev.chebvander(np.linspace(-1, 1, len(order)), SMOOTH)
    rough = residuals[order] - place @ np.linalg.lstsq(place, residuals[order], rcond=None)[0]
    if not (found := _correlated(rough)):
        return
    if column := _sorted_by(fitted, order, rough):
        yield _misfit(found, *column)
    else:
        yield _warning(
            found, "in the order of the table",
            "If the order is that of time or of groups, hold out by the column that tells it: split= (--split).",
        )  # fmt: skip


def differing_parts(fitted: FittedTable) -> Iterator[Finding]:
    """Yield a warning if rows held out by an order or by groups differ much from those to learn from.

    Parameters
    ----------
    fitted : FittedTable
        The table and the fit.

    Yields
    ------
    Finding
        The warning.
    """
    ready, parts = fitted.ready, fitted.ready.parts
    if parts is None or not (parts.ordered_by or parts.grouped_by) or not len(ready.held_out.y):
        return
    groups = None
    if ready.groups is not None:
        groups = ready.groups[ready.training.numbers], ready.groups[ready.held_out.numbers]
    names = [fitted.target]
    learned, held_out = ([rows.y] for rows in (ready.training, ready.held_out))
    if ready.classes is not None:
        # Of two classes the second says it all.
        told = [k for k in range(len(ready.classes)) if k or len(ready.classes) > 2]
        names = [f"{fitted.target} = {ready.classes[k]}" for k in told]
        learned, held_out = ([rows[0] == k for k in told] for rows in (learned, held_out))
    targets, owned = len(names), dict[str, str]()
    for column, (name, owner) in enumerate(zip(fitted.names, fitted.owners, strict=True)):
        # What comes from the column that orders the rows differs by design.
        if owner != parts.ordered_by:
            names.append(name)
            owned[name] = owner
            learned.append(ready.training.X[:, column])
            held_out.append(ready.held_out.X[:, column])
    shifts = {}
    for k, (name, some, others) in enumerate(zip(names, learned, held_out, strict=True)):
        some, others = np.asarray(some, dtype=float), np.asarray(others, dtype=float)
        if shift := _shift(some, others, len(names), groups):
            is_share = bool(np.isin(some, (0, 1)).all() and np.isin(others, (0, 1)).all())
            shifts[k] = shift[0], _in_words(name, is_share, *shift)
    if not shifts:
        return
    largest = sorted(shifts, key=lambda k: -shifts[k][0])
    of_target, features = ([k for k in largest if (k < targets) == of] for of in (True, False))
    sentences = []
    for what, found, noun in (("", of_target, "more class"), ("of the features, ", features, "more column")):
        said = "; ".join(shifts[k][1] for k in found[:MOST_NAMED])
        if (left := len(found) - MOST_NAMED) > 0:
            said += f"; and {counted(left, noun)}"
        if said:
            said = what * bool(of_target) + said
            sentences.append(f"{said[0].upper()}{said[1:]}.")
    drifting = list(dict.fromkeys(owned[names[k]] for k in features))
    yield Finding(
        "warning",
        "the held-out rows differ from those to learn from",
        " ".join(sentences),
        "The score is that of such rows, and holds for new rows that differ alike. Give more recent rows"
        + (f", or leave out what drifts: {option('drop', drifting[:MOST_NAMED])}." if drifting else ".")
        if parts.ordered_by
        else "The score is that of such groups, and others may be easier or harder: give more groups if you can.",
    )


def _in_words(name: str, is_share: bool, size: float, before: float, after: float) -> str:
    """Return how a column differs."""
    if is_share:
        of = f"{100 * before:.3g} % of the rows to learn from and {100 * after:.3g} % of those held out"
        return f"the rows with {name if '=' in name else f'{name} = 1'} are {of}"
    return (
        f"the mean of {name} is {before:.4g} in the rows to learn from and {after:.4g} in those held out, "
        f"{size:.1f} standard deviations apart"
    )


def _residuals(fitted: FittedTable) -> np.ndarray | None:
    """Return the residuals of the training rows, a column for each output; None for outputs that are mere scores."""
    rows, classes = fitted.ready.training, fitted.ready.classes
    if classes is not None and not predicts_probabilities(fitted.loss):
        return None
    outputs = outputs_of(fitted.fit, rows.X)
    if classes is not None and outputs.ndim == 2:
        return (rows.y[:, None] == np.arange(len(classes))) - outputs
    residuals = fitted.as_fitted - outputs
    if classes is None:
        # In their ranks, so that no correlation is that of a few outliers.
        residuals = residuals.argsort().argsort() - (len(residuals) - 1) / 2
    return residuals[:, None]


def _correlated(residuals: np.ndarray) -> tuple[float, int] | None:
    """Return the correlation of neighbouring residuals and their number, if it is large and no chance."""
    total = float((residuals**2).sum())
    found = float((residuals[1:] * residuals[:-1]).sum()) / total if total else 0.0
    return (found, len(residuals)) if found > max(CORRELATION, ERRORS / math.sqrt(len(residuals))) else None


def _is_sorted(y: np.ndarray, classes: bool) -> bool:
    """Return whether targets are sorted, on the whole or in long stretches."""
    steps = np.diff(y)
    steps = steps[steps != 0]
    if classes:
        shares = np.bincount(y.astype(int)) / len(y)
        return len(steps) < FEW_CHANGES * len(y) * (1 - float((shares**2).sum()))
    if not steps.size:
        return True
    ascents = float(np.mean(steps > 0))
    ranks, places = y.argsort().argsort(), np.arange(len(y))
    return abs(ascents - 0.5) > STRETCHES or abs(float(np.corrcoef(ranks, places)[0, 1])) > SORTED


def _sorted_by(fitted: FittedTable, order: np.ndarray, residuals: np.ndarray) -> tuple[str, int] | None:
    """Return the column whose order the table is in, and how many steps go against it; None if there is none."""
    for owner, column in zip(fitted.owners, fitted.matrix[order].T, strict=True):
        steps = np.diff(column)
        against = min(int((steps > 0).sum()), int((steps < 0).sum()))
        if against > AGAINST * np.count_nonzero(steps) or not steps.any():
            continue
        # A column does not order rows with one value: neighbours that are alike among them are so for another reason.
        _, same, sizes = np.unique(column, return_inverse=True, return_counts=True)
        means = np.column_stack([np.bincount(same, each) / sizes for each in residuals.T])
        if not _correlated(residuals - means[same]):
            return owner, against
    return None


def _misfit(found: tuple[float, int], column: str, against: int) -> Finding:
    correlation, rows = found
    nearly = f", but for {counted(against, 'place')}" if against else ""
    shown = printable(column)
    return Finding(
        "warning",
        "the residuals follow a column",
        f"The table is sorted by {shown}{nearly}, and in this order the residuals of neighbours have a correlation of "
        f"{correlation:.2f} in {rows:,} rows. The model misfits {shown}, or rows that are near in {shown} are alike.",
        f"Plot the residuals over {shown}, and add a column that follows them, such as a power or a step. If {shown} "
        f"is a time, hold out the last rows: split={column!r} (--split {shlex.quote(column)}).",
    )


def _warning(found: tuple[float, int], order: str, cure: str) -> Finding:
    correlation, rows = found
    return Finding(
        "warning",
        "neighbouring rows are alike",
        f"{order[0].upper()}{order[1:]}, the residuals of neighbours have a correlation of {correlation:.2f} in "
        f"{rows:,} rows. Rows that are held out at random have their neighbours among those learned from, so the score "
        "may be better than that of new rows.",
        cure,
    )


def _shift(
    some: np.ndarray, others: np.ndarray, columns: int, groups: tuple[np.ndarray, np.ndarray] | None
) -> tuple[float, float, float] | None:
    """Return the difference of two means in standard deviations, and the means, if it is large and no chance.

    Rows of one group are alike, so where groups were held out, chance also draws from their means.
    """
    from scipy.stats import ks_2samp, ttest_ind

    if groups is not None:
        groups = groups[0][~np.isnan(some)], groups[1][~np.isnan(others)]
    some, others = some[~np.isnan(some)], others[~np.isnan(others)]
    if not (some.size and others.size):
        return None
    spread = math.sqrt((some.var() + others.var()) / 2)
    before, after = float(some.mean()), float(others.mean())
    size = abs(after - before) / spread if spread else 0.0
    if size <= SHIFT or ks_2samp(some, others).pvalue * columns >= CHANCE:
        return None
    if groups is not None:
        means = [_means(values, codes) for values, codes in zip((some, others), groups, strict=True)]
        # Two groups show nothing of how groups vary.
        if sum(map(len, means)) < 3 or ttest_ind(*means).pvalue * columns >= CHANCE_OF_GROUPS:
            return None
    return size, before, after


def _means(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return the mean of each group."""
    _, groups, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    return np.asarray(np.bincount(groups, values) / sizes)
