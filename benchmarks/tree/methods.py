"""The tree and its peers, each as a function from a split to predictions: numbers, or probabilities of classes."""

from functools import partial

import numpy as np
from contest.judge import Method, Predict, predicting, wrong
from contest.tables import Split
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import steepest as st

DEPTH = 4
# The depths that the best greedy tree is chosen from.
DEPTHS = range(1, 13)


def tree(rows: Split, seed: int, **options: object) -> Predict:
    """Fit our tree."""
    loss = None if not rows.classes else "log loss" if rows.classes == 2 else "softmax"
    fitted = st.fit(st.models.Tree(**options), rows.X, rows.y, loss=loss, rng=seed)
    return predicting(fitted, rows.classes)


def greedy(rows: Split, seed: int, depth: int = DEPTH) -> Predict:
    """Fit the greedy tree of scikit-learn."""
    kind = DecisionTreeClassifier if rows.classes else DecisionTreeRegressor
    model = kind(max_depth=depth, random_state=seed).fit(rows.X, rows.y)
    return model.predict_proba if rows.classes else model.predict


def best_greedy(rows: Split, seed: int) -> Predict:
    """Choose the depth of the greedy tree on a fifth of the rows, and fit it to all of them."""
    own, left_out = train_test_split(
        np.arange(len(rows.y)), test_size=0.2, random_state=seed, stratify=rows.y if rows.classes else None
    )
    fewer = rows._replace(X=rows.X[own], y=rows.y[own])

    def loss(depth: int) -> float:
        return float(wrong(greedy(fewer, seed, depth)(rows.X[left_out]), rows.y[left_out], rows.classes).mean())

    return greedy(rows, seed, min(DEPTHS, key=loss))


def boosted(rows: Split, seed: int) -> Predict:
    """Fit the boosted trees of scikit-learn."""
    kind = HistGradientBoostingClassifier if rows.classes else HistGradientBoostingRegressor
    model = kind(random_state=seed).fit(rows.X, rows.y)
    return model.predict_proba if rows.classes else model.predict


METHODS: dict[str, Method] = {
    "one column": partial(tree, depth=DEPTH),
    "sums": partial(tree, depth=DEPTH, splits="all"),
    "linear leaves": partial(tree, depth=DEPTH, leaves="linear"),
    "depth left out": tree,
    "greedy": greedy,
    "best greedy": best_greedy,
    "boosted trees": boosted,
}
