"""Which units of a network learn nothing, seen from outside: by the parameters that never move, or have no slope."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.learning.network import Leaf, NetworkFacts

# Rows of a trace that are too few to tell what never moves.
FEWEST_ROWS = 5


@dataclass(frozen=True)
class Still:
    """The units of one layer that are still.

    Parameters
    ----------
    layer : str
        The name of the weights that lead to them.
    count, units : int
        How many are still, and how many there are.
    """

    layer: str
    count: int
    units: int


def still_units(network: NetworkFacts) -> tuple[list[Still], str]:
    """Return the units whose weights in and out of them have no slope at all in the last half, and how that was seen.

    A unit that has no effect has no slope by the weights that lead to it, and none by those that lead away from it.

    Parameters
    ----------
    network : NetworkFacts
        The network.

    Returns
    -------
    list of Still, str
        The layers with such units, and where it comes from.
    """
    moving, source = _moving(network)
    if moving is None or not moving.any():
        return [], source
    still = ~moving
    found = []
    for before, after in zip(network.weights, network.weights[1:], strict=False):
        if (pair := _between(before, after, still)) is not None and pair.any():
            found.append(Still(before.name, int(pair.sum()), pair.size))
    return found, source


def still_arrays(case: Case) -> list[str]:
    """Return the arrays whose recorded slope was always zero, though that of another array was not.

    Parameters
    ----------
    case : Case
        The facts of the run.

    Returns
    -------
    list of str
        Their names, if there are at least two: the weights to the dead units of a layer, and those away from them.
    """
    slopes = getattr(case.run, "leaf_slopes", None) or {}
    rows = {name: np.asarray(each, dtype=float) for name, each in slopes.items()}
    rows = {name: each[np.isfinite(each)] for name, each in rows.items()}
    still = [name for name, each in rows.items() if len(each) > FEWEST_ROWS and not each.any()]
    return still if 1 < len(still) < len(rows) else []


def _moving(network: NetworkFacts) -> tuple[np.ndarray | None, str]:
    """Return which parameters have a slope, or move, in the last half of the run."""
    slopes = network.slopes
    if slopes is not None:
        rows = slopes[len(slopes) // 2 :]
        rows = rows[np.isfinite(rows).all(axis=1)]
        if len(rows):
            return (rows != 0).any(axis=0), "the recorded gradients"
    points = network.case.points
    if points is not None and len(points) > FEWEST_ROWS:
        half = points[len(points) // 2 :]
        if np.isfinite(half).all():
            moved = np.ptp(half, axis=0) > 0
            if moved.any():
                return moved, "the recorded points"
            # All have come to rest; what never moved at all tells.
            return (np.ptp(points, axis=0) > 0), "the recorded points"
    return None, ""


def _between(before: Leaf, after: Leaf, still: np.ndarray) -> np.ndarray | None:
    """Return for each unit between two layers whether all weights that lead to it and away from it are still."""
    into, out = _by_unit(before, still, last=True), _by_unit(after, still, last=False)
    if len(into) != len(out):
        # The weights are laid out as W @ x, with a row for each unit.
        into, out = _by_unit(before, still, last=False), _by_unit(after, still, last=True)
    return into & out if len(into) == len(out) > 1 else None


def _by_unit(leaf: Leaf, still: np.ndarray, last: bool) -> np.ndarray:
    if len(leaf.shape) < 2:
        return leaf.of(still)
    own = np.moveaxis(leaf.of(still).reshape(leaf.shape), -1 if last else 0, 0)
    return np.asarray(own.reshape(len(own), -1).all(axis=1))
