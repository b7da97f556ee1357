"""`minimize`, `maximize` and `gradient_descent`."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from steepest.arguments import check_callback, generator, our_words
from steepest.call import remembered
from steepest.derivatives.bounds import check_inside, read_box, read_fixed, with_fixed
from steepest.derivatives.clock import Clock
from steepest.derivatives.compiled import Compiled
from steepest.derivatives.process.forks import check_fork
from steepest.derivatives.process.interrupts import interruptible
from steepest.derivatives.serving.caller import Caller
from steepest.derivatives.serving.serve import serve, served_again
from steepest.derivatives.serving.within import Within, holds_curved, read_within
from steepest.derivatives.structure import Calling, read_call
from steepest.descent.budget import Budget
from steepest.descent.driver import descend
from steepest.descent.loop.set_solver import SetSolver
from steepest.descent.plan import Help, Plan
from steepest.descent.quick.descent import quick
from steepest.descent.run import Run
from steepest.descent.view import ChartView, View
from steepest.minimizing.restarts import (
    RANDOM,
    BoundsLike,
    Starts,
    best_of,
    completed,
    random_start,
    read_restarts,
    start_like,
)
from steepest.printable import quoted
from steepest.rules.choose import choose
from steepest.rules.directions import BFGS
from steepest.rules.pair import Rules
from steepest.types import Callback, Fixed, Function, PyTree, RuleLike, Seed

# Up to this many variables the matrices of BFGS take no more numbers than the steps of L-BFGS. The code is shorter:
# a loop of two variables, which compiled in 0.8 s and made 53 trials in 570 µs, takes 0.5 s and 140 µs.
FEW = 10


@remembered
@our_words
def minimize(
    f: Function,
    start: PyTree,
    *,
    args: tuple[Any, ...] = (),
    gradient: Function | bool | None = None,
    direction: RuleLike = None,
    step: RuleLike = "auto",
    bounds: BoundsLike | None = None,
    fixed: Fixed | None = None,
    within: Within | None = None,
    tolerance: float | Mapping[str, float] | None = None,
    iterations: int | None = None,
    evaluations: int | None = None,
    seconds: float | None = None,
    restarts: int | Starts = 0,
    repeats: int = 1,
    rng: Seed = None,
    callback: Callback | None = None,
    progress: bool | None = None,
) -> Run:
    """Find a minimum of f by descent from a start, with nothing to tune.

    Each step goes from x to x + t d. By default the direction d is that of BFGS, or of L-BFGS for more than 10
    variables and with bounds, and a Wolfe search finds the size t. Gradients are exact if the code of f can be
    traced, which includes plain NumPy code.

    Parameters
    ----------
    f : callable
        A function that returns one number. If f has one required parameter, it is called with the point, laid
        out like `start`; if f has several, with one scalar for each.
    start : float, array, dict, tree or "random"
        The first point; "random" draws one inside the bounds.
    args : tuple
        Further arguments of f, which stay fixed.
    gradient : callable or True, optional
        The gradient, a function with the parameters of f; True if f returns ``(value, gradient)``.
    direction : str, object or optax transformation, optional
        "plain", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamw", "nadam",
        "amsgrad", "bfgs", "l-bfgs", or an object of `steepest.directions`.
    step : float, str, callable, object or optax transformation
        A learning rate, "auto", "armijo", "wolfe", "strong-wolfe", "exact", "barzilai-borwein", "polyak",
        "adgd", "dog", "dowg", a function of the iteration, or an object of `steepest.steps`. A learning
        rate without a direction means plain descent.
    bounds : pairs, dict or scipy.optimize.Bounds, optional
        ``(low, high)`` for each coordinate, with None for no bound; a dict if the coordinates have names, with one
        pair for all entries of an array, or a pair for each. Each step is projected into this box, and f is never
        called outside of it.
    fixed : mapping or sequence, optional
        Coordinates that keep a value, in place of that of the start: by name as ``{"y": 2.0}``, by position as
        ``{1: 2.0}``, or a value for each coordinate, with None for those that are free. A dict as start need not hold
        them. They stay in `x` and in the trace, and f is never called with another value of them.
    within : set or dict, optional
        A convex set of `steepest.sets` that the whole point is held to, such as ``st.sets.Simplex()``; or a dict of
        sets by the names of parameters, such as ``{"w": st.sets.Ball(2)}``, or of several that lie side by side, such
        as ``{("x", "y"): st.sets.Ball(2)}``. Points are projected into the sets, and f is never called outside of them.
    tolerance : float or mapping, optional
        By default the descent continues until rounding errors hide any further decrease. A number is the largest
        f - f* as a share of the whole descent, f₀ - f. A mapping sets several limits, all of which must be met:
        "x", the error of each coordinate, in its own units; "gradient", the largest entry of the gradient;
        "value", f - f* as a share of abs(f); "descent", the same as a single number. A run with a fixed step and with
        `iterations` stops early only if a tolerance is given.
    iterations : int, optional
        The largest number of steps, 10,000 by default. With a fixed step and no tolerance, the exact number.
    evaluations : int, optional
        The largest number of evaluations of f.
    seconds : float, optional
        The longest time.
    restarts : int or array of starts
        The number of further starts to draw at random, inside the bounds or else within max(1, abs(x)) of each
        coordinate x of the start; or the starts themselves, one in each row. The best run is returned, with all
        runs in `runs`. The runs share `evaluations` and `seconds`.
    repeats : int
        How many calls are averaged at each point, if values of f differ from call to call. The mean of k calls
        has a standard deviation √k times smaller. This has no effect on a function whose values repeat.
    rng : int, numpy.random.Generator or None
        The seed or generator of random starts. The same seed gives the same run; None draws a new seed.
    callback : callable, optional
        Called as ``callback(intermediate_result)`` after each iteration, with SciPy's fields x, fun and
        nit. A callback stops the run by raising StopIteration.
    progress : bool, optional
        Whether to show progress; by default on a terminal or in a notebook, after 2 seconds.

    Returns
    -------
    Run
        The best point found, and how the run ended. After Ctrl-C the run up to then is returned.

    Raises
    ------
    ValueError
        If the start or an option is invalid, or f is not finite at the start.
    TypeError
        If an argument has the wrong type or is unknown.

    Examples
    --------
    >>> run = minimize(lambda x, y: (x - 1) ** 2 + 100 * (y - x**2) ** 2, start=(-1.2, 1))
    >>> run.x.round(3)
    array([1., 1.])
    >>> run.outcome
    <Outcome.CONVERGED: 'converged'>

    With y held at 2, the best x is the nearest to it on the parabola:

    >>> minimize(lambda x, y: (x - 1) ** 2 + 100 * (y - x**2) ** 2, (1.2, 1), fixed={"y": 2.0}).x.round(3)
    array([1.414, 2.   ])
    """
    return _optimize(
        f, start, 1.0, args, gradient, direction, step, bounds, fixed, restarts, rng, callback, progress,
        Budget.of(tolerance, seconds, evaluations, iterations=iterations), repeats, within,
    )  # fmt: skip


@remembered
@our_words
def maximize(
    f: Function,
    start: PyTree,
    *,
    args: tuple[Any, ...] = (),
    gradient: Function | bool | None = None,
    direction: RuleLike = None,
    step: RuleLike = "auto",
    bounds: BoundsLike | None = None,
    fixed: Fixed | None = None,
    within: Within | None = None,
    tolerance: float | Mapping[str, float] | None = None,
    iterations: int | None = None,
    evaluations: int | None = None,
    seconds: float | None = None,
    restarts: int | Starts = 0,
    repeats: int = 1,
    rng: Seed = None,
    callback: Callback | None = None,
    progress: bool | None = None,
) -> Run:
    """Find a maximum of f by ascent from a start.

    The values and gradients of the result are those of f itself, not of -f.

    Parameters
    ----------
    f : callable
        As for `minimize`.
    start : float, array, dict, tree or "random"
        As for `minimize`.
    args : tuple
        Further arguments of f, which stay fixed.
    gradient : callable or True, optional
        The gradient of f.
    direction : str, object or optax transformation, optional
        As for `minimize`.
    step : float, str, callable, object or optax transformation
        As for `minimize`.
    bounds : pairs, dict or scipy.optimize.Bounds, optional
        As for `minimize`.
    fixed : mapping or sequence, optional
        As for `minimize`.
    within : set or dict, optional
        As for `minimize`.
    tolerance : float or mapping, optional
        As for `minimize`.
    iterations : int, optional
        The largest number of steps.
    evaluations : int, optional
        The largest number of evaluations of f.
    seconds : float, optional
        The longest time.
    restarts : int or array of starts
        As for `minimize`.
    repeats : int
        As for `minimize`.
    rng : int, numpy.random.Generator or None
        The seed or generator of random starts.
    callback : callable, optional
        As for `minimize`.
    progress : bool, optional
        As for `minimize`.

    Returns
    -------
    Run
        The best point found, and how the run ended.

    Raises
    ------
    ValueError
        If the start or an option is invalid, or f is not finite at the start.
    TypeError
        If an argument has the wrong type or is unknown.

    Examples
    --------
    >>> run = maximize(lambda x: 5 - (x - 2) ** 2, start=0.0)
    >>> round(float(run.x), 6), round(run.fun, 6)
    (2.0, 5.0)
    """
    return _optimize(
        f, start, -1.0, args, gradient, direction, step, bounds, fixed, restarts, rng, callback, progress,
        Budget.of(tolerance, seconds, evaluations, iterations=iterations), repeats, within,
    )  # fmt: skip


@remembered
@our_words
def gradient_descent(f: Function, initial_point: PyTree, *, learning_rate: float, iterations: int) -> Run:
    """Descend as textbooks do: repeat x ← x - learning rate · ∇f(x).

    Parameters
    ----------
    f : callable
        As for `minimize`.
    initial_point : float, array, dict or tree
        The first point.
    learning_rate : float
        The factor of the gradient in each step.
    iterations : int
        The exact number of steps.

    Returns
    -------
    Run
        The run. Its ``trace.x`` has iterations + 1 rows, the first of which is the start.

    Raises
    ------
    ValueError
        If the learning rate is not positive, or the start is invalid.

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
    f: Function, start: PyTree, sign: float, args: tuple[Any, ...], gradient: Function | bool | None,
    direction: RuleLike, step: RuleLike, bounds: BoundsLike | None, fixed: Fixed | None, restarts: int | Starts,
    rng: Seed, callback: Callback | None, progress: bool | None, budget: Budget, repeats: int = 1,
    within: Within | None = None,
) -> Run:  # fmt: skip
    check_callback(callback)
    is_default = (
        direction is None and isinstance(step, str) and step == "auto" and (gradient is None or gradient is False)
        and bounds is None and fixed is None and within is None and type(restarts) is int and restarts == 0
        and rng is None and callback is None and not progress and type(repeats) is int and repeats == 1
        and budget.is_open
    )  # fmt: skip
    # Compiled code takes less time than a watch for Ctrl-C, which then raises KeyboardInterrupt.
    run, tried = _quick_again(f, start, args, sign, budget) if is_default else (None, None)
    return run or _optimize_usually(
        f, start, sign, args, gradient, direction, step, bounds, fixed, restarts, rng, callback, progress, budget,
        repeats, within, is_default, tried,
    )  # fmt: skip


@interruptible()
@np.errstate(all="ignore")
def _optimize_usually(
    f: Function, start: PyTree, sign: float, args: tuple[Any, ...], gradient: Function | bool | None,
    direction: RuleLike, step: RuleLike, bounds: BoundsLike | None, fixed: Fixed | None, restarts: int | Starts,
    rng: Seed, callback: Callback | None, progress: bool | None, budget: Budget, repeats: int, within: Within | None,
    is_default: bool, tried: Compiled | None,
) -> Run:  # fmt: skip
    clock, draws = Clock(), _without_seed() if rng is None and not _draws(start, restarts) else generator(rng)
    rules = choose(direction, step, boxed=bounds is not None, curved=holds_curved(within)).signed(sign)
    plan, calling, x = make_plan(
        f, start, sign, args, gradient, rules, bounds, budget, draws, repeats, clock, fixed=fixed, within=within
    )  # fmt: skip
    automatic = direction is None and isinstance(step, str) and step == "auto"
    if automatic:
        few = plan.box is None and plan.objective.region is None and x.size <= FEW
        plan = replace(plan, help=Help.FULL, rules=replace(rules, direction=BFGS()) if few else rules)
        if plan.objective.region is not None:
            plan = replace(plan, solver=SetSolver)
    is_new = is_default and x.size <= FEW and (plan.objective.compiled is None or plan.objective.compiled is not tried)
    if is_new and (run := quick(plan.objective, plan.view, sign, x, budget.began)):
        return run
    with clock.ends(budget.deadline):
        starts = read_restarts(restarts, plan, x, draws, calling, fixed, within)
    run = best_of(plan, starts, callback, progress) if len(starts) > 1 else descend(plan, x, callback, progress)
    if within is None:
        return run
    return replace(run, within=within, runs=tuple(replace(one, within=within) for one in run.runs))


def _quick_again(
    f: Function, start: PyTree, args: tuple[Any, ...], sign: float, budget: Budget
) -> tuple[Run | None, Compiled | None]:  # fmt: skip
    """Return the run of a small function whose code is compiled, None if it needs the usual way; and that code."""
    check_fork()
    if isinstance(start, str):
        return None, None
    calling, x = read_call(f, start, args if isinstance(args, tuple) else (args,))
    served = served_again(f, calling, x) if x.size <= FEW else None
    if served is None:
        return None, None
    objective, changes = served
    return quick(objective, View(calling, calling.structure.names), sign, x, budget.began, changes), objective.compiled


def _draws(start: PyTree, restarts: int | Starts) -> bool:
    """Tell whether a start is drawn at random."""
    return isinstance(start, str) or not (type(restarts) is int and restarts == 0)


@cache
def _without_seed() -> np.random.Generator:
    """Return a generator that is not used: a new seed from the system would take as long as some steps of a descent."""
    return generator(0)


def make_plan(
    f: Function, start: PyTree, sign: float, args: tuple[Any, ...], gradient: Function | bool | None, rules: Rules,
    bounds: BoundsLike | None, budget: Budget, draws: np.random.Generator, repeats: int = 1,
    clock: Clock | None = None, *, fixed: Fixed | None = None, within: Within | None = None,
) -> tuple[Plan, Calling, np.ndarray]:  # fmt: skip
    """Return the plan of a descent, the calling convention of f, and the start as a flat array."""
    clock = clock or Clock()
    if isinstance(repeats, bool) or not isinstance(repeats, numbers.Integral) or repeats < 1:
        raise ValueError(f"repeats={repeats!r}: give how many calls to average at each point, 1 or more")
    if gradient is False:
        gradient = None
    if gradient is not None and gradient is not True and not callable(gradient):
        raise TypeError(f"gradient={quoted(gradient)}: give a function, or True if f returns (value, gradient)")
    check_fork()
    if not isinstance(args, tuple):
        args = (args,)
    is_random = isinstance(start, str)
    if is_random and start != RANDOM:
        raise ValueError(f"start={quoted(start)}: give a point, or 'random' with bounds=")
    template = start_like(bounds, fixed, within) if is_random else completed(start, fixed)
    calling, x = read_call(f, template, args)
    names = calling.structure.names
    if fixed is not None and within is not None:
        raise ValueError("fixed= and within= together: leave one of them out, or hold the values inside the function")
    box = read_box(bounds, fixed, names)
    if not is_random:
        x = with_fixed(x, read_fixed(fixed, names))
        if box is not None:
            check_inside(box, x, names)
    domain, named = read_within(within, box, calling), None if within is None else box
    calling, box, region = replace(calling, chart=domain.chart), domain.box, domain.region
    if is_random:
        x = x if domain.chart is None else domain.chart.inward(x)
        caller = Caller(f, calling, paired=gradient is True, box=box, region=region, clock=clock)
        x = random_start(caller, x, box, draws, region)
        x = x if fixed is None else with_fixed(x, read_fixed(fixed, names))
    else:
        x = domain.entered(x)
    objective = serve(f, calling, x, gradient, box, budget.deadline, int(repeats), clock, region)
    objective.chart = domain.chart
    if region is not None and objective.scatter is not None:
        raise ValueError(
            "values of the function differ from call to call, and within= needs values that repeat: "
            "fix the random numbers inside the function"
        )
    view = (View if domain.chart is None else ChartView)(calling, names)
    return Plan(objective, view, rules, sign, budget, box, bounds=named), calling, np.array(x)
