"""`fit_table`: fit a model to a file or a DataFrame, and score it on rows that were held out."""

from __future__ import annotations

import numbers
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain, count

import numpy as np

from steepest.activity import doing, with_activity
from steepest.arguments import check_callback, generator, our_words
from steepest.call import remembered
from steepest.derivatives.process.interrupts import interruptible
from steepest.descent.budget import Budget
from steepest.fitting.fit import check_penalty, fit_given
from steepest.fitting.result import Fit
from steepest.fitting.setup import TrainingData
from steepest.fitting.strength.automatic import AUTO, auto_refusal
from steepest.fitting.strength.choose import too_many
from steepest.models import Linear, Network, Tree, losses
from steepest.models.losses import Loss
from steepest.models.penalties import L2
from steepest.printable import printable, quoted
from steepest.tabular.encoding import Missing
from steepest.tabular.method import Method, chosen, described, has_coefficients, parameter_names
from steepest.tabular.one_vs_rest import fit_one_vs_rest, needs_one_vs_rest
from steepest.tabular.parts.split import check_split
from steepest.tabular.prepare import check_numbers, prepare
from steepest.tabular.reading.written.marks import Marks
from steepest.tabular.result import TableFit, held_out_of
from steepest.tabular.scale.log_target import LogTarget, check_log_target
from steepest.tabular.score import score_of
from steepest.tabular.target import Task
from steepest.tabular.warnings.find import warnings_of
from steepest.tabular.warnings.fitted import FittedTable
from steepest.trace import Outcome
from steepest.types import Bounds, Callback, Fixed, Function, RuleLike, Seed, Table


@remembered
@our_words
@interruptible()
@with_activity
@np.errstate(all="ignore")
def fit_table(
    table: Table,
    target: str,
    *,
    features: Iterable[str] | None = None,
    drop: Iterable[str] = (),
    missing: Missing | None = None,
    max_categories: int = 50,
    decimal: str | None = None,
    thousands: str | None = None,
    na: str | Iterable[str] = (),
    day_first: bool | None = None,
    kinds: Mapping[str, str] | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
    task: Task | None = None,
    log_target: bool = False,
    held_out: float = 0.2,
    split: str = "random",
    model: str | Network | Tree = "linear",
    loss: str | Loss | None = None,
    kernel: str = "linear",
    gamma: float | None = None,
    components: int | None = None,
    penalty: str | Function | None = "auto",
    bounds: Bounds | None = None,
    fixed: Fixed | None = None,
    batch_size: int | None = None,
    epochs: int | None = None,
    direction: RuleLike = None,
    step: RuleLike = "auto",
    validation: float | None = None,
    tolerance: float | None = None,
    seconds: float | None = None,
    rng: Seed = 0,
    max_bytes: float | None = None,
    callback: Callback | None = None,
    progress: bool | None = None,
) -> TableFit:
    """Fit a model that predicts one column of a table from the others.

    Numbers, true and false, dates and texts are used; columns that tell nothing are dropped, and named in `notes`.
    Texts are read as people write them: "$1,234.50", "12 km", "5 %", "(300)", "31/12/2020" and "Jan 5, 2020" are
    numbers and dates. If at least 90 % of the values of a column are numbers, the others are missing, as "?" is.
    A target with two different values, or of texts, makes a classification (log loss; softmax for more than two
    classes); a target of more different numbers makes a regression (squared loss).

    Parameters
    ----------
    table : path, DataFrame, pyarrow.Table or dict
        A CSV (also .gz, .zip, .tsv, .txt), JSON (.json, .jsonl), Excel (.xlsx), Feather or Parquet file, or a table in
        memory.
    target : str
        The column to predict.
    features : iterable of str, optional
        The columns to predict from; by default all others.
    drop : iterable of str
        Columns to leave out.
    missing : {"mean", "drop", "error", "keep"}, optional
        How missing values are treated: they are replaced by the mean, their row is dropped, the table is refused, or
        they are kept, which only a tree can. By default a tree keeps them, and other models get the mean. Rows without
        a target are always dropped.
    max_categories : int
        The most different texts for which a column of texts becomes a column of 0 and 1 for each. With more it becomes
        one column, with the mean of the target in the training rows that have the same text (for k classes, k − 1
        columns with the share of each). The mean of few rows is drawn to that of all, and each training row gets a mean
        of other rows than itself.
    decimal : {".", ","}, optional
        The decimal mark of numbers that are written as texts; by default the texts tell it, and `notes` says how a text
        such as "1,234" was read if they do not.
    thousands : str, optional
        The mark between their thousands, such as "." or " "; "" if there is none.
    na : str or iterable of str
        Texts and numbers that mean a missing value, such as ("unknown", "-999"), besides the usual ones.
    day_first : bool, optional
        Whether 3/4/2020 is the third of April (True) or the fourth of March (False). By default the dates of a column
        tell it, and `notes` says what was taken if they do not. A date that exists in the other order alone is refused.
    kinds : mapping of str to {"number", "date", "text"}, optional
        What columns hold, by name, where the values do not tell it: ``{"zip": "text"}`` takes numbers as labels, and
        ``{"code": "number"}`` keeps whole numbers such as 20201231, which are dates by default.
    encoding : str, optional
        The encoding of a CSV, by a name that Python knows, such as "cp1251"; by default UTF-8, UTF-16 and Windows-1252
        are told from the file.
    sheet : str, optional
        The sheet of a workbook; by default the first with a table.
    task : {"regression", "classification"}, optional
        The task, instead of the one that the target suggests; whole numbers can be classes, too.
    log_target : bool
        Whether the logarithm of the target is fitted, for targets above 0 whose effects are relative: a coefficient c
        then multiplies the target by exp(c) for each unit more. `bounds` and `fixed` are on that scale. The score and
        predictions have the target's units: means by Duan's smearing estimate, or, after the absolute and the quantile
        loss, medians and quantiles.
    held_out : float
        The fraction of rows to hold out of the fit, for the score; 0 for none.
    split : {"random", "time"} or str
        Which rows are held out. By default they are drawn at random, the same fraction of each class. "time" holds out
        the last rows by the only column of dates, as a fit that predicts the future needs. The name of a column of
        dates or numbers holds out the last rows by that column, and keeps rows with the same value together. That of a
        column of texts, or of true and false, holds out all rows of some of its groups, drawn at random; the column is
        then no feature, unless `features` names it.
    model : {"linear", "svm", "network", "tree"}, Network or Tree
        A linear model, a support vector machine, a neural network, or a decision tree; ``models.Network(hidden=(32,))``
        for other layers than the default, and ``models.Tree(depth=3)`` for a depth of its own. With the
        hinge or the squared hinge, more than two classes take one fit per class, that class against the rest, each as
        long as a fit of two classes; `seconds` limits each fit.
    loss : str or Loss, optional
        A name such as "huber", or an object such as ``losses.Quantile(0.9)``. By default the loss named
        above; for a support vector machine the hinge, or the ε-insensitive loss for numbers. A loss for classes makes a
        classification, any other a regression; with "poisson" and "gamma", means are predicted.
    kernel : {"linear", "rbf"}
        The kernel of a support vector machine.
    gamma : float, optional
        γ of the kernel exp(-γ ‖x - x'‖²), for standardised columns; by default 1 / (number of columns).
    components : int, optional
        How many features approximate the kernel "rbf"; 300 by default.
    penalty : "auto", "auto-l1", "auto-elasticnet", callable or None
        By default the strength of an L2 penalty on standardised columns is chosen for a linear model, by the loss of
        rows left out, as `fit` does; a note in `notes` says what was chosen and why. Levels of texts are not
        standardised but stay 0 and 1, so that those of few rows are drawn nearer to the most frequent one. A network, a
        tree, a kernel, bounds, or a step or direction of your own take no such penalty. Otherwise as for `fit`, and
        None for no penalty. If the loss then has no minimum, as where classes are separable, L2(1/n) is added for n
        training rows, with a note.
    bounds, fixed : mapping, optional
        Limits of the coefficients of a linear model, and those that keep a value, as for `fit`:
        ``{"coef": (0, None)}``, or by the name of a column. A column of texts has a coefficient for each level but the
        most frequent one, such as ``sex=m``, and its own name stands for all of them.
    batch_size, epochs, direction, step : optional
        As for `fit`.
    validation : float, optional
        The fraction of the training rows to set aside for early stopping; the score uses other rows.
    tolerance, seconds : optional
        As for `fit`.
    rng : int, numpy.random.Generator or None
        The seed or generator that draws the held-out rows and shuffles; the same seed gives the same fit.
    max_bytes : number, optional
        The most bytes that a file may hold once it is unpacked, such as 8e9; by default a quarter of this machine's
        memory. A small compressed file can hold more than memory.
    callback, progress : optional
        As for `fit`; one line also says how far reading, encoding and the choice of the penalty are.

    Returns
    -------
    TableFit
        A fit that predicts tables. Its `coefficients` have the names of the columns, its `score` is that of the
        held-out rows, and `save` writes the fit and how columns become numbers.

    Raises
    ------
    TableError
        If the file or the table must be corrected first; the message says where and how.
    ValueError
        If an option is invalid, or two options contradict each other.

    Examples
    --------
    >>> heights = {"age": [2, 4, 6, 8], "sex": ["f", "m", "f", "f"], "height": [86.0, 103.0, 116.0, 128.0]}
    >>> fitted = fit_table(heights, "height", held_out=0)
    >>> {name: round(value, 3) for name, value in fitted.coefficients.items()}
    {'age': 7.071, 'sex=m': 2.429}
    >>> fitted.predict({"age": [5], "sex": ["m"]}).round(2)
    array([110.07])
    """
    if isinstance(held_out, bool) or not isinstance(held_out, numbers.Real) or not 0 <= held_out < 1:
        raise ValueError(f"held_out={quoted(held_out)}: give the fraction of rows to hold out, such as 0.2; 0 for none")
    if isinstance(max_categories, bool) or not isinstance(max_categories, numbers.Integral) or max_categories < 0:
        raise ValueError(f"max_categories={quoted(max_categories)}: give a whole number of texts, such as 50")
    if isinstance(validation, (tuple, list)):
        raise TypeError("validation= takes a fraction of the training rows here, such as 0.2")
    check_callback(callback)
    budget = Budget.of(tolerance, seconds, epochs=epochs)
    method = Method.read(model, loss, kernel, gamma, components)
    asked = method.task(task)
    check_log_target(log_target, method.loss, asked)
    check_split(split, float(held_out), target)
    random, marks = generator(rng), Marks.read(decimal, thousands, na, day_first, kinds)
    ready = prepare(
        table, target, asked, float(held_out), random,
        features=features, drop=drop, missing=method.missing(missing), max_categories=max_categories,
        max_bytes=max_bytes, marks=marks, text_encoding=encoding, sheet=sheet, split=split, log_target=log_target,
    )  # fmt: skip
    rows, classes, names = (ready.logged() if log_target else ready).training, ready.classes, list(ready.encoding.names)
    resolved, cost = method.resolve(len(classes or ()), penalty, random, ready.encoding)
    by_hand = direction is not None or not (isinstance(step, str) and step == "auto")
    check_penalty(penalty)
    reason = ""
    if penalty == AUTO and (by_hand or auto_refusal(resolved, cost, held=bool(bounds or fixed))):
        # The default is no wish, so it gives way.
        penalty = None
    if isinstance(penalty, str) and (why := auto_refusal(resolved, cost, held=bool(bounds or fixed))):
        raise ValueError(f"penalty={quoted(penalty)}: {why}")
    if classes is None:
        check_numbers(target, ready, cost)
    bounds, fixed = (ready.encoding.by_coefficient(given) for given in (bounds, fixed))
    # The first fit's time includes reading the table; each further fit, of another class, has its own.
    budgets = chain([budget], (replace(budget, began=time.perf_counter()) for _ in count()))

    levels = [column for category in ready.encoding.categories for column in category]

    def descend(X: np.ndarray, y: np.ndarray, penalty: str | Function | None) -> Fit:
        doing("fitting")
        data = TrainingData.read(X, y, None, validation, None, names, gaps=isinstance(resolved, Tree))
        return fit_given(
            resolved, data, cost, penalty, next(budgets), bounds=bounds, fixed=fixed,
            batch_size=batch_size, direction=direction, step=step, rng=random, callback=callback, progress=progress,
            levels=levels,
        )  # fmt: skip

    if classes is not None and needs_one_vs_rest(classes, cost):
        descend = partial(fit_one_vs_rest, descend, labels=classes)
    if penalty == AUTO and cost is losses.softmax and (full := too_many(rows.X.shape[1], len(classes or ()))):
        penalty, reason = None, f": {full}"
    fitted = descend(rows.X, rows.y, penalty=penalty)
    if (penalty is None or isinstance(penalty, str)) and fitted.outcome is Outcome.NO_FINITE_OPTIMUM:
        cause = "" if classes is None else "the classes are separable, and "
        reason = f": added because {cause}without a penalty the coefficients would grow without bound"
        penalty = L2(float(f"{1 / len(rows.y):.3g}"))
        fitted = descend(rows.X, rows.y, penalty=penalty)
    if isinstance(resolved, Linear):
        features_of_model = names if has_coefficients(resolved) else fitted.trace.names[:-1]
        fitted.trace.names = parameter_names(features_of_model, classes)
        if fitted.view is not None:
            fitted.view = replace(fitted.view, names=tuple(fitted.trace.names))
    doing("scoring")
    scale = LogTarget.of(fitted, cost) if log_target else None
    unseen = held_out_of(fitted, ready.held_out, scale)
    measured = scale.measured_by(cost) if scale else cost
    # The fit finds out how many members the rows bear, and which depth a tree needs.
    model = fitted.model if isinstance(fitted.model, (Network, Tree)) else resolved
    looked_at = FittedTable(ready, target, cost, fitted, asked, scale)
    return TableFit(
        fit=fitted,
        encoding=ready.encoding,
        target=target,
        classes=classes,
        loss=cost,
        score=None if unseen is None else score_of(unseen, ready.training.y, measured, classes, fitted.success),
        notes=[
            *ready.notes,
            f"fitted: {described(model, cost, chosen(fitted, penalty))}{reason}",
            *([printable(scale.note(target, cost))] if scale else []),
        ],
        learnt=ready.learnt,
        held_out=unseen,
        # Column by column, as all at once would copy the rows.
        spread=np.array([column.std() for column in rows.X.T]) if has_coefficients(model) else None,
        warnings=warnings_of(looked_at),
        looked_at=looked_at,
        log_target=scale,
    )
