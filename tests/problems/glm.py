"""Generalised linear models on raw columns, as plain functions of the intercept and the coefficients.

The minimum of each is computed without the library, by Newton's method on standardised columns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from tests.problems.problem import Problem

Table = tuple[np.ndarray, np.ndarray]
Loss = Callable[[Any, Any], Any]


def logistic(z: Any, y: Any) -> Any:
    """Return the log loss of scores z for labels 0 and 1."""
    return np.logaddexp(0, z) - y * z


def poisson(z: Any, y: Any) -> Any:
    """Return the loss of log rates z for counts, up to a constant of the counts."""
    return np.exp(z) - y * z


def squared(z: Any, y: Any) -> Any:
    """Return the squared error."""
    return (z - y) ** 2


def chance(z: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-z))."""
    return 0.5 * (1 + np.tanh(z / 2))


# First and second derivatives of the losses by z, which only the reference uses.
SLOPES = {
    logistic: (lambda z, y: chance(z) - y, lambda z, y: chance(z) * chance(-z)),
    poisson: (lambda z, y: np.exp(z) - y, lambda z, y: np.exp(z)),
    squared: (lambda z, y: 2 * (z - y), lambda z, y: np.full_like(z, 2.0)),
}


def objective(loss: Loss, X: np.ndarray, y: np.ndarray, ridge: float) -> Callable[[Any], Any]:
    """Return mean loss + ridge/2 ‖w‖²; the point begins with the intercept, which is not penalised."""

    def value(point: Any) -> Any:
        return np.mean(loss(point[0] + X @ point[1:], y)) + 0.5 * ridge * np.sum(point[1:] ** 2)

    return value


def least(loss: Loss, X: np.ndarray, y: np.ndarray, ridge: float) -> float:
    """Return the minimum by Newton's method with halved steps, on columns of mean 0 and deviation 1."""
    slope, curvature = SLOPES[loss]
    deviation = X.std(axis=0)
    table = np.column_stack([np.ones(len(y)), (X - X.mean(axis=0)) / deviation])
    penalty = np.concatenate([[0.0], ridge / deviation**2])

    def value(point: np.ndarray) -> float:
        return float(np.mean(loss(table @ point, y)) + 0.5 * penalty @ point**2)

    point = np.zeros(table.shape[1])
    for _ in range(200):
        z = table @ point
        gradient = table.T @ slope(z, y) / len(y) + penalty * point
        hessian = (table.T * curvature(z, y)) @ table / len(y) + np.diag(penalty)
        step, t = np.linalg.solve(hessian, gradient), 1.0
        while t > 1e-10 and not value(point - t * step) < value(point):
            t /= 2
        if gradient @ step < 1e-16 * max(1.0, abs(value(point))):
            break
        point = point - t * step
    return value(point)


def counts(table: Table) -> Table:
    """Return a table with the target divided by 10 and rounded to whole numbers."""
    return table[0], np.round(table[1] / 10)


def first_class(table: Table) -> Table:
    """Return a table whose target is 1 for rows of the first class, else 0."""
    return table[0], (table[1] == 0).astype(float)


def in_all_scales(kind: str) -> Table:
    """Return 400 rows of partly correlated columns, with scales from 1e-3 to 1e4 and various means."""
    draws = np.random.default_rng(len(kind))
    rows = draws.standard_normal((400, 8)) @ (np.eye(8) + 0.4 * draws.standard_normal((8, 8)))
    score = rows @ draws.uniform(-0.5, 0.5, 8)
    X = (rows + draws.uniform(-2, 2, 8)) * 10.0 ** np.arange(-3, 5)
    targets = {
        "logistic": lambda: (draws.uniform(size=400) < chance(score)).astype(float),
        "poisson": lambda: draws.poisson(np.exp(score)).astype(float),
        "squared": lambda: score + 0.1 * draws.standard_normal(400),
    }
    return X, targets[kind]()


def models() -> dict[str, tuple[Loss, Table, float]]:
    """Return nine models by name: loss, table and ridge, on bundled and on generated tables."""
    cancer, wine = load_breast_cancer(return_X_y=True), load_wine(return_X_y=True)
    diabetes = load_diabetes(return_X_y=True, scaled=False)
    return {
        "cancer_logistic_weak": (logistic, (cancer[0], cancer[1].astype(float)), 1e-4),
        "cancer_logistic_strong": (logistic, (cancer[0], cancer[1].astype(float)), 1e-1),
        "wine_logistic": (logistic, first_class(wine), 1e-3),
        "diabetes_squared_weak": (squared, diabetes, 1e-6),
        "diabetes_squared_strong": (squared, diabetes, 1e1),
        "diabetes_poisson": (poisson, counts(diabetes), 1e-3),
        "scales_logistic": (logistic, in_all_scales("logistic"), 1e-6),
        "scales_poisson": (poisson, in_all_scales("poisson"), 1e-6),
        "scales_squared": (squared, in_all_scales("squared"), 1e-8),
    }


def glms() -> list[Problem]:
    """Return the models as problems, from 0."""
    return [
        Problem(name, objective(loss, X, y, ridge), np.zeros(1 + X.shape[1]), [least(loss, X, y, ridge)])
        for name, (loss, (X, y), ridge) in models().items()
    ]
