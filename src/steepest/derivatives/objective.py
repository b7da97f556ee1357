"""The objective of a descent: a function of one flat vector, with its gradient and facts that help to minimise it."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.clock import Clock
from steepest.derivatives.compiled import Compiled, Slope
from steepest.derivatives.differences import EPS, scale_of
from steepest.derivatives.differencing.noisy import NoisyDifferences
from steepest.derivatives.differencing.slopes import Differences
from steepest.derivatives.noise import Call
from steepest.derivatives.precision import compiled_code
from steepest.derivatives.scatter import Repeated, Scatter
from steepest.derivatives.tracing.hidden import HiddenLayer, hidden_layers
from steepest.sets.chart import Chart
from steepest.sets.region import Region
from steepest.types import Array, Function, PyTree

# A relative tolerance is a share of the descent, or of the distance to the lower bound if that is less, but of at least
# this share of the descent. At the lower bound the distance is 0, and no descent could meet a tolerance of 0.
LEAST_PART = 1e-3


@dataclass
class Objective:
    """A function of one flat vector, with the best gradient available.

    `serve` builds one from a user's function. A fit builds its own, and sets the facts known of the loss:
    `heavy`, `hessian`, `audit`, `smooth`, `baseline`, `lowest`.

    Attributes
    ----------
    size : int
        The number of coordinates.
    value : callable
        The plain value at a point, by calling the user's code.
    slope : callable
        ``x -> (value, gradient)`` in plain Python.
    kind : str
        "traced", "eager", "differences" or "given".
    why : str
        One sentence on how the gradient is obtained, and why a better way is not used.
    compiled : Compiled or None
        The compiled function, if the kind is "traced" or a given gradient was compiled.
    arrays : tree
        The data that the compiled function takes.
    cost : int
        How many values of f one gradient costs.
    key : hashable
        The key of the compiled function in the cache.
    heavy : bool
        Whether a single gradient may take so long that progress must be reported after each.
    hessian : callable or None
        ``x -> matrix``, if the matrix costs less than differences of gradients.
    quadratic : bool
        Whether the Hessian is the same everywhere, so that it determines the minimum exactly.
    audit : callable or None
        ``x -> Audit or None``, if the Hessian is known better than by differences of gradients.
    smooth : bool
        Whether the function has no kinks, so that the distance to the minimum follows from the Hessian.
    baseline : float
        A value that needs no descent, such as the value of a linear model without its columns: relative tolerances
        refer to the descent below this value.
    lowest : float
        A lower bound of all values.
    limit : float
        A lower bound that no point reaches, such as 0 for the log loss; -inf if there is none, or none is known.
    differences : Differences or None
        The source of the gradient and its errors, if the kind is "differences".
    precision : float
        The relative rounding error of the coarsest type that the code computes in.
    rows_precision : float
        The relative rounding error of the rows of a linear model; 0 for other functions.
    clock : Clock
        The time after which the function may no longer be called.
    slope_seconds : float
        How long one gradient takes, 0 if unknown.
    condition : float
        How many rounding errors a value may be off by: its own, and those of the point, which change the value too.
    start_value : float
        The plain value at the start.
    box : Box or None
        Where f may be called.
    region : Region or None
        The sets in which f may be called.
    chart : Chart or None
        The coordinates of the point, if some of its parts lie in affine sets.
    by_calls : bool
        Whether values and gradients come from plain calls alone, which the clock counts.
    scatter : Scatter or None
        The noise of a function whose values differ from call to call; None if they repeat.
    noisy_differences : NoisyDifferences or None
        The source of the gradient of such a function, unless the user gave one.
    check_repeats : callable or None
        A function of a point, a plain value there, if known, and the best point. It calls f again, and makes the
        objective a noisy one if the values differ; it returns None if f raises. None if the objective is noisy already,
        or not the user's.
    outliers : callable or None
        Returns the calls whose values stand out, if another source of the gradient than `differences` knows them.
    slope_rounding : callable or None
        A function from a point to the rounding error of each entry of the gradient, where more is known of it than that
        of the value.
    obstacle : str
        Why the gradient does not come from compiled code, the best way; empty if it does.
    """

    size: int
    value: Callable[[np.ndarray], float]
    slope: Callable[[np.ndarray], Slope]
    kind: str
    why: str
    compiled: Compiled | None = None
    arrays: PyTree = ()
    cost: int = 1
    key: Hashable = None
    heavy: bool = False
    hessian: Callable[[np.ndarray], np.ndarray] | None = None
    quadratic: bool = False
    audit: Function | None = None
    smooth: bool = True
    baseline: float = math.inf
    lowest: float = -math.inf
    limit: float = -math.inf
    differences: Differences | None = None
    precision: float = EPS
    rows_precision: float = 0.0
    clock: Clock = field(default_factory=Clock)
    slope_seconds: float = 0.0
    condition: float = 1.0
    start_value: float = math.nan
    box: Box | None = None
    region: Region | None = None
    chart: Chart | None = None
    obstacle: str = ""
    by_calls: bool = False
    scatter: Scatter | None = None
    noisy_differences: NoisyDifferences | None = None
    slope_rounding: Callable[[np.ndarray], np.ndarray] | None = None
    outliers: Callable[[], list[Call]] | None = None
    check_repeats: Callable[[np.ndarray, float | None, np.ndarray], Repeated | None] | None = None

    def scale(self, first: float, value: float) -> float:
        """Return the amount that a relative tolerance refers to, after a descent from `first` to `value`.

        It is the descent, or the distance to the lower bound if that is less, but at least `LEAST_PART` of the descent.
        """
        descent = min(first, self.baseline) - value
        return float(min(max(value - self.lowest, LEAST_PART * descent), descent))

    @property
    def updates(self) -> int:
        """How many updates an iteration of the loop makes: 1, or one per batch of an epoch."""
        return self.compiled.updates if self.compiled else 1

    @property
    def in_epochs(self) -> bool:
        """Whether an iteration of the loop is an epoch, whose updates the compiled code makes itself."""
        return self.compiled is not None and self.compiled.epoch is not None

    @property
    def relative_noise(self) -> float:
        """How much two values may differ that would be equal in exact arithmetic, relative to their size."""
        if self.differences:
            return max(self.differences.relative, self.differences.coarse())
        return self.precision * self.condition

    def relative_noise_of(self, value: float) -> float:
        """Return the noise of a value, relative to its size."""
        return self.relative_noise if self.scatter is None else self.scatter.part_of(value)

    @property
    def overhead(self) -> int:
        """How many values were computed to find the steps of differences, in addition to the `cost` of gradients."""
        return self.differences.overhead if self.differences else 0

    def forget(self) -> None:
        """Forget what differences have learnt at the points of one descent, before another one begins."""
        if self.differences:
            self.differences.forget()

    def slope_error(self, x: np.ndarray) -> np.ndarray | None:
        """Return the error of each entry of the gradient at a point, infinite if it is unknown.

        Return None if the gradient is exact up to rounding.
        """
        return self.differences.error(x) if self.differences else None

    def scales(self, x: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Return the length over which f changes along each coordinate, if differences have measured it.

        Otherwise return the typical size of each coordinate.
        """
        if self.differences:
            return self.differences.scales()
        scale = scale_of(x, start)
        return scale if self.chart is None else np.maximum(scale, self.chart.sizes(x))

    def hidden(self, x: np.ndarray, rows: int = 256) -> list[HiddenLayer]:
        """Return the hidden layers at a point, if the function is a network whose code was compiled; else none.

        The layers of a fit have at most so many of its rows, evenly spaced.
        """
        compiled = self.compiled
        if compiled is None:
            return []
        pure = compiled.pure
        if compiled.on_rows is not None and "data" in self.arrays:
            counted = np.flatnonzero(np.asarray(self.arrays["data"][2]))
            some = counted[np.linspace(0, len(counted) - 1, min(rows, len(counted))).astype(int)]
            pure = partial(_on_rows, compiled.on_rows, some)
        with compiled_code():
            return hidden_layers(pure, x, self.arrays, compiled.loop)

    def use_differences(self, differences: Differences, obstacle: str) -> None:
        """Obtain the gradient by differences from now on."""
        self.differences, self.obstacle = differences, obstacle
        self.kind, self.why = "differences", by_differences(obstacle)


def _on_rows(on_rows: Function, rows: np.ndarray, x: Array, arrays: PyTree) -> PyTree:
    return on_rows(x, rows, 1.0, arrays)


def by_differences(obstacle: str) -> str:
    """Return the sentence that explains a gradient by differences."""
    return f"central differences of plain values, because {obstacle}"


def differences_at(objective: Objective, x: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return the gradient by central differences at a point where the exact gradient is NaN.

    It is NaN too where the numbers come near the largest float, as in a descent that diverges.
    """
    try:
        return Differences(objective.value, start, objective.box, region=objective.region)(x)[1]
    except (OverflowError, ZeroDivisionError):
        return np.full(x.size, np.nan)
