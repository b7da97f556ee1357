"""The result of a descent: the fields of SciPy's results, with an outcome, a certificate and a trace."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from steepest.call import Call
from steepest.derivatives.serving.within import Within
from steepest.descent.covariance import covariance_at, edge, without
from steepest.inspection.diagnosis.diagnosed import Diagnosed
from steepest.inspection.motion.moving import Moving
from steepest.inspection.report.reported import Reported
from steepest.inspection.shown import Shown
from steepest.printable import MOST_LETTERS, printable
from steepest.saving.folder import staged
from steepest.saving.objects import from_json, to_json
from steepest.saving.points import point_from_json, point_to_json, size_of
from steepest.saving.record import write_record
from steepest.saving.schema import RunRecord, checked
from steepest.sets.base import ConvexSet
from steepest.trace import MOST_COORDINATES, Certificate, Event, Outcome, Trace, dumps
from steepest.types import Array, Json, PyTree

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from steepest.derivatives.objective import Objective
    from steepest.descent.view import View
    from steepest.inspection.picture import Picture

# Runs whose values differ by at most this share of the descent count as at the same minimum. Chosen, not measured: well
# above rounding errors, and well below the difference between two minima.
SAME_VALUE = 1e-6
# The most parameters that a line names.
MOST_NAMED = 6


@dataclass(eq=False)
class Run(Diagnosed, Moving, Reported, Shown):
    """The result of a descent: the best point found, why the descent ended, and its trace.

    Attributes
    ----------
    x : float, array or tree
        The best point found, laid out like the start.
    fun : float
        The value at x, in the user's own sign.
    jac : like x
        The gradient at x, in the user's own sign; 0 for a fixed coordinate if the gradient comes from differences.
    nit, nfev, njev : int
        Iterations, evaluations of the value, evaluations of the gradient.
    outcome : Outcome
        How the run ended.
    message : str
        The outcome, the evidence and what to try next, in one sentence.
    certificate : Certificate
        How far above the minimum the answer may lie.
    trace : Trace
        One row for each iteration.
    kind, why : str
        How the gradient was computed, and the reason for that.
    maximized : bool
        Whether the function was maximised.
    title : str
        A title for pictures.
    bounds : dict of str to (low, high)
        The bounds of each coordinate that has some and could move, by its name in the trace; None for a missing side.
    fixed : dict of str to float
        The coordinates that were fixed, or whose bounds are equal, with their values.
    at_bound : dict of str to {"low", "high"}
        The coordinates of x that rest at a bound, where only the bound keeps the value from getting better.
    direction : dict
        The rule of the direction and its numbers, such as ``{"name": "Momentum", "decay": 0.9}``. Empty if the solver
        has no such rule, or takes its steps in other coordinates than x.
    seconds : float
        How long the run took, from the call to the result; NaN if the run was loaded from disk.
    runs : tuple of Run
        The runs from all starts, in order, if there were several starts; this run is the best of them.
    within : set, dict or None
        The sets that the point, or its parameters by name, were held to.
    objective : Objective or None
        The function that was descended; None if the run was loaded from disk.
    view : View or None
        The layout and names of the points as the user sees them; None if the run was loaded from disk.
    call : Call or None
        How the run was asked for; None if it is part of another run.
    """

    x: PyTree
    fun: float
    jac: PyTree
    nit: int
    nfev: int
    njev: int
    outcome: Outcome
    message: str
    certificate: Certificate
    trace: Trace
    kind: str
    why: str
    maximized: bool = False
    title: str = ""
    bounds: dict[str, tuple[float | None, float | None]] = field(default_factory=dict, repr=False)
    fixed: dict[str, float] = field(default_factory=dict, repr=False)
    at_bound: dict[str, str] = field(default_factory=dict, repr=False)
    direction: dict[str, str | int | float | bool] = field(default_factory=dict, repr=False)
    seconds: float = math.nan
    runs: tuple[Run, ...] = field(default=(), repr=False)
    within: Within | None = field(default=None, repr=False)
    objective: Objective | None = field(default=None, repr=False)
    view: View | None = field(default=None, repr=False)
    call: Call | None = field(default=None, repr=False)

    @property
    def success(self) -> bool:
        """Whether the run converged, completed the iterations given, or met a tolerance above the function's noise."""
        return self.outcome.success or (self.outcome is Outcome.NOISE_FLOOR and self.certificate.is_met)

    @property
    def noise(self) -> float:
        """The standard deviation of a value, if values at one point differ from call to call; else 0."""
        scatter = self.objective.scatter if self.objective else None
        return scatter.level if scatter else 0.0

    @property
    def status(self) -> int:
        """The outcome as a stable integer; 0 is converged."""
        return self.outcome.status

    @property
    def events(self) -> list[Event]:
        """The events of the run: steps that were rejected, restarts, Newton steps and the like."""
        return self.trace.events

    def __str__(self) -> str:
        lines = [
            printable(self.message),
            f"  {self._extreme():>10}  {self.fun:.10g}",
            *self._where(),
            f"  {'work':>10}  {self._work()}",
        ]
        if self.within is not None:
            lines.append(f"  {'within':>10}  {_within_in_words(self.within)}")
        if gap := gap_in_words(self):
            lines.append(f"  {'gap':>10}  {gap}")
        if self.certificate.x_error:
            lines.append(f"  {'error':>10}  {_error_in_words(self.certificate.x_error, self.trace.names)}")
        lines += [f"  {name:>10}  {words}" for name, words in limits_in_words(self)]
        if self.runs:
            lines.append(f"  {'starts':>10}  {_agreement(self)}")
        return "\n".join(lines)

    def _extreme(self) -> str:
        """Return the word for the value of the run."""
        return "maximum" if self.maximized else "minimum"

    def _work(self) -> str:
        """Return what the run has spent, in words."""
        return f"{self.nit:,} iterations, {self.nfev:,} values, {self.njev:,} gradients ({self.kind})"

    def _where(self) -> list[str]:
        """Return the line with the best point; none without coordinates."""
        return [f"  {'at':>10}  {_shown(self.x)}"] if size_of(self.x) else []

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Run):
            return NotImplemented
        # Compare the saved forms: in JSON text a NaN equals a NaN.
        same = dumps(self._header()) == dumps(other._header()) and self.trace == other.trace
        return same and all(mine.trace == theirs.trace for mine, theirs in zip(self.runs, other.runs, strict=True))

    __hash__ = None  # type: ignore[assignment]

    @np.errstate(all="ignore")
    def evaluate(self, x: PyTree) -> float:
        """Return the value of the function that was descended, at a point.

        Parameters
        ----------
        x : array
            The point, flat or laid out like the start.

        Returns
        -------
        float
            The value, in the user's own sign.

        Raises
        ------
        RuntimeError
            If the run was loaded from disk: functions are not saved.

        Examples
        --------
        >>> import steepest as st
        >>> st.minimize(lambda x, y: x**2 + y**2, (9, 9)).evaluate([3, 4])
        25.0
        """
        objective, view = self._at_hand()
        return objective.value(view.flat(x))

    @np.errstate(all="ignore")
    def gradient_at(self, x: PyTree) -> np.ndarray:
        """Return the gradient of the function that was descended, at a point.

        Parameters
        ----------
        x : array
            The point, flat or laid out like the start.

        Returns
        -------
        array
            The gradient, flat, in the user's own sign.

        Raises
        ------
        RuntimeError
            If the run was loaded from disk.

        Examples
        --------
        >>> import steepest as st
        >>> st.minimize(lambda x, y: x**2 + y**2, (9, 9)).gradient_at([3, 4])
        array([6., 8.])
        """
        from steepest.derivatives.gradient import slope_at

        objective, view = self._at_hand()
        return view.slope(slope_at(objective, view.flat(x))[1])

    @np.errstate(all="ignore")
    def curvature(self, x: PyTree, v: Array) -> np.ndarray:
        """Return the Hessian of the function times a vector, without forming the Hessian.

        H v = d/dt ∇f(x + t v) at t = 0: exact if the function was traced, else by a central difference of
        gradients.

        Parameters
        ----------
        x : array
            The point, flat or laid out like the start.
        v : array
            The vector, flat.

        Returns
        -------
        array
            H v, flat.

        Raises
        ------
        RuntimeError
            If the run was loaded from disk.

        Examples
        --------
        >>> import steepest as st
        >>> run = st.minimize(lambda x, y: x**2 + 3 * y**2, (9, 9))
        >>> run.curvature([0, 0], [0, 1]).round(6)
        array([0., 6.])
        """
        from steepest.derivatives.higher import hessian_product

        objective, view = self._at_hand()
        return view.slope(hessian_product(objective, view.flat(x), view.along(np.asarray(v, dtype=float))))

    @property
    def covariance(self) -> np.ndarray:
        """The inverse of the Hessian at x: the covariance of the estimates if the function is minus a log likelihood.

        The function must be the sum over independent rows, not their mean, and x its minimum; for a log likelihood that
        was maximised the sign is turned. The Hessian is exact if the function was traced. A variable that the function
        does not determine has the variance infinity. One that was held, or ended on a bound, has none (NaN), and the
        others are those with it held there. On the edge of a set of `within` there are none. If there are none at all,
        a RuntimeWarning says why.

        Examples
        --------
        >>> import numpy as np, steepest as st
        >>> y = np.array([1.0, 2.0, 4.0, 5.0])
        >>> run = st.minimize(lambda m, s: np.sum((y - m) ** 2 / (2 * s**2) + np.log(s)), (1, 1))
        >>> np.diag(run.covariance).round(4)
        array([0.625 , 0.3125])
        """
        objective, view = self._at_hand()
        held = {*getattr(self, "at_bound", {}), *getattr(self, "fixed", {})}
        free = np.array([name not in held for name in view.names])
        # A function of several numbers has its point as an array, and sets by the names of numbers.
        spread = isinstance(self.x, np.ndarray) and isinstance(self.within, Mapping)
        x = dict(zip(self.trace.names, self.x, strict=True)) if spread else self.x
        if self.within is not None and (why := edge(self.within, x)):
            covariance = without(len(view.names))
        else:
            x = view.flat(self.x)
            covariance, why = covariance_at(objective, x, free, self.outcome, self.maximized, view.names)
        if why:
            warnings.warn(why, RuntimeWarning, stacklevel=2)
        return covariance

    def plot(self, ax: Axes | None = None) -> Picture:
        """Draw the run in a picture that depends on the number of variables.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        display
            The Display object, with its figure, axes and numbers as attributes.
        """
        from steepest.inspection import plot_run

        return plot_run(self, ax=ax)

    def save(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the run into a folder, as JSON and arrays, all of it or nothing.

        Parameters
        ----------
        folder : path
            Made if missing; a run that was saved there is replaced in one step.
        overwrite : bool
            Also write into a folder with other files, and replace those that have the same names.

        Returns
        -------
        pathlib.Path
            The folder.

        Raises
        ------
        FileExistsError
            If the folder holds other files, or files that have changed since they were saved.
        OSError
            If the folder can't be written.
        """
        with staged(folder, overwrite) as draft:
            write_record(draft, *self._saved())
        return Path(folder)

    def _saved(self) -> tuple[dict[str, Json], dict[str, np.ndarray]]:
        """Return the record and the arrays to save."""
        arrays = self.trace.arrays()
        for k, run in enumerate(self.runs):
            arrays = arrays | {f"{k}/{name}": array for name, array in run.trace.arrays().items()}
        called = {} if self.call is None else {"call": self.call.to_json()}
        return self._header() | called, arrays

    def _header(self) -> dict[str, Json]:
        """Return the record for a JSON file."""
        return {
            "result": "run",
            "runs": [run._header() for run in self.runs],
            "x": point_to_json(self.x),
            "fun": self.fun,
            "jac": point_to_json(self.jac),
            **{name: getattr(self, name) for name in ("nit", "nfev", "njev", "message", "kind", "why")},
            "outcome": str(self.outcome),
            "certificate": _certificate_to_json(self.certificate),
            "maximized": self.maximized,
            "title": self.title,
            "direction": self.direction,
            "bounds": {name: list(sides) for name, sides in self.bounds.items()},
            "fixed": self.fixed,
            "at_bound": self.at_bound,
            **({} if self.within is None else {"within": _within_to_json(self.within)}),
            "trace": self.trace.header(),
        }

    @classmethod
    def _revive(cls, record: dict[str, Json], arrays: dict[str, np.ndarray]) -> Self:
        """Return the run from its saved record and arrays."""
        record = {**record, **checked(record, RunRecord)}
        runs = [cls._revive(*_part(k, one, arrays)) for k, one in enumerate(record.pop("runs"))]
        bounds = {name: (low, high) for name, (low, high) in record.pop("bounds", {}).items()}
        within, call = record.pop("within", None), record.pop("call", None)
        x, trace = point_from_json(record.pop("x")), Trace.rebuild(record.pop("trace"), arrays)
        cls._check_points(trace, x)
        return cls(
            x=x,
            jac=point_from_json(record.pop("jac")),
            outcome=Outcome(record.pop("outcome")),
            certificate=_certificate_from_json(record.pop("certificate")),
            trace=trace,
            runs=tuple(runs),
            bounds=bounds,
            within=None if within is None else _within_from_json(within),
            call=None if call is None else Call.from_json(call),
            **record,
        )

    @classmethod
    def _check_points(cls, trace: Trace, x: PyTree) -> None:
        """Raise ValueError if the points of the trace are not like x."""
        if trace.x.shape[1] != (size := size_of(x)) <= MOST_COORDINATES:
            raise ValueError(f"the points of the trace have {trace.x.shape[1]} coordinates, and x has {size}")

    def _at_hand(self) -> tuple[Objective, View]:
        """Return the function and its view; raise RuntimeError if the run has none."""
        if self.objective is None or self.view is None:
            raise RuntimeError("function not at hand: this run was loaded from disk, or its rows were read only once")
        return self.objective, self.view


def gap_in_words(run: Run) -> str:
    """Return how far the value is from the best; "" if that is not known, or if the message says it already."""
    gap, kind = f"{run.certificate.gap:.2g}", run.certificate.kind
    if not np.isfinite(run.certificate.gap) or f"({kind}): the value is within {gap} of " in run.message:
        return ""
    return f"{gap} or less from the best, {kind}"


def limits_in_words(run: Run) -> list[tuple[str, str]]:
    """Return lines on the coordinates at a bound, and on those that were fixed, each with its heading."""
    lines = []
    verb = "rises" if run.maximized else "falls"
    sides = {"low": ("lower", 0), "high": ("upper", 1)}
    for name, side in list(run.at_bound.items())[:MOST_NAMED]:
        word, k = sides[side]
        # A run may be loaded from a folder that holds no bounds.
        bound = run.bounds.get(name, (None, None))[k]
        value = "" if bound is None else f" {bound:.6g}"
        place = f"{printable(name, MOST_LETTERS)} is at its {word} bound{value}"
        lines.append(("at a bound", f"{place}, where the function still {verb} outward"))
    if (left := len(run.at_bound) - MOST_NAMED) > 0:
        lines.append(("…", f"and {left:,} more in at_bound"))
    if run.fixed:
        shown = [
            f"{printable(name, MOST_LETTERS)} = {value:.6g}" for name, value in list(run.fixed.items())[:MOST_NAMED]
        ]
        lines.append(("fixed", ", ".join(shown) + ", …" * (len(run.fixed) > MOST_NAMED)))
    return lines


def _shown(x: PyTree) -> str:
    """Return a point in one line."""
    if isinstance(x, dict):
        return ", ".join(f"{printable(name, MOST_LETTERS)} = {_shown(value)}" for name, value in x.items())
    return np.array2string(np.asarray(x), precision=8, threshold=8, suppress_small=False)


def _error_in_words(x_error: Sequence[float], names: Sequence[str]) -> str:
    """Return in words how far the parameters may lie from the minimiser."""
    error = np.array(x_error)
    known = np.isfinite(error)
    parts = []
    if known.any():
        most = f"{error[known].max():.2g} or less"
        parts.append(f"{most} in each parameter" if error.size > 1 else most)
    if not known.all():
        loose = [
            printable(names[k], MOST_LETTERS) if len(names) == error.size else f"parameter {k}"
            for k in np.flatnonzero(~known).tolist()
        ]
        parts.append(f"not determined: {', '.join(loose[:MOST_NAMED])}" + ", …" * (len(loose) > MOST_NAMED))
    return "; ".join(parts)


def _within_in_words(within: Within) -> str:
    """Return the sets of a run in one line."""
    if isinstance(within, ConvexSet):
        return repr(within)
    named = [(name if isinstance(name, tuple) else (name,), one) for name, one in within.items()]
    in_words = [(", ".join(printable(each, MOST_LETTERS) for each in names), one) for names, one in named]
    return ", ".join(f"({names}) in {one!r}" if ", " in names else f"{names} in {one!r}" for names, one in in_words)


def _within_to_json(within: Within) -> dict[str, Json]:
    if isinstance(within, ConvexSet):
        return {"whole": to_json(within)}
    # JSON has no keys of several names.
    parts = {name: to_json(one) for name, one in within.items() if isinstance(name, str)}
    groups = [[list(name), to_json(one)] for name, one in within.items() if isinstance(name, tuple)]
    return {"parts": parts} | ({"groups": groups} if groups else {})


def _within_from_json(record: dict[str, Json]) -> Within:
    if "whole" in record:
        return from_json(record["whole"])
    parts = {name: from_json(one) for name, one in record["parts"].items()}
    return parts | {tuple(names): from_json(one) for names, one in record.get("groups", [])}


def _agreement(best: Run) -> str:
    """Return in words how many runs found the value of the best run, and how many values all runs computed."""
    values = np.array([run.fun for run in best.runs])
    falls = [abs(run.trace.value[0] - best.fun) for run in best.runs]
    descent = max(filter(math.isfinite, falls), default=0.0)
    same = np.abs(values - best.fun) <= SAME_VALUE * descent
    spent = sum(run.nfev for run in best.runs)
    return f"{len(values):,}, of which {np.count_nonzero(same):,} came to this value, in {spent:,} values"


def _certificate_to_json(certificate: Certificate) -> dict[str, Json]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(certificate).items()}


def _certificate_from_json(record: dict[str, Json]) -> Certificate:
    fields: dict[str, Json] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in record.items()
    }
    return Certificate(**fields)


def _part(
    k: int, record: dict[str, Json], arrays: dict[str, np.ndarray]
) -> tuple[dict[str, Json], dict[str, np.ndarray]]:  # fmt: skip
    """Return the record and the arrays of run k of several runs."""
    own = {name.removeprefix(f"{k}/"): array for name, array in arrays.items() if name.startswith(f"{k}/")}
    return {name: value for name, value in record.items() if name != "result"}, own
