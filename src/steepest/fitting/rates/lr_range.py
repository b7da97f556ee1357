"""`lr_range`: the learning-rate range test, for functions and for fits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from steepest.arguments import generator, our_words
from steepest.derivatives.clock import Clock
from steepest.derivatives.process.interrupts import interruptible
from steepest.descent.budget import Budget
from steepest.fitting.fit import check_penalty
from steepest.fitting.options import ModelLike, read_model, read_rows
from steepest.fitting.setup import FitOptions, FitSetup, TrainingData
from steepest.minimizing.learning_rates import LearningRates, check_rates, range_test
from steepest.minimizing.minimize import make_plan
from steepest.models import Custom, Linear, Network, Tree, losses
from steepest.models.frame import column_deviations
from steepest.models.penalties import is_standard, on_columns
from steepest.printable import quoted
from steepest.rules.choose import LEVENBERG, choose, is_optax
from steepest.types import Array, Function, PyTree, Rows, RuleLike, Seed

# The steps of each descent. Chosen: after 30 steps along the most curved direction, a rate 2 % above the limit has
# tripled the distance to the minimum; momentum of 0.9 averages over 10 steps.
STEPS = 30
# In batches, each rate goes through the same rows. Of more rows than this, and than the batches of STEPS steps have, a
# part is drawn. Chosen: the largest curvature of so many rows is that of all rows to a few percent. Without batches, so
# many numbers take some seconds.
MOST_ROWS, MOST_NUMBERS = 2_000, 2**21
OF_FITS = ("loss", "penalty", "sample_weight", "batch_size")
OF_FUNCTIONS = ("gradient", "args")


@our_words
@interruptible()
@np.errstate(all="ignore")
def lr_range(
    f: ModelLike | Function,
    X: Rows | PyTree = None,
    y: Array = None,
    *,
    start: PyTree = None,
    direction: RuleLike = None,
    low: float | None = None,
    high: float | None = None,
    steps: int = STEPS,
    gradient: Function | bool | None = None,
    args: tuple[Any, ...] = (),
    batch_size: int | None = None,
    loss: str | Function | None = None,
    penalty: Function | None = None,
    sample_weight: Array = None,
    rng: Seed = None,
) -> LearningRates:
    """Try learning rates: descend a few steps from one start with each, from too small to one that blows up.

    Each rate has a descent of its own, with the steps of `minimize` or `fit`. In the usual test one descent takes a
    rate that rises with each step. On a quadratic function it ends above its start only at 6 times the rate that is
    stable, because the earlier steps have brought it to the minimum.

    Parameters
    ----------
    f : callable or model
        A function to minimise, as for `minimize`; or a model, as for `fit`, if `y` is given: `models.Linear` and its
        like, a function ``model(X, *named)``, or `models.Custom` without a state.
    X : start, or array of shape (rows,) or (rows, columns)
        The start of a function; for a model, the features.
    y : array of shape (rows,), optional
        The targets of a model.
    start : dict or sequence, optional
        The start of a function, if `X` is left out, or the parameters of a model to start from.
    direction : str or object, optional
        The direction, as for `minimize`; plain descent by default.
    low, high : float, optional
        The least and the largest rate. By default from a thousandth of the stability limit to a thousand times; if it
        has none, around the rate whose first step is as long as the start is large.
    steps : int
        The least number of steps with each rate; in batches, whole epochs are made.
    gradient, args
        As for `minimize`; for functions.
    batch_size : int, optional
        Rows per step, for models; all by default.
    loss, penalty, sample_weight
        As for `fit`; for models.
    rng : int, numpy.random.Generator or None
        The seed of the batches, and of the rows if there are many: in batches, 2,000 rows are drawn, or those of
        `steps` batches if that is more; without batches, rows with 2 million numbers.

    Returns
    -------
    LearningRates
        The values by rate, the stability limit, the rate from which on the descents blow up, and a rate to use. It
        prints and plots.

    Raises
    ------
    ValueError
        If an argument is invalid, the gradient at the start is 0 or not finite, or the direction has no learning rate.
    TypeError
        If there is no start, or an argument belongs to fits and f is a function, or the other way round.

    Notes
    -----
    Smith, "Cyclical learning rates for training neural networks" (2017), introduced the range test. The largest stable
    rate is 2/λ for plain descent, 2(1 + μ)/λ for momentum and 2(1 + μ)/((1 + 2μ) λ) for Nesterov's, where λ is the
    largest eigenvalue of the Hessian at the start, computed by up to 30 products with it. In batches it is that of all
    rows of the test; single batches may blow up earlier. Adam and others that scale the gradient have no such limit.

    Examples
    --------
    >>> print(lr_range(lambda x, y: x**2 + 10 * y**2, (9, 1)))
    learning rates of Plain: 30 steps with each, from one start
      suggested     0.05
      limit         0.1 = 2 / λ, with the largest curvature λ = 20 at the start
      too large     from 0.102 on: the descent ends above its start

    For a fit in batches:

    >>> X = np.linspace(-3, 3, 200)
    >>> import steepest as st
    >>> tested = lr_range(st.models.Linear(), X, 2 * X + 1, batch_size=20, rng=0)
    >>> round(tested.limit, 3), tested.suggested < tested.limit
    (0.33, True)
    """
    check_rates(low, high)
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 1:
        raise ValueError(f"steps={quoted(steps)}: give how many steps to take with each rate, 1 or more")
    if is_optax(direction) or direction == LEVENBERG:
        raise ValueError(
            f"direction={quoted(direction)} finds its step sizes itself: give a direction with a learning rate, such "
            "as 'momentum' or 'adam'"
        )
    given: dict[str, object] = {
        "loss": loss, "penalty": penalty, "sample_weight": sample_weight, "batch_size": batch_size,
        "gradient": gradient, "args": args or None,
    }  # fmt: skip
    if y is not None or isinstance(f, (Linear, Custom, Network, Tree)):
        _refuse(given, OF_FUNCTIONS, "a model on rows", "a function")
        if X is None or y is None:
            raise TypeError("a model needs rows: write lr_range(model, X, y)")
        return _of_fit(f, X, y, start, direction, low, high, int(steps), batch_size, loss, penalty, sample_weight, rng)
    _refuse(given, OF_FITS, "a function", "a model, which is given as lr_range(model, X, y)")
    if (X is None) == (start is None):
        raise TypeError("give one start: write lr_range(f, start); for a model on rows, write lr_range(model, X, y)")
    plan, _, x = make_plan(
        f, start if X is None else X, 1.0, args, gradient, choose(direction, 1.0), None, Budget(), generator(rng),
        clock=Clock(),
    )  # fmt: skip
    if plan.objective.scatter is not None:
        raise ValueError(
            "values of the function differ from call to call, and lr_range compares them: fix the random numbers "
            "inside the function"
        )
    return range_test(plan, x, low, high, rows=int(steps))


def _refuse(given: Mapping[str, object], names: tuple[str, ...], what: str, other: str) -> None:
    """Raise TypeError if an argument was given that does not apply."""
    wrong = [name for name in names if given[name] is not None]
    if wrong:
        raise TypeError(f"{wrong[0]}= is for {other}, and this is {what}: leave it out")


def _of_fit(
    model: ModelLike, X: Rows, y: Array, start: PyTree, direction: RuleLike, low: float | None, high: float | None,
    steps: int, batch_size: int | None, loss: str | Function | None, penalty: Function | None, sample_weight: Array,
    rng: Seed,
) -> LearningRates:  # fmt: skip
    """Return the test for a model on rows."""
    model = read_model(model)
    if isinstance(model, (Network, Tree)):
        raise ValueError(
            f"{type(model).__name__} finds its step sizes itself: give a model with a learning rate, such as "
            "models.Linear() or models.Custom(apply, start=tree)"
        )
    if isinstance(model, Custom) and model.state is not None:
        raise ValueError(
            "the loss of a model with a state differs from call to call, and lr_range compares losses: give a model "
            "without a state"
        )
    check_penalty(penalty)
    if isinstance(penalty, str):
        raise ValueError(f"penalty={quoted(penalty)} is chosen by fits: give a penalty such as penalties.L2(1e-3)")
    draws = generator(rng)
    data = TrainingData.read(X, y, sample_weight, None, None)
    count, batch = len(data.rows.y), read_rows(batch_size)
    columns = data.rows.X.shape[1] if data.rows.X.ndim == 2 else 1
    most = max(MOST_ROWS, MOST_NUMBERS // columns if batch is None else steps * batch)
    if count > most:
        chosen = np.sort(draws.choice(count, most, replace=False))
        data = replace(data, rows=data.rows.at(chosen), mark=None)
    if isinstance(model, Linear):
        model = model.prepared(data.rows.X, data.rows.y)
        penalty = model.default_penalty(float(data.rows.weight.sum())) if penalty is None else penalty
        if is_standard(penalty):
            rows = data.rows.weighted()
            penalty = on_columns(penalty, column_deviations(model.shaped(rows.X), rows.weight))
    cost = losses.named(model.loss if loss is None else loss)
    options = FitOptions(
        model, cost, penalty, start, batch_size, direction, 1.0, "batches", "auto", None,
        seed=int(draws.integers(2**31)), drawn=None,
    )  # fmt: skip
    setup = FitSetup.of(options, data, Budget())
    updates = setup.plan.objective.updates
    in_batches = setup.plan.objective.in_epochs
    return range_test(
        setup.plan, setup.start, low, high, rows=math.ceil(steps / updates) if in_batches else steps,
        updates=updates if in_batches else 1, batch_size=batch_size if in_batches else None, learnt=len(setup.rows.y),
    )  # fmt: skip
