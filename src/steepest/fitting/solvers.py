"""Which way a fit is descended: by an engine made for the problem where nothing was asked for, else by the rules."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from steepest.descent.budget import Budget
from steepest.descent.engine import Engine
from steepest.descent.plan import Plan
from steepest.fitting.function.least_squares import LeastSquares
from steepest.fitting.function.levenberg import LevenbergMarquardt
from steepest.fitting.function.problem import CustomProblem
from steepest.fitting.function.residuals import MOST_WORK, hindrance
from steepest.fitting.linear.problem import LinearProblem
from steepest.fitting.linear.solvers.saga import AFTER
from steepest.fitting.objective import Rows
from steepest.rules.choose import LEVENBERG, choose
from steepest.rules.pair import Rules


def planned(
    problem: LinearProblem | CustomProblem, rows: Rows, rules: Rules, budget: Budget, seed: int, *, direction: Any,
    automatic: bool,
) -> tuple[Plan, Any]:  # fmt: skip
    """Return how a problem is descended, and its residuals where that is by Levenberg and Marquardt's steps."""
    layout, batched = rows.layout, rows.layout.batches > 1
    hybrid = automatic and batched and isinstance(problem, LinearProblem) and problem.bears_saga
    if hybrid:
        # The batches are those of its first epochs alone.
        rules, rows = choose(None, "auto"), replace(rows, layout=replace(layout, size=layout.rows, shuffle=False))
    objective, calling = problem.objective(rows, seed)
    problem.sharpen(objective, rows)
    plan = Plan(objective, problem.view(calling), rules, 1.0, budget)
    unfit = hindrance(problem.model, problem.loss, problem.user_penalty, objective.size, batched)
    if unfit and direction == LEVENBERG:
        raise ValueError(f"direction={direction!r}: {unfit}; leave direction= out")
    light = layout.rows * objective.size**2 <= MOST_WORK
    if isinstance(problem, CustomProblem) and not unfit and (direction == LEVENBERG or (automatic and light)):
        residuals, objective = problem.residuals(objective, rows)
        engine = partial(LeastSquares, residuals=residuals)
        rules = Rules(LevenbergMarquardt(), LevenbergMarquardt())
        return replace(plan, objective=objective, rules=rules, engine=engine, helped=True), residuals
    own: Any = problem.engine(objective) if automatic else Engine
    if hybrid and isinstance(own, partial):
        own = partial(AFTER[own.func], layout, seed, *own.args)
    # The judge helps on what no engine of its own descends.
    helped = automatic and own is Engine and isinstance(problem, CustomProblem) and not batched
    return replace(plan, engine=own, helped=helped), None
