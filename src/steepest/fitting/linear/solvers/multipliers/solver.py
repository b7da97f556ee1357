"""The method of multipliers, for losses whose slope or curvature jumps, an L2 penalty and many coefficients.

Most rows of such a loss are on a straight part, where it has no curvature, so a Newton step needs only the others. A
loss with kinks is made smooth around the multipliers found so far: see `terms`. Few steps find the minimum for these
centres, and the multipliers there are the next centres. Unlike with a smoothing alone, the minimum is then reached at
a smoothing far from 0, where conjugate gradients take few products. Li, Sun and Toh, "A highly efficient semismooth
Newton augmented Lagrangian method for solving Lasso problems" (2018), descend alike.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from steepest.derivatives.differences import EPS
from steepest.derivatives.objective import LEAST_PART
from steepest.descent.loop.bound import Bound
from steepest.descent.loop.state import CANDIDATE, RUNNING, STALLED
from steepest.fitting.linear.certificates.rounding import ROUNDINGS
from steepest.fitting.linear.certificates.smooth import Certifier
from steepest.fitting.linear.glm import Glm
from steepest.fitting.linear.solvers.base import Opening
from steepest.fitting.linear.solvers.host import HostSolver
from steepest.fitting.linear.solvers.multipliers.bound import bound_at
from steepest.fitting.linear.solvers.multipliers.rows import read_rows
from steepest.fitting.linear.solvers.multipliers.system import newton_step
from steepest.fitting.linear.solvers.multipliers.terms import MARGIN, Terms
from steepest.types import Array

# The first smoothing is at least so many times the loss's own: at the start, where all outputs are 0, every hinge is
# then curved. It is also at least the output that a row's own multiplier pulls it to. Measured on tables of 90 to 3,000
# rows: with less, Newton steps were cut short again and again, and some descents stalled.
FIRST = 2.0
# A loss without kinks is smoothed only once a step is cut below SHORT, as on columns that separate the classes, and no
# longer when its own curvature is more than 1 / LEAST times that of the smoothing. Chosen, not measured.
SHORT, LEAST = 0.1, 1e-2
# When the centres move, the smoothing is multiplied by SHARPER if the last step took at most CHEAP products. Measured
# on text with C from 0.1 to 10: factors of 0.3 and 0.7 took up to twice the time, and half or twice as many products up
# to a third more.
SHARPER, CHEAP = 0.5, 60
# Conjugate gradients end at the share LEFT of the gradient, both in the norm of the preconditioner, or at the share
# TIGHT if the gap of a loss without kinks is at most SETTLED of the value: the same rows are then curved, and a few
# long steps reach the minimum. A step ends earlier if ENOUGH of the gradient that rounding hides is left. Measured on
# text: LEFT took the least products in all, and TIGHT as many in fewer steps.
LEFT, TIGHT, SETTLED, ENOUGH = 0.1, 1e-3, 1e-4, 0.3
# The descent has stalled after so many steps in which the gap has not fallen below its least value so far. Chosen, not
# measured: when the centres move, the gap may rise for a few steps.
MOST_IDLE = 30


class State(NamedTuple):
    """The state of the method of multipliers. Saved folders hold the fields in this order.

    Attributes
    ----------
    x : array of shape (n,)
        The coefficients.
    value : float
        The objective.
    gradient : array of shape (n,)
        The gradient of the smoothed objective.
    z : array of shape (rows,)
        The outputs A x.
    centre, multipliers : array of shape (terms, rows)
        The centres, and the multipliers at x.
    smoothing : float
        μ.
    products : int
        How many products the last step took.
    iteration, evaluations, first_value, estimate, steepest, code
        As in `Status`; the estimate is the duality gap.
    least, idle : float, int
        The least gap so far, and the number of steps since.
    """

    x: Array
    value: Array
    gradient: Array
    z: Array
    centre: Array
    multipliers: Array
    smoothing: Array
    products: Array
    iteration: Array
    evaluations: Array
    first_value: Array
    estimate: Array
    steepest: Array
    least: Array
    idle: Array
    code: Array


class MultiplierSolver(HostSolver[Glm, State]):
    """The method of multipliers; an evaluation is a step, with all its products.

    All steps are taken in NumPy and SciPy, so that nothing is compiled. `curvature` is not needed.
    """

    def __init__(self, glm: Glm, curvature: float, *arguments: Any, opening: Opening | None = None) -> None:
        self.rows, self.terms = read_rows(glm), Terms.of(glm)
        self.lam, self.scale = float(glm.ridge), np.asarray(glm.transform)
        super().__init__(glm, np.asarray(curvature), *arguments, opening=opening)

    @property
    def glm(self) -> Glm:
        """The model on its rows."""
        return self.model

    @property
    def smoothing(self) -> Array | None:
        """The smoothing of a loss with kinks at the current point."""
        return None if self.terms.curve else self.state.smoothing

    @property
    def step_tolerance(self) -> float:
        """The tolerance of the steps; the gap is known after each, so that none is certified before the end."""
        return self.tolerance or -self.last_tolerance

    def product(self, d: Array) -> Array:
        """Return A d."""
        d = np.asarray(d)
        return self.rows.along(self.scale * d[:-1]) + d[-1]

    def begin(self, model: Glm, x: Array, first: Array) -> State:
        """Return the state at a start."""
        zero, count = np.zeros(()), np.zeros((), int)
        x, terms = np.asarray(x, float), self.terms
        smoothing = np.asarray(0.0 if terms.curve else self.first_smoothing())
        nothing = np.zeros_like(terms.weight)
        blank = State(
            x, zero, x, zero, nothing, nothing, smoothing, count, count, count, zero, zero, zero, zero + np.inf, count,
            count,
        )  # fmt: skip
        here = self.at(blank, x, self.rows.along(self.scale * x[:-1]))
        here = here._replace(evaluations=count + 1, first_value=np.asarray(self.reference(float(here.value))))
        code = CANDIDATE if here.estimate <= self.rounding(float(here.value)) else RUNNING
        return here._replace(code=np.asarray(code))

    def first_smoothing(self) -> float:
        """Return the smoothing at which a descent begins."""
        weight = self.terms.weight.sum(axis=0)
        pull = float(weight @ self.rows.lengths() ** 2) / (self.lam * np.count_nonzero(weight))
        return pull if self.terms.curve else max(FIRST * float(np.asarray(self.model.smoothing)), pull)

    def reference(self, value: float) -> float:
        """Return the value from which progress is measured: see `Glm.reference_value`."""
        glm = self.model
        y, p = np.asarray(glm.y), np.asarray(glm.weight) / float(glm.mass)
        levels = (0.0, float(glm.loss.link(p @ y)))
        values = [value, *(float(self.terms.losses(self.terms.inner(level + 0.0 * y)).sum()) for level in levels)]
        return min(v for v in values if np.isfinite(v))

    def rounding(self, value: float) -> float:
        """Return the rounding error of a value."""
        return 4 * EPS * abs(value)

    def slope(self, here: State) -> np.ndarray:
        """Return the gradient by w of the smoothed objective."""
        return np.asarray(here.gradient)[:-1] / self.scale

    def away(self, g: np.ndarray) -> float:
        """Return how far w is from the minimum of the tangents, which is one part of the gap, by the gradient."""
        return float(g @ g) / (2 * self.lam)

    def at(self, before: State, x: np.ndarray, along: np.ndarray) -> State:
        """Return the state at a new point, with the centres and the smoothing as they are; `along` is X w there."""
        w, z = self.scale * x[:-1], along + x[-1]
        s = self.terms.inner(z)
        q = self.terms.multipliers(s, before.centre, float(before.smoothing))
        slopes = self.terms.slopes(q)
        g = self.lam * w + self.rows.slopes(slopes)
        gap = float(self.terms.gaps(s, q).sum()) + self.away(g)
        return before._replace(
            x=x, z=z, multipliers=q, gradient=np.append(self.scale * g, slopes.sum()), estimate=np.asarray(gap),
            value=np.asarray(float(self.terms.losses(s).sum()) + self.lam / 2 * (w @ w)),
        )  # fmt: skip

    def balanced(self, here: State) -> State:
        """Return the state at the best intercept for its centres, where the slopes of the rows sum to 0."""
        slopes = np.abs(self.terms.slopes(here.multipliers)).sum()
        if abs(here.gradient[-1]) <= MARGIN * EPS * slopes:
            return here
        shift = self.terms.balance(here.z, here.centre, float(here.smoothing))
        return self.settled(here, np.asarray(here.x)) if shift else here

    def settled(self, before: State, x: np.ndarray, along: np.ndarray | None = None) -> State:
        """Return the state at a point with the best intercept for the centres; `along` is X w there, if it is known."""
        along = self.rows.along(self.scale * x[:-1]) if along is None else along
        shift = self.terms.balance(along + x[-1], before.centre, float(before.smoothing))
        return self.at(before, np.append(x[:-1], x[-1] + shift), along)

    def step(self, here: State) -> tuple[State, float]:
        """Return the state after a step, and the step size."""
        before, here = here, self.centred(self.balanced(here))
        terms, smoothing = self.terms, float(here.smoothing)
        g = self.slope(here)
        h = terms.curvatures(here.multipliers, smoothing)
        d, products = newton_step(self.rows, h, self.lam, g, self.left(here), self.is_over)
        along, total = self.rows.along(d), h.sum()
        shift = -float(h @ along) / total if total > 0 else 0.0
        w = self.scale * here.x[:-1]
        penalty = self.lam * float(w @ d), self.lam * float(d @ d)
        t = terms.step_size(here.z, along + shift, here.centre, smoothing, penalty)
        there = self.settled(here, here.x + t * np.append(d / self.scale, shift), here.z - here.x[-1] + t * along)
        if terms.curve and not smoothing and t < SHORT:
            pull = np.asarray(self.first_smoothing())
            there = self.settled(there._replace(centre=there.multipliers, smoothing=pull), np.asarray(there.x))
        gains = there.estimate < before.least
        there = there._replace(
            iteration=before.iteration + 1, evaluations=before.evaluations + 1, products=np.asarray(products),
            least=np.minimum(there.estimate, before.least), idle=np.asarray(0 if gains else int(before.idle) + 1),
        )  # fmt: skip
        near = there.estimate <= max(self.target(there), self.rounding(float(there.value)))
        code = CANDIDATE if near else STALLED if there.idle >= MOST_IDLE else RUNNING
        return there._replace(code=np.asarray(code)), t

    def left(self, here: State) -> float:
        """Return the share of the gradient at which conjugate gradients end."""
        gap, value = float(here.estimate), abs(float(here.value))
        if not self.terms.curve or gap > SETTLED * value:
            return LEFT
        # The gap is quadratic in the gradient. More than what takes it below rounding errors gains nothing.
        enough = ENOUGH * math.sqrt(self.rounding(value) / max(gap, self.rounding(value)))
        return min(max(enough, TIGHT), LEFT)

    def centred(self, here: State) -> State:
        """Return the state with centres at its multipliers, if it is near the minimum around the present ones.

        It is near if the distance of the smoothed value from its minimum is at most what the centres' distances take
        off the value, which is Rockafellar's condition. With a weaker one, some descents stalled.
        """
        if not here.smoothing:
            return here
        moved = (self.terms.weight * (here.multipliers - here.centre) ** 2).sum()
        if self.away(self.slope(here)) > float(here.smoothing) / 2 * moved:
            return here
        sharper = SHARPER if here.products <= CHEAP else 1.0
        if sharper * float(here.smoothing) < LEAST * self.terms.curve:
            sharper = 0.0
        there = here._replace(centre=here.multipliers, smoothing=np.asarray(sharper * float(here.smoothing)))
        return self.settled(there, np.asarray(here.x))

    def target(self, here: State) -> float:
        """Return the gap at which to stop: see `Glm.target_gap`."""
        tolerance, value, lowest = self.step_tolerance, float(here.value), float(self.model.lowest)
        if tolerance < 0:
            return -tolerance * (value - lowest if np.isfinite(lowest) else abs(value))
        descent = float(here.first_value) - value
        return tolerance * max(min(value - lowest, descent), LEAST_PART * descent)

    def bound(self, x: np.ndarray) -> Bound | None:
        """Return the duality gap at a point by the multipliers at hand, with its rounding errors."""
        unit = ROUNDINGS * EPS + float(np.finfo(np.dtype(self.model.X.dtype)).eps)
        assert isinstance(self.certifier, Certifier)
        uneven, shared = self.certifier.coordinates.blur(x)
        blur = ROUNDINGS * (uneven + shared)
        w, b, q = self.scale * x[:-1], float(x[-1]), np.asarray(self.state.multipliers)
        return bound_at(self.terms, self.rows, self.lam, q, w, b, unit, blur, self.negligible_gap)
