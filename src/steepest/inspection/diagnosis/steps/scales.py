"""Ill-conditioning: the scales of the parameters differ so much that no fixed step suits all of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.cures import by_itself
from steepest.inspection.diagnosis.steps.way import FAR, Way
from steepest.inspection.diagnosis.words import FROM_RECORD, shown
from steepest.printable import listed

NAME = "ill-conditioned"
# With a condition number κ plain descent with the best fixed step shrinks the gap a hundredfold in about 1.15 κ steps:
# at 250 these are about 300, more than a person waits for on purpose.
CROSSING = 250.0
# The parameters that are named, and the share of a vector that names them.
MOST_NAMED, NAMED = 3, 0.4


def ill_conditioned(case: Case, way: Way) -> Iterator[Finding]:
    """Find scales that differ too much for a fixed step.

    Parameters
    ----------
    case : Case
        The run.
    way : Way
        What it did.

    Yields
    ------
    Finding
        The finding, with the coordinates.
    """
    pace = case.pace
    if not (way.is_open or way.stuck is not None) or way.bounces or pace.is_metric or pace.is_scaled or pace.ended:
        return
    # Every network is: its flat directions need not be crossed.
    if case.is_network:
        return
    if not np.isfinite(way.condition) or (case.is_batched and not case.tail.falls):
        return
    if (pace.is_given and not way.wasted < FAR) or (case.curvature is not None and case.curvature.downward > 0.5):
        return
    share = crossing(way, pace.decay)
    confidence = (0.5 + 0.45 * share) * way.trust
    if confidence < 0.5 or (not way.is_open and share < 0.5):
        return
    steep, flat = _named(case, way)
    times = f"{way.condition:,.0f}" if way.condition < 1e6 else f"{way.condition:.1g}"
    names = f", along {flat}" if flat else ""
    text = (
        f"The function is {times} times steeper in one direction{f', along {steep},' if steep else ''} than in another"
        f"{names}: a step short enough for the first hardly moves in the second."
    )
    source = " at the best point" if way.is_probed else " seen on the way"
    evidence = f"The largest curvature{source} is {shown(way.top)}, and that along the way left {shown(way.ahead)}."
    if (after := _rescaled(case)) < 0.5 * way.condition:
        evidence += f" Rescaled parameters would lower the factor to {shown(after)}."
    if not way.is_probed:
        evidence += f" {FROM_RECORD}"
    cure, call = "Leave the step and the direction out: the default rules learn the scales", by_itself(case)
    if case.call is None:
        cure, call = "Rescale the parameters or columns, or use momentum", "momentum = 0.9"
    elif case.fit is not None:
        cure = "Leave the step out, or bring the columns to a common scale, such as (x - x.mean()) / x.std()"
    yield Finding("warning", NAME, text, f"{cure}.", evidence, call, "EigenDisplay", round(confidence, 3))


def crossing(way: Way, decay: float) -> float:
    """Return where a condition number lies between what patience bears and what it does not.

    Parameters
    ----------
    way : Way
        The facts.
    decay : float
        The share of the velocity that remains, which makes steps 1 / (1 - μ) times longer in the long run.

    Returns
    -------
    float
        ½ at the crossing, 0 at a tenth of it or less, and 1 at ten times as much or more.
    """
    condition = way.condition * (1 - decay)
    return float(np.clip(0.5 + 0.5 * np.log10(condition / CROSSING), 0, 1)) if condition > 0 else 0.0


def _named(case: Case, way: Way) -> tuple[str, str]:
    """Return the names of the parameters along the steepest direction, and along the way that is left."""
    found, names = case.curvature, list(case.trace.names)
    fit = case.fit
    is_known = found is not None and (found.is_whole or case.is_quadratic)
    if found is None or not is_known or len(names) != found.vectors.shape[1] or not found.gaps.any():
        return "", ""
    columns = list(getattr(fit, "columns", None) or [])
    names = [_of_column(name, columns) for name in names]

    def along(vector: np.ndarray) -> str:
        order = np.argsort(-np.abs(vector))
        return listed([names[k] for k in order[:MOST_NAMED] if abs(vector[k]) > NAMED])

    flattest = int(np.argmax(found.gaps)) if way.stuck is None else way.stuck
    steep, flat = along(found.vectors[-1]), along(found.vectors[flattest])
    return (steep, flat) if steep != flat else ("", "")


def _of_column(name: str, columns: list[str]) -> str:
    """Return the name of a coefficient: that of its column, if the columns have names."""
    place = name.removeprefix("coef[").removesuffix("]")
    return columns[int(place)] if place.isdigit() and name != place and int(place) < len(columns) else name


def _rescaled(case: Case) -> float:
    """Return the condition number once each parameter is divided by the root of its own curvature."""
    found = case.curvature
    if found is None or not found.is_whole or not found.is_bowl.all():
        return np.inf
    free = case.free
    hessian = (found.vectors.T * found.values @ found.vectors)[np.ix_(free, free)]
    scale = np.sqrt(np.diag(hessian))
    if not (scale > 0).all():
        return np.inf
    values = np.linalg.eigvalsh(hessian / scale / scale[:, None])
    return float(values[-1] / values[0]) if values[0] > 0 else np.inf
