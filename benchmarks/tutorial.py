"""A line through 100 points, as in a first lesson, with every epoch recorded, compared with plain Python loops."""

import numpy as np
from stopwatch import compare

import steepest as st

XS = np.arange(-50, 50)
YS = 30 * XS + 7


def line(x, m, b):
    """Return a line."""
    return m * x + b


def slope(x, y, m, b):
    """Return the gradient of one point's squared error."""
    error = m * x + b - y
    return 2 * error * x, 2 * error


def full_batch_loop(epochs: int = 5000, rate: float = 0.001) -> list:
    """Descend by the mean of the gradients of single points, as a first lesson writes it."""
    params = np.array([49.79222779, -0.12864659])
    path = [params]
    for _ in range(epochs):
        gradients = np.array([slope(x, y, *params) for x, y in zip(XS, YS, strict=True)])
        params = params - rate * gradients.mean(axis=0)
        path.append(params)
    return path


def stochastic_loop(epochs: int = 1000, rate: float = 0.001) -> list:
    """Descend by the gradient of one point after another, in batches of one."""
    params = np.array([30.1538657, -0.65822025])
    path = [params]
    for _ in range(epochs):
        for x, y in zip(XS, YS, strict=True):
            gradients = np.array([slope(x, y, *params)])
            params = params - rate * gradients.mean(axis=0)
        path.append(params)
    return path


def full_batch() -> st.Fit:
    """Do the same by steepest."""
    return st.fit(line, XS, YS, start={"m": 49.79222779, "b": -0.12864659}, step=0.001, epochs=5000)


def stochastic() -> st.Fit:
    """Do the same by steepest."""
    start = {"m": 30.1538657, "b": -0.65822025}
    return st.fit(line, XS, YS, start=start, batch_size=1, shuffle=False, step=0.001, epochs=1000)


if __name__ == "__main__":
    np.testing.assert_allclose(full_batch().trace.x, full_batch_loop(), rtol=1e-9)
    np.testing.assert_allclose(stochastic().trace.x, stochastic_loop(), rtol=1e-7)
    rounds = {"steepest": 51, "plain loops": 3}
    jobs = {"steepest": full_batch, "plain loops": full_batch_loop}
    compare("full batch, 5,001 epochs recorded", "steepest", jobs, rounds)
    jobs = {"steepest": stochastic, "plain loops": stochastic_loop}
    compare("stochastic, 1,001 epochs recorded", "steepest", jobs, rounds)
