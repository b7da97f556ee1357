"""`Recorder`: a notebook for a loop of the user's own, which becomes a run."""

from __future__ import annotations

import math
import os
import threading
import warnings
import weakref
from collections import deque
from itertools import pairwise
from time import perf_counter
from typing import Any, NoReturn, Self, TypeAlias

import numpy as np

from steepest.derivatives.process.interrupts import uninterrupted
from steepest.printable import quoted
from steepest.recording.callbacks import WithCallbacks
from steepest.recording.keeper import Keeper
from steepest.recording.numbers import PLAIN, Remote, fetched, norms_of, number_of, scalar
from steepest.recording.rows import COLUMNS, PLACES, Rows
from steepest.recording.run import RecordedRun
from steepest.recording.trees import Reading, filled, structure_of
from steepest.trace import MOST_COORDINATES, Event, Trace
from steepest.types import Array, Json, PyTree

# Steps wait until there are so many, or so many numbers in their arrays, and are read together. Chosen, not measured:
# with more of them the last steps take more memory, with fewer devices are asked more often.
MOST_WAITING = 1_000
MOST_NUMBERS = 1_000_000
# A step with numbers alone is a tuple of the time, the value, the learning rate and the validation loss; a longer one
# also has the point, the gradient and the iteration.
SHORT = 4
# By the number of the step among those that wait, the leaves of its point; and the same for gradients.
Readings: TypeAlias = tuple[dict[int, list[np.ndarray]], dict[int, list[np.ndarray]]]
LIVE: weakref.WeakSet[Recorder] = weakref.WeakSet()


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
        # A handler of signals may ask for the run while steps are read.
        self._lock = threading.RLock()
        LIVE.add(self)
        self._rows = Rows()
        self._next = 0
        self._x: Reading | None = None
        self._gradient: Reading | None = None
        self._best: list[np.ndarray] | None = None
        self._best_value = math.nan
        self._least = self._least_point = math.inf
        self._validated = self._failed = False
        self._value_iteration = self._point_iteration = -math.inf
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
        if type(value) not in PLAIN or type(learning_rate) not in PLAIN or type(validation) not in PLAIN:
            value, learning_rate = scalar(value, "value"), scalar(learning_rate, "learning_rate")
            validation = scalar(validation, "validation")
        if iteration is not None:
            iteration = _whole(iteration)
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
            "value": self._fun(),
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
        if not steps:
            return
        before, self._numbers = (self._next, self._validated), 0
        try:
            numbers, readings, fault = _arrived(steps)
            with uninterrupted():
                self._take(steps, numbers, readings)
        except BaseException:
            # Ctrl-C, or no memory: the steps wait on.
            self._waiting.extendleft(reversed(steps))
            self._next, self._validated = before
            raise
        if fault and not self._failed:
            self._failed = True
            warnings.warn(
                f"numbers on a device could not be fetched, and are NaN in the recording: {fault}",
                RuntimeWarning,
                stacklevel=3,
            )

    def _take(self, steps: list[tuple[Any, ...]], numbers: np.ndarray, readings: Readings) -> None:
        """Add steps, whose numbers have arrived, to the rows and to the log."""
        wide = any(len(step) > SHORT for step in steps)
        scalars = np.full((len(steps), len(COLUMNS)), np.nan)
        scalars[:, PLACES["seconds"]] = numbers[:, 0] - self._began
        scalars[:, [PLACES["value"], PLACES["step_size"], PLACES["validation"]]] = numbers[:, 1:]
        scalars[:, PLACES["iteration"]] = self._iterations(steps, numbers)
        points = self._points(steps, readings[0]) if wide else None
        parts = self._parts(steps, readings, points) if wide else [None] * 3
        if parts[1] is not None:
            scalars[:, PLACES["gradient_norm"]] = norms_of(parts[1])
        block = self._rows.append(scalars, parts, points)
        self._remember(scalars, readings)
        self._note(block)

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
        self, steps: list[tuple[Any, ...]], readings: Readings, points: np.ndarray | None
    ) -> list[np.ndarray | None]:  # fmt: skip
        """Return the norms of the leaves of points and gradients, and the gradients."""
        slopes = None
        if readings[1]:
            first = steps[min(readings[1])][5]
            if not self._rows.slopes:
                size = first.size if first.size <= MOST_COORDINATES else 0
                self._rows.widen(slopes=first.names, gradients=size)
            slopes = None if first.is_large else _stacked(readings[1], len(steps), first.size)
        norms = [
            _leaf_norms(found, len(steps), len(names), whole)
            for found, names, whole in zip(
                readings, (self._rows.leaves, self._rows.slopes), (points, slopes), strict=True
            )
        ]
        return [*norms, slopes if self._rows.gradients else None]

    def _remember(self, scalars: np.ndarray, readings: Readings) -> None:
        """Keep the point with the best value, and its gradient; without values the last point."""
        values, iterations = scalars[:, PLACES["value"]], scalars[:, PLACES["iteration"]]
        found = [(k, readings[0][k], readings[1].get(k)) for k in readings[0]]
        if self._rows.mended:
            # Rows have filled others, or were dropped.
            last = np.minimum.accumulate(iterations[::-1])[::-1]
            found = [each for each in found if iterations[each[0]] < np.append(last, np.inf)[each[0] + 1]]
            self._forget()
            kept = self._rows.collector.trace()
            if self._x is not None and self._x.size <= MOST_COORDINATES:
                values, iterations = kept.columns["value"], kept.columns["iteration"]
                found = self._kept(kept)
            else:
                alive = np.isin(iterations, kept.columns["iteration"])
                found = [each for each in found if alive[each[0]]]
                self._choose_value(kept.columns["value"], kept.columns["iteration"])
                if self._best is None:
                    # The points of the rows are not at hand, and a worse one is not the best.
                    self._least_point = self._least
                values = np.where(alive, values, np.nan)
        signed = self._choose_value(values, iterations)
        if (self._x is not None and self._x.is_large) or not found:
            return
        here = [each for each in found if np.isfinite(signed[each[0]])]
        k, point, slope = min(here, key=lambda each: signed[each[0]]) if here else found[-1]
        if here:
            better = signed[k] < self._least_point or (self._best is None and signed[k] == self._least_point)
        else:
            better = not np.isfinite(self._least_point)
        if better:
            self._least_point, self._point_iteration = float(signed[k]), float(iterations[k])
            self._best, self._best_slope = point, slope

    def _choose_value(self, values: np.ndarray, iterations: np.ndarray) -> np.ndarray:
        """Keep the best value, and return the values with their sign turned so that lower is better."""
        signed = np.where(np.isfinite(values), -values if self.maximize else values, np.inf)
        least = int(np.argmin(signed)) if len(signed) else -1
        if len(signed) and signed[least] < self._least:
            self._least, self._best_value = float(signed[least]), float(values[least])
            self._value_iteration = float(iterations[least])
        return signed

    def _forget(self) -> None:
        """Forget the best value and the best point if their rows were dropped."""
        if self._value_iteration >= self._rows.back_to:
            self._least, self._best_value = math.inf, math.nan
        if self._point_iteration >= self._rows.back_to:
            self._least_point, self._best, self._best_slope = math.inf, None, None

    def _kept(self, kept: Trace) -> list[tuple[int, list[np.ndarray], list[np.ndarray] | None]]:
        """Return the points of the rows, and their gradients, as leaves."""
        found = []
        columns = [kept.columns[f"gradient {k}"] for k in range(self._rows.gradients)]
        slopes = np.column_stack(columns) if columns else np.full((len(kept), 1), np.nan)
        for k in np.flatnonzero(~np.isnan(kept.x).all(axis=1)).tolist():
            slope = None if np.isnan(slopes[k]).all() else _leaves(self._gradient, slopes[k])
            found.append((k, _leaves(self._x, kept.x[k]), slope))
        return found

    def _run(self) -> RecordedRun:
        best = _built(self._x, self._best), _built(self._gradient, self._best_slope)
        return RecordedRun._of(self._rows, *best, self._fun(), self.maximize, self.title, self._error)

    def _fun(self) -> float:
        """Return the value at the best point; the best value if no point has one."""
        if self._best is None or not math.isfinite(self._least_point):
            return self._best_value
        return -self._least_point if self.maximize else self._least_point


def _whole(iteration: Any) -> int:
    """Return the number of a step; floats count to 2**53."""
    try:
        if not isinstance(iteration, bool | str) and int(iteration) == iteration and abs(iteration) < 2**53:
            return int(iteration)
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError(f"iteration={quoted(iteration)} is no whole number: give the number of the step, or leave it out")


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


def _arrived(steps: list[tuple[Any, ...]]) -> tuple[np.ndarray, Readings, str]:
    """Return the numbers of steps, and the leaves of their points and gradients, and the error of a device, if any."""
    readings: Readings = ({}, {})
    if all(len(step) == SHORT for step in steps):
        return _numbers(steps), readings, ""
    held: list[np.ndarray | Remote] = []
    for step in steps:
        if len(step) > SHORT:
            held += [each for each in step[1:4] if isinstance(each, np.ndarray | Remote)]
            held += [array for reading in step[4:6] if reading is not None for array in reading.arrays]
    ready, fault = fetched(held)
    arrived = iter(ready)
    rows: list[tuple[Any, ...]] = []
    for k, step in enumerate(steps):
        if len(step) == SHORT:
            rows.append(step)
            continue
        given = [next(arrived).reshape(()) if isinstance(each, np.ndarray | Remote) else each for each in step[1:4]]
        rows.append((step[0], *given))
        for found, reading in zip(readings, step[4:6], strict=True):
            if reading is not None:
                found[k] = [next(arrived) for _ in reading.arrays]
    return _numbers(rows), readings, fault


def _numbers(rows: list[tuple[Any, ...]]) -> np.ndarray:
    try:
        return np.array(rows, dtype=float)
    except OverflowError:
        # An integer of Python may be larger than all floats.
        return np.array([[number_of(each) for each in row] for row in rows])


def _stacked(found: dict[int, list[np.ndarray]], rows: int, width: int) -> np.ndarray | None:
    if not found:
        return None
    flat = np.concatenate([leaf.ravel() for leaves in found.values() for leaf in leaves]).reshape(len(found), width)
    if len(found) == rows:
        return flat
    whole = np.full((rows, width), np.nan)
    whole[list(found)] = flat
    return whole


def _leaf_norms(
    found: dict[int, list[np.ndarray]], rows: int, width: int, whole: np.ndarray | None
) -> np.ndarray | None:  # fmt: skip
    """Return the norm of each leaf, row by row; without the whole rows the leaves are norms already."""
    if not found or whole is None:
        return _stacked(found, rows, width)
    ends = np.cumsum([leaf.size for leaf in next(iter(found.values()))]).tolist()
    return np.column_stack([norms_of(whole[:, begin:end]) for begin, end in pairwise([0, *ends])])


def _leaves(reading: Reading | None, flat: np.ndarray) -> list[np.ndarray]:
    """Return flat numbers as the leaves of a tree."""
    assert reading is not None
    ends = np.cumsum([math.prod(shape) for shape in reading.shapes])[:-1]
    return [part.reshape(shape) for part, shape in zip(np.split(flat, ends), reading.shapes, strict=True)]


def _unlock() -> None:
    """Give each recorder of a process that was just forked another lock: the thread that held it is not there."""
    for recorder in list(LIVE):
        recorder._lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock)
