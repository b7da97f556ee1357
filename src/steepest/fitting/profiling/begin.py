"""`profile_of`: the profile of a fit, by the refits that suit its problem."""

from __future__ import annotations

import numpy as np

from steepest.derivatives.higher import hessian_at
from steepest.derivatives.objective import Objective
from steepest.descent.view import View
from steepest.fitting.function.hessian import value_of
from steepest.fitting.function.native_problem import NativeProblem
from steepest.fitting.function.problem import CustomProblem
from steepest.fitting.function.residuals import ModelResiduals
from steepest.fitting.linear.problem import LinearProblem
from steepest.fitting.objective import ArrangedRows
from steepest.fitting.profiling.profile import Profile
from steepest.fitting.profiling.refits import SmoothRefits, SquaresRefits
from steepest.fitting.uncertainty.answer import Uncertainty
from steepest.fitting.validation import LabelledRows
from steepest.models.losses import Loss, squared

Problem = LinearProblem | CustomProblem | NativeProblem


def profile_of(
    problem: Problem, objective: Objective, view: View, residuals: ModelResiduals | None, rows: LabelledRows,
    uncertainty: Uncertainty, unit: float,
) -> Profile:  # fmt: skip
    """Return the profile of a fit.

    Parameters
    ----------
    problem : LinearProblem, CustomProblem or NativeProblem
        The model on its rows.
    objective, view
        Its objective, and how points are shown to the user.
    residuals : ModelResiduals or None
        The residuals, if the fit has them.
    rows : LabelledRows
        The rows that it learnt from.
    uncertainty : Uncertainty
        The Wald errors.
    unit : float
        How many times minus the log likelihood the loss is, but for the dispersion.

    Returns
    -------
    Profile
        The profile.
    """
    # The objective is a mean over the rows, in units of minus a log likelihood times `unit` and the dispersion.
    weight = 2 * float(rows.weight.sum()) / (unit * uncertainty.scale)
    if isinstance(problem, CustomProblem) and problem.loss is squared:
        if residuals is None:
            arranged = ArrangedRows.arranged(
                problem.layout(None, False), problem.columns(), rows.y, rows.weight, seed=0
            )
            residuals, _ = problem.residuals(objective, arranged)
        x = uncertainty.estimates
        refits, triangle = (
            SquaresRefits(residuals, objective, uncertainty.covariance, problem.box),
            residuals.triangle(x),
        )
        # A parameter on a bound has no standard error. Its error with all others held is the unit of the search.
        errors = 1 / np.sqrt(weight * (triangle[:, :-1] ** 2).sum(axis=0))
        return Profile(refits, x, value_of(triangle), weight, refits.box, errors)
    if getattr(problem, "box", None) is not None:
        raise ValueError(
            'method="profile" beside bounds= or fixed= is for functions with the squared loss: give method="wald"'
        )
    x, zero = view.flat(uncertainty.params), np.zeros((1, objective.size))
    coordinates = (view.rows(np.eye(objective.size)) - view.rows(zero)).T
    smooth = SmoothRefits(objective, lambda x: hessian_at(objective, x), coordinates, x)
    # The likelihoods of linear models are convex; with a loss of the user's own nobody knows.
    is_convex = isinstance(problem, LinearProblem) and isinstance(problem.loss, Loss)
    return Profile(smooth, x, objective.slope(x)[0], weight, is_convex=is_convex)
