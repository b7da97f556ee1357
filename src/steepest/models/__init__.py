"""What is fitted: models, and the losses and penalties that they are fitted with."""

from steepest.models.custom import Custom
from steepest.models.linear import Gamma, Linear, Logistic, Poisson

__all__ = ["Custom", "Gamma", "Linear", "Logistic", "Poisson"]
