"""The end of the descent of a noisy function: steps by a model of its values, and the accuracy that noise allows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from steepest.derivatives.differencing.noisy import NoisyDifferences, Quadratic
from steepest.derivatives.scatter import CALLS, Scatter
from steepest.descent.ending import Ending
from steepest.descent.loop.state import STALLED
from steepest.descent.plan import FEW_VARIABLES
from steepest.descent.verdict.evaluator import NOISES, Evaluator
from steepest.descent.verdict.goal import Goal
from steepest.descent.verdict.wording import Wording
from steepest.trace import Certificate, Outcome

# The most models of a run, and the longest step that one allows, in steps of its differences. Chosen, not measured: a
# longer step trusts the model farther than its values reach.
MOST_MODELS, TRUSTED = 30, 3.0
# The rules are stopped if the value has not fallen by more than noise in this many iterations. Chosen, not measured.
PATIENCE = 8
# The shares of a step that are tried, until the value is no higher than noise explains.
SHORTER = (1.0, 1 / 4, 1 / 16)
# A step of at most this many standard deviations is noise. An error covers as many, plus the step itself.
UNSURE = 3.0
# A curvature counts if it exceeds this many times the noise of the Hessian: 2 σ in each entry, in units of the steps.
CURVED = 4.0
# A coordinate is not known if more than this share of it lies along directions of unknown curvature. Chosen.
HIDDEN = 1e-2
# Slopes are means of this many gradients, if the user gave a gradient.
GRADIENTS = 4
# A gain of more than this many standard deviations shows in the values: the rules descend there. Chosen, not measured.
FAR = 16.0


@dataclass(frozen=True)
class Newton:
    """A Newton step by a model, with what is known of it.

    Attributes
    ----------
    step, deviation : array of shape (n,)
        The step, and the standard deviation of each entry; infinite where no curvature stands above the noise.
    gain, blur : float
        How much lower the model is after the step, and how much of that the noise may have made up; infinite if a
        curvature is not known.
    is_noise : bool
        Whether noise explains all slopes.
    """

    step: np.ndarray
    deviation: np.ndarray
    gain: float
    blur: float
    is_noise: bool

    @classmethod
    def of(cls, model: Quadratic, level: float, free: np.ndarray) -> Newton:
        """Return the step in the free coordinates: along directions of unknown curvature, as if it were the noise."""
        n, h = model.steps.size, model.steps
        step, deviation = np.zeros(n), np.zeros(n)
        if not free.any():
            return cls(step, deviation, 0.0, 0.0, True)
        scaled = np.nan_to_num(model.hessian * np.outer(h, h))[np.ix_(free, free)]
        values, vectors = np.linalg.eigh(scaled)
        least = CURVED * level * (1 + math.sqrt(free.sum()))
        known, inverse = values > least, 1 / np.maximum(np.abs(values), least)
        slopes = vectors.T @ (h * model.gradient)[free]
        errors = np.sqrt(vectors.T**2 @ (h * model.error)[free] ** 2)
        step[free] = h[free] * (vectors @ (-slopes * inverse))
        blurred = vectors * inverse @ vectors.T * (h * model.error)[free]
        hidden = np.sum(vectors[:, ~known] ** 2, axis=1) > HIDDEN
        deviation[free] = np.where(hidden, math.inf, h[free] * np.sqrt((blurred**2).sum(axis=1)))
        gain, blur = float(slopes**2 @ inverse) / 2, float(errors**2 @ inverse) / 2
        is_noise = bool(np.all(np.abs(slopes) <= UNSURE * errors))
        return cls(step, deviation, gain, blur if known.all() else math.inf, is_noise)

    @property
    def error(self) -> np.ndarray:
        """The largest distance of each parameter from the minimiser, before the step is taken."""
        return np.abs(self.step) + UNSURE * self.deviation

    @property
    def gap(self) -> float:
        """How far the value may be above the minimum, before the step is taken."""
        return self.gain + UNSURE**2 * self.blur


class NoiseFloor:
    """Ends the descent of a noisy function where the noise hides the slopes.

    There is no audit: curvatures that differences of noisy values give prove nothing.

    Attributes
    ----------
    models : int
        How many models were made.
    """

    def __init__(self, evaluator: Evaluator, goal: Goal, wording: Wording) -> None:
        self.evaluator, self.goal, self.wording = evaluator, goal, wording
        self.solver, self.models = evaluator.solver, 0
        # The point of the last step, with its mean value.
        self.known: tuple[np.ndarray, float] | None = None
        # The iteration and the value since which the value must fall.
        self.since, self.value = 0, math.inf

    def is_reached(self) -> bool:
        """Tell whether noise hides how the rules go on, as accepted steps that gain nothing show."""
        status, scatter = self.solver.status, self.solver.objective.scatter
        if scatter is None or not self.evaluator.has_full_help or status.iteration < self.since + PATIENCE:
            return False
        fell = status.value < self.value - NOISES * scatter.level
        self.since, self.value = status.iteration, status.value
        return not fell

    @property
    def cost(self) -> int:
        """About how many values a model costs."""
        n = self.solver.start.size
        return CALLS + 6 * n + (n * (n - 1) // 2 if n <= FEW_VARIABLES else 0)

    def __call__(self) -> Ending | None:
        """Take a step by the model of the values around the point, or return the ending if noise hides all steps."""
        evaluator, solver, box = self.evaluator, self.solver, self.solver.box
        scatter, x = solver.objective.scatter, solver.status.x.copy()
        assert scatter is not None
        if ending := evaluator.meter.limit_reached(self.cost):
            return ending
        mean = self.mean_at(x)
        model = self.model(x, mean)
        self.models += 1
        free = model.steps > 0
        if box is not None:
            free = free & ~box.held(x, model.gradient)
        newton = Newton.of(model, scatter.level, free)
        may_move = evaluator.has_full_help and self.models < MOST_MODELS and not newton.is_noise
        for part in SHORTER:
            step = part * np.clip(newton.step, -TRUSTED * model.steps, TRUSTED * model.steps)
            new = evaluator.clip(x + step)
            if not (may_move and evaluator.can_continue()) or np.array_equal(new, x):
                break
            new_mean = self.mean_at(new)
            if new_mean <= mean + UNSURE * scatter.level * math.sqrt(2 / CALLS):
                gradient = model.gradient + model.hessian @ (new - x)
                scale = np.where(free, model.steps, model.steps.max()) ** 2 / model.steps[free].min() ** 2
                detail = "a step by a model of the noisy values"
                evaluator.restart_at(new, "newton", detail, scale, known=(new_mean, gradient))
                if newton.gain < FAR * scatter.level:
                    # Values can't show the way any more, so that the next step comes from a model, too.
                    solver.mark(STALLED)
                return None
        solver.begin_at(x, known=(solver.sign * mean, solver.sign * model.gradient))
        return self.ending(newton, scatter, x.size <= FEW_VARIABLES)

    def unmeasured(self) -> Ending:
        """Return the ending of a solver that can't go on once values of one point differ."""
        extreme = self.wording.extreme
        facts = f"values of one point differ from call to call, and how near the {extreme} is can't be told"
        return Ending(Outcome.NOISE_FLOOR, facts)

    def mean_at(self, x: np.ndarray) -> float:
        """Return the mean of several values at a point, in the sign in which they are minimised."""
        scatter = self.solver.objective.scatter
        assert scatter is not None
        if self.known is None or not np.array_equal(self.known[0], x):
            self.known = x.copy(), self.solver.sign * scatter.mean_at(x)
        return self.known[1]

    def model(self, x: np.ndarray, mean: float) -> Quadratic:
        """Return the model around a point, in the sign in which the values are minimised."""
        objective, sign = self.solver.objective, self.solver.sign
        assert objective.scatter is not None
        by_values = objective.noisy_differences or NoisyDifferences(objective.scatter, self.solver.start, objective.box)
        model = by_values.model(x, sign * mean, x.size <= FEW_VARIABLES)
        gradient, error = model.gradient, model.error
        if objective.kind == "given":
            given = np.array([objective.slope(x)[1] for _ in range(GRADIENTS)])
            gradient, error = given.mean(axis=0), given.std(axis=0, ddof=1) / math.sqrt(GRADIENTS)
        return Quadratic(sign * gradient, error, sign * model.hessian, model.steps)

    def ending(self, newton: Newton, scatter: Scatter, is_model_whole: bool) -> Ending:
        """Return the ending, with the noise and the accuracy that it allows; estimates need all curvatures."""
        gap, error = newton.gap, newton.error
        repeats = scatter.repeats
        of = "a value" if repeats == 1 else f"the mean of {repeats} values"
        facts = f"the function is noisy: {of} has a standard deviation of {scatter.level:.2g}"
        if not (is_model_whole and math.isfinite(gap)):
            unknown = f"how near the {self.wording.extreme} is can't be told"
            return Ending(Outcome.NOISE_FLOOR, f"{facts}, and {unknown}")
        facts += f", so the value is within about {gap:.2g} of the {self.wording.extreme}"
        if error.size:
            facts += f" and x within about {error.max():.2g}"
        asked = self.goal.asked
        met = self.goal.budget.asked and gap <= asked and not self.goal.missed(tuple(error.tolist()))
        tolerance = (asked if math.isfinite(asked) else gap) if met else math.nan
        certificate = Certificate("estimated", gap, tolerance, x_error=tuple(error.tolist()))
        return Ending(Outcome.NOISE_FLOOR, facts + (", as was asked" if met else ""), certificate)
