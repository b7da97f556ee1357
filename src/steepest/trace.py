"""The record of a run: its outcome, its certificate, its events and its trace."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from steepest.notebook.card import card
from steepest.printable import quoted
from steepest.types import Array, Json

if TYPE_CHECKING:
    import pandas as pd


class Outcome(StrEnum):
    """How a run ended; each value is the phrase that a person reads."""

    CONVERGED = "converged"
    COMPLETED = "completed"
    STALLED = "stalled at rounding"
    NOISE_FLOOR = "noise floor"
    SADDLE = "saddle"
    FLAT = "flat"
    UNBOUNDED = "unbounded"
    NO_FINITE_OPTIMUM = "no finite optimum"
    DIVERGED = "diverged"
    NON_FINITE = "non-finite"
    WRONG_GRADIENT = "wrong gradient"
    ITERATION_LIMIT = "iteration limit"
    EVALUATION_LIMIT = "evaluation limit"
    TIME_LIMIT = "time limit"
    CALLBACK = "stopped by callback"
    INTERRUPTED = "interrupted"
    RAISED = "function raised"
    RECORDED = "recorded"

    @property
    def status(self) -> int:
        """The outcome as an integer that never changes between versions (0 is converged)."""
        return _STATUS[self]

    @property
    def success(self) -> bool:
        """Whether the run converged, or completed the number of iterations that the user asked for."""
        return self in (Outcome.CONVERGED, Outcome.COMPLETED)


# Only append to this table: saved runs and other programs rely on these numbers.
_STATUS = {
    Outcome.CONVERGED: 0,
    Outcome.COMPLETED: 1,
    Outcome.STALLED: 2,
    Outcome.SADDLE: 3,
    Outcome.FLAT: 4,
    Outcome.UNBOUNDED: 5,
    Outcome.NO_FINITE_OPTIMUM: 6,
    Outcome.DIVERGED: 7,
    Outcome.NON_FINITE: 8,
    Outcome.WRONG_GRADIENT: 9,
    Outcome.ITERATION_LIMIT: 10,
    Outcome.EVALUATION_LIMIT: 11,
    Outcome.TIME_LIMIT: 12,
    Outcome.CALLBACK: 13,
    Outcome.INTERRUPTED: 14,
    Outcome.RAISED: 15,
    Outcome.NOISE_FLOOR: 16,
    Outcome.RECORDED: 17,
}


# What each kind of certificate says about the gap.
CLAIMS = {
    "certified": "a proven bound",
    "audited": "measured by the Hessian at the answer, or by cutting planes at a kink",
    "estimated": "from the curvature that the descent met",
    "none": "nothing is claimed about how close the answer is",
}
MOST_ERRORS = 6  # the most errors of parameters that a card names


@dataclass(frozen=True)
class Certificate:
    """A bound or estimate of how far the answer lies above the minimum, and how it was obtained.

    Parameters
    ----------
    kind : {"certified", "audited", "estimated", "none"}
        "certified" is a proven bound; "audited" comes from the Hessian at the answer, or from cutting planes at a
        kink; "estimated" comes from curvature measured during the descent; "none" claims nothing.
    gap : float
        The bound or estimate of f(x) - f*; NaN if nothing is claimed.
    tolerance : float
        The gap that was allowed, in the units of f: that of the user's tolerance, but at least what rounding
        errors, noise or a vanishing curvature may hide. NaN if nothing was judged.
    curvature : tuple of float
        The smallest and largest eigenvalue of the Hessian at the answer; empty if it was not computed.
    x_error : tuple of float
        The error of each parameter, in its own units and in the order of the parameters: a bound if
        certified, measured if audited, infinite if the Hessian is singular; empty if nothing is claimed.

    Examples
    --------
    >>> Certificate("audited", gap=1e-18, tolerance=1e-16, x_error=(1e-9,))
    Certificate(kind='audited', gap=1e-18, tolerance=1e-16, curvature=(), x_error=(1e-09,))
    """

    kind: str = "none"
    gap: float = float("nan")
    tolerance: float = float("nan")
    curvature: tuple[float, ...] = ()
    x_error: tuple[float, ...] = ()

    @property
    def is_met(self) -> bool:
        """Whether the gap is at most the tolerance; false if either is not known."""
        return self.gap <= self.tolerance

    def _repr_html_(self) -> str | None:
        """Return the certificate as HTML for a notebook; None without Jinja2, so that the notebook shows the text."""
        rows = [("gap", f"{self.gap:.2g} or less" if self.gap == self.gap else "not known")]
        if self.tolerance == self.tolerance:
            rows.append(("allowed", f"{self.tolerance:.2g}"))
        if self.curvature:
            rows.append(("curvature", " to ".join(f"{number:.4g}" for number in self.curvature)))
        if self.x_error:
            shown = [f"{number:.2g}" for number in self.x_error[:MOST_ERRORS]]
            rows.append(("error", ", ".join(shown) + ", …" * (len(self.x_error) > MOST_ERRORS)))
        return card(f"{self.kind}: {CLAIMS.get(self.kind, '')}", "\n".join(f"{name:>9}  {text}" for name, text in rows))


@dataclass(frozen=True)
class Event:
    """Something that happened during a run and is not a row of its trace.

    Parameters
    ----------
    iteration : int
        The iteration during which the event happened.
    kind : str
        "rejected", "reset", "non-finite", "differences", "thinned", "audit", "retraced", "probe", "newton",
        "saddle", "features", "collinear", "ill-conditioned", "penalty" or "rank-deficient"; for networks also
        "members", "dead units", "saturated" or "exploding weights".
    detail : str
        One plain sentence.
    count : int
        How many times the event happened; 1 if events of this kind are not counted.

    Examples
    --------
    >>> Event(3, "rejected", "2 trial steps rejected", 2).kind
    'rejected'
    """

    iteration: int
    kind: str
    detail: str = ""
    count: int = 1


# The columns that a trace can have, in the order in which they are shown.
SCALARS = (
    "iteration",
    "evaluations",
    "value",
    "gradient_norm",
    "step_size",
    "seconds",
    "epoch",
    "validation",
)
# The columns of the members of a network, or of the restarts of a tree, begin with these, and end with a number.
NUMBERED = ("training ", "validation ", "restart ")
# A trace is thinned once it holds more than MOST_NUMBERS numbers (80 MB), and more than LEAST_ROWS rows (1,000 rows if
# they have more than 100 columns). Chosen, not measured: larger limits keep more rows and take more memory.
MOST_NUMBERS = 10_000_000
LEAST_ROWS = 100_000
# Points with more coordinates than this are recorded as a sketch: SKETCH coordinates and as many random projections.
# Chosen, not measured: larger numbers keep more of the path and take more memory.
MOST_COORDINATES = 1_000
SKETCH = 16


@dataclass(eq=False)
class Trace:
    """The record of a run: row 0 is the start, then there is one row for each accepted iteration.

    Parameters
    ----------
    columns : mapping of str to array
        Arrays with one entry for each row: ``iteration``, ``evaluations``, ``value``, ``gradient_norm``,
        ``step_size`` (of the step that led to the row) and ``seconds``; for fits also ``epoch`` and ``validation``.
    x : array of shape (rows, parameters)
        The points, in the user's units and the order of the parameters. Points with more than 1,000
        coordinates are recorded as a fixed sketch: their first 16 coordinates and 16 random projections.
    names : sequence of str
        The names of the columns of ``x``.
    stored_events : list of Event
        The events recorded during the run; `events` adds the rejected trial steps.
    stride : int
        The iterations between two rows; above 1 if the trace became too long and was thinned.
    cost : int
        The evaluations of the function in one trial step; above 1 with difference quotients.

    Examples
    --------
    >>> import steepest as st
    >>> run = st.gradient_descent(lambda x, y: x**2 + y**2, (9, 9), learning_rate=0.1, iterations=2)
    >>> run.trace.x
    array([[9.  , 9.  ],
           [7.2 , 7.2 ],
           [5.76, 5.76]])
    >>> run.trace.value
    array([162.    , 103.68  ,  66.3552])
    """

    columns: dict[str, np.ndarray]
    x: np.ndarray
    names: Sequence[str]
    stored_events: list[Event] = field(default_factory=list)
    stride: int = 1
    cost: int = 1

    def __getattr__(self, name: str) -> np.ndarray:
        try:
            return self.__dict__["columns"][name]
        except KeyError:
            raise AttributeError(
                f"a trace has no column {quoted(name)}; it has {', '.join(SCALARS[:6])} and x"
            ) from None

    def __len__(self) -> int:
        return len(self.x)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Trace):
            return NotImplemented
        return (
            self.columns.keys() == other.columns.keys()
            and all(np.array_equal(self.columns[k], other.columns[k], equal_nan=True) for k in self.columns)
            and np.array_equal(self.x, other.x, equal_nan=True)
            and list(self.names) == list(other.names)
            and self.stored_events == other.stored_events
            and (self.stride, self.cost) == (other.stride, other.cost)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = [*self.names[:4], "…"] if len(self.names) > 4 else self.names
        return f"Trace({len(self)} rows, x: {', '.join(shown)})"

    @property
    def rejected(self) -> np.ndarray:
        """The number of trial steps rejected before each row was reached; zeros if the trace was thinned."""
        if self.stride > 1 or not len(self):
            return np.zeros(len(self), dtype=int)
        spent = np.diff(self.columns["evaluations"] // self.cost, prepend=0)
        return np.maximum(spent - 1, 0).astype(int)

    @property
    def events(self) -> list[Event]:
        """All events in order of iteration, with the rejected trial steps of each row as one event."""
        found = list(self.stored_events)
        if "epoch" not in self.columns:
            counts, iterations = self.rejected, self.columns["iteration"]
            found += [
                Event(int(iterations[row]), "rejected", "trial steps rejected", int(counts[row]))
                for row in np.flatnonzero(counts)
            ]
        return sorted(found, key=lambda event: event.iteration)

    def members(self, loss: str = "validation") -> np.ndarray:
        """Return the loss of each member of a network, epoch by epoch.

        Parameters
        ----------
        loss : {"validation", "training"}
            The loss on the rows that the member leaves out, or on those that it learns from.

        Returns
        -------
        array of shape (rows, members)
            The losses.

        Raises
        ------
        ValueError
            If the trace has no such columns, as it is not that of a network.

        Examples
        --------
        >>> import numpy as np, steepest as st
        >>> x = np.linspace(-1, 1, 40)
        >>> fit = st.fit(st.models.Network(hidden=(4,), members=2), x, x**2, epochs=3, rng=0)
        >>> fit.trace.members().shape
        (4, 2)
        """
        names = [name for name in self.columns if name.startswith(f"{loss} ")]
        if loss not in ("validation", "training") or not names:
            raise ValueError(f"this trace has no members with the loss {quoted(loss)}: only that of a network has")
        return np.column_stack([self.columns[name] for name in sorted(names, key=lambda name: int(name.split()[1]))])

    def at(self, *, epoch: int | None = None, iteration: int | None = None) -> dict[str, Array]:
        """Return the row of an epoch or an iteration, or the last recorded row before it.

        Parameters
        ----------
        epoch : int, optional
            The epoch, for a fit.
        iteration : int, optional
            The iteration. Give this or `epoch`.

        Returns
        -------
        dict
            The values by column name, and ``x``.

        Raises
        ------
        ValueError
            If neither or both are given, the trace has no such column, or the trace starts later.

        Examples
        --------
        >>> import steepest as st
        >>> run = st.gradient_descent(lambda x: x**2, 1.0, learning_rate=0.25, iterations=4)
        >>> run.trace.at(iteration=2)["x"]
        array([0.25])
        """
        given = {"epoch": epoch, "iteration": iteration}
        column, wanted = next(((name, k) for name, k in given.items() if k is not None), ("", 0))
        if (epoch is None) == (iteration is None):
            raise ValueError("at() needs either epoch= or iteration=: give one of them")
        if column not in self.columns:
            raise ValueError(f"this trace has no column {quoted(column)}: only the trace of a fit has epochs")
        row = int(np.searchsorted(self.columns[column], wanted, side="right")) - 1
        if row < 0:
            raise ValueError(f"{column}={wanted} lies before the first row, {self.columns[column][0]}")
        return {name: values[row] for name, values in self.columns.items()} | {"x": self.x[row]}

    def to_frame(self) -> pd.DataFrame:
        """Return the trace as a pandas DataFrame with one column for each parameter.

        Returns
        -------
        pandas.DataFrame
            The columns of the trace, then the parameters by their names.

        Examples
        --------
        >>> import steepest as st
        >>> run = st.gradient_descent(lambda x: x**2, 1.0, learning_rate=0.25, iterations=1)
        >>> run.trace.to_frame()["x"].tolist()
        [1.0, 0.5]
        """
        import pandas as pd

        return pd.DataFrame(self.columns | {name: self.x[:, k] for k, name in enumerate(self.names)})

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays of the trace by name, for `numpy.savez`.

        Returns
        -------
        dict of str to array
            The columns and ``x``.
        """
        return self.columns | {"x": self.x}

    def header(self) -> dict[str, Json]:
        """Return the fields of the trace that are not arrays, for a JSON file.

        Returns
        -------
        dict
            Names, events, stride and cost.
        """
        return {
            "names": list(self.names),
            "events": [asdict(event) for event in self.stored_events],
            "stride": self.stride,
            "cost": self.cost,
        }

    @classmethod
    def rebuild(cls, header: Mapping[str, Json], arrays: Mapping[str, np.ndarray]) -> Trace:
        """Make a trace from its `header` and `arrays`.

        Parameters
        ----------
        header : mapping
            The result of `header`.
        arrays : mapping of str to array
            The result of `arrays`.

        Returns
        -------
        Trace
            An equal trace.

        Raises
        ------
        ValueError
            If the sizes of the arrays do not agree.
        """
        known = [*SCALARS, *(name for name in arrays if name.startswith(NUMBERED))]
        columns = {name: arrays[name] for name in known if name in arrays}
        x, names = arrays["x"], header["names"]
        if x.ndim != 2 or any(column.shape != x.shape[:1] for column in columns.values()):
            raise ValueError("the columns of the trace differ in length")
        if x.shape[1] != len(names):
            raise ValueError(f"the points of the trace have {x.shape[1]} coordinates, and {len(names)} names")
        events = [Event(**event) for event in header["events"]]
        return cls(columns, x, list(names), events, header["stride"], header["cost"])


class Collector:
    """Collects the rows of a running descent, and thins them evenly when they exceed a limit."""

    def __init__(self, names: Sequence[str], columns: Iterable[str]) -> None:
        self.names = list(names)
        self.scalars = tuple(columns)
        self.events: list[Event] = []
        self.stride = 1
        self._blocks: list[np.ndarray] = []
        self._rows = 0
        self._width = len(self.names)
        self._projection: np.ndarray | None = None
        if self._width > MOST_COORDINATES:
            draws = np.random.default_rng(0)
            self._projection = draws.standard_normal((self._width, SKETCH)) / np.sqrt(self._width)
            self.names = self.names[:SKETCH] + [f"projection {k}" for k in range(SKETCH)]
        width = len(self.scalars) + len(self.names)
        self._limit = max(LEAST_ROWS if width <= 100 else 1_000, MOST_NUMBERS // width)

    @property
    def last(self) -> np.ndarray | None:
        """The last row; None if there is none."""
        return self._blocks[-1][-1] if self._blocks else None

    def cut(self, column: str, end: float) -> int:
        """Drop the rows whose entry of a column is `end` or more, and return how many there were."""
        rows = np.concatenate(self._blocks)
        kept = rows[rows[:, self.scalars.index(column)] < end]
        self._blocks, self._rows = [kept] if len(kept) else [], len(kept)
        return len(rows) - len(kept)

    def resume(self, trace: Trace, events: int) -> None:
        """Continue a trace, after its last row and its first `events` events."""
        self.stride, self.events = trace.stride, trace.stored_events[:events]
        columns = [trace.columns[name] for name in self.scalars]
        self._blocks, self._rows = [np.column_stack([*columns, trace.x]).astype(float)], len(trace)

    def sketch(self, points: np.ndarray) -> np.ndarray:
        """Return points as they are recorded: those with many coordinates as a sketch."""
        if self._projection is None or points.shape[1] != self._width:
            return points
        return np.hstack([points[:, :SKETCH], points @ self._projection])

    def append(self, scalars: np.ndarray, points: np.ndarray) -> None:
        """Add rows, given as their scalar columns, in the order of the constructor's `columns`, and their points.

        The points may be their sketches already.
        """
        points = self.sketch(points)
        rows = np.concatenate([scalars, points], axis=1)
        if self.stride > 1:
            rows = rows[scalars[:, 0] % self.stride == 0]
        if not len(rows):
            return
        self._blocks.append(rows)
        self._rows += len(rows)
        while self._rows > self._limit:
            self._thin()

    def _thin(self) -> None:
        self.stride *= 2
        rows = np.concatenate(self._blocks)
        rows = rows[rows[:, 0] % self.stride == 0]
        if self.stride == 2:
            self.events.append(Event(int(rows[-1, 0]), "thinned", "the trace keeps fewer rows from here on"))
        self._blocks, self._rows = [rows], len(rows)

    def trace(self) -> Trace:
        """Return the trace of all rows so far."""
        width = len(self.scalars) + len(self.names)
        rows = np.concatenate(self._blocks) if self._blocks else np.empty((0, width))
        columns = {name: rows[:, k].copy() for k, name in enumerate(self.scalars)}
        for count in {"iteration", "evaluations", "epoch"} & columns.keys():
            columns[count] = columns[count].astype(np.int64)
        return Trace(columns, rows[:, len(self.scalars) :].copy(), self.names, self.events, self.stride)


def dumps(record: Mapping[str, Json]) -> str:
    """Return a record as JSON: floats with all their digits, NaN and infinities by name."""
    return json.dumps(record, indent=1, ensure_ascii=False)
