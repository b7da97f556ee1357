"""The call of a run with other arguments, as the cure of a finding."""

from __future__ import annotations

from typing import Any

from steepest.inspection.diagnosis.case import Case

# The arguments that choose the steps, and those that limit their number.
RULES = ("direction", "step", "learning_rate")
LIMITS = ("iterations", "epochs", "evaluations", "seconds")


def changed(case: Case, **changes: Any) -> str:
    """Return the call of the run with other arguments; "" if the call is not known.

    Parameters
    ----------
    case : Case
        The run.
    **changes : object
        The arguments; those that are None are left out.

    Returns
    -------
    str
        The code.
    """
    return "" if case.call is None else str(case.call.changed(**changes))


def by_itself(case: Case, **changes: Any) -> str:
    """Return the call without steps and limits of the user's own; "" if the call is not known.

    Parameters
    ----------
    case : Case
        The run.
    **changes : object
        Further arguments to change.

    Returns
    -------
    str
        The code.
    """
    extra = ("rescale",) if case.call is not None and case.call.name == "fit" else ()
    return changed(case, **{**dict.fromkeys((*RULES, *LIMITS, *extra)), **changes})
