"""How far to go: every step size under one name, fixed beforehand, following the descent, or searched for by trial."""

from steepest.descent import adaptive, searches
from steepest.descent.adaptive import AdGD, BarzilaiBorwein, DoG, DoWG, Polyak
from steepest.descent.schedules import Constant, Cosine, Exponential, OneCycle, Schedule, Shrinking, Staircase
from steepest.descent.searches import Armijo, ExactSearch, StrongWolfe, Wolfe

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
