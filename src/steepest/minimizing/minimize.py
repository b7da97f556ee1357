"""`minimize`, `maximize` and the textbook's `gradient_descent`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from steepest.arguments import generator, our_words
from steepest.derivatives.bounds import check_inside, read_bounds
from steepest.derivatives.objective import Caller, serve
from steepest.derivatives.structure import Calling, read_call
from steepest.descent.budget import Budget
from steepest.descent.driver import descend
from steepest.descent.plan import Help, Plan
from steepest.descent.run import Run
from steepest.descent.view import View
from steepest.minimizing.restarts import RANDOM, best_of, drawn, read_restarts, template
from steepest.rules.choose import choose
from steepest.rules.pair import Rules


@our_words
def minimize(
    f: Callable[..., Any],
    start: Any,
    *,
    args: tuple[Any, ...] = (),
    gradient: Callable[..., Any] | bool | None = None,
    direction: Any = None,
    step: Any = "auto",
    bounds: Any = None,
    tolerance: float | Mapping[str, float] | None = None,
    iterations: int | None = None,
    evaluations: int | None = None,
    seconds: float | None = None,
    restarts: Any = 0,
    rng: Any = None,
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
    start : float, array, dict, tree or "random"
        Where to start; "random" draws inside the bounds.
    args : tuple
        Fixed further arguments of f.
    gradient : callable or True, optional
        The gradient as a function of what f takes; True where f returns ``(value, gradient)``.
    direction : str, object or optax transformation, optional
        "plain", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamw", "nadam",
        "amsgrad", "l-bfgs", or an object of `steepest.directions`.
    step : float, str, callable, object or optax transformation
        A learning rate, "auto", "armijo", "wolfe", "strong-wolfe", "exact", "barzilai-borwein", "polyak",
        "adgd", "dog", "dowg", a function of the iteration, or an object of `steepest.steps`. A learning
        rate without a direction means plain descent.
    bounds : pairs, dict or scipy.optimize.Bounds, optional
        ``(low, high)`` for each coordinate, None where there is none; by name where the point has
        names. Each step is projected into this box, and f is never called outside of it.
    tolerance : float or mapping, optional
        By default the descent goes on until rounding hides what is left. A number: f - f* may be this
        part of the whole descent, f₀ - f. A mapping says what else may be left, all of it at once:
        "x", the error of each coordinate, in its own units; "gradient", the largest entry of the
        gradient; "value", f - f* as a part of abs(f); "descent", what a number says. With a fixed step
        and `iterations` given, there is no such stop unless it is given too.
    iterations : int, optional
        At most so many steps; 10,000 by default. With a fixed step and no tolerance: exactly so many.
    evaluations : int, optional
        At most so many values of f.
    seconds : float, optional
        At most so long.
    restarts : int or array of starts
        How many more starts to draw at random, inside the bounds or else within max(1, abs(x)) of each
        coordinate x of the start; or the starts themselves, one a row. The best run is returned, and
        has all in `runs`; they share `evaluations` and `seconds`.
    rng : int, numpy.random.Generator or None
        What draws random starts; the same seed gives the same run, None another each time.
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
        f, start, 1.0, args, gradient, direction, step, bounds, restarts, rng, callback, progress,
        Budget.of(tolerance, seconds, evaluations, iterations=iterations),
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
    bounds: Any = None,
    tolerance: float | Mapping[str, float] | None = None,
    iterations: int | None = None,
    evaluations: int | None = None,
    seconds: float | None = None,
    restarts: Any = 0,
    rng: Any = None,
    callback: Callable[..., Any] | None = None,
    progress: bool | None = None,
) -> Run:
    """Find where f is greatest, by ascent from a start.

    The values and gradients in the result are those of f, in its own sign.

    Parameters
    ----------
    f : callable
        As for `minimize`.
    start : float, array, dict, tree or "random"
        As for `minimize`.
    args : tuple
        Fixed further arguments of f.
    gradient : callable or True, optional
        The gradient of f.
    direction : str, object or optax transformation, optional
        As for `minimize`.
    step : float, str, callable, object or optax transformation
        As for `minimize`.
    bounds : pairs, dict or scipy.optimize.Bounds, optional
        As for `minimize`.
    tolerance : float or mapping, optional
        As for `minimize`.
    iterations : int, optional
        At most so many steps.
    evaluations : int, optional
        At most so many values of f.
    seconds : float, optional
        At most so long.
    restarts : int or array of starts
        As for `minimize`.
    rng : int, numpy.random.Generator or None
        What draws random starts.
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
        f, start, -1.0, args, gradient, direction, step, bounds, restarts, rng, callback, progress,
        Budget.of(tolerance, seconds, evaluations, iterations=iterations),
    )  # fmt: skip


@our_words
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
    f: Any, start: Any, sign: float, args: Any, gradient: Any, direction: Any, step: Any, bounds: Any, restarts: Any,
    rng: Any, callback: Any, progress: bool | None, budget: Budget,
) -> Run:  # fmt: skip
    draws = generator(rng)
    rules = choose(direction, step, boxed=bounds is not None).signed(sign)
    plan, calling, x = planned(f, start, sign, args, gradient, rules, bounds, budget, draws)
    automatic = direction is None and isinstance(step, str) and step == "auto"
    plan = replace(plan, help=Help.FULL if automatic else Help.NONE)
    starts = read_restarts(restarts, plan, x, draws, calling)
    return best_of(plan, starts, callback, progress) if len(starts) > 1 else descend(plan, x, callback, progress)


def planned(
    f: Any, start: Any, sign: float, args: Any, gradient: Any, rules: Rules, bounds: Any, budget: Budget,
    draws: np.random.Generator,
) -> tuple[Plan, Calling, np.ndarray]:  # fmt: skip
    """Read what is to be descended and where: the plan, how f takes its point, and the flat start."""
    if gradient is False:
        gradient = None
    if gradient is not None and gradient is not True and not callable(gradient):
        raise TypeError(f"gradient={gradient!r}: give a function, or True where f returns (value, gradient)")
    if not isinstance(args, tuple):
        args = (args,)
    random = isinstance(start, str)
    if random and start != RANDOM:
        raise ValueError(f"start={start!r}: give a point, or 'random' with bounds=")
    calling, x = read_call(f, template(bounds) if random else start, args)
    box = None if bounds is None else read_bounds(bounds, calling)
    if random:
        x = drawn(Caller(f, calling, paired=gradient is True, box=box), x, box, draws)
    if box is not None:
        check_inside(box, x, calling.structure.names)
    objective = serve(f, calling, x, gradient, box, budget.seconds)
    return Plan(objective, View(calling, calling.structure.names), rules, sign, budget, box), calling, np.array(x)
