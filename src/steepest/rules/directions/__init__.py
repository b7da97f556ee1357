"""Directions, in order of complexity: each rule maps a gradient to a direction.

A rule is a frozen record of its hyper-parameters. `start(x)` returns its state before the first step.
Called with a gradient, its state and the point, it returns the direction d and the next state. The loop
moves to x + t d, with the step size t from `steepest.rules.steps`.
"""

from steepest.rules.directions.bfgs import BFGS
from steepest.rules.directions.first_order import (
    Adadelta,
    AdaGrad,
    Adam,
    AdamW,
    AMSGrad,
    Momentum,
    NAdam,
    Nesterov,
    Plain,
    RMSProp,
)
from steepest.rules.directions.lbfgs import LBFGS
from steepest.rules.directions.transformation import Optax

__all__ = [
    "BFGS",
    "LBFGS",
    "NAMED",
    "AMSGrad",
    "AdaGrad",
    "Adadelta",
    "Adam",
    "AdamW",
    "Momentum",
    "NAdam",
    "Nesterov",
    "Optax",
    "Plain",
    "RMSProp",
]

NAMED = {
    "plain": Plain,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adagrad": AdaGrad,
    "rmsprop": RMSProp,
    "adadelta": Adadelta,
    "adam": Adam,
    "adamw": AdamW,
    "nadam": NAdam,
    "amsgrad": AMSGrad,
    "l-bfgs": LBFGS,
    "bfgs": BFGS,
}
