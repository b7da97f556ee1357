"""How far to go: every step size under one name, fixed beforehand or searched for by trial."""

from steepest.descent.schedules import Constant, Cosine, Exponential, OneCycle, Schedule, Shrinking, Staircase
from steepest.descent.searches import NAMED, Armijo, ExactSearch, StrongWolfe, Wolfe

__all__ = [
    "NAMED",
    "Armijo",
    "Constant",
    "Cosine",
    "ExactSearch",
    "Exponential",
    "OneCycle",
    "Schedule",
    "Shrinking",
    "Staircase",
    "StrongWolfe",
    "Wolfe",
]
