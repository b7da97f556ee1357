"""Gradients by central differences, whose steps come from the function's own scale and are kept from call to call."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.compiled import Slope
from steepest.derivatives.differences import EPS, scale_of, tentative
from steepest.derivatives.noise import Noise, measured

# A step is compared with one this much longer, and a search for a step goes by the other factor. Both are powers of 2,
# as all steps are: x ± h is then exact.
WIDER = 4.0
RUNG = 8.0
# How far two quotients may differ, as a part of the slope, and two second differences from growing by h².
ALIKE = 0.03
SQUARED = 0.25
# A step follows the noise from point to point within these factors.
SHORTEST, LONGEST = 2.0**-10, 2.0**6
# The first check of the steps comes after so many gradients; then the pauses double.
FIRST_CHECK = 6
FAR, MUCH = 1e3, 1e9
# The noise is measured again where f has become so many times smaller.
LESS = 1e4
MOST_SHRUNK, MOST_RUNGS, MOST_LONGER = 5, 16, 8
BLURRED = 1e-6
# Noise is a standard deviation; an error bar is to hold more often than not.
UNLUCKY = 1.5


@dataclass(frozen=True)
class Quotient:
    """A difference quotient of step h, with the second difference in its values.

    `loud` tells how much of noise / h it has. Beside a wall it is one-sided: three values, or two with an error ~ h.
    """

    h: float
    slope: float
    bend: float
    loud: float = 1.0
    order: int = 2
    largest: float = 0.0


class Line:
    """The values of f along one coordinate of a size; none is asked for twice, and none outside of the box."""

    def __init__(
        self, value: Callable[[np.ndarray], float], x: np.ndarray, f0: float, k: int, size: float, box: Box | None
    ) -> None:  # fmt: skip
        self.value, self.x, self.k, self.size = value, x, k, size
        self.low, self.high = (-math.inf, math.inf) if box is None else (float(box.low[k]), float(box.high[k]))
        self.seen = {0.0: f0}

    @property
    def room(self) -> float:
        """How far the coordinate may move to the side where it may move farther."""
        return max(self.x[self.k] - self.low, self.high - self.x[self.k])

    @property
    def grain(self) -> float:
        """The shortest step in which x ± h is exact, and not a matter of rounding alone."""
        return 4 * float(np.spacing(abs(self.x[self.k])))

    def at(self, t: float) -> float:
        if t not in self.seen:
            moved = self.x.copy()
            moved[self.k] += t
            inside = self.low <= moved[self.k] <= self.high
            self.seen[t] = tentative(self.value, moved) if inside else math.nan
        return self.seen[t]

    def quotient(self, h: float) -> Quotient:
        """Return the central quotient of step h; three values on one side where the other has none."""
        f0, up, down = self.seen[0.0], self.at(h), self.at(-h)
        if math.isfinite(up) and math.isfinite(down):
            largest = max(abs(up), abs(down), abs(f0))
            return Quotient(h, (up - down) / (2 * h), up - 2 * f0 + down, largest=largest)
        side, one = (1.0, up) if math.isfinite(up) else (-1.0, down)
        two = self.at(2 * side * h) if math.isfinite(one) else math.nan
        if math.isfinite(two):
            slope, largest = side * (4 * one - two - 3 * f0) / (2 * h), max(abs(one), abs(two), abs(f0))
            return Quotient(h, slope, two - 2 * one + f0, 4.0, largest=largest)
        return Quotient(h, side * (one - f0) / h, math.nan, 2.0, 1, max(abs(one), abs(f0)))


def consistent(near: Quotient, wide: Quotient, noise: float) -> bool:
    """Tell whether two quotients are of one smooth function: slopes alike, second differences in the ratio of h².

    A step that is longer than the function's own scale fails in one or the other: a narrow bump has the slope 0 in
    both quotients, but second differences that do not grow; across a kink they grow by h alone.
    """
    if not (math.isfinite(near.slope) and math.isfinite(wide.slope)):
        return False
    ratio = wide.h / near.h
    hidden = 3 * (near.loud / near.h + wide.loud / wide.h) * noise
    if near.order == 1 or wide.order == 1:
        return abs(wide.slope - near.slope) <= ALIKE * max(abs(near.slope), abs(wide.slope)) + hidden
    grown = ratio**2 * abs(near.bend)
    blurred = 8 * ratio**2 * noise
    # Faster than by h² is smooth as well: by h⁴ where the second derivative is zero.
    bent = (1 - SQUARED) * grown - blurred <= abs(wide.bend) <= (1 + SQUARED) * ratio**2 * grown + blurred
    # Beside an inflection with a level tangent the third derivative alone is seen.
    level = abs(wide.slope - ratio**2 * near.slope) <= SQUARED * abs(wide.slope) >= abs(wide.bend) / wide.h
    size = max(abs(near.slope), abs(wide.slope), abs(wide.bend) / wide.h)
    return bent and (level or abs(wide.slope - near.slope) <= ALIKE * size + hidden)


@dataclass(frozen=True)
class Found:
    """The result of a search along a coordinate: a step, its slope, the error of that, and f‴/6."""

    h: float
    slope: float
    error: float
    third: float


class Differences:
    """The gradient of f from 2n + 1 values, with the error of each entry.

    D(h) = (f(x + h) - f(x - h)) / 2h is off by f‴h²/6 + noise/h. At the first point the noise is measured, and along
    each coordinate D(h) and D(4h) must agree within their own errors; their difference tells f‴, hence the best step,
    (noise / 2|f‴/6|)^(1/3). Where they disagree the step is looked for from scale to scale. Later points go by the
    steps found, and two values now and then, along all coordinates at once, tell when to look again.

    Attributes
    ----------
    noise : Noise or None
        The noise of f as last measured.
    steps : array
        The step of each coordinate where the noise was measured.
    overhead : int
        How many values of f were taken beside the 2n + 1 of each gradient.
    """

    def __init__(
        self, value: Callable[[np.ndarray], float], start: np.ndarray, box: Box | None = None,
        coarse: Callable[[], float] = lambda: EPS, paid: int | None = None,
    ) -> None:  # fmt: skip
        self.plain, self.start, self.box, self.coarse = value, start, box, coarse
        # How many values of each gradient are counted elsewhere.
        self.paid = 2 * start.size + 1 if paid is None else paid
        self.noise: Noise | None = None
        self.steps, self.third = np.zeros(start.size), np.zeros(start.size)
        self.sure = np.ones(start.size, dtype=bool)
        self.overhead = self.calls = self.since = 0
        self.pause = FIRST_CHECK
        self.last: tuple[np.ndarray, float, np.ndarray, np.ndarray] | None = None

    def value(self, x: np.ndarray) -> float:
        self.calls += 1
        return self.plain(x)

    # Differences of the largest values that doubles have may overflow.
    @np.errstate(all="ignore")
    def __call__(self, x: np.ndarray) -> Slope:
        """Return the value and the gradient at a point."""
        self.calls = 0
        f0 = self.value(x)
        if not math.isfinite(f0):
            return f0, np.full(x.size, math.nan)
        if self.noise is None or self.is_far(x, f0):
            gradient, error = self.calibrated(x, f0)
        else:
            if abs(f0) < self.noise.size / LESS:
                self.listen(x, f0)
            gradient, error = self.steady(x, f0)
            self.since += 1
            if self.since >= self.pause:
                self.since, self.pause = 0, 2 * self.pause
                if not self.holds(x, f0, gradient, error):
                    gradient, error = self.calibrated(x, f0)
        self.overhead += max(self.calls - self.paid, 0)
        self.last = x.copy(), f0, gradient, error
        return f0, gradient.copy()

    def error(self, x: np.ndarray) -> np.ndarray:
        """Return how far each entry of the gradient at a point may be off; infinite where that is not known."""
        if self.last is None or not np.array_equal(self.last[0], x):
            self(x)
        return np.full(x.size, math.inf) if self.last is None else self.last[3].copy()

    @property
    def relative(self) -> float:
        """The noise of f as a part of its size."""
        return EPS if self.noise is None else self.noise.relative

    def scales(self) -> np.ndarray:
        """Return the length over which f changes along each coordinate: the one for which the steps are the best."""
        return self.lengths(self.steps)

    def lengths(self, steps: np.ndarray) -> np.ndarray:
        return np.where(steps > 0, steps / (3 * self.relative) ** (1 / 3), scale_of(self.start, self.start))

    def is_far(self, x: np.ndarray, f0: float) -> bool:
        """Tell whether a point has nothing to do with the one where the steps were found."""
        assert self.noise is not None
        moved = np.abs(x - self.noise.x)
        grown = self.noise.size * MUCH < abs(f0)
        return grown or bool(np.any(moved > FAR * np.maximum(self.scales(), np.abs(self.noise.x))))

    def listen(self, x: np.ndarray, f0: float) -> None:
        """Measure the noise again where f is far smaller: it may have fallen with f, or have stayed."""
        assert self.noise is not None
        before, size = self.noise.level, np.maximum(scale_of(x, x), self.scales())
        self.noise = measured(self.value, x, f0, size, self.box, self.coarse())
        longer = float(np.clip(np.cbrt(self.noise.level / before), SHORTEST, LONGEST)) if before else 1.0
        self.steps = np.array([_power(h * longer) if h else 0.0 for h in self.steps])

    def noise_at(self, f0: float) -> float:
        assert self.noise is not None
        return self.noise.relative * abs(f0)

    def lines(self, x: np.ndarray, f0: float) -> list[Line]:
        size = scale_of(x, self.start)
        return [Line(self.value, x, f0, k, size[k], self.box) for k in range(x.size)]

    def steady(self, x: np.ndarray, f0: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradient by the steps that were found, and its errors: |f‴/6| h² + noise / h."""
        assert self.noise is not None
        changed = abs(f0) / self.noise.size if self.noise.size else 1.0
        factor = float(np.clip(np.cbrt(changed), SHORTEST, LONGEST))
        gradient, error = np.zeros(x.size), np.zeros(x.size)
        for k, line in enumerate(self.lines(x, f0)):
            h = _fitting(self.steps[k] * factor, line)
            if h == 0:
                continue
            quotient = line.quotient(h)
            gradient[k] = quotient.slope
            error[k] = self.bar(quotient, self.third[k]) if self.sure[k] else math.inf
        return gradient, error

    def bar(self, quotient: Quotient, third: float) -> float:
        """Return the error of a quotient from the third derivative, over 6, and the noise in its values."""
        noise = self.noise_at(quotient.largest)
        cut = third * quotient.h**2 * (1 if quotient.loud == 1 else 2)
        if quotient.order == 1:
            # Two values alone, between walls: nothing tells of the curvature.
            return math.inf
        return cut + UNLUCKY * quotient.loud * noise / quotient.h

    def holds(self, x: np.ndarray, f0: float, gradient: np.ndarray, error: np.ndarray) -> bool:
        """Tell whether the steps still serve: three steps along all coordinates at once, f changes as foretold."""
        signs = np.where(np.sin(np.arange(x.size) ** 2 + 1.0) < 0, -3.0, 3.0)
        move = signs * self.steps
        up, down = (tentative(self.value, x + way) if self.allows(x + way) else math.nan for way in (move, -move))
        if not (math.isfinite(up) and math.isfinite(down)):
            return True
        off = abs((up - down) / 2 - float(gradient @ move))
        known = np.where(np.isfinite(error), error, 0.0)
        expected = 20 * math.sqrt(x.size) * float(known @ np.abs(move))
        return off <= expected + 8 * self.noise_at(max(abs(up), abs(down), abs(f0)))

    def allows(self, x: np.ndarray) -> bool:
        return self.box is None or self.box.contains(x)

    # --- Looking for steps ------------------------------------------------------------------------------------

    def calibrated(self, x: np.ndarray, f0: float) -> tuple[np.ndarray, np.ndarray]:
        """Measure the noise, look for the step of each coordinate, and return the gradient with its errors."""
        size = scale_of(x, self.start) if self.noise is None else np.maximum(scale_of(x, x), self.scales())
        self.noise = measured(self.value, x, f0, size, self.box, self.coarse())
        first = size * min((3 * self.noise.relative) ** (1 / 3), 0.1)
        lines, shrunk = self.lines(x, f0), 1.0
        found: list[Found] = []
        for _ in range(MOST_SHRUNK):
            found = []
            for line, h in zip(lines, first * shrunk, strict=True):
                one, shrunk = self.along(line, h, shrunk)
                found.append(one)
            slopes, errors, steps = (
                np.array(part) for part in zip(*((f.slope, f.error, f.h) for f in found), strict=True)
            )
            if self.noise.foretold(slopes, errors, self.lengths(steps)):
                break
            # The values around x that told the noise tell of a slope that these steps do not see.
            shrunk /= RUNG**2
        self.steps = np.array([one.h for one in found])
        self.third = np.array([one.third for one in found])
        error = np.array([one.error for one in found])
        self.sure = np.isfinite(error)
        return np.array([one.slope for one in found]), error

    def along(self, line: Line, first: float, shrunk: float) -> tuple[Found, float]:
        """Return what is found along a coordinate, and by how much the step was shorter than the size foretells.

        The next coordinate begins there: what makes one step too long mostly makes all of them too long.
        """
        assert self.noise is not None
        h = _fitting(first, line)
        if h == 0:
            return Found(0.0, 0.0, 0.0, 0.0), shrunk
        near, wide = line.quotient(h), line.quotient(WIDER * h)
        if math.isfinite(near.slope) and not math.isfinite(wide.slope):
            wide = line.quotient(h / WIDER)
            near, wide = wide, near
        noise = self.noise_at(max(near.largest, wide.largest))
        level = near.slope == 0 == near.bend
        if consistent(near, wide, noise) and not (level and self.noise.stairs and shrunk < 1):
            return self.best(line, *self.longer(line, near, wide)), shrunk
        ladder = [near]
        while ladder[-1].h / RUNG >= line.grain and len(ladder) < MOST_RUNGS:
            ladder.append(line.quotient(ladder[-1].h / RUNG))
            if self.noise.stairs and ladder[-1].slope == 0 == ladder[-1].bend:
                break
            if consistent(ladder[-1], ladder[-2], self.noise_at(max(ladder[-1].largest, ladder[-2].largest))):
                found = self.best(line, ladder[-1], ladder[-2])
                off = abs(found.slope - wide.slope)
                if not _alike(near, wide) or off <= ALIKE * abs(wide.slope):
                    return found, shrunk * ladder[-1].h / h
                # Slopes that are alike over a long step, and others over a short one: a ripple, or the stairs of a
                # coarser rounding. The descent follows the long one, and the error covers both.
                self.noise = self.noise.louder(max(self.noise.level, abs(near.bend) / 2, abs(wide.bend) / 2))
                return Found(wide.h, wide.slope, off, 0.0), shrunk
        return self.desperate(line, ladder, wide), shrunk

    def longer(self, line: Line, near: Quotient, wide: Quotient) -> tuple[Quotient, Quotient]:
        """Return consistent quotients of longer steps where noise blurs these: the function's scale may be far more."""
        for _ in range(MOST_LONGER):
            blur = wide.loud * self.noise_at(wide.largest) / wide.h
            longest = min(line.room / 8, line.size)
            if blur <= BLURRED * max(abs(wide.slope), abs(wide.bend) / wide.h) or RUNG * wide.h > longest:
                break
            farther = line.quotient(RUNG * wide.h)
            if not consistent(wide, farther, self.noise_at(max(wide.largest, farther.largest))):
                break
            near, wide = wide, farther
        return near, wide

    def best(self, line: Line, near: Quotient, wide: Quotient) -> Found:
        """Return the slope by the best step that two consistent quotients tell of."""
        noise = self.noise_at(max(near.largest, abs(line.seen[0.0])))
        ratio = wide.h / near.h
        spread = abs(wide.slope - near.slope)
        if near.order == 1:
            return Found(near.h, near.slope, math.inf, spread / near.h**2)
        third = spread / ((ratio**2 - 1) * near.h**2)
        # Noise alone makes the two differ, so a smaller third derivative than that can't be told.
        unseen = near.loud * noise / ((ratio**2 - 1) * near.h**3)
        h = np.cbrt(near.loud * noise / (2 * max(third, unseen))) if noise else near.h
        h = _power(min(max(h, line.grain), wide.h))
        h = h if near.h / 2 > h or h > 2 * near.h else near.h
        quotient = line.quotient(h) if h != near.h else near
        if not math.isfinite(quotient.slope) or quotient.order == 1:
            quotient = near
        third = max(third, unseen)
        # The two must agree once more where the step was changed by much.
        off = abs(quotient.slope - near.slope)
        error = max(self.bar(quotient, third), off if off > 3 * self.bar(near, third) else 0.0)
        return Found(quotient.h, quotient.slope, error, third)

    def desperate(self, line: Line, ladder: list[Quotient], wide: Quotient) -> Found:
        """Return what can be said where no step was consistent: a kink, more noise than was measured, or nothing."""
        sound = [one for one in ladder if math.isfinite(one.slope)]
        if not sound:
            return Found(ladder[0].h, math.nan, math.inf, 0.0)
        noise = self.noise_at(max(one.largest for one in sound))
        # At a kink the second difference is the jump of the slope times h.
        for near, far in zip(sound[1:], sound, strict=False):
            jump, other = abs(near.bend) / near.h, abs(far.bend) / far.h
            steady = abs(near.slope - far.slope) <= ALIKE * (jump + abs(near.slope))
            if steady and abs(near.bend) > 100 * noise and abs(jump - other) <= ALIKE * jump:
                return Found(near.h, near.slope, jump / 2 + self.bar(near, 0.0), 0.0)
        # Over the shortest steps values differ by noise alone: their differences do not shrink with the step.
        seen = sorted(abs(f - line.seen[0.0]) for t, f in line.seen.items() if abs(t) <= sound[-1].h * RUNG**2)
        louder = seen[-1] if seen and math.isfinite(seen[-1]) else 0.0
        if louder > noise:
            h, longest = RUNG * ladder[0].h, min(RUNG**5 * ladder[0].h, line.room / 8)
            near = wide
            while h <= longest:
                far = line.quotient(h)
                if consistent(near, far, louder):
                    assert self.noise is not None
                    self.noise = self.noise.louder(max(self.noise.level, louder))
                    return self.best(line, near, far)
                near, h = far, RUNG * h
        best = min(
            zip(sound[1:], sound, strict=False), key=lambda pair: abs(pair[0].slope - pair[1].slope), default=None
        )
        chosen = sound[0] if best is None else best[0]
        return Found(chosen.h, chosen.slope, math.inf, 0.0)


def _alike(near: Quotient, wide: Quotient) -> bool:
    """Tell whether two slopes are alike, and clearly seen."""
    clear = abs(wide.slope) * near.h > WIDER * max(abs(near.bend), abs(wide.bend) / WIDER)
    return clear and abs(near.slope - wide.slope) <= ALIKE * abs(wide.slope)


def _power(h: float) -> float:
    """Return the power of 2 next to h."""
    return 2.0 ** round(math.log2(h))


def _fitting(h: float, line: Line) -> float:
    """Return the power of 2 next to a step that leaves room for two more, and is not lost in rounding; 0 if none."""
    room = line.room / 8
    if room <= 0:
        return 0.0
    h = _power(max(h, line.grain)) if h > 0 else line.grain
    return min(h, 2.0 ** math.floor(math.log2(room))) if math.isfinite(room) else h
