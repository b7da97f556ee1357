"""More than two classes with a loss for two: one fit per class against the rest, combined into one fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np

from steepest.data.arrays import read_features
from steepest.fitting.basis import Basis
from steepest.fitting.result import Fit, Limits
from steepest.models import SVM, Linear, losses
from steepest.models.losses import Loss
from steepest.printable import printable, quoted
from steepest.tabular.reading.arrow import Label
from steepest.trace import Certificate, Outcome, Trace
from steepest.types import Callback, Function, Json, Rows

ONCE = "a fit of each class against the rest can't be continued after it was saved: call fit_table again"


@dataclass(eq=False)
class OneVsRestFit(Fit):
    """A fit of one two-class model per class, each class against the rest.

    This is the fit of the sum of the losses of the classes. They share no parameters, so the sum is least where each
    loss is least: `fun` and the gap are sums over the classes, and `jac` stacks their gradients. In `params`, ``coef``
    has one row per class and ``intercept`` one number per class. `outcome`, `kind` and `solver` are those of the worst
    fit: one without success, or else the one with the largest gap.

    Attributes
    ----------
    fits : tuple of Fit
        The fit of each class; empty if this fit was loaded from disk.
    """

    fits: tuple[Fit, ...] = field(default=(), repr=False)

    def predict(  # type: ignore[override]
        self, X: Rows, *, interval: str | None = None, level: float | None = None
    ) -> np.ndarray:
        """Return the index of each row's class: the class with the highest score.

        Parameters
        ----------
        X : array of shape (rows, columns)
            The rows.
        interval, level : optional
            Not for classes: an index has no interval.

        Returns
        -------
        array of int of shape (rows,)
            The indices.
        """
        if interval is not None:
            raise ValueError(f"interval={quoted(interval)}: the prediction is a class, which has no interval")
        return linear_outputs(self, read_features(X)[0]).argmax(axis=1)


@dataclass(frozen=True)
class LiveOneVsRest:
    """The state of a `OneVsRestFit`: the labels, and the fit of each class, to be continued."""

    labels: tuple[Label, ...]
    fits: tuple[Fit, ...]

    def more(
        self,
        fit: Fit,
        rows: tuple[Rows, ...],
        how: Limits,
        callback: Callback | None,
        progress: bool | None,
    ) -> OneVsRestFit:
        """Continue the fit of each class, on the rows in memory."""
        if any(part is not None for part in rows):
            raise TypeError("the rows of this fit are in memory: leave the table out")
        assert fit.data is not None
        fits = (each.more(**how, callback=callback, progress=progress) for each in self.fits)
        return combined(self.labels, fits, fit.data)

    def basis(self) -> Basis | None:
        """Return what the fit of the first class rests on, whose targets are 1 for that class and 0 for the rest."""
        return self.fits[0].basis

    def saved(self) -> tuple[dict[str, Json], dict[str, np.ndarray]]:
        """Return why a saved fit can't be continued: the states of the fits of the classes are not written."""
        return {"why": ONCE}, {}


def needs_one_vs_rest(classes: Sequence[Label] | None, loss: Loss) -> bool:
    """Return whether a target needs one fit per class: it has more than two classes, and the loss is for two.

    Parameters
    ----------
    classes : sequence or None
        The labels of a classification; None for numbers.
    loss : Loss
        The loss.

    Returns
    -------
    bool
        True if one fit per class is needed.
    """
    return classes is not None and len(classes) > 2 and loss != losses.softmax


def fit_one_vs_rest(
    descend: Callable[[np.ndarray, np.ndarray, str | Function | None], Fit],
    X: np.ndarray,
    y: np.ndarray,
    labels: Sequence[Label],
    penalty: str | Function | None,
) -> OneVsRestFit:
    """Fit a model for two classes to each of several classes against the rest.

    Parameters
    ----------
    descend : callable
        A function that fits X, targets 0 and 1, and a penalty.
    X : array of shape (rows, columns)
        The rows.
    y : array of shape (rows,)
        The index of each row's class.
    labels : sequence
        The classes.
    penalty : penalty, "auto" or None
        The penalty on the weights; each class chooses its own strength for "auto".

    Returns
    -------
    OneVsRestFit
        The fit of all classes.
    """
    fits = (descend(X, (y == k).astype(float), penalty) for k in range(len(labels)))
    return combined(tuple(labels), fits, (X, y))


def combined(
    labels: tuple[Label, ...], fits: Iterable[Fit], data: tuple[np.ndarray, np.ndarray]
) -> OneVsRestFit:  # fmt: skip
    """Combine the fits of all classes into one fit, of the sum of their losses.

    Parameters
    ----------
    labels : tuple
        The classes.
    fits : iterable of Fit
        The fit of each class against the rest. A generator fits one class at a time.
    data : (X, y)
        The rows, and the index of each row's class.

    Returns
    -------
    OneVsRestFit
        The fit of all classes.

    Raises
    ------
    KeyboardInterrupt
        If a fit was interrupted: the next classes have no fit, so there is no fit of all classes.
    """
    done: list[Fit] = []
    for fitted in fits:
        if fitted.outcome is Outcome.INTERRUPTED:
            raise KeyboardInterrupt
        done.append(fitted)
    gaps = [each.certificate.gap for each in done]
    worst = max(range(len(done)), key=lambda k: (not done[k].success, np.nan_to_num(gaps[k], nan=np.inf)))
    example, worst_label = done[worst], printable(labels[worst])
    return OneVsRestFit(
        x={name: np.stack([each.params[name] for each in done]) for name in example.params},
        fun=sum(each.fun for each in done),
        jac={name: np.stack([each.jac[name] for each in done]) for name in example.params},
        nit=max(each.nit for each in done),
        nfev=sum(each.nfev for each in done),
        njev=sum(each.njev for each in done),
        outcome=example.outcome,
        message=f"each of {len(done)} classes against the rest; the worst is {worst_label}: {example.message}",
        certificate=Certificate(example.certificate.kind, sum(gaps), sum(each.certificate.tolerance for each in done)),
        trace=_summed([each.trace for each in done]),
        kind=example.kind,
        why=example.why,
        # Kernel features depend on the rows and not on the classes, so every fit has the same model.
        model=example.model,
        columns=example.columns,
        data=data,
        solver=example.solver,
        resumable=LiveOneVsRest(labels, tuple(done)),
        fits=tuple(done),
    )


def outputs_of(fit: Fit, X: np.ndarray) -> np.ndarray:
    """Return the outputs of a fit, from which predictions and scores are made.

    They are the predictions of `Fit.predict`, except for support vector machines and for fits of each class against the
    rest. Their predictions are classes, and their outputs are the scores X w + b.

    Parameters
    ----------
    fit : Fit
        The fit.
    X : array of shape (rows, columns)
        The rows.

    Returns
    -------
    array of shape (rows,) or (rows, classes)
        Numbers, probabilities, or scores. A score above 0 is for the second of two classes, or for the column's class.
    """
    if isinstance(fit, OneVsRestFit) or isinstance(fit.model, SVM):
        return linear_outputs(fit, X)
    return fit.predict(X)


def linear_outputs(fit: Fit, X: np.ndarray) -> np.ndarray:
    """Return X w + b, one column per row of ``coef`` if ``coef`` is a matrix.

    Parameters
    ----------
    fit : Fit
        The fit of a linear model.
    X : array of shape (rows, columns)
        The rows.

    Returns
    -------
    array of shape (rows,) or (rows, classes)
        The outputs of the model, before its response.
    """
    assert isinstance(fit.model, Linear)
    coef, intercept = fit.params["coef"], fit.params["intercept"]
    return np.asarray(fit.model(fit.model.shaped(X, fit.params), np.transpose(coef), intercept))


def _summed(traces: Sequence[Trace]) -> Trace:
    """Return the trace of the sum of losses; a fit whose trace is shorter stays at its last point.

    The coordinates of a point are all coefficients class by class, then all intercepts, as in `parameter_names`.
    """
    rows = max(map(len, traces))
    longest = max(traces, key=len)

    def padded(array: np.ndarray) -> np.ndarray:
        return array[np.minimum(np.arange(rows), len(array) - 1)]

    columns = dict(longest.columns)
    for name in set(columns) & {"evaluations", "value", "seconds", "validation", "gradient_norm"}:
        # The fits have separate coordinates, so the squares of the gradient norms add up.
        sum_of_two = np.hypot if name == "gradient_norm" else np.add
        columns[name] = reduce(sum_of_two, [padded(trace.columns[name]) for trace in traces])
    # Each fit has its own step size, so the sum has none.
    columns["step_size"] = np.full(rows, np.nan)
    points = [padded(trace.x) for trace in traces]
    x = np.concatenate([*(each[:, :-1] for each in points), *(each[:, -1:] for each in points)], axis=1)
    events = [event for trace in traces for event in trace.stored_events]
    return Trace(columns, x, longest.names, events, longest.stride, sum(trace.cost for trace in traces))
