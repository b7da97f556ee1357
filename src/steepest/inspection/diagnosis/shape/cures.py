"""Cures for a function that has the wrong shape for the run: other starts, or the rules that steepest chooses."""

from __future__ import annotations

from steepest.inspection.diagnosis.case import Case

# Restarts that usually meet most of the minima nearby. Chosen, not measured.
RESTARTS = 20
MINIMIZERS = ("minimize", "maximize", "gradient_descent")


def said(message: str) -> str:
    """Return what the message of a run says after its outcome, as a sentence.

    Parameters
    ----------
    message : str
        The message.

    Returns
    -------
    str
        The sentence.

    Examples
    --------
    >>> said("saddle: the curvature is negative along x")
    'The curvature is negative along x.'
    """
    words = message.partition(": ")[2] or message
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."


def restarted(case: Case) -> str:
    """Return the call with restarts, and the rules that are chosen; "" if the call takes none.

    Parameters
    ----------
    case : Case
        The run.

    Returns
    -------
    str
        The code.
    """
    call = case.call
    if call is None or call.name not in MINIMIZERS:
        return ""
    name = "minimize" if call.name == "gradient_descent" else None
    left_out = dict.fromkeys(("step", "learning_rate", "direction", "iterations"))
    return str(call.changed(name, **left_out, restarts=RESTARTS, rng=0))
