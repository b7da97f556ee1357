"""The result of a descent: SciPy's fields, and what SciPy does not have."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.saving.folder import point_from_json, point_to_json, staged, write_record
from steepest.trace import Certificate, Event, Outcome, Trace, dumps

if TYPE_CHECKING:
    from steepest.derivatives.objective import Objective
    from steepest.descent.view import View

ALIKE = 1e-6
MOST_NAMED = 6


@dataclass(eq=False)
class Run:
    """A descent that has ended: the best point that it saw, why it ended, and its trace.

    Attributes
    ----------
    x : float, array or tree
        The best point seen, laid out like the start.
    fun : float
        The value there, in the user's own sign.
    jac : like x
        The gradient there, in the user's own sign.
    nit, nfev, njev : int
        Iterations, evaluations of the value, evaluations of the gradient.
    outcome : Outcome
        How it ended.
    message : str
        The outcome, the evidence and what to try next, in one sentence.
    certificate : Certificate
        How far above the minimum the answer may lie.
    trace : Trace
        One row an iteration.
    kind, why : str
        How the gradient was served.
    runs : tuple of Run
        The runs from all starts, in order, where there were several; this one is the best of them.
    """

    x: Any
    fun: float
    jac: Any
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
    runs: tuple[Run, ...] = field(default=(), repr=False)
    objective: Objective | None = field(default=None, repr=False)
    view: View | None = field(default=None, repr=False)

    @property
    def success(self) -> bool:
        """Whether the run did what was asked: converged, or completed the count given."""
        return self.outcome.success

    @property
    def status(self) -> int:
        """The outcome as a stable integer; 0 is converged."""
        return self.outcome.status

    @property
    def events(self) -> list[Event]:
        """What happened beside the rows of the trace."""
        return self.trace.events

    def __str__(self) -> str:
        sign = "maximum" if self.maximized else "minimum"
        lines = [
            self.message,
            f"  {sign:>10}  {self.fun:.10g}",
            f"  {'at':>10}  {_shown(self.x)}",
            f"  {'work':>10}  {self.nit:,} iterations, {self.nfev:,} values, {self.njev:,} gradients ({self.kind})",
        ]
        if np.isfinite(self.certificate.gap):
            lines.append(f"  {'gap':>10}  {self.certificate.gap:.2g} or less from the best, {self.certificate.kind}")
        if self.certificate.x_error:
            lines.append(f"  {'error':>10}  {self._error()}")
        if self.runs:
            lines.append(f"  {'starts':>10}  {self._agreement()}")
        return "\n".join(lines)

    def _error(self) -> str:
        """Return how far the parameters may lie from the minimiser, in words."""
        error, names = np.array(self.certificate.x_error), list(self.trace.names)
        known = np.isfinite(error)
        said = []
        if known.any():
            most = f"{error[known].max():.2g} or less"
            said.append(f"{most} in each parameter" if error.size > 1 else most)
        if not known.all():
            loose = [names[k] if len(names) == error.size else f"parameter {k}" for k in np.flatnonzero(~known)]
            said.append(f"not determined: {', '.join(loose[:MOST_NAMED])}" + ", …" * (len(loose) > MOST_NAMED))
        return "; ".join(said)

    def _agreement(self) -> str:
        values = np.array([run.fun for run in self.runs])
        descent = np.nanmax([abs(run.trace.value[0] - self.fun) for run in self.runs])
        alike = np.abs(values - self.fun) <= ALIKE * descent
        spent = sum(run.nfev for run in self.runs)
        return f"{len(values):,}, of which {np.count_nonzero(alike):,} came to this value, in {spent:,} values"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Run):
            return NotImplemented
        # As they would be saved: there a NaN equals a NaN.
        same = dumps(self._header()) == dumps(other._header()) and self.trace == other.trace
        return same and all(mine.trace == theirs.trace for mine, theirs in zip(self.runs, other.runs, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def evaluate(self, x: Any) -> float:
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

    def gradient_at(self, x: Any) -> np.ndarray:
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

    def curvature(self, x: Any, v: Any) -> np.ndarray:
        """Return the Hessian of the function times a vector, without forming the Hessian.

        H v = d/dt ∇f(x + t v) at t = 0: exact where the function was traced, by a central difference of
        gradients elsewhere.

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

    def plot(self, ax: Any = None) -> Any:
        """Draw the run, as its number of variables suggests.

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

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the run into a folder, as JSON and ``.npz``, all of it or nothing.

        Parameters
        ----------
        folder : path
            Made if missing; a run saved there before is replaced.

        Returns
        -------
        pathlib.Path
            The folder.

        Raises
        ------
        OSError
            If the folder can't be written.
        """
        with staged(folder) as room:
            write_record(room, *self._saved())
        return Path(folder)

    def _saved(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return what is written: the record, and the arrays."""
        return self._header(), self._arrays()

    def _arrays(self) -> dict[str, np.ndarray]:
        others = {f"{k}/{name}": array for k, run in enumerate(self.runs) for name, array in run.trace.arrays().items()}
        return self.trace.arrays() | others

    def _header(self) -> dict[str, Any]:
        return {
            "result": "run",
            "runs": [run._header() for run in self.runs],
            "x": point_to_json(self.x),
            "fun": self.fun,
            "jac": point_to_json(self.jac),
            **{name: getattr(self, name) for name in ("nit", "nfev", "njev", "message", "kind", "why")},
            "outcome": str(self.outcome),
            "certificate": {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in asdict(self.certificate).items()
            },
            "maximized": self.maximized,
            "title": self.title,
            "trace": self.trace.header(),
        }

    @classmethod
    def _revive(cls, record: dict[str, Any], arrays: dict[str, np.ndarray]) -> Run:
        """Make a run of what `_header` and the trace were saved as."""
        record = dict(record)
        runs = []
        for k, one in enumerate(record.pop("runs")):
            own = {name.removeprefix(f"{k}/"): array for name, array in arrays.items() if name.startswith(f"{k}/")}
            runs.append(cls._revive({name: what for name, what in one.items() if name != "result"}, own))
        certificate: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in record.pop("certificate").items()
        }
        return cls(
            x=point_from_json(record.pop("x")),
            jac=point_from_json(record.pop("jac")),
            outcome=Outcome(record.pop("outcome")),
            certificate=Certificate(**certificate),
            trace=Trace.rebuild(record.pop("trace"), arrays),
            runs=tuple(runs),
            **record,
        )

    def _at_hand(self) -> tuple[Objective, View]:
        if self.objective is None or self.view is None:
            raise RuntimeError("function not at hand: this run was loaded from disk, or its rows were read only once")
        return self.objective, self.view


def _shown(x: Any) -> str:
    if isinstance(x, dict):
        return ", ".join(f"{name} = {_shown(value)}" for name, value in x.items())
    return np.array2string(np.asarray(x), precision=8, threshold=8, suppress_small=False)
