"""NIST's certified non-linear regressions: 27 sets of data, each with a model, two starts and the answer."""

import json
import math
from functools import cache
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("nist_nonlinear.json")
LARGEST = 11


@cache
def _sets():
    return json.loads(FILE.read_text())["sets"]


class NonLinear:
    """One of the 27 sets; `predict` is its model as a plain NumPy function of x and its parameters.

    `deviations` are the certified standard deviations of the parameters.
    """

    names = tuple(_sets())

    def __init__(self, name):
        record = _sets()[name]
        self.name, self.level, self.model, self.rss = name, record["level"], record["model"], record["rss"]
        self.starts, self.certified = np.array(record["starts"]), np.array(record["certified"])
        self.deviations = np.array(record["deviations"])
        rows = np.array(record["rows"])
        self.y, self.x = rows[:, 0], rows[:, 1] if rows.shape[1] == 2 else rows[:, 1:]
        if name == "Nelson":
            self.y = np.log(self.y)
        self.predict = self._function()

    def _function(self):
        parameters = ", ".join(f"b{k + 1}" for k in range(self.certified.size))
        unpack = "" if self.x.ndim == 1 else "x1, x2 = x[:, 0], x[:, 1]; "
        scope = {"exp": np.exp, "cos": np.cos, "sin": np.sin, "arctan": np.arctan, "pi": math.pi}
        exec(f"def predict(x, {parameters}): {unpack}return {self.model}", scope)  # noqa: S102 - formulas of this file
        return scope["predict"]

    def digits(self, estimate):
        """Return how many digits of the worst parameter are right, out of the 11 that are certified."""
        error = np.abs(np.asarray(estimate, float) - self.certified) / np.abs(self.certified)
        return float(np.min(np.clip(-np.log10(np.maximum(error, 10.0**-LARGEST)), 0, LARGEST)))


def sets(always, names=NonLinear.names):
    """Return names of sets as parameters of a test: those in `always` run with every other test, the others nightly."""
    import pytest

    return [name if name in always else pytest.param(name, marks=pytest.mark.nightly) for name in names]
