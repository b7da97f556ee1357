"""The end of a small descent: Newton's steps from the best point, and the audit of the answer.

The steps are those of `Polish`, and the audit is that of `audit` and `Modes`, with the same constants; both agree with
them up to rounding. Vectors are lists here: for so few coordinates the numbers of Python take a fraction of the time
that arrays do. Only the plainest case is computed: one Hessian, and a minimum that the `Judge` would accept
without a further value. In all other cases nothing is returned, and the `Driver` descends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from operator import add, mul, sub, truediv
from typing import NamedTuple

import numpy as np

from steepest.derivatives.differences import EPS
from steepest.descent.driver import DOUBTFUL
from steepest.descent.verdict.audit import FLOORS, ROUNDINGS, SOFT, SURE
from steepest.descent.verdict.evaluator import SMALL_GAP
from steepest.descent.verdict.modes import MOST_LOST, NARROW, SHALLOW
from steepest.descent.verdict.polish import CONTRACTED, MOST_CHORDS, REMOTE, ROUGH
from steepest.descent.verdict.rays import DRIVEN, LONG

# The step of the differences of gradients, as a share of the size of a coordinate.
SHORT = EPS ** (1 / 3)
# The rounding error of a curvature by differences, as `audit` has it.
UNSURE = 512 * EPS

Vector = list[float]
Matrix = list[Vector]
# Points to the gradients and the values there: a row each, with the value at its end.
SlopesAt = Callable[[Matrix], Matrix]


class Point(NamedTuple):
    """A point, with the value and the gradient there."""

    x: Vector
    value: float
    gradient: Vector


class Settled(NamedTuple):
    """The minimum at the end of a descent; values and gradients have the sign in which they are minimised.

    Attributes
    ----------
    point : Point
        The answer.
    gap, tolerance : float
        How far the value may be above the minimum, and the gap that rounding hides.
    curvature : tuple of float
        The smallest and the largest curvature.
    error : tuple of float
        How far each coordinate may be from the minimum.
    taken, spent : int
        How many Newton steps were taken, and how many gradients were computed.
    """

    point: Point
    gap: float
    tolerance: float
    curvature: tuple[float, float]
    error: tuple[float, ...]
    taken: int
    spent: int


class Reached(NamedTuple):
    """The point that a Newton step has reached.

    Attributes
    ----------
    point : Point
        The point.
    left : vector
        The share of the slope along each mode that the step has left.
    move, nearby : vector
        A step of a few rounding errors, and the gradient after it.
    """

    point: Point
    left: Vector
    move: Vector
    nearby: Vector


class Model(NamedTuple):
    """The Hessian at a point, and what follows from it.

    Attributes
    ----------
    hessian, size : matrix
        The Hessian, and its entries without their signs.
    modes : matrix
        Its modes, a row each.
    curvatures : vector
        The curvature along each mode.
    inverse : matrix
        The inverse of the Hessian.
    ends : tuple of float
        Its smallest and its largest eigenvalue.
    floor : float
        The rounding error of the value.
    """

    hessian: Matrix
    size: Matrix
    modes: Matrix
    curvatures: Vector
    inverse: Matrix
    ends: tuple[float, float]
    floor: float


def settle(slopes: SlopesAt, here: Point, start: Vector, first: float) -> Settled | None:
    """Return the minimum that Newton's steps from a point lead to; None unless it is one beyond doubt.

    `first` is the value at the start.
    """
    n = len(start)
    least = [min(abs(begun), 1.0) for begun in start]
    scale = [max(abs(at), abs(begun)) or 1.0 for at, begun in zip(here.x, start, strict=True)]
    model = _model(slopes, here, scale, least)
    if model is None:
        return None
    error = _rounding(model, here.x, least)
    shares = [sizes(mode) for mode in model.modes]
    blur = times(shares, error)
    found = _by_chords(slopes, model, here, least, blur)
    if found is None:
        return None
    end, taken, tried = found
    if not taken:
        # No step has tested the Hessian.
        closer = _close(slopes, model, here, least, blur)
        if closer is None:
            return None
        end, tried = closer, tried + 1
    (x, value, gradient), left, move, nearby = end
    step = times(model.inverse, gradient)
    gain, descent = dot(gradient, step) / 2, first - value
    if taken and _is_remote(here.x, x, scale, least):
        return None
    # The rounding error of the value shrinks with the value.
    floor = max(model.floor - FLOORS * EPS * (abs(here.value) - abs(value)), FLOORS * EPS * abs(value))
    if not (gain <= floor and _is_simple(x, step, start, least) and _is_deep(model, shares, scale, descent)):
        return None

    # Errors of the gradient: of rounding x, and as another gradient nearby shows them.
    error = larger(error, _rounding(model, x, least))
    along = sizes(times(model.modes, gradient))
    blur = times(shares, error)
    if any(2 * q > MOST_LOST and here > hidden for q, here, hidden in zip(left, along, blur, strict=True)):
        return None
    rough = minus(minus(nearby, gradient), times(model.hessian, move))
    if not math.isfinite(sum(rough)):
        return None
    error = larger(error, [2 * abs(entry) for entry in rough])
    stretch = [1 / (1 - min(2 * q, MOST_LOST)) for q in left]
    distances = [s * slope / curvature for s, slope, curvature in zip(stretch, along, model.curvatures, strict=True)]
    longest = max(stretch)
    reached = [longest * dot(sizes(row), error) for row in model.inverse]
    hidden = dot(error, reached) / 2
    gap = dot(model.curvatures, map(mul, distances, distances)) / 2 + hidden
    gained = max(descent, abs(value))
    # A large gap needs more evidence, or is none of a minimum.
    known = gap <= gained and gap <= DOUBTFUL * (abs(value) + abs(descent))
    # Without a descent nothing shows that f is no plateau, whose curvature comes from rounding errors.
    known = known and descent > floor
    if not (known and gap - hidden <= max(floor, SMALL_GAP * gained)):
        return None
    x_error = tuple(
        dot(column, distances) + one for column, one in zip(zip(*shares, strict=True), reached, strict=True)
    )
    # The last gradient of `_by_chords` is one more; those near the other points come for nothing.
    return Settled(end.point, gap, max(floor, gap - gain), model.ends, x_error, taken, 2 * n + tried + 1)


def _model(slopes: SlopesAt, here: Point, scale: Vector, least: Vector) -> Model | None:
    """Return the Hessian by differences of gradients; None unless f surely curves up along each direction."""
    x, n = here.x, len(here.x)
    steps = [SHORT * size for size in scale]
    up, down = plus(x, steps), minus(x, steps)
    gradients = slopes([[*x[:k], ends[k], *x[k + 1 :]] for ends in (up, down) for k in range(n)])
    raw = [
        # Both rows end with a value, which is no part of the gradient.
        [(after - before) / width for after, before, _ in zip(gradients[k], gradients[n + k], x, strict=False)]
        for k, width in enumerate(minus(up, down))
    ]
    hessian, size, far = [row.copy() for row in raw], [row.copy() for row in raw], sizes(x)
    for k in range(n):
        for i in range(k + 1):
            hessian[k][i] = hessian[i][k] = entry = (raw[k][i] + raw[i][k]) / 2
            size[k][i] = size[i][k] = abs(entry)
    units = []
    for k, row in enumerate(size):
        if not row[k] > UNSURE * (dot(row, far) + abs(here.gradient[k])) / steps[k]:
            # Also if something is not a number.
            return None
        units.append(1 / math.sqrt(row[k]))
    scaled, asymmetry = [row.copy() for row in raw], 0.0
    for k, unit in enumerate(units):
        for i in range(k + 1):
            both = unit * units[i]
            scaled[k][i] = scaled[i][k] = hessian[k][i] * both
            # Half of the difference, in two places.
            odd = (raw[k][i] - raw[i][k]) * both
            asymmetry += odd * odd / 2
    if not math.isfinite(asymmetry + sum(map(sum, scaled))):
        return None
    curvatures, vectors = eigen(scaled)
    ends, _ = eigen(hessian)
    lowest, highest = curvatures[0], curvatures[-1]
    if not (lowest > SURE * (math.sqrt(asymmetry) + n * EPS * highest) and lowest >= SOFT * highest):
        return None
    modes = [[entry * unit for entry, unit in zip(mode, units, strict=True)] for mode in vectors]
    rounding = [EPS * max(a, b) for a, b in zip(far, least, strict=True)]
    floor = FLOORS * EPS * abs(here.value) + dot(rounding, times(size, rounding))
    flattened = [[entry / curvature for entry in mode] for mode, curvature in zip(modes, curvatures, strict=True)]
    columns, others = list(zip(*modes, strict=True)), list(zip(*flattened, strict=True))
    inverse = [[dot(a, b) for b in columns] for a in others]
    return Model(hessian, size, modes, curvatures, inverse, (max(ends[0], 0.0), ends[-1]), floor)


def _is_remote(left: Vector, x: Vector, scale: Vector, least: Vector) -> bool:
    """Tell whether the Hessian was measured too far from x or too widely, as `Polish.is_remote` does."""
    return any(
        abs(at - begun) > min(REMOTE * max(abs(at), small), wide) or SHORT * wide > max(abs(at), small)
        for begun, at, wide, small in zip(left, x, scale, least, strict=True)
    )


def eigen(matrix: Matrix) -> tuple[Vector, Matrix]:
    """Return the eigenvalues of a symmetric matrix in rising order, and its eigenvectors, a row each.

    For two coordinates the eigenvectors are the axes turned by the angle φ with tan 2φ = 2b / (a - d): one of Jacobi's
    rotations.
    """
    if len(matrix) > 2:
        values, vectors = np.linalg.eigh(matrix)
        return values.tolist(), vectors.T.tolist()
    if len(matrix) == 1:
        return matrix[0], [[1.0]]
    (a, b), (_, d) = matrix
    t = 0.0
    if b:
        # The smaller of the two angles: its tangent solves t² + 2θt = 1 with θ = (d - a) / 2b.
        theta = (d - a) / (2 * b)
        t = math.copysign(1 / (abs(theta) + math.hypot(theta, 1.0)), theta)
    c = 1 / math.hypot(t, 1.0)
    s = t * c
    first, second = (a - t * b, [c, -s]), (d + t * b, [s, c])
    low, high = (first, second) if first[0] <= second[0] else (second, first)
    return [low[0], high[0]], [low[1], high[1]]


def _by_chords(
    slopes: SlopesAt, model: Model, here: Point, least: Vector, blur: Vector
) -> tuple[Reached, int, int] | None:  # fmt: skip
    """Take Newton steps with one Hessian while each leaves at most a quarter of the gain.

    `blur` is the error of the slope along each mode. Return what the last step reached, the number of steps, and that
    of the steps that were tried; None if a step raises the value although it shrinks the gradient.
    """
    x, value, gradient = here
    n = len(x)
    reached = Reached(here, [0.0] * n, [], [])
    step = times(model.inverse, gradient)
    decrement, taken, tried = dot(gradient, step), 0, 0
    along = sizes(times(model.modes, gradient))
    while taken < MOST_CHORDS and decrement > 0:
        new = minus(x, step)
        if all(abs(s) <= EPS * max(abs(a), b) for s, a, b in zip(step, x, least, strict=True)) or new == x:
            break
        move = _move(new, least)
        there, nearby = slopes([new, plus(new, move)])
        tried += 1
        *new_gradient, new_value = there
        step = times(model.inverse, new_gradient)
        new_decrement = dot(new_gradient, step)
        if not new_decrement <= CONTRACTED * decrement:
            break
        if not new_value <= value + model.floor:
            return None
        new_along = sizes(times(model.modes, new_gradient))
        left = [
            after / before if before > 0 and after > hidden else q
            for after, before, hidden, q in zip(new_along, along, blur, reached.left, strict=True)
        ]
        x, value, gradient, decrement, along = new, new_value, new_gradient, new_decrement, new_along
        reached = Reached(Point(x, value, gradient), left, move, nearby[:n])
        taken += 1
    return reached, taken, tried


def _close(slopes: SlopesAt, model: Model, here: Point, least: Vector, blur: Vector) -> Reached | None:
    """Return a point where no step is left to take; None unless the curvature close to it is that of the Hessian.

    One gradient shows the curvature along all modes, as in `Modes.checked_close`.
    """
    x, _, gradient = here
    n = len(x)
    signs = [(-1.0) ** k for k in range(n)]
    direction = [dot(signs, column) for column in zip(*model.modes, strict=True)]
    lengths = [max(abs(at), unit or 1.0) / abs(d) for at, unit, d in zip(x, least, direction, strict=True) if d]
    t = NARROW * min(lengths, default=math.inf)
    if not 0 < t < math.inf or 32 * min(map(truediv, blur, model.curvatures)) > t:
        return None
    move = _move(x, least)
    close, nearby = slopes([[at + t * d for at, d in zip(x, direction, strict=True)], plus(x, move)])
    change = times(model.modes, minus(close[:n], gradient))
    for one, sign, curvature, hidden in zip(change, signs, model.curvatures, blur, strict=True):
        if not (0.5 <= sign * one / t / curvature <= 2 and 8 * hidden / t < curvature / 2):
            return None
    return Reached(here, [0.0] * n, move, nearby[:n])


def _move(x: Vector, least: Vector) -> Vector:
    """Return a step of a few rounding errors, with signs by turns."""
    move = [ROUGH * EPS * max(abs(at), unit or 1.0) for at, unit in zip(x, least, strict=True)]
    move[1::2] = [-length for length in move[1::2]]
    return move


def _rounding(model: Model, x: Vector, least: Vector) -> Vector:
    """Return the error of the gradient from rounding x."""
    return [ROUNDINGS * EPS * entry for entry in times(model.size, larger(sizes(x), least))]


def _is_simple(x: Vector, step: Vector, start: Vector, least: Vector) -> bool:
    """Tell whether the next step is so short, and x so near the start, that nothing suggests a lower value far out."""
    for at, move, begun, small in zip(x, step, start, least, strict=True):
        size, length = abs(at), abs(move)
        is_short = length <= LONG * max(size, small) and length <= NARROW * max(size, small or 1.0)
        if not (is_short and size <= DRIVEN * max(abs(begun), 1.0)):
            return False
    return True


def _is_deep(model: Model, shares: Matrix, scale: Vector, descent: float) -> bool:
    """Tell whether f rises along each mode, over the size of x, by more than a small share of the descent."""
    for share, curvature in zip(shares, model.curvatures, strict=True):
        reach = max(entry / max(size, 1.0) for entry, size in zip(share, scale, strict=True))
        if not curvature > 2 * SHALLOW * abs(descent) * reach * reach:
            return False
    return True


def dot(a: Iterable[float], b: Iterable[float]) -> float:
    return sum(map(mul, a, b))


def times(matrix: Matrix, vector: Vector) -> Vector:
    return [sum(map(mul, row, vector)) for row in matrix]


def plus(a: Vector, b: Vector) -> Vector:
    return list(map(add, a, b))


def minus(a: Vector, b: Vector) -> Vector:
    return list(map(sub, a, b))


def larger(a: Vector, b: Vector) -> Vector:
    return list(map(max, a, b))


def sizes(a: Iterable[float]) -> Vector:
    return list(map(abs, a))
