"""The noise of a function: how much values at nearly the same point differ, by rounding or by chance."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.differences import EPS, scale_of, tentative

# The number of values in a difference table.
ROWS = 7
# The distance between neighbouring points, as a share of the size of the point. If neighbouring values are equal, the
# points are set WIDER times farther apart, up to FARTHEST. If the noise seems large, the points are set nearer, as in
# NEARER. Chosen, not measured: between near points the shape of f changes the values less, but these values are equal
# if f rounds coarsely.
SPACING, WIDER, FARTHEST, NEARER = 2.0**-30, 2.0**7, 2.0**-9, (2.0**-36, 2.0**-42, 2.0**-47)
# Noise of more than this many rounding errors may be the shape of f. Chosen, not measured: a smaller number costs more
# values of noisy functions; a larger one mistakes more of the shape of f for noise.
SUSPECT = 100.0
# The length of the direction, an irrational number (see `measure_noise`), and the factor by which the points are
# set farther apart once neighbouring values differ.
UNEVEN, BEYOND = 0.7548776662466927, 8.0


class Call(NamedTuple):
    """A point at which the function was called, and the value that it returned."""

    x: np.ndarray
    value: float


@dataclass(frozen=True)
class Noise:
    """The noise of f at a point.

    Attributes
    ----------
    level : float
        How much two values may differ that would be equal in exact arithmetic, in the units of f.
    size : float
        The size of f where the noise was measured.
    x : array
        The point where the noise was measured.
    along : array
        The step from the first point of the measurement to the last.
    rise : float
        The change of f over that step, without the change from curvature.
    stairs : bool
        Whether f is constant over the shortest distances, so that short steps give no slope.
    calls : tuple of Call
        The calls that the level comes from, if it is more than rounding explains; else empty.
    before : Noise or None
        An earlier measurement, where f was larger.
    """

    level: float
    size: float
    x: np.ndarray
    along: np.ndarray
    rise: float
    stairs: bool = False
    calls: tuple[Call, ...] = ()
    before: Noise | None = None

    @property
    def relative(self) -> float:
        """The noise relative to the size of f."""
        return max(self.level / self.size, EPS) if self.size else EPS

    def at(self, value: float) -> float:
        """Return the noise of a value: that of rounding in proportion to its size, other noise at least the level.

        At a minimum of 0 the level may be as large as f itself. If `before` shows that larger values have less noise
        than in proportion, they have.
        """
        if self.calls and abs(value) < self.size:
            return self.level
        in_proportion = self.relative * abs(value)
        return min(in_proportion, max(self.level, self.before.at(value))) if self.before else in_proportion

    def with_level(self, level: float) -> Noise:
        """Return the same measurement with another level."""
        return replace(self, level=level)

    def accounted_for(self, gradient: np.ndarray, error: np.ndarray, scales: np.ndarray) -> bool:
        """Tell whether a gradient explains the rise of f along the step; `scales` are the lengths over which f changes.

        The step is short compared with those lengths, so the curvature adds little.
        """
        if not (math.isfinite(self.rise) and np.all(np.isfinite(gradient)) and np.all(np.isfinite(error))):
            return True
        distance = np.abs(self.along)
        curved = max(1e-6, float(np.max(distance / scales)) ** 2)
        slack = 20 * self.level + 3 * float(error @ distance) + curved * float(np.abs(gradient) @ distance)
        return abs(self.rise - float(gradient @ self.along)) <= slack


def precision_of(values: list[float]) -> float:
    """Return the rounding error of the coarsest type (half, single, double) that represents all these values exactly.

    Values of few digits, such as whole numbers, fit by chance, so at least half of the values must use many digits.
    """
    distinct = {v for v in values if math.isfinite(v) and v}
    if len(distinct) < 4:
        return EPS
    for kind, digits in ((np.float16, 6), (np.float32, 12)):
        with np.errstate(over="ignore", under="ignore"):
            fits = all(float(kind(v)) == v for v in distinct)
        if fits and sum(_bits(v) > digits for v in distinct) >= len(distinct) / 2:
            return float(np.finfo(kind).eps)
    return EPS


def _bits(value: float) -> int:
    """Return the number of significant binary digits of a value."""
    mantissa = abs(int(math.frexp(value)[0] * 2**53))
    return 53 - (mantissa & -mantissa).bit_length() + 1 if mantissa else 0


@np.errstate(all="ignore")
def measure_noise(
    value: Callable[[np.ndarray], float], x: np.ndarray, f0: float, size: np.ndarray, box: Box | None = None,
    coarse: float = EPS, inward: np.ndarray | None = None,
) -> Noise:  # fmt: skip
    """Estimate the noise in f near x from a table of differences along one direction.

    Equally spaced values of a smooth function have tiny high-order differences; the remainder is noise. Moré and Wild,
    "Estimating computational noise", SIAM J. Sci. Comput. 33 (2011), with 7 values. If neighbouring values are equal,
    f rounds more coarsely than the points are spaced, and the points are set farther apart. If the noise seems large,
    values at points much nearer to each other decide whether f itself changes so fast.
    """
    direction = np.random.default_rng(0).standard_normal(x.size)
    # An uneven length: with steps that are round fractions, the rounding errors of all values could be alike.
    direction *= UNEVEN * size / np.linalg.norm(direction)
    if inward is not None:
        # Only on the way to another point of its region is f sure to be defined.
        direction = inward * (np.linalg.norm(direction) / np.linalg.norm(inward))
    if box is not None:
        direction = np.where(x + 8 * FARTHEST * direction > box.high, -np.abs(direction), direction)
        direction = np.where(x + 8 * FARTHEST * direction < box.low, np.abs(direction), direction)
        direction = np.where(box.fixed, 0.0, direction)

    calls: dict[float, tuple[Call, ...]] = {}

    def table(spacing: float) -> np.ndarray:
        for side in (1.0, -1.0):
            # The step after rounding, so that the points are equally spaced.
            step = (x + side * spacing * direction) - x
            points = [x + k * step for k in range(ROWS)]
            if box is not None and not all(map(box.contains, points)):
                continue
            row = np.array([f0 if k == 0 else tentative(value, point) for k, point in enumerate(points)])
            if np.all(np.isfinite(row)):
                calls[spacing] = tuple(map(Call, points, row.tolist()))
                # Values on the other side are reflected at the first one, so that the slope keeps its sign.
                return row if side > 0 else np.concatenate([row[:1], 2 * row[0] - row[1:]])
        return np.full(ROWS, math.nan)

    spacing, row = SPACING, table(SPACING)
    stairs, height = False, 0.0
    while _repeats(row) and spacing < FARTHEST and np.any(direction):
        stairs, spacing = True, spacing * WIDER
        row = table(spacing)
        height = height or _least(row)
    if stairs and not _repeats(row):
        # If the spacing equals the length of a stair, each point lies exactly one stair farther, and no noise shows:
        # set the points farther apart.
        spacing *= BEYOND
        row = table(spacing)
    stairs = stairs and not _repeats(row)
    coarse = max(coarse, precision_of(list(row)))
    level = _level(row)
    if stairs and not (level or 0.0) > SUSPECT * coarse * _size(row, f0):
        # By chance the points lie whole stairs apart: use the standard deviation of rounding to stairs of this height.
        level = max(level or 0.0, height / math.sqrt(12))
    for close in NEARER if np.any(x) else (part**1.5 for part in NEARER):
        if stairs or (level is not None and level <= SUSPECT * coarse * _size(row, f0)) or not np.all(np.isfinite(row)):
            break
        # If the points are too far apart for the scale of f, nearer points give another slope and less noise.
        nearer = table(close)
        level_nearer = _level(nearer)
        slopes = (row[-1] - row[0]) / spacing, (nearer[-1] - nearer[0]) / close
        differ = not abs(slopes[0] - slopes[1]) <= max(map(abs, slopes)) / 8
        if _repeats(nearer):
            level = level or 0.0
            break
        if level is not None and not (differ and (level_nearer is None or level_nearer < level / 8)):
            level = max(level, level_nearer or 0.0)
            break
        level, row, spacing = level_nearer, nearer, close
    rough = (level or 0.0) > SUSPECT * coarse * _size(row, f0)
    level = max(level or 0.0, coarse * _size(row, f0))
    # The rise is the linear term of a parabola through three of the values: curvature must not pass for a slope.
    along = (ROWS - 1) * ((x + spacing * direction) - x)
    rise = float(4 * row[ROWS // 2] - row[-1] - 3 * row[0])
    return Noise(level, _size(row, f0), x.copy(), along, rise, stairs, calls.get(spacing, ()) if rough else ())


def noise_level(value: Callable[[np.ndarray], float], x: np.ndarray, f0: float) -> float:
    """Return how much two values of f near x may differ by noise, in the units of f."""
    return measure_noise(value, x, f0, scale_of(x, x)).level


def _size(row: np.ndarray, f0: float) -> float:
    return max(abs(f0), float(np.max(np.abs(row))) if np.all(np.isfinite(row)) else 0.0)


def _least(row: np.ndarray) -> float:
    """Return the smallest change between neighbours in a row, or 0 if all are equal."""
    changes = np.abs(np.diff(row))
    return float(np.min(changes[changes > 0], initial=math.inf)) if np.any(changes > 0) else 0.0


def _repeats(row: np.ndarray) -> bool:
    """Tell whether at least half of the neighbours in a row of values are equal."""
    return bool(np.all(np.isfinite(row)) and np.mean(np.diff(row) == 0) >= 0.5)


def _level(row: np.ndarray) -> float | None:
    """Return the noise in a row of values, or None if their differences come from the shape of f instead."""
    if not np.all(np.isfinite(row)):
        return None
    size = float(np.max(np.abs(row)))
    if not size:
        return 0.0
    # Divide by the size first: squares of large values overflow.
    row, levels = row / size, []
    for k in range(1, ROWS):
        row = np.diff(row)
        factor = math.factorial(k) ** 2 / math.factorial(2 * k)
        levels.append((math.sqrt(factor * float(np.mean(row**2))), bool(np.min(row) * np.max(row) < 0)))
    for (a, _), (b, changes_sign), (c, _) in zip(levels, levels[1:], levels[2:], strict=False):
        if changes_sign and max(a, b, c) <= 4 * min(a, b, c):
            return b * size
    sizes = [level for level, _ in levels]
    if sizes[-1] > sizes[0] / 8:
        return float(np.median(sizes)) * size
    return 0.0 if sizes[-1] <= SUSPECT * EPS else None
