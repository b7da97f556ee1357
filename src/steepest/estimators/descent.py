"""What both estimators are: the words of `fit` as parameters, one fit an output, and its results as attributes."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from steepest import models
from steepest.data.arrays import read_weight
from steepest.derivatives.precision import double_precision
from steepest.descent.budget import Budget
from steepest.estimators.rows import checked
from steepest.estimators.words import (
    check_limits,
    check_part,
    linear_model,
    loss_of,
    machine,
    named_model,
    penalty_of,
)
from steepest.fitting.fit import fit
from steepest.fitting.options import read_rows
from steepest.fitting.result import Fit
from steepest.fitting.resume import SavedFit
from steepest.fitting.stream.blocks import Blocks
from steepest.fitting.stream.fit import ENDLESS, fit_stream
from steepest.fitting.stream.learner import BATCH, StreamLearner
from steepest.models import Custom, losses
from steepest.models.penalties import kink_of, ridge_of
from steepest.trace import Outcome

STAYS = "this fit can't go on: its rows were not kept; fit its estimator again with warm_start=True"
# Their slopes grow exponentially, which no step of a single reading bears.
STEEP = (losses.poisson, losses.gamma)


def learns_from_parts(estimator: Descent) -> bool:
    """Tell whether an estimator can learn from rows that come in parts, or raise with the reason.

    Parameters
    ----------
    estimator : Descent
        The estimator; what its parameters lack otherwise is for the call to say.

    Returns
    -------
    bool
        True.

    Raises
    ------
    AttributeError
        If it can't.
    """
    try:
        cost, penalty = estimator._cost, penalty_of(estimator.penalty, estimator.alpha, estimator.l1_ratio)
    except (TypeError, ValueError):
        return True
    if estimator.kernel != "linear":
        raise AttributeError(f"kernel={estimator.kernel!r} needs all rows at once, to learn its features from")
    if estimator._streams and kink_of(penalty):
        raise AttributeError(f"penalty={estimator.penalty!r} needs all rows at once: take penalty='l2' for partial_fit")
    if estimator._streams and cost in STEEP:
        raise AttributeError(f"partial_fit needs a learning rate for {cost!r}, such as step=0.01")
    return True


class Descent(BaseEstimator):
    """A model fitted by descent, one fit an output."""

    _usual: ClassVar[dict[str, str]]
    _classes: ClassVar[bool]

    # Whether one fit has a score for each class.
    _joint: bool = False

    runs_: list[Fit]
    coef_: np.ndarray
    intercept_: Any

    @property
    def _cost(self) -> Any:
        """The loss."""
        return loss_of(self.loss, named_model(self.model, self._usual, self.kernel), self._usual, self._classes)

    @property
    def _is_linear(self) -> bool:
        """Whether it is linear in the columns, so that it has a coefficient for each."""
        return isinstance(self.model, str) and self.kernel == "linear"

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = isinstance(self.model, str)
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "runs_")

    def __getstate__(self) -> dict[str, Any]:
        # Compiled code and rows stay behind; what was found goes along.
        state = dict(super().__getstate__())
        if "runs_" in state:
            state["runs_"] = [at_rest(run) for run in state["runs_"]]
        return state

    @property
    def run_(self) -> Fit:
        """The fit, with its outcome and trace; of several, the first that did not succeed, else the first."""
        if not hasattr(self, "runs_"):
            raise AttributeError(f"this {type(self).__name__} has no run_ before it is fitted")
        return next((run for run in self.runs_ if not run.success), self.runs_[0])

    def _weighed(self, X: Any, y: np.ndarray, weight: Any) -> tuple[Any, np.ndarray, np.ndarray]:
        """Return the rows that count, with their weights: a weight of 0 is a row that is not there."""
        weight = read_weight(weight, X.shape[0])
        kept = weight > 0
        return (X, y, weight) if kept.all() else (X[kept], y[kept], weight[kept])

    def _fit_outputs(self, X: Any, targets: np.ndarray, weight: np.ndarray, strata: np.ndarray | None) -> None:
        """Fit an output after another, over all epochs."""
        check_limits(self.max_epochs, self.tol)
        starts = self._starts(X, targets.shape[1], warm=self.warm_start and hasattr(self, "runs_"))
        draws = check_random_state(self.random_state)
        words: dict[str, Any] = {}
        if self.early_stopping:
            check_part("validation_fraction", self.validation_fraction)
            learn, held = train_test_split(
                np.arange(len(targets)), test_size=self.validation_fraction, random_state=draws, stratify=strata
            )
            words["validation"] = [(X[held], target[held], weight[held]) for target in targets.T]
            X, targets, weight = X[learn], targets[learn], weight[learn]
        seed = draws.randint(2**31 - 1)
        runs = [
            self._fit_one(X, target, weight, start, seed, epochs=self.max_epochs, tolerance=self.tol,
                          **{word: each[k] for word, each in words.items()})
            for k, (target, start) in enumerate(zip(targets.T, starts, strict=True))
        ]  # fmt: skip
        self._students: list[StreamLearner] | None = None
        self._conclude(runs, max(int(run.trace.epoch[-1]) for run in runs))
        self._warn()

    def _learn_outputs(self, X: Any, targets: np.ndarray, weight: np.ndarray) -> None:
        """Go once through the rows, for each output, from where the last call ended."""
        if self.early_stopping:
            raise ValueError("early_stopping=True needs all rows at once: partial_fit can't have it")
        check_limits(self.max_epochs, self.tol)
        fitted = hasattr(self, "runs_")
        starts = self._starts(X, targets.shape[1], warm=fitted)
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        if self._streams:
            runs = self._read_once(X, targets, weight, starts, seed)
        else:
            self._students = None
            runs = [
                self._fit_one(X, target, weight, start, seed, epochs=1)
                for target, start in zip(targets.T, starts, strict=True)
            ]
        self._conclude(runs, self.n_iter_ + 1 if fitted else 1)
        # Of one epoch of many no more can be asked than that it leads somewhere.
        self._warn(borne=Outcome.ITERATION_LIMIT)

    def _warn(self, borne: Outcome | None = None) -> None:
        for run in self.runs_:
            if not run.success and run.outcome is not borne:
                warnings.warn(run.message, ConvergenceWarning, stacklevel=4)

    @property
    def _streams(self) -> bool:
        """Whether partial_fit learns as from a stream: a learning rate and a function are for plain epochs."""
        return self._is_linear and self.direction is None and isinstance(self.step, str) and self.step == "auto"

    def _read_once(self, X: Any, targets: np.ndarray, weight: np.ndarray, starts: list[Any], seed: int) -> list[Fit]:
        """Learn from a block of rows as from the next of a stream, which each output's student remembers."""
        cost = self._cost
        penalty = penalty_of(self.penalty, self.alpha, self.l1_ratio)
        model, strength = linear_model(cost), ridge_of(penalty)
        students = self._students if hasattr(self, "_students") and self._students else [None] * len(starts)
        runs, learnt = [], []
        size = read_rows(self.batch_size) or BATCH
        for student, start, target in zip(students, starts, targets.T, strict=True):
            start = self._from_the_middle(X, target, weight) if start is None else start
            if student is None or student.loss != cost:
                rng, point = np.random.default_rng(seed), np.append(*start)
                student = StreamLearner(model, cost, strength, "auto", size, rng, point)
            student.ridge, student.size = strength, size
            blocks = Blocks(iter([(X, target, weight)]), model, cost, None)
            params, budget = model.start(X, start), Budget(most=ENDLESS)
            run, student = fit_stream(student, blocks, next(blocks), params, budget, None, self._shown)
            runs.append(run)
            learnt.append(student)
        self._students = learnt
        return runs

    def _from_the_middle(self, X: Any, target: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, float]:
        """Return a start that predicts the mean: the way there is the longest of all."""
        return np.zeros(X.shape[1]), 0.0 if self._classes else float(np.average(target, weights=weight))

    @property
    def _shown(self) -> bool:
        return bool(self.verbose)

    def _fit_one(self, X: Any, target: np.ndarray, weight: np.ndarray, start: Any, seed: int, **words: Any) -> Fit:
        cost, penalty = self._cost, penalty_of(self.penalty, self.alpha, self.l1_ratio)
        model: Any
        if self._joint:
            cost = losses.softmax
        if self._is_linear:
            model = models.Multinomial(len(self.classes_)) if self._joint else linear_model(cost)
        elif isinstance(self.model, str):
            model = machine(self.kernel, self.gamma, self.n_components, seed, self._classes, penalty is not None)
        else:
            model = Custom(self.model)
        return fit(
            model, X, target, start=start, loss=cost, penalty=penalty,
            sample_weight=weight, batch_size=self.batch_size, direction=self.direction, step=self.step, rng=seed,
            progress=self._shown, **words,
        )  # fmt: skip

    def _starts(self, X: Any, outputs: int, warm: bool) -> list[Any]:
        """Return where each output's fit starts: where its last one ended, or where it was asked to."""
        named = isinstance(self.model, str)
        if warm and named and not self._is_linear:
            raise ValueError(f"warm_start=True: kernel={self.kernel!r} learns its features anew in each fit")
        if not warm:
            if named and self.start is not None:
                raise ValueError("start= is for a model of your own: a linear one starts from 0, or by warm_start=True")
            return [self.start(X) if callable(self.start) else self.start] * outputs
        if not self._is_linear:
            starts: list[Any] = [run.params for run in self.runs_]
        else:
            coef, intercept = np.atleast_2d(self.coef_), np.ravel(self.intercept_)
            if coef.shape[1] != X.shape[1]:
                raise ValueError(f"warm_start=True: X has {X.shape[1]} columns, and had {coef.shape[1]} before")
            starts = list(zip(coef, intercept, strict=True))
            if self._joint and len(starts) == len(self.classes_):
                starts = [{"coef": coef, "intercept": intercept}]
        if len(starts) != outputs:
            raise ValueError(f"warm_start=True: y asks for {outputs} fits, and did for {len(starts)} before")
        return starts

    def _conclude(self, runs: list[Fit], epochs: int) -> None:
        """Keep what was found."""
        names = getattr(self, "feature_names_in_", None)
        for run in runs:
            if names is not None and self._is_linear and not self._joint:
                run.columns = list(names)
                run.trace.names = [*names, "intercept"]
        # Each of many would hold rows of its own.
        self.runs_ = runs if len(runs) == 1 else [at_rest(run) for run in runs]
        self.n_iter_ = epochs
        if self._is_linear:
            self.coef_ = np.vstack([run.params["coef"] for run in runs])
            self.intercept_ = np.hstack([run.params["intercept"] for run in runs])
        else:
            for name in ("coef_", "intercept_"):
                self.__dict__.pop(name, None)

    def _outputs(self, X: Any) -> np.ndarray:
        """Return z, a column an output."""
        check_is_fitted(self)
        X = checked(self, X, reset=False)
        if hasattr(self, "coef_"):
            return X @ np.atleast_2d(self.coef_).T + np.ravel(self.intercept_)
        return np.column_stack([output(run, X) for run in self.runs_])


def output(run: Fit, X: Any) -> np.ndarray:
    """Return z, the output of a fitted model, whatever its predictions are.

    Parameters
    ----------
    run : Fit
        The fit.
    X : array of shape (rows, columns)
        Rows.

    Returns
    -------
    array of shape (rows,) or (rows, classes)
        Outputs.
    """
    with double_precision(), np.errstate(all="ignore"):
        z = np.asarray(run.model(run.model.shaped(X, run.params), *run.params.values()))
        return z if z.ndim else np.full(X.shape[0], z)


def at_rest(run: Fit) -> Fit:
    """Return a fit as it is when loaded from disk: without its rows and compiled code, but with its model.

    Parameters
    ----------
    run : Fit
        The fit.

    Returns
    -------
    Fit
        What can be pickled of it, and takes little room.
    """
    return replace(run, objective=None, view=None, data=None, resumable=SavedFit({"why": STAYS}, {}))
