"""The network and its peers, each as a function from a split to predictions: numbers, or probabilities of classes."""

import warnings

import numpy as np
from contest.judge import Method, Predict, log_loss, predicting
from contest.tables import Split
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor

import steepest as st

GRID = [
    {"hidden_layer_sizes": hidden, "learning_rate_init": rate, "alpha": alpha}
    for hidden in ((100,), (128, 128))
    for rate in (1e-3, 1e-2)
    for alpha in (1e-4, 1e-2)
]


def network(rows: Split, seed: int, model: st.models.Network | None = None, epochs: int | None = None) -> Predict:
    """Fit our network."""
    return predicting(fit(rows, seed, model, epochs), rows.classes)


def fit(rows: Split, seed: int, model: st.models.Network | None = None, epochs: int | None = None) -> st.Fit:
    """Return the fit of our network."""
    loss = None if not rows.classes else "log loss" if rows.classes == 2 else "softmax"
    return st.fit(model or st.models.Network(), rows.X, rows.y, loss=loss, epochs=epochs, rng=seed)


def certified(rows: Split, seed: int) -> Predict:
    """Return the linear fit that a network offers."""
    return predicting(fit(rows, seed, epochs=0).linear, rows.classes)


def raw(rows: Split, seed: int, **options: object) -> Predict:
    """Fit the network of scikit-learn to raw columns and targets."""
    kind = MLPClassifier if rows.classes else MLPRegressor
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        model = kind(random_state=seed, **options).fit(rows.X, rows.y)
    return model.predict_proba if rows.classes else model.predict


def scaled(rows: Split, seed: int, **options: object) -> Predict:
    """Fit the network of scikit-learn to standardised columns, and targets if they are numbers."""
    mean, deviation = rows.X.mean(axis=0), rows.X.std(axis=0)
    deviation = np.where(deviation > 0, deviation, 1.0)
    middle, unit = (0.0, 1.0) if rows.classes else (rows.y.mean(), rows.y.std())
    y = rows.y if rows.classes else (rows.y - middle) / unit
    predict = raw(rows._replace(X=(rows.X - mean) / deviation, y=y), seed, **options)
    return lambda X: middle + unit * predict((X - mean) / deviation)


def tuned(rows: Split, seed: int) -> Predict:
    """Choose the best of 8 networks of scikit-learn on a fifth of the rows, and fit it to all of them."""
    own, left_out = train_test_split(
        np.arange(len(rows.y)), test_size=0.2, random_state=seed, stratify=rows.y if rows.classes else None
    )
    fewer = rows._replace(X=rows.X[own], y=rows.y[own])

    def loss(options: dict[str, object]) -> float:
        predicted = scaled(fewer, seed, **options)(rows.X[left_out])
        return float(log_loss(predicted, rows.y[left_out], rows.classes).mean())

    return scaled(rows, seed, **min(GRID, key=loss))


def boosted(rows: Split, seed: int) -> Predict:
    """Fit the boosted trees of scikit-learn."""
    kind = HistGradientBoostingClassifier if rows.classes else HistGradientBoostingRegressor
    model = kind(random_state=seed).fit(rows.X, rows.y)
    return model.predict_proba if rows.classes else model.predict


def linear(rows: Split, seed: int) -> Predict:
    """Fit the linear model of scikit-learn to standardised columns."""
    mean, deviation = rows.X.mean(axis=0), rows.X.std(axis=0)
    model = LogisticRegression(max_iter=1000) if rows.classes else LinearRegression()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit((rows.X - mean) / deviation, rows.y)
    return lambda X: (model.predict_proba if rows.classes else model.predict)((X - mean) / deviation)


METHODS: dict[str, Method] = {
    "network": network,
    "MLP, scaled": scaled,
    "MLP, raw": raw,
    "MLP, best of 8": tuned,
    "boosted trees": boosted,
    "linear": linear,
    "certified linear": certified,
}
