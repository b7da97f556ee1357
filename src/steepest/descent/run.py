"""The result of a descent: SciPy's fields, and what SciPy does not have."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.trace import Certificate, Event, Outcome, Trace, dumps

if TYPE_CHECKING:
    from steepest.derivatives.objective import Objective
    from steepest.descent.view import View

FORMAT = 1


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
        return "\n".join(lines)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Run):
            return NotImplemented
        return self._header() == other._header() and self.trace == other.trace and _same(self, other)

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
        """Return the Hessian of the function times a vector, by a central difference of the gradient.

        H v ≈ (∇f(x + h v) - ∇f(x - h v)) / 2h.

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
        _, view = self._at_hand()
        x, v = view.rows(view.flat(x)), np.asarray(v, dtype=float)
        size = np.linalg.norm(v)
        if not size:
            return np.zeros(x.size)
        h = np.finfo(float).eps ** (1 / 3) * max(float(np.linalg.norm(x)), 1.0) / size
        return (self.gradient_at(x + h * v) - self.gradient_at(x - h * v)) / (2 * h)

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
        from steepest.reading import plot_run

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
        arrays = {f"trace_{name}": array for name, array in self.trace.arrays().items()}
        return write_folder(folder, {"run.json": dumps(self._header())}, {"run.npz": arrays})

    def _header(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "x": _plain(self.x),
            "fun": self.fun,
            "jac": _plain(self.jac),
            **{name: getattr(self, name) for name in ("nit", "nfev", "njev", "message", "kind", "why")},
            "outcome": str(self.outcome),
            "certificate": asdict(self.certificate) | {"curvature": list(self.certificate.curvature)},
            "maximized": self.maximized,
            "title": self.title,
            "trace": self.trace.header(),
        }

    def _at_hand(self) -> tuple[Objective, View]:
        if self.objective is None or self.view is None:
            raise RuntimeError("function not at hand: this run was loaded from disk, and functions are not saved")
        return self.objective, self.view


def load(folder: str | os.PathLike[str]) -> Run:
    """Read a run back from the folder that `Run.save` wrote; the function is not in it.

    Parameters
    ----------
    folder : path
        The folder.

    Returns
    -------
    Run
        Equal to the one saved.

    Raises
    ------
    FileNotFoundError
        If no run is saved there.
    ValueError
        If the files are not of a run that this version can read.
    """
    folder = Path(folder)
    if not (folder / "run.json").is_file():
        raise FileNotFoundError(f"no run is saved in {folder}: it holds no run.json")
    try:
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        if record.pop("format") != FORMAT:
            raise ValueError("another format")
        with np.load(folder / "run.npz", allow_pickle=False) as stored:
            arrays = {name.removeprefix("trace_"): stored[name] for name in stored.files}
        trace = Trace.rebuild(record.pop("trace"), arrays)
        certificate = record.pop("certificate")
        certificate["curvature"] = tuple(certificate["curvature"])
        return Run(
            x=_revived(record.pop("x")),
            jac=_revived(record.pop("jac")),
            outcome=Outcome(record.pop("outcome")),
            certificate=Certificate(**certificate),
            trace=trace,
            **record,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder} does not hold a run that this version can read: {error}") from None


def write_folder(
    folder: str | os.PathLike[str], texts: dict[str, str], arrays: dict[str, dict[str, np.ndarray]]
) -> Path:
    """Write files beside one another so that a reader finds the old ones or the new, never a half."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
    try:
        for name, text in texts.items():
            (made / name).write_text(text, encoding="utf-8")
        for name, columns in arrays.items():
            np.savez_compressed(made / name, allow_pickle=False, **columns)
        for path in sorted(made.iterdir(), key=lambda path: path.suffix == ".json"):
            path.replace(folder / path.name)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return folder


def _plain(x: Any) -> Any:
    """Return a point as JSON takes it; trees keep their kinds."""
    if isinstance(x, dict):
        return {"dict": [[key, _plain(value)] for key, value in x.items()]}
    if isinstance(x, tuple):
        return {"tuple": [_plain(value) for value in x]}
    if isinstance(x, list):
        return {"list": [_plain(value) for value in x]}
    return {"array": np.asarray(x, dtype=float).tolist()}


def _revived(record: dict[str, Any]) -> Any:
    ((kind, content),) = record.items()
    if kind == "dict":
        return {key: _revived(value) for key, value in content}
    if kind in ("tuple", "list"):
        return (tuple if kind == "tuple" else list)(_revived(value) for value in content)
    array = np.asarray(content, dtype=float)
    return array if array.ndim else np.float64(array)


def _same(a: Run, b: Run) -> bool:
    return np.array_equal(a.fun, b.fun, equal_nan=True)


def _shown(x: Any) -> str:
    if isinstance(x, dict):
        return ", ".join(f"{name} = {_shown(value)}" for name, value in x.items())
    return np.array2string(np.asarray(x), precision=8, threshold=8, suppress_small=False)
