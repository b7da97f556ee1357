"""The noise of a function: how far two values that should be one lie apart, by rounding or by chance."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.differences import EPS, scale_of, tentative

ROWS = 7
# Seven points, so many parts of the size of the point apart, and where those tell nothing: farther apart, or nearer.
SPACING, WIDER, FARTHEST, NEARER = 2.0**-30, 2.0**7, 2.0**-9, (2.0**-36, 2.0**-42, 2.0**-47)
SUSPECT, UNEVEN, BEYOND = 100.0, 0.7548776662466927, 8.0


@dataclass(frozen=True)
class Noise:
    """The noise of f at a point.

    Attributes
    ----------
    level : float
        How far two values that should be one lie apart, in the units of f.
    size : float
        The size of f that it was measured at.
    x : array
        Where.
    along : array
        A way along which f was followed, and `rise` is how much it rose there.
    stairs : bool
        Whether f has one value at points close by: a short step shows no slope then.
    """

    level: float
    size: float
    x: np.ndarray
    along: np.ndarray
    rise: float
    stairs: bool = False

    @property
    def relative(self) -> float:
        """The noise as a part of the size of f."""
        return max(self.level / self.size, EPS) if self.size else EPS

    def louder(self, level: float) -> Noise:
        """Return the same with another level."""
        return replace(self, level=level)

    def foretold(self, gradient: np.ndarray, error: np.ndarray, scales: np.ndarray) -> bool:
        """Tell whether a gradient accounts for how f rose along the way, which is short beside the scales of f."""
        if not (math.isfinite(self.rise) and np.all(np.isfinite(gradient)) and np.all(np.isfinite(error))):
            return True
        part = np.abs(self.along)
        short = max(1e-6, float(np.max(part / scales)) ** 2)
        slack = 20 * self.level + 3 * float(error @ part) + short * float(np.abs(gradient) @ part)
        return abs(self.rise - float(gradient @ self.along)) <= slack


def precision_of(values: list[float]) -> float:
    """Return the rounding of the type that all of some values fit in: of single or half precision, else of double.

    Values of a double that happen to fit are whole numbers and the like; those have few digits.
    """
    several = {v for v in values if math.isfinite(v) and v}
    if len(several) < 4:
        return EPS
    for kind, digits in ((np.float16, 6), (np.float32, 12)):
        with np.errstate(over="ignore", under="ignore"):
            fits = all(float(kind(v)) == v for v in several)
        if fits and sum(_bits(v) > digits for v in several) >= len(several) / 2:
            return float(np.finfo(kind).eps)
    return EPS


def _bits(value: float) -> int:
    """Return how many binary digits a value has."""
    mantissa = abs(int(math.frexp(value)[0] * 2**53))
    return 53 - (mantissa & -mantissa).bit_length() + 1 if mantissa else 0


@np.errstate(all="ignore")
def measured(
    value: Callable[[np.ndarray], float], x: np.ndarray, f0: float, size: np.ndarray, box: Box | None = None,
    coarse: float = EPS,
) -> Noise:  # fmt: skip
    """Estimate the noise in f near x from a table of differences along one direction.

    Equally spaced values of a smooth function have tiny high differences: what is left is noise. Moré and Wild,
    "Estimating computational noise", SIAM J. Sci. Comput. 33 (2011), with 7 values. Where values repeat, f rounds
    more coarsely than the points are spaced, and they must be farther apart; where the noise seems large, points much
    nearer to each other tell whether it is f itself that changes so fast.
    """
    direction = np.random.default_rng(0).standard_normal(x.size)
    # No round part of a round number, beside which f would round the same way each time.
    direction *= UNEVEN * size / np.linalg.norm(direction)
    if box is not None:
        direction = np.where(x + 8 * FARTHEST * direction > box.high, -np.abs(direction), direction)
        direction = np.where(x + 8 * FARTHEST * direction < box.low, np.abs(direction), direction)
        direction = np.where(box.fixed, 0.0, direction)

    def table(spacing: float) -> np.ndarray:
        for side in (1.0, -1.0):
            # The step as rounding leaves it, so that the points are equally spaced.
            step = (x + side * spacing * direction) - x
            ways = [x + k * step for k in range(ROWS)]
            if box is not None and not all(map(box.contains, ways)):
                continue
            row = np.array([f0 if k == 0 else tentative(value, way) for k, way in enumerate(ways)])
            if np.all(np.isfinite(row)):
                return row if side > 0 else np.concatenate([row[:1], 2 * row[0] - row[1:]])
        return np.full(ROWS, math.nan)

    spacing, row = SPACING, table(SPACING)
    stairs, height = False, 0.0
    while _repeats(row) and spacing < FARTHEST and np.any(direction):
        stairs, spacing = True, spacing * WIDER
        row = table(spacing)
        height = height or _least(row)
    if stairs and not _repeats(row):
        # As far apart as the stairs are long, each point would be one stair on, and that without noise.
        spacing *= BEYOND
        row = table(spacing)
    stairs = stairs and not _repeats(row)
    coarse = max(coarse, precision_of(list(row)))
    told = _level(row)
    if stairs and not (told or 0.0) > SUSPECT * coarse * _size(row, f0):
        # By chance the points lie whole stairs apart.
        told = max(told or 0.0, height / math.sqrt(12))
    for close in NEARER if np.any(x) else (part**1.5 for part in NEARER):
        if stairs or (told is not None and told <= SUSPECT * coarse * _size(row, f0)) or not np.all(np.isfinite(row)):
            break
        # The points may lie too far apart for f: nearer to each other its slope is another, and only noise stays.
        nearer = table(close)
        told_nearer = _level(nearer)
        slopes = (row[-1] - row[0]) / spacing, (nearer[-1] - nearer[0]) / close
        another = not abs(slopes[0] - slopes[1]) <= max(map(abs, slopes)) / 8
        if _repeats(nearer):
            told = told or 0.0
            break
        if told is not None and not (another and (told_nearer is None or told_nearer < told / 8)):
            told = max(told, told_nearer or 0.0)
            break
        told, row, spacing = told_nearer, nearer, close
    level = max(told or 0.0, coarse * _size(row, f0))
    # f is followed along a parabola, so that its curvature does not pass for a slope.
    along = (ROWS - 1) * ((x + spacing * direction) - x)
    return Noise(level, _size(row, f0), x.copy(), along, float(4 * row[ROWS // 2] - row[-1] - 3 * row[0]), stairs)


def noise_level(value: Callable[[np.ndarray], float], x: np.ndarray, f0: float) -> float:
    """Return how far two values of f near x that should be one lie apart, in the units of f."""
    return measured(value, x, f0, scale_of(x, x)).level


def _size(row: np.ndarray, f0: float) -> float:
    return max(abs(f0), float(np.max(np.abs(row))) if np.all(np.isfinite(row)) else 0.0)


def _least(row: np.ndarray) -> float:
    """Return the least change between neighbours in a row, 0 where there is none."""
    changes = np.abs(np.diff(row))
    return float(np.min(changes[changes > 0], initial=math.inf)) if np.any(changes > 0) else 0.0


def _repeats(row: np.ndarray) -> bool:
    """Tell whether at least half of the neighbours in a row of values are equal."""
    return bool(np.all(np.isfinite(row)) and np.mean(np.diff(row) == 0) >= 0.5)


def _level(row: np.ndarray) -> float | None:
    """Return the noise that a row of values shows, None where it is not noise that makes them differ."""
    if not np.all(np.isfinite(row)):
        return None
    size = float(np.max(np.abs(row)))
    if not size:
        return 0.0
    # As parts of their size, as squares of large values overflow.
    row, levels = row / size, []
    for k in range(1, ROWS):
        row = np.diff(row)
        factor = math.factorial(k) ** 2 / math.factorial(2 * k)
        levels.append((math.sqrt(factor * float(np.mean(row**2))), bool(np.min(row) * np.max(row) < 0)))
    for (a, _), (b, turns), (c, _) in zip(levels, levels[1:], levels[2:], strict=False):
        if turns and max(a, b, c) <= 4 * min(a, b, c):
            return b * size
    sizes = [level for level, _ in levels]
    if sizes[-1] > sizes[0] / 8:
        return float(np.median(sizes)) * size
    return 0.0 if sizes[-1] <= SUSPECT * EPS else None
