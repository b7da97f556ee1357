"""`fit`: the parameters of a model that make its loss least over the rows of a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from steepest.arguments import generator, our_words
from steepest.descent.budget import Budget
from steepest.fitting.options import read_model
from steepest.fitting.result import Fit
from steepest.fitting.resume import LiveFit
from steepest.fitting.setup import FitOptions, FitSetup, TrainingData
from steepest.fitting.stream.fit import fit_blocks
from steepest.models import Linear, losses


@our_words
def fit(
    model: Any,
    X: Any,
    y: Any = None,
    *,
    start: Any = None,
    loss: Any = None,
    penalty: Callable[..., Any] | None = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    epochs: int | None = None,
    direction: Any = None,
    step: Any = "auto",
    shuffle: str | bool = "batches",
    rescale: str = "auto",
    validation: Any = None,
    tolerance: float | None = None,
    dtype: Any = None,
    seconds: float | None = None,
    rng: Any = None,
    callback: Callable[..., Any] | None = None,
    progress: bool | None = None,
) -> Fit:
    """Fit a model to rows by descent: least Σ wᵢ ℓ(zᵢ, yᵢ) / Σ wᵢ + penalty over its parameters.

    Full batch, mini-batch and stochastic descent differ in `batch_size` alone. Linear models are
    centred and scaled inside, and their coefficients mapped back, unless you give a learning rate:
    that changes the path and never the answer.

    Parameters
    ----------
    model : model or callable
        A model such as ``models.Linear()``, or a function ``model(X, *named)`` that gets the whole
        batch first and then its parameters by name.
    X : array, DataFrame or sparse array of shape (rows,) or (rows, columns), or iterator
        What predictions are made from; sparse for linear models. For those also an iterator of blocks, (X, y) or
        (X, y, weight), in random order of the rows, each of which is read once and let go.
    y : array of shape (rows,)
        Targets; 0 and 1 for two classes. The blocks of an iterator bring their own.
    start : dict or sequence, optional
        Parameters to start from, by name or in order; zeros for linear models, ones for functions.
    loss : str or callable, optional
        "squared", "log loss", or a function of predictions and targets that returns one number a row;
        the model's own by default.
    penalty : callable, optional
        Such as ``penalties.L2(1e-3)``, or ``penalties.L1(1e-3)`` for exact zeros, of the weights in
        your units; a linear model's intercept is free, and of a function's parameters every one is
        penalised.
    sample_weight : array of shape (rows,), optional
        How often each row counts.
    batch_size : int, optional
        Rows for each update; all by default. A last short batch counts by its rows.
    epochs : int, optional
        Passes through the rows, at most; with a fixed step and no tolerance, exactly.
    direction : str, object or optax transformation, optional
        As for `minimize`, or "levenberg-marquardt" for a function with the squared loss.
    step : float, str, callable, object or optax transformation
        As for `minimize`; a function gets the number of the update. "auto" is, over all rows,
        Levenberg-Marquardt for a function of at most 200 parameters with the squared loss, and L-BFGS
        for the rest; with batches, two epochs of SAGA and then L-BFGS over all rows for linear and
        logistic models, and DoWG for the rest.
    shuffle : {"batches", "rows", False}
        What each epoch shuffles: the order of the batches, of rows that were permuted once; the rows
        themselves, which is slower; or nothing.
    rescale : {"auto", "whiten", "scale", "none"}
        What is done to the columns of a linear model; a function's are left alone.
    validation : float, (X, y) or (X, y, weight), optional
        Rows that are not learnt from: a part of these, drawn by `rng`, or others. Their mean loss, without
        the penalty, is recorded after each epoch, and the fit stops where it has not fallen for 10 epochs,
        or 5 in batches. What is returned is the epoch at which it was least.
    tolerance : float, optional
        The loss may be above the least by this part of its whole descent, or by what rounding hides; with a
        linear model and a loss of the library's, by this part of what is left of it, where that is less (but
        for a thousandth of the descent). If it is not given, the fit goes on until rounding hides what is
        left; a linear model with a loss with kinks, or an L1 penalty on very many columns, to 1e-9 or 1e-8
        of what is left of the loss.
    dtype : dtype, optional
        float32 or float64, to hold the rows in; X's own by default. Parameters are float64.
    seconds : float, optional
        At most so long.
    rng : int, numpy.random.Generator or None
        What draws and shuffles; the same seed gives the same fit.
    callback : callable, optional
        As for `minimize`, after each epoch.
    progress : bool, optional
        Whether to show a live table; by default on a terminal after 2 seconds.

    Returns
    -------
    Fit
        Parameters in your units, predictions, outcome and trace.

    Raises
    ------
    ValueError
        If the rows, the start or an option make no sense.
    TypeError
        If an argument is of the wrong kind or has another name here.

    Notes
    -----
    SAGA: Defazio, Bach and Lacoste-Julien (2014), in coordinates chosen for the rows, with the step of
    Gazagnadou, Gower and Salmon (2019). DoWG: Khaled, Mishchenko and Jin, "DoWG unleashed" (2023). A
    batch divides its sum of losses by the full batch size, the last short one too, so that every row
    weighs alike over an epoch.

    A stream is centred and whitened by running moments, and learnt from by distance over gradients with
    averaging: Ivgi, Hinder and Carmon, "DoG is SGD's best friend" (2023). Its trace has a row a block,
    whose value is the loss before it was learnt from, with the penalty; `fun` is that of the last block,
    and `nfev` counts blocks. A later block that can't be read ends it, with what was learnt before.

    Levenberg-Marquardt: Moré, "The Levenberg-Marquardt algorithm: implementation and theory" (1978),
    on residuals whose Jacobian is traced from the model, or had by central differences. Parameters
    that the rows do not determine are named in an event of the trace.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(5.0)
    >>> fitted = fit(lambda x, m, b: m * x + b, x, 3 * x + 1)
    >>> {name: round(float(value), 2) for name, value in fitted.params.items()}
    {'m': 3.0, 'b': 1.0}
    """
    if hasattr(X, "__next__"):
        asked = {"y": y, "sample_weight": sample_weight, "direction": direction, "tolerance": tolerance}
        asked |= {"validation": validation}
        words = {"epochs": epochs, "step": step, "rescale": rescale, "shuffle": shuffle, "batch_size": batch_size}
        return fit_blocks(model, X, start, loss, penalty, asked, words, dtype, seconds, rng, callback, progress)
    if y is None:
        raise TypeError("y is missing: give one target a row, or as X an iterator of (X, y) blocks: iter(blocks)")
    if penalty is not None and not callable(penalty):
        raise TypeError(f"penalty={penalty!r}: give an object such as penalties.L2(1e-3), or a function of the weights")
    given = TrainingData.read(X, y, sample_weight, validation, dtype)
    words = {"direction": direction, "step": step, "shuffle": shuffle, "rescale": rescale, "dtype": dtype}
    budget = Budget.of(tolerance, seconds, epochs=epochs)
    return fit_given(model, given, loss, penalty, start, batch_size, words, budget, rng, callback, progress)


def fit_given(
    model: Any, given: TrainingData, loss: Any, penalty: Any, start: Any, batch_size: int | None, words: dict[str, Any],
    budget: Budget, rng: Any, callback: Callable[..., Any] | None, progress: bool | None,
) -> Fit:  # fmt: skip
    """Fit a model to rows that were read.

    Parameters
    ----------
    given : TrainingData
        The rows, what their columns are called, and what the fit is held against.
    words : dict
        The direction, the step, `shuffle`, `rescale` and `dtype`, as `fit` takes them.
    budget : Budget
        How near the descent has to come, and what it may take.
    model, loss, penalty, start, batch_size, rng, callback, progress
        As for `fit`.

    Returns
    -------
    Fit
        As `fit` returns it.
    """
    model = read_model(model)
    if isinstance(model, Linear):
        model = model.prepared(given.rows.X, given.rows.y)
        penalty = model.default_penalty(float(given.rows.weight.sum())) if penalty is None else penalty
    cost, draws = losses.named(model.loss if loss is None else loss), generator(rng)
    drawn = int(draws.integers(2**31)) if isinstance(given.validation, float) else None
    setting = FitOptions(model, cost, penalty, start, batch_size, **words, drawn=drawn, seed=int(draws.integers(2**31)))
    task = FitSetup.of(setting, given, budget)
    fitted, checkpoint = task.go(callback, progress)
    fitted.resumable = LiveFit(task, checkpoint)
    return fitted


def linear_gradient(xs: Any, ys: Any, params: Any) -> list[Any]:
    """Return the gradient of the squared error of a line m x + b, at a point or at each of several.

    ∂/∂m = 2 x (m x + b - y) and ∂/∂b = 2 (m x + b - y).

    Parameters
    ----------
    xs, ys : float or array
        The points.
    params : (float, float)
        m and b.

    Returns
    -------
    list
        The derivatives by m and by b, each of the shape of `xs`; their means are the gradient of the
        mean squared error.

    Raises
    ------
    ValueError
        If `params` are not two numbers, or there are not as many ys as xs.

    Examples
    --------
    >>> linear_gradient(2.0, 5.0, (1.0, 1.0))
    [-8.0, -4.0]
    """
    if np.shape(params) != (2,):
        raise ValueError(f"params={params!r}: give two numbers, (m, b)")
    if np.shape(xs) != np.shape(ys):
        raise ValueError(f"xs and ys have the shapes {np.shape(xs)} and {np.shape(ys)}: give one y for each x")
    slope, intercept = params
    xs, ys = np.asarray(xs, dtype=float)[()], np.asarray(ys, dtype=float)[()]
    error = slope * xs + intercept - ys
    gradient = [2 * error * xs, 2 * error]
    return gradient if np.ndim(xs) else [float(part) for part in gradient]
