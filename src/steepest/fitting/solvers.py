"""Which solver fits what: one table, whose rows are tried in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from steepest.data.batches import Layout
from steepest.derivatives.objective import Objective
from steepest.descent.budget import Budget
from steepest.descent.loop.rule_solver import RuleSolver
from steepest.descent.plan import Help, Plan
from steepest.fitting.function.least_squares import LeastSquaresSolver
from steepest.fitting.function.levenberg import LevenbergMarquardt, TrustRegion
from steepest.fitting.function.problem import CustomProblem
from steepest.fitting.function.residuals import ModelResiduals, hindrance
from steepest.fitting.limits import LEVENBERG_PARAMETERS, LEVENBERG_WORK, NEWTON, NEWTON_IF_BENT, PROXIMAL_NEWTON
from steepest.fitting.linear.certificates.l1 import L1Certifier
from steepest.fitting.linear.certificates.smooth import Certifier
from steepest.fitting.linear.problem import LinearProblem
from steepest.fitting.linear.solvers.base import LinearCertifier, LinearSolver
from steepest.fitting.linear.solvers.lbfgs import LbfgsSolver
from steepest.fitting.linear.solvers.newton import NewtonSolver
from steepest.fitting.linear.solvers.proximal_gradient import ProximalGradientSolver
from steepest.fitting.linear.solvers.proximal_newton import ProximalNewtonSolver
from steepest.fitting.linear.solvers.saga import Saga
from steepest.fitting.objective import Rows
from steepest.models.losses import Loss, squared
from steepest.rules.choose import LEVENBERG, choose
from steepest.rules.pair import Rules

Planned = tuple[Plan, ModelResiduals | None]


@dataclass(frozen=True)
class Case:
    """A problem on its rows, with what was asked of its fit.

    Attributes
    ----------
    problem : LinearProblem or CustomProblem
        A model with its loss and its penalty.
    objective : Objective
        The value to descend.
    certifier : Certifier, L1Certifier or None
        The certificate of a linear model, if it has one.
    rows : Rows
        All rows.
    layout : Layout
        The batches that were asked for.
    seed : int
        What shuffles them.
    direction : object
        What was given as direction=.
    automatic : bool
        Whether direction= and step= were both left out.
    """

    problem: LinearProblem | CustomProblem
    objective: Objective
    certifier: LinearCertifier | None
    rows: Rows
    layout: Layout
    seed: int
    direction: Any
    automatic: bool

    @property
    def in_batches(self) -> bool:
        return self.layout.batches > 1

    @property
    def by_residuals(self) -> bool:
        """Whether Levenberg and Marquardt's steps were asked for, or serve best."""
        light = self.layout.rows * self.objective.size**2 <= LEVENBERG_WORK
        wanted = self.direction == LEVENBERG or (self.automatic and light)
        return isinstance(self.problem, CustomProblem) and wanted and not self.hindrance

    @property
    def hindrance(self) -> str:
        """Why the problem can't be fitted by its residuals, or nothing."""
        problem = self.problem
        return hindrance(problem.model, problem.loss, problem.user_penalty, self.objective.size, self.in_batches)

    @property
    def has_smooth_penalty(self) -> bool:
        """Whether a linear model has the certificate of a loss without an L1 penalty."""
        return self.automatic and isinstance(self.certifier, Certifier)

    @property
    def has_l1(self) -> bool:
        """Whether a linear model has the certificate of an L1 penalty."""
        return self.automatic and isinstance(self.certifier, L1Certifier)

    @property
    def is_narrow(self) -> bool:
        """Whether the coefficients are few enough for Newton's method."""
        loss, problem = self.problem.loss, self.problem
        most = NEWTON if isinstance(loss, Loss) and loss.curved else NEWTON_IF_BENT
        whitened = isinstance(problem, LinearProblem) and problem.rescale == "whiten"
        return (loss is squared and whitened) or self.objective.size <= most

    def solved_by(self, solver: Callable[..., LinearSolver], opened: bool = False) -> Callable[..., LinearSolver]:
        """Return how a solver of linear models is made: with the model, λ or the curvature, and the certificate."""
        problem, certifier = self.problem, self.certifier
        assert isinstance(problem, LinearProblem)
        assert certifier is not None
        glm = problem.smoothed(certifier.glm)
        if isinstance(certifier, L1Certifier):
            # Without a Hessian there is no smoothing.
            model = certifier.glm if len(problem.kinks) > PROXIMAL_NEWTON else glm
            return partial(solver, model, certifier.lam, problem.curvature, certifier)
        opening = {"opening": Saga(glm, self.layout, self.seed)} if opened else {}
        return partial(solver, glm, problem.curvature, certifier, **opening)


@dataclass(frozen=True)
class Choice:
    """A row of the table: its name, what it serves, why, and how it is set up.

    Attributes
    ----------
    name, serves, why : str
        What `fit.solver` and the docs say.
    takes : callable
        Tells of a case whether the row serves it.
    planned : callable
        Returns the plan by this solver, and the residuals where it goes by them.
    """

    name: str
    serves: str
    why: str
    takes: Callable[[Case], bool]
    planned: Callable[[Case, Plan], Planned]

    def __str__(self) -> str:
        return f"{self.name}: {self.serves}"


def _by(solver: Callable[..., LinearSolver], *, opened: bool = False) -> Callable[[Case, Plan], Planned]:
    """Return what plans by a solver of linear models, which epochs in batches may open."""
    return lambda case, plan: (replace(plan, solver=case.solved_by(solver, opened)), None)


def _by_residuals(case: Case, plan: Plan) -> Planned:
    assert isinstance(case.problem, CustomProblem)
    residuals, objective = case.problem.residuals(case.objective, case.rows)
    solver, rules = partial(LeastSquaresSolver, residuals=residuals), Rules(LevenbergMarquardt(), TrustRegion())
    return replace(plan, objective=objective, rules=rules, solver=solver, help=Help.NEWTON), residuals


def _by_rules(case: Case, plan: Plan) -> Planned:
    # A linear model is convex, and in batches no descent comes to rest: the judge has nothing to help with.
    alone = not case.automatic or isinstance(case.problem, LinearProblem) or case.in_batches
    solver = partial(RuleSolver, certifier=case.certifier)
    return replace(plan, help=Help.NONE if alone else Help.FULL, solver=solver), None


TABLE = (
    Choice(
        "Levenberg-Marquardt",
        f"a function with the squared loss, up to {LEVENBERG_PARAMETERS} parameters, all rows at once",
        "residuals show the curvature without second derivatives",
        lambda case: case.by_residuals, _by_residuals,
    ),
    Choice(
        "SAGA, then Newton's method",
        f"a linear model in batches, up to {NEWTON} coefficients, or {NEWTON_IF_BENT} where slopes bend suddenly",
        "two epochs in batches come near, and all rows give the last digits with a certificate",
        lambda case: case.has_smooth_penalty and case.in_batches and case.is_narrow, _by(NewtonSolver, opened=True),
    ),
    Choice(
        "SAGA, then L-BFGS",
        "a linear model in batches, of more coefficients than Newton's method takes",
        "the same, without Hessians",
        lambda case: case.has_smooth_penalty and case.in_batches, _by(LbfgsSolver, opened=True),
    ),
    Choice(
        "Newton's method",
        f"a linear model of up to {NEWTON} coefficients, or {NEWTON_IF_BENT} where slopes bend suddenly",
        "a Hessian costs little beside a reading of the rows",
        lambda case: case.has_smooth_penalty and case.is_narrow, _by(NewtonSolver),
    ),
    Choice(
        "L-BFGS with a search in a plane",
        "a linear model of more coefficients than Newton's method takes",
        "it needs gradients alone, and the plane costs no reading of the rows",
        lambda case: case.has_smooth_penalty, _by(LbfgsSolver),
    ),
    Choice(
        "proximal Newton",
        f"a linear model with an L1 penalty, up to {PROXIMAL_NEWTON:,} coefficients",
        "coefficients become exactly 0, and the last digits come at once",
        lambda case: case.has_l1 and len(case.problem.kinks) <= PROXIMAL_NEWTON,  # type: ignore[union-attr]
        _by(ProximalNewtonSolver),
    ),
    Choice(
        "proximal gradient",
        f"a linear model with an L1 penalty, of more than {PROXIMAL_NEWTON:,} coefficients",
        "no Hessian is formed",
        lambda case: case.has_l1, _by(ProximalGradientSolver),
    ),
    Choice(
        "L-BFGS",
        "any other problem, on all rows at once",
        "it needs gradients alone",
        lambda case: case.automatic and not case.in_batches, _by_rules,
    ),
    Choice(
        "DoWG",
        "any other problem, in batches",
        "it finds its step from noisy gradients, and claims no convergence",
        lambda case: case.automatic, _by_rules,
    ),
    Choice(
        "the rules given",
        "a direction or a step that you name",
        "you asked for it",
        lambda case: True, _by_rules,
    ),
)  # fmt: skip


def choose_solver(
    problem: LinearProblem | CustomProblem, rows: Rows, rules: Rules, budget: Budget, seed: int, *, direction: Any,
    automatic: bool,
) -> tuple[Plan, ModelResiduals | None, Choice]:  # fmt: skip
    """Return the plan of a problem, its residuals where it is descended by them, and the row of the table it is by."""
    layout = rows.layout
    if automatic and layout.batches > 1 and isinstance(problem, LinearProblem) and problem.allows_saga:
        # The batches are those of the first epochs alone.
        rules, rows = choose(None, "auto"), replace(rows, layout=replace(layout, size=layout.rows, shuffle=False))
    objective, calling = problem.objective(rows, seed)
    certifier = problem.certifier(objective, rows) if isinstance(problem, LinearProblem) else None
    case = Case(problem, objective, certifier, rows, layout, seed, direction, automatic)
    if direction == LEVENBERG and case.hindrance:
        raise ValueError(f"direction={direction!r}: {case.hindrance}; leave direction= out")
    if case.has_l1 and isinstance(problem, LinearProblem):
        problem.check_width()
    solver = next(row for row in TABLE if row.takes(case))
    plan, residuals = solver.planned(case, Plan(objective, problem.view(calling), rules, 1.0, budget))
    return plan, residuals, solver
