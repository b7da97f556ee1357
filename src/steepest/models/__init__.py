"""Models that can be fitted, and the losses and penalties to fit them with."""

from steepest.models.custom import Custom
from steepest.models.linear import Gamma, Linear, Logistic, Multinomial, Poisson
from steepest.models.network import Network
from steepest.models.svm import SVM, SVR
from steepest.models.tree import Tree

__all__ = ["SVM", "SVR", "Custom", "Gamma", "Linear", "Logistic", "Multinomial", "Network", "Poisson", "Tree"]
