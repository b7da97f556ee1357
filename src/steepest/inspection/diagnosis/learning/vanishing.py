"""Vanishing gradients: the slopes of the first layers are so small beside those of the last that they don't learn."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.learning.cure import picture_of, with_new_start
from steepest.inspection.diagnosis.learning.network import NetworkFacts, network_of
from steepest.inspection.diagnosis.words import FROM_RECORD

NAME = "vanishing gradients"
# The slopes of the first weights have vanished if they are this much smaller than the largest of a later layer: steps
# that suit the last layer then move the first by a hundredth of what it needs. In networks of usual weights it is a
# tenth or more.
VANISHED = 1e-2
# The network has not learnt if it is above this share of the loss of a constant.
NOT_LEARNT = 0.5
# The fewest arrays of weights, from the first to the last, of a network that is deep.
DEEP = 3


def vanishing_gradients(case: Case) -> Iterator[Finding]:
    """Yield a finding if the first layers of a deep network have no slope to speak of, and it has not learnt.

    Parameters
    ----------
    case : Case
        The facts of the run.

    Yields
    ------
    Finding
        The finding.
    """
    network = network_of(case)
    if network is None:
        if (arrays := vanished_arrays(case)) is not None:
            yield _finding(case, *arrays, f"The slopes were recorded. {FROM_RECORD}", "", 0.7)
        return
    if network.remaining < NOT_LEARNT or (found := vanished(network)) is None:
        return
    first, last, ratio, source, sure = found
    yield _finding(
        case,
        first,
        last,
        ratio,
        f"Measured by {source}." if case.function.is_at_hand else f"Seen in {source}. {FROM_RECORD}",
        with_new_start(case, network),
        sure,
    )


def vanished(network: NetworkFacts) -> tuple[str, str, float, str, float] | None:
    """Return the first weights and the array of the largest slope, their ratio, its source, and how sure it is.

    Parameters
    ----------
    network : NetworkFacts
        The network.

    Returns
    -------
    tuple or None
        None if the slopes have not vanished, or are not known.
    """
    if len(network.weights) < DEEP or not np.isfinite(network.case.value).all():
        return None
    sizes, source, sure = _slopes(network)
    first = network.weights[0].name
    if first not in sizes or len(sizes) < 2:
        return None
    last = max((name for name in sizes if name != first), key=lambda name: sizes[name])
    ratio = sizes[first] / sizes[last] if sizes[last] > 0 else 0.0
    return (first, last, ratio, source, sure if ratio < VANISHED / 10 else 0.7 * sure) if 0 < ratio < VANISHED else None


def _slopes(network: NetworkFacts) -> tuple[dict[str, float], str, float]:
    """Return the norm of the slope of each array at the start, where that comes from, and how sure it is."""
    slope = network.slope_at_start
    if slope is not None and np.isfinite(slope).all():
        sizes = {leaf.name: float(np.linalg.norm(leaf.of(slope))) for leaf in network.leaves}
        return sizes, "the gradient at the start", 0.96 if network.slopes is None else 0.85
    points = network.case.points
    if points is not None and len(points) > 1 and np.isfinite(points).all():
        # A first plain step is the gradient, but for a factor.
        step = points[1] - points[0]
        return (
            {leaf.name: float(np.linalg.norm(leaf.of(step))) for leaf in network.leaves},
            "the first step",
            0.75,
        )
    return {}, "", 0.0


def vanished_arrays(case: Case) -> tuple[str, str, float] | None:
    """Return the arrays of the least and the largest slope that a loop of the user's recorded, and their ratio.

    Parameters
    ----------
    case : Case
        The facts of the run.

    Returns
    -------
    tuple or None
        None if the slopes have not vanished, or are not known.
    """
    given = getattr(case.run, "leaf_slopes", None) or {}
    rows = {name: np.asarray(each, dtype=float) for name, each in given.items()}
    sizes = {name: float(np.nanmedian(each)) for name, each in rows.items() if np.isfinite(each).any()}
    value = case.value
    is_finite = len(value) > 1 and np.isfinite(value).all() and value[-1] <= value[0]
    if len(sizes) < 2 * DEEP - 1 or not is_finite or value.min() < NOT_LEARNT * value[0]:
        return None
    first, last = min(sizes, key=lambda name: sizes[name]), max(sizes, key=lambda name: sizes[name])
    return (first, last, sizes[first] / sizes[last]) if 0 < sizes[first] < VANISHED * sizes[last] else None


def _finding(case: Case, first: str, last: str, ratio: float, source: str, call: str, sure: float) -> Finding:
    text = (
        f"The first layers hardly learn: the slope of {first} is {1 / ratio:,.0f} times smaller than that of {last}, "
        "because it shrinks from layer to layer."
    )
    cure = "Start with weights scaled to the number of inputs, of variance 1 / inputs; fewer layers help too."
    evidence = f"The loss has hardly fallen below that of a constant. {source}"
    return Finding("warning", NAME, text, cure, evidence, call, picture_of(case), sure)
