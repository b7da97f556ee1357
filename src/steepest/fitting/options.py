"""Reading the options of `fit`; options that make no sense are refused before the fit begins."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping

import numpy as np

from steepest.data.batches import SHUFFLES
from steepest.derivatives.bounds import Box
from steepest.fitting.function.levenberg import LevenbergMarquardt, TrustRegion
from steepest.fitting.limits import PROXIMAL_NEWTON, WHITENED
from steepest.fitting.linear.coordinates import CHOICES
from steepest.models import SVM, Custom, Linear, Multinomial, Network, Tree
from steepest.models.losses import Kinked, Loss
from steepest.models.penalties import kink_of
from steepest.printable import quoted
from steepest.rules.choose import LEVENBERG, choose, is_optax
from steepest.rules.pair import Rules
from steepest.types import Function, RuleLike

# More classes than this, in whole numbers, are mostly numbers to predict, and take long. Chosen, not measured.
MANY_CLASSES = 100
# From this many rows on, a class for each row is a number or an identifier. Chosen, not measured.
FEW_ROWS = 20
# The types that model= accepts.
ModelLike = Linear | Custom | Network | Tree | Function


def read_model(model: ModelLike) -> Linear | Custom | Network | Tree:
    """Return the model; a function becomes a `Custom` model."""
    if isinstance(model, type):
        raise TypeError(f"model={model.__name__} is a class: write {model.__name__}()")
    if isinstance(model, (Linear, Custom, Network, Tree)):
        return model
    if not callable(model):
        raise TypeError(
            f"model={quoted(model)}: give a model such as models.Linear() or models.Network(), or a function of "
            "(X, *parameters)"
        )
    return Custom(model)


def doubt_of_classes(classes: int, rows: int, whole: bool) -> str:
    """Return a warning if targets hardly are classes, else "".

    Parameters
    ----------
    classes : int
        How many classes there are.
    rows : int
        How many rows.
    whole : bool
        Whether the classes are whole numbers.

    Returns
    -------
    str
        What is suspicious.

    Examples
    --------
    >>> doubt_of_classes(300, 2000, whole=True)
    'y has 300 different whole numbers in 2,000 rows, each taken as a class, which may take long'
    """
    if classes == rows >= FEW_ROWS:
        return f"y has another class in each of the {rows:,} rows, so no class can be learnt"
    if whole and classes > MANY_CLASSES:
        return f"y has {classes:,} different whole numbers in {rows:,} rows, each taken as a class, which may take long"
    return ""


def refuse(what: str, given: Mapping[str, object], reasons: Mapping[str, str]) -> None:
    """Raise ValueError for the first argument given that a model does not take; those left out are None."""
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"{name}={quoted(value)} is not for {what}: {reasons[name]}")


def read_rows(size: int | None) -> int | None:
    """Return batch_size= as a whole number; None if it was not given."""
    if size is None:
        return None
    if isinstance(size, bool) or not isinstance(size, numbers.Integral) or size < 1:
        raise ValueError(f"batch_size={quoted(size)}: give a whole number of rows, 1 or more")
    return int(size)


def read_batch(size: int | None, rows: int) -> int | None:
    """Return the rows of a batch; None if one batch holds all rows."""
    size = read_rows(size)
    return None if size is None or size >= rows else size


def read_rules(
    direction: RuleLike, step: RuleLike, batched: bool, stateful: bool = False, boxed: bool = False
) -> Rules:  # fmt: skip
    """Return the rules that direction= and step= ask for; the values of a `stateful` model change from call to call.

    `boxed` tells whether there are bounds.
    """
    if isinstance(direction, str) and direction == LEVENBERG:
        if not (isinstance(step, str) and step == "auto"):
            raise ValueError(f"direction={quoted(direction)} finds its own step size: leave step={quoted(step)} out")
        return Rules(LevenbergMarquardt(), TrustRegion())
    if (batched or stateful) and isinstance(step, str) and step == "auto" and not is_optax(direction):
        if direction is not None:
            where = "on batches" if batched else "for a model with a state"
            raise ValueError(
                f"direction={quoted(direction)} {where} needs a learning rate, such as step=0.01: "
                "leave direction= and step= out for a rule that finds its own step size"
            )
        import optax

        return choose(None, optax.contrib.dowg())
    rules = choose(direction, step, noisy=batched, boxed=boxed)
    if stateful and (rules.searches or rules.step.exact):
        raise ValueError(
            f"{type(rules.step).__name__} needs values that are the same in every call, and those of a model with a "
            "state are not: leave step= out, or give a learning rate such as step=0.01"
        )
    return rules


def read_rescaling(rescale: str, model: Linear | Custom, X: np.ndarray, finds_its_step: bool) -> str:
    """Return how the columns are rescaled: "whiten", "scale" or "none"."""
    check_rescaling(rescale)
    if not isinstance(model, Linear):
        if rescale not in ("auto", "none"):
            raise ValueError(f"rescale={quoted(rescale)}: the columns of a function of your own are never rescaled")
        return "none"
    if rescale != "auto":
        return rescale
    if not finds_its_step:
        return "none"
    return "whiten" if math.prod(X.shape[1:]) <= WHITENED else "scale"


def check_shuffle(shuffle: str | bool) -> None:
    """Raise ValueError if shuffle= has an unknown value."""
    if shuffle not in SHUFFLES or shuffle is True:
        raise ValueError(f'shuffle={quoted(shuffle)}: give "batches", "rows" or False')


def check_rescaling(rescale: str) -> None:
    """Raise ValueError if rescale= has an unknown value."""
    if rescale not in CHOICES:
        raise ValueError(f"rescale={quoted(rescale)} is not known (known: {', '.join(CHOICES)})")


def refusal(
    penalty: Function | None, model: Linear | Custom, loss: Function, in_batches: bool, by_hand: bool, has_rate: bool,
    rescale: str,
) -> str:  # fmt: skip
    """Return why an L1 penalty can't be combined with these options; "" if it can.

    `by_hand` tells whether the user chose a direction or a step, and `has_rate` whether the step is a learning
    rate. With a learning rate the rule takes subgradients, for any loss and model, and claims no convergence.
    """
    if not kink_of(penalty):
        return ""
    if rescale == "whiten":
        return "it sets coefficients to 0, and rescale='whiten' mixes them: leave rescale= out"
    if has_rate:
        return ""
    if not isinstance(model, Linear):
        return (
            "its kinks at 0 need proximal steps, which only linear models take: "
            "use penalties.L2, or models.Linear() as the model"
        )
    if not isinstance(loss, Loss):
        return "L1 and elastic net need a loss of the library, from steepest.losses: use penalties.L2 instead"
    if by_hand:
        return (
            "its kinks at 0 need proximal steps, which find their own step size: leave direction= and step= out, use "
            "penalties.L2, or give a learning rate such as step=0.01"
        )
    if in_batches and not math.isfinite(loss.steepest):
        return (
            f"in batches its proximal steps need a loss of bounded curvature, and the {loss.name} loss has none: leave "
            "batch_size= out, or give a learning rate such as step=0.01"
        )
    if rescale == "none":
        return "its proximal steps need columns of equal scale, and rescale='none' keeps yours: leave rescale= out"
    return ""


def bounds_refusal(
    bounds: Box, penalty: Function | None, model: Linear | Custom, loss: Function, in_batches: bool, rescale: str
) -> str:  # fmt: skip
    """Return why a linear model can't have bounds together with these options; "" if it can."""
    if isinstance(model, Multinomial):
        return (
            "the coefficients of several classes sum to 0, so they have no bounds of their own: fit each class against "
            "the rest by models.Logistic(), as DescentClassifier does if it is given bounds"
        )
    if isinstance(model, SVM) and model.map is not None:
        return f"the features of kernel={quoted(model.kernel)} have no names: use kernel='linear'"
    if rescale == "whiten":
        return "bounds are those of single coefficients, and rescale='whiten' mixes them: leave rescale= out"
    if in_batches:
        return "bounds need all rows at once: leave batch_size= out"
    if kink_of(penalty) and not np.all(
        (bounds.low >= 0) | (bounds.high <= 0) | (np.arange(len(bounds.low)) == len(bounds.low) - 1)
    ):
        return (
            f"penalty={quoted(penalty)} goes with bounds only if they keep each coefficient on one side of 0, as "
            '{"coef": (0, None)} does: use penalties.L2, or other bounds'
        )
    if isinstance(loss, Kinked) and len(bounds.low) > PROXIMAL_NEWTON:
        return (
            f"the {loss.name} loss, which has kinks, takes bounds with at most {PROXIMAL_NEWTON - 1:,} columns, and X "
            f"has {len(bounds.low) - 1:,}: use another loss"
        )
    return ""
