"""Cures by other steps, or another number of them."""

from __future__ import annotations

import math
from typing import Any

from steepest.inspection.diagnosis.case import Case


def with_step(case: Case, step: float, count: float | None = None) -> str:
    """Return the call with another fixed step, and a number of steps if the given one does not do.

    Parameters
    ----------
    case : Case
        The run.
    step : float
        The step size.
    count : float, optional
        The number of steps.

    Returns
    -------
    str
        The code; for a loop of the user's own, an assignment.
    """
    size = rounded(step)
    if case.call is None:
        return f"learning_rate = {size:g}"
    name = "learning_rate" if case.call.name == "gradient_descent" else "step"
    changes: dict[str, Any] = {name: size, **({} if count is None else _counted(case, count))}
    return str(case.call.changed(**changes))


def with_count(case: Case, count: float) -> str:
    """Return the call with another number of steps.

    Parameters
    ----------
    case : Case
        The run.
    count : float
        The number of steps.

    Returns
    -------
    str
        The code; for a loop of the user's own, an assignment.
    """
    if case.call is None:
        if "epoch" not in case.trace.columns:
            return f"iterations = {whole(count)}"
        # A log that counts epochs is of a loop whose length is given in them.
        return f"epochs = {whole(count * float(case.column('epoch')[-1]) / max(case.pace.count, 1.0))}"
    return str(case.call.changed(**_counted(case, count)))


def _counted(case: Case, count: float) -> dict[str, Any]:
    """Return a number of steps as an argument, and lift limits that would stop the run before."""
    call = case.call
    if call is None:
        return {}
    if not call.name.startswith("fit"):
        return {"iterations": whole(count), "evaluations": None, "seconds": None}
    updates = max(case.pace.count, 1.0)
    epochs = float(case.column("epoch")[-1]) if "epoch" in case.trace.columns else updates
    return {"epochs": whole(count * epochs / updates), "seconds": None}


def whole(count: float) -> int:
    """Return a number of steps, rounded up to two digits.

    Parameters
    ----------
    count : float
        The number.

    Returns
    -------
    int
        The number with two digits.

    Examples
    --------
    >>> whole(24.2), whole(1234)
    (25, 1300)
    """
    power = 10 ** max(math.floor(math.log10(max(count, 1.0))) - 1, 0)
    return int(math.ceil(count / power) * power)


def rounded(step: float) -> float:
    """Return a step size, rounded down to two digits, so that it stays below a limit.

    Parameters
    ----------
    step : float
        The step size.

    Returns
    -------
    float
        The step size with two digits.

    Examples
    --------
    >>> rounded(0.0998)
    0.099
    """
    power = 10.0 ** (math.floor(math.log10(step)) - 1)
    return float(f"{math.floor(step / power * (1 + 1e-9)) * power:.2g}")
