"""The result of a fit: a run whose point is the parameters of a model, in the user's units."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, TypedDict, overload, runtime_checkable

import jax
import numpy as np

from steepest.arguments import check_callback, our_words
from steepest.data.arrays import read_features
from steepest.derivatives.native.model import Native
from steepest.derivatives.precision import double_precision
from steepest.derivatives.structure import Structure
from steepest.descent.run import Run, gap_in_words, limits_in_words
from steepest.fitting.basis import Basis
from steepest.fitting.resampling.bootstrap import Bootstrap
from steepest.fitting.strength.record import StrengthPath
from steepest.fitting.uncertainty.answer import Ends, Uncertainty
from steepest.fitting.uncertainty.bands import PredictedInterval, check_interval, predicted_interval
from steepest.fitting.uncertainty.compute import uncertainty_of
from steepest.fitting.uncertainty.goodness import Goodness, goodness_of
from steepest.fitting.uncertainty.request import Request, read_level
from steepest.fitting.uncertainty.saved import MOST_NUMBERS, MOST_PARAMETERS, from_records, to_records
from steepest.fitting.uncertainty.summary import Summary, significance
from steepest.fitting.uncertainty.wording import aligned, chance, grouped, ratio, stated
from steepest.models import Custom, Linear, Network, Tree
from steepest.printable import MOST_LETTERS, printable, quoted
from steepest.saving.models import model_from_json, model_to_json
from steepest.types import Array, Callback, Json, PyTree, Rows, Seed

# The most parameters that are printed: about two screens.
MOST_SHOWN = 100
# The most work for errors that a print does unasked: rows times parameters squared, measured
# as about 0.15 s.
MOST_PRINTED_WORK = 2 * 10**7
# The most reasons that are printed.
MOST_REASONS = 3


class Limits(TypedDict, total=False):
    """The budget of `Fit.more`: how long a fit continues."""

    epochs: int | None
    tolerance: float | None
    seconds: float | None


# The types that validation= accepts: a fraction of the rows, (X, y) or (X, y, weight).
Validation = float | Sequence[Array] | None
# X, y, the weights and the validation rows as a user gives them to `Fit.more`; None for those left out.
GivenRows = tuple[Rows, Array, Array, Validation]


class Resumable(Protocol):
    """The state that a fit continues from: its set-up in memory, or the part of it that a folder holds."""

    @np.errstate(all="ignore")
    def more(self, fit: Fit, rows: GivenRows, how: Limits, callback: Callback | None, progress: bool | None) -> Fit:
        """Return the fit after more epochs on these rows."""

    def saved(self) -> tuple[dict[str, Json], dict[str, np.ndarray]]:
        """Return the state as JSON and arrays, to be written to a folder."""

    def basis(self) -> Basis | None:
        """Return the loss, the penalty and the rows; None if the rows are not in memory."""


@runtime_checkable
class Profiled(Protocol):
    """The state of a fit that can be fitted again with a parameter held."""

    def profile(self, uncertainty: Uncertainty, level: float) -> Ends:
        """Return the profile intervals."""


class Batches(Protocol):
    """The gradients of a fit on batches of its rows."""

    @property
    def count(self) -> int:
        """The number of rows."""

    def __call__(self, point: PyTree, rows: Array) -> np.ndarray:
        """Return the gradient on each batch, a row of numbers for each."""


@dataclass(eq=False)
class Fit(Run):
    """A model fitted to data.

    Attributes
    ----------
    model : model
        The fitted model; None if it was a function and the fit was loaded from disk.
    columns : list of str or None
        The names of the columns of X, if it had any.
    data : (X, y) or None
        The rows that were fitted; None if the fit was loaded from disk.
    solver : str
        The solver, and the problems that it serves.
    state : tree or None
        The state of the model at `params`, such as the means of a batch norm; None for models without one.
    resumable : Resumable or None
        The state that `more` continues from; None if the rows came as a stream.
    row_gradients : Batches or None
        The gradients on batches; None if the fit was loaded, or its model is a network or a tree of the library.
    path : StrengthPath or None
        How the strength of the penalty was chosen, with ``penalty="auto"``; None if it was given.

    Notes
    -----
    A fit has all attributes of a run: `outcome`, `message`, `trace` and the rest; `x` is `params`.
    """

    model: Linear | Custom | Network | Tree | None = None
    columns: list[str] | None = None
    data: tuple[Rows, Array] | None = field(default=None, repr=False)
    solver: str = ""
    state: PyTree = field(default=None, repr=False)
    resumable: Resumable | None = field(default=None, repr=False)
    row_gradients: Batches | None = field(default=None, repr=False)
    path: StrengthPath | None = field(default=None, repr=False)
    _uncertain: dict[Request, Uncertainty] = field(default_factory=dict, init=False, repr=False)

    @property
    def params(self) -> PyTree:
        """The parameters by name, in the user's units; those of a model written for JAX are a tree like its start."""
        return self.x

    @property
    def basis(self) -> Basis | None:
        """The loss, the penalty and the rows, with those that the model learnt from; None if these are not at hand."""
        return None if self.resumable is None else self.resumable.basis()

    @overload
    def predict(self, X: Rows, *, interval: None = None, level: float | None = None) -> np.ndarray: ...
    @overload
    def predict(
        self, X: Rows, *, interval: Literal["confidence", "prediction"], level: float | None = None
    ) -> PredictedInterval: ...
    @np.errstate(all="ignore")
    def predict(
        self, X: Rows, *, interval: str | None = None, level: float | None = None
    ) -> np.ndarray | PredictedInterval:
        """Return the predictions of the model, with intervals if you ask for them.

        The interval of a curve at x has the standard error √(g' C g), with the gradient g of the prediction by the
        parameters and their covariance C: exact for linear models, the delta method for others. For log loss, Poisson
        and Gamma it is made for the output X w + b, and mapped like the prediction. A new row has the standard error
        √(g' C g + s²).

        Parameters
        ----------
        X : array or DataFrame of shape (rows, columns)
            Rows like those of the fit; the columns of a DataFrame are found by name.
        interval : {"confidence", "prediction"}, optional
            The interval of the curve at each row, or of the target of a new row, which is known for the squared loss.
        level : float, optional
            How often such an interval holds what it is for; 0.95 by default.

        Returns
        -------
        array of shape (rows,), or PredictedInterval
            Predictions: in the units of y, or probabilities of class 1 from a logistic model. With ``interval=`` an
            object with the arrays `prediction`, `low` and `high`, which unpacks into these three.

        Raises
        ------
        ValueError
            If the columns are not those of the fit, or if no such interval follows from the fit, with the reason.
        RuntimeError
            If the model was a function and the fit was loaded from disk.

        Examples
        --------
        >>> import numpy as np, steepest as st
        >>> x = np.array([0.0, 1.0, 2.0, 3.0])
        >>> fit = st.fit(lambda x, m, b: m * x + b, x, np.array([1.0, 3.1, 4.9, 7.0]))
        >>> fit.predict(np.array([10.0])).round(2)
        array([20.83])
        >>> prediction, low, high = fit.predict(np.array([10.0]), interval="confidence")
        >>> low.round(2), high.round(2)
        (array([19.26]), array([22.4]))
        """
        if interval is not None:
            check_interval(interval)
            uncertainty = self.uncertainty(level=0.95 if level is None else level)
            prediction, array = self._predicted(X)
            return predicted_interval(self, uncertainty, array, prediction, interval)
        if level is not None:
            raise ValueError(f'level={quoted(level)} is for intervals: give interval="confidence" or "prediction", too')
        return self._predicted(X)[0]

    def _predicted(self, X: Rows) -> tuple[np.ndarray, Rows]:
        """Return the predictions, and the rows as the model takes them."""
        if self.model is None:
            raise RuntimeError(
                "function not at hand: this fit was loaded from disk, and functions are not saved with fits; "
                "call your function with fit.params"
            )
        array, _ = read_features(self.in_order(X), gaps=isinstance(self.model, Tree))
        array = self.model.shaped(array, self.params)
        if isinstance(self.model, Custom) and self.model.is_native:
            native, x = Native.of(self.model.function, self.params, self.state)
            return native.predicted(x, array), array
        with double_precision(), np.errstate(all="ignore"):
            z = np.asarray(self.model(array, *self.params.values()))
            # A function of the parameters alone returns one number, the prediction for every row.
            return np.asarray(self.model.response(z if z.ndim else np.full(array.shape[0], z))), array

    def uncertainty(
        self,
        robust: bool | str = False,
        weights: str = "frequency",
        level: float = 0.95,
        absolute_sigma: bool = False,
    ) -> Uncertainty:
        """Return how far the parameters may be from the truth: covariance, standard errors and intervals.

        Computed at the first call, from the rows of the fit. A squared loss has the covariance s² (JᵀJ)⁻¹, with the
        derivatives J of the predictions and s² = Σ w r² / (n - p). A log likelihood has its inverse Fisher
        information, for Gamma targets times Pearson's χ² / (n - p). Under an L2 penalty the errors are those of the
        penalised estimate around its own mean, A⁻¹ F A⁻¹ with the information F and the curvature A of loss and
        penalty; the bias that the penalty adds is not in them. Smooth losses that are no likelihood, such as Huber's,
        have sandwiches.

        Parameters
        ----------
        robust : bool or {"HC0", "HC1", "HC2", "HC3"}
            Whether the variance may differ from row to row: the sandwich, by default HC1.
        weights : {"frequency", "precision"}
            What `sample_weight` means: how many rows a row stands for, so that n is their sum; or 1/σ², up to a factor.
        level : float
            The level of the intervals.
        absolute_sigma : bool
            Whether weights of "precision" are exactly 1/σ², so that no variance is estimated, as in SciPy.

        Returns
        -------
        Uncertainty
            The errors, or the reason why there are none (`why`).

        Raises
        ------
        ValueError
            If an option is not known, or two of them contradict each other.

        Examples
        --------
        >>> import numpy as np, steepest as st
        >>> x = np.array([0.0, 1.0, 2.0, 3.0])
        >>> fit = st.fit(lambda x, m, b: m * x + b, x, np.array([1.0, 3.1, 4.9, 7.0]))
        >>> fit.uncertainty(robust="HC3").flat_errors.round(4)
        array([0.0462, 0.0901])
        """
        request, level = Request.read(robust, weights, absolute_sigma), read_level(level)
        if request not in self._uncertain:
            self._uncertain[request] = uncertainty_of(self, request, level)
        return replace(self._uncertain[request], level=level, source=_Source(self))

    def summary(self, level: float = 0.95, method: str = "wald") -> Summary:
        """Return a table of the parameters with errors, tests and intervals, and how well the fit agrees with its rows.

        Parameters
        ----------
        level : float
            The level of the intervals.
        method : {"wald", "profile"}
            How they are made; see `confidence_intervals`.

        Returns
        -------
        Summary
            The table: print it, or take its `to_frame`, a DataFrame of pandas. Other errors have a summary, too, as in
            ``fit.uncertainty(robust=True).summary()``.

        Raises
        ------
        ValueError
            If the level or the method makes no sense.

        Examples
        --------
        >>> import numpy as np, steepest as st
        >>> x = np.array([0.0, 1.0, 2.0, 3.0])
        >>> fit = st.fit(lambda x, m, b: m * x + b, x, np.array([1.0, 3.1, 4.9, 7.0]))
        >>> fit.summary().values["s"].__round__(4)
        0.0949
        """
        return self.uncertainty(level=level).summary(method)

    @property
    def covariance(self) -> np.ndarray:
        """The covariance of the parameters, in the order of the trace; see `uncertainty`."""
        return self._certain().covariance

    @property
    def standard_errors(self) -> PyTree:
        """The standard errors of the parameters, laid out like them; see `uncertainty`."""
        return self._certain().standard_errors

    @property
    def correlation(self) -> np.ndarray:
        """The correlations of the parameters, in the order of the trace; see `uncertainty`."""
        return self._certain().correlation

    def confidence_intervals(self, level: float = 0.95, method: str = "wald") -> PyTree:
        """Return an interval for each parameter, laid out like the parameters with a last axis (low, high).

        Parameters
        ----------
        level : float
            The share of such intervals that hold the true parameter.
        method : {"wald", "profile"}
            "wald" is the estimate ± a quantile times the standard error: of Student's t for a squared loss, else of the
            normal distribution. "profile" moves the parameter and fits all others again, until the loss is higher
            than chance allows: the squared loss by s² t², minus twice the log likelihood by the quantile of χ². Where
            the model is not linear, profiles hold the truth more nearly as often as they say.

        Returns
        -------
        dict or tree
            The intervals. A warning names the ends that do not exist, which are infinite, with the reason.

        Raises
        ------
        ValueError
            If the level or the method makes no sense, or the fit has no profiles.
        RuntimeError
            If a refit is better than the fit, which is then at another minimum, or not finished.

        Notes
        -----
        Profiles of curves: Bates and Watts, "Nonlinear Regression Analysis and Its Applications" (1988), chapter 6.

        Examples
        --------
        >>> import numpy as np, steepest as st
        >>> x = np.array([0.0, 1.0, 2.0, 3.0])
        >>> fit = st.fit(lambda x, m, b: m * x + b, x, np.array([1.0, 3.1, 4.9, 7.0]))
        >>> fit.confidence_intervals(0.9)["m"].round(2)
        array([1.86, 2.1 ])
        """
        return self._certain().confidence_intervals(level, method)

    def _certain(self) -> Uncertainty:
        """Return the uncertainty; warn if it has no errors, because an array of NaN says nothing."""
        found = self.uncertainty()
        if found.why:
            warnings.warn(f"no standard errors: {found.why}", RuntimeWarning, stacklevel=3)
        return found

    @property
    def rows_learnt(self) -> int:
        """The number of rows that the parameters are learnt from, without those held out for validation."""
        return self._batches().count

    @np.errstate(all="ignore")
    def batch_gradients(self, params: PyTree, rows: Array) -> np.ndarray:
        """Return the gradient of the loss on batches of rows, with the penalty, as descent in batches takes it.

        The mean over all batches of one size is the gradient over all rows, `gradient_at`: the sum of the weighted
        losses of a batch is divided by the mean weight of as many rows.

        Parameters
        ----------
        params : dict or array
            The parameters at which to differentiate, in your units, by name or flat in the order of the trace.
        rows : array of int of shape (batches, size)
            The numbers of the rows in each batch, from 0 to `rows_learnt` - 1. Rows held out for validation are not
            counted.

        Returns
        -------
        array of shape (batches, parameters)
            A gradient for each batch, in your units, in the order of the trace.

        Raises
        ------
        ValueError
            If there are no such rows, or the model can't be traced.
        RuntimeError
            If the fit was loaded, its rows were a stream, or its model is a network or a tree of the library.

        Examples
        --------
        >>> import numpy as np, steepest as st
        >>> x = np.array([0.0, 1.0, 2.0])
        >>> fit = st.fit(lambda x, m, b: m * x + b, x, 3 * x + 1)
        >>> fit.batch_gradients({"m": 3.0, "b": 2.0}, [[0], [1], [2]])
        array([[0., 2.],
               [2., 2.],
               [4., 2.]])
        >>> fit.gradient_at({"m": 3.0, "b": 2.0})
        array([2., 2.])
        """
        batches, numbers = self._batches(), np.asarray(rows)
        if numbers.ndim != 2 or not numbers.size or numbers.dtype.kind not in "iu":
            raise ValueError(f"rows={quoted(rows)}: give the numbers of rows, one list of them for each batch")
        if numbers.min() < 0 or numbers.max() >= batches.count:
            low, high = numbers.min(), numbers.max()
            raise ValueError(
                f"rows go from {low} to {high}, and the fit has learnt from {batches.count:,}: give 0 to "
                f"{batches.count - 1:,}"
            )
        return batches(params, numbers)

    def _batches(self) -> Batches:
        if self.row_gradients is not None:
            return self.row_gradients
        if isinstance(self.model, (Network, Tree)):
            kind = type(self.model).__name__
            raise RuntimeError(
                f"gradients of batches are not at hand for models.{kind}: its members or candidates learn from batches "
                "of their own; a linear model, or a function of your own, has them"
            )
        raise RuntimeError(
            "the rows of this fit are not at hand, as it was loaded, read a stream or is several fits in one: "
            "fit the rows again"
        )

    def in_order(self, X: Rows) -> Rows:
        """Return rows with the columns of the fit, in their order, if X is a DataFrame.

        Parameters
        ----------
        X : array or DataFrame
            The rows.

        Returns
        -------
        array or DataFrame
            The rows.

        Raises
        ------
        ValueError
            If a column is missing.
        """
        if not (self.columns and hasattr(X, "columns")):
            return X
        # Names may be numbers, as pandas gives them by default.
        known = {str(name): name for name in X.columns}
        missing = [name for name in self.columns if name not in known]
        if missing:
            raise ValueError(f"X lacks the column {quoted(missing[0])}, which the model was fitted to")
        return X[[known[name] for name in self.columns]]

    @our_words
    def more(
        self,
        X: Rows = None,
        y: Array = None,
        *,
        sample_weight: Array = None,
        validation: Validation = None,
        epochs: int | None = None,
        tolerance: float | None = None,
        seconds: float | None = None,
        callback: Callback | None = None,
        progress: bool | None = None,
    ) -> Fit:
        """Continue from where this fit stopped, as if it had not stopped.

        3 epochs and then 3 more are 6 epochs, bit for bit: the memory of the rules, the order of the batches and
        the step size are kept, in memory and on disk. A fit that has converged, or that was stopped by its validation
        loss, stays as it is, unless you give a smaller tolerance.

        Parameters
        ----------
        X, y : array or DataFrame, array
            The rows of the fit. Give them again if the fit was loaded, as they are not saved with it.
        sample_weight, validation : optional
            As they were given to `fit`, if the fit was loaded; a fraction for validation is saved with the fit.
        epochs : int, optional
            At most this many more epochs; exactly this many with a fixed step and no tolerance. No limit by default.
        tolerance : float, optional
            A tolerance in place of that of the fit.
        seconds : float, optional
            At most this much more time.
        callback, progress : optional
            As for `fit`.

        Returns
        -------
        Fit
            A new fit, whose trace continues the trace of this fit.

        Raises
        ------
        ValueError
            If the rows are not those of the fit.
        RuntimeError
            If the rows must be given again, or the fit was loaded and its model was a function.

        Examples
        --------
        >>> import numpy as np, steepest as st
        >>> x = np.arange(5.0)
        >>> fit = st.fit(lambda x, m, b: m * x + b, x, 3 * x + 1, step=0.01, epochs=3)
        >>> fit.more(epochs=3).trace.epoch
        array([0, 1, 2, 3, 4, 5, 6])
        """
        check_callback(callback)
        if self.resumable is None:
            raise RuntimeError(
                "this fit can't continue, because the rows of a stream are read only once: "
                "begin a new fit with start=fit.params"
            )
        how: Limits = {"tolerance": tolerance, "seconds": seconds, "epochs": epochs}
        fitted = self.resumable.more(self, (X, y, sample_weight, validation), how, callback, progress)
        fitted.path, fitted.call = self.path, self.call
        return fitted

    @our_words
    def bootstrap(
        self, resamples: int = 1000, kind: str = "rows", *, rng: Seed = None, progress: bool | None = None
    ) -> Bootstrap:
        """Refit the model to resampled data, to see how much its parameters would vary if the data were drawn again.

        The refits of functions with the squared loss, and those of linear models with a smooth loss, are made many at
        a time. All others are made one by one.

        Parameters
        ----------
        resamples : int
            The number of refits.
        kind : {"rows", "residuals"}
            "rows" draws as many rows as there are, with replacement, with their weights; the rows must be independent
            draws. A weight does not count rows: give a row that stands for several as several rows. "residuals" keeps
            the rows, and adds to each prediction a residual that is drawn from all; it is for the squared loss, and
            takes the noise of all rows for equal. Residuals are smaller than the errors, because the fit bends to its
            rows. So those of a linear model are divided by √(1 - h), with the leverage h of the row, and those of a
            curve multiplied by √(n / (n - p)), for n rows and p parameters; then their mean is subtracted.
        rng : int, numpy.random.Generator or None
            The seed or generator that draws; the same seed gives the same refits.
        progress : bool, optional
            Whether to show progress; by default on a terminal or in a notebook, after 2 seconds.

        Returns
        -------
        Bootstrap
            The refits, with standard errors and intervals, and with the number of refits that failed.

        Raises
        ------
        ValueError
            If the fit has not converged or had validation rows, if its rows do not determine its parameters or are no
            more than these, or if residuals can't be drawn for it.
        RuntimeError
            If the rows are not at hand, or the model is a network or a tree of the library.

        Examples
        --------
        >>> import numpy as np, steepest as st
        >>> x = np.linspace(0, 9, 30)
        >>> fit = st.fit(st.models.Linear(), x, 2 * x + np.sin(9 * x))
        >>> boot = fit.bootstrap(200, rng=0)
        >>> low, high = boot.confidence_intervals()["coef"][0]
        >>> bool(low < 2 < high), boot.failed
        (True, {})
        """
        if self.resumable is None:
            raise RuntimeError(
                "bootstrap needs the rows, and those of a stream are read only once: give X and y as arrays"
            )
        make = getattr(self.resumable, "bootstrap", None)
        if make is not None:
            found: Bootstrap = make(self, resamples, kind, rng, progress)
            return found
        if isinstance(self.model, (Network, Tree)):
            kind = type(self.model).__name__
            raise RuntimeError(f"bootstrap is for functions and linear models, and not for models.{kind}")
        raise RuntimeError(
            "bootstrap needs the rows, which are not at hand: this fit was loaded, or is several fits in one; fit again"
        )

    def __str__(self) -> str:
        return described_fit(self, self._named)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """The names of all parameters, flat; the trace of a model with many has projections in their place."""
        size = sum(np.size(leaf) for leaf in _leaves(self.params))
        for names in (self.trace.names, self.view.names if self.view else ()):
            if len(names) == size:
                return tuple(names)
        return Structure.of(self.params)[0].names

    @property
    def _named(self) -> Mapping[str, float]:
        flat = np.concatenate([np.ravel(value) for value in _leaves(self.params)])
        return dict(list(zip(self.parameter_names, flat, strict=True))[:MOST_SHOWN])

    def _saved(self) -> tuple[dict[str, Json], dict[str, np.ndarray]]:
        record, arrays = super()._saved()
        state, state_arrays = self.resumable.saved() if self.resumable else (None, {})
        self._compute_to_save()
        records, errors = to_records(self._uncertain)
        found: dict[str, Json] = {"uncertainty": records} if records else {}
        if self.path is not None:
            found["path"] = self.path.to_json()
        return record | {"onward": state} | found, arrays | state_arrays | model_to_json(self.model)[1] | errors

    def _compute_to_save(self) -> None:
        """Compute the default uncertainty if that is quick, so that a loaded fit has it without its rows."""
        basis = self.basis if isinstance(self.model, (Linear, Custom)) else None
        if basis is None or self._uncertain or not (isinstance(self.model, Linear) or basis.slopes):
            return
        size = sum(np.size(leaf) for leaf in _leaves(self.params))
        if size <= MOST_PARAMETERS and size * len(basis.y) <= MOST_NUMBERS:
            # The fit is done, and the user's function may raise anything in another call.
            with contextlib.suppress(Exception):
                self.uncertainty()

    def _header(self) -> dict[str, Json]:
        return super()._header() | {
            "result": "fit",
            "model": model_to_json(self.model)[0],
            "columns": self.columns,
            "solver": self.solver,
        }

    @classmethod
    def _revive(cls, record: dict[str, Json], arrays: dict[str, np.ndarray]) -> Fit:
        model = model_from_json(record.pop("model"), arrays)
        errors, path = record.pop("uncertainty", []), record.pop("path", None)
        fit = super()._revive(record | {"model": model, "resumable": None}, arrays)
        fit.path = None if path is None else StrengthPath.from_json(path)
        fit._uncertain |= from_records(errors, arrays, fit.params, fit.trace.names)
        if isinstance(model, Linear) and set(fit.params) != {"coef", "intercept"}:
            raise ValueError("a linear model has the parameters coef and intercept, and this one has others")
        return fit


def _leaves(params: PyTree) -> list[Array]:
    """Return the arrays of parameters, in the order of the names of the trace."""
    if isinstance(params, dict):
        return [leaf for value in params.values() for leaf in _leaves(value)]
    if isinstance(params, (list, tuple)):
        return [leaf for value in params for leaf in _leaves(value)]
    return [params] if np.isscalar(params) or hasattr(params, "__array__") else jax.tree.leaves(params)


# Returns the first text of each line, the rest of it, and whether it has errors.
ParameterTable = Callable[[Uncertainty | None], tuple[list[str], list[str], bool]]


def described_fit(
    fit: Fit, shown: Mapping[str, float], table: ParameterTable | None = None, loss_name: str = ""
) -> str:
    """Return a fit as text; `shown` are the parameters to print, unless a table replaces them."""
    uncertainty, about = _printed_uncertainty(fit, len(shown))
    names, cells = [printable(name, MOST_LETTERS) for name in shown], list[str]()
    if table is not None:
        names, cells, with_errors = table(uncertainty)
        if uncertainty is not None and not with_errors:
            uncertainty, about = None, "left out here, as they do not fit on the line: fit.summary() has them"
    width = max(10, *map(len, names))
    of = f" ({loss_name} on the training rows, and the penalty if there is one)" if loss_name else ""
    lines = [printable(fit.message), f"  {'loss':>{width}}  {fit.fun:.10g}{of}"]
    if table is not None:
        lines += [f"  {name:>{width}}  {cell}".rstrip() for name, cell in zip(names, cells, strict=True)]
    elif uncertainty is None:
        lines += [f"  {name:>{width}}  {value:.8g}" for name, value in zip(names, shown.values(), strict=True)]
    else:
        rows = [["", *row] for row in _rows_with_errors(uncertainty, len(shown))]
        lines += [f"  {name:>{width}}{row}" for name, row in zip(["", *names], aligned(rows), strict=True)]
    if table is None and (left := len(fit.parameter_names) - len(shown)) > 0:
        lines.append(f"  {'…':>{width}}  and {left:,} more in params")
    lines.append(f"  {'errors' if uncertainty is None else '±':>{width}}  {printable(about)}")
    lines += [f"  {name:>{width}}  {words}" for name, words in limits_in_words(fit)]
    # The notes of a table, which are printed beside its coefficients, say why this penalty was chosen.
    if fit.path is not None and table is None:
        lines.append(f"  {'penalty':>{width}}  {fit.path.why.removeprefix('penalty ')}")
    epochs = int(fit.trace.epoch[-1])
    # Only the trace of a stream has more rows than epochs.
    work = "blocks read once" if len(fit.trace) > epochs + 1 else "passes over the rows"
    passes = f"{fit.nfev:,} {work} ({fit.kind})"
    lines.append(f"  {'work':>{width}}  {epochs:,} epoch{'s' * (epochs != 1)}, {passes}")
    # Which problems a solver serves is of no use to a reader of a table.
    if solver := fit.solver if table is None else fit.solver.partition(":")[0]:
        lines.append(f"  {'solver':>{width}}  {solver}")
    if gap := gap_in_words(fit):
        lines.append(f"  {'gap':>{width}}  {gap}")
    return "\n".join(lines)


def _printed_uncertainty(fit: Fit, shown: int) -> tuple[Uncertainty | None, str]:
    """Return the uncertainty to print, and a line about it; None, and why, if there is none or it takes long."""
    known = fit._uncertain.get(Request())
    rows = 0 if fit.row_gradients is None else fit.row_gradients.count
    size = len(fit.parameter_names)
    if known is None and (size > MOST_SHOWN or rows * size**2 > MOST_PRINTED_WORK):
        on = f" on {rows:,} rows" if rows else ""
        return None, f"not computed for this print, as {size:,} parameters{on} take a while: fit.summary() has them"
    try:
        found = fit.uncertainty()
    except Exception as error:  # noqa: BLE001 - a print must not raise, whatever the user's function does
        return None, f"none: they could not be computed ({error})"
    if found.why:
        return None, f"none: {found.why}"
    if len(found.names) < shown or not np.any(np.isfinite(found.flat_errors)):
        return None, "none: " + next(iter(found.reasons.values()), "they are not finite")
    # Another line names those that were fixed.
    reasons = grouped({name: why for name, why in found.reasons.items() if name not in fit.fixed})
    about = [found.label, *reasons[:MOST_REASONS]] + ["…"] * (len(reasons) > MOST_REASONS)
    return found, "; ".join(about)


def _rows_with_errors(uncertainty: Uncertainty, count: int) -> list[list[str]]:
    """Return the first parameters with error, statistic and probability, as texts below a heading."""
    statistics, p = significance(uncertainty.estimates, uncertainty.flat_errors, uncertainty.degrees)
    rows = [["estimate", "", "error", "t" if np.isfinite(uncertainty.degrees) else "z", "p"]]
    for k in range(count):
        value, error = stated(float(uncertainty.estimates[k]), float(uncertainty.flat_errors[k]))
        if np.isnan(uncertainty.flat_errors[k]):
            rows.append([value, "", "", "", ""])
            continue
        rows.append([value, "±", error, ratio(float(statistics[k])), chance(float(p[k]))])
    return rows


@dataclass(frozen=True)
class _Source:
    """A fit as its uncertainty needs it."""

    fit: Fit

    def profile(self, uncertainty: Uncertainty, level: float) -> Ends:
        state = self.fit.resumable
        if not isinstance(state, Profiled):
            raise ValueError('method="profile" needs the rows of the fit, and they are not at hand: fit them again')
        return state.profile(uncertainty, level)

    def goodness(self, uncertainty: Uncertainty) -> Goodness:
        return goodness_of(self.fit, uncertainty)
