"""The search for the step of a difference quotient, one coordinate at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from steepest.derivatives.differencing.quotients import ALIKE, Line, Quotient, consistent, power_of_two
from steepest.derivatives.noise import Noise

# A quotient is compared with one whose step is WIDER times as long, and a search changes steps by factors of RUNG. Both
# are powers of 2, as all steps are: x ± h is then exact. Chosen, not measured: larger factors need fewer values of f to
# cross the scales, and may skip the only good step.
WIDER = 4.0
RUNG = 8.0
# The most steps tried: MOST_RUNGS, each RUNG times shorter than the last, or MOST_LONGER, each RUNG times longer.
MOST_RUNGS, MOST_LONGER = 16, 8
# Longer steps are tried while noise makes up more than this share of the slope. Chosen, not measured: a smaller share
# costs more values of f and gives more digits.
BLURRED = 1e-6


@dataclass(frozen=True)
class FoundStep:
    """The result of a search along a coordinate: a step, the slope with its error, and f‴/6."""

    h: float
    slope: float
    error: float
    third: float


class StepSearch:
    """The search for steps at one point.

    Attributes
    ----------
    noise : Noise
        The noise of f. A search raises its level if values differ more than was measured.
    """

    def __init__(self, noise: Noise) -> None:
        self.noise = noise

    def along(self, line: Line, first: float, shrunk: float) -> tuple[FoundStep, float]:
        """Return the step found along a coordinate, and `shrunk` times the factor by which the step was shortened.

        If the search is repeated, all steps begin shorter by that factor: the cause of one step that is too long
        usually makes all of them too long.
        """
        h = line.step_near(first)
        if h == 0:
            return FoundStep(0.0, 0.0, 0.0, 0.0), shrunk
        near, wide = line.quotient(h), line.quotient(WIDER * h)
        if math.isfinite(near.slope) and not math.isfinite(wide.slope):
            wide = line.quotient(h / WIDER)
            near, wide = wide, near
        level = near.slope == 0 == near.second
        if self.agree(near, wide) and not (level and self.noise.stairs and shrunk < 1):
            return self.best(line, *self.longer(line, near, wide)), shrunk
        ladder = [near]
        while ladder[-1].h / RUNG >= line.shortest and len(ladder) < MOST_RUNGS:
            ladder.append(line.quotient(ladder[-1].h / RUNG))
            if self.noise.stairs and ladder[-1].slope == 0 == ladder[-1].second:
                break
            if self.agree(ladder[-1], ladder[-2]):
                found = self.best(line, ladder[-1], ladder[-2])
                off = abs(found.slope - wide.slope)
                if not _alike(near, wide) or off <= ALIKE * abs(wide.slope):
                    return found, shrunk * ladder[-1].h / h
                # The slopes over long steps agree, and differ from those over short steps: f has a ripple, or the
                # stairs of a coarser rounding. The descent needs the slope over long steps; the error covers both.
                self.raise_noise(max(abs(near.second) / 2, abs(wide.second) / 2))
                return FoundStep(wide.h, wide.slope, off, 0.0), shrunk
        return self.fallback(line, ladder, wide), shrunk

    def agree(self, near: Quotient, wide: Quotient) -> bool:
        """Tell whether two quotients are consistent within the noise."""
        return consistent(near, wide, self.noise.at(max(near.largest, wide.largest)))

    def raise_noise(self, level: float) -> None:
        """Raise the level of the noise to `level`, unless it is higher already."""
        self.noise = self.noise.with_level(max(self.noise.level, level))

    def longer(self, line: Line, near: Quotient, wide: Quotient) -> tuple[Quotient, Quotient]:
        """Return consistent quotients of longer steps while noise blurs the slope: the scale of f may be far longer."""
        for _ in range(MOST_LONGER):
            blur = wide.amplification * self.noise.at(wide.largest) / wide.h
            longest = min(line.room / 8, line.size)
            if blur <= BLURRED * max(abs(wide.slope), abs(wide.second) / wide.h) or RUNG * wide.h > longest:
                break
            farther = line.quotient(RUNG * wide.h)
            if not self.agree(wide, farther):
                break
            near, wide = wide, farther
        return near, wide

    def best(self, line: Line, near: Quotient, wide: Quotient) -> FoundStep:
        """Return the slope by the best step, (noise / 2|f‴/6|)^(1/3), with f‴ estimated from two quotients."""
        noise = self.noise.at(max(near.largest, abs(line.values[0.0])))
        ratio = wide.h / near.h
        spread = abs(wide.slope - near.slope)
        if near.order == 1:
            return FoundStep(near.h, near.slope, math.inf, spread / near.h**2)
        third = spread / ((ratio**2 - 1) * near.h**2)
        # The slopes would differ as much by noise alone as by this third derivative, so a smaller one can't be
        # measured.
        unseen = near.amplification * noise / ((ratio**2 - 1) * near.h**3)
        h = np.cbrt(near.amplification * noise / (2 * max(third, unseen))) if noise else near.h
        h = power_of_two(min(max(h, line.shortest), wide.h))
        h = h if near.h / 2 > h or h > 2 * near.h else near.h
        quotient = line.quotient(h) if h != near.h else near
        if not math.isfinite(quotient.slope) or quotient.order == 1:
            quotient = near
        third = max(third, unseen)
        # If the new step changes the slope by more than noise and truncation explain, the error covers the change.
        off = abs(quotient.slope - near.slope)
        error = max(quotient.error(third, self.noise), off if off > 3 * near.error(third, self.noise) else 0.0)
        return FoundStep(quotient.h, quotient.slope, error, third)

    def fallback(self, line: Line, ladder: list[Quotient], wide: Quotient) -> FoundStep:
        """Return a slope although no two quotients are consistent.

        Its error is finite at a kink, or if f has more noise than was measured; in all other cases it is infinite.
        """
        finite = [one for one in ladder if math.isfinite(one.slope)]
        if not finite:
            return FoundStep(ladder[0].h, math.nan, math.inf, 0.0)
        noise = self.noise.at(max(one.largest for one in finite))
        # At a kink the second difference is the jump of the slope times h, so two quotients show the same jump.
        for near, far in zip(finite[1:], finite, strict=False):
            jump, other = abs(near.second) / near.h, abs(far.second) / far.h
            steady = abs(near.slope - far.slope) <= ALIKE * (jump + abs(near.slope))
            if steady and abs(near.second) > 100 * noise and abs(jump - other) <= ALIKE * jump:
                return FoundStep(near.h, near.slope, jump / 2 + near.error(0.0, self.noise), 0.0)
        # Over the shortest steps values differ by noise alone: the differences do not shrink with the step.
        distances = sorted(
            abs(f - line.values[0.0]) for t, f in line.values.items() if abs(t) <= finite[-1].h * RUNG**2
        )
        louder = distances[-1] if distances and math.isfinite(distances[-1]) else 0.0
        if louder > noise:
            h, longest = RUNG * ladder[0].h, min(RUNG**5 * ladder[0].h, line.room / 8)
            near = wide
            while h <= longest:
                far = line.quotient(h)
                if consistent(near, far, louder):
                    self.raise_noise(louder)
                    return self.best(line, near, far)
                near, h = far, RUNG * h
        closest = min(
            zip(finite[1:], finite, strict=False), key=lambda pair: abs(pair[0].slope - pair[1].slope), default=None
        )
        chosen = finite[0] if closest is None else closest[0]
        return FoundStep(chosen.h, chosen.slope, math.inf, 0.0)


def _alike(near: Quotient, wide: Quotient) -> bool:
    """Tell whether two slopes are alike, and large compared with the second differences."""
    clear = abs(wide.slope) * near.h > WIDER * max(abs(near.second), abs(wide.second) / WIDER)
    return clear and abs(near.slope - wide.slope) <= ALIKE * abs(wide.slope)
