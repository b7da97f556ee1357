"""Proximal Newton steps on working sets, for L1 penalties on many coefficients: F(θ) = f(θ) + Σ λⱼ |θⱼ|.

At the optimum most coefficients are 0, so that a Hessian of some of them is enough. A round takes the coefficients that
are not 0 and those that most want to leave 0, descends in these alone, and then looks at all slopes again. Massias,
Gramfort and Salmon, "Celer: a fast solver for the Lasso with dual extrapolation" (2018), grow their sets alike. On
sparse rows the steps of `orthants` come first, and mostly reach the minimum.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from steepest.derivatives.differences import EPS
from steepest.derivatives.precision import compiled_code
from steepest.descent.loop.state import CANDIDATE, RUNNING, STALLED
from steepest.fitting.linear.certificates.rounding import column_reach
from steepest.fitting.linear.glm import Glm
from steepest.fitting.linear.quadratic.active_set import minimize_model, shortest_subgradient
from steepest.fitting.linear.quadratic.products import SparseColumns, read_columns
from steepest.fitting.linear.solvers.base import Opening
from steepest.fitting.linear.solvers.host import HostSolver, RowLosses
from steepest.fitting.linear.solvers.orthants import Orthants
from steepest.fitting.linear.solvers.proximal_newton import MOST_HALVINGS, MOST_IDLE, SUFFICIENT
from steepest.types import Array

# The model on its rows, and λ.
Model = tuple[Glm, Array]

# A set has at least LEAST coefficients, twice as many as are not 0, and at most MOST: its Hessian then takes 128 MB. If
# more are not 0, rounds descend in some of them by turns. Chosen, not measured.
LEAST, GROWTH, MOST = 100, 2, 4_000
# A round ends when the slopes in its set are this share of the largest slope outside, or after MOST_STEPS steps.
# Chosen, not measured: a smaller share wastes steps on a set that is not the last one.
SHARE, MOST_STEPS, FAR_STEPS = 0.3, 3, 2
# Far from the minimum, a round multiplies λ so that the largest slope is 1 / WEAKER times as large. The set then grows
# with few coefficients at a time, as along a path of penalties, and Newton steps are seldom cut. Measured on text with
# 2,034 coefficients at the end, at one busy time: 33 s instead of 40 s.
WEAKER = 0.3
# If a step is cut to a share below SHORT, the next steps are damped by this share of the curvature, and ten times as
# much after each further cut; a whole step divides the damping by ten. Losses with straight parts need it.
SHORT, FIRST_DAMPING, LEAST_DAMPING = 0.1, 1e-3, 1e-6
# On sparse rows a round takes steps in orthants, and steps in a working set follow if these leave more than LITTLE of
# the estimated gap. Once the gap is CLOSE to the minimum, as a share of the value, they use a factor of the Hessian.
# Chosen, not measured: the estimate is much larger than the gap, and the coefficients that are not 0 are then nearly
# the last.
LITTLE, CLOSE = 0.5, 3e-2


class State(NamedTuple):
    """The state of a descent on working sets. Saved folders hold the fields in this order.

    `smooth_gradient` is ∇f, `gradient` the shortest subgradient of F, `estimate` the estimated gap, `violation` the
    least of the largest scaled slopes so far, and `idle` the number of rounds without progress.
    """

    x: Array
    value: Array
    smooth_gradient: Array
    gradient: Array
    z: Array
    iteration: Array
    evaluations: Array
    first_value: Array
    estimate: Array
    steepest: Array
    violation: Array
    damping: Array
    idle: Array
    code: Array


class WorkingSetSolver(HostSolver[Model, State]):
    """Proximal Newton steps on working sets; a row of the trace, and an evaluation, is a round.

    The steps are taken in NumPy and SciPy: only the losses of the rows are compiled.
    """

    def __init__(self, glm: Glm, lam: Array, curvature: float, *arguments: Any, opening: Opening | None = None) -> None:
        with compiled_code():
            self.losses = RowLosses(glm)
            self.columns_of_x = read_columns(glm.X)
            self.lam, self.y_weight = np.asarray(lam), np.asarray(glm.weight / glm.mass)
            each = np.zeros_like(self.lam)
            if glm.transform is not None:
                each[:-1] = float(glm.ridge) * np.asarray(glm.transform) ** 2
            self.ridge = each
            self.width = np.append(curvature * self.columns_of_x.squares(self.y_weight), curvature) + each
        super().__init__((glm, self.lam), curvature, *arguments, opening=opening)
        self.orthants = None
        if isinstance(self.columns_of_x, SparseColumns):
            reach = column_reach(glm, self.certifier.coordinates)
            self.orthants = Orthants.of(
                self.losses, self.columns_of_x, self.lam, self.ridge, self.width, reach, glm.loss.unsteady, self.is_over
            )

    @property
    def glm(self) -> Glm:
        """The model on its rows."""
        return self.model[0]

    @property
    def smooth_gradient(self) -> Array:
        """The gradient at the current point, without that of the penalty's kinks."""
        return self._state.smooth_gradient

    @property
    def smoothing(self) -> None:
        """None: this solver serves only losses without kinks."""

    def product(self, d: Array) -> Array:
        """Return A d."""
        d = np.asarray(d)
        return self.columns_of_x.along(d[:-1]) + d[-1]

    def begin(self, model: Model, x: Array, first: Array) -> State:
        """Return the state at a start."""
        zero = np.zeros(())
        count = np.zeros((), int)
        blank = State(x, zero, x, x, zero, count, count, zero, zero, zero, zero + np.inf, zero, count, count)
        here = self.at(blank, np.asarray(x, float))
        here = here._replace(iteration=count, first_value=self.losses.reference(here.value))
        _, rounding = self.losses.targets(0.0, here.first_value, here.value)
        code = CANDIDATE if here.estimate <= rounding else RUNNING
        return here._replace(code=np.asarray(code))

    def at(self, before: State, x: np.ndarray) -> State:
        """Return the state at a new point, without its code."""
        z = self.product(x)
        loss, first, _ = self.losses(z)
        slope = np.append(self.columns_of_x.slopes(first), first.sum()) + self.ridge * x
        value = loss + self.ridge @ x**2 / 2 + self.lam @ np.abs(x)
        v = shortest_subgradient(slope, x, self.lam)
        moves = np.maximum(np.abs(x), np.abs(v) / np.where(self.width > 0, self.width, np.inf))
        moves[-1] = np.abs(v[-1]) / self.width[-1]
        return before._replace(
            x=x, value=np.asarray(value), smooth_gradient=slope, gradient=v, z=z,
            iteration=before.iteration + 1, evaluations=before.evaluations + 1,
            estimate=np.asarray(np.abs(v) @ moves),
        )  # fmt: skip

    def step(self, here: State) -> tuple[State, float]:
        """Return the state after a round, and the size of its last step."""
        there, t, decrement = here, 1.0, np.inf
        if self.orthants is not None:
            there, decrement = self.in_orthants(self.orthants, here)
        _, rounding = self.losses.targets(self.step_tolerance, here.first_value, there.value)
        if there is here or (there.estimate > LITTLE * here.estimate and decrement > rounding):
            x, t, damping, decrement = self.descend(there)
            there = self.at(here, x)._replace(damping=np.asarray(damping))
        target, rounding = self.losses.targets(self.step_tolerance, here.first_value, there.value)
        violation = self.scaled(there.gradient).max()
        gains = there.value < here.value - rounding or violation < here.violation / 2
        idle = 0 if gains else int(here.idle) + 1
        # Newton steps converge quadratically: after one that gains nothing visible, there is nothing left to gain.
        near = min(there.estimate, decrement) <= max(target, rounding) or self.certifier.recession.watch > 1
        code = CANDIDATE if near else STALLED if idle >= MOST_IDLE else RUNNING
        least = np.minimum(violation, here.violation)
        return there._replace(violation=least, idle=np.asarray(idle), code=np.asarray(code)), t

    def in_orthants(self, orthants: Orthants, here: State) -> tuple[State, float]:
        """Return the state after steps in orthants, and the gap expected before the last, infinite if unknown.

        It is the same state if they do not lower the value.
        """
        first = int(here.iteration) == 0
        if not first and here.estimate <= CLOSE * abs(here.value):
            x, expected = orthants.close_in(here.x, here.z, here.smooth_gradient, MOST)
            return (self.at(here, x), expected) if np.isfinite(expected) else (here, np.inf)
        for factor in dict.fromkeys((self.strengthened(here) if first else 1.0, 1.0)):
            there = self.at(here, orthants.approach(here.x, here.z, here.smooth_gradient, factor))
            if there.value < here.value:
                return there, np.inf
        return here, np.inf

    def scaled(self, v: np.ndarray) -> np.ndarray:
        """Return slopes in units in which every coefficient has the curvature 1."""
        return np.abs(v) / np.sqrt(np.where(self.width > 0, self.width, 1.0))

    def strengthened(self, here: State) -> float:
        """Return the factor by which a round multiplies λ: 1 near the minimum."""
        slope, penalised = np.abs(here.smooth_gradient), self.lam > 0
        most = np.max(slope[penalised] / self.lam[penalised], initial=0.0)
        return max(1.0, WEAKER * float(most))

    def working_set(self, here: State, factor: float) -> np.ndarray:
        """Return the numbers of the coefficients to descend in, without the intercept."""
        v = shortest_subgradient(here.smooth_gradient, here.x, factor * self.lam)
        slopes, in_use = self.scaled(v)[:-1], np.asarray(here.x[:-1] != 0)
        support = int(in_use.sum())
        size = min(max(LEAST, int(GROWTH * support)), MOST)
        # If too many are in use, take the steepest of all.
        fits = GROWTH * support <= size or support + LEAST <= size
        rank = np.where(in_use, np.inf, slopes) if fits else slopes
        places = np.argpartition(-rank, size)[:size] if size < rank.size else np.arange(rank.size)
        return np.sort(places[rank[places] > 0])

    def descend(self, here: State) -> tuple[np.ndarray, float, float, float]:
        """Descend in a working set; return the point, the size of the last step, the damping and the decrement.

        The decrement is the gain that the first model promises if all slopes are in the set, else infinite.
        """
        factor = self.strengthened(here)
        chosen = self.working_set(here, factor)
        places = np.append(chosen, here.x.size - 1)
        columns = self.columns_of_x.take(chosen)
        lam, ridge, width = self.lam[places], self.ridge[places], self.width[places]
        x, z, t, damping = here.x[places], here.z, 1.0, float(here.damping)
        until, decrement = SHARE * self.scaled(here.gradient).max(), np.inf
        loss, first, second = self.losses(z)
        for k in range(MOST_STEPS if factor == 1 else FAR_STEPS):
            slope = np.append(columns.slopes(first), first.sum()) + ridge * x
            v = shortest_subgradient(slope, x, lam)
            if k and (np.max(np.abs(v) / np.sqrt(np.where(width > 0, width, 1.0))) <= until or self.is_over()):
                break
            # A coefficient without curvature moves, too, if its slope asks for it: the search then finds how far.
            H = columns.hessian(second, ridge + (damping + EPS) * width)
            for strength in dict.fromkeys((factor, 1.0)):
                d = minimize_model(H, slope, x, strength * lam, self.is_over) - x
                fall = slope @ d + lam @ (np.abs(x + d) - np.abs(x))
                # From a start of the user's, a stronger penalty may lead up: then take the penalty itself.
                if fall < 0:
                    break
            if not k and factor == 1 and not np.delete(here.gradient, places).any():
                decrement = -float(fall)
            if not fall < 0:
                break
            along = columns.along(d[:-1]) + d[-1]
            height = loss + ridge @ x**2 / 2 + lam @ np.abs(x)
            rounding, t = 4 * EPS * abs(height), 1.0
            for _ in range(MOST_HALVINGS):
                new = x + t * d
                trial = self.losses(z + t * along)
                reached = trial[0] + ridge @ new**2 / 2 + lam @ np.abs(new)
                if reached <= height + SUFFICIENT * t * fall + rounding:
                    break
                t /= 2
            else:
                t = 0.0
                break
            x, z, (loss, first, second) = new, z + t * along, trial
            damping = max(FIRST_DAMPING, 10 * damping) if t < SHORT else damping / 10
            damping = damping if damping >= LEAST_DAMPING else 0.0
            if -fall <= rounding:
                break
        whole = here.x.copy()
        whole[places] = x
        return whole, t, damping, decrement
