"""Runs on quadratic functions, whose every number has a closed form."""

from types import SimpleNamespace

import numpy as np

from steepest.trace import Outcome, Trace


def rotated(eigenvalues, seed=0):
    """Return a symmetric matrix with these eigenvalues, and its eigenvectors as columns."""
    size = len(eigenvalues)
    axes = np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))[0]
    return axes @ np.diag(eigenvalues) @ axes.T, axes


def run_of(f, gradient, product, points, sizes, *, sign=1.0, rule=None, **more):
    """Return a run through points; step k has the size ``sizes[k]``. `more` replaces its attributes or columns."""
    points = np.asarray(points, dtype=float)
    rows = np.arange(len(points))
    with np.errstate(all="ignore"):
        value = np.array([sign * f(point) for point in points])
    columns = {"iteration": rows, "evaluations": rows + 1, "value": value, "gradient_norm": np.ones(len(rows))}
    columns["step_size"] = np.append(0.0, np.broadcast_to(sizes, len(rows) - 1))
    columns |= {name: more.pop(name) for name in ("value", "iteration", "epoch") if name in more}
    names = [f"x{k}" for k in range(points.shape[1])]
    attributes = {
        "trace": Trace(columns, points, names),
        "evaluate": lambda x: sign * f(np.asarray(x)),
        "gradient_at": lambda x: sign * gradient(np.asarray(x)),
        "curvature": lambda x, v: sign * product(np.asarray(x), np.asarray(v)),
        "direction": rule or {"name": "Plain"},
        "maximized": sign < 0,
        "title": "a title",
        "outcome": Outcome.COMPLETED,
    }
    return SimpleNamespace(**attributes | more)


def descent(H, start, sizes, *, minimum=0.0, steps=40, **more):
    """Return plain descent on (x - minimum)ᵀ H (x - minimum) / 2: each step multiplies by I - tH."""
    H, points = np.asarray(H, dtype=float), [np.asarray(start, dtype=float)]
    for size in np.broadcast_to(sizes, steps):
        points.append(points[-1] - size * H @ (points[-1] - minimum))

    def f(x):
        return float((x - minimum) @ H @ (x - minimum)) / 2

    return run_of(f, lambda x: H @ (x - minimum), lambda x, v: H @ v, points, sizes, **more)
