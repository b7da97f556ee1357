"""The end of a small descent: Newton's steps from the best point, and the audit of the answer.

The steps are those of `Polish`, and the audit is that of `audit` and `Modes`, with the same constants; both agree with
them up to rounding. Only the plainest case is computed: one Hessian, at least one Newton step, and a minimum that the
`Judge` would accept without a further value. In all other cases nothing is returned, and the `Driver` descends.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from steepest.derivatives.compiled import Slope
from steepest.derivatives.differences import EPS
from steepest.descent.driver import DOUBTFUL
from steepest.descent.verdict.audit import ROUNDINGS, SOFT, SURE
from steepest.descent.verdict.evaluator import SMALL_GAP
from steepest.descent.verdict.modes import MOST_LOST, NARROW, SHALLOW
from steepest.descent.verdict.polish import CONTRACTED, MOST_CHORDS, ROUGH
from steepest.descent.verdict.rays import DRIVEN, LONG

# The step of the differences of gradients, as a share of the size of a coordinate.
SHORT = EPS ** (1 / 3)
# The rounding error of a curvature, as `audit` has it for differences.
UNSURE = 512 * EPS
# Points, a row each, to gradients, a row each.
Slopes = Callable[[np.ndarray], np.ndarray]


class Settled(NamedTuple):
    """The minimum at the end of a descent; values and gradients have the sign in which they are minimised.

    Attributes
    ----------
    x, gradient : array of shape (n,)
        The answer, and the gradient there.
    value, gap, tolerance : float
        The value, how far it may be above the minimum, and the gap that rounding hides.
    curvature : tuple of float
        The smallest and the largest curvature.
    error : tuple of float
        How far each coordinate may be from the minimum.
    taken, spent : int
        How many Newton steps were taken, and how many gradients were computed.
    """

    x: np.ndarray
    gradient: np.ndarray
    value: float
    gap: float
    tolerance: float
    curvature: tuple[float, float]
    error: tuple[float, ...]
    taken: int
    spent: int


class Model(NamedTuple):
    """The Hessian at a point, and what follows from it.

    Attributes
    ----------
    hessian, size : array
        The Hessian, and its entries without their signs.
    directions, curvatures : array
        Its modes, a column each, and the curvature along each.
    inverse : array
        Its inverse.
    ends : tuple of float
        The smallest and the largest eigenvalue.
    floor : float
        The rounding error of the value.
    """

    hessian: np.ndarray
    size: np.ndarray
    directions: np.ndarray
    curvatures: np.ndarray
    inverse: np.ndarray
    ends: tuple[float, float]
    floor: float


class Point(NamedTuple):
    """A point that a Newton step has reached, with the share of the slope along each mode that the step left."""

    x: np.ndarray
    value: float
    gradient: np.ndarray
    left: np.ndarray


def settle(
    slope: Callable[[np.ndarray], Slope], slopes: Slopes, here: Point, start: np.ndarray, first: float
) -> Settled | None:  # fmt: skip
    """Return the minimum that Newton's steps from a point lead to; None unless it is one beyond doubt.

    `first` is the value at the start; `slopes` returns the gradients at several points.
    """
    n = start.size
    least = np.minimum(np.abs(start), 1.0)
    scale = _positive(np.maximum(np.abs(here.x), np.abs(start)))
    model = _model(slopes, here, scale, least)
    if model is None:
        return None
    error = (ROUNDINGS * EPS) * model.size.dot(np.maximum(np.abs(here.x), least))
    shares = np.abs(model.directions)
    end, taken, tried = _by_chords(slope, model, here, least, shares.T.dot(error))
    if not taken:
        # No step has tested the Hessian.
        return None
    x, gradient, value = end.x, end.gradient, end.value
    step = model.inverse.dot(gradient)
    gain = float(gradient.dot(step)) / 2
    descent = first - value
    if not (gain <= model.floor and _is_simple(x, step, start, least) and _is_deep(model, shares, scale, descent)):
        return None

    # Errors of the gradient: of rounding x, and as another gradient nearby shows them.
    error = np.maximum(error, (ROUNDINGS * EPS) * model.size.dot(np.maximum(np.abs(x), least)))
    slopes_left, doubled = np.abs(gradient.dot(model.directions)), 2 * end.left
    if ((doubled > MOST_LOST) & (slopes_left > shares.T.dot(error))).any():
        return None
    move = (ROUGH * EPS) * np.maximum(np.abs(x), _positive(least)) * _signs(n)
    error = np.maximum(error, 2 * np.abs(slope(x + move)[1] - gradient - model.hessian.dot(move)))
    stretch = 1 / (1 - np.minimum(doubled, MOST_LOST))
    distances, longest = stretch * slopes_left / model.curvatures, float(stretch.max())
    reached = longest * np.abs(model.inverse).dot(error)
    hidden = float(error.dot(reached)) / 2
    gap = float(model.curvatures.dot(distances * distances)) / 2 + hidden
    gained = max(descent, abs(value))
    # A large gap needs more evidence, or is none of a minimum. An infinite or undefined one fails, too.
    known = gap <= gained and gap <= DOUBTFUL * (abs(value) + abs(descent))
    if not (known and gap - hidden <= max(model.floor, SMALL_GAP * gained)):
        return None
    return Settled(
        x, gradient, value, gap, max(model.floor, gap - gain), model.ends,
        tuple((shares.dot(distances) + reached).tolist()), taken, 2 * n + tried + 1,
    )  # fmt: skip


def _model(slopes: Slopes, here: Point, scale: np.ndarray, least: np.ndarray) -> Model | None:
    """Return the Hessian by differences of gradients; None unless f surely curves up along each direction."""
    x, n = here.x, here.x.size
    steps = scale * SHORT
    gradients = slopes(x + _moves(n) * steps)
    raw = (gradients[:n] - gradients[n:]) / ((x + steps) - (x - steps))[:, None]
    hessian, asymmetry = (raw + raw.T) / 2, np.abs(raw - raw.T) / 2
    size, here_size = np.abs(hessian), np.abs(x)
    diagonal = size.diagonal()
    if not (diagonal > UNSURE * (size.dot(here_size) + np.abs(here.gradient)) / steps).all():
        # Also if something is not a number.
        return None
    units = 1 / np.sqrt(diagonal)
    both = units[:, None] * units
    scaled = hessian * both
    if not math.isfinite(scaled.sum()):
        return None
    curvatures, vectors = np.linalg.eigh(scaled)
    lowest, highest = float(curvatures[0]), float(curvatures[-1])
    unsure = math.sqrt(float(((asymmetry * both) ** 2).sum())) + n * EPS * highest
    if not (lowest > SURE * unsure and lowest >= SOFT * highest):
        return None
    directions = units[:, None] * vectors
    ends = np.linalg.eigvalsh(hessian)
    rounding = EPS * np.maximum(here_size, least)
    floor = 4 * EPS * abs(here.value) + float(rounding.dot(size.dot(rounding)))
    inverse = (directions / curvatures).dot(directions.T)
    return Model(hessian, size, directions, curvatures, inverse, (max(float(ends[0]), 0.0), float(ends[-1])), floor)


def _by_chords(
    slope: Callable[[np.ndarray], Slope], model: Model, here: Point, least: np.ndarray, blur: np.ndarray
) -> tuple[Point, int, int]:
    """Take Newton steps with one Hessian while each leaves at most a quarter of the gain.

    `blur` is the error of the slope along each mode. Return the last point, the number of steps, and that of the steps
    that were tried. If a step raises the value although it shrinks the gradient, no step counts.
    """
    x, value, gradient, left = here
    step = model.inverse.dot(gradient)
    decrement, taken, tried = float(gradient.dot(step)), 0, 0
    along = np.abs(gradient.dot(model.directions))
    while taken < MOST_CHORDS and decrement > 0:
        new = x - step
        if (np.abs(step) <= EPS * np.maximum(np.abs(x), least)).all() or (new == x).all():
            break
        new_value, new_gradient = slope(new)
        tried += 1
        new_step = model.inverse.dot(new_gradient)
        new_decrement = float(new_gradient.dot(new_step))
        if not new_decrement <= CONTRACTED * decrement:
            break
        if not new_value <= value + model.floor:
            return here, 0, tried
        new_along = np.abs(new_gradient.dot(model.directions))
        visible = (along > 0) & (new_along > blur)
        left = np.divide(new_along, along, out=left.copy(), where=visible)
        x, value, gradient, step, decrement, along = new, new_value, new_gradient, new_step, new_decrement, new_along
        taken += 1
    return Point(x, value, gradient, left), taken, tried


def _is_simple(x: np.ndarray, step: np.ndarray, start: np.ndarray, least: np.ndarray) -> bool:
    """Tell whether the next step is so short, and x so near the start, that nothing suggests a lower value far out."""
    for at, move, begun, small in zip(*(vector.tolist() for vector in (x, step, start, least)), strict=True):
        size, length = abs(at), abs(move)
        is_short = length <= LONG * max(size, small) and length <= NARROW * max(size, small or 1.0)
        if not (is_short and size <= DRIVEN * max(abs(begun), 1.0)):
            return False
    return True


def _is_deep(model: Model, shares: np.ndarray, scale: np.ndarray, descent: float) -> bool:
    """Tell whether f rises along each mode, over the size of x, by more than a small share of the descent."""
    reach = (shares / np.maximum(scale, 1.0)[:, None]).max(axis=0)
    return bool((model.curvatures > 2 * SHALLOW * abs(descent) * reach * reach).all())


def _positive(sizes: np.ndarray) -> np.ndarray:
    """Return sizes, with 1 in place of 0."""
    return sizes if sizes.all() else np.where(sizes == 0, 1.0, sizes)


@cache
def _signs(n: int) -> np.ndarray:
    """Return the signs of a step by which rounding errors are measured."""
    return np.where(np.arange(n) % 2, -1.0, 1.0)


@cache
def _moves(n: int) -> np.ndarray:
    """Return the steps of the differences, a row each, as multiples of those of the coordinates."""
    return np.concatenate([np.eye(n), -np.eye(n)])
