"""The base class of both estimators: parameters, fits of one or several outputs, and fitted attributes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from steepest import models
from steepest.arguments import our_words
from steepest.data.arrays import read_weight
from steepest.estimators.call import noted
from steepest.estimators.network_memory import Memory, can_go_on
from steepest.estimators.outputs import OutputFitter, output, without_rows
from steepest.estimators.parameters import (
    check_fraction,
    check_limits,
    check_model,
    kernel_machine,
    linear_model,
    network_of,
    read_bounds,
    read_loss,
    read_penalty,
    tree_of,
)
from steepest.estimators.rows import check_rows
from steepest.estimators.starts import Start, first_starts, mean_start, next_starts
from steepest.estimators.through_origin import check_symmetric
from steepest.estimators.words import errors_in_our_words, in_our_words
from steepest.fitting.linear.edges import positive_as
from steepest.fitting.network.result import NetworkFit
from steepest.fitting.result import Fit
from steepest.fitting.stream.adaptive import AUTO, Forget, Learner, read_forget
from steepest.models import losses
from steepest.models.penalties import L1, L2, ElasticNet
from steepest.printable import quoted
from steepest.trace import Outcome
from steepest.types import Bounds, Function, PyTree, Rows, RuleLike

# The values that random_state= takes.
RandomState = int | np.random.RandomState | None

# The epochs of a network in each further call of partial_fit. Chosen, not measured: more learn better, and take longer.
PART_EPOCHS = 20
# Losses whose gradients grow exponentially with the output: the automatic step size of a stream does not suit them.
STEEP = (losses.poisson, losses.gamma)


def has_partial_fit(estimator: DescentEstimator) -> bool:
    """Return True if an estimator has `partial_fit`; otherwise raise an error with the reason.

    Parameters
    ----------
    estimator : DescentEstimator
        The estimator. If its parameters are invalid, the answer is True, so that `partial_fit` itself reports them.

    Returns
    -------
    bool
        True.

    Raises
    ------
    AttributeError
        If the estimator needs all rows at once, or lacks a learning rate that it needs.
    """
    try:
        loss, penalty = estimator._loss, estimator._penalty
    except (TypeError, ValueError):
        return True
    if estimator._tree is not None:
        raise AttributeError("partial_fit can't fit a tree, which needs all rows at once: use fit")
    if estimator.kernel != "linear":
        raise AttributeError(
            f"partial_fit can't fit kernel={quoted(estimator.kernel)}: its features need all rows; use fit"
        )
    if estimator._is_bounded:
        raise AttributeError("partial_fit can't keep coefficients within bounds, which need all rows at once: use fit")
    if isinstance(penalty, str):
        raise AttributeError("partial_fit can't choose alpha='auto', which needs all rows: use fit, or give a number")
    if estimator._streams and (loss in STEEP or not isinstance(loss, losses.Loss)):
        name = repr(loss) if isinstance(loss, losses.Loss) else "a loss of your own"
        raise AttributeError(f"partial_fit needs a learning rate for {name}: give one, such as step=0.01")
    return True


class DescentEstimator(BaseEstimator):
    """A model fitted by gradient descent, with one fit for each output."""

    # The default loss of each named model, and whether the targets are classes.
    _default_losses: ClassVar[dict[str, str]]
    _for_classes: ClassVar[bool]
    # Whether a single fit outputs the scores of all classes.
    _joint: bool = False
    # The learners that partial_fit continues, one for each output; None after `fit` and after plain epochs.
    _learners: list[Learner] | None = None
    # The rows that partial_fit of a network remembers.
    _memory: Memory | None = None
    _default_alpha: float = 0.0

    runs_: list[Fit]
    coef_: np.ndarray
    intercept_: np.ndarray | float
    n_iter_: int

    @our_words
    def __init__(
        self,
        model: str | models.Network | models.Tree | Function = "linear",
        *,
        loss: str | Function | None = None,
        penalty: str | None = "l2",
        alpha: float | str | None = 0.0,
        l1_ratio: float | None = 0.15,
        kernel: str = "linear",
        gamma: float | None = None,
        n_components: int = 300,
        batch_size: int | None = None,
        step: RuleLike = "auto",
        direction: RuleLike = None,
        max_epochs: int | None = None,
        tol: float | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        start: Start = None,
        warm_start: bool = False,
        random_state: RandomState = None,
        verbose: int = 0,
        fit_intercept: bool = True,
        positive: bool = False,
        bounds: Bounds | None = None,
        forget: Forget = "auto",
    ) -> None:
        self.model = model
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.kernel = kernel
        self.gamma = gamma
        self.n_components = n_components
        self.batch_size = batch_size
        self.step = step
        self.direction = direction
        self.max_epochs = max_epochs
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.start = start
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.fit_intercept = fit_intercept
        self.positive = positive
        self.bounds = bounds
        self.forget = forget

    @property
    def _loss(self) -> Function:
        check_model(self.model, self._default_losses, self.kernel)
        return read_loss(self.loss, self.model, self._default_losses, self._for_classes)

    @property
    def _penalty(self) -> L1 | L2 | ElasticNet | str | None:
        return read_penalty(self.penalty, self.alpha, self.l1_ratio, self._default_alpha, self._is_linear)

    @property
    def _is_linear(self) -> bool:
        """Whether the model is linear in the columns, with a coefficient for each."""
        return isinstance(self.model, str) and self.model not in ("network", "tree") and self.kernel == "linear"

    @property
    def _is_bounded(self) -> bool:
        """Whether parameters have bounds."""
        return bool(self.positive) or self.bounds is not None

    @property
    def _network(self) -> models.Network | None:
        """The network, if the model is one."""
        return network_of(self.model)

    @property
    def _tree(self) -> models.Tree | None:
        """The tree, if the model is one."""
        return tree_of(self.model)

    @property
    def _streams(self) -> bool:
        """Whether partial_fit learns as from a stream. With a user's rule or function it makes plain epochs instead."""
        return self._is_linear and self.direction is None and isinstance(self.step, str) and self.step == "auto"

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = isinstance(self.model, (str, models.Network, models.Tree))
        tags.input_tags.allow_nan = self._tree is not None
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "runs_")

    def __getstate__(self) -> dict[str, Any]:
        # Leave out compiled code, which can't be pickled, and rows, which would make the file large.
        state = dict(super().__getstate__())
        if "runs_" in state:
            state["runs_"] = [without_rows(run) for run in state["runs_"]]
        return state

    @property
    def run_(self) -> Fit:
        """The fit, with its outcome and trace; of several fits, the first without success, else the first."""
        if not hasattr(self, "runs_"):
            raise AttributeError(f"run_ exists only after fit, and this {type(self).__name__} is not fitted yet")
        return next((run for run in self.runs_ if not run.success), self.runs_[0])

    @np.errstate(all="ignore")
    def _fit_outputs(self, X: Rows, targets: np.ndarray, weight: np.ndarray, strata: np.ndarray | None) -> None:
        """Fit each output over all epochs; with early stopping, hold out the same share of each class in `strata`."""
        check_limits(self.max_epochs, self.tol)
        starts = self._starts(X, targets.shape[1], warm=self.warm_start and hasattr(self, "runs_"))
        random = check_random_state(self.random_state)
        validation: list[tuple[Rows, np.ndarray, np.ndarray] | None] = [None] * targets.shape[1]
        if self.early_stopping:
            check_fraction("validation_fraction", self.validation_fraction)
            train, held_out = train_test_split(
                np.arange(len(targets)), test_size=self.validation_fraction, random_state=random, stratify=strata
            )
            validation = [(X[held_out], target[held_out], weight[held_out]) for target in targets.T]
            X, targets, weight = X[train], targets[train], weight[train]
        fitter = self._fitter(random)
        with errors_in_our_words(), positive_as("positive=True") if self.positive else nullcontext():
            runs = [
                fitter.fit(X, target, weight, start, self.max_epochs, self.tol, held)
                for target, start, held in zip(targets.T, starts, validation, strict=True)
            ]
        self._learners = self._memory = None
        self._store(noted(self, runs, weight), max(int(run.trace.epoch[-1]) for run in runs))
        warn_of_failures(runs)
        warn_of_penalty(runs, self.alpha)

    @np.errstate(all="ignore")
    def _learn_outputs(self, X: Rows, targets: np.ndarray, weight: np.ndarray) -> None:
        """Go through the rows once for each output, starting from the parameters of the last call."""
        if not self.fit_intercept and self._streams:
            raise ValueError("fit_intercept=False needs all rows at once: use fit, or give partial_fit a step=")
        if self.early_stopping:
            raise ValueError("early_stopping=True needs all rows at once: use fit, or leave it out for partial_fit")
        check_limits(self.max_epochs, self.tol)
        if not (self._streams or read_forget(self.forget) in (None, AUTO)):
            raise ValueError(
                f"forget={quoted(self.forget)} is for linear models without a step or a direction: leave it out"
            )
        if self._network is not None:
            self._learn_network(X, targets, weight)
            return
        fitted = hasattr(self, "runs_")
        starts = self._starts(X, targets.shape[1], warm=fitted)
        fitter = self._fitter(check_random_state(self.random_state))
        if self._streams:
            learners: Sequence[Learner | None] = self._learners or [None] * len(starts)
            with errors_in_our_words():
                results = [
                    fitter.fit_block(
                        X, y, weight, start or mean_start(y, weight, self._for_classes, X.shape[1]), learner
                    )
                    for y, start, learner in zip(targets.T, starts, learners, strict=True)
                ]
            runs, self._learners = [run for run, _ in results], [learner for _, learner in results]
        else:
            self._learners = None
            with errors_in_our_words():
                runs = [fitter.fit(X, y, weight, start, epochs=1) for y, start in zip(targets.T, starts, strict=True)]
        for run in runs:
            # No call of `fit` does the same.
            run.call = None
        self._store(runs, self.n_iter_ + 1 if fitted else 1)
        # A call is meant to make one epoch, so reaching the limit of iterations is no failure.
        warn_of_failures(runs, ignored=Outcome.ITERATION_LIMIT)

    def _learn_network(self, X: Rows, targets: np.ndarray, weight: np.ndarray) -> None:
        """Learn from a part of the rows and from those remembered; begin anew if the rows have moved."""
        random = check_random_state(self.random_state)
        if self._memory is None:
            memory = Memory(X, targets, weight, len(targets))
        else:
            memory = self._memory.with_part(X, targets, weight, random)
        fitter, runs = self._fitter(random), []
        for k, target in enumerate(memory.targets.T):
            before = self.runs_[k] if self._memory is not None else None
            start = before if isinstance(before, NetworkFit) and can_go_on(before, memory, k) else None
            epochs = PART_EPOCHS if start is not None and self.max_epochs is None else self.max_epochs
            with errors_in_our_words():
                runs.append(fitter.fit(memory.X, target, memory.weight, start, epochs, classes=self._known))
            runs[-1].call = None
        done = max(int(run.trace.epoch[-1]) for run in runs)
        self._store(runs, done + (self.n_iter_ if hasattr(self, "n_iter_") else 0))
        self._memory = memory
        warn_of_failures(runs)

    @property
    def _known(self) -> int | None:
        """The number of classes that partial_fit was told; None for numbers."""
        return len(self.classes_) if self._for_classes else None

    def _fitter(self, random: np.random.RandomState) -> OutputFitter:
        """Return the fitter of the outputs, with the parameters of this estimator."""
        seed = random.randint(2**31 - 1)
        loss, penalty = self._loss, self._penalty
        model: models.Linear | models.Custom | models.Network | models.Tree
        if self._joint:
            loss = losses.softmax
        if not isinstance(self.fit_intercept, (bool, np.bool_)):
            raise ValueError(f"fit_intercept={quoted(self.fit_intercept)}: give True or False")
        own = self._network or self._tree
        is_function = not (self._is_linear or isinstance(self.model, str) or own is not None)
        names = getattr(self, "feature_names_in_", None)
        bounds = read_bounds(
            self.positive, self.bounds, names, self._is_linear, is_function, bool(self.fit_intercept)
        )  # fmt: skip
        if not self.fit_intercept and own is None and not (self._is_linear and self._is_bounded):
            check_symmetric(loss, self._is_linear)
        if isinstance(penalty, str) and not self.fit_intercept:
            raise ValueError("alpha='auto' compares fits with an intercept, and fit_intercept=False: give a number")
        if own is not None:
            if isinstance(penalty, str):
                raise ValueError(f"alpha={quoted(penalty)} is for linear models: give a number, or leave alpha= out")
            model, penalty = own, None if self.alpha is None else penalty
            self._check_own()
        elif self._is_linear:
            model = models.Multinomial(len(self.classes_)) if self._joint else linear_model(loss)
        elif isinstance(self.model, str):
            features = self.kernel, self.gamma, self.n_components, seed
            model = kernel_machine(*features, self._for_classes, penalized=penalty is not None)
        else:
            model = models.Custom(self.model)
        return OutputFitter(
            model, loss, penalty, self.batch_size, self.direction, self.step, seed,
            progress=bool(self.verbose), intercept=bool(self.fit_intercept), bounds=bounds,
            forget=read_forget(self.forget),
        )  # fmt: skip

    def _check_own(self) -> None:
        """Refuse parameters that a network or a tree does not take."""
        what = "a network" if self._network is not None else "a tree"
        if not self.fit_intercept:
            raise ValueError(f"fit_intercept=False is not for {what}: leave it out")
        if self.warm_start and self._tree is not None:
            raise ValueError("warm_start=True is not for a tree, which begins at random: go on with run_.more()")
        if self.early_stopping and self.warm_start:
            raise ValueError("early_stopping=True and warm_start=True do not go together for a network: choose one")

    def _starts(self, X: Rows, outputs: int, warm: bool) -> list[PyTree]:
        """Return the start of each output's fit: the parameters of its last fit if `warm`, else `start`."""
        if not warm:
            return first_starts(self.start, self.model, X, outputs)
        if self._network is not None:
            if len(self.runs_) != outputs:
                raise ValueError(f"y needs {outputs} fits, and the last call made {len(self.runs_)}: begin anew")
            return list(self.runs_)
        if isinstance(self.model, str) and not self._is_linear:
            raise ValueError(
                f"warm_start=True is not for kernel={quoted(self.kernel)}, whose features each fit draws anew: "
                "leave it out"
            )
        if not self._is_linear:
            return next_starts(self.runs_, None, X.shape[1], outputs, joint=False)
        coef, intercept = np.atleast_2d(self.coef_), np.ravel(self.intercept_)
        joint = self._joint and len(coef) == len(self.classes_)
        return next_starts(self.runs_, (coef, intercept), X.shape[1], outputs, joint)

    def _store(self, runs: list[Fit], epochs: int) -> None:
        """Set the fitted attributes."""
        names = getattr(self, "feature_names_in_", None)
        if names is not None and self._is_linear and not self._joint:
            for run in runs:
                run.columns = list(names)
                run.trace.names = [*names, "intercept"]
        # If there are several fits, drop their rows, because each fit would hold a copy.
        self.runs_ = runs if len(runs) == 1 or self._network is not None else [without_rows(run) for run in runs]
        self.n_iter_ = epochs
        if self._is_linear:
            self.coef_ = np.vstack([run.params["coef"] for run in runs])
            self.intercept_ = np.hstack([run.params["intercept"] for run in runs])
        else:
            self.__dict__.pop("coef_", None)
            self.__dict__.pop("intercept_", None)

    @np.errstate(all="ignore")
    def _outputs(self, X: Rows) -> np.ndarray:
        """Return the outputs z of the fits, one column for each."""
        check_is_fitted(self)
        X = check_rows(self, X)
        if hasattr(self, "coef_"):
            return X @ np.atleast_2d(self.coef_).T + np.ravel(self.intercept_)
        return np.column_stack([output(run, X) for run in self.runs_])


def weighted_rows(X: Rows, y: np.ndarray, weight: ArrayLike | None) -> tuple[Rows, np.ndarray, np.ndarray]:
    """Return the rows of positive weight with their targets and weights.

    Parameters
    ----------
    X : array or sparse array of shape (rows, columns)
        All rows.
    y : array
        The targets of the rows.
    weight : array of shape (rows,) or None
        The weights of the rows; None for equal weights.

    Returns
    -------
    array or sparse array, array, array
        The rows of positive weight, their targets and their weights.
    """
    weight = read_weight(weight, X.shape[0])
    counted = weight > 0
    return (X, y, weight) if counted.all() else (X[counted], y[counted], weight[counted])


def warn_of_failures(runs: Sequence[Fit], ignored: Outcome | None = None) -> None:
    """Warn of each fit without success, at the line that called `fit` or `partial_fit`.

    Parameters
    ----------
    runs : sequence of Fit
        The fits.
    ignored : Outcome, optional
        An outcome that is no reason to warn.
    """
    for run in runs:
        if not run.success and run.outcome is not ignored:
            # Level 4 is the user's line. Level 1 is this function, 2 _fit_outputs or _learn_outputs, and 3 fit or
            # partial_fit.
            warnings.warn(in_our_words(run.message), ConvergenceWarning, stacklevel=4)


def warn_of_penalty(runs: Sequence[Fit], alpha: float | str | None) -> None:
    """Warn of a strength in the units of the columns that outweighs the rows, at the line that called `fit`.

    Parameters
    ----------
    runs : sequence of Fit
        The fits.
    alpha : float, "auto" or None
        The strength.
    """
    details = [event.detail for run in runs for event in run.trace.events if event.kind == "penalty"]
    if details:
        remedy = "alpha=None and alpha='auto' are measured on standardised columns"
        # Level 4 is the user's line, as for failures.
        warnings.warn(f"alpha={alpha}: {details[0]}; {remedy}", UserWarning, stacklevel=4)
