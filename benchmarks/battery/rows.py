"""Trials of the battery: rows."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pandas as pd
from battery.trial import HEALTHY, Sabotage, Trial

import steepest as st

Rng = np.random.Generator


def table(rng: Rng, rows: int = 200, columns: int = 4, noise: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of a linear model with noise, some columns in raw units."""
    X = rng.normal(size=(rows, columns)) * rng.choice([1, 1, 3, 10], columns) + rng.normal(0, 3, columns)
    w = rng.choice([-1, 1], columns) * rng.uniform(0.5, 2, columns) / X.std(axis=0)
    return X, X @ w + noise * np.sqrt(columns) * rng.normal(size=rows)


def of_fit(cause: str, X, y, solved=None, also=(), model=None, **how) -> Trial:
    """Return the trial of a fit of a linear model."""
    model = model or st.models.Linear()
    return Trial(cause, lambda: st.fit(model, X, y, **how), {"X": X, "y": y, **how}, solved, also)


def without(name: str):
    """Return whether a cause is gone."""
    return lambda fit: all(each.name != name for each in fit.diagnose())


def constant_column(rng: Rng, severity: float) -> Trial:
    X, y = table(rng)
    X = np.insert(X, int(rng.integers(0, 4)), rng.choice([1.0, 7.0, 1e4]), axis=1)
    return of_fit("constant column", X, y, without("constant column"))


def constant_in_table(rng: Rng, severity: float) -> Trial:
    X, y = table(rng)
    frame = pd.DataFrame(X, columns=list("abcd")).assign(year=2020, y=y)
    scope = {"table": frame}
    return Trial("constant column", lambda: st.fit_table(frame, "y"), scope, without("constant column"))


def duplicated_column(rng: Rng, severity: float) -> Trial:
    X, y = table(rng)
    copy = X[:, 1] if severity < 0.5 else 1.8 * X[:, 1] + 32
    return of_fit("duplicated column", np.column_stack([X, copy]), y, without("duplicated column"))


def duplicated_in_table(rng: Rng, severity: float) -> Trial:
    X, y = table(rng)
    frame = pd.DataFrame(X, columns=list("abcd")).assign(twin=X[:, 0], y=y)
    return Trial(
        "duplicated column", lambda: st.fit_table(frame, "y"), {"table": frame}, without("duplicated column")
    )  # fmt: skip


def collinear_columns(rng: Rng, severity: float) -> Trial:
    X, y = table(rng)
    more = X[:, 0] - 2 * X[:, 2] + (1 - severity) * 0.01 * X[:, 0].std() * rng.normal(size=len(y))
    return of_fit("collinear columns", np.column_stack([X, more]), y, without("collinear columns"))


def collinear_fixed_step(rng: Rng, severity: float) -> Trial:
    X = rng.normal(size=(200, 4))
    y = X @ [1, -1, 2, 0.5] + 0.3 * rng.normal(size=200)
    X = np.column_stack([X, X[:, :3].sum(axis=1) + (1 - severity) * 0.01 * rng.normal(size=200)])
    return of_fit("collinear columns", X, y, without("collinear columns"), step=0.05, epochs=400)


def collinear_in_table(rng: Rng, severity: float) -> Trial:
    X, y = table(rng)
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame = frame.assign(total=frame.a + frame.b + frame.c, y=y)
    return Trial(
        "collinear columns", lambda: st.fit_table(frame, "y"), {"table": frame}, without("collinear columns")
    )  # fmt: skip


def leaking_column(rng: Rng, severity: float) -> Trial:
    X, y = table(rng)
    copy = 1.3 * y + 5 + (1 - severity) * 0.02 * y.std() * rng.normal(size=len(y))
    return of_fit("leaking column", np.column_stack([copy, X]), y, without("leaking column"))


def leaking_class(rng: Rng, severity: float) -> Trial:
    X, y = table(rng, 400)
    y = (y > np.median(y)).astype(float)
    copy = y * 3 if severity < 0.5 else y + rng.uniform(0, 0.9, 400)
    X = np.column_stack([X, copy])
    also = () if severity < 0.5 else ("separable classes",)
    return of_fit("leaking column", X, y, without("leaking column"), also, model=st.models.Logistic())


def leaking_in_table(rng: Rng, severity: float) -> Trial:
    X, y = table(rng)
    y = y + 100
    frame = pd.DataFrame(X, columns=list("abcd")).assign(after=0.3 * y + 0.005 * rng.normal(size=200), y=y)
    return Trial("leaking column", lambda: st.fit_table(frame, "y"), {"table": frame}, without("leaking column"))


def outliers(rng: Rng, severity: float) -> Trial:
    X, clean = table(rng)
    y = clean.copy()
    which = rng.choice(200, int(rng.integers(1, 8)), replace=False)
    y[which] += rng.choice([-1, 1], len(which)) * (12 + 200 * severity) * rng.uniform(1, 1.5, len(which))
    best = st.fit(st.models.Linear(), np.delete(X, which, 0), np.delete(clean, which))

    def solved(fit):
        kept = np.delete(np.arange(200), which)
        return np.mean((fit.predict(X)[kept] - clean[kept]) ** 2) < 1.15 * best.fun

    return of_fit("outliers", X, y, solved)


def outlying_feature(rng: Rng, severity: float) -> Trial:
    X, y = table(rng)
    X[5, 1] += (15 + 100 * severity) * X[:, 1].std()
    rest = np.arange(200) != 5
    best = st.fit(st.models.Linear(), X[rest], y[rest])
    return of_fit("outliers", X, y, lambda fit: np.mean((fit.predict(X) - y)[rest] ** 2) < 1.15 * best.fun)


def outliers_in_table(rng: Rng, severity: float) -> Trial:
    X, y = table(rng)
    y[[20, 50]] += (20 + 200 * severity) * np.array([1, -1])
    frame = pd.DataFrame(X, columns=list("abcd")).assign(y=y)
    return Trial("outliers", lambda: st.fit_table(frame, "y", held_out=0), {"table": frame})


def class_imbalance(rng: Rng, severity: float) -> Trial:
    X = rng.normal(size=(1000, 3))
    z = X @ [1, -1, 0.5] + rng.logistic(size=1000)
    y = (z > np.quantile(z, 0.965 + 0.025 * severity)).astype(float)
    model = st.models.Logistic()
    return of_fit("class imbalance", X, y, without("class imbalance"), model=model)


def imbalance_in_table(rng: Rng, severity: float) -> Trial:
    X = rng.normal(size=(800, 3))
    z = X @ [1, -1, 0.5] + rng.logistic(size=800)
    late = np.where(z > np.quantile(z, 0.965 + 0.02 * severity), "yes", "no")
    frame = pd.DataFrame(X, columns=list("abc")).assign(late=late)
    return Trial("class imbalance", lambda: st.fit_table(frame, "late"))


def separable(rng: Rng, severity: float) -> Trial:
    X = rng.normal(size=(150, 3))
    margin = X @ [1, -1, 0.5]
    kept = np.abs(margin) > 0.1 + severity
    X, y = X[kept], (margin[kept] > 0).astype(float)

    def solved(fit):
        return bool(fit.success and np.abs(fit.params["coef"]).max() < 1e3)

    how = {} if rng.integers(2) else {"step": 0.5, "epochs": 300}
    return of_fit("separable classes", X, y, solved, model=st.models.Logistic(), **how)


def separable_three(rng: Rng, severity: float) -> Trial:
    y = np.arange(150) % 3
    X = rng.normal(size=(150, 2)) * 0.5 + (4 + 4 * severity) * np.array([[0, 1], [1, 0], [-1, -1]])[y]
    model = st.models.Multinomial(3)
    return of_fit("separable classes", X, y, lambda fit: bool(fit.success), model=model)


def bends(rng: Rng, severity: float) -> Trial:
    X, y = table(rng)
    z = (X[:, 1] - X[:, 1].mean()) / X[:, 1].std()
    y = y + (0.8 + 2 * severity) * z**2
    return of_fit("under-fitting", X, y, without("under-fitting"))


def waves(rng: Rng, severity: float) -> Trial:
    x = rng.uniform(-3, 3, 300)
    y = np.sin(2 * x) + (0.4 - 0.3 * severity) * rng.normal(size=300)
    return of_fit("under-fitting", x, y, lambda fit: np.var(fit.predict(x) - y) < 0.5 * np.var(y))


def products(rng: Rng, severity: float) -> Trial:
    X = rng.normal(size=(300, 4))
    y = X @ [1, -1, 0.5, 0] + (1 + severity) * X[:, 0] * X[:, 3] + 0.5 * rng.normal(size=300)
    return of_fit("under-fitting", X, y, without("under-fitting"))


def bends_in_table(rng: Rng, severity: float) -> Trial:
    X, y = table(rng)
    z = (X[:, 1] - X[:, 1].mean()) / X[:, 1].std()
    frame = pd.DataFrame(X, columns=list("abcd")).assign(y=y + (1 + 2 * severity) * z**2)
    return Trial("under-fitting", lambda: st.fit_table(frame, "y"))


def rings(rng: Rng, severity: float) -> Trial:
    X = rng.normal(size=(400, 2))
    y = ((X**2).sum(axis=1) + (1 - severity) * 0.5 * rng.normal(size=400) > 1.4).astype(float)
    return of_fit("under-fitting", X, y, model=st.models.Logistic())


def mlp(X, W, b, v, c):
    """Predict by one hidden layer."""
    return jnp.tanh(X @ W + b) @ v + c


def beginning(rng: Rng) -> dict[str, np.ndarray | float]:
    """Return the start of the network above."""
    return {"W": 0.5 * rng.normal(size=(4, 8)), "b": np.zeros(8), "v": 0.3 * rng.normal(size=8), "c": 0.0}


def large_targets(rng: Rng, severity: float, **how) -> Trial:
    X = rng.normal(size=(200, 4))
    y = 10 ** (4 + 2 * severity) * (2 * rng.integers(0, 2) + X @ [1, -1, 0.5, 0] + 0.3 * rng.normal(size=200))
    start = beginning(rng)
    scope = {"X": X, "y": y, "start": start, "mlp": mlp}
    return Trial(
        "targets not scaled",
        lambda: st.fit(mlp, X, y, start=start, **how),
        scope,
        # The variance of scaled targets is 1, and a straight line leaves less than a tenth of it.
        lambda fit: fit.fun < 0.3,
    )


def large_targets_by_gradient(rng: Rng, severity: float) -> Trial:
    return large_targets(rng, severity, step=0.03, epochs=300)


def large_targets_by_adam(rng: Rng, severity: float) -> Trial:
    return large_targets(rng, severity, direction="adam", step=0.01, epochs=300)


def healthy(kind: str) -> Sabotage:
    """Return ordinary rows that look a little like a cause."""

    def make(rng: Rng, severity: float) -> Trial:
        X, y = table(rng)
        how, model = {}, None
        if kind == "correlated":
            X = np.column_stack([X, X[:, 0] + (0.6 + severity) * X[:, 0].std() * rng.normal(size=200)])
        elif kind == "long tails":
            y = table(rng, noise=0)[1]
            X, y = table(rng, noise=0)
            y = y + rng.standard_t(4, 200) * (0.5 + severity)
        elif kind == "skewed":
            y = y + rng.exponential(2, 200)
        elif kind == "split":
            y, model = (y > np.quantile(y, 0.6 + 0.25 * severity)).astype(float), st.models.Logistic()
            y = np.where(rng.uniform(size=200) < 0.1, 1 - y, y)
        elif kind == "slight bend":
            y = y + 0.2 * severity * ((X[:, 0] - X[:, 0].mean()) / X[:, 0].std()) ** 2
        elif kind == "no noise":
            X, y = table(rng, noise=0)
        elif kind == "one column":
            X, y = X[:, 0], 3 * X[:, 0] + 1
        elif kind == "no relation":
            y = rng.normal(size=200)
        elif kind == "large targets":
            y = 1e5 * y
        elif kind == "own model":
            X = rng.normal(size=(200, 4))
            y = X @ [1, -1, 0.5, 0] + 0.3 * rng.normal(size=200)
            how, model = {"start": beginning(rng), "step": 0.05, "epochs": 1000}, mlp
        elif kind == "uneven columns":
            X = X * [1, 30, 1000, 0.01]
            y = X @ [1, 1, 1, 1] + 0.1 * rng.normal(size=200)
        return of_fit(HEALTHY, X, y, model=model, **how)

    return make


def healthy_table(rng: Rng, severity: float) -> Trial:
    X, y = table(rng)
    frame = pd.DataFrame(X, columns=list("abcd")).assign(group=rng.choice(list("uvw"), 200), y=y)
    return Trial(HEALTHY, lambda: st.fit_table(frame, "y"))


NEAR = (
    "correlated", "long tails", "skewed", "split", "slight bend", "no noise", "one column", "no relation",
    "large targets", "own model", "uneven columns",
)  # fmt: skip
# For each cause the ways to bring it about, which take turns.
SABOTAGES: dict[str, tuple[Sabotage, ...]] = {
    "constant column": (constant_column, constant_in_table),
    "duplicated column": (duplicated_column, duplicated_in_table),
    "collinear columns": (collinear_columns, collinear_fixed_step, collinear_in_table),
    "leaking column": (leaking_column, leaking_class, leaking_in_table),
    "outliers": (outliers, outlying_feature, outliers_in_table),
    "class imbalance": (class_imbalance, imbalance_in_table),
    "separable classes": (separable, separable_three),
    "under-fitting": (bends, waves, products, bends_in_table, rings),
    "targets not scaled": (large_targets_by_gradient, large_targets_by_adam),
    "healthy: rows": (*(healthy(kind) for kind in NEAR), healthy_table),
}
