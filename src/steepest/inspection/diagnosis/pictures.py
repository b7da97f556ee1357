"""Which display shows a finding, if it can be drawn from the run."""

from __future__ import annotations

import numpy as np

from steepest.inspection.diagnosis.case import Case
from steepest.inspection.plots.causes.eigen import MOST_PARAMETERS

# Displays that evaluate the function.
OF_FUNCTION = frozenset(
    {
        "ContourDisplay",
        "CurveDisplay",
        "DivergenceDisplay",
        "EffectiveRateDisplay",
        "EigenDisplay",
        "LedgerDisplay",
        "NoiseConeDisplay",
        "SliceDisplay",
        "StabilityDisplay",
        "WrongGradientDisplay",
    }
)
# Displays of the steps between recorded points, which must follow each other.
OF_STEPS = frozenset({"DivergenceDisplay", "LedgerDisplay", "StabilityDisplay"})
# Displays of the rows of a fit.
OF_ROWS = frozenset({"ConfusionDisplay", "EffectsDisplay", "PredictedDisplay", "ResidualsDisplay"})
# The display that draws any run.
ANY = "DescentDisplay"


def of_function(case: Case) -> str:
    """Return the display of the function around the path, by the number of its parameters.

    Parameters
    ----------
    case : Case
        The run.

    Returns
    -------
    str
        The name of the display.
    """
    x = case.points
    if x is None:
        return ANY
    if x.shape[1] < 3:
        return "CurveDisplay" if x.shape[1] == 1 else "ContourDisplay"
    finite = x[np.isfinite(x).all(axis=1)]
    return "SliceDisplay" if len(finite) and np.ptp(finite, axis=0).any() else "EigenDisplay"


def drawable(case: Case, name: str) -> str:
    """Return a display, or in its place one that can be drawn from the run.

    Parameters
    ----------
    case : Case
        The run.
    name : str
        The display that shows a finding best; "" if none does.

    Returns
    -------
    str
        Its name; that of the display that draws any run if the function, the points or the rows are not at hand.
    """
    x = case.points
    if name in OF_ROWS and case.basis is None and getattr(case.fit, "data", None) is None:
        return ANY
    if name in OF_FUNCTION and (x is None or not case.function.exists):
        return ANY
    if name == "EigenDisplay" and (x is None or x.shape[1] > MOST_PARAMETERS):
        return "EffectiveRateDisplay" if case.trace.stride == 1 else ANY
    finite = 0 if x is None else np.count_nonzero(np.isfinite(x).all(axis=1) & np.isfinite(case.value))
    return ANY if name in OF_STEPS and (case.trace.stride > 1 or finite < 2) else name
