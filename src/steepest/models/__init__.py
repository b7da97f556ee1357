"""What is fitted: models, and the losses and penalties that they are fitted with."""

from steepest.models.custom import Custom
from steepest.models.linear import Gamma, Linear, Logistic, Multinomial, Poisson

__all__ = ["Custom", "Gamma", "Linear", "Logistic", "Multinomial", "Poisson"]
