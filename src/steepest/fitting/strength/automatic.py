"""The penalty of a fit whose strength is to be chosen: `penalty="auto"`, `"auto-l1"` or `"auto-elasticnet"`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from steepest.fitting.strength.choose import choose_strength
from steepest.fitting.strength.lasso import RATIOS, choose_l1
from steepest.fitting.strength.record import StrengthPath
from steepest.models import SVM, Linear, Multinomial, losses
from steepest.models.frame import column_deviations
from steepest.models.losses import Loss
from steepest.models.penalties import L1, L2, ElasticNet, named, on_columns
from steepest.printable import quoted
from steepest.types import Function, Rows

AUTO, AUTO_L1, AUTO_NET = AUTOMATIC = "auto", "auto-l1", "auto-elasticnet"


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
    asked: str, model: Linear, loss: Loss, X: Rows, y: np.ndarray, weight: np.ndarray, levels: Sequence[int] = ()
) -> tuple[L1 | L2 | ElasticNet | None, StrengthPath]:
    """Return the penalty whose strength predicts best, and how it was chosen.

    Parameters
    ----------
    asked : {"auto", "auto-l1", "auto-elasticnet"}
        Whether the penalty is L2, L1 or both.
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
    L1, L2, ElasticNet or None, StrengthPath
        The penalty, with the scales of the columns; and the path.
    """
    classes = int(model.classes or 0) if isinstance(model, Multinomial) else 0
    scales = column_deviations(X, weight)
    if asked == AUTO:
        scales[list(levels)] = scales[list(levels)] > 0
        path = choose_strength(loss, X, y, weight, classes, scales)
        path = replace(path, levels=bool(levels))
    else:
        path = choose_l1(loss, X, y, weight, classes, *([RATIOS] if asked == AUTO_NET else []))
    if not path.chosen:
        return None, path
    penalty = named(path.kind, path.chosen, path.l1_ratio or 1.0, scales="standard")
    penalty = on_columns(penalty, scales)
    if path.kind == "elasticnet":
        # Its two parts change with the units in two ways.
        return penalty, path
    own = path.chosen * np.array(penalty.scales, dtype=float) ** (1 if path.kind == "l1" else 2)
    return penalty, replace(path, own=(float(own.min()), float(own.max())))
