"""The table of docs/tracing.md, row by row: gradients against differences in plain NumPy, and the tier."""

from __future__ import annotations

import dataclasses
import math
import random
import re
import sys
import types
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import scipy.integrate
import scipy.interpolate
import scipy.optimize
import scipy.signal
import scipy.sparse.linalg
import scipy.spatial
import scipy.special

import steepest as st

PAGE = (Path(__file__).parents[2] / "docs" / "tracing.md").read_text(encoding="utf-8")
EXACT = 1e-8
DIFFERENCED = 1e-6


@dataclasses.dataclass(frozen=True)
class Row:
    construct: str
    example: str
    kind: str

    @classmethod
    def read(cls, line: str) -> Row:
        construct, example, kind, *_ = re.split(r"(?<!\\)\|", line.strip("| "))
        return cls(construct.strip(), example.strip().strip("`").replace("\\|", "|"), kind.strip())

    def function(self) -> Callable[[Any], Any]:
        """Return the example as a function of the point, with the names of the page's block of code in scope."""
        *body, last = self.example.split("; ")
        lines = ["def f(x):", *(f"    {line}" for line in body), f"    return {last}"]
        namespace: dict[str, Any] = {}
        exec("\n".join(lines), SCOPE, namespace)  # noqa: S102
        return namespace["f"]


def _scope() -> dict[str, Any]:
    (block,) = re.findall(r"```python\n((?!>>>).*?)```", PAGE, flags=re.DOTALL)
    # A dataclass looks up its module by name.
    module = sys.modules["examples"] = types.ModuleType("examples")
    exec(block, vars(module))  # noqa: S102
    return vars(module)


SCOPE = _scope()
POINT = SCOPE["x"]
TABLE = [Row.read(line) for line in PAGE.splitlines() if re.match(r"\| (?!construct|---)", line)]


def differences(f: Callable[[Any], Any], x: np.ndarray, order: int = 6) -> tuple[np.ndarray, float]:
    """Return a gradient by central differences, extrapolated in the step by Richardson, and a bound on its error."""
    pairs = []
    for direction in np.eye(x.size):
        best, above = (0.0, math.inf), []
        for step in 0.05 * 0.5 ** np.arange(order + 2):
            row = [(f(x + step * direction) - f(x - step * direction)) / (2 * step)]
            for column, older in enumerate(above[:order], start=1):
                row.append(row[-1] + (row[-1] - older) / (4**column - 1))
                best = min(best, (row[-1], max(abs(row[-1] - row[-2]), abs(row[-1] - older))), key=lambda pair: pair[1])
            above = row
        pairs.append(best)
    gradient, errors = np.array(pairs, dtype=float).T
    return gradient, float(errors.max() / np.abs(gradient).max())


def assert_served(row: Row) -> None:
    f = row.function()
    with np.errstate(all="ignore"):
        expected, error = differences(f, POINT)
    assert error <= EXACT
    gradient = st.gradient(f)
    found = gradient(POINT)
    assert gradient.kind == row.kind, gradient.why
    tolerance = DIFFERENCED if row.kind == "differences" else EXACT
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max(), (found, expected)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.example)
def test_row_of_the_table(row: Row):
    assert_served(row)


def test_table_has_all_tiers_and_no_row_twice():
    kinds = Counter(row.kind for row in TABLE)
    assert set(kinds) == {"traced", "eager", "differences"}
    assert kinds["traced"] >= 200
    assert max(Counter(row.example for row in TABLE).values()) == 1


WITHOUT_A_ROW = {
    # of whole numbers
    *("bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_count", "invert", "left_shift", "right_shift", "gcd", "lcm"),
    # of the bits of a number, and of dates
    *("signbit", "spacing", "nextafter", "frexp", "isnat"),
    # written as operators
    *("equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "true_divide", "divmod", "logical_xor"),
}


def test_every_ufunc_of_numpy_has_a_row():
    written = " ".join(row.example for row in TABLE)
    named = {getattr(np, name, None) for name in re.findall(r"\bnp\.(\w+)", written)}
    ufuncs = {ufunc for ufunc in vars(np).values() if isinstance(ufunc, np.ufunc)}
    assert not {ufunc.__name__ for ufunc in ufuncs - named} - WITHOUT_A_ROW


def test_every_special_function_that_jax_has_is_in_the_table():
    named = set(re.findall(r"\bsps\.(\w+)", " ".join(row.example for row in TABLE)))
    functions = {name for name, f in vars(scipy.special).items() if callable(f) and not name.startswith("_")}
    assert not {name for name in functions if hasattr(jax.scipy.special, name)} - named


# --- Code that could be right by value and wrong by slope --------------------------------------------

MORE = """
| views of views | `z = A * x; z.T[0][1] = x[0]; z[1:, 1:] *= x[2]; z[1:][0][0] = 2; np.sum(z**2)` | traced |
| a reshaped transpose is a copy | `z = A * x; y = z.T.reshape(-1); y[1] = 5.0; np.sum(z**2) + np.sum(y**3)` | traced |
| a reshaped array is a view | `z = A * x; y = z.reshape(-1); y[1] = 5.0; np.sum(z**2) + np.sum(y**3)` | traced |
| a transpose written over its array | `y = A * x; y[None] = y.T; np.sum(y * x) + y[0, 1] ** 2` | traced |
| rows unpacked | `y = np.outer(x, x); a, c, d = y; a[0] = 3.0; c += x; np.sum(y**2)` | traced |
| rows sorted in place | `z = A * x; [row.sort() for row in z]; z[:, 0] @ b` | traced |
| two names of one array | `y = np.zeros(3); z = y; z[0] = x[0]; y += z; np.sum(y**2)` | traced |
| a sum changed in place | `s = np.sum(x); t = s; s += x[0] ** 2; s *= 2; s + t` | traced |
| a copy of the point | `y = np.array(x); y[0] = 7.0; np.sum(x**2) + np.sum(y**2)` | traced |
| no copy of the point | `y = np.asarray(x); y[0] = x[1] ** 2; np.sum(x**2)` | traced |
| a deep copy | `import copy; y = copy.deepcopy(x); y[0] = 2.0; np.sum(x**2 + y**3)` | traced |
| two indices | `y = np.zeros((2, 2)); y[np.array([0, 1]), [1, 0]] = x[:2]; y[-1, -1] = x[2]; np.sum(y**3)` | traced |
| doubles by name | `np.sum(x.astype(np.float64) ** 2) + np.float64(x[0]) * (x.dtype == np.float64)` | traced |
| vectorised mathematics | `np.vectorize(math.sin)(x).sum() + np.vectorize(lambda v, w: v * w)(A, x).sum()` | traced |
| along an axis | `np.apply_along_axis(np.median, 1, A * x) @ b + np.apply_along_axis(np.ptp, 0, A) @ x` | traced |
| remainders to the nearest | `math.remainder(x[2], 1.5) ** 2 + math.remainder(x[1], x[0])` | traced |
| fixed whole numbers | `np.array([1, 2, 3]) @ x**2 + np.linalg.det([[1, 2], [3, 4]]) * x[0]` | traced |
| SciPy by its longer names | `scipy.special.softmax(x)[0] + scipy.linalg.det(A * x)` | traced |
| lists for SciPy | `sps.logsumexp([x[0], x[1], 0.0]) * sps.softmax([x[0], 1.0])[0]` | traced |
| lists of options for SciPy | `sps.logsumexp(x, b=[1, 2, 3])` | traced |
| ufuncs with an axis | `np.add.reduce(A * x, axis=1) @ b + np.hypot.reduce(x) * np.divide.outer(x, b)[0, 1]` | traced |
| text that nobody reads | `str(x[0]) and x[1] ** 2` | traced |
| the larger of two with itself | `y = np.maximum(x, x[::-1]); y[0] = np.minimum(y[1], x[2]); y @ b` | traced |
"""


@pytest.mark.parametrize("row", [Row.read(line) for line in MORE.strip().splitlines()], ids=lambda row: row.construct)
def test_row_beside_the_table(row: Row):
    assert_served(row)


ROOT = SCOPE["root"]


def beside_a_steep_square(x):
    return 1e4 * (x[0] - 1) ** 2 + ROOT(x[1])


def by_where_beside_a_steep_square(x):
    low, high = 0.0, 10.0
    for _ in range(50):
        middle = (low + high) / 2
        below = middle**3 + middle < x[1]
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return 1e4 * (x[0] - 1) ** 2 + low


def catching_a_branch(x):
    try:
        larger = x[0] if x[0] > x[1] else x[1]
    except Exception:  # noqa: BLE001
        larger = 2.0
    return x[0] ** 2 + larger**2


def keyed_by_bytes():
    seen: dict[bytes, Any] = {}

    def f(x):
        key = x.tobytes()
        if key not in seen:
            seen[key] = np.sum(x**2)
        return seen[key]

    return f


class Remembering:
    def __init__(self):
        self.last = None
        self.texts: dict[str, Any] = {}

    def by_equality(self, x):
        if self.last is not None and np.array_equal(x, self.last[0]):
            return self.last[1]
        self.last = x.copy(), np.sum(x**2)
        return self.last[1]

    def by_text(self, x):
        if str(x) not in self.texts:
            self.texts[str(x)] = np.sum(x**2)
        return self.texts[str(x)]


def slope_beside_a_steep_square(x):
    # The root r of r³ + r = a has dr/da = 1 / (3r² + 1).
    return [2e4 * (x[0] - 1), 1 / (3 * ROOT(x[1]) ** 2 + 1)]


def twice(x):
    return 2 * x


LOST = {
    "a search beside a steep square": (beside_a_steep_square, slope_beside_a_steep_square),
    "a search by where": (by_where_beside_a_steep_square, slope_beside_a_steep_square),
    "an exception at a branch": (catching_a_branch, lambda x: [4 * x[0], 0]),
    "a memory by bytes": (keyed_by_bytes(), twice),
    "a memory by equality": (Remembering().by_equality, twice),
    "a memory by text": (Remembering().by_text, twice),
}


@pytest.mark.parametrize("name", LOST)
def test_slope_is_not_lost_along_any_coordinate(name):
    f, expected = LOST[name]
    gradient = st.gradient(f)
    for point in np.array([[3.0, 2.0], [2.0, 1.5], [3.0, 2.0]]):
        # The steep square costs a difference some digits.
        np.testing.assert_allclose(gradient(point), expected(point), rtol=1e-5, err_msg=gradient.why)


@pytest.mark.parametrize(
    "noisy",
    [
        lambda draw, x: np.sum(x**2) + draw() * x[0],
        lambda draw, x: np.sum((x - 0.1 * draw()) ** 2),
        lambda draw, x: np.sum(x**2) * (draw() > 0),
    ],
    ids=["factor", "shift", "chance"],
)
def test_random_numbers_are_not_frozen(noisy):
    np.random.seed(5)  # noqa: NPY002
    for draw in (np.random.standard_normal, np.random.default_rng(1).standard_normal, lambda: random.gauss(0, 1)):
        gradient = st.gradient(lambda x, draw=draw: noisy(draw, x))
        gradient(np.array([1.3, 0.4]))
        assert gradient.kind == "differences"
        assert "differ from call to call" in gradient.why


def test_flat_coordinates_do_not_cost_the_exact_tier():
    # The slope is 0 at a stationary point, on a flat piece, on a step of `floor`, and if f does not read x[k].
    def f(x):
        return (x[0] - 1) ** 3 + np.maximum(x[1], 0) + np.floor(x[2]) + x[4] ** 2

    gradient = st.gradient(f)
    np.testing.assert_allclose(gradient(np.array([1.0, -2.0, 0.5, 7.0, 1.5])), [0, 0, 0, 0, 3], atol=1e-15)
    assert gradient.kind == "traced"


def test_arrays_imported_by_name_are_written_into():
    namespace: dict[str, Any] = {"__name__": "examples"}
    source = "from numpy import empty, full, zeros_like\nfrom scipy.special import logsumexp\n"
    source += (
        "def f(x):\n    y = zeros_like(full(3, 1.0))\n    y[:2] = x[:2]\n    return y @ full(3, x[2]) + logsumexp(x)\n"
    )
    exec(source, namespace)  # noqa: S102
    gradient = st.gradient(namespace["f"])
    found = gradient(POINT)
    expected = [POINT[2], POINT[2], POINT[0] + POINT[1]] + np.exp(POINT) / np.exp(POINT).sum()
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert gradient.kind == "traced"
