"""A fit as it was set up: what was asked, the rows, and the way down; begun anew or gone on with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from steepest.data.arrays import read_features, read_target, read_weight
from steepest.data.sparse.csr import is_sparse
from steepest.derivatives.structure import Structure
from steepest.descent.budget import Budget
from steepest.descent.checkpoint import Checkpoint
from steepest.descent.driver import Driver
from steepest.descent.plan import Plan
from steepest.fitting.function.problem import CustomProblem
from steepest.fitting.linear.problem import LinearProblem
from steepest.fitting.objective import Rows
from steepest.fitting.options import check_shuffle, read_batch, read_rescaling, read_rules, unfit_for
from steepest.fitting.result import Fit
from steepest.fitting.solvers import Choice, choose_solver
from steepest.fitting.validation import Observed, drawn, read_validation, watch
from steepest.models import Linear, losses
from steepest.models.penalties import kink_of
from steepest.rules.choose import is_optax
from steepest.trace import Trace

MOST_BATCHED_EPOCHS = 100


@dataclass(frozen=True)
class FitOptions:
    """What was asked of a fit, but for its rows and what it may spend; `drawn` is what draws the validation rows."""

    model: Any
    loss: Any
    penalty: Any
    start: Any
    batch_size: int | None
    direction: Any
    step: Any
    shuffle: Any
    rescale: str
    dtype: Any
    seed: int
    drawn: int | None


@dataclass(frozen=True)
class TrainingData:
    """The rows that a fit was given, as they were read, and what it is held against."""

    seen: Observed
    names: list[str] | None
    validation: float | Observed | None
    data: tuple[Any, Any]

    @classmethod
    def read(
        cls, X: Any, y: Any, sample_weight: Any, validation: Any, dtype: Any, names: list[str] | None = None
    ) -> TrainingData:  # fmt: skip
        """Check what the user gave; `names` are those of the columns where X itself has none."""
        array, own = read_features(X, dtype)
        names = own or names
        rows = array.shape[0]
        seen = Observed(array, read_target(y, rows), read_weight(sample_weight, rows))
        return cls(seen, names, read_validation(validation, array, names, dtype), (X, y))

    def fingerprint(self) -> dict[str, str]:
        """Return what tells these rows from others."""
        held = self.validation
        arrays = dict(zip(("X", "y", "sample_weight"), self.seen, strict=True))
        told = {name: _digest(array) for name, array in arrays.items()}
        if isinstance(held, Observed):
            return told | {"validation": "".join(map(_digest, held))}
        return told | {"validation": repr(held)}


@dataclass(frozen=True)
class FitSetup:
    """A fit that was set up."""

    asked: FitOptions
    given: TrainingData
    learnt: Observed
    problem: LinearProblem | CustomProblem
    plan: Plan
    start: np.ndarray
    residuals: Any
    solver: Choice

    @classmethod
    def of(
        cls, asked: FitOptions, given: TrainingData, budget: Budget, coordinates: dict[str, np.ndarray] | None = None
    ) -> FitSetup:
        """Choose coordinates, rules and the way down; coordinates are taken over where they are known."""
        learnt, held = given.seen, given.validation
        if isinstance(held, float):
            assert asked.drawn is not None
            learnt, held = drawn(learnt, held, asked.drawn)
        X, y, weight = learnt
        model, loss, penalty, direction, step = asked.model, asked.loss, asked.penalty, asked.direction, asked.step
        size = read_batch(asked.batch_size, len(y))
        if size is not None:
            budget = replace(budget, most=MOST_BATCHED_EPOCHS)
        rules = read_rules(direction, step, size is not None)
        check_shuffle(asked.shuffle)
        losses.check_targets(loss, y)
        if held is not None:
            _check_held(loss, held)
        finds_its_own = rules.searches or rules.adapts or (isinstance(step, str) and not is_optax(direction))
        automatic = direction is None and isinstance(step, str) and step == "auto"
        names = given.names
        if isinstance(model, Linear):
            X = model.shaped(X)
            names = None if X.shape[1] != len(names or ()) else names
        how = read_rescaling(asked.rescale, model, X, finds_its_own)
        settled = not (finds_its_own or isinstance(step, str))
        if why := unfit_for(penalty, model, loss, size is not None or not automatic, settled, asked.rescale):
            raise ValueError(f"penalty={penalty!r}: {why}")
        if kink_of(penalty) and finds_its_own:
            how = "scale"
        problem: LinearProblem | CustomProblem
        if isinstance(model, Linear):
            problem = LinearProblem.of(model, X, y, asked.start, weight, loss, penalty, how, names)
            if coordinates is not None:
                # Chosen anew they could differ by rounding, or by the order of directions that are alike.
                known: dict[str, Any] = {name: a if a.ndim else float(a) for name, a in coordinates.items()}
                problem = replace(problem, coordinates=replace(problem.coordinates, **known))
        else:
            problem = CustomProblem.of(model, X, y, asked.start, loss, penalty)
        layout = problem.layout(size, asked.shuffle)
        rows = Rows.arranged(layout, problem.columns(), y, weight, asked.seed)
        words = {"direction": direction, "automatic": automatic}
        plan, residuals, solver = choose_solver(problem, rows, rules, budget, asked.seed, **words)
        _, start = Structure.of(problem.start)
        if held is not None:
            plan = replace(plan, early_stopping=watch(model, loss, held, plan.view, start, size is not None))
        return cls(asked, given, learnt, problem, plan, start, residuals, solver)

    def go(
        self, callback: Callable[..., Any] | None, progress: bool | None, checkpoint: Checkpoint | None = None,
        trace: Trace | None = None,
    ) -> tuple[Fit, Checkpoint]:  # fmt: skip
        """Descend from the start, or go on from a checkpoint after its trace, and return the fit and its checkpoint."""
        with self.plan.progress(progress) as shown:
            driver = Driver(self.plan, self.start, callback, shown, checkpoint, trace)
            run = driver.finish(driver.go())
            shown.finish(run.trace)
        known = {f.name: getattr(run, f.name) for f in fields(run)}
        fitted = Fit(
            **known, model=self.asked.model, columns=self.given.names, data=self.given.data, solver=str(self.solver)
        )
        self.problem.annotate(fitted, self.learnt.y, self.learnt.weight)
        if isinstance(self.problem, CustomProblem) and self.residuals is not None:
            self.problem.tell(fitted, self.residuals)
        assert driver.checkpoint is not None
        return fitted, driver.checkpoint


def _check_held(loss: Any, held: Observed) -> None:
    try:
        losses.check_targets(loss, held.y)
    except ValueError as error:
        raise ValueError(f"in the rows for validation, {error}") from None


def _digest(array: Any) -> str:
    if is_sparse(array):
        return "".join(map(_digest, (array.indptr, array.indices, array.data)))
    seen = hashlib.sha256(f"{array.dtype} {array.shape}".encode())
    for rows in np.array_split(array, max(1, array.nbytes >> 24)):
        seen.update(np.ascontiguousarray(rows).data)
    return seen.hexdigest()[:16]
