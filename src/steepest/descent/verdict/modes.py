"""The directions in which a Hessian is diagonal, and the distance to the minimum along them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from steepest.derivatives.differences import EPS

Grad = Callable[[np.ndarray], np.ndarray]

# A curvature that was measured over a longer step is checked over a step of this relative length. √ε balances the
# truncation error and the rounding error of a one-sided difference of gradients.
NARROW = math.sqrt(EPS)
# A coordinate's entry in a direction counts as a rounding error if it is below this share of the coordinate's largest
# entry in any direction. Chosen, not measured: a larger share hides true entries, a smaller share calls coordinates
# undetermined that are determined.
FAINT = 1e-6
# If a step left the share q of the slope, the curvature after it is about 1 - 2q times that before: see `stretch`. The
# curvature counts as known if 2q is at most this. Chosen, not measured: a limit nearer to 1 trusts steps that did
# little, a lower limit distrusts useful steps.
MOST_LOST = 0.9
# The Hessian predicted a step if at most this share of the slope along each mode is left. Chosen, not measured: a
# larger share trusts less accurate Hessians, a smaller share takes more steps.
PREDICTED = 0.01
# A mode is shallow if f rises by at most this share of the descent over the mode's extent, says the curvature. Such a
# curvature may be that of a point next to a degenerate saddle, as of x² + y³ at 0. Chosen, not measured: about √ε; a
# larger share costs values at ordinary minima.
SHALLOW = 1e-8


@dataclass(frozen=True)
class Modes:
    """Directions w, a column each, with the curvature wᵀHw along each, at a point with a gradient.

    Attributes
    ----------
    directions : array of shape (coordinates, modes)
        The directions w.
    curvatures : array
        The curvatures wᵀHw, 0 for a curvature that is negative or a rounding error.
    certain : array of bool
        Which curvatures are positive by more than the error of the Hessian.
    reach, extent : array
        Lengths along each direction, as multiples of w: the shortest length over which the curvature was measured, and
        the length that moves a coordinate by its own size.
    gradient, gradient_error : array
        The gradient, and the largest error of each entry.
    remaining : array
        The share of the slope along each direction that the last Newton step left; not updated where errors of the
        gradient hide the slope.
    unchecked, changed : array of bool
        Directions along which errors of the gradient hide the curvature nearer than `reach`, and directions along
        which that curvature differs from the one measured farther away.
    """

    directions: np.ndarray
    curvatures: np.ndarray
    certain: np.ndarray
    reach: np.ndarray
    extent: np.ndarray
    gradient: np.ndarray
    gradient_error: np.ndarray
    remaining: np.ndarray
    unchecked: np.ndarray
    changed: np.ndarray

    @classmethod
    def of(
        cls, directions: np.ndarray, curvatures: np.ndarray, certain: np.ndarray,
        lengths: tuple[np.ndarray, np.ndarray], gradient: np.ndarray, gradient_error: np.ndarray,
    ) -> Modes:  # fmt: skip
        """Return modes before any step or check; `lengths` are the difference step and the size of each coordinate."""
        none = np.zeros(curvatures.size, dtype=bool)
        reach, extent = (
            1 / np.max(np.abs(directions) / length[:, None], axis=0, initial=0.0) for length in lengths
        )  # fmt: skip
        remaining = np.zeros(curvatures.size)
        return cls(
            directions, curvatures, certain, reach, extent, gradient, gradient_error, remaining, none, none
        )  # fmt: skip

    def with_changes(self, **changes: np.ndarray) -> Modes:
        """Return the same modes at another point, or with other errors: the Hessian and its inverse stay."""
        new = replace(self, **changes)
        known = ((name, vars(self)[name]) for name in ("inverse", "hessian") if name in vars(self))
        vars(new).update(known)
        return new

    @cached_property
    def inverse(self) -> np.ndarray:
        """The inverse of the Hessian, 0 along directions without curvature."""
        curved = self.curvatures > 0
        return (self.directions[:, curved] / self.curvatures[curved]) @ self.directions[:, curved].T

    @cached_property
    def hessian(self) -> np.ndarray:
        """The part of the Hessian with positive curvature."""
        back = np.linalg.pinv(self.directions)
        return back.T @ (self.curvatures[:, None] * back)

    @property
    def step(self) -> np.ndarray:
        """Newton's step along the modes with curvature."""
        return -self.inverse @ self.gradient

    @property
    def decrement(self) -> float:
        """The gain of Newton's step, ½ gᵀH⁻¹g, and of a step of length `extent` along modes without curvature."""
        none = self.curvatures == 0
        flat = float((self.slopes * self.extent)[none].sum()) if none.any() else 0.0
        return float(self.gradient @ self.inverse @ self.gradient) / 2 + flat

    @cached_property
    def slopes(self) -> np.ndarray:
        """The absolute slope along each mode, less its largest error."""
        return np.maximum(
            np.abs(self.directions.T @ self.gradient) - np.abs(self.directions).T @ self.gradient_error, 0.0
        )

    @cached_property
    def unpredicted(self) -> np.ndarray:
        """Modes along which the last step left too much of the slope for the curvature to be right."""
        return (2 * self.remaining > MOST_LOST) & (self.slopes > 0)

    @property
    def predicted(self) -> bool:
        """Whether the last step left hardly any slope along every mode, as the curvature predicted."""
        return not ((self.remaining > PREDICTED) & (self.slopes > 0)).any()

    @cached_property
    def unknown_gain(self) -> float:
        """The gain that may be left along modes whose curvature close to the point is unknown."""
        near, far = self.certain & (self.unchecked | self.changed), ~self.certain | self.unpredicted
        return float((self.slopes * self.reach)[near].sum() + (self.slopes * self.extent)[far].sum())

    def shallow(self, descent: float) -> np.ndarray:
        """Return the directions, in rows, along which the curvature predicts hardly any rise, after this descent.

        Their lengths are far below the size of each coordinate, so that a search in growing steps meets the first fall.
        """
        faint = self.certain & (self.curvatures * self.extent**2 / 2 <= SHALLOW * descent)
        return (self.directions * self.extent * NARROW)[:, faint].T

    @property
    def stretch(self) -> np.ndarray:
        """The factor by which the minimum may lie farther along each mode than the curvature predicts.

        If the last step left a share q of the slope, the mean curvature along the step was 1 - q times that at its
        start, so that the curvature after the step is about 1 - 2q times that at its start.
        """
        return 1 / (1 - np.minimum(2 * self.remaining, MOST_LOST))

    @cached_property
    def distances(self) -> np.ndarray:
        """How far the minimum lies along each mode."""
        slopes = np.abs(self.directions.T @ self.gradient)
        return self.stretch * np.divide(slopes, self.curvatures, out=np.zeros_like(slopes), where=self.curvatures > 0)

    @cached_property
    def error(self) -> np.ndarray:
        """The largest distance of each coordinate from the minimiser; infinite along modes of unknown curvature."""
        size = np.abs(self.directions)
        longest = float(self.stretch.max(initial=1.0))
        error = size @ self.distances + longest * np.abs(self.inverse) @ self.gradient_error
        error += (size * self.reach)[:, self.unchecked & self.certain].sum(axis=1)
        unknown = size[:, self.changed | self.unpredicted | ~self.certain]
        error[(unknown > FAINT * size.max(axis=1, initial=0.0, keepdims=True)).any(axis=1)] = math.inf
        return error

    @cached_property
    def gap(self) -> float:
        """The gain that may be left: by further steps, by errors of the gradient, and along uncertain modes."""
        rounding = np.abs(self.directions).T @ self.gradient_error
        uncertain = ~self.certain | self.unchecked | self.changed
        left = self.curvatures @ self.distances**2 / 2 + (rounding * self.reach)[uncertain].sum()
        return float(left) + self.hidden_gain + self.unknown_gain

    @cached_property
    def hidden_gain(self) -> float:
        """The gain that errors δ of the gradient may hide, ½ δᵀ|H⁻¹|δ."""
        longest = float(self.stretch.max(initial=1.0))
        return float(longest * self.gradient_error @ np.abs(self.inverse) @ self.gradient_error) / 2

    def after_step(self, gradient: np.ndarray) -> Modes:
        """Return the modes after Newton's step, with the gradient there and the same Hessian."""
        before, after = (np.abs(self.directions.T @ g) for g in (self.gradient, gradient))
        visible = (before > 0) & (after > np.abs(self.directions).T @ self.gradient_error)
        remaining = np.divide(after, before, out=self.remaining.copy(), where=visible)
        return self.with_changes(gradient=gradient, remaining=remaining)

    def checked_close(self, x: np.ndarray, grad: Grad, size: np.ndarray) -> Modes:
        """Return the modes with their curvature checked by one more gradient close to x; `size` is that of x.

        If the curvature vanishes at the minimum, as that of x⁴ does, the curvature over a shorter step is smaller than
        that over the step of the Hessian's differences; then at most the slope times the longer step is left to gain.
        The same bound holds where errors of the gradient hide the curvature over the shorter step. If they hide all
        curvatures there, as noise does, the step is the shortest one at which a curvature is visible.
        """
        signs = np.where(np.arange(self.curvatures.size) % 2, -1.0, 1.0)
        direction = self.directions @ signs
        moves = direction != 0
        closest = NARROW * float(np.min(size[moves] / np.abs(direction[moves]), initial=math.inf))
        if not 0 < closest < math.inf:
            return self
        errors = np.abs(self.directions).T @ self.gradient_error
        # Errors hide a curvature over a step shorter than 16 times their ratio: take twice that.
        visible = 32 * float(np.min(errors[self.certain] / self.curvatures[self.certain], initial=math.inf))
        t = visible if closest < visible < self.reach.min() else closest
        found = signs * (self.directions.T @ (grad(x + t * direction) - self.gradient)) / t
        if not np.all(np.isfinite(found)):
            return self
        hidden = 8 * errors / t >= self.curvatures / 2
        same = (found >= self.curvatures / 2) & (found <= 2 * self.curvatures)
        return self.with_changes(
            reach=np.where(same & ~hidden, np.minimum(self.reach, t), self.reach),
            unchecked=hidden | (t > closest),
            changed=self.certain & ~same & ~hidden,
        )

    def with_far_errors(self, size: np.ndarray) -> Modes:
        """Return the modes with a longer reach where the curvature is not certain, given the size of each coordinate.

        Errors of the gradient may hide a slope that goes on as far as the point is large, of up to twice their size.
        """
        with np.errstate(divide="ignore"):
            far = 2 / np.max(np.abs(self.directions) / size[:, None], axis=0, initial=0.0)
        return self.with_changes(reach=np.where(self.certain, self.reach, np.maximum(far, self.reach)))

    def with_gradient_error(self, error: np.ndarray) -> Modes:
        """Return the modes with gradient errors of at least these sizes."""
        return self.with_changes(gradient_error=np.maximum(self.gradient_error, error))
