"""Several classes by a loss of two: each class against the rest, all fits taken as one descent of their summed loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np

from steepest.fitting.result import Fit
from steepest.trace import Certificate, Outcome, Trace

ONCE = "fits of each class against the rest do not go on once they are saved: call fit_table again"


@dataclass(frozen=True)
class OneVsRestFit:
    """The fits of each class against the rest, as what a fit goes on with."""

    labels: tuple[Any, ...]
    fits: tuple[Fit, ...]

    def more(self, fit: Fit, rows: tuple[Any, ...], how: dict[str, Any], callback: Any, progress: Any) -> Fit:
        """Go on with each, on the rows that are at hand."""
        if any(part is not None for part in rows):
            raise TypeError("the rows of this fit are at hand: leave them out")
        how = how | {"callback": callback, "progress": progress}
        assert fit.data is not None
        return as_one(self.labels, (machine.more(**how) for machine in self.fits), fit.data)

    def saved(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return why they do not go on once they are saved: of each only what it comes to is kept."""
        return {"why": ONCE}, {}


def fit_one_vs_rest(
    descend: Callable[..., Fit], X: np.ndarray, y: np.ndarray, labels: Sequence[Any], **how: Any
) -> Fit:
    """Fit a model of two classes to several, each against the rest.

    Parameters
    ----------
    descend : callable
        What makes a fit of X and of targets 0 and 1.
    X : array of shape (rows, columns)
        The rows.
    y : array of shape (rows,)
        The place of each row's class.
    labels : sequence
        The classes.
    **how : object
        What else `descend` takes.

    Returns
    -------
    Fit
        Its ``coef`` has a row a class, its ``intercept`` a number.
    """
    machines = (descend(X, (y == k).astype(float), **how) for k in range(len(labels)))
    return as_one(tuple(labels), machines, (X, y))


def as_one(labels: tuple[Any, ...], descents: Iterable[Fit], data: tuple[Any, Any]) -> Fit:
    """Return fits of each class against the rest as one, whose loss is the sum of theirs.

    The sum is least where each is, and each stands still where it has ended before the others.

    Parameters
    ----------
    labels : tuple
        The classes.
    descents : iterable of Fit
        A fit of each.
    data : (X, y)
        The rows, and the place of each row's class.

    Returns
    -------
    Fit
        The one.

    Raises
    ------
    KeyboardInterrupt
        If one was interrupted: the others are not known.
    """
    fits = []
    for fitted in descents:
        if fitted.outcome is Outcome.INTERRUPTED:
            raise KeyboardInterrupt
        fits.append(fitted)
    gaps = [machine.certificate.gap for machine in fits]
    worst = max(range(len(fits)), key=lambda k: (not fits[k].success, np.nan_to_num(gaps[k], nan=np.inf)))
    told = fits[worst].certificate
    return replace(
        fits[worst],
        x={name: np.stack([machine.params[name] for machine in fits]) for name in fits[0].params},
        jac={name: np.stack([machine.jac[name] for machine in fits]) for name in fits[0].params},
        fun=sum(machine.fun for machine in fits),
        nit=max(machine.nit for machine in fits),
        nfev=sum(machine.nfev for machine in fits),
        njev=sum(machine.njev for machine in fits),
        message=f"each of {len(fits)} classes against the rest; {labels[worst]}, the worst: {fits[worst].message}",
        certificate=Certificate(told.kind, sum(gaps), sum(machine.certificate.tolerance for machine in fits)),
        trace=_together([machine.trace for machine in fits]),
        objective=None,
        view=None,
        data=data,
        resumable=OneVsRestFit(labels, tuple(fits)),
    )


def _together(traces: Sequence[Trace]) -> Trace:
    """Return the trace of the sum: of points, all coefficients class by class, and then all intercepts."""
    rows = max(map(len, traces))
    longest = max(traces, key=len)

    def padded(array: np.ndarray) -> np.ndarray:
        return array[np.minimum(np.arange(rows), len(array) - 1)]

    columns = dict(longest.columns)
    for name in set(columns) & {"evaluations", "value", "seconds", "validation", "gradient_norm"}:
        together = np.hypot if name == "gradient_norm" else np.add
        columns[name] = reduce(together, [padded(trace.columns[name]) for trace in traces])
    # Each has a step size of its own.
    columns["step_size"] = np.full(rows, np.nan)
    points = [padded(trace.x) for trace in traces]
    x = np.concatenate([*(each[:, :-1] for each in points), *(each[:, -1:] for each in points)], axis=1)
    events = [event for trace in traces for event in trace.stored_events]
    return Trace(columns, x, longest.names, events, longest.stride, sum(trace.cost for trace in traces))
