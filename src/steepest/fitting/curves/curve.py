"""A small curve that is fitted in one compiled call: its code, and the part of its set-up that does not need the data.

Many small curves are fitted in loops, with the same function and other data. Each later fit takes over the compiled
code and the layout of the first, and compares the code with plain calls at its own start and answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from steepest.data.batches import Layout
from steepest.derivatives.clock import Clock
from steepest.derivatives.compiled import Compiled, Slope
from steepest.derivatives.objective import Objective
from steepest.descent.budget import Budget
from steepest.descent.plan import Plan
from steepest.descent.verdict.audit import Audit
from steepest.fitting.function.hessian import audit_squares
from steepest.fitting.function.kernel import Descended, descended
from steepest.fitting.function.least_squares import LeastSquaresSolver
from steepest.fitting.function.problem import CustomProblem
from steepest.fitting.function.residuals import Exact, ModelResiduals
from steepest.fitting.objective import ArrangedRows, batch_mass
from steepest.fitting.setup import FitOptions, FitSetup, TrainingData
from steepest.fitting.solvers import Choice
from steepest.fitting.validation import LabelledRows
from steepest.models import Custom

# The arrays that the user's function reads from its surroundings.
Closed = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Curve:
    """A function with a number for each parameter, traced for rows of some shape.

    Attributes
    ----------
    plan : Plan
        The plan of a fit, without its data: the objective in it can't be called.
    choice : Choice
        The row of the table of solvers.
    layout : Layout
        The layout of the rows.
    traced : Compiled
        The weighted sum of errors, from which residuals come.
    """

    plan: Plan
    choice: Choice
    layout: Layout
    traced: Compiled

    def __call__(self, setup: FitSetup) -> Descended:
        """Run the descent of a fit."""
        residuals = setup.residuals
        assert residuals is not None
        assert residuals.exact is not None
        X, y, root = residuals.exact.blocks[0]
        size, rows = residuals.size, residuals.rows
        return descended(self.traced, residuals.exact.closed, X, y, root, setup.start, size, rows)

    @classmethod
    def of(cls, setup: FitSetup, closed: Closed) -> Curve | None:
        """Return the curve of a fit that was set up in the usual way; None if its code can't be taken over.

        `closed` are the arrays that the function reads: the code must take the same ones, in this order.
        """
        residuals, objective = setup.residuals, setup.plan.objective
        if residuals is None or residuals.exact is None or objective.compiled is None:
            return None
        for known in (residuals.exact.closed, objective.arrays["closed"]):
            if len(known) != len(closed) or any(one is not other for one, other in zip(known, closed, strict=True)):
                return None
        traced = residuals.exact.traced
        # Without the data: a curve outlives the fit that it comes from.
        empty = replace(objective, value=_gone, slope=_gone, audit=None, arrays={}, clock=Clock())
        plan = replace(setup.plan, objective=empty, solver=_gone)
        layout = Layout.of(len(setup.rows.y), 1, None, False)
        return cls(plan, setup.choice, layout, traced)

    def setup(
        self, options: FitOptions, data: TrainingData, rows: LabelledRows, budget: Budget, start: dict[str, float],
        closed: Closed,
    ) -> FitSetup:  # fmt: skip
        """Return the set-up of another fit, of other data of the same shapes."""
        X, y, weight = kept = LabelledRows(*map(_kept, rows))
        mass = float(weight.sum())
        root = np.sqrt(weight / mass)
        x = np.array(list(start.values()), dtype=float)
        model, loss = options.model, options.loss
        assert isinstance(model, Custom)
        function = model.function
        arranged = ArrangedRows(self.layout, X, y, weight)
        arrays = {
            "closed": closed, "penalty": (), "data": (X, y, weight), "mass": mass,
            "batch_mass": batch_mass(arranged), "seed": options.seed,
        }  # fmt: skip
        compiled, clock = self.plan.objective.compiled, Clock()
        assert compiled is not None

        def value(x: np.ndarray) -> float:
            return float((weight * loss(function(X, *x), y)).sum()) / mass

        def plain(x: np.ndarray) -> np.ndarray:
            clock.admit()
            return np.asarray(root * (function(X, *x) - y), dtype=float)

        def slope(x: np.ndarray) -> Slope:
            return compiled(x, arrays)

        def audit(at: np.ndarray) -> Audit | None:
            return audit_squares(residuals, at, x)

        # The effective number of rows is smaller if weights differ.
        size, count = math.sqrt(float((weight * y) @ y) / mass), mass**2 / float(weight @ weight)
        residuals = ModelResiduals(plain, x, size, count, 0.0)
        residuals.exact = Exact(self.traced, closed, [(X, y, root)])
        known = self.plan.objective
        objective = Objective(
            x.size, value, slope, known.kind, known.why, compiled, arrays, key=known.key, audit=audit, clock=clock
        )
        plan = replace(
            self.plan, objective=objective, budget=budget, solver=partial(LeastSquaresSolver, residuals=residuals)
        )
        problem = CustomProblem(model, kept.X, start, loss, None)
        return FitSetup(options, data, kept, problem, plan, x, residuals, self.choice)


def _kept(array: np.ndarray) -> np.ndarray:
    """Return a copy that nobody can change: a fit goes on with its rows as they were."""
    copied = array.copy()
    copied.flags.writeable = False
    return copied


def _gone(*_: object) -> Any:
    raise RuntimeError("the data of this plan are gone")
