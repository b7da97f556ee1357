"""The set-up of a fit: from options and data to a problem, its solver and a run."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import DTypeLike

from steepest.data.arrays import read_features, read_target, read_weight
from steepest.data.sparse.csr import is_sparse
from steepest.data.unchanged import Mark, kept, mark_of
from steepest.derivatives.bounds import Box
from steepest.derivatives.process.forks import check_fork
from steepest.derivatives.process.interrupts import interruptible
from steepest.derivatives.structure import Structure
from steepest.descent.budget import Budget
from steepest.descent.checkpoint import Checkpoint
from steepest.descent.driver import Driver
from steepest.descent.early_stopping import EarlyStopping
from steepest.descent.plan import Plan
from steepest.fitting.basis import CHANGED, Basis
from steepest.fitting.function.held import Held
from steepest.fitting.function.native_problem import NativeProblem
from steepest.fitting.function.problem import CustomProblem
from steepest.fitting.function.residuals import ModelResiduals
from steepest.fitting.linear.edges import read_edges
from steepest.fitting.linear.problem import LinearProblem
from steepest.fitting.objective import ArrangedRows
from steepest.fitting.options import bounds_refusal, check_shuffle, read_batch, read_rescaling, read_rules, refusal
from steepest.fitting.result import Fit, Validation
from steepest.fitting.row_gradients import RowGradients
from steepest.fitting.solvers import Choice, choose_solver
from steepest.fitting.validation import (
    LabelledRows,
    check_validation_targets,
    drawn,
    early_stopping,
    patience_of,
    read_validation,
)
from steepest.models import Custom, Linear, Multinomial, losses
from steepest.models.penalties import kink_of
from steepest.printable import quoted
from steepest.rules.choose import is_optax
from steepest.rules.pair import Rules
from steepest.trace import Trace
from steepest.types import Array, Bounds, Callback, Fixed, Function, PyTree, Rows, RuleLike

# The most epochs in batches if the user gives no number: each makes many updates, and a fit that has not settled by
# then needs another step size rather than more time. Chosen, not measured: more epochs suit slow learning rates.
MOST_BATCHED_EPOCHS = 100

Problem = LinearProblem | CustomProblem | NativeProblem


@dataclass(frozen=True)
class FitOptions:
    """The options of a fit, without its data and its budget, as `fit` takes them.

    Attributes
    ----------
    model, loss, penalty, start, batch_size, direction, step, shuffle, rescale, dtype
        As for `fit`, with the model and the loss as objects.
    seed : int
        The seed that shuffles batches.
    drawn : int or None
        The seed that draws the validation rows, if a fraction of the rows is held out.
    bounds, fixed
        As for `fit`; options of earlier versions lack them.
    """

    model: Linear | Custom
    loss: Function
    penalty: Function | None
    start: PyTree
    batch_size: int | None
    direction: RuleLike
    step: RuleLike
    shuffle: str | bool
    rescale: str
    dtype: DTypeLike | None
    seed: int
    drawn: int | None
    bounds: Bounds | None = None
    fixed: Fixed | None = None

    @property
    def held(self) -> Held:
        """The values of bounds= and fixed=."""
        return Held(self.bounds or None, self.fixed or None)

    @property
    def automatic(self) -> bool:
        """Whether direction= and step= were both left out."""
        return self.direction is None and isinstance(self.step, str) and self.step == "auto"


@dataclass(frozen=True)
class TrainingData:
    """The data of a fit, checked.

    Attributes
    ----------
    rows : LabelledRows
        All rows, including those to be held out for validation.
    names : list of str or None
        The names of the columns.
    validation : float, LabelledRows or None
        The fraction of the rows to hold out, or other rows.
    source : (X, y)
        The objects that the user gave.
    mark : tuple of int or None
        The mark of the rows X if they are the user's array, which may change; None if they are a copy.
    """

    rows: LabelledRows
    names: list[str] | None
    validation: float | LabelledRows | None
    source: tuple[Rows, Array]
    mark: Mark | None = None

    @classmethod
    def read(
        cls, X: Rows, y: Array, sample_weight: Array, validation: Validation, dtype: DTypeLike | None,
        names: list[str] | None = None, gaps: bool = False,
    ) -> TrainingData:  # fmt: skip
        """Read and check the data that `fit` was given; `names` are the column names if X itself has none.

        Values may be missing if `gaps` are allowed.
        """
        array, names_in_X = read_features(X, dtype, gaps=gaps)
        array, mark = kept(array, X)
        names = names_in_X or names
        count = array.shape[0]
        rows = LabelledRows(array, read_target(y, count), read_weight(sample_weight, count))
        return cls(rows, names, read_validation(validation, array, names, dtype, gaps), (X, y), mark)

    @property
    def is_intact(self) -> bool:
        """Whether the rows are those that were read: the user may change a large array, which is not copied."""
        return self.mark is None or mark_of(self.rows.X) == self.mark

    def check_intact(self) -> None:
        """Raise ValueError if the user has changed the rows."""
        if not self.is_intact:
            raise ValueError(f"X {CHANGED}")

    def fingerprint(self) -> dict[str, str]:
        """Return a digest of each part of the data, to recognise the same data later."""
        digests = dict(zip(("X", "y", "sample_weight"), map(_digest, self.rows), strict=True))
        held = self.validation
        digests["validation"] = "".join(map(_digest, held)) if isinstance(held, LabelledRows) else repr(held)
        return digests

    def targets_of(self, loss: Function, rows: LabelledRows, held: LabelledRows | None) -> np.ndarray:
        """Return the targets that tell how many classes there are: also those held out, if a fraction was drawn."""
        if held is None or loss is not losses.softmax or not isinstance(self.validation, float):
            return rows.y
        return np.concatenate([rows.y, held.y])

    def basis(self, loss: Function, penalty: Function | None, seed: int | None) -> Basis:
        """Return what a fit to these data rests on; `seed` drew the validation rows, if a fraction was held out."""
        X, y, weight = self.rows
        numbered = replace(self, rows=self.rows._replace(X=np.arange(len(y))))
        learnt = np.zeros(len(y), dtype=bool)
        learnt[numbered.split(seed)[0].weighted().X] = True
        others = self.validation if isinstance(self.validation, LabelledRows) else None
        return Basis(loss, penalty, X, y, weight, learnt, others, intact=self.is_intact)

    def split(self, seed: int | None) -> tuple[LabelledRows, LabelledRows | None]:
        """Return the training rows and the validation rows, if there are any."""
        if not isinstance(self.validation, float):
            return self.rows, self.validation
        assert seed is not None
        return drawn(self.rows, self.validation, seed)


@dataclass(frozen=True)
class Settings:
    """The options of a fit, resolved for its rows; a combination that makes no sense raises ValueError.

    Attributes
    ----------
    rules : Rules
        The direction and the step size.
    batch : int or None
        The rows of a batch; None if each update uses all rows.
    rescale : str
        How the columns are rescaled.
    """

    rules: Rules
    batch: int | None
    rescale: str

    @classmethod
    def resolve(cls, options: FitOptions, rows: LabelledRows, bounds: Box | None = None) -> Settings:
        """Return the settings for these rows, and for the bounds of a linear model."""
        model, loss, penalty, step = options.model, options.loss, options.penalty, options.step
        batch = read_batch(options.batch_size, len(rows.y))
        rules = read_rules(
            options.direction,
            step,
            batch is not None,
            isinstance(model, Custom) and model.state is not None,
            boxed=bool(options.bounds),
        )
        check_shuffle(options.shuffle)
        losses.check_targets(loss, rows.y)
        # Columns may be rescaled for a rule that finds its own step. A learning rate was chosen for columns in the
        # user's units, so they stay as they are.
        named = isinstance(step, str)
        finds_its_step = rules.searches or rules.adapts or (named and not is_optax(options.direction))
        rescale = read_rescaling(options.rescale, model, rows.X, finds_its_step)
        has_rate = not (finds_its_step or named)
        if why := refusal(penalty, model, loss, batch is not None, not options.automatic, has_rate, options.rescale):
            raise ValueError(f"penalty={quoted(penalty)}: {why}")
        # An L1 penalty sets single coefficients to 0, and whitened columns would mix these: scale the columns instead.
        if bounds is not None:
            if why := bounds_refusal(bounds, penalty, model, loss, batch is not None, options.rescale):
                given = "fixed" if options.bounds is None else "bounds"
                raise ValueError(f"{given}={quoted(getattr(options, given))}: {why}")
            rescale = "scale" if rescale == "whiten" else rescale
        return cls(rules, batch, "scale" if kink_of(penalty) and finds_its_step else rescale)


def problem_of(
    options: FitOptions, settings: Settings, rows: LabelledRows, names: list[str] | None,
    coordinates: dict[str, np.ndarray] | None, bounds: Box | None,
) -> Problem:  # fmt: skip
    """Return the model on its rows; `coordinates` are those of an earlier fit, `bounds` those of a linear model."""
    X, y, weight = rows
    if isinstance(options.model, Custom) and options.model.is_native:
        return NativeProblem.of(options.model, X, y, options.start, options.loss, options.penalty, options.held)
    if not isinstance(options.model, Linear):
        return CustomProblem.of(options.model, X, y, options.start, options.loss, options.penalty, options.held)
    problem = LinearProblem.of(
        options.model, X, y, options.start, weight, options.loss, options.penalty, settings.rescale, names, bounds,
        padded=options.automatic and settings.batch is None,
    )  # fmt: skip
    if coordinates is None:
        return problem
    # Use the coordinates of the earlier fit. If they were computed again, they could differ by rounding errors, or by
    # the order of directions of equal variance.
    known: dict[str, Array] = {name: a if a.ndim else float(a) for name, a in coordinates.items()}
    return replace(problem, coordinates=replace(problem.coordinates, columns=X.shape[1], **known))


@dataclass(frozen=True)
class FitSetup:
    """A fit that is ready to run: its options and data, its problem, its plan and its solver.

    Attributes
    ----------
    options, data
        What the user gave.
    rows : LabelledRows
        The rows to learn from, without those held out.
    problem : LinearProblem, CustomProblem or NativeProblem
        The model on these rows.
    plan : Plan
        What the driver is to do.
    start : array
        The start in the plan's coordinates.
    residuals : ModelResiduals or None
        The residuals, if the solver works on them.
    choice : Choice
        The row of the table of solvers that serves the problem.
    """

    options: FitOptions
    data: TrainingData
    rows: LabelledRows
    problem: Problem
    plan: Plan
    start: np.ndarray
    residuals: ModelResiduals | None
    choice: Choice

    @classmethod
    def of(
        cls, options: FitOptions, data: TrainingData, budget: Budget, coordinates: dict[str, np.ndarray] | None = None
    ) -> FitSetup:
        """Resolve the options, state the problem, and choose its solver; `coordinates` are those of an earlier fit."""
        check_fork()
        rows, held = data.split(options.drawn)
        rows = rows.weighted()
        if isinstance(options.model, Linear):
            rows = rows._replace(X=options.model.shaped(rows.X))
        names = data.names if rows.X.ndim == 2 and rows.X.shape[1] == len(data.names or ()) else None
        bounds = None
        if isinstance(options.model, Linear) and not (options.bounds is None and options.fixed is None):
            bounds = read_edges(options.bounds, options.fixed, rows.X.shape[1], names)
        settings = Settings.resolve(options, rows, bounds)
        if held is not None:
            classes = options.model.classes if isinstance(options.model, Multinomial) else None
            check_validation_targets(options.loss, held, classes)
        problem = problem_of(options, settings, rows, names, coordinates, bounds)
        layout = problem.layout(settings.batch, options.shuffle)
        arranged = ArrangedRows.arranged(layout, problem.columns(), rows.y, rows.weight, options.seed)
        if settings.batch is not None:
            budget = replace(budget, most=MOST_BATCHED_EPOCHS)
        plan, residuals, choice = choose_solver(
            problem, arranged, settings.rules, budget, options.seed,
            direction=options.direction, automatic=options.automatic,
        )  # fmt: skip
        _, start = Structure.of(problem.start)
        if held is not None:
            batched = settings.batch is not None
            if isinstance(problem, NativeProblem):
                stopping = EarlyStopping(problem.mean_loss(*held), patience_of(batched))
            else:
                stopping = early_stopping(options.model, options.loss, held, plan.view, start, batched)
            plan = replace(plan, early_stopping=stopping)
        return cls(options, data, rows, problem, plan, start, residuals, choice)

    @interruptible()
    def go(
        self, callback: Callback | None, progress: bool | None, checkpoint: Checkpoint | None = None,
        trace: Trace | None = None,
    ) -> tuple[Fit, Checkpoint]:  # fmt: skip
        """Descend from the start, or from a checkpoint and its trace; return the fit and its own checkpoint."""
        if self.plan.budget.asked and isinstance(self.options.model, Custom) and self.options.model.state is not None:
            raise ValueError(
                "tolerance= needs a loss that is the same in every call, and the loss of a model with a state changes "
                "with it: give epochs=, or validation= for a fit that stops at its best epoch"
            )
        with self.plan.progress(progress) as shown:
            driver = Driver(self.plan, self.start, callback, shown, checkpoint, trace)
            check_begun(driver.solver.status.value)
            run = driver.finish(driver.go())
            shown.finish(run.trace)
        known = {f.name: getattr(run, f.name) for f in fields(run)}
        names, box = self.plan.view.names, self.plan.box
        if isinstance(self.problem, LinearProblem) and (box := self.problem.bounds) is not None:
            # The driver knows the bounds in the coordinates of the descent.
            known |= {"bounds": box.intervals(names), "fixed": box.values(names)}
        if self.plan.early_stopping is not None and box is not None:
            # At an earlier epoch f may descend away from a bound that the descent was projected to: the value is that
            # bound, and no estimate, all the same.
            flat = self.plan.view.calling.structure.flatten(run.x, "the answer")
            known["at_bound"] = {names[k]: side for k, side in box.on_edge(flat).items()}
        fitted = Fit(
            **known, model=self.options.model, columns=self.data.names, data=self.data.source, solver=str(self.choice)
        )
        fitted.row_gradients = RowGradients(self.problem, self.rows, self.plan.view, self.data.check_intact)
        self.problem.annotate(fitted, self.rows.y, self.rows.weight)
        if isinstance(self.problem, CustomProblem) and self.residuals is not None:
            self.problem.name_undetermined(fitted, self.residuals)
        assert driver.checkpoint is not None
        if isinstance(self.problem, NativeProblem) and driver.answer is not None:
            self.problem.add_state(fitted, driver.answer)
        return fitted, driver.checkpoint


def check_begun(value: float) -> None:
    """Raise if a fit begins where its loss is not finite, which no step can be compared with.

    Parameters
    ----------
    value : float
        The value at the start, with the penalty.

    Raises
    ------
    ValueError
        If the value is infinite or NaN.
    """
    if not math.isfinite(value):
        raise ValueError(f"the loss is {value} at the start: give a start= where it is finite, or leave start= out")


def _digest(array: Rows) -> str:
    if is_sparse(array):
        return "".join(map(_digest, (array.indptr, array.indices, array.data)))
    digest = hashlib.sha256(f"{array.dtype} {array.shape}".encode())
    # Take parts of 16 MB, because a part that is not contiguous is copied.
    for rows in np.array_split(array, max(1, array.nbytes >> 24)):
        digest.update(np.ascontiguousarray(rows).data)
    return digest.hexdigest()[:16]
