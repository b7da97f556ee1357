"""How a fit continues from where it stopped: with its rows in memory, or after it was loaded from a folder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import DTypeLike

from steepest.descent.budget import Budget
from steepest.descent.checkpoint import Checkpoint
from steepest.descent.early_stopping import BestEpoch
from steepest.fitting.basis import Basis
from steepest.fitting.linear import edges
from steepest.fitting.linear.problem import LinearProblem
from steepest.fitting.profiling.intervals import profile_intervals
from steepest.fitting.refits.refit import bootstrap
from steepest.fitting.resampling.bootstrap import Bootstrap
from steepest.fitting.result import Fit, GivenRows, Limits
from steepest.fitting.setup import FitOptions, FitSetup, Problem, TrainingData
from steepest.fitting.uncertainty.answer import Ends, Uncertainty
from steepest.models import Linear
from steepest.saving.models import NAMED
from steepest.saving.objects import UnnamedError, from_json, to_json
from steepest.saving.points import point_from_json, point_to_json, under
from steepest.saving.schema import FitRecord, checked
from steepest.trace import Trace
from steepest.types import Callback, Json, Seed

# The prefix of the names of the state's arrays in a folder. It can't change, because older folders have it.
PLACE = "onward/"
# Options that are saved in another form than the rest: as a model, as a point, as the name of a type, and as pairs.
APART = ("model", "start", "dtype", "bounds", "fixed")
ELSE = "more() continues with the same rows; for others begin a new fit, with start=fit.params if the model has one"
FUNCTION = "function not at hand: the model of this fit is a function, and functions are not saved"

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class LiveFit:
    """A fit with its rows in memory: the set-up, and the checkpoint at which it stopped.

    `trace` is that of the descent to the checkpoint, if the fit itself went another way.
    """

    setup: FitSetup
    checkpoint: Checkpoint
    trace: Trace | None = None

    def more(self, fit: Fit, rows: GivenRows, how: Limits, callback: Callback | None, progress: bool | None) -> Fit:
        """Continue with a new budget; an earlier tolerance holds unless replaced. Rows given again must be equal."""
        self.setup.data.check_intact()
        check_again(self.setup.data, rows, self.setup.options.dtype)
        before = self.setup.plan.budget
        budget = Budget.of(most=before.most, **how)
        budget = budget if budget.asked else replace(budget, tolerance=before.tolerance)
        setup = replace(self.setup, plan=replace(self.setup.plan, budget=budget))
        trace = fit.trace if self.trace is None else self.trace
        fitted, checkpoint = setup.go(callback, progress, self.checkpoint, trace)
        fitted.resumable = LiveFit(setup, checkpoint)
        return fitted

    def bootstrap(self, fit: Fit, resamples: int, kind: str, rng: Seed, progress: bool | None) -> Bootstrap:
        """Refit the model to resampled data."""
        self.setup.data.check_intact()
        return bootstrap(self.setup, fit, resamples, kind, rng, progress)

    def basis(self) -> Basis | None:
        """Return the loss, the penalty and the rows."""
        return basis_of(self.setup)

    def profile(self, uncertainty: Uncertainty, level: float) -> Ends:
        """Return the profile intervals of the parameters."""
        return profile_of(self.setup, uncertainty, level)

    def saved(self) -> tuple[dict[str, Json], Arrays]:
        """Return all but the rows as JSON and arrays; if the fit can't continue once saved, the reason as JSON."""
        setup, checkpoint, solver = self.setup, self.checkpoint, self.checkpoint.solver
        record = begun(setup.options, setup.problem, setup.data, setup.plan.budget)
        if "why" in record:
            return record, {}
        assert isinstance(setup.problem, LinearProblem)
        best = {name: value for name, value in asdict(checkpoint.best).items() if name != "x"}
        record |= {"halt": checkpoint.counters(), "engine": solver.counters(), "best": best}
        arrays = {f"state/{k}": array for k, array in enumerate(solver.arrays())}
        if checkpoint.best.x is not None:
            arrays["best"] = checkpoint.best.x
        coordinates = vars(setup.problem.coordinates)
        arrays |= {
            f"coordinates/{name}": value
            for name, value in coordinates.items() if name != "columns" and value is not None
        }  # fmt: skip
        return record, {PLACE + name: np.asarray(value) for name, value in arrays.items()}


class LateFit(ABC):
    """A fit with its rows in memory, and without a usual descent: the state to continue from is made when needed."""

    @property
    @abstractmethod
    def setup(self) -> FitSetup:
        """The set-up of the usual descent."""

    @property
    @abstractmethod
    def live(self) -> LiveFit:
        """The fit with the state of the usual solver at the end."""

    def more(self, fit: Fit, rows: GivenRows, how: Limits, callback: Callback | None, progress: bool | None) -> Fit:
        """Continue in the usual way, as `LiveFit` does."""
        return self.live.more(fit, rows, how, callback, progress)

    def saved(self) -> tuple[dict[str, Json], Arrays]:
        """Return the state to save, as `LiveFit` does."""
        return self.live.saved()

    def bootstrap(self, fit: Fit, resamples: int, kind: str, rng: Seed, progress: bool | None) -> Bootstrap:
        """Refit the model to resampled data, as `LiveFit` does."""
        self.setup.data.check_intact()
        return bootstrap(self.setup, fit, resamples, kind, rng, progress)

    def profile(self, uncertainty: Uncertainty, level: float) -> Ends:
        """Return the profile intervals, as `LiveFit` does."""
        return profile_of(self.setup, uncertainty, level)

    def basis(self) -> Basis | None:
        """Return the loss, the penalty and the rows."""
        return basis_of(self.setup)


def begun(options: FitOptions, problem: Problem, data: TrainingData, budget: Budget) -> dict[str, Json]:
    """Return as JSON how a fit began, without its rows; or why it can't continue once saved.

    Parameters
    ----------
    options, data, budget
        What the user gave.
    problem : LinearProblem, CustomProblem or NativeProblem
        The model on its rows.

    Returns
    -------
    dict
        The options, the fingerprint and the shape of the rows, and the budget; or the reason.
    """
    if not isinstance(problem, LinearProblem) or type(options.model) not in NAMED.values():
        return {"why": FUNCTION}
    values = {f.name: getattr(options, f.name) for f in fields(options) if f.name not in APART}
    try:
        asked = {name: to_json(value) for name, value in values.items()}
    except UnnamedError as error:
        return {"why": str(error)}
    asked["start"] = None if options.start is None else point_to_json(problem.params)
    asked["bounds"] = None if problem.bounds is None else edges.to_json(problem.bounds)
    asked["dtype"] = None if options.dtype is None else np.dtype(options.dtype).name
    return {
        "asked": asked,
        "rows": data.fingerprint(),
        "shape": list(data.rows.X.shape),
        "budget": {"tolerance": budget.tolerance},
    }


def basis_of(setup: FitSetup) -> Basis:
    """Return the loss, the penalty and the rows of a fit."""
    options, residuals = setup.options, setup.residuals
    basis = setup.data.basis(options.loss, options.penalty, options.drawn)
    return basis._replace(slopes=residuals.slopes) if residuals is not None and residuals.traced else basis


def profile_of(setup: FitSetup, uncertainty: Uncertainty, level: float) -> Ends:
    """Return the profile intervals of the parameters of a fit."""
    setup.data.check_intact()
    return profile_intervals(
        setup.problem, setup.options.loss, setup.plan.objective, setup.plan.view, setup.residuals, setup.rows,
        uncertainty, level,
    )  # fmt: skip


def descended(setup: FitSetup) -> LiveFit:
    """Return a fit at the end of the usual descent, for one that was solved without it and has no state."""
    fitted, checkpoint = setup.go(None, False)
    return LiveFit(setup, checkpoint, fitted.trace)


@dataclass(frozen=True)
class SavedFit:
    """The saved state of a fit, which can continue once the user gives its rows again."""

    record: dict[str, Json]
    arrays: Arrays

    @classmethod
    def of(cls, record: dict[str, Json], arrays: Mapping[str, np.ndarray]) -> Self:
        """Return the saved state with those of the arrays that belong to it."""
        return cls(record, {name: array for name, array in arrays.items() if name.startswith(PLACE)})

    def basis(self) -> Basis | None:
        """Return None: rows are not saved with a fit."""
        return None

    def saved(self) -> tuple[dict[str, Json], Arrays]:
        """Return the state as it was saved, to be saved again."""
        return self.record, self.arrays

    def more(self, fit: Fit, rows: GivenRows, how: Limits, callback: Callback | None, progress: bool | None) -> Fit:
        """Continue with rows, which must be those of the fit."""
        rows = self.checked_rows(rows)
        assert isinstance(fit.model, Linear)
        return self.revived(fit.model, rows).more(fit, (None, None, None, None), how, callback, progress)

    def checked_rows(self, rows: GivenRows) -> GivenRows:
        """Return the rows; raise RuntimeError if they are missing, or if the fit can't continue."""
        if "why" in self.record:
            raise RuntimeError(self.record["why"])
        if rows[0] is None or rows[1] is None:
            raise RuntimeError("the rows of a fit are not saved with it: give them again, as in fit.more(X, y)")
        return rows

    def revived(self, model: Linear, rows: GivenRows) -> LiveFit:
        """Set up the fit again, at the state in which it was saved."""
        X, y, weight, validation = rows
        record = self.record
        with sound_state():
            apart = ("start", "bounds")
            values = {name: from_json(value) for name, value in record["asked"].items() if name not in apart}
            pairs = record["asked"].get("bounds")
            values["bounds"] = None if pairs is None else edges.from_json(pairs)
            start = record["asked"]["start"]
            options = FitOptions(model=model, start=None if start is None else point_from_json(start), **values)
        if validation is None and options.drawn is not None:
            validation = float(record["rows"]["validation"])
        data = TrainingData.read(X, y, weight, validation, options.dtype)
        check_same(data, record["rows"], record["shape"])
        with sound_state():
            budget = record["budget"]
            # Folders of version 0.1.0 hold that version's default tolerance if the user gave none.
            tolerance = budget["tolerance"] if budget.get("asked", True) else 0.0
            if "halt" not in record:
                return descended(FitSetup.of(options, data, Budget(tolerance)))
            setup = FitSetup.of(options, data, Budget(tolerance), self.under("coordinates/"))
            solver = setup.plan.solver_at(setup.start)
            leaves = [array for _, array in sorted(self.under("state/").items(), key=lambda item: int(item[0]))]
            solver.restore(leaves, record["engine"])
            best = BestEpoch(**record["best"], x=self.arrays.get(f"{PLACE}best"))
            return LiveFit(setup, Checkpoint(solver=solver, best=best, **record["halt"]))

    def under(self, prefix: str) -> Arrays:
        """Return the arrays whose names begin with a prefix, under their names without the prefix."""
        return under(PLACE + prefix, self.arrays)


@contextmanager
def sound_state() -> Iterator[None]:
    """Turn the errors of a state that was not written by `save` into one."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        why = " ".join(str(error).split())
        raise ValueError(f"the saved state of this fit does not fit together ({why[:200]}): {ELSE}") from None


def fit_from_record(record: dict[str, Json], arrays: Arrays, kind: type[Fit] = Fit) -> Fit:
    """Rebuild a fit of class `kind` from its record and arrays, with the state that `more` continues from."""
    checked(record, FitRecord)
    record = dict(record)
    state = record.pop("onward", None)
    fit = kind._revive(record, arrays)
    if state is not None:
        fit.resumable = SavedFit.of(state, arrays)
    return fit


def check_again(known: TrainingData, rows: GivenRows, dtype: DTypeLike | None = None, gaps: bool = False) -> None:
    """Raise an error if rows are given again and are not those of the fit; what is not given counts as equal."""
    X, y, weight, validation = rows
    if all(part is None for part in rows):
        return
    if X is None or y is None:
        raise TypeError("give both X and y, or neither: this fit still has its rows")
    data = TrainingData.read(X, y, weight, validation, dtype, gaps=gaps)
    if weight is None:
        data = replace(data, rows=data.rows._replace(weight=known.rows.weight))
    if validation is None:
        data = replace(data, validation=known.validation)
    check_same(data, known.fingerprint(), known.rows.X.shape)


def check_same(data: TrainingData, known: Mapping[str, str], shape: Sequence[int]) -> None:
    """Raise ValueError if the data are not those of the fit."""
    if list(data.rows.X.shape) != list(shape):
        raise ValueError(f"X has the shape {data.rows.X.shape}, and it had {tuple(shape)} in the fit: {ELSE}")
    for name, digest in data.fingerprint().items():
        if digest != known[name]:
            raise ValueError(f"{name} is not what it was in the fit: {ELSE}")
