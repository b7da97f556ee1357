"""`Recorder`: a notebook for a loop of the user's own, which becomes a run."""

from __future__ import annotations

import math
import os
import threading
from collections import deque
from time import perf_counter
from typing import Any, NoReturn, Self

import numpy as np

from steepest.recording.callbacks import WithCallbacks
from steepest.recording.keeper import Keeper
from steepest.recording.numbers import PLAIN, Remote, fetched, scalar
from steepest.recording.rows import COLUMNS, PLACES, Rows
from steepest.recording.run import RecordedRun
from steepest.recording.trees import Reading, filled, structure_of
from steepest.trace import MOST_COORDINATES, Event
from steepest.types import Array, Json, PyTree

# Steps wait until there are so many, or so many numbers in their arrays, and are read together. Chosen, not measured:
# with more of them the last steps take more memory, with fewer devices are asked more often.
MOST_WAITING = 1_000
MOST_NUMBERS = 1_000_000
# A step with numbers alone is a tuple of the time, the value, the learning rate and the validation loss; a longer one
# also has the point, the gradient and the iteration.
SHORT = 4


class Recorder(WithCallbacks):
    """Records a loop of your own, and makes a run of it.

    Call `step` once for each step of the loop. `run` is then a run with its trace, pictures, report and diagnosis.

    With a folder the steps are saved as they come, at least twice a second, so that a crash loses no more than that;
    `steepest.load` reads the folder at any time. Use the recorder as a context manager, which ends the recording and
    notes an exception of the loop, or call `close`.

    Parameters
    ----------
    folder : path, optional
        Where to save the steps; by default they are only kept in memory.
    maximize : bool, optional
        Whether the loop makes the value large.
    title : str, optional
        A title for pictures.
    overwrite : bool, optional
        Whether a run that is saved in the folder already may be lost, from the first moment on. Without, it is an
        error.

    Raises
    ------
    FileExistsError
        If the folder holds a run, or other files.

    Examples
    --------
    >>> import steepest as st
    >>> rec = st.Recorder(title="x**2 by hand")
    >>> x = 8.0
    >>> for _ in range(4):
    ...     rec.step(x**2, gradient=2 * x, x=x, learning_rate=0.25)
    ...     x = x - 0.25 * (2 * x)
    >>> rec.run.trace.value
    array([64., 16.,  4.,  1.])
    """

    def __init__(
        self, folder: str | os.PathLike[str] | None = None, *, maximize: bool = False, title: str = "",
        overwrite: bool = False,
    ) -> None:  # fmt: skip
        self.maximize, self.title = maximize, title
        self._error = ""
        self._file = None if folder is None else Keeper(folder, overwrite, self._flush)
        self._began = perf_counter()
        self._waiting: deque[tuple[Any, ...]] = deque()
        self._numbers = 0
        self._lock = threading.Lock()
        self._rows = Rows()
        self._next = 0
        self._x: Reading | None = None
        self._gradient: Reading | None = None
        self._best: list[np.ndarray] | None = None
        self._best_value = math.nan
        self._least = self._least_point = math.inf
        self._validated = False
        self._best_slope: list[np.ndarray] | None = None

    def step(
        self, value: Array | None = None, *, gradient: PyTree = None, x: PyTree = None,
        learning_rate: Array | None = None, validation: Array | None = None, iteration: int | None = None,
    ) -> None:  # fmt: skip
        """Record one step; each of its numbers may be missing.

        Parameters
        ----------
        value : number, optional
            The value, such as the loss of the batch: a number, or an array of one number.
        gradient : array or tree, optional
            The gradient at x.
        x : array or tree, optional
            The point, such as the parameters.
        learning_rate : number, optional
            The learning rate of this step.
        validation : number, optional
            The loss on other rows. A call with nothing else belongs to the step before, if that has none yet.
        iteration : int, optional
            The number of the step; by default one more than the last. If it is not above the last one, as when a loop
            goes on from a checkpoint, the rows from there on are dropped, and an event says so.

        Raises
        ------
        TypeError, ValueError
            If an argument holds no real numbers, several numbers where there is one, or a tree with other leaves than
            before.
        """
        now = perf_counter()
        if gradient is None and x is None and iteration is None:
            if type(value) not in PLAIN or type(learning_rate) not in PLAIN or type(validation) not in PLAIN:
                self._waiting.append(self._read(now, value, learning_rate, validation, None, None, None))
            elif value is None and learning_rate is None and validation is None:
                raise ValueError("step() got nothing to record: give it the value, or another of its arguments")
            else:
                self._waiting.append((now, value, learning_rate, validation))
        else:
            self._waiting.append(self._read(now, value, learning_rate, validation, gradient, x, iteration))
        if len(self._waiting) >= MOST_WAITING or self._numbers >= MOST_NUMBERS:
            with self._lock:
                self._drain()

    def _read(
        self, now: float, value: Any, learning_rate: Any, validation: Any, gradient: PyTree, x: PyTree,
        iteration: int | None,
    ) -> tuple[Any, ...]:  # fmt: skip
        """Return a step with its arrays copied, after a look at whether they are like those before."""
        value, learning_rate = scalar(value, "value"), scalar(learning_rate, "learning_rate")
        validation = scalar(validation, "validation")
        if iteration is not None and (isinstance(iteration, bool) or int(iteration) != iteration):
            raise ValueError(f"iteration={iteration!r:.40} is no whole number")
        point = None if x is None else Reading(x, "x")
        slope = None if gradient is None else Reading(gradient, "gradient")
        with self._lock:
            own = _checked(point, self._x, "x")
            if slope is not None and own is not None:
                slope.align(own, fill=True)
            by_x = _checked(slope, self._gradient, "gradient")
            if own is not None and by_x is not None and own.size != by_x.size:
                raise ValueError(f"gradient has {by_x.size:,} numbers, and x has {own.size:,}: give the gradient by x")
            self._x, self._gradient = own, by_x
            for each in (point, slope):
                self._numbers += each.size if each is not None and not each.is_large else 0
        return now, value, learning_rate, validation, point, slope, iteration

    @property
    def run(self) -> RecordedRun:
        """The run of all steps so far; ValueError if there is none."""
        with self._lock:
            self._drain()
            if not self._rows.count:
                raise ValueError("no step was recorded: call step in the loop before asking for its run")
            return self._run()

    def close(self) -> None:
        """End the recording; with a folder, save the run there. Further steps are an error."""
        self.step = self._refuse  # type: ignore[method-assign]
        with self._lock:
            self._drain()
            if self._file is not None:
                self._file.close(self._run() if self._rows.count else None)
                self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is not None:
            self._error = f"{kind.__name__}: {error}"[:200]
            with self._lock:
                self._drain()
                detail = f"the loop raised {self._error}"
                self._rows.events.append(Event(int(max(self._rows.iteration, 0)), "raised", detail))
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Recorder can't be pickled, as its loop may still run: pickle its run")

    @staticmethod
    def _refuse(*args: object, **kwargs: object) -> NoReturn:
        raise ValueError("this recorder is closed: make another one for another loop")

    def _flush(self) -> None:
        with self._lock:
            self._drain()

    def _note(self, block: np.ndarray) -> None:
        """Write rows into the log, if there is one."""
        if self._file is None:
            return
        header: dict[str, Json] = {
            "layout": self._rows.layout(),
            "maximized": self.maximize,
            "title": self.title,
            "value": self._best_value,
            "trees": [None if each is None else each.to_json() for each in (self._x, self._gradient)],
        }
        arrays = {"rows": block}
        for name, leaves in (("best", self._best), ("slope", self._best_slope)):
            # Larger points would be most of the log; they are saved at the end.
            if leaves is not None and sum(map(np.size, leaves)) <= MOST_COORDINATES:
                arrays[name] = np.concatenate([np.ravel(leaf) for leaf in leaves])
        self._file.append(header, arrays)

    def _drain(self) -> None:
        """Move the waiting steps into the rows; devices are asked once."""
        steps = [self._waiting.popleft() for _ in range(len(self._waiting))]
        self._numbers = 0
        if not steps:
            return
        numbers, readings = _arrived(steps)
        wide = any(len(step) > SHORT for step in steps)
        scalars = np.full((len(steps), len(COLUMNS)), np.nan)
        scalars[:, PLACES["seconds"]] = numbers[:, 0] - self._began
        scalars[:, [PLACES["value"], PLACES["step_size"], PLACES["validation"]]] = numbers[:, 1:]
        scalars[:, PLACES["iteration"]] = self._iterations(steps, numbers)
        points = self._points(steps, readings[0]) if wide else None
        parts = self._parts(steps, readings) if wide else [None] * 3
        if parts[1] is not None:
            scalars[:, PLACES["gradient_norm"]] = np.sqrt(np.sum(parts[1] ** 2, axis=1))
        self._remember(scalars[:, PLACES["value"]], readings)
        self._note(self._rows.append(scalars, parts, points))

    def _iterations(self, steps: list[tuple[Any, ...]], numbers: np.ndarray) -> np.ndarray:
        """Return the number of each step; a validation loss alone has that of the step before."""
        alone = np.isnan(numbers[:, 1]) & np.isnan(numbers[:, 2]) & ~np.isnan(numbers[:, 3])
        given = any(len(step) > SHORT and step[6] is not None for step in steps)
        if not given and not alone.any():
            self._validated = bool(not np.isnan(numbers[-1, 3]))
            self._next += len(steps)
            return np.arange(self._next - len(steps), self._next)
        found = np.empty(len(steps))
        for k, step in enumerate(steps):
            further = step[4:] if len(step) > SHORT else (None, None, None)
            if further[2] is not None:
                self._next = int(further[2])
            elif step[1] is None and step[2] is None and further[0] is None and further[1] is None:
                self._next -= self._next > 0 and not self._validated
            found[k] = self._next
            self._next += 1
            self._validated = step[3] is not None
        return found

    def _points(self, steps: list[tuple[Any, ...]], readings: dict[int, list[np.ndarray]]) -> np.ndarray | None:
        """Return the points of the steps, flat; None if there are none, or if they are too large."""
        if not readings:
            return None
        first = steps[min(readings)][4]
        if not self._rows.leaves:
            names = () if first.is_large else structure_of(first).names
            self._rows.widen(names=names, leaves=first.names)
        return None if first.is_large else _stacked(readings, len(steps), len(self._rows.names))

    def _parts(
        self, steps: list[tuple[Any, ...]], readings: tuple[dict[int, list[np.ndarray]], dict[int, list[np.ndarray]]]
    ) -> list[np.ndarray | None]:  # fmt: skip
        """Return the norms of the leaves of points and gradients, and the gradients."""
        if readings[1] and not self._rows.slopes:
            first = steps[min(readings[1])][5]
            size = first.size if first.size <= MOST_COORDINATES else 0
            self._rows.widen(slopes=first.names, gradients=size)
        norms = [
            _stacked(
                {k: [np.asarray(_norm(leaf)) for leaf in leaves] for k, leaves in found.items()}, len(steps), width
            )
            for found, width in zip(readings, (len(self._rows.leaves), len(self._rows.slopes)), strict=True)
        ]
        gradients = self._rows.gradients
        return [*norms, _stacked(readings[1], len(steps), gradients) if gradients else None]

    def _remember(
        self, values: np.ndarray, readings: tuple[dict[int, list[np.ndarray]], dict[int, list[np.ndarray]]]
    ) -> None:  # fmt: skip
        """Keep the point with the best value, and its gradient; without values the last point."""
        signed = np.where(np.isfinite(values), -values if self.maximize else values, np.inf)
        here = [k for k in readings[0] if np.isfinite(signed[k])]
        if np.isfinite(signed).any():
            least = int(np.argmin(signed))
            if not signed[least] >= self._least:
                self._least = float(signed[least])
                self._best_value = float(values[least])
        large = self._x is not None and self._x.is_large
        if large or not readings[0]:
            return
        k = min(here, key=signed.__getitem__) if here else max(readings[0])
        better = signed[k] < self._least_point if here else not np.isfinite(self._least_point)
        if better:
            self._least_point = float(signed[k])
            self._best, self._best_slope = readings[0][k], readings[1].get(k)

    def _run(self) -> RecordedRun:
        best = _built(self._x, self._best), _built(self._gradient, self._best_slope)
        return RecordedRun._of(self._rows, *best, self._best_value, self.maximize, self.title, self._error)


def _built(reading: Reading | None, leaves: list[np.ndarray] | None) -> PyTree:
    if reading is None or leaves is None or reading.is_large:
        return np.empty(0)
    return filled(reading.tree, leaves)


def _checked(reading: Reading | None, before: Reading | None, name: str) -> Reading | None:
    """Return the first reading, of which only the leaves' names and shapes are used; raise if another differs."""
    if reading is None or before is None:
        return reading or before
    reading.align(before, fill=name == "gradient")
    if not reading.is_like(before):
        raise ValueError(f"{name} has changed its form: {_form(reading)} where it was {_form(before)}")
    return before


def _form(reading: Reading) -> str:
    parts = [f"{name} {shape}" for name, shape in zip(reading.names, reading.shapes, strict=True)]
    return ", ".join(parts[:3]) + ", …" * (len(parts) > 3)


def _arrived(
    steps: list[tuple[Any, ...]],
) -> tuple[np.ndarray, tuple[dict[int, list[np.ndarray]], dict[int, list[np.ndarray]]]]:
    """Return the numbers of steps, and the leaves of their points and gradients; devices are asked once."""
    readings: tuple[dict[int, list[np.ndarray]], dict[int, list[np.ndarray]]] = ({}, {})
    if all(len(step) == SHORT for step in steps):
        return np.array(steps, dtype=float), readings
    held: list[np.ndarray | Remote] = []
    for step in steps:
        if len(step) > SHORT:
            held += [each for each in step[1:4] if isinstance(each, np.ndarray | Remote)]
            held += [array for reading in step[4:6] if reading is not None for array in reading.arrays]
    arrived = iter(fetched(held))
    rows = []
    for k, step in enumerate(steps):
        if len(step) == SHORT:
            rows.append(step)
            continue
        given = [next(arrived).reshape(()) if isinstance(each, np.ndarray | Remote) else each for each in step[1:4]]
        rows.append((step[0], *given))
        for found, reading in zip(readings, step[4:6], strict=True):
            if reading is not None:
                found[k] = [next(arrived) for _ in reading.arrays]
    return np.array(rows, dtype=float), readings


def _stacked(found: dict[int, list[np.ndarray]], rows: int, width: int) -> np.ndarray | None:
    if not found:
        return None
    whole = np.full((rows, width), np.nan)
    for k, leaves in found.items():
        whole[k] = np.concatenate([np.ravel(leaf) for leaf in leaves])
    return whole


def _norm(leaf: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.asarray(np.linalg.norm(leaf.ravel()))
