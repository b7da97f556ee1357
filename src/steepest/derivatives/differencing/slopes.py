"""Gradients by central differences, with steps chosen from the function's own scale and reused from point to point."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.compiled import Slope
from steepest.derivatives.differences import EPS, least_size, scale_of, tentative
from steepest.derivatives.differencing.outliers import odd_calls, sharp_bends
from steepest.derivatives.differencing.quotients import CurveLine, Line, power_of_two
from steepest.derivatives.differencing.search import RUNG, FoundStep, StepSearch
from steepest.derivatives.noise import Call, Noise, measure_noise
from steepest.sets.region import Region

# At each point the steps are scaled with the noise there, by factors within these limits. Chosen, not measured: wider
# limits trust the steps farther from the point where they were found.
SHORTEST, LONGEST = 2.0**-10, 2.0**6
# The steps are first checked after this many gradients; then the interval between checks doubles each time. Chosen, not
# measured: a check costs two values of f.
FIRST_CHECK = 6
# Steps are searched for again if a coordinate has changed by FAR times its size, or shrunk by that factor, or if f has
# grown by the factor MUCH. Chosen, not measured: smaller numbers cost more searches, larger ones keep steps that no
# longer fit.
FAR, MUCH = 1e3, 1e9
# The noise is measured again if f has become this many times smaller. Chosen, not measured: a measurement costs six
# values of f or more.
LESS = 1e4
# Beside kinks, secants to both sides show a jump if their slopes differ by more than twice this share of the steepest
# slope. Chosen, not measured: a smaller share costs values where f curves.
JUMPS = 1e-3
# The most searches at a point, each with shorter steps than the last.
MOST_SHRUNK = 5
# The most lines of values that are kept, to look for values that stand out. Chosen, not measured.
MOST_LINES = 4_096


@dataclass(frozen=True)
class Secants:
    """The secants to both sides of a point along each coordinate.

    Attributes
    ----------
    half : array
        Half of the difference between their slopes; 0 where there is only one.
    steps : array
        Their lengths.
    noise : float
        The noise of a value.
    """

    half: np.ndarray
    steps: np.ndarray
    noise: float

    def jumps(self, curvature: np.ndarray) -> np.ndarray:
        """Return `half` where neither noise nor this curvature explains it, as at a kink, and 0 elsewhere."""
        blur = np.divide(8 * self.noise, self.steps, out=np.zeros(self.steps.size), where=self.steps > 0)
        return np.where(2 * self.half > 2 * np.abs(curvature) * self.steps + blur, self.half, 0.0)


class Differences:
    """The gradient of f from 2n + 1 values, with the error of each entry.

    D(h) = (f(x + h) - f(x - h)) / 2h is off by f‴h²/6 + noise/h. At the first point the noise is measured, and along
    each coordinate D(h) and D(4h) must agree within their own errors; their difference estimates f‴, and so the best
    step, (noise / 2|f‴/6|)^(1/3). If they disagree, other steps are tried, from scale to scale. Later points use the
    steps found; now and then two more values, with all coordinates changed at once, decide whether to search again.

    Parameters
    ----------
    value : callable
        The function f.
    start : array
        The start of a descent, whose size is the first guess of the scale of f.
    box : Box or None
        Where f may be called.
    coarse : callable
        Returns the relative rounding error of the coarsest type that f has returned so far.
    paid : int or None
        How many values of each gradient the caller counts itself; by default 2n + 1.
    region : Region or None
        The sets in which f may be called: the differences then run along its curves instead of the coordinates.

    Attributes
    ----------
    noise : Noise or None
        The noise of f as last measured.
    steps : array
        The step of each coordinate at the point where the noise was measured.
    third : array
        f‴/6 along each coordinate at that point.
    bounded : array
        Whether the error of each entry could be bounded at that point.
    overhead : int
        How many values of f were computed in addition to those that the caller counts.
    """

    def __init__(
        self, value: Callable[[np.ndarray], float], start: np.ndarray, box: Box | None = None,
        coarse: Callable[[], float] = lambda: EPS, paid: int | None = None, region: Region | None = None,
    ) -> None:  # fmt: skip
        self.plain, self.box, self.coarse, self.region = value, box, coarse, region
        # The sizes that guess the scale of f: those of the start, until the point is far smaller.
        self.start = self.known = start
        self.least = scale_of(least_size(start), least_size(start))
        self.paid = 2 * start.size + 1 if paid is None else paid
        self.noise: Noise | None = None
        self.steps, self.third = np.zeros(start.size), np.zeros(start.size)
        self.bounded = np.ones(start.size, dtype=bool)
        # The steps of the last gradient.
        self.taken = np.zeros(start.size)
        self.overhead = self.calls = self.since_check = 0
        self.interval = FIRST_CHECK
        # The last point, with its value, gradient and errors.
        self.last: tuple[np.ndarray, float, np.ndarray, np.ndarray] | None = None
        # The values of the last gradients, and the last calls that found more than rounding.
        self.past: deque[list[Line]] = deque(maxlen=max(2, MOST_LINES // start.size))
        self.rough: tuple[Call, ...] = ()

    def forget(self) -> None:
        """Search for new steps at the next point, as another descent begins there.

        Steps that were found far out, where a descent diverged, are useless near a minimum.
        """
        self.noise, self.last, self.rough, self.known = None, None, (), self.start
        self.since_check, self.interval = 0, FIRST_CHECK
        self.past.clear()

    def value(self, x: np.ndarray) -> float:
        self.calls += 1
        return self.plain(x)

    # Differences of the largest doubles may overflow.
    @np.errstate(all="ignore")
    def __call__(self, x: np.ndarray) -> Slope:
        """Return the value and the gradient at a point."""
        self.calls = 0
        f0 = self.value(x)
        if not math.isfinite(f0):
            return f0, np.full(x.size, math.nan)
        if self.noise is None:
            gradient, error = self.search(x, f0)
        elif self.has_shrunk(self.noise, x):
            # Steps found farther out may be longer than the point is large, and would cross all that f does there.
            self.known = self.size(x)
            gradient, error = self.search(x, f0, self.known)
        elif self.is_far(self.noise, x, f0):
            gradient, error = self.search(x, f0, np.maximum(scale_of(x, x), self.scales()))
        else:
            noise = self.noise
            if abs(f0) < noise.size / LESS:
                noise = self.measure_again(noise, x, f0)
            gradient, error = self.by_known_steps(noise, x, f0)
            self.since_check += 1
            if self.since_check >= self.interval:
                self.since_check, self.interval = 0, 2 * self.interval
                if not self.still_serve(noise, x, f0, gradient, error):
                    gradient, error = self.search(x, f0, np.maximum(scale_of(x, x), self.scales()))
        self.overhead += max(self.calls - self.paid, 0)
        self.last = x.copy(), f0, gradient, error
        return f0, gradient.copy()

    def error(self, x: np.ndarray) -> np.ndarray:
        """Return the error of each entry of the gradient at a point, infinite if it is unknown."""
        if self.last is None or not np.array_equal(self.last[0], x):
            self(x)
        return np.full(x.size, math.inf) if self.last is None else self.last[3].copy()

    def secants(self, x: np.ndarray) -> Secants:
        """Return the secants to both sides of a point along each coordinate."""
        self.error(x)
        half, steps = np.zeros(x.size), self.taken.copy()
        if self.last is None or self.noise is None or self.region is not None:
            return Secants(half, steps, 0.0)
        for k, (line, h) in enumerate(zip(self.past[-1], steps, strict=True)):
            if h and (quotient := line.quotient(h)).order == 2:
                half[k] = quotient.jump / 2
        return Secants(half, steps, self.noise.at(self.last[1]))

    def beside_kinks(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradient at a point near which the slopes may jump, and the error of each entry.

        A difference across a kink is a mean of the slopes on both sides. A convex function has a slope between those of
        the secants to both sides; if they differ, a shorter step is searched for.
        """
        error = self.error(x)
        if self.last is None or self.noise is None:
            return np.full(x.size, math.nan), np.full(x.size, math.inf)
        gradient = self.last[2]
        if self.region is not None:
            return gradient.copy(), error
        size, search = self.size(x), StepSearch(self.noise)
        gradient, most = gradient.copy(), JUMPS * float(np.max(np.abs(gradient) * size))
        self.calls = 0
        for k, (line, h) in enumerate(zip(self.past[-1], self.taken, strict=True)):
            near = line.quotient(h) if h else None
            if near is None or not near.jump / 2 * size[k] > most or near.jump < 8 * self.noise.at(near.largest) / h:
                continue
            # The two secants of a smooth f differ in proportion to their length, and those at a kink by its jump.
            if abs(line.quotient(4 * h).jump / near.jump - 4) > 0.5:
                found, _ = search.along(line, h, 1.0)
                jump = line.quotient(found.h).jump / 2
                gradient[k] = found.slope
                error[k] = max(found.error, jump if jump * size[k] > most else 0.0)
        self.overhead += self.calls
        return gradient, np.where(np.isnan(error), math.inf, error)

    @property
    def relative(self) -> float:
        """The noise relative to the size of f."""
        return EPS if self.noise is None else self.noise.relative

    def scales(self) -> np.ndarray:
        """Return the length over which f changes along each coordinate: the length for which the steps are best."""
        return self.lengths(self.steps)

    def lengths(self, steps: np.ndarray) -> np.ndarray:
        """Return the lengths over which f changes if these steps are best; the size of a coordinate without a step."""
        return np.where(steps > 0, steps / (3 * self.relative) ** (1 / 3), scale_of(self.known, self.known))

    def size(self, x: np.ndarray) -> np.ndarray:
        """Return the size of each coordinate, at least that below which it counts as 0."""
        return np.maximum(np.abs(x), self.least)

    def has_shrunk(self, noise: Noise, x: np.ndarray) -> bool:
        """Tell whether a coordinate is far smaller than where the steps were found."""
        return bool(np.any(self.size(noise.x) > FAR * self.size(x)))

    def is_far(self, noise: Noise, x: np.ndarray, f0: float) -> bool:
        """Tell whether the steps may no longer fit: x is far from where they were found, or f has grown much."""
        distance = np.abs(x - noise.x)
        grown = noise.size * MUCH < abs(f0)
        return grown or bool(np.any(distance > FAR * np.maximum(self.scales(), np.abs(noise.x))))

    def measure_again(self, noise: Noise, x: np.ndarray, f0: float) -> Noise:
        """Measure the noise again, as f is far smaller now: the noise may have shrunk with f, or stayed the same."""
        size = np.maximum(scale_of(x, x), self.scales())
        self.noise = self.measured(x, f0, size)
        factor = float(np.clip(np.cbrt(self.noise.level / noise.level), SHORTEST, LONGEST)) if noise.level else 1.0
        # A step far below the rounding error of a coordinate would measure nothing.
        least = np.spacing(np.abs(x))
        self.steps = np.array(
            [power_of_two(max(h * factor, e)) if h else 0.0 for h, e in zip(self.steps, least, strict=True)]
        )
        return self.noise

    def lines(self, x: np.ndarray, f0: float) -> list[Line]:
        size = scale_of(x, self.known)
        if self.region is not None:
            curves = self.region.curves(x)
            sizes = [float(np.max(size * (curve.direction != 0), initial=0.0)) for curve in curves]
            self.past.append([CurveLine(self.value, x, f0, one, of) for one, of in zip(curves, sizes, strict=True)])
        else:
            self.past.append([Line(self.value, x, f0, k, size[k], self.box) for k in range(x.size)])
        return self.past[-1]

    def measured(self, x: np.ndarray, f0: float, size: np.ndarray) -> Noise:
        noise = measure_noise(self.value, x, f0, size, self.box, self.coarse(), self.inward(x))
        self.rough = noise.calls or self.rough
        return replace(noise, before=self.noise) if self.noise and self.noise.size > noise.size else noise

    def inward(self, x: np.ndarray) -> np.ndarray | None:
        return None if self.region is None else self.region.inward(x)

    def along_coordinates(self, slopes: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradient and its errors, given the slopes along the last lines."""
        if self.region is None:
            return slopes, errors
        duals = np.array([line.curve.dual for line in self.past[-1] if isinstance(line, CurveLine)])
        # An unknown error, infinite, leaves the entries unknown that it enters.
        entering = np.where(duals != 0, errors[:, None] * np.abs(duals), 0.0)
        return slopes @ duals, entering.sum(axis=0)

    def outliers(self) -> list[Call]:
        """Return the calls whose values stand out: noise explains them, and so may the shape of f."""
        return odd_calls(self.rough) + sharp_bends(self.past, self.coarse())

    def by_known_steps(self, noise: Noise, x: np.ndarray, f0: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradient by the steps that were found, and its errors: |f‴/6| h² + noise / h."""
        changed = abs(f0) / noise.size if noise.size else 1.0
        factor = float(np.clip(np.cbrt(changed), SHORTEST, LONGEST))
        gradient, error = np.zeros(x.size), np.zeros(x.size)
        for k, line in enumerate(self.lines(x, f0)):
            h = self.taken[k] = line.step_near(self.steps[k] * factor)
            if h == 0:
                continue
            quotient = line.quotient(h)
            gradient[k] = quotient.slope
            error[k] = quotient.error(self.third[k], noise) if self.bounded[k] else math.inf
        return self.along_coordinates(gradient, error)

    def still_serve(self, noise: Noise, x: np.ndarray, f0: float, gradient: np.ndarray, error: np.ndarray) -> bool:
        """Tell whether the steps are still good: f changes as predicted if all coordinates move by three steps."""
        if self.region is not None:
            # A move of all coordinates at once may leave the region.
            return True
        signs = np.where(np.sin(np.arange(x.size) ** 2 + 1.0) < 0, -3.0, 3.0)
        move = signs * self.steps
        up, down = (tentative(self.value, x + step) if self.allows(x + step) else math.nan for step in (move, -move))
        if not (math.isfinite(up) and math.isfinite(down)):
            return True
        off = abs((up - down) / 2 - float(gradient @ move))
        known = np.where(np.isfinite(error), error, 0.0)
        expected = 20 * math.sqrt(x.size) * float(known @ np.abs(move))
        serve = off <= expected + 8 * noise.at(max(abs(up), abs(down), abs(f0)))
        if not serve:
            self.rough = Call(x - move, down), Call(x, f0), Call(x + move, up)
        return serve

    def allows(self, x: np.ndarray) -> bool:
        return self.box is None or self.box.contains(x)

    def search(self, x: np.ndarray, f0: float, size: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Measure the noise, find the step of each coordinate, and return the gradient with its errors.

        `size` is a guess of the scale of f, by default the size of the point or the start.
        """
        size = scale_of(x, self.known) if size is None else size
        self.noise = self.measured(x, f0, size)
        first = size * min((3 * self.noise.relative) ** (1 / 3), 0.1)
        lines, shrunk = self.lines(x, f0), 1.0
        search = StepSearch(self.noise)
        found: list[FoundStep] = []
        for _ in range(MOST_SHRUNK):
            found = []
            for line, h in zip(lines, first * shrunk, strict=True):
                one, shrunk = search.along(line, h, shrunk)
                found.append(one)
            self.noise = search.noise
            slopes, errors, steps = (
                np.array(part) for part in zip(*((f.slope, f.error, f.h) for f in found), strict=True)
            )
            if self.noise.accounted_for(*self.along_coordinates(slopes, errors), self.lengths(steps)):
                break
            # The values from which the noise was measured do not rise as these slopes predict: try shorter steps.
            shrunk /= RUNG**2
        self.steps = np.array([one.h for one in found])
        self.taken = self.steps.copy()
        self.third = np.array([one.third for one in found])
        error = np.array([one.error for one in found])
        self.bounded = np.isfinite(error)
        return self.along_coordinates(np.array([one.slope for one in found]), error)
