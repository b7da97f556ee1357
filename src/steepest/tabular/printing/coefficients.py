"""The coefficients of a linear model of a table as text: the largest effects first, several classes side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from steepest.fitting.uncertainty.wording import aligned, stated
from steepest.inspection.plots.fitted.effects import effect_on
from steepest.printable import MOST_LETTERS, printable

# The most coefficients that are printed; the rest are counted.
MOST_ROWS = 20
# The most letters of the table beside the names, so that it fits a terminal with most names.
WIDEST = 78
# The most letters of the label of a class above its column.
WIDEST_LABEL = 16


def coefficient_lines(
    names: Sequence[str],
    labels: Sequence[object],
    estimates: np.ndarray,
    errors: np.ndarray | None,
    spread: np.ndarray | None,
    relative: bool = False,
) -> tuple[list[str], list[str], bool]:
    """Return the coefficients as text, sorted by the effect of one standard deviation of their column.

    Parameters
    ----------
    names : sequence of str
        The columns.
    labels : sequence
        What the outputs are called; empty for one output.
    estimates : array of shape (outputs, columns + 1)
        The coefficients of each output, then its intercept.
    errors : array of shape (outputs, columns + 1) or None
        Their standard errors, NaN where there is none.
    spread : array of shape (columns,) or None
        The standard deviation of each column; None if it is not known, and then the columns keep their order.
    relative : bool
        Whether the output is a logarithm, so that the effect of a column is a growth by some percent.

    Returns
    -------
    names, lines : list of str
        The first text of each line, and the rest of it; the first line is the heading.
    with_errors : bool
        Whether the lines have errors, which are left out if the classes side by side leave no room.

    Examples
    --------
    >>> estimates, errors = np.array([[0.5, -20.0, 3.0]]), np.array([[0.1, 2.0, np.nan]])
    >>> names, lines, _ = coefficient_lines(["age", "dose"], (), estimates, errors, np.array([8.0, 0.1]))
    >>> for name, line in zip(names, lines):
    ...     print(f"{name:>9}  {line}")
               coefficient     error  effect
          age         0.50  ±   0.10       4
         dose        -20.0  ±    2.0      -2
    intercept            3
    """
    effects = np.full(estimates[:, :-1].shape, np.nan) if spread is None else estimates[:, :-1] * spread
    largest = np.abs(effects).max(axis=0)
    order = np.arange(len(names)) if spread is None else np.argsort(-largest, kind="stable")
    shown = [*order[:MOST_ROWS], len(names)]
    first = ["", *(printable(names[k], MOST_LETTERS) for k in shown[:-1]), "intercept"]
    if not labels:
        rows = [["coefficient", *["", "error"] * (errors is not None), *["effect"] * (spread is not None)]]
        for k in shown:
            last = [] if spread is None else [_effect(effects[0, k], relative) if k < len(names) else ""]
            rows.append([*_cells(estimates[0, k], None if errors is None else errors[0, k]), *last])
        lines, with_errors = aligned(rows), errors is not None
    else:
        lines, with_errors = _side_by_side(labels, estimates[:, shown], None if errors is None else errors[:, shown], [
            "" if k == len(names) or spread is None else f"{largest[k]:.3g}" for k in shown
        ])  # fmt: skip
    if (left := len(names) - MOST_ROWS) > 0:
        why = "" if spread is None else " with smaller effects"
        first.insert(-1, "…")
        lines.insert(-1, f"and {left:,} more{why}, in coefficients")
    return first, lines, with_errors


def _effect(effect: float, relative: bool) -> str:
    return f"{100 * np.expm1(effect):+.3g} %" if relative else f"{effect:.3g}"


def _side_by_side(
    labels: Sequence[object], estimates: np.ndarray, errors: np.ndarray | None, effects: Sequence[str]
) -> tuple[list[str], bool]:
    """Return a column for each class, with errors if they fit, and with as many classes as fit; and if with errors."""
    tries = [(len(labels), errors)] * (errors is not None) + [(count, None) for count in range(len(labels), 0, -1)]
    for count, shown in tries:
        heading = [cell for label in labels[:count] for cell in _heading(label, shown is not None)]
        rows = [[*heading, *["largest effect"] * any(effects)]]
        for k, effect in enumerate(effects):
            cells = [_cells(estimates[j, k], None if shown is None else shown[j, k]) for j in range(count)]
            rows.append([*(cell for each in cells for cell in each), *[effect] * any(effects)])
        lines = aligned(rows)
        if max(map(len, lines)) <= WIDEST:
            break
    if left := len(labels) - count:
        lines[0] += f"  (and {left:,} more class{'es' * (left > 1)}, in coefficients)"
    return lines, shown is not None


def _heading(label: object, with_error: bool) -> list[str]:
    return [printable(label, WIDEST_LABEL), *["", "error"] * with_error]


def _cells(value: float, error: float | None) -> list[str]:
    """Return a coefficient, and its error if there is one, as texts."""
    if error is None:
        return [f"{value:.4g}"]
    shown, spread = stated(float(value), float(error))
    return [shown, "", ""] if np.isnan(error) else [shown, "±", spread]


def effect_in_words(
    loss_name: str, target: str, classes: Sequence[object] | None, relative: bool = False
) -> str:  # fmt: skip
    """Return what the effect of a column is.

    Parameters
    ----------
    loss_name : str
        The name of the loss.
    target : str
        The column that is predicted.
    classes : sequence or None
        The labels of a classification.
    relative : bool
        Whether the logarithm of the column is predicted.

    Returns
    -------
    str
        The words.

    Examples
    --------
    >>> effect_in_words("squared", "price", None)
    'of a standard deviation of the column on price'
    >>> effect_in_words("log loss", "ill", ("no", "yes"))
    'of a standard deviation of the column on the log odds of yes'
    """
    what = effect_on(loss_name, target, classes)
    if relative:
        what += f"; one unit more multiplies {target} by exp(coefficient)"
    return f"of a standard deviation of the column on {what}"
