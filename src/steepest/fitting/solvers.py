"""The table of solvers: which solver serves which problem. The first row whose condition holds is used."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from steepest.data.batches import Layout
from steepest.derivatives.bounds import Box
from steepest.derivatives.objective import Objective
from steepest.descent.budget import Budget
from steepest.descent.loop.rule_solver import RuleSolver
from steepest.descent.loop.solver import Solver
from steepest.descent.plan import Help, Plan
from steepest.fitting.function.least_squares import LeastSquaresSolver
from steepest.fitting.function.levenberg import LevenbergMarquardt, TrustRegion
from steepest.fitting.function.native_problem import NativeProblem
from steepest.fitting.function.problem import CustomProblem
from steepest.fitting.function.residuals import ModelResiduals, levenberg_obstacle
from steepest.fitting.limits import (
    FACTORED,
    LEVENBERG_PARAMETERS,
    LEVENBERG_WORK,
    NEWTON,
    NEWTON_IF_JUMPS,
    PROXIMAL_NEWTON,
    WHITENED,
)
from steepest.fitting.linear.certificates.base import LinearCertifier
from steepest.fitting.linear.certificates.box import BoxCertifier
from steepest.fitting.linear.certificates.l1 import L1Certifier
from steepest.fitting.linear.certificates.smooth import Certifier
from steepest.fitting.linear.problem import LinearProblem
from steepest.fitting.linear.solvers.boxed_newton import BoxedNewtonSolver
from steepest.fitting.linear.solvers.lbfgs import LbfgsSolver
from steepest.fitting.linear.solvers.multipliers.solver import MultiplierSolver
from steepest.fitting.linear.solvers.multipliers.terms import is_served
from steepest.fitting.linear.solvers.newton import NewtonSolver
from steepest.fitting.linear.solvers.newton_cg import NewtonCgSolver
from steepest.fitting.linear.solvers.proximal_newton import ProximalNewtonSolver
from steepest.fitting.linear.solvers.saga import Saga
from steepest.fitting.linear.solvers.working_sets import WorkingSetSolver
from steepest.fitting.objective import ArrangedRows
from steepest.models.losses import Loss, log_loss, softmax, squared
from steepest.printable import quoted
from steepest.rules.choose import LEVENBERG, choose
from steepest.rules.pair import LeadingRules, Rules
from steepest.types import Function, RuleLike

# A plan, and the residuals of the model if the solver works on them.
Planned = tuple[Plan, ModelResiduals | None]


@dataclass(frozen=True)
class Case:
    """A problem on its rows, with the options that decide its solver.

    Attributes
    ----------
    problem : LinearProblem, CustomProblem or NativeProblem
        The model with its loss and its penalty.
    objective : Objective
        The function to minimise.
    certifier : Certifier, L1Certifier or None
        The certificate of a linear model, if it has one.
    rows : ArrangedRows
        All rows.
    layout : Layout
        The batches that the user asked for.
    seed : int
        The seed that shuffles them.
    direction : object
        direction= as the user gave it.
    automatic : bool
        Whether direction= and step= were both left out.
    """

    problem: LinearProblem | CustomProblem | NativeProblem
    objective: Objective
    certifier: LinearCertifier | None
    rows: ArrangedRows
    layout: Layout
    seed: int
    direction: RuleLike
    automatic: bool

    @property
    def in_batches(self) -> bool:
        return self.layout.batches > 1

    @property
    def has_state(self) -> bool:
        """Whether batches also change the state of the model."""
        return isinstance(self.problem, NativeProblem) and self.problem.native.state is not None

    @property
    def by_levenberg(self) -> bool:
        """Whether to use Levenberg-Marquardt: it is possible, and either asked for or cheap enough."""
        is_cheap = self.layout.rows * self.objective.size**2 <= LEVENBERG_WORK
        wanted = self.direction == LEVENBERG or (self.automatic and is_cheap)
        return isinstance(self.problem, CustomProblem) and wanted and not self.levenberg_obstacle

    @property
    def levenberg_obstacle(self) -> str:
        """Why Levenberg-Marquardt can't fit the problem; "" if it can."""
        problem = self.problem
        if isinstance(problem, NativeProblem):
            return "it is for functions with named parameters, and Custom(start=…) takes a tree of them"
        return levenberg_obstacle(
            problem.model, problem.loss, problem.user_penalty, self.objective.size, self.in_batches
        )  # fmt: skip

    @property
    def has_smooth_penalty(self) -> bool:
        """Whether the solver is to be chosen for a linear model that has a certificate and no L1 penalty."""
        return self.automatic and isinstance(self.certifier, Certifier)

    @property
    def has_steady_ridge(self) -> bool:
        """Whether a linear model has an L2 penalty, many columns or several classes, and a loss of steady curvature."""
        problem = self.problem
        if not (self.has_smooth_penalty and isinstance(problem, LinearProblem) and isinstance(problem.loss, Loss)):
            return False
        steady = problem.loss.curved and not problem.loss.kinked and problem.is_penalised
        many = len(problem.coordinates.scale) > WHITENED and problem.rescale != "whiten"
        return steady and (many or problem.outputs > 0)

    @property
    def by_multipliers(self) -> bool:
        """Whether a linear model has an L2 penalty, many coefficients, and a loss whose slope or curvature jumps."""
        problem = self.problem
        if not (self.has_smooth_penalty and isinstance(problem, LinearProblem) and is_served(problem.loss)):
            return False
        return problem.is_penalised and problem.rescale != "whiten" and not self.is_narrow

    @property
    def has_l1(self) -> bool:
        """Whether the solver is to be chosen for a linear model that has a certificate and an L1 penalty."""
        return self.automatic and isinstance(self.certifier, L1Certifier)

    @property
    def has_bounds(self) -> bool:
        """Whether the solver is to be chosen for a linear model that has a certificate and bounds."""
        return self.automatic and isinstance(self.certifier, BoxCertifier)

    @property
    def is_narrow(self) -> bool:
        """Whether the coefficients are few enough for Newton's method; whitened least squares needs no Hessian."""
        loss, problem = self.problem.loss, self.problem
        most = NEWTON if isinstance(loss, Loss) and loss.curved else NEWTON_IF_JUMPS
        whitened = isinstance(problem, LinearProblem) and problem.rescale == "whiten"
        size = problem.size if isinstance(problem, LinearProblem) else self.objective.size
        return (loss is squared and whitened) or size <= most

    @property
    def has_narrow_l1(self) -> bool:
        """Whether a linear model has an L1 penalty and few enough coefficients for proximal Newton."""
        problem = self.problem
        return self.has_l1 and isinstance(problem, LinearProblem) and len(problem.kinks) <= PROXIMAL_NEWTON

    @property
    def has_narrow_bounds(self) -> bool:
        """Whether a linear model has bounds and few enough coefficients for Newton's method in a box."""
        return self.has_bounds and self.objective.size <= PROXIMAL_NEWTON

    def solved_by(self, solver: Callable[..., Solver], with_saga: bool) -> Callable[..., Solver]:
        """Return the constructor of a solver of linear models with its first arguments filled in.

        These are the model, λ if there is an L1 penalty, the curvature and the certificate.
        """
        problem, certifier = self.problem, self.certifier
        assert isinstance(problem, LinearProblem)
        assert certifier is not None
        glm = problem.smoothed(certifier.glm)
        if isinstance(certifier, BoxCertifier):
            return partial(solver, glm, certifier.edges, problem.curvature, certifier)
        if isinstance(certifier, L1Certifier):
            # On working sets, which serve more coefficients, the loss is not smoothed.
            model = certifier.glm if len(problem.kinks) > PROXIMAL_NEWTON else glm
            opening = Saga(model, self.layout, self.seed, certifier.lam) if with_saga else None
            return partial(solver, model, certifier.lam, problem.curvature, certifier, opening=opening)
        opening = Saga(glm, self.layout, self.seed) if with_saga else None
        return partial(solver, glm, problem.curvature, certifier, opening=opening)


@dataclass(frozen=True)
class Choice:
    """A row of the table of solvers.

    Attributes
    ----------
    name, serves, why : str
        The solver, the problems that it serves, and the reason, as `fit.solver` and the docs show them.
    condition : callable
        Tells whether the row serves a case.
    planned : callable
        Returns the plan that uses this solver, and the residuals if it works on them.
    """

    name: str
    serves: str
    why: str
    condition: Callable[[Case], bool]
    planned: Callable[[Case, Plan], Planned]

    def __str__(self) -> str:
        return f"{self.name}: {self.serves}"


def _by(solver: Callable[..., Solver], *, with_saga: bool = False) -> Callable[[Case, Plan], Planned]:
    """Return the function that plans a fit by a solver of linear models, after epochs of SAGA if `with_saga`."""
    return lambda case, plan: (replace(plan, solver=case.solved_by(solver, with_saga)), None)


def _by_levenberg(case: Case, plan: Plan) -> Planned:
    assert isinstance(case.problem, CustomProblem)
    residuals, objective = case.problem.residuals(case.objective, case.rows)
    solver, rules = partial(LeastSquaresSolver, residuals=residuals), Rules(LevenbergMarquardt(), TrustRegion())
    return replace(plan, objective=objective, rules=rules, solver=solver, help=Help.NEWTON), residuals


def _restless(
    objective: Objective, rules: Rules, sign: float, tolerance: float, start: np.ndarray, box: Box | None
) -> Solver:  # fmt: skip
    """Return a solver that never stops by itself: a point may rest at one state of the model and not at the next."""
    return RuleSolver(objective, rules, sign, -1.0, start, box)


def _by_rules(case: Case, plan: Plan) -> Planned:
    # The `Judge` does not interfere with rules that the user chose. A linear model is convex and needs no help, and in
    # batches a descent never comes to rest.
    without_help = not case.automatic or isinstance(case.problem, LinearProblem) or case.in_batches
    solver = partial(RuleSolver, certifier=case.certifier)
    if case.has_state:
        assert isinstance(case.problem, NativeProblem)
        rules = LeadingRules(plan.rules.direction, plan.rules.step, case.problem.native.params.size)
        return replace(plan, help=Help.NONE, rules=rules, solver=_restless), None
    return replace(plan, help=Help.NONE if without_help else Help.FULL, solver=solver), None


FEW_ENOUGH = f"up to {NEWTON} coefficients, or {NEWTON_IF_JUMPS} if the slope or curvature of the loss jumps"
STEADY = f"more than {WHITENED} columns or several classes, and a loss whose curvature does not jump"
TABLE = (
    Choice(
        "Levenberg-Marquardt",
        f"a function with the squared loss, up to {LEVENBERG_PARAMETERS} parameters, all rows at once",
        "the Jacobian of the residuals gives the curvature without second derivatives",
        lambda case: case.by_levenberg, _by_levenberg,
    ),
    Choice(
        "SAGA, then Newton's method",
        f"a linear model in batches, {FEW_ENOUGH}",
        "two epochs in batches come near the minimum, and steps over all rows give the last digits and a certificate",
        lambda case: case.has_smooth_penalty and case.in_batches and case.is_narrow, _by(NewtonSolver, with_saga=True),
    ),
    Choice(
        "SAGA, then Newton's method with conjugate gradients",
        f"a linear model in batches with an L2 penalty, {STEADY}",
        "the same by products with the rows, which need no Hessian",
        lambda case: case.has_steady_ridge and case.in_batches, _by(NewtonCgSolver, with_saga=True),
    ),
    Choice(
        "SAGA, then L-BFGS",
        "a linear model in batches, with too many coefficients for Newton's method",
        "the same without Hessians, which are expensive for many coefficients",
        lambda case: case.has_smooth_penalty and case.in_batches, _by(LbfgsSolver, with_saga=True),
    ),
    Choice(
        "SAGA, then proximal Newton",
        f"a linear model in batches with an L1 penalty, up to {PROXIMAL_NEWTON:,} coefficients",
        "two epochs in batches come near the minimum, and proximal steps over all rows give exact zeros",
        lambda case: case.has_narrow_l1 and case.in_batches, _by(ProximalNewtonSolver, with_saga=True),
    ),
    Choice(
        "SAGA, then proximal Newton on working sets",
        f"a linear model in batches with an L1 penalty and more than {PROXIMAL_NEWTON:,} coefficients",
        "the same with a Hessian of some coefficients at a time",
        lambda case: case.has_l1 and case.in_batches, _by(WorkingSetSolver, with_saga=True),
    ),
    Choice(
        "Newton's method",
        f"a linear model, {FEW_ENOUGH}",
        "it takes about half the passes over the rows, and its steps give the certificate at no cost",
        lambda case: case.has_smooth_penalty and case.is_narrow, _by(NewtonSolver),
    ),
    Choice(
        "Newton's method with conjugate gradients",
        f"a linear model with an L2 penalty, {STEADY}",
        f"few products with the rows come near the minimum; up to {FACTORED:,} coefficients it factors the Hessian",
        lambda case: case.has_steady_ridge, _by(NewtonCgSolver),
    ),
    Choice(
        "the method of multipliers",
        f"a linear model with an L2 penalty and more than {NEWTON_IF_JUMPS} coefficients, "
        "if the slope or curvature of the loss jumps",
        "a step needs only the rows at a jump, and the multipliers of these rows give a certificate at no cost",
        lambda case: case.by_multipliers, _by(MultiplierSolver),
    ),
    Choice(
        "L-BFGS with a search in a plane",
        "a linear model with too many coefficients for Newton's method",
        "it needs only gradients, and its line search makes no pass over the rows",
        lambda case: case.has_smooth_penalty, _by(LbfgsSolver),
    ),
    Choice(
        "Newton's method in a box",
        f"a linear model with bounds, up to {PROXIMAL_NEWTON:,} coefficients",
        "coefficients end exactly on their bounds, and few steps give the last digits and a certificate",
        lambda case: case.has_narrow_bounds, _by(BoxedNewtonSolver),
    ),
    Choice(
        "Newton's method on working sets",
        f"a linear model with bounds and more than {PROXIMAL_NEWTON:,} coefficients",
        "most coefficients are on a bound, so that a Hessian of some at a time is enough",
        lambda case: case.has_bounds, _by(BoxedNewtonSolver),
    ),
    Choice(
        "proximal Newton",
        f"a linear model with an L1 penalty, up to {PROXIMAL_NEWTON:,} coefficients",
        "coefficients become exactly 0, and few steps give the last digits",
        lambda case: case.has_narrow_l1, _by(ProximalNewtonSolver),
    ),
    Choice(
        "proximal Newton on working sets",
        f"a linear model with an L1 penalty and more than {PROXIMAL_NEWTON:,} coefficients",
        "most coefficients are 0, so that a Hessian of some at a time is enough",
        lambda case: case.has_l1, _by(WorkingSetSolver),
    ),
    Choice(
        "L-BFGS",
        "any other problem, on all rows at once",
        "it needs only gradients",
        lambda case: case.automatic and not (case.in_batches or case.has_state), _by_rules,
    ),
    Choice(
        "DoWG",
        "any other problem, in batches or with a state",
        "it finds its step size from noisy gradients; it claims no convergence",
        lambda case: case.automatic, _by_rules,
    ),
    Choice(
        "the rules given",
        "any problem with direction= or step= given",
        "you chose them",
        lambda case: True, _by_rules,
    ),
)  # fmt: skip


def limit_of(loss: Function, penalty: Function | None, y: np.ndarray) -> float:
    """Return 0 if the loss of classes comes ever nearer to 0 and no finite output reaches it; else -inf."""
    is_approached = loss is softmax or (loss is log_loss and bool(np.isin(y, (0, 1)).all()))
    return 0.0 if is_approached and penalty is None else -math.inf


def choose_solver(
    problem: LinearProblem | CustomProblem | NativeProblem, rows: ArrangedRows, rules: Rules, budget: Budget,
    seed: int, *, direction: RuleLike, automatic: bool,
) -> tuple[Plan, ModelResiduals | None, Choice]:  # fmt: skip
    """Return the plan of a fit, the residuals if its solver works on them, and the row of the table that serves it."""
    layout = rows.layout
    if automatic and layout.batches > 1 and isinstance(problem, LinearProblem) and problem.allows_saga:
        # Only the first epochs, by SAGA, are in batches.
        rules, rows = choose(None, "auto"), replace(rows, layout=replace(layout, size=layout.rows, shuffle=False))
    objective, calling = problem.objective(rows, seed)
    certifier = problem.certifier(objective, rows) if isinstance(problem, LinearProblem) else None
    if not isinstance(problem, LinearProblem):
        objective.limit = limit_of(problem.loss, problem.user_penalty, rows.y)
    case = Case(problem, objective, certifier, rows, layout, seed, direction, automatic)
    if direction == LEVENBERG and case.levenberg_obstacle:
        raise ValueError(f"direction={quoted(direction)}: {case.levenberg_obstacle}; leave direction= out")
    if case.has_l1 and isinstance(problem, LinearProblem):
        problem.check_width()
    choice = next(row for row in TABLE if row.condition(case))
    plan, residuals = choice.planned(case, Plan(objective, problem.view(calling), rules, 1.0, budget, problem.box))
    return plan, residuals, choice
