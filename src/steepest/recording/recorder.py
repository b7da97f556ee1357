"""`Recorder`: writes down the steps of any training loop, for its pictures, its report and its diagnosis."""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from steepest.arguments import our_words
from steepest.places import path_of, shown
from steepest.recording.arrays import NUMBERS, Kept, OnDevice, fetched, number
from steepest.recording.callbacks import WithCallbacks
from steepest.recording.journal import Journal, read_journal
from steepest.recording.layout import Layout
from steepest.recording.recorded import NORMS, SLOPES, RecordedRun
from steepest.recording.trees import leaves_of
from steepest.saving.record import RECORD
from steepest.trace import Certificate, Event, Outcome, Trace, TraceWriter
from steepest.types import Array, PyTree

# Steps wait until there are so many, and are read together then. Chosen: a transfer from a device takes about as long
# as a hundred steps of a small loop.
MOST_WAITING = 1_024
# The most numbers that may wait on devices: 64 MB of single precision.
MOST_NUMBERS = 2**24
# Steps are on the disk after at most so many seconds.
EVERY = 0.5
COLUMNS = ("iteration", "evaluations", "value", "gradient_norm", "step_size", "seconds", "validation")
GRADIENT = "gradient of "
RULE = (
    "each step of a recorder needs points and gradients laid out alike: use one recorder for each model, or give the "
    "same arrays in each step"
)


class Recorder(WithCallbacks):
    """Writes down the steps of any training loop, for its pictures, its report and its diagnosis.

    A step takes about a microsecond for plain numbers. Arrays may be those of NumPy, JAX, PyTorch or any library that
    NumPy can read, and may change after the call; those on a device are fetched many at a time.

    Parameters
    ----------
    folder : path, optional
        Save into this folder as the loop goes on: a crash loses at most a second. `load` reads it at any time.
    maximize : bool
        Whether the loop maximises.
    title : str
        The text above pictures.
    overwrite : bool
        Replace a run that the folder holds.

    Raises
    ------
    FileExistsError
        If the folder holds something already.

    Examples
    --------
    >>> import steepest as st
    >>> x, recorder = 9.0, st.Recorder()
    >>> for _ in range(50):
    ...     recorder.step(x**2, gradient=2 * x, x=x, learning_rate=0.1)
    ...     x -= 0.1 * 2 * x
    >>> recorder.run.trace.value[:3]
    array([81.    , 51.84  , 33.1776])
    """

    @our_words
    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        maximize: bool = False,
        title: str = "",
        overwrite: bool = False,
    ) -> None:
        self.maximize, self.title = bool(maximize), str(title)
        self._waiting: deque[tuple[Any, ...]] = deque()
        self._on_device = 0
        self._began = time.perf_counter()
        self._lock = threading.RLock()
        self._layout: Layout | None = None
        self._has_points = self._has_gradients = False
        self._writer = TraceWriter((), COLUMNS)
        self._count, self._ended, self._is_closed = 0, "", False
        self._journal: Journal | None = None
        if folder is not None:
            self._journal = _begun(path_of(folder, "folder"), overwrite)
            self._stop = threading.Event()
            self._restart_journal()
            # The thread must not keep the recorder alive.
            recorder = weakref.ref(self)
            self._thread = threading.Thread(target=_save_often, args=(recorder, self._stop), daemon=True)
            self._thread.start()
            weakref.finalize(self, _save_last, recorder, self._stop)

    def step(
        self,
        value: Array = None,
        *,
        gradient: PyTree = None,
        x: PyTree = None,
        learning_rate: Array = None,
        validation: Array = None,
    ) -> None:
        """Write down a step; whatever is not known is left out.

        Parameters
        ----------
        value : number
            The loss, or the value of the function.
        gradient : array or tree, optional
            The gradient at x; for a module of PyTorch the module, whose gradients are read.
        x : array or tree, optional
            The point: an array, dicts or lists of arrays, or a module of PyTorch. Of more than 1,000 coordinates a
            sketch is kept, and the norm of each array.
        learning_rate : number, optional
            The learning rate.
        validation : number, optional
            The loss on other rows.

        Raises
        ------
        TypeError
            If something is no number or array of numbers, or a tracer of JAX.
        ValueError
            If a number is an array of several, or points are laid out otherwise than before.
        RuntimeError
            If the recorder is closed.
        """
        if type(value) not in NUMBERS:
            value = self._number(value, "value")
        if type(learning_rate) not in NUMBERS:
            learning_rate = self._number(learning_rate, "learning_rate")
        if type(validation) not in NUMBERS:
            validation = self._number(validation, "validation")
        if x is not None or gradient is not None:
            x, gradient = self._copied(x, gradient)
        self._waiting.append((value, learning_rate, validation, time.perf_counter(), x, gradient))
        if len(self._waiting) >= MOST_WAITING or self._is_closed or self._on_device > MOST_NUMBERS:
            self._flush_or_refuse()

    def _number(self, given: Any, name: str) -> float | OnDevice | None:
        one = number(given, name)
        self._on_device += isinstance(one, OnDevice)
        return one

    def _copied(self, x: PyTree, gradient: PyTree) -> tuple[list[Any] | None, list[Any] | None]:
        """Return copies of what a row needs of a point and a gradient."""
        copies: list[list[Kept] | None] = []
        for tree, what in ((x, "x"), (gradient, "gradient")):
            if tree is None:
                copies.append(None)
                continue
            leaves = leaves_of(tree, what, slopes=what == "gradient")
            layout = Layout.of(leaves, what)
            if self._layout is None:
                self._layout = layout
            elif (layout.leaves, layout.shapes) != (self._layout.leaves, self._layout.shapes):
                before = self._layout
                if layout.size != before.size:
                    raise ValueError(f"{what} has {layout.size:,} numbers, and before it were {before.size:,}: {RULE}")
                if layout.sizes != before.sizes:
                    raise ValueError(f"{what} has {layout.described}, and before it were {before.described}: {RULE}")
            kept = self._layout.keep(leaves, what)
            copies.append(kept)
            if any(isinstance(each, OnDevice) for each in kept):
                self._on_device += layout.size if not layout.is_sketch else layout.size // layout.stride
        return copies[0], copies[1]

    @property
    def run(self) -> RecordedRun:
        """All steps so far, as a run with a trace, pictures, a report and a diagnosis."""
        with self._lock:
            self._flush()
            return _run_of(
                self._writer.trace(), self._layout, self.maximize, self.title, self._ended, list(self._writer.events)
            )

    def close(self) -> None:
        """Finish: no more steps are taken, and the run is saved if there is a folder."""
        with self._lock:
            if self._is_closed:
                return
            self._flush()
            self._is_closed = True
            if self._journal is not None:
                self._stop.set()
                self._save(self._finish)

    def _finish(self) -> None:
        assert self._journal is not None
        self._journal.close()
        self.run.save(self._journal.folder, overwrite=True)
        self._journal.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:  # fmt: skip
        with self._lock:
            if kind is not None:
                words = "the loop was interrupted" if kind is KeyboardInterrupt else f"the loop raised {kind.__name__}"
                self._ended = f"{words}: {error}" if str(error) else words
            self.close()

    def _flush_or_refuse(self) -> None:
        if self._is_closed:
            self._waiting.clear()
            raise RuntimeError("this recorder is closed: begin a new one for more steps")
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        """Read the steps that wait, and add them to the trace and to the disk."""
        with self._lock:
            steps = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if not steps:
                return
            columns: list[Sequence[Any]] = list(zip(*steps, strict=True))
            if self._on_device:
                self._on_device = 0
                columns = _fetch(columns)
            points, gradients = (column.count(None) < len(steps) for column in columns[4:])
            if (points and not self._has_points) or (gradients and not self._has_gradients):
                self._has_points |= points
                self._has_gradients |= gradients
                self._widen()
            stride = self._writer.stride
            rows, x = self._rows(columns)
            self._writer.append(rows, x)
            self._count += len(steps)
            if self._journal is not None:
                if self._writer.stride > stride:
                    self._restart_journal()
                else:
                    kept = rows[:, 0] % stride == 0
                    self._save(partial(self._journal.append, np.hstack([rows, x])[kept]))

    def _rows(self, steps: list[Sequence[Any]]) -> tuple[np.ndarray, np.ndarray]:
        """Return the columns of some steps, and their points."""
        value, rate, validation, seconds, points, slopes_of_points = steps
        count, layout = len(value), self._layout
        leaves, width = (len(layout.leaves), len(layout.names)) if layout else (0, 0)
        norms, slopes = np.full((count, leaves), np.nan), np.full((count, leaves), np.nan)
        x, g = np.full((count, width * self._has_points), np.nan), np.full((count, width), np.nan)
        for trees, numbers, sizes in ((points, x, norms), (slopes_of_points, g, slopes)):
            given = [k for k in range(count) if trees[k] is not None] if trees.count(None) < count else []
            for k in given:
                assert layout is not None
                numbers[k], sizes[k] = layout.numbers(trees[k])
        iteration = self._count + np.arange(count)
        total = np.sqrt(np.sum(slopes**2, axis=1)) if leaves else np.full(count, np.nan)
        spent = _numbers(seconds) - self._began
        scalars = np.column_stack(
            [iteration, iteration + 1, _numbers(value), total, _numbers(rate), spent, _numbers(validation)]
        )
        further = [norms] if self._has_points and leaves > 1 else []
        further += [slopes] if self._has_gradients and leaves > 1 else []
        further += [g] if self._has_gradients else []
        return np.hstack([scalars, *further]), x

    def _columns(self) -> tuple[list[str], list[str]]:
        """Return the names of the columns and those of the points."""
        columns, layout = list(COLUMNS), self._layout
        if layout is None:
            return columns, []
        if len(layout.leaves) > 1:
            columns += [NORMS + name for name in layout.leaves] if self._has_points else []
            columns += [SLOPES + name for name in layout.leaves] if self._has_gradients else []
        columns += [GRADIENT + name for name in layout.names] if self._has_gradients else []
        return columns, list(layout.names) if self._has_points else []

    def _widen(self) -> None:
        """Give the trace more columns, which are NaN in the rows so far."""
        old = self._writer.trace()
        columns, names = self._columns()
        known = old.columns | dict(zip(old.names, old.x.T, strict=True))
        blank = np.full(len(old), np.nan)
        self._writer = TraceWriter(names, columns)
        x = np.column_stack([known.get(name, blank) for name in names]) if names else np.empty((len(old), 0))
        wider = Trace({name: known.get(name, blank) for name in columns}, x, names, old.stored_events, old.stride)
        self._writer.resume(wider, len(old.stored_events))
        self._restart_journal()

    def _restart_journal(self) -> None:
        if self._journal is None:
            return
        columns, names = self._columns()
        trace = self._writer.trace()
        layout = self._layout and {"leaves": self._layout.leaves, "shapes": self._layout.shapes}
        header = {
            "columns": columns, "names": names, "layout": layout, "maximize": self.maximize, "title": self.title,
            "stride": trace.stride,
        }  # fmt: skip
        rows = np.column_stack([*(trace.columns[name] for name in columns), trace.x])
        journal = self._journal
        self._save(lambda: journal.begin(header, rows))

    def _save(self, write: Callable[[], object]) -> None:
        """Write to the disk; if that fails, say so once, and let the loop go on."""
        try:
            write()
        except OSError as error:
            folder, self._journal = self._journal and self._journal.folder, None
            place, why = shown(folder or Path()), error.strerror or error
            warnings.warn(
                f"{place} can't be written ({why}): the recorder goes on in memory; save it elsewhere with "
                "recorder.run.save(folder)",
                RuntimeWarning,
                stacklevel=2,
            )


def _begun(folder: Path, overwrite: bool) -> Journal:
    """Return the journal of a folder that is free."""
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{shown(folder)} is a file: give a folder to write into")
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise FileExistsError(
            f"{shown(folder)} is not empty: name another folder, or give overwrite=True to replace the run in it"
        )
    folder.mkdir(parents=True, exist_ok=True)
    # Until this run is finished, the folder holds its journal alone.
    (folder / RECORD).unlink(missing_ok=True)
    return Journal(folder)


def _save_often(recorder: weakref.ref[Recorder], stop: threading.Event) -> None:
    """Flush a recorder again and again, until it is closed or gone."""
    while not stop.wait(EVERY):
        alive = recorder()
        if alive is None:
            return
        try:
            alive._flush()
        except Exception as error:  # noqa: BLE001 - an array of the loop may raise anything, and the loop must go on
            warnings.warn(f"steps of a recorder were lost: {error}", RuntimeWarning, stacklevel=1)
        del alive


def _save_last(recorder: weakref.ref[Recorder], stop: threading.Event) -> None:
    """Flush a recorder that is not closed when the program ends."""
    stop.set()
    alive = recorder()
    if alive is not None:
        with contextlib.suppress(Exception):
            alive._flush()


def _numbers(values: Sequence[Any]) -> np.ndarray:
    """Return numbers as an array, NaN where one is missing."""
    return np.array(values, dtype=float)


def _fetch(columns: list[Sequence[Any]]) -> list[Sequence[Any]]:
    """Return the columns of steps with the numbers of what waits on devices, read in one transfer."""
    waiting = [each for column in columns[:3] for each in column if isinstance(each, OnDevice)]
    waiting += [each for column in columns[4:] for tree in column for each in tree or () if isinstance(each, OnDevice)]
    arrays = dict(zip(map(id, waiting), fetched(waiting), strict=True))

    def host(each: Any) -> Any:
        return arrays[id(each)] if isinstance(each, OnDevice) else each

    scalars = [[host(each)[0] if isinstance(each, OnDevice) else each for each in column] for column in columns[:3]]
    trees = [[None if tree is None else [host(each) for each in tree] for tree in column] for column in columns[4:]]
    return [*scalars, columns[3], *trees]


def _run_of(
    trace: Trace, layout: Layout | None, maximize: bool, title: str, ended: str, events: list[Event]
) -> RecordedRun:  # fmt: skip
    """Return the run of the rows of a recorder."""
    columns = {name: trace.columns.pop(name) for name in list(trace.columns) if name not in COLUMNS}
    gradients = [each for name, each in columns.items() if name.startswith(GRADIENT)]
    value = np.where(np.isfinite(trace.value), trace.value, np.nan)
    known = bool(np.isfinite(value).any())
    best = int(np.nanargmax(value) if maximize else np.nanargmin(value)) if known else len(trace) - 1
    trace = Trace(trace.columns, trace.x, list(trace.names), events, trace.stride)
    count = int(trace.columns["evaluations"][-1]) if len(trace) else 0
    given = np.isfinite(trace.gradient_norm)
    steps = f"{count:,} {'step' if count == 1 else 'steps'}"
    message = f"{Outcome.RECORDED}: {steps} of a loop; {ended or 'nothing is claimed'}"
    g = np.column_stack(gradients) if gradients else None
    return RecordedRun(
        x=_point(layout, trace.x[best]) if len(trace) else np.empty(0),
        fun=float(value[best]) if known else math.nan,
        jac=_point(layout, g[best]) if g is not None and len(trace) else np.empty(0),
        nit=max(count - 1, 0), nfev=count, njev=int(given.sum()), outcome=Outcome.RECORDED, message=message,
        certificate=Certificate(), trace=trace, kind="recorded", why="a loop of the user's own has recorded it",
        maximized=maximize, title=title, seconds=float(trace.seconds[-1]) if len(trace) else math.nan, gradients=g,
        leaf_norms={name.removeprefix(NORMS): each for name, each in columns.items() if name.startswith(NORMS)},
        leaf_slopes={name.removeprefix(SLOPES): each for name, each in columns.items() if name.startswith(SLOPES)},
    )  # fmt: skip


def _point(layout: Layout | None, row: np.ndarray) -> PyTree:
    """Return the point of a row as arrays by name; the row itself if there is one array, or a sketch."""
    if layout is None or layout.is_sketch or not row.size:
        return row.copy()
    if layout.leaves == ("",):
        return row.reshape(layout.shapes[0])[()]
    parts = np.split(row, np.cumsum(layout.sizes)[:-1])
    return {
        name: part.reshape(shape)[()] for name, part, shape in zip(layout.leaves, parts, layout.shapes, strict=True)
    }


def load_journal(folder: Path) -> RecordedRun:
    """Return the run of a recorder that is still at work, or has died.

    Parameters
    ----------
    folder : Path
        Its folder.

    Returns
    -------
    RecordedRun
        The run so far.
    """
    header, rows = read_journal(folder)
    width = len(header["columns"])
    columns = dict(zip(header["columns"], rows[:, :width].T.copy(), strict=True))
    for count in ("iteration", "evaluations"):
        columns[count] = columns[count].astype(np.int64)
    trace = Trace(columns, rows[:, width:].copy(), header["names"], [], header["stride"])
    found = header["layout"]
    layout = found and Layout(tuple(found["leaves"]), tuple(map(tuple, found["shapes"])))
    ended = "the recorder was not closed: the loop goes on, or has died"
    return _run_of(trace, layout, header["maximize"], header["title"], ended, [])
