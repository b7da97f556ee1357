"""Finite differences with their error: forward, central and complex-step, with optional extrapolation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from steepest.derivatives.differences import EPS, scale_of
from steepest.derivatives.noise import noise_level
from steepest.derivatives.structure import Calling, Leaf, array_of, read_call
from steepest.printable import quoted
from steepest.types import Array, Function, PyTree

METHODS = ("forward", "central", "complex")
MOST_LEVELS = 8
# The longest step, as a share of the size of the coordinate: a longer one would leave the neighbourhood of the point.
LARGEST_STEP = 0.1
# The number of random directions in which the error is measured; each costs four values of f.
PROBES = 2


@dataclass(frozen=True)
class FiniteDifference:
    """A derivative from values alone, with an estimate of its error.

    Attributes
    ----------
    derivative : float or array
        The derivative at the point: laid out like the point if f returns one number, else the
        Jacobian matrix, with one row per output.
    error : like derivative
        An estimate of the absolute error: the error from the noise of f, plus the error measured in
        random directions.
    step : array
        The step of each coordinate, in its units.
    evaluations : int
        How many values of f were computed.
    noise : float
        The noise of f, measured or given, in the units of f.
    method : str
        "forward", "central" or "complex".
    """

    derivative: PyTree
    error: PyTree
    step: np.ndarray
    evaluations: int
    noise: float
    method: str


@np.errstate(all="ignore")
def finite_difference(
    f: Function,
    at: PyTree,
    *,
    method: str = "central",
    h: float | np.ndarray | None = None,
    richardson: int = 0,
    noise: float | None = None,
) -> FiniteDifference:
    """Return the derivative of f at a point from values alone, with an estimate of its error.

    The forward quotient, (f(x + h) - f(x)) / h, takes n + 1 values. The central quotient, (f(x + h) - f(x - h)) / 2h,
    takes 2n values. The complex step, Im f(x + ih) / h, takes n values, and is exact up to rounding if f is analytic
    and takes complex numbers. A few more values, independent of n, measure the noise of f and the error.

    Parameters
    ----------
    f : callable
        A function of one point (scalar, array, dict or tree) or of several scalars. It returns one
        number, or an array for a Jacobian.
    at : float, array, dict or tree
        The point.
    method : {"central", "forward", "complex"}
        The kind of quotient.
    h : float or array, optional
        The step in the units of each coordinate. By default the step follows from the size of
        the coordinate (1 at 0) and the noise of f, so that the errors from noise and from curvature are
        about equal.
    richardson : int
        How often to halve the step and extrapolate to h = 0; each time costs as many values again.
    noise : float, optional
        How much two values of f may differ that would be equal in exact arithmetic, in the units of f;
        measured by default.

    Returns
    -------
    FiniteDifference
        `derivative`, `error`, `step`, `evaluations`, `noise` and `method`.

    Raises
    ------
    ValueError
        If an argument makes no sense, f is not finite at the point, or f is not analytic and the method
        is "complex".

    References
    ----------
    Gill, Murray, Saunders and Wright (1983), "Computing forward-difference intervals for numerical
    optimization", SIAM J. Sci. Stat. Comput. 4; Squire and Trapp (1998), "Using complex variables to
    estimate derivatives of real functions", SIAM Review 40.

    Examples
    --------
    >>> slope = finite_difference(lambda x, y: x**2 * y, (3.0, 2.0))
    >>> slope.derivative.round(8)
    array([12.,  9.])
    >>> bool((abs(slope.derivative - [12, 9]) < slope.error).all())
    True
    >>> finite_difference(np.exp, 1.0, method="complex").derivative == np.exp(1.0)
    np.True_
    """
    if method not in METHODS:
        raise ValueError(f"method={quoted(method)}: give one of {', '.join(METHODS)}")
    if isinstance(richardson, bool) or not isinstance(richardson, int) or not 0 <= richardson <= MOST_LEVELS:
        raise ValueError(f"richardson={quoted(richardson)}: give a whole number from 0 to {MOST_LEVELS}")
    if richardson and method == "complex":
        raise ValueError("richardson= can't improve a complex step, which has no error to extrapolate: leave it out")
    if noise is not None and not (math.isfinite(noise) and noise >= 0):
        raise ValueError(f"noise={quoted(noise)}: give a number, 0 or more, in the units of f")
    calling, x = read_call(f, at)
    return _Quotients(f, calling, x, method, richardson).answer(h, noise)


class _Quotients:
    """Computes difference quotients of one function at one point, and counts the values of f."""

    def __init__(self, f: Function, calling: Calling, x: np.ndarray, method: str, levels: int) -> None:
        self.f, self.calling, self.x, self.method, self.levels = f, calling, x, method, levels
        self.evaluations = 0
        self.centre = self.value(x)
        self.shape = self.centre.shape
        if not np.all(np.isfinite(self.centre)):
            raise ValueError(f"the function is {self.centre} at the point: differences need a finite value there")

    def value(self, x: np.ndarray) -> np.ndarray:
        self.evaluations += 1
        with np.errstate(all="ignore"):
            returned = array_of(self.calling(self.f, x.copy()))
        if returned.dtype.kind not in "fiubc":
            raise ValueError(f"the function returned {returned!r:.60}: it must return numbers")
        return returned

    def near(self, x: np.ndarray) -> np.ndarray:
        """Return a value near the point, or NaN if the function raises."""
        try:
            return self.value(x)
        except Exception:  # noqa: BLE001 - outside its domain the user's function may raise anything
            return np.full(self.shape, math.nan)

    def answer(self, h: Array, noise: float | None) -> FiniteDifference:
        """Return the derivative with its error; h and noise are None if the user gave none."""
        scale = scale_of(self.x, self.x)
        size = float(np.linalg.norm(self.centre))
        if noise is None:
            noise = max(noise_level(self._length, self.x, size), EPS * size)
        step = self._given(h) if h is not None else scale * self._relative_step(noise, size)
        if self.method == "complex":
            step = np.full(self.x.size, 1e-20) * scale if h is None else step
            derivative = np.stack([self._complex(unit * step) / step.max() for unit in np.eye(self.x.size)], axis=-1)
            derivative *= step.max() / step
            error = 4 * EPS * np.abs(derivative)
            self._refuse_unanalytic(derivative, scale, noise)
        else:
            columns = [self._along(unit * step) / step.max() for unit in np.eye(self.x.size)]
            derivative = np.stack(columns, axis=-1) * (step.max() / step)
            # The noise of the whole vector of outputs bounds the noise of each output.
            shortest = step / 2**self.levels
            error = np.broadcast_to(noise / shortest * (2 if self.method == "forward" else 1), derivative.shape)
            error = error + 4 * EPS * np.abs(derivative) + self._missed(derivative, step) / step
        return FiniteDifference(
            self._laid_out(derivative), self._laid_out(error), step, self.evaluations, noise, self.method
        )

    def _laid_out(self, columns: np.ndarray) -> PyTree:
        """Return the slopes in the layout of the user's point."""
        layout = self.calling.structure.layout
        if self.calling.spread:
            return columns
        if self.shape == ():
            built = self.calling.structure.build(columns)
            return float(built) if np.ndim(built) == 0 and not isinstance(built, dict) else built
        return columns[..., 0] if isinstance(layout, Leaf) and layout.shape == () else columns

    def _length(self, x: np.ndarray) -> float:
        """Return the norm of the outputs, a single number that has the noise of all outputs."""
        return float(np.linalg.norm(self.value(x)))

    def _given(self, h: Array) -> np.ndarray:
        """Return the step that the user gave, one per coordinate; raise an error if it can't be used."""
        step = np.broadcast_to(np.asarray(h, dtype=float), self.x.shape).copy()
        if not np.all(np.isfinite(step)) or np.any(step <= 0):
            raise ValueError(f"h={quoted(h)}: the step must be positive and finite")
        if self.method != "complex" and np.any(self.x + step == self.x):
            k = int(np.argmax(self.x + step == self.x))
            raise ValueError(f"h={quoted(h)} is lost in rounding, as x + h = x at x = {self.x[k]:g}: give a larger h")
        return step

    def _relative_step(self, noise: float, size: float) -> float:
        """Return the step, relative to the coordinate's size, at which the errors from noise and truncation are equal.

        The errors are noise / h and the lowest power of h that extrapolation leaves, with f‴ assumed to be f / size³.
        """
        relative = max(noise / size if size else EPS, EPS)
        order = (1 if self.method == "forward" else 2) * (self.levels + 1)
        if self.levels:
            # The step will be halved `levels` times: begin with a step that is longer by that factor.
            return min(max(relative ** (1 / (order + 1)), 2**self.levels * relative ** (1 / 3)), LARGEST_STEP)
        return min((order + 1) ** (1 / (order + 1)) * relative ** (1 / (order + 1)), LARGEST_STEP)

    def _complex(self, step: np.ndarray) -> np.ndarray:
        returned = self.value(self.x + 1j * step)
        if returned.dtype.kind != "c":
            raise ValueError("a complex step needs a function that returns complex numbers for complex points")
        return returned.imag

    def _refuse_unanalytic(self, derivative: np.ndarray, scale: np.ndarray, noise: float) -> None:
        """Raise an error if the complex step disagrees with a central difference in a random direction."""
        direction = np.random.default_rng(0).uniform(0.5, 1.0, self.x.size) * scale
        t = 1e-4
        up, down = self.near(self.x + t * direction), self.near(self.x - t * direction)
        central, by_complex_step = (up - down) / (2 * t), derivative @ direction
        curvature = np.abs(up - 2 * self.centre + down)
        slack = 1e-2 * (np.abs(derivative) @ direction) + 10 * curvature / t + 10 * noise / t
        if np.any(np.abs(central - by_complex_step) > slack):
            raise ValueError(
                "the complex step and a central difference disagree: the code is not analytic (does it call abs, "
                "conj or real, or compare numbers?). Use method='central'"
            )

    def _along(self, step: np.ndarray) -> np.ndarray:
        """Return the change of f per `step`, extrapolated to h = 0 as often as the user asked."""
        order = 1 if self.method == "forward" else 2
        row = [self._change(step)]
        for level in range(1, self.levels + 1):
            new = [self._change(step / 2**level) * 2**level]
            for column, older in enumerate(row, start=1):
                factor = 2 ** (order * column)
                new.append((factor * new[-1] - older) / (factor - 1))
            row = new
        return row[-1]

    def _change(self, step: np.ndarray) -> np.ndarray:
        """Return the change of f per `step`, by values on the sides where f is finite."""
        up, down = self.x + step, self.x - step
        f_up = self.near(up)
        if self.method == "forward" and np.all(np.isfinite(f_up)):
            return (f_up - self.centre) / _ratio(up - self.x, step)
        f_down = self.near(down)
        if self.method == "forward":
            return (f_down - self.centre) / _ratio(down - self.x, step)
        if np.all(np.isfinite(f_up)) and np.all(np.isfinite(f_down)):
            return (f_up - f_down) / _ratio(up - down, step)
        # f is undefined on one side: use three values on the other side. The error is then of order h², too.
        side = step if np.all(np.isfinite(f_up)) else -step
        one, two = (f_up, f_down)[int(side is not step)], self.near(self.x + 2 * side)
        return (4 * one - two - 3 * self.centre) / (2 * _ratio(self.x + side - self.x, step))

    def _missed(self, derivative: np.ndarray, step: np.ndarray) -> np.ndarray:
        """Return the error of the quotients, in units of f, from more exact slopes in random directions."""
        missed = np.zeros((*self.shape, 1))
        for signs in np.random.default_rng(0).choice([-1.0, 1.0], (PROBES, self.x.size)):
            d = signs * step
            # A quotient of half the step, with an error of higher order.
            finer = self._extrapolated(d / 2) * 2
            off = np.abs(derivative @ d - finer)[..., None]
            missed = np.maximum(missed, np.where(np.isfinite(off), off, 0.0))
            if self.x.size == 1:
                break
        return 2 * missed

    def _extrapolated(self, d: np.ndarray) -> np.ndarray:
        one = self.near(self.x + d) - self.near(self.x - d)
        two = self.near(self.x + 2 * d) - self.near(self.x - 2 * d)
        return (8 * one - two) / 12


def _ratio(difference: np.ndarray, step: np.ndarray) -> float:
    """Return the difference between two points in units of `step`, after rounding of the points."""
    k = int(np.argmax(np.abs(step)))
    return float(difference[k] / step[k])
