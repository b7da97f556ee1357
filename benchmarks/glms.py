"""Generalised linear models in raw units: passes until 1e-6 of the descent is left and until the fit is certified.

The rivals are solvers of scikit-learn. A pass is one evaluation: a step, a Hessian or a certificate.
"""

import time
import warnings
from collections.abc import Iterator

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_linnerud, load_wine
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge

import steepest as st

NEAR = 1e-6
WEAK, STRONG = 1e-6, 1e-1
MODELS = {"logistic": st.models.Logistic(), "Poisson": st.models.Poisson(), "squares": st.models.Linear()}


def tables() -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    """Yield nine tables in raw units, each as a name, a model, rows and targets."""
    rng = np.random.default_rng(0)
    yield "breast cancer", "logistic", *load_breast_cancer(return_X_y=True)
    X, y = load_wine(return_X_y=True)
    yield "wine, 2nd or not", "logistic", X, y == 1
    X, y = load_digits(return_X_y=True)
    yield "digits, 8 or not", "logistic", X, y == 8
    X, y = load_iris(return_X_y=True)
    yield "iris, last two", "logistic", X[50:], y[50:] == 2
    X, y = load_diabetes(return_X_y=True, scaled=False)
    yield "diabetes", "Poisson", X, y
    yield "diabetes", "squares", X, y
    X, y = load_linnerud(return_X_y=True)
    yield "linnerud", "squares", X, y[:, 0]
    scale = np.logspace(-3, 4, 20)
    X = (rng.standard_normal((2_000, 20)) + rng.uniform(-100, 100, 20)) * scale
    z = ((X - X.mean(axis=0)) / scale) @ rng.standard_normal(20) / 4
    yield "synthetic", "logistic", X, rng.uniform(size=len(z)) < 1 / (1 + np.exp(-z))
    yield "synthetic", "Poisson", X, rng.poisson(np.exp(z))


def objective(loss: str, X: np.ndarray, y: np.ndarray, strength: float, coef: np.ndarray, intercept: float) -> float:
    """Return the objective by its formula."""
    z = X @ coef + intercept
    with np.errstate(over="ignore"):
        each = {"logistic": lambda: np.logaddexp(0, z) - y * z, "Poisson": lambda: np.exp(z) - y * z}
        return float(each.get(loss, lambda: (z - y) ** 2)().mean() + strength / 2 * coef @ coef)


def rivals(loss: str, n: int, strength: float) -> dict[str, object]:
    """Return the estimators of scikit-learn for the same objective, with their default tolerances."""
    if loss == "logistic":
        solvers = "lbfgs", "newton-cholesky"
        return {solver: LogisticRegression(C=1 / (strength * n), solver=solver) for solver in solvers}
    if loss == "Poisson":
        return {solver: PoissonRegressor(alpha=strength, solver=solver) for solver in ("lbfgs", "newton-cholesky")}
    return {"Ridge": Ridge(strength * n / 2)}


def first_near(fit: st.Fit, best: float) -> int:
    """Return the number of passes until a fit was near the best value."""
    values = fit.trace.value
    target = NEAR * (values[0] - best) + 4e-16 * abs(best)
    return int(fit.trace.evaluations[np.argmax(values - best <= target)])


def timed(job: object) -> tuple[float, object]:
    """Return the time of the second run of a job, and its result."""
    job()
    began = time.perf_counter()
    result = job()
    return time.perf_counter() - began, result


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    shown = Table(title="Passes to 1e-6, passes when certified, ms; rivals: part of the descent that is left, ms")
    for column in ("table", "model", "L2", "near", "certified", "gap", "ms", "rival", "left", "ms"):
        shown.add_column(column, justify="right" if column not in ("table", "model", "rival") else "left")
    near, late, steps = [], [], []
    for name, loss, X, y in tables():
        for strength in (WEAK, STRONG):
            model, penalty = MODELS[loss], st.penalties.L2(strength)
            best = st.fit(model, X, y, penalty=penalty, tolerance=1e-14).fun
            seconds, fit = timed(lambda: st.fit(model, X, y, penalty=penalty))  # noqa: B023
            passes = first_near(fit, best)
            near, late = [*near, passes], [*late, fit.nfev / passes]
            steps.append(fit.nit - fit.trace.iteration[np.searchsorted(fit.trace.evaluations, passes)])
            row = [name, loss, f"{strength:g}", f"{passes}", f"{fit.nfev}", f"{fit.certificate.gap:.1e}"]
            row += [f"{1e3 * seconds:.1f}"]
            first = fit.trace.value[0]
            for rival, estimator in rivals(loss, len(y), strength).items():
                spent, fitted = timed(lambda: estimator.fit(X, y))  # noqa: B023
                value = objective(loss, X, y, strength, np.ravel(fitted.coef_), float(np.ravel(fitted.intercept_)[0]))
                shown.add_row(*row, rival, f"{(value - best) / (first - best):.1e}", f"{1e3 * spent:.1f}")
                row = [""] * len(row)
    Console(width=130).print(shown)
    print(f"passes to 1e-6: median {np.median(near):g}, most {max(near)}")
    print(f"passes until certified, with those of the certificate: {np.median(late):.2f} times as many at the median,")
    print(f"{max(late):.2f} at most; further steps: median {np.median(steps):g}, most {max(steps)}")
