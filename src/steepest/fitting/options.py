"""From the words of `fit` to what they mean, refused early where they make no sense."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np

from steepest.data.batches import SHUFFLES
from steepest.fitting.function.levenberg import LevenbergMarquardt, TrustRegion
from steepest.fitting.linear.coordinates import CHOICES, WIDEST_GRAM
from steepest.models import Custom, Linear
from steepest.models.losses import Loss
from steepest.models.penalties import Function, kink_of
from steepest.rules.choose import LEVENBERG, choose, is_optax
from steepest.rules.pair import Rules


def read_model(model: Any) -> Any:
    """Return the model that was given, a function as one of the user's own."""
    if isinstance(model, type):
        raise TypeError(f"model={model.__name__} is a class: write {model.__name__}()")
    if isinstance(model, (Linear, Custom)):
        return model
    if not callable(model):
        raise TypeError(f"model={model!r}: give models.Linear(), models.Logistic(), or a function of (X, *parameters)")
    return Custom(model)


def read_rows(size: Any) -> int | None:
    """Return the rows of a batch that are asked for."""
    if size is None:
        return None
    if isinstance(size, bool) or not isinstance(size, numbers.Integral) or size < 1:
        raise ValueError(f"batch_size={size!r}: give a whole number of rows, 1 or more")
    return int(size)


def read_batch(size: Any, rows: int) -> int | None:
    """Return the rows of a batch, or None where one batch is all."""
    size = read_rows(size)
    return None if size is None or size >= rows else size


def read_rules(direction: Any, step: Any, batched: bool) -> Rules:
    """Return the rules for a direction and a step."""
    if isinstance(direction, str) and direction == LEVENBERG:
        if not (isinstance(step, str) and step == "auto"):
            raise ValueError(f"direction={direction!r} finds how far it may go: leave step={step!r} out")
        return Rules(LevenbergMarquardt(), TrustRegion())
    if batched and isinstance(step, str) and step == "auto" and not is_optax(direction):
        if direction is not None:
            raise ValueError(
                f"direction={direction!r} on batches needs a learning rate, such as step=0.01: "
                "leave both out for a step that finds its own"
            )
        import optax

        return choose(None, optax.contrib.dowg())
    return choose(direction, step, noisy=batched)


def read_rescaling(rescale: str, model: Any, X: np.ndarray, finds_its_own: bool) -> str:
    """Return what is done to the columns."""
    check_rescaling(rescale)
    if not isinstance(model, Linear):
        if rescale not in ("auto", "none"):
            raise ValueError(f"rescale={rescale!r}: the columns of a function of your own are never rescaled")
        return "none"
    if rescale != "auto":
        return rescale
    if not finds_its_own:
        return "none"
    return "whiten" if math.prod(X.shape[1:]) <= WIDEST_GRAM else "scale"


def check_shuffle(shuffle: Any) -> None:
    """Refuse an order of the rows that is not known."""
    if shuffle not in SHUFFLES or shuffle is True:
        raise ValueError(f'shuffle={shuffle!r}: give "batches", "rows" or False')


def check_rescaling(rescale: Any) -> None:
    """Refuse a way to scale columns that is not known."""
    if rescale not in CHOICES:
        raise ValueError(f"rescale={rescale!r} is not known (known: {', '.join(CHOICES)})")


def refusal(
    penalty: Function | None, model: Linear | Custom, loss: Function, by_hand: bool, has_rate: bool, rescale: str
) -> str:  # fmt: skip
    """Return why an L1 penalty can't be combined with these options; nothing if it can.

    `by_hand` tells whether batches, a direction or a step were chosen, and `has_rate` whether the step is a learning
    rate. With a learning rate the rule takes subgradients, for any loss and model, and claims no convergence.
    """
    if not kink_of(penalty):
        return ""
    if rescale == "whiten":
        return "rescale='whiten' mixes the coefficients that it sets to 0: leave rescale= out"
    if has_rate:
        return ""
    if not isinstance(model, Linear):
        return (
            "its kinks at 0 need proximal steps, which a function of your own does not take: "
            "take penalties.L2, or models.Linear() as the model"
        )
    if not isinstance(loss, Loss):
        return "L1 and elastic net need a loss of the library's own, from losses: take penalties.L2 instead"
    if by_hand:
        return (
            "its kinks at 0 need proximal steps, which a linear model takes on all rows, with batch_size=, direction= "
            "and step= left out: leave them out, take penalties.L2, or give a learning rate such as step=0.01"
        )
    if rescale == "none":
        return "rescale='none' can't be had, as its proximal steps are taken in columns of one size: leave rescale= out"
    return ""
