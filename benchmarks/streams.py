"""Streams whose rows change over time: `partial_fit` against scikit-learn's stochastic gradient descent.

Each block is predicted before it is learnt from. The table has the share of right classes, or the mean squared error in
units of the noise: over all rows, and over the fifth that follows the middle, where the abrupt changes are. The models
of scikit-learn get columns standardised by running moments; SGDRegressor is also run with a constant rate of 0.01.
Means and standard errors are those of several seeds.
"""

import sys
import time
import warnings
from functools import partial

import numpy as np
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.preprocessing import StandardScaler

from steepest.estimators import DescentClassifier, DescentRegressor

KINDS = ("stationary", "abrupt", "rotating", "covariate")
ROWS, COLUMNS, BLOCK = 20_000, 10, 100
NOISE = 5.0


def stream(kind, is_classes, seed):
    """Return the rows and targets of a stream with correlated columns in units from 0.01 to 100."""
    rng = np.random.default_rng(seed)
    mixing = 0.3 * rng.standard_normal((COLUMNS, COLUMNS)) + np.eye(COLUMNS)
    X = rng.standard_normal((ROWS, COLUMNS)) @ mixing
    first, second = rng.standard_normal((2, COLUMNS))
    first *= 3 / np.linalg.norm(mixing @ first)
    second -= second @ first / (first @ first) * first
    second *= np.linalg.norm(first) / np.linalg.norm(second)
    age = np.arange(ROWS)[:, None] / ROWS
    coef = np.repeat(first[None], ROWS, axis=0)
    if kind == "abrupt":
        coef[ROWS // 2 :] *= -1
    if kind == "rotating":
        coef = np.cos(2 * np.pi * age) * first + np.sin(2 * np.pi * age) * second
    if kind == "covariate":
        X = X * (1 + 2 * age) + 4 * age * rng.standard_normal(COLUMNS)
        X[ROWS // 2 :] = 0.5 * X[ROWS // 2 :] + 2
    z = (X * coef).sum(axis=1)
    y = 2 * z + rng.logistic(size=ROWS) > 0 if is_classes else 5 * z + NOISE * rng.standard_normal(ROWS) + 20
    scale = 10 ** rng.uniform(-2, 2, COLUMNS)
    return X * scale + scale * rng.standard_normal(COLUMNS), y.astype(float)


class Scaled:
    """A linear model of scikit-learn on columns that are standardised by running moments."""

    def __init__(self, model):
        self.scaler, self.model = StandardScaler(), model

    def partial_fit(self, X, y, **classes):
        """Learn from more rows."""
        self.model.partial_fit(self.scaler.partial_fit(X).transform(X), y, **classes)

    def predict(self, X):
        """Return the predictions for rows."""
        return self.model.predict(self.scaler.transform(X))


def learners(is_classes):
    """Return the learners to compare, by name."""
    # A penalty in the units of the columns does not compare with one on standardised columns.
    ours = partial(DescentClassifier, alpha=0.0) if is_classes else DescentRegressor
    if is_classes:
        theirs = {"SGDClassifier": lambda: Scaled(SGDClassifier(loss="log_loss", random_state=0))}
    else:
        theirs = {
            "SGDRegressor": lambda: Scaled(SGDRegressor(random_state=0)),
            "SGDRegressor, constant": lambda: Scaled(SGDRegressor(learning_rate="constant", random_state=0)),
        }
    forgets = (None, "auto", 300, 1000)
    return theirs | {
        f"forget={forget}": lambda forget=forget: ours(forget=forget, random_state=0) for forget in forgets
    }


def scores(learner, X, y, is_classes):
    """Return the score of each row but those of the first block, before it was learnt from."""
    found = []
    for k in range(0, len(y), BLOCK):
        rows = slice(k, k + BLOCK)
        if k:
            z = learner.predict(X[rows])
            found.append(z == y[rows] if is_classes else ((z - y[rows]) / NOISE) ** 2)
        learner.partial_fit(X[rows], y[rows], **({"classes": [0, 1]} if is_classes else {}))
    return np.concatenate(found)


def main(seeds):
    """Print the table."""
    warnings.simplefilter("ignore")
    middle = ROWS // 2 - BLOCK
    for is_classes in (True, False):
        print("share of right classes" if is_classes else "mean squared error, 1 for the noise alone")
        for kind in KINDS:
            for name, make in learners(is_classes).items():
                found, began = [], time.process_time()
                for seed in range(seeds):
                    row = scores(make(), *stream(kind, is_classes, seed), is_classes)
                    found.append([row.mean(), row[middle : middle + ROWS // 5].mean()])
                cost = (time.process_time() - began) / seeds
                mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(seeds)
                cells = "  ".join(f"{m:7.3f} ± {e:.3f}" for m, e in zip(mean, error, strict=True))
                print(f"{kind:10s}  {name:22s}  {cells}  {cost:5.2f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
