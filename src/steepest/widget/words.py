"""`in_words`: how a descent with a fixed rate ended, for one who tries rates out."""

from __future__ import annotations

import math

from steepest.descent.run import Run
from steepest.inspection.plots.style import counted, number
from steepest.trace import Outcome

# The share of the descent, or of the minimum itself, below which a distance is the rounding of values: about 100 ε.
ROUNDING = 2e-14


def in_words(run: Run, least: float, curvature: float, momentum: float) -> str:
    """Return in plain words how a descent with a fixed rate ended.

    Parameters
    ----------
    run : Run
        The descent.
    least : float
        The value of the minimum; NaN if none is known.
    curvature : float
        The largest curvature there; NaN if it is not known.
    momentum : float
        The share of the velocity that remains.

    Returns
    -------
    str
        One to three sentences.

    Examples
    --------
    >>> import steepest as st
    >>> run = st.gradient_descent(lambda x: x**2, 1.0, learning_rate=0.25, iterations=1)
    >>> in_words(run, least=0.0, curvature=2.0, momentum=0.0)
    'After 1 step the value is 0.25, which is 0.25 above the minimum. Near it, rates below 1 settle.'
    """
    # Gradient descent on a quadratic function of curvature λ contracts below the rate 2 (1 + μ) / λ.
    ceiling = 2 * (1 + momentum) / curvature
    hint = f" Near it, rates below {number(ceiling)} settle." if math.isfinite(ceiling) else ""
    value = run.trace.value
    first, last = float(value[0]), float(value[-1])
    steps = counted(len(value) - 1, "step")
    if run.outcome is Outcome.NON_FINITE:
        return f"After {steps} a step met a value that is not finite. Try a smaller learning rate, or another start."
    if run.outcome is Outcome.DIVERGED:
        rise = f"the value rose from {number(first)} to {number(last)}" if math.isfinite(last) else "there is no value"
        near = f" Near the minimum, rates below {number(ceiling)} settle." if math.isfinite(ceiling) else ""
        return f"It diverged: after {steps} {rise}. Try a smaller learning rate.{near}"
    if run.outcome is not Outcome.COMPLETED:
        return run.message
    above = last - least
    said = f"After {steps} the value is {number(last)}"
    if abs(above) <= ROUNDING * max(abs(first - least), abs(least)):
        return f"{said}, which is the minimum up to rounding.{hint}"
    if math.isfinite(above) and above >= 0:
        return f"{said}, which is {number(above)} above the minimum.{hint}"
    if math.isfinite(above):
        return f"{said}, lower than the minimum that `minimize` found from the first start, {number(least)}."
    return f"{said}, and it was {number(first)} at the start."
