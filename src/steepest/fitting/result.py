"""The result of a fit: a run whose point is a model's parameters, in the user's own units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypedDict

import numpy as np

from steepest.arguments import our_words
from steepest.data.arrays import read_features
from steepest.derivatives.precision import double_precision
from steepest.descent.run import Run
from steepest.saving.models import model_from_json, model_to_json
from steepest.types import Callback, Json

MOST_SHOWN = 100


class Limits(TypedDict, total=False):
    """How long a fit continues, as `Fit.more` takes it."""

    epochs: int | None
    tolerance: float | None
    seconds: float | None


class Resumable(Protocol):
    """What a fit continues from: its set-up in memory, or what a folder holds of it."""

    def more(
        self, fit: Fit, rows: tuple[Any, ...], how: Limits, callback: Callback | None, progress: bool | None
    ) -> Fit:
        """Return the fit after more epochs on these rows."""

    def saved(self) -> tuple[dict[str, Json], dict[str, np.ndarray]]:
        """Return all that a folder can hold of it, as JSON and arrays."""


@dataclass(eq=False)
class Fit(Run):
    """A model fitted to data.

    Attributes
    ----------
    model : model
        What was fitted.
    columns : list of str or None
        The names of the columns of X, where it had any.
    data : (X, y) or None
        The rows that were fitted; None where the fit was loaded from disk.
    solver : str
        What descended, and what it serves.
    resumable : Resumable or None
        What `more` goes on with; None where the rows came as a stream.

    Notes
    -----
    A fit has all that a run has: `outcome`, `message`, `trace` and the rest; `x` is `params`.
    """

    model: Any = None
    columns: list[str] | None = None
    data: tuple[Any, Any] | None = field(default=None, repr=False)
    solver: str = ""
    resumable: Resumable | None = field(default=None, repr=False)

    @property
    def params(self) -> dict[str, Any]:
        """The parameters by name, in the user's units."""
        return self.x

    def predict(self, X: Any) -> np.ndarray:
        """Return what the model predicts.

        Parameters
        ----------
        X : array or DataFrame of shape (rows, columns)
            Laid out as in the fit; a DataFrame's columns are taken by name.

        Returns
        -------
        array of shape (rows,)
            Predictions: in the units of y, or probabilities of class 1 from a logistic model.

        Raises
        ------
        ValueError
            If the columns are not those of the fit.
        RuntimeError
            If the model was a function and the fit was loaded from disk.

        Examples
        --------
        >>> import numpy as np, steepest as st
        >>> fit = st.fit(lambda x, m, b: m * x + b, np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0]))
        >>> fit.predict(np.array([10.0])).round(6)
        array([21.])
        """
        if self.model is None:
            raise RuntimeError("function not at hand: this fit was loaded from disk, and functions are not saved")
        if self.columns and hasattr(X, "columns"):
            missing = [name for name in self.columns if name not in map(str, X.columns)]
            if missing:
                raise ValueError(f"X lacks the column {missing[0]!r}, which the model was fitted on")
            X = X[self.columns]
        array, _ = read_features(X)
        array = self.model.shaped(array, self.params)
        with double_precision(), np.errstate(all="ignore"):
            z = np.asarray(self.model(array, *self.params.values()))
            # A function of the parameters alone says the same of every row.
            return np.asarray(self.model.response(z if z.ndim else np.full(array.shape[0], z)))

    @our_words
    def more(
        self,
        X: Any = None,
        y: Any = None,
        *,
        sample_weight: Any = None,
        validation: Any = None,
        epochs: int | None = None,
        tolerance: float | None = None,
        seconds: float | None = None,
        callback: Callable[..., Any] | None = None,
        progress: bool | None = None,
    ) -> Fit:
        """Go on from where this fit stopped, as if it had not.

        3 epochs and then 3 more are 6 epochs, bit for bit: what the rules remember, the order in which
        batches come and the step size are kept, in memory and on disk. So a fit that has converged, or that
        its validation loss has stopped, stays as it is, unless a smaller tolerance is given.

        Parameters
        ----------
        X, y : array or DataFrame, array
            The rows of the fit, where it was loaded: they are not saved with it.
        sample_weight, validation : optional
            As they were given to `fit`, where it was loaded; a part for validation is known.
        epochs : int, optional
            How many more, at most; with a fixed step and no tolerance, exactly. As many as it takes by default.
        tolerance : float, optional
            Another than that of the fit.
        seconds : float, optional
            At most so much longer.
        callback, progress : optional
            As for `fit`.

        Returns
        -------
        Fit
            Another fit, whose trace continues that of this one.

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
        if self.resumable is None:
            raise RuntimeError("this fit can't go on: the rows of a stream are read only once; begin with start=params")
        how: Limits = {"tolerance": tolerance, "seconds": seconds, "epochs": epochs}
        return self.resumable.more(self, (X, y, sample_weight, validation), how, callback, progress)

    def __str__(self) -> str:
        return described_fit(self, self._named)

    @property
    def _named(self) -> Mapping[str, float]:
        flat = np.concatenate([np.ravel(value) for value in _leaves(self.params)])
        names = list(self.trace.names)
        return dict(list(zip(names, flat, strict=False))[:MOST_SHOWN])

    def _saved(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        record, arrays = super()._saved()
        onward, going = self.resumable.saved() if self.resumable else (None, {})
        return record | {"onward": onward}, arrays | going | model_to_json(self.model)[1]

    def _header(self) -> dict[str, Any]:
        return super()._header() | {
            "result": "fit",
            "model": model_to_json(self.model)[0],
            "columns": self.columns,
            "solver": self.solver,
        }

    @classmethod
    def _revive(cls, record: dict[str, Any], arrays: dict[str, np.ndarray]) -> Fit:
        known = {"model": model_from_json(record.pop("model"), arrays), "resumable": None}
        return super()._revive(record | known, arrays)


def _leaves(params: Any) -> list[Any]:
    if isinstance(params, dict):
        return [leaf for value in params.values() for leaf in _leaves(value)]
    if isinstance(params, (list, tuple)):
        return [leaf for value in params for leaf in _leaves(value)]
    return [params]


def described_fit(fit: Fit, shown: Mapping[str, float]) -> str:
    """Return a fit as text, with the parameters to show."""
    width = max(10, *(len(name) for name in shown))
    lines = [fit.message, f"  {'loss':>{width}}  {fit.fun:.10g}"]
    lines += [f"  {name:>{width}}  {value:.8g}" for name, value in shown.items()]
    if (left := len(fit.trace.names) - len(shown)) > 0:
        lines.append(f"  {'…':>{width}}  and {left:,} more, in params")
    epochs = int(fit.trace.epoch[-1])
    # Only a stream has more rows than epochs.
    work = "blocks read once" if len(fit.trace) > epochs + 1 else "passes over the rows"
    passes = f"{fit.nfev:,} {work} ({fit.kind})"
    lines.append(f"  {'work':>{width}}  {epochs:,} epoch{'s' * (epochs != 1)}, {passes}")
    if fit.solver:
        lines.append(f"  {'solver':>{width}}  {fit.solver}")
    if np.isfinite(fit.certificate.gap):
        gap = f"{fit.certificate.gap:.2g} or less from the best, {fit.certificate.kind}"
        lines.append(f"  {'gap':>{width}}  {gap}")
    return "\n".join(lines)
