"""`fit`: find the parameters of a model that minimise its loss over rows of data."""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import DTypeLike

from steepest.activity import doing
from steepest.arguments import check_callback, generator, our_words
from steepest.call import remembered
from steepest.derivatives.process.interrupts import interruptible
from steepest.descent.budget import Budget
from steepest.fitting.curves.quick import Attempt
from steepest.fitting.direct.attempt import direct_fit
from steepest.fitting.network.fit import fit_network
from steepest.fitting.options import ModelLike, doubt_of_classes, read_model
from steepest.fitting.result import Fit, Validation
from steepest.fitting.resume import LiveFit
from steepest.fitting.setup import FitOptions, FitSetup, TrainingData
from steepest.fitting.stream.adaptive import Forget
from steepest.fitting.stream.fit import fit_blocks
from steepest.fitting.strength.automatic import AUTO, AUTOMATIC, auto_refusal, automatic
from steepest.fitting.tree.fit import fit_tree
from steepest.models import Linear, Multinomial, Network, Tree, losses
from steepest.models.frame import column_deviations
from steepest.models.losses import Loss
from steepest.models.penalties import is_standard, on_columns
from steepest.printable import quoted
from steepest.types import Array, Bounds, Callback, Fixed, Function, PyTree, Rows, RuleLike, Seed


@remembered
@our_words
@np.errstate(all="ignore")
def fit(
    model: ModelLike,
    X: Rows | Iterator[tuple[Array, ...]],
    y: Array = None,
    *,
    start: PyTree = None,
    bounds: Bounds | None = None,
    fixed: Fixed | None = None,
    loss: str | Function | None = None,
    penalty: str | Function | None = None,
    sample_weight: Array = None,
    batch_size: int | None = None,
    epochs: int | None = None,
    direction: RuleLike = None,
    step: RuleLike = "auto",
    shuffle: str | bool = "batches",
    rescale: str = "auto",
    validation: Validation = None,
    tolerance: float | None = None,
    dtype: DTypeLike | None = None,
    seconds: float | None = None,
    forget: Forget = None,
    rng: Seed = None,
    callback: Callback | None = None,
    progress: bool | None = None,
) -> Fit:
    """Fit a model to rows by descent: minimise Σ wᵢ ℓ(zᵢ, yᵢ) / Σ wᵢ + penalty over its parameters.

    `batch_size` alone chooses between full-batch, mini-batch and stochastic descent. The columns of linear models are
    centred and scaled internally, and their coefficients mapped back to your units, unless you give a learning rate.
    This changes the path of the descent, never the answer.

    Parameters
    ----------
    model : model or callable
        A model such as ``models.Linear()``, or a function ``model(X, *named)`` that takes the whole batch first and
        then its parameters by name. A network of your own is ``models.Custom(apply, start=tree)``, with
        ``apply(params, X)`` written for JAX, as in Flax and Equinox. A decision tree is ``models.Tree()``.
    X : array, DataFrame or sparse array of shape (rows,) or (rows, columns), or iterator
        The features; they may be sparse for linear models, networks and trees, and values may be missing for trees.
        Linear models also take an iterator of blocks, (X, y) or (X, y, weight), with the rows in random order; each
        block is read once and not stored.
    y : array of shape (rows,)
        Targets; 0 and 1 for two classes. Leave it out for an iterator, whose blocks contain their targets.
    start : dict or sequence, optional
        The parameters to start from, by name or in order. Default: zeros for linear models, ones for functions, and
        the tree of `models.Custom` for networks of your own. A linear model with a higher loss there than at zeros
        begins at zeros, unless you choose the direction or the step.
    bounds : mapping, optional
        The limits of parameters, by name: ``{"rate": (0, None)}``, with None for a side without a limit. For an array,
        give one pair for all its entries, or a pair for each. A parameter whose limits are equal is fixed. A linear
        model has the names "coef", for all coefficients, "intercept", and those of the columns.
    fixed : mapping, optional
        Parameters that keep a value, by name: ``{"offset": 1.0}``. The others are fitted. For an array, None leaves an
        entry free, or give single entries as ``{"w[2]": 1.0}``.
    loss : str or callable, optional
        "squared", "log loss" or another loss of ``st.losses``, also in scikit-learn's spelling ("squared_error"), or a
        function of predictions and targets that returns one number a row; the model's own by default.
    penalty : callable, optional
        A penalty of the coefficients in your units, such as ``penalties.L2(1e-3)``, or ``penalties.L1(1e-3)`` for
        exact zeros. The intercept of a linear model is not penalised; all parameters of a function are. With "auto" the
        strength of an L2 penalty on standardised columns is chosen for a linear model, by the loss of rows left out: it
        is the best, or none if the best is no clear gain, which saves no more than one standard error, and no more than
        5 % of what rows lose by being left out. `path` of the fit has the losses. "auto-l1" chooses that of an L1
        penalty by fits to five folds along a path, and "auto-elasticnet" that of an elastic net, and its share of L1;
        none, if that is within one standard error of the best.
    sample_weight : array of shape (rows,), optional
        The weight of each row; a row of weight 2 counts as two rows.
    batch_size : int, optional
        Rows per update; all by default. A last short batch counts by its rows.
    epochs : int, optional
        At most this many passes through the rows; exactly this many with a fixed step and no tolerance.
    direction : str, object or optax transformation, optional
        As for `minimize`, or "levenberg-marquardt" for a function with the squared loss.
    step : float, str, callable, object or optax transformation
        As for `minimize`; a function gets the number of the update. If you give neither a step nor a direction, the
        solver is chosen for the problem: Levenberg-Marquardt for a function of at most 200 parameters with the
        squared loss; Newton's method or L-BFGS for linear models, after two epochs of SAGA if `batch_size` is given;
        proximal steps for an L1 penalty, and Newton's in a box for bounds; L-BFGS for the rest, or DoWG in batches.
        `solver` of the fit names it.
    shuffle : {"batches", "rows", False}
        What each epoch shuffles: the order of the batches, whose rows were permuted once; the rows themselves, which
        is slower; or nothing.
    rescale : {"auto", "whiten", "scale", "none"}
        How the columns of a linear model are rescaled; those of a function never are.
    validation : float, (X, y) or (X, y, weight), optional
        Rows that the model does not learn from: a fraction of the rows, drawn by `rng`, or other rows. Their mean loss,
        without the penalty, is recorded after each epoch. The fit stops when this loss has not fallen for 10 epochs, or
        5 in batches, and returns the parameters of the epoch with the least loss. For a tree these rows choose among
        its candidates, in place of a fifth of the rows.
    tolerance : float, optional
        The largest distance of the loss from its minimum at the end, as a share of the whole descent. For a linear
        model with a loss of the library, it is a share of the remaining loss if that is less, but never of less than a
        thousandth of the descent. Without a tolerance the fit continues until only rounding errors are left. It then
        stops at 1e-9 of the remaining loss if the loss has kinks, and at 1e-8 if it has kinks and an L1 penalty, or an
        L1 penalty on more than 1,000 coefficients.
    dtype : dtype, optional
        float32 or float64, the type that the rows are stored in; X's own by default. Parameters are float64.
    seconds : float, optional
        At most this much time.
    forget : float or "auto", optional
        For an iterator only: after how many further rows a row counts half. "auto" forgets only if a drift is found,
        that is, if a model of the last rows predicts the next ones better beyond doubt. By default all rows count
        alike.
    rng : int, numpy.random.Generator or None
        The seed or generator that draws and shuffles; the same seed gives the same fit.
    callback : callable, optional
        As for `minimize`; called after each epoch.
    progress : bool, optional
        Whether to show progress; by default on a terminal or in a notebook, after 2 seconds.

    Returns
    -------
    Fit
        Parameters in your units, predictions, outcome and trace.

    Raises
    ------
    ValueError
        If the rows, the start or an option make no sense.
    TypeError
        If an argument has the wrong type, or another name here.

    Notes
    -----
    SAGA: Defazio, Bach and Lacoste-Julien (2014), in coordinates chosen for the rows, with the step of
    Gazagnadou, Gower and Salmon (2019). DoWG: Khaled, Mishchenko and Jin, "DoWG unleashed" (2023). The sum
    of losses of a batch is divided by the full batch size, also for a short last batch, so that every row
    weighs alike over an epoch.

    The rows of an iterator are centred and whitened by running moments, and the model learns from them by
    distance over gradients with averaging: Ivgi, Hinder and Carmon, "DoG is SGD's best friend" (2023). The
    trace then has a row per block, whose value is the loss before the model learnt from that block, with
    the penalty; `fun` is the value of the last block, and `nfev` counts blocks. If a later block can't be read, the
    fit ends with what it learnt before. Drift is found by two learners: Bach and Maloof, "Paired learners for
    concept drift" (2008), compared by a sequential test: Shin, Ramdas and Rinaldo, "E-detectors: a nonparametric
    framework for sequential change detection" (2024).

    Levenberg-Marquardt: Moré, "The Levenberg-Marquardt algorithm: implementation and theory" (1978), on
    residuals whose Jacobian is traced from the model, or computed by central differences. An event of the
    trace lists the parameters that the rows do not determine.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(5.0)
    >>> fitted = fit(lambda x, m, b: m * x + b, x, 3 * x + 1)
    >>> {name: round(float(value), 2) for name, value in fitted.params.items()}
    {'m': 3.0, 'b': 1.0}
    """
    check_callback(callback)
    if hasattr(X, "__next__"):
        return fit_blocks(
            model, X, start, loss, penalty,
            epochs=epochs, step=step, rescale=rescale, shuffle=shuffle, batch_size=batch_size, dtype=dtype,
            seconds=seconds, rng=rng, callback=callback, progress=progress, forget=forget,
            need_all_rows={
                "y": y, "sample_weight": sample_weight, "direction": direction, "tolerance": tolerance,
                "validation": validation, "bounds": bounds, "fixed": fixed,
            },
        )  # fmt: skip
    if forget is not None:
        raise ValueError(f"forget={quoted(forget)} is for an iterator of blocks, and X holds all rows: leave it out")
    if y is None:
        raise TypeError("y is missing: give one target a row, or as X an iterator of (X, y) blocks: iter(blocks)")
    check_penalty(penalty)
    budget = Budget.of(tolerance, seconds, epochs=epochs)
    model = read_model(model)
    data = TrainingData.read(X, y, sample_weight, validation, dtype, gaps=isinstance(model, Tree))
    if isinstance(model, Multinomial) and model.classes is None:
        targets = data.rows.y
        doubt = doubt_of_classes(len(np.unique(targets)), len(targets), whole=True)
        if doubt:
            # Level 5 is the user's line; levels 2 to 4 are the decorators.
            advice = "if they are numbers to predict, use Linear(); if not, give Multinomial(classes=...)"
            warnings.warn(f"{doubt}: {advice}", UserWarning, stacklevel=5)
    return fit_given(
        model, data, loss, penalty, budget,
        start=start, bounds=bounds, fixed=fixed, batch_size=batch_size, direction=direction, step=step,
        shuffle=shuffle, rescale=rescale, dtype=dtype, rng=rng, callback=callback, progress=progress,
    )  # fmt: skip


def check_penalty(penalty: str | Function | None) -> None:
    """Raise an error unless a penalty is one: an object, a function of the weights, or a name such as "auto"."""
    if isinstance(penalty, str) and penalty not in AUTOMATIC:
        raise ValueError(
            f'penalty={quoted(penalty)} is not known: give "auto", "auto-l1" or "auto-elasticnet", or an object '
            "such as penalties.L2(1e-3)"
        )
    if penalty is not None and not callable(penalty) and not isinstance(penalty, str):
        raise TypeError(
            f"penalty={quoted(penalty)}: give an object such as penalties.L2(1e-3), or a function of the weights"
        )


@interruptible()
def fit_given(
    model: ModelLike, data: TrainingData, loss: str | Function | None, penalty: str | Function | None, budget: Budget,
    *, start: PyTree = None, bounds: Bounds | None = None, fixed: Fixed | None = None, batch_size: int | None = None,
    direction: RuleLike = None, step: RuleLike = "auto", shuffle: str | bool = "batches", rescale: str = "auto",
    dtype: DTypeLike | None = None, rng: Seed = None, callback: Callback | None = None, progress: bool | None = None,
    levels: Sequence[int] = (),
) -> Fit:  # fmt: skip
    """Fit a model to rows that were read and checked.

    Parameters
    ----------
    data : TrainingData
        The rows, the names of their columns, and the validation rows.
    budget : Budget
        How near the descent has to come, and how much it may spend.
    model, loss, penalty, start, bounds, fixed, batch_size, direction, step, shuffle, rescale
        As for `fit`.
    dtype, rng, callback, progress
        As for `fit`.
    levels : sequence of int
        The columns that are levels of categories, for ``penalty="auto"``.

    Returns
    -------
    Fit
        As `fit` returns it.
    """
    model = read_model(model)
    if isinstance(penalty, str):
        held = bounds is not None or fixed is not None
        if why := auto_refusal(model, model.loss if loss is None and isinstance(model, Linear) else loss, held):
            raise ValueError(f"penalty={quoted(penalty)}: {why}")
    if getattr(penalty, "scales", None) is not None and not isinstance(model, Linear):
        raise ValueError(
            f"penalty={quoted(penalty)} has scales, which are those of the columns of a linear model: leave them out"
        )
    if isinstance(model, (Network, Tree)):
        assert not isinstance(penalty, str)
        cost, random = losses.named(model.loss if loss is None else loss), generator(rng)
        refused = {
            "bounds": bounds,
            "fixed": fixed,
            "rescale": None if rescale == "auto" else rescale,
            "shuffle": None if isinstance(shuffle, str) and shuffle in ("batches", "rows") else shuffle,
        }
        if isinstance(model, Network):
            return fit_network(
                model, data, cost, budget, random, callback, progress,
                batch_size=batch_size, dtype=dtype, start=start, penalty=penalty, direction=direction, step=step,
                refused=refused,
            )  # fmt: skip
        rule = None if isinstance(step, str) and step == "auto" else step
        return fit_tree(
            model, data, cost, budget, random, callback, progress, batch_size=batch_size, penalty=penalty,
            refused=refused | {"start": start, "direction": direction, "dtype": dtype, "step": rule},
        )  # fmt: skip
    if isinstance(model, Linear):
        model = model.prepared(data.rows.X, data.rows.y)
        penalty = model.default_penalty(float(data.rows.weight.sum())) if penalty is None else penalty
    cost, draw = losses.named(model.loss if loss is None else loss), _seeds(rng)
    # Keep the order of the two draws: in another order, a seed would give another fit than before.
    drawn = draw() if isinstance(data.validation, float) else None
    path = None
    if isinstance(model, Linear) and (isinstance(penalty, str) or is_standard(penalty)):
        rows = data.split(drawn)[0].weighted()
        X = model.shaped(rows.X)
        if isinstance(penalty, str):
            assert isinstance(cost, Loss)
            losses.check_targets(cost, rows.y)
            if penalty != AUTO and (batch_size is not None or direction is not None or step != "auto"):
                raise ValueError(
                    f"penalty={quoted(penalty)} needs all rows and steps of its own: leave batch_size=, direction= and "
                    "step= out"
                )
            penalty, path = automatic(penalty, model, cost, X, rows.y, rows.weight, levels)
            doing("fitting")
        else:
            penalty = on_columns(penalty, column_deviations(X, rows.weight))
    assert not isinstance(penalty, str)
    options = FitOptions(
        model, cost, penalty, start, batch_size, direction, step, shuffle, rescale, dtype,
        seed=draw(), drawn=drawn, bounds=bounds, fixed=fixed,
    )  # fmt: skip
    if direct := direct_fit(options, data, budget, callback, progress):
        direct.path = path
        return direct
    attempt = Attempt.of(options, data, budget, callback, progress)
    if attempt and (quick := attempt.again()):
        return quick
    setup = FitSetup.of(options, data, budget)
    if attempt and (quick := attempt.first(setup)):
        return quick
    fitted, checkpoint = setup.go(callback, progress)
    fitted.resumable, fitted.path = LiveFit(setup, checkpoint), path
    return fitted


def _seeds(rng: Seed) -> Callable[[], int]:
    """Return the function that draws seeds: from `rng`, or from the system, which takes less time than a generator."""
    if rng is None:
        return lambda: secrets.randbits(31)
    random = generator(rng)
    return lambda: int(random.integers(2**31))


@np.errstate(all="ignore")
def linear_gradient(xs: Array, ys: Array, params: Array) -> list[Array]:
    """Return the gradient of the squared error of a line m x + b, at one point or at each of several.

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
        raise ValueError(f"params={quoted(params)}: give two numbers, (m, b)")
    if np.shape(xs) != np.shape(ys):
        raise ValueError(f"xs and ys have the shapes {np.shape(xs)} and {np.shape(ys)}: give one y for each x")
    slope, intercept = params
    xs, ys = np.asarray(xs, dtype=float)[()], np.asarray(ys, dtype=float)[()]
    error = slope * xs + intercept - ys
    gradient = [2 * error * xs, 2 * error]
    return gradient if np.ndim(xs) else [float(part) for part in gradient]
