"""`minimize`, `maximize` and the textbook's `gradient_descent`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from steepest.derivatives.objective import serve
from steepest.derivatives.structure import read_call
from steepest.descent.choose import choose, our_words
from steepest.descent.drive import Budget, descend
from steepest.descent.run import Run
from steepest.descent.view import View


@our_words
def minimize(
    f: Callable[..., Any],
    start: Any,
    *,
    args: tuple[Any, ...] = (),
    gradient: Callable[..., Any] | bool | None = None,
    direction: Any = None,
    step: Any = "auto",
    tolerance: float | None = None,
    iterations: int | None = None,
    evaluations: int | None = None,
    seconds: float | None = None,
    callback: Callable[..., Any] | None = None,
    progress: bool | None = None,
) -> Run:
    """Find where f is least, by descent from a start, with nothing to tune.

    Each step goes from x to x + t d, with the direction d and the size t chosen: L-BFGS with a Wolfe
    search by default. Gradients are exact where the code of f, plain NumPy included, can be traced.

    Parameters
    ----------
    f : callable
        With one required parameter f gets the point, laid out like `start`; with several it gets one
        scalar each. It returns one number.
    start : float, array, dict or tree
        Where to start.
    args : tuple
        Fixed further arguments of f.
    gradient : callable or True, optional
        The gradient as a function of what f takes; True where f returns ``(value, gradient)``.
    direction : str, object or optax transformation, optional
        "plain", "momentum", "nesterov", "adam", "l-bfgs", or an object of `steepest.directions`.
    step : float, str, callable, object or optax transformation
        A learning rate, "auto", "armijo", "wolfe", a function of the iteration, or an object of
        `steepest.steps`. A learning rate without a direction means plain descent.
    tolerance : float, optional
        f - f* may be this part of the whole descent, f₀ - f; 1e-8 by default. With a fixed step and
        `iterations` given, there is no such stop unless it is given too.
    iterations : int, optional
        At most so many steps; 10,000 by default. With a fixed step and no tolerance: exactly so many.
    evaluations : int, optional
        At most so many values of f.
    seconds : float, optional
        At most so long.
    callback : callable, optional
        Called as ``callback(intermediate_result)`` after each iteration, with SciPy's fields x, fun,
        nit; raising StopIteration ends the run there.
    progress : bool, optional
        Whether to report while running; by default on a terminal after 2 seconds.

    Returns
    -------
    Run
        The best point seen and how the run ended; interrupted runs return too.

    Raises
    ------
    ValueError
        If the start, a rule or what f returns there makes no sense.
    TypeError
        If an argument is of the wrong kind or has another name here.

    Examples
    --------
    >>> run = minimize(lambda x, y: (x - 1) ** 2 + 100 * (y - x**2) ** 2, start=(-1.2, 1))
    >>> run.x.round(3)
    array([1., 1.])
    >>> run.outcome
    <Outcome.CONVERGED: 'converged'>
    """
    return _optimize(
        f, start, 1.0, args, gradient, direction, step, callback, progress,
        Budget.of(tolerance, 1e-8, seconds, evaluations, iterations=iterations),
    )  # fmt: skip


@our_words
def maximize(
    f: Callable[..., Any],
    start: Any,
    *,
    args: tuple[Any, ...] = (),
    gradient: Callable[..., Any] | bool | None = None,
    direction: Any = None,
    step: Any = "auto",
    tolerance: float | None = None,
    iterations: int | None = None,
    evaluations: int | None = None,
    seconds: float | None = None,
    callback: Callable[..., Any] | None = None,
    progress: bool | None = None,
) -> Run:
    """Find where f is greatest, by ascent from a start.

    The values and gradients in the result are those of f, in its own sign.

    Parameters
    ----------
    f : callable
        As for `minimize`.
    start : float, array, dict or tree
        Where to start.
    args : tuple
        Fixed further arguments of f.
    gradient : callable or True, optional
        The gradient of f.
    direction : str, object or optax transformation, optional
        As for `minimize`.
    step : float, str, callable, object or optax transformation
        As for `minimize`.
    tolerance : float, optional
        As for `minimize`.
    iterations : int, optional
        At most so many steps.
    evaluations : int, optional
        At most so many values of f.
    seconds : float, optional
        At most so long.
    callback : callable, optional
        As for `minimize`.
    progress : bool, optional
        As for `minimize`.

    Returns
    -------
    Run
        The best point seen and how the run ended.

    Raises
    ------
    ValueError
        If the start, a rule or what f returns there makes no sense.
    TypeError
        If an argument is of the wrong kind or has another name here.

    Examples
    --------
    >>> run = maximize(lambda x: 5 - (x - 2) ** 2, start=0.0)
    >>> round(float(run.x), 6), round(run.fun, 6)
    (2.0, 5.0)
    """
    return _optimize(
        f, start, -1.0, args, gradient, direction, step, callback, progress,
        Budget.of(tolerance, 1e-8, seconds, evaluations, iterations=iterations),
    )  # fmt: skip


def gradient_descent(f: Callable[..., Any], initial_point: Any, *, learning_rate: float, iterations: int) -> Run:
    """Descend as the textbook does: x ← x - learning rate · ∇f(x), so many times.

    Parameters
    ----------
    f : callable
        As for `minimize`.
    initial_point : float, array, dict or tree
        Where to start.
    learning_rate : float
        What the gradient is multiplied by in each step.
    iterations : int
        How many steps to take, exactly.

    Returns
    -------
    Run
        Its ``trace.x`` has iterations + 1 rows, the first being the start.

    Raises
    ------
    ValueError
        If the learning rate is not positive, or the start makes no sense.

    Examples
    --------
    >>> run = gradient_descent(lambda x, y: x**2 + y**2, (9, 9), learning_rate=0.1, iterations=50)
    >>> run.trace.x.shape
    (51, 2)
    >>> run.outcome
    <Outcome.COMPLETED: 'completed'>
    """
    return minimize(f, initial_point, step=learning_rate, iterations=iterations)


def _optimize(
    f: Any, start: Any, sign: float, args: Any, gradient: Any, direction: Any, step: Any, callback: Any,
    progress: bool | None, budget: Budget,
) -> Run:  # fmt: skip
    if gradient is False:
        gradient = None
    if gradient is not None and gradient is not True and not callable(gradient):
        raise TypeError(f"gradient={gradient!r}: give a function, or True where f returns (value, gradient)")
    if not isinstance(args, tuple):
        args = (args,)
    rules = choose(direction, step)
    calling, x = read_call(f, start, args)
    objective = serve(f, calling, x, gradient)
    view = View(calling, calling.structure.names)
    return descend(objective, view, np.array(x), rules, sign, budget, callback, progress)
