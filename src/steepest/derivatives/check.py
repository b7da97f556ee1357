"""`check_gradient`: whether a gradient is right, and if not, where it is wrong and what slip made it so.

A few random directions tell right from wrong in about ten values of f, however many coordinates
there are; only a mismatch is taken apart coordinate by coordinate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np

from steepest.derivatives.differences import EPS, scale_of, tentative
from steepest.derivatives.objective import Caller, flat_plain
from steepest.derivatives.structure import read_call

# Steps relative to the size of the point: the first suits smooth functions, the others kinks, noise and other scales.
STEPS = (1e-4, 3e-3, 3e-6, 3e-2, 3e-8, 2e-1)
# Over steps as short as these, scatter in the values is noise; over longer ones it may be the shape of f.
FINE = (1e-12, 4e-12, 1.6e-11)
SHORT = (*FINE, 1e-9, 3e-8, 3e-6)
DIRECTIONS = 2
RIGHT = 3e-7
RESOLVED = 1e-5
UNRESOLVED = 1e-2
SURE = 8.0
ALIKE = 1e-3
FLAT = 1e-9
PARABOLIC = 0.25


class Verdict(StrEnum):
    """The verdict of a check."""

    RIGHT = "right"
    WRONG = "wrong"
    KINK = "kink"
    NOISY = "too noisy to tell"


@dataclass(frozen=True)
class GradientCheck:
    """The result of a check of a gradient; it is true if the gradient is right.

    Attributes
    ----------
    verdict : Verdict
        "right", "wrong", "kink" (f has no gradient there: the slopes on both sides differ) or
        "too noisy to tell".
    wrong : tuple of int
        The coordinates that are wrong, counted from 0.
    slip : str or None
        What made it wrong, where that can be told: "sign", "factor 2", "factor 1/2", "factor n",
        "factor 1/n", "permutation", "all coordinates moved at once", "zero".
    evaluations : int
        How many values of f it took.
    evidence : str
        The numbers that the verdict rests on.
    """

    verdict: Verdict
    wrong: tuple[int, ...]
    slip: str | None
    evaluations: int
    evidence: str

    def __bool__(self) -> bool:
        return self.verdict is Verdict.RIGHT

    def __str__(self) -> str:
        heads = {
            Verdict.RIGHT: "the gradient is right",
            Verdict.WRONG: "the gradient is wrong",
            Verdict.KINK: "f has a kink here, and no gradient",
            Verdict.NOISY: "f is too noisy to tell",
        }
        slip = f" ({self.slip})" if self.slip else ""
        return f"{heads[self.verdict]}{slip}: {self.evidence}"


def check_gradient(f: Callable[..., Any], gradient: Callable[..., Any], at: Any) -> GradientCheck:
    """Tell whether a function is the gradient of f, at a point, and if not, what is wrong with it.

    Slopes of f along random directions d are compared with g · d. Each slope is extrapolated from
    four values, (8 (f₁ - f₋₁) - (f₂ - f₋₂)) / 12h with fₖ = f(x + k h d), and has an error of its own,
    from the noise and the higher differences in those values.

    Parameters
    ----------
    f : callable
        A function of one point (scalar, array, dict or tree) or of several scalars.
    gradient : callable
        What is to be its gradient; it takes what f takes.
    at : float, array, dict or tree
        Where to look. A point at which no slope is zero shows the most.

    Returns
    -------
    GradientCheck
        True where the gradient is right; printed, it is a sentence.

    Raises
    ------
    TypeError
        If f or gradient is not callable.
    ValueError
        If the gradient does not fit the point, or f is not finite there.

    Examples
    --------
    >>> check = check_gradient(lambda x, y: x**2 + y**3, lambda x, y: (2 * x, 3 * y), (1.0, 2.0))
    >>> bool(check), check.wrong, check.slip
    (False, (1,), 'factor 1/2')
    >>> print(check)
    the gradient is wrong (factor 1/2): y is given as 6, and differences give 12
    >>> bool(check_gradient(lambda x: x**2, lambda x: 2 * x, 3.0))
    True
    """
    if not callable(gradient):
        raise TypeError(f"the gradient must be a function of the point, not {type(gradient).__name__}")
    calling, x = read_call(f, at)
    with np.errstate(all="ignore"):
        given = flat_plain(calling, calling(gradient, x.copy()))
    return check_slope(Caller(f, calling), given, x, calling.structure.names)


def check_slope(
    value: Callable[[np.ndarray], float],
    given: np.ndarray,
    x: np.ndarray,
    names: Sequence[str],
    most_named: float = math.inf,
) -> GradientCheck:
    """Check the gradient given at a flat point; with more than `most_named` coordinates, none is looked at alone."""
    centre = value(x)
    if not math.isfinite(centre):
        raise ValueError(f"the function is {centre} at the point: check where it is finite")
    wrong = np.flatnonzero(~np.isfinite(given))
    if wrong.size:
        evidence = f"{_named(names, wrong)} is given as {given[wrong[0]]}"
        return GradientCheck(Verdict.WRONG, tuple(map(int, wrong)), None, 1, evidence)
    probe = _Probe(value, x, centre)
    slopes = [probe.slope(way, float(given @ way)) for way in _ways(given, x)]
    if all(_agrees(slope, given) for slope in slopes):
        found = _right(slopes, given, probe)
        # Slopes that cancel on both sides of a kink look like the zero of a minimum.
        sure = bool(found) and bool(given.any())
        if sure or not any(probe.kink(slope.way) for slope in slopes):
            return found
    if x.size > most_named:
        sure = any(slope.off > SURE * slope.error for slope in slopes)
        evidence = f"along {slopes[0].said}"
        return GradientCheck(Verdict.WRONG if sure else Verdict.NOISY, (), None, probe.evaluations, evidence)
    return _by_coordinates(probe, given, names, slopes)


class Slope(NamedTuple):
    """A slope of f along a direction as differences give it, how far that may be off, and what was to be."""

    way: np.ndarray
    measured: float
    error: float
    expected: float

    @property
    def off(self) -> float:
        return abs(self.measured - self.expected)

    @property
    def said(self) -> str:
        return f"a random direction the slope is {self.expected:.6g} as given, and {self.measured:.6g} by differences"


class _Quotient(NamedTuple):
    """A quotient of step h: the slope, the noise in its values, and how much the extrapolation changed it.

    It is `clean` where the second differences of its two steps are those of one parabola but for rounding: the step is
    then short beside the scale of f. Where values repeat, it `repeats`.
    """

    h: float
    slope: float
    noise: float
    changed: float
    clean: bool = True
    repeats: bool = False


def _errors(quotients: Sequence[_Quotient]) -> list[tuple[float, float]]:
    """Return (error, slope) of each quotient.

    One sample of noise may be small by chance, so what a shorter step shows counts for the longer ones: that is no
    curvature. What looks like noise from some step on, and not over shorter ones, is the shape of f: a wave or a
    narrow bump, of whose slope longer steps tell nothing. Values that repeat over a short step and not over a longer
    one are the stairs of a coarse rounding, which have no slope to be seen.
    """
    noise, pairs, shaped = 0.0, [], False
    changes = max((quotient.h for quotient in quotients if not quotient.repeats), default=0.0)
    stairs = [quotient.repeats and quotient.h < changes for quotient in sorted(quotients)]
    shown = [q.noise for q, hidden in zip(sorted(quotients), stairs, strict=True) if q.h in FINE and not hidden]
    fine = max(shown, default=None)
    for quotient, hidden in zip(sorted(quotients), stairs, strict=True):
        if fine is not None:
            shaped = shaped or (not quotient.clean and quotient.noise > SURE * fine)
        noise = max(noise, quotient.noise)
        if shaped or hidden:
            pairs.append((math.inf, quotient.slope))
            continue
        # Extrapolation cancels nearly all of the error if f is smooth, and hardly any of it across a kink.
        rough = quotient.changed * quotient.h > 4 * noise
        pairs.append((3 * noise / quotient.h + (quotient.changed / 2 if rough else 0.0), quotient.slope))
    return pairs


class _Probe:
    """Slopes of one function from one point, and what they cost."""

    def __init__(self, value: Callable[[np.ndarray], float], x: np.ndarray, centre: float) -> None:
        self.value, self.x, self.centre = value, x, centre
        self.evaluations = 1
        self.largest = abs(centre)

    def at(self, x: np.ndarray) -> float:
        self.evaluations += 1
        value = tentative(self.value, x)
        self.largest = max(self.largest, abs(value))
        return value

    def slope(self, way: np.ndarray, expected: float) -> Slope:
        """Return the slope along a direction, from the step that has the least error, tried until one will do."""
        tried: list[_Quotient] = []
        confirmed = False
        for h in STEPS:
            if h in [quotient.h for quotient in tried]:
                continue
            tried.append(self.quotient(way, h))
            error, measured = min(_errors(tried))
            if not confirmed and abs(measured - expected) > error + RIGHT * abs(expected):
                # Before the gradient is doubted, shorter steps must show the same.
                confirmed = True
                tried += [self.quotient(way, h) for h in SHORT if h not in [quotient.h for quotient in tried]]
                error, measured = min(_errors(tried))
            seen = max(abs(measured), abs(expected))
            # If both slopes are zero, as at a minimum, the error need only be small beside f itself.
            if error <= RESOLVED * seen or seen <= error <= FLAT * self.largest:
                break
        return Slope(way, measured, error, expected)

    def quotient(self, way: np.ndarray, h: float) -> _Quotient:
        """Return the extrapolated quotient, with the noise and the missing order that its values show."""
        f = [self.at(self.x + k * h * way) for k in (-2, -1, 1, 2)]
        f.insert(2, self.centre)
        if not all(map(math.isfinite, f)):
            return _Quotient(h, math.nan, 0.0, math.inf)
        near, far = (f[3] - f[1]) / (2 * h), (f[4] - f[0]) / (4 * h)
        # Rounding in the point moves the value as well.
        moved = way != 0
        steepest = float(np.max(np.abs(np.diff(f)))) / h
        rounding = EPS * (max(map(abs, f)) + steepest * float(np.max(np.abs(self.x[moved] / way[moved]))))
        fourth = abs(f[0] - 4 * f[1] + 6 * f[2] - 4 * f[3] + f[4]) / math.sqrt(70)
        inner, outer = abs(f[1] - 2 * f[2] + f[3]), abs(f[0] - 2 * f[2] + f[4])
        clean = fourth * math.sqrt(70) <= PARABOLIC * max(4 * inner, outer) or fourth <= SURE * rounding
        repeats = bool(np.mean(np.diff(f) == 0) >= 0.5)
        return _Quotient(h, (4 * near - far) / 3, max(fourth, rounding), abs(far - near) / 3, clean, repeats)

    def kink(self, way: np.ndarray) -> tuple[float, float] | None:
        """Return the slopes on both sides where they differ however near one comes, else None."""
        sides = []
        for h in (1e-4, 1e-6):
            back, forth = self.at(self.x - h * way), self.at(self.x + h * way)
            noise = 4 * EPS * max(abs(back), abs(forth), abs(self.centre)) / h
            sides.append(((self.centre - back) / h, (forth - self.centre) / h, noise))
        jumps = [abs(right - left) for left, right, _ in sides]
        steady = 0.5 * jumps[0] < jumps[1] < 2 * jumps[0] and jumps[1] > 10 * sides[1][2]
        size = max(abs(sides[1][0]), abs(sides[1][1]))
        return sides[1][:2] if steady and jumps[1] > 1e-3 * size else None


def _ways(given: np.ndarray, x: np.ndarray) -> list[np.ndarray]:
    """Return random directions: in one all coordinates weigh alike in the slope, in the other in the point."""
    scale = scale_of(x, x)
    draw = np.random.default_rng(x.size)
    signs = draw.choice([-1.0, 1.0], (DIRECTIONS, x.size)) * draw.uniform(0.5, 1.0, (DIRECTIONS, x.size))
    weights = np.abs(given) * scale
    seen = weights[weights > 0]
    level = max(seen.min(), 1e-4 * seen.max()) if seen.size else 1.0
    alike = np.where(weights > level, level / np.where(weights > 0, weights, 1.0), 1.0)
    return [signs[0] * scale * alike, signs[1] * scale]


def _agrees(slope: Slope, given: np.ndarray) -> bool:
    return slope.off <= slope.error + RIGHT * float(np.abs(given) @ np.abs(slope.way))


def _right(slopes: list[Slope], given: np.ndarray, probe: _Probe) -> GradientCheck:
    finest = min(slopes, key=lambda slope: slope.error / max(float(np.abs(given * slope.way).sum()), 1e-300))
    size = max(float(np.abs(given * finest.way).sum()), abs(finest.measured))
    if size <= finest.error:
        if not given.any():
            evidence = "the gradient given is zero, and differences see no slope (nor could a wrong sign be seen here)"
            return GradientCheck(Verdict.RIGHT, (), None, probe.evaluations, evidence)
        evidence = f"the slope of {size:.2g} drowns in an error of {finest.error:.2g} in the differences"
        return GradientCheck(Verdict.NOISY, (), None, probe.evaluations, evidence)
    part = max(finest.error, finest.off) / size
    if part > UNRESOLVED:
        evidence = f"the differences are sure of their slope to a part of {part:.1g} only"
        return GradientCheck(Verdict.NOISY, (), None, probe.evaluations, evidence)
    evidence = f"along {len(slopes)} random directions it agrees with differences to a part of {part:.1g}"
    return GradientCheck(Verdict.RIGHT, (), None, probe.evaluations, evidence)


def _by_coordinates(probe: _Probe, given: np.ndarray, names: Sequence[str], slopes: list[Slope]) -> GradientCheck:
    scale = scale_of(probe.x, probe.x)
    units = np.diag(scale)
    found = [probe.slope(unit, float(given @ unit)) for unit in units]
    measured = np.array([slope.measured for slope in found]) / scale
    slack = np.array([slope.error for slope in found]) / scale
    off = np.abs(measured - given)
    largest = float(np.max(np.abs(given) * scale))
    blind = np.flatnonzero(~(slack < UNRESOLVED * np.maximum(np.abs(measured), np.abs(given))))
    for k in (*blind, *np.flatnonzero(off > SURE * slack)):
        sides = probe.kink(units[k])
        if sides is not None:
            left, right = (side / scale[k] for side in sides)
            evidence = f"by {names[k]} the slope is {left:.6g} on one side and {right:.6g} on the other"
            room = ALIKE * max(abs(left), abs(right)) + RIGHT * largest / scale[k]
            if min(left, right) - room <= given[k] <= max(left, right) + room:
                return GradientCheck(Verdict.KINK, (), None, probe.evaluations, evidence)
            evidence = f"{names[k]} is given as {given[k]:.6g}, but {evidence}"
            return GradientCheck(Verdict.WRONG, (int(k),), None, probe.evaluations, evidence)
    wrong = np.flatnonzero(off > SURE * slack + RIGHT * np.maximum(np.abs(given), np.abs(measured)))
    if not wrong.size:
        worst = max(slopes, key=lambda slope: slope.off)
        crossed = probe.kink(worst.way)
        if crossed is not None:
            evidence = f"along a line the slope is {crossed[0]:.6g} on one side and {crossed[1]:.6g} on the other"
            return GradientCheck(Verdict.KINK, (), None, probe.evaluations, evidence)
        return GradientCheck(Verdict.NOISY, (), None, probe.evaluations, f"along {worst.said}")
    slip = _slip(given, measured, slack, wrong)
    k = wrong[0]
    said = f"{names[k]} is given as {given[k]:.6g}, and differences give {measured[k]:.6g}"
    if wrong.size > 1:
        said = f"{_named(names, wrong)} are wrong: {said}"
    return GradientCheck(Verdict.WRONG, tuple(map(int, wrong)), slip, probe.evaluations, said)


def _slip(given: np.ndarray, measured: np.ndarray, slack: np.ndarray, wrong: np.ndarray) -> str | None:
    """Return the name of the slip that turns the measured gradient into the one given, or None."""
    n = given.size

    def is_(candidate: np.ndarray, rows: Any = slice(None)) -> bool:
        room = ALIKE * np.abs(candidate) + SURE * slack * np.maximum(1.0, n)
        return bool(np.all((np.abs(given - candidate) <= room)[rows]))

    factors = {"sign": -1.0, "zero": 0.0, "factor 2": 2.0, "factor 1/2": 0.5, "factor n": float(n), "factor 1/n": 1 / n}
    for name, factor in factors.items():
        if is_(factor * measured, wrong):
            return name
    if n > 1 and is_(np.full(n, measured.sum())):
        return "all coordinates moved at once"
    order, other = np.argsort(measured), np.argsort(given)
    arranged = np.empty(n)
    arranged[other] = measured[order]
    moved = np.abs(arranged - measured) > ALIKE * np.abs(measured)
    return "permutation" if moved.any() and is_(arranged) else None


def _named(names: Sequence[str], rows: np.ndarray) -> str:
    shown = [names[k] for k in rows[:6]]
    more = f" and {rows.size - 6} more" if rows.size > 6 else ""
    return ", ".join(shown) + more
