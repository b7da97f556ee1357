"""Step sizes: fixed in advance, adapted to the descent, or found by a line search."""

from steepest.rules.steps import adaptive, searches
from steepest.rules.steps.adaptive import AdGD, BarzilaiBorwein, DoG, DoWG, Polyak
from steepest.rules.steps.schedules import Constant, Cosine, Exponential, OneCycle, Schedule, Shrinking, Staircase
from steepest.rules.steps.searches import Armijo, ExactSearch, StrongWolfe, Wolfe

__all__ = [
    "NAMED",
    "AdGD",
    "Armijo",
    "BarzilaiBorwein",
    "Constant",
    "Cosine",
    "DoG",
    "DoWG",
    "ExactSearch",
    "Exponential",
    "OneCycle",
    "Polyak",
    "Schedule",
    "Shrinking",
    "Staircase",
    "StrongWolfe",
    "Wolfe",
]

NAMED = searches.NAMED | adaptive.NAMED
