"""The penalty of a fit whose strength is to be chosen: `penalty="auto"` or `"auto-l1"`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from steepest.fitting.strength.choose import choose_strength
from steepest.fitting.strength.lasso import Fitter, choose_l1
from steepest.fitting.strength.record import StrengthPath
from steepest.models import SVM, Linear, Multinomial, losses
from steepest.models.frame import column_deviations
from steepest.models.losses import Loss
from steepest.models.penalties import L1, L2, on_columns
from steepest.printable import quoted
from steepest.types import Function, Rows

AUTO, AUTO_L1 = "auto", "auto-l1"


def auto_refusal(model: object, loss: str | Function | None, held: bool) -> str:
    """Return why the strength of a penalty can't be chosen for a model; "" if it can.

    Parameters
    ----------
    model : model
        The model.
    loss : str or callable
        The loss.
    held : bool
        Whether coefficients have bounds or are fixed.

    Returns
    -------
    str
        The end of a sentence, or "".

    Examples
    --------
    >>> auto_refusal(Linear(), losses.squared, held=False)
    ''
    """
    if not isinstance(model, Linear):
        return "a strength is chosen for linear models alone: give a penalty, or leave it out"
    if isinstance(model, SVM) and model.kernel != "linear":
        return f"no strength is chosen for kernel={quoted(model.kernel)}: give one, such as penalties.L2(1e-3)"
    if not isinstance(losses.named(loss) if isinstance(loss, str) else loss, Loss):
        return "a strength is chosen for losses of the library alone: give one, such as penalties.L2(1e-3)"
    if held:
        return "strengths are compared without bounds and fixed coefficients: give one, such as penalties.L2(1e-3)"
    return ""


def automatic(
    asked: str, fit: Fitter, model: Linear, loss: Loss, X: Rows, y: np.ndarray, weight: np.ndarray,
    levels: Sequence[int] = (),
) -> tuple[L1 | L2 | None, StrengthPath]:  # fmt: skip
    """Return the penalty whose strength predicts best, and how it was chosen.

    Parameters
    ----------
    asked : {"auto", "auto-l1"}
        Whether the penalty is L2 or L1.
    fit : callable
        Fits the model to a fold, for L1: see `choose_l1`.
    model : Linear
        The model.
    loss : Loss
        The loss.
    X : array or sparse array of shape (rows, columns)
        The rows.
    y, weight : array of shape (rows,)
        The targets and the weights, above 0.
    levels : sequence of int
        The columns of 0 and 1 that are levels of categories, which an L2 penalty leaves as they are. In standardised
        columns the mean of 3 rows would be drawn to that of all by as large a part as that of 300.

    Returns
    -------
    L1, L2 or None, StrengthPath
        The penalty, with the scales of the columns; and the path.
    """
    classes = int(model.classes or 0) if isinstance(model, Multinomial) else 0
    kind: type[L1 | L2] = L2
    scales = column_deviations(X, weight)
    if asked == AUTO_L1:
        kind, path = L1, choose_l1(fit, lambda X, params: model(X, *params.values()), loss, X, y, weight, classes)
    else:
        scales[list(levels)] = scales[list(levels)] > 0
        path = choose_strength(loss, X, y, weight, classes, scales)
        path = replace(path, levels=bool(levels))
    if not path.chosen:
        return None, path
    penalty = on_columns(kind(path.chosen, scales="standard"), scales)
    own = path.chosen * np.array(penalty.scales, dtype=float) ** (1 if kind is L1 else 2)
    return penalty, replace(path, own=(float(own.min()), float(own.max())))
