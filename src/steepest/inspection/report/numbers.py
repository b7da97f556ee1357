"""The numbers of a report: the answer with how near it is, the work, and the parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steepest.inspection.plots import style
from steepest.inspection.protocol import (
    FitLike,
    NetworkFitLike,
    ResultLike,
    RunLike,
    StatedFitLike,
    TableFitLike,
    has_members,
    tree_of,
)
from steepest.printable import MOST_LETTERS, printable
from steepest.types import PyTree

# The parameters that are shown at once, and those that a reader can unfold. Chosen, not measured: about half a screen,
# and a table of about 50 kB.
MOST_SHOWN, MOST_LISTED = 20, 500
# The most parameters of which a report states standard errors, for which it may read all rows.
MOST_STATED = 200
LEVEL = 0.95
BY_KIND = {
    "certified": "proven: no point at all is better by more than this",
    "audited": "checked by the curvature at the answer",
    "estimated": "estimated from the curvature on the way",
}
GRADIENTS = {"traced": "exact", "eager": "exact", "given": "given by the user", "differences": "by differences"}


@dataclass(frozen=True)
class Fact:
    """A number with its name.

    Parameters
    ----------
    name : str
        What it is.
    value : str
        The number, as text.
    note : str
        How it is known, or what it means.
    """

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Parameters:
    """The parameters of the answer.

    Parameters
    ----------
    heading : str
        What they are, with their number.
    errors : bool
        Whether it is known how far they may be from the best ones.
    stated : str
        What their standard errors assume; "" if there are none.
    shown, rest : list of tuple
        Name, value, standard error and error of those that are shown at once, and of those that a reader can unfold.
    left : int
        How many are in neither list.
    """

    heading: str
    errors: bool
    stated: str
    shown: list[tuple[str, str, str, str]]
    rest: list[tuple[str, str, str, str]]
    left: int


def facts_of(run: ResultLike) -> list[Fact]:
    """Return the numbers of a run, the answer first.

    Parameters
    ----------
    run : run or fit
        The run.

    Returns
    -------
    list of Fact
        The numbers.
    """
    certificate = run.certificate
    best = "Maximum" if run.maximized else "Minimum"
    best = "Loss" if isinstance(run, FitLike) else best if run.success else "Best value"
    found = [*scores_of(run), Fact(best, _exact(run.fun), _where(run))]
    if np.isfinite(certificate.gap):
        side = "below the maximum" if run.maximized else "above the minimum"
        by = BY_KIND.get(certificate.kind, "")
        found.append(Fact("Distance", f"at most {_rough(certificate.gap)}", f"{side}; {by}"))
    if np.isfinite(out_of_fold := getattr(run, "out_of_fold_loss", np.nan)):
        found.append(Fact("Loss out of fold", _exact(out_of_fold), "of the rows that a member has not learnt from"))
    if isinstance(run, FitLike):
        epochs = int(run.trace.columns["epoch"][-1])
        found.append(Fact("Work", style.counted(epochs, "epoch"), f"{run.nfev:,} passes over the rows"))
        data = run.data
        if data is not None:
            shape = np.shape(data[0])
            columns = style.counted(shape[1], "column") if len(shape) > 1 else "1 column"
            found.append(Fact("Rows", f"{shape[0]:,}", f"given to the fit, in {columns}"))
        if solver := getattr(run, "solver", ""):
            name, _, serves = solver.partition(": ")
            found.append(Fact("Solver", name, f"for {serves}" if serves else ""))
    else:
        work = f"{style.counted(run.nfev, 'value')} and {style.counted(run.njev, 'gradient')} of the function"
        found.append(Fact("Work", style.counted(run.nit, "step"), work))
    found.append(Fact("Gradient", GRADIENTS.get(run.kind, run.kind), run.why.removeprefix("exact: ")))
    if run.runs:
        values = np.array([each.fun for each in run.runs])
        spent = sum(each.nfev for each in run.runs)
        found.append(Fact("Starts", f"{len(values):,}", f"in {spent:,} values; this is the best of them"))
    return found


def parameters_of(run: ResultLike) -> Parameters | None:
    """Return the parameters of the answer by name, the largest first if they are many.

    Parameters
    ----------
    run : run or fit
        The run.

    Returns
    -------
    Parameters or None
        The parameters; None for networks, trees and features of a kernel, which mean nothing to a reader one by one.
    """
    inner = run.fit if isinstance(run, TableFitLike) else run
    if tree_of(run) is not None or has_members(run) or isinstance(inner, NetworkFitLike):
        return None
    if has_features(inner):
        return None
    flat = flat_of(run.x)
    if flat is None or not flat.size:
        return None
    names = [printable(name, MOST_LETTERS) for name in run.trace.names]
    if len(names) != flat.size:
        names = [f"parameter {k}" for k in range(flat.size)]
    error = np.array(run.certificate.x_error, dtype=float)
    known = error.size == flat.size
    many = flat.size > MOST_SHOWN
    # The sort is stable, so that equal ones keep their order; NaN comes first, as what a reader must see.
    order = np.argsort(-np.nan_to_num(np.abs(flat), nan=np.inf), kind="stable") if many else np.arange(flat.size)
    errors = error if known else np.zeros(flat.size)
    standard, stated = _standard_errors(inner, flat.size)
    rows = [
        (names[k], _exact(_within(flat[k], errors[k])), _standard(standard[k]), _error(errors[k]))
        for k in order[: MOST_SHOWN + MOST_LISTED]
    ]
    heading = f"The {MOST_SHOWN} largest of {flat.size:,} parameters" if many else "Parameters"
    left = max(flat.size - MOST_SHOWN - MOST_LISTED, 0)
    return Parameters(heading, known, stated, rows[:MOST_SHOWN], rows[MOST_SHOWN:], left)


def _standard_errors(fit: object, size: int) -> tuple[np.ndarray, str]:
    """Return the standard errors of the parameters, and what they assume; NaN and "" if there are none."""
    none = np.full(size, math.nan), ""
    if not isinstance(fit, StatedFitLike) or size > MOST_STATED:
        return none
    try:
        found = fit.uncertainty(level=LEVEL)
    except Exception:  # noqa: BLE001 - the user's function may raise anything, and the report goes without
        return none
    return none if found.why or found.flat_errors.size != size else (found.flat_errors, found.label)


def has_features(run: RunLike) -> bool:
    """Tell whether the coefficients of a fit are those of features of a kernel.

    Parameters
    ----------
    run : run or fit
        The run.

    Returns
    -------
    bool
        Whether they are.
    """
    return getattr(getattr(run, "model", None), "map", None) is not None


def flat_of(x: PyTree) -> np.ndarray | None:
    """Return the numbers of a point in the order of their names; None for containers that only JAX knows.

    Parameters
    ----------
    x : float, array, dict, list or tuple
        The point.

    Returns
    -------
    array or None
        The numbers.

    Examples
    --------
    >>> flat_of({"slope": 2.0, "offsets": [1.0, 3.0]})
    array([2., 1., 3.])
    """
    if isinstance(x, dict | list | tuple):
        parts: Sequence[PyTree] = list(x.values()) if isinstance(x, dict) else x
        flat = [flat_of(part) for part in parts]
        if any(part is None for part in flat):
            return None
        return np.concatenate([part for part in flat if part is not None]) if flat else np.zeros(0)
    if np.isscalar(x) or hasattr(x, "__array__"):
        return np.asarray(x, dtype=float).ravel()
    return None


def _within(value: float, error: float) -> float:
    """Return a number without the digits that its error makes meaningless, but for one."""
    if not (0 < error < math.inf and math.isfinite(value)):
        return value
    # The sum with 0 has no sign if it is 0.
    return round(value, 1 - math.floor(math.log10(error))) + 0.0


def _exact(value: float) -> str:
    return f"{value:.8g}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-").replace("-", "−")


def _error(error: float) -> str:
    return f"at most {_rough(error)}" if np.isfinite(error) else "not determined"


def _standard(error: float) -> str:
    return "not determined" if math.isinf(error) else "–" if math.isnan(error) else f"± {_rough(error)}"


def _rough(error: float) -> str:
    return style.number(float(f"{error:.2g}"))


def _where(run: ResultLike) -> str:
    """Return what the value is, or where it was met."""
    if isinstance(run, FitLike):
        return "mean over the rows, penalty included"
    value = np.asarray(run.trace.value, dtype=float)
    if run.success or not np.isfinite(value).any():
        return ""
    # A run may have met its best point outside the steps of its record.
    if not (value == run.fun).any():
        return ""
    row = int(np.nanargmax(np.where(np.isfinite(value), value if run.maximized else -value, np.nan)))
    return (
        "at the start: no later point is better"
        if row == 0
        else f"at step {int(run.trace.columns['iteration'][row]):,}"
    )


def scores_of(run: ResultLike) -> list[Fact]:
    """Return how well the fit of a table predicts rows that were held out.

    Parameters
    ----------
    run : run or fit
        The run.

    Returns
    -------
    list of Fact
        R² or the accuracy; nothing if there is no score.
    """
    score = getattr(run, "score", None)
    if not isinstance(run, TableFitLike) or score is None:
        return []
    on = f"on {style.counted(score.rows, 'row')} held out"
    if score.confusion is not None:
        note = f"{on}; always guessing the most frequent class: {100 * score.baseline:.1f} %"
        return [Fact("Accuracy", f"{100 * score.value:.1f} %", note)]
    if np.isnan(score.value):
        return []
    return [Fact("R²", f"{score.value:.4f}", f"{on}; 0 is guessing the mean, and 1 is perfect")]
