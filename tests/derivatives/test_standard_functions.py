"""Gradients of the standard functions against high-order differences, and traps that could lose one."""

from __future__ import annotations

import copy
import dataclasses
import decimal
import functools
import itertools
import math
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy
from tests.functions import STANDARD, Standard

import steepest as st

STRICT = 1e-8
LOOSE = 1e-6

# --- The oracle --------------------------------------------------------------------------------------


@dataclasses.dataclass
class Oracle:
    """A gradient by differences, and a bound on its error relative to its largest component."""

    gradient: np.ndarray
    error: float

    @classmethod
    def of(cls, f: Callable[[Any], Any], point: Any, dtype: Any = np.longdouble) -> Oracle:
        """Extrapolate central differences in extended precision, in double where f takes no other."""
        x = np.array(point, dtype=float)
        try:
            with np.errstate(all="ignore"):
                f(x.astype(dtype))
        except TypeError:
            dtype = np.float64
        pairs = [_partial(f, x.astype(dtype), k) for k in range(x.size)]
        gradient, errors = np.array(pairs, dtype=dtype).T
        return cls(gradient.astype(float), float(np.max(errors) / np.max(np.abs(gradient))))


def _partial(f: Callable[[Any], Any], x: np.ndarray, k: int, levels: int = 22, order: int = 7) -> tuple[Any, Any]:
    """Return one partial derivative and a bound on its error, from the best of Romberg's table."""
    step = x.dtype.type(2.0 ** np.floor(np.log2(max(abs(x[k]), 0.5))) / 4)
    best = x.dtype.type(0), x.dtype.type(np.inf)
    above: list[Any] = []
    for level in range(levels):
        values = [_value(f, x, k, side * step) for side in (1, -1)]
        # A value that has passed through a float64 has a float64's noise.
        exact = all(type(v) is x.dtype.type for v in values)
        noise = np.finfo(x.dtype if exact else np.float64).eps * max(abs(v) for v in values) / step
        row = [x.dtype.type(values[0] - values[1]) / (2 * step)]
        for column, older in enumerate(above[:order], start=1):
            row.append(row[-1] + (row[-1] - older) / (4**column - 1))
            error = max(abs(row[-1] - row[-2]), abs(row[-1] - older), noise)
            if error < best[1]:
                best = row[-1], error
        if level > 6 and best[1] <= 1e-15 * abs(best[0]):
            break
        above, step = row, step / 2
    return best


def _value(f: Callable[[Any], Any], x: np.ndarray, k: int, by: Any) -> Any:
    moved = x.copy()
    moved[k] += by
    try:
        with np.errstate(all="ignore"):
            return f(moved)
    except (ArithmeticError, ValueError):
        return math.nan


def disagreement(gradient: Any, expected: np.ndarray) -> float:
    """The largest difference relative to the largest component; NaN counts as infinite."""
    gap = np.max(np.abs(np.asarray(gradient, dtype=float) - expected)) / max(1e-300, np.max(np.abs(expected)))
    return math.inf if np.isnan(gap) else float(gap)


A = np.array([[3.0, 1.0], [1.0, 2.0]])
CLOSED = {
    "exponential": (lambda x: np.exp(x[0] * x[1]), lambda x: np.exp(x[0] * x[1]) * x[::-1], (0.7, -1.3)),
    "waves": (lambda x: np.sum(np.sin(30 * x)), lambda x: 30 * np.cos(30 * x), (0.11, -0.6, 2.3)),
    "quartic": (lambda x: np.sum(x**4), lambda x: 4 * x**3, (1e3, -2e3)),
    "badly scaled": (
        lambda x: (1e6 * x[0] - 2) ** 2 + (1e-4 * x[1] + 3) ** 4,
        lambda x: np.array([2e6 * (1e6 * x[0] - 2), 4e-4 * (1e-4 * x[1] + 3) ** 3]),
        (1.5e-6, 7e3),
    ),
    "norm": (lambda x: np.sqrt(np.sum(x**2)), lambda x: x / np.sqrt(np.sum(x**2)), (0.3, -0.2, 0.9)),
    "logarithm": (lambda x: np.sum(np.log(x)), lambda x: 1 / x, (1e-3, 0.4, 50.0)),
    "near a kink": (lambda x: np.sum(np.abs(x - 1) ** 1.5), lambda x: 1.5 * np.sqrt(x - 1), (1.01, 1.3)),
    "in pieces": (
        lambda x: np.where(x > 1, x**3, x).sum(),
        lambda x: np.where(x > 1, 3 * x**2, 1),
        (1.02, 0.97),
    ),
    "fraction": (lambda x: 1 / (1 + 25 * x[0] ** 2), lambda x: -50 * x / (1 + 25 * x**2) ** 2, (0.4,)),
    "determinant": (lambda x: np.linalg.det(A * x[0]), lambda x: 10 * x, (1.7,)),
    "scalar mathematics": (lambda x: math.atan(x[0]) * 3, lambda x: 3 / (1 + x**2), (0.6,)),
    "an array of doubles": (lambda x: np.sum(np.array(x, dtype=float) ** 3), lambda x: 3 * x**2, (0.6, 1.9)),
}


@pytest.mark.parametrize("dtype", [np.longdouble, np.float64], ids=["extended", "double"])
@pytest.mark.parametrize("name", CLOSED)
def test_oracle_agrees_with_closed_forms_and_knows_its_error(name, dtype):
    f, gradient, point = CLOSED[name]
    oracle = Oracle.of(f, point, dtype)
    actual = disagreement(oracle.gradient, gradient(np.array(point)))
    assert actual <= 1e-9
    assert oracle.error <= 1e-9
    assert actual <= max(10 * oracle.error, 1e-15)


def test_oracle_reports_noise():
    rng = np.random.default_rng(1)
    oracle = Oracle.of(lambda x: np.sin(x[0]) + 1e-6 * rng.normal(), [0.4])
    assert oracle.error > 1e-8
    assert disagreement(oracle.gradient, np.cos([0.4])) <= 100 * oracle.error


# --- The standard functions --------------------------------------------------------------------------

AT_START = {
    # Norms of the residuals at the standard starts, from the tests that came with MINPACK (1980).
    "rosenbrock": 4.919350,
    "helical_valley": 50.0,
    "powell_singular": 14.66288,
    "freudenstein_roth": 20.01250,
    "bard": 6.456136,
    "kowalik_osborne": 0.07289151,
    "meyer": 41153.47,
    "watson": 5.477226,
    "box": 32.11158,
    "jennrich_sampson": 64.58561,
    "brown_dennis": 2815.438,
    "chebyquad": 0.1965138,
    "brown_almost_linear": 16.53022,
    "osborne_2": 1.446865,
    "linear_full_rank": 5.0,
    "linear_rank_1": 291.5218,
    "linear_rank_1_with_zeros": 126.0397,
}
# The minima that are not 0 as Moré, Garbow and Hillstrom print them, to as many digits.
PUBLISHED = {
    "jennrich_sampson": 124.362,
    "bard": 8.21487e-3,
    "gaussian": 1.12793e-8,
    "meyer": 87.9458,
    "kowalik_osborne": 3.07505e-4,
    "brown_dennis": 85822.2,
    "osborne_1": 5.46489e-5,
    "osborne_2": 4.01377e-2,
    "watson": 2.28767e-3,
    "penalty_1": 2.24997e-5,
    "penalty_2": 9.37629e-6,
    "linear_full_rank": 5.0,
    "linear_rank_1": 10 * 9 / (2 * 21),
    "linear_rank_1_with_zeros": (100 + 30 - 6) / (2 * 17),
    "chebyquad": 3.51687e-3,
}
BY_NAME = {case.name: case for case in STANDARD}
every_function = pytest.mark.parametrize("case", STANDARD, ids=lambda case: case.name)


@functools.cache
def served(name: str) -> tuple[str, str, tuple[np.ndarray, ...]]:
    """Return the kind, its reason and the gradients at the points, computed once for all tests."""
    case = BY_NAME[name]
    gradient = st.gradient(case.f)
    found = tuple(gradient(*point) if case.scalars else gradient(np.array(point, dtype=float)) for point in case.points)
    return gradient.kind, gradient.why, found


@functools.cache
def oracles(name: str) -> tuple[Oracle, ...]:
    case = BY_NAME[name]
    return tuple(Oracle.of(case.value, point) for point in case.points)


def test_there_are_enough_functions_with_their_sources():
    assert len(STANDARD) >= 100
    assert len(BY_NAME) == len(STANDARD)
    numbers = [int(case.source.split()[1].strip(",")) for case in STANDARD if case.source.startswith("MGH")]
    assert numbers == list(range(1, 36))


@every_function
def test_minimiser_has_the_minimum_and_start_is_above(case: Standard):
    for point in (*case.points, case.start):
        assert np.isfinite(float(case.value(np.array(point))))
    if case.minimum is None:
        return
    assert case.value(np.array(case.start)) > case.minimum
    if case.minimiser is not None:
        tolerance = 1e-9 * abs(case.minimum) or 1e-12
        assert abs(case.value(np.array(case.minimiser)) - case.minimum) <= tolerance


@pytest.mark.parametrize("name", AT_START)
def test_start_has_the_published_norm(name):
    case = BY_NAME[name]
    np.testing.assert_allclose(np.sqrt(case.value(np.array(case.start))), AT_START[name], rtol=1e-6)


@pytest.mark.parametrize("name", PUBLISHED)
def test_minimum_is_the_published_one(name):
    # They print truncated digits, so the last one may be too small by one.
    np.testing.assert_allclose(BY_NAME[name].minimum, PUBLISHED[name], rtol=2e-5)


@every_function
def test_oracle_is_sure_of_the_function(case: Standard):
    for oracle in oracles(case.name):
        assert oracle.error <= 1e-9


@every_function
def test_gradient_agrees_with_the_oracle(case: Standard):
    kind, why, found = served(case.name)
    assert kind in {"traced", "eager", "differences"}
    assert why
    for gradient, oracle in zip(found, oracles(case.name), strict=True):
        assert gradient.shape == oracle.gradient.shape
        assert disagreement(gradient, oracle.gradient) <= (LOOSE if kind == "differences" else STRICT), (
            kind,
            why,
        )


def test_nearly_all_are_traced_and_agree_closely():
    kinds = {name: served(name)[0] for name in BY_NAME}
    untraced = {name: kind for name, kind in kinds.items() if kind != "traced"}
    assert len(untraced) <= 0.1 * len(kinds), untraced
    close = [
        name
        for name in BY_NAME
        if all(
            disagreement(gradient, oracle.gradient) <= STRICT
            for gradient, oracle in zip(served(name)[2], oracles(name), strict=True)
        )
    ]
    assert len(close) >= 40
    assert len(close) >= 0.9 * len(kinds)


# --- Traps: a derivative may not be lost silently ----------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Trap:
    """A function in which a careless gradient goes wrong, and the right one in closed form."""

    name: str
    f: Callable[..., Any]
    gradient: Callable[..., Any]
    points: tuple[Any, ...]


TRAPS: list[Trap] = []


def trap(gradient: Callable[..., Any], *points: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def enter(f: Callable[..., Any]) -> Callable[..., Any]:
        TRAPS.append(Trap(f.__name__, f, gradient, points or ((1.3, -0.4, 0.8),)))
        return f

    return enter


def assert_right(served_by: Any, found: Any, expected: Any) -> None:
    tolerance = LOOSE if served_by.kind == "differences" else STRICT
    assert disagreement(found, np.asarray(expected, dtype=float)) <= tolerance, (
        served_by.kind,
        served_by.why,
        found,
        expected,
    )


def twice(x):
    return 2 * x


def cubed(x):
    return 3 * x**2


# Conversions to plain numbers.


@trap(twice)
def converts_to_float(x):
    return sum(float(xi) ** 2 for xi in x)


@trap(lambda x: [0, 2 * x[1] + 1, 0], (1.3, -0.4, 0.8), (-2.7, 0.2, 0.8))
def truncates_with_int(x):
    return int(x[0]) + x[1] ** 2 + x[1]


@trap(lambda x: [x[1], x[0] + round(x[2], 1), 0], (1.3, -0.4, 0.83))
def rounds(x):
    return x[1] * (x[0] + round(x[2], 1))


@trap(lambda x: [x[1], x[0] + np.round(x[2], 1), 0], (1.3, -0.4, 0.83))
def rounds_with_numpy(x):
    return x[1] * (x[0] + np.round(x[2], 1))


@trap(twice)
def takes_items(x):
    return sum(x[i].item() ** 2 for i in range(x.size))


@trap(twice)
def turns_into_a_list(x):
    return sum(xi * xi for xi in x.tolist())


@trap(lambda x: np.trunc(x) + 2 * x, (1.3, -2.4, 0.8))
def truncates_with_astype(x):
    return np.sum(x.astype(int) * x + x**2)


@trap(lambda x: np.floor(x) + 2 * x, (1.3, -2.4, 0.8))
def truncates_after_floor(x):
    return np.sum(np.floor(x).astype(int) * x + x**2)


@trap(cubed)
def copies_into_a_float_array(x):
    y = np.array(x, dtype=float)
    return np.sum(y**3)


@trap(lambda x: [0, 2 * x[1], 0])
def copies_into_an_int_array(x):
    return np.asarray(x[:1], dtype=int).sum() + x[1] ** 2


@trap(lambda x: [0, 2 * x[1], 1])
def fills_an_int_array(x):
    counts = np.zeros(2, dtype=int)
    counts[0] = x[0]
    return counts[0] + x[1] ** 2 + x[2]


@trap(twice)
def formats_a_string(x):
    return sum(float(f"{xi:.17g}") ** 2 for xi in x)


@trap(twice)
def goes_by_repr(x):
    return sum(float(str(xi)) ** 2 for xi in x)


@trap(twice)
def calculates_in_decimals(x):
    return float(sum(decimal.Decimal(float(xi)) ** 2 for xi in x))


@trap(twice)
def sums_with_math(x):
    return math.fsum(xi**2 for xi in x) + math.floor(x[0]) * 0.5


@trap(lambda x: np.ones(3), (1.3, -0.4, 0.8))
def takes_remainders(x):
    return np.sum(x % 1.0) + np.sum(x // 1.0)


@trap(lambda x: np.sign(x) * 2 * x)
def uses_signs(x):
    return np.sum(np.sign(x) * x**2)


@trap(lambda x: [2 * x[0], 0, 0])
def compares(x):
    return (x[0] > 0) * x[0] ** 2 + (x[1] > 0) * x[1] ** 2 + np.heaviside(x[2], 0.5)


@trap(twice)
def squares_by_vectorize(x):
    return np.sum(np.vectorize(lambda v: v * v)(x))


@trap(twice)
def fills_from_an_iterator(x):
    return np.fromiter((xi * xi for xi in x), dtype=float).sum()


@trap(lambda x: np.where(x > 0, 2 * x, 3 * x**2))
def works_in_pieces(x):
    return np.sum(np.piecewise(x, [x > 0, x <= 0], [lambda v: v**2, lambda v: v**3]))


@trap(lambda x: np.where(x > 0, 2 * x, 3 * x**2))
def selects(x):
    return np.sum(np.select([x > 0, x <= 0], [x**2, x**3]))


@trap(lambda x: [3, 1, 2])
def weighs_sorted_values(x):
    return np.dot(np.sort(x), [1, 2, 3])


@trap(lambda x: [0, 0, 1])
def takes_the_median(x):
    return np.median(x)


@trap(lambda x: [0.5, -2.0, 0.5])
def interpolates(x):
    return np.sum(np.interp(x, [-1.0, 0.0, 2.0], [2.0, 0.0, 1.0]))


@trap(lambda x: 2 * (x - np.mean(x)))
def reduces_over_masked_values(x):
    centred = np.ma.masked_invalid(x) - np.mean(x)
    return float((centred**2).sum())


@trap(lambda x: np.sinh(x) * 2)
def goes_through_complex_numbers(x):
    z = x + 0j
    return np.sum(np.exp(z) + np.exp(-z)).real


@trap(twice)
def transforms_by_fourier(x):
    return np.sum(np.abs(np.fft.fft(x)) ** 2) / 3


@trap(lambda x: np.array([2 * x[0], 2 * x[1], 2 * x[2]]))
def writes_into_out(x):
    result = np.empty(3)
    np.multiply(x, x, out=result)
    return result.sum()


@trap(lambda x: [3 * x[0] ** 2, 2 * x[1], 1])
def adds_at(x):
    bins = np.zeros(2)
    np.add.at(bins, [0, 1, 1], np.stack([x[0] ** 3, x[1] ** 2, x[2]]))
    return bins.sum()


@trap(twice)
def copies_with_copyto(x):
    work = np.zeros(3)
    np.copyto(work, x)
    return work @ work


@trap(lambda x: np.exp(-(x**2)) * 2 / math.sqrt(math.pi))
def calls_scipy_special(x):
    return np.sum(scipy.special.erf(x))


@trap(lambda x: 1 / (1 + np.exp(-x)))
def calls_scipy_logsumexp(x):
    return sum(scipy.special.logsumexp([0.0, xi]) for xi in x)


@trap(lambda x: np.exp(x))
def calls_scipy_linalg(x):
    return np.trace(scipy.linalg.expm(np.diag(x)))


@trap(lambda x: x**2)
def integrates_with_scipy(x):
    return sum(scipy.integrate.quad(lambda t: t**2, 0, xi)[0] for xi in x)


@trap(lambda x: -x)
def calls_scipy_stats(x):
    return np.sum(scipy.stats.norm.logpdf(x))


@trap(twice)
def survives_its_own_exception(x):
    try:
        a = float(x[0])
    except TypeError:
        a = 0.0
    return a**2 + x[1] ** 2 + x[2] ** 2


# At this point the stand-in has the value that the exception hid, so that only the derivative is lost.
@trap(twice, (1.3, -0.4, 0.8))
def hides_an_exception_behind_the_same_value(x):
    try:
        a = float(x[0])
    except TypeError:
        a = 1.3
    return a**2 + x[1] ** 2 + x[2] ** 2


@trap(twice)
def looks_at_types(x):
    return x @ x if type(x) is np.ndarray else 0.0 * x[0]


# Views, copies, and functions that change their argument.


@trap(lambda x: 2 * (x + np.array([1, 1, 0])))
def changes_a_view(x):
    y = x[:2]
    y += 1
    return (x**2).sum()


@trap(twice)
def changes_a_copy_of_a_slice(x):
    y = x[:2].copy()
    y += 1
    return (x**2).sum()


@trap(twice)
def changes_what_an_index_list_copied(x):
    y = x[[0, 1]]
    y += 1
    return (x**2).sum()


@trap(lambda x: [0, 2 * x[1], 2 * x[2]])
def changes_through_reshape(x):
    row = x.reshape(1, 3)
    row[0, 0] = 5.0
    return (x**2).sum()


@trap(lambda x: [-2 * x[0], 2 * x[1], 2 * x[2]])
def changes_through_asarray(x):
    y = np.asarray(x)
    y[0] = -(y[0] ** 2)
    return y[0] + (x[1:] ** 2).sum()


@trap(lambda x: [4 * x[0] + x[1] + x[2], x[0] + 4 * x[1] + x[2], x[0] + x[1] + 4 * x[2]])
def doubles_a_diagonal_by_rows(x):
    table = np.outer(x, x)
    total = 0.0
    for i, row in enumerate(table):
        row[i] *= 4
        total += row.sum()
    return table.sum() / 2 + 0 * total


@trap(lambda x: 8 * x)
def scales_its_argument(x):
    x *= 2
    return x @ x


@trap(lambda x: [0, 2 * x[1], 2 * x[2]])
def overwrites_its_argument(x):
    x[0] = 3.0
    return (x**2).sum()


@trap(lambda x: [2 * x[0], 1, 3 * x[2] ** 2])
def swaps_in_its_argument(x):
    x[0], x[1] = x[1], x[0]
    return x[0] + x[1] ** 2 + x[2] ** 3


@trap(lambda x: 3 * (x - np.mean(x)) ** 2 - np.mean(3 * (x - np.mean(x)) ** 2))
def centres_its_argument(x):
    x -= x.mean()
    return (x**3).sum()


@trap(
    lambda x: 3 * x**2 - np.append(np.full(2, np.mean(3 * x[:2] ** 2)), 0),
    # At this point the view's mean is 0: the value is right even where the derivative is lost.
    (0.5, -0.5, 0.8),
)
def centres_a_view_of_mean_zero(x):
    y = x[:2]
    y -= y.mean()
    return (x**3).sum()


@trap(twice)
def sorts_a_copy_in_place(x):
    y = x.copy()
    y.sort()
    return y @ y


# Branches: the gradient at a later point may not follow the branch of an earlier one.


@trap(lambda x: np.where(x > 0, 2 * x, -1.0), (1.3,), (-0.4,), (0.8,), (-2.0,))
def takes_a_branch(x):
    return x[0] ** 2 if x[0] > 0 else -x[0]


@trap(lambda x: [3 * x[0] ** 2, 3 * x[1] ** 2] if np.sum(x) > 1 else 2 * x, (1.3, 0.4), (-0.4, 0.2), (2.0, 2.0))
def takes_a_branch_on_a_sum(x):
    power = 2
    while x.sum() > 1 and power < 3:
        power += 1
    return np.sum(x**power)


@trap(lambda x: np.eye(3)[np.argmax(x)] * 2 * np.max(x), (1.3, -0.4, 0.8), (0.1, 2.0, 0.3), (0.1, 0.2, 0.3))
def indexes_with_argmax(x):
    return x[np.argmax(x)] ** 2


@trap(lambda x: np.where(x > 0.5, 2 * x, 0.0), (1.3, -0.4, 0.8), (0.1, 2.0, 0.3))
def selects_with_a_mask(x):
    return np.sum(x[x > 0.5] ** 2)


@trap(lambda x: np.where(x > 0, 2 * x, 0.0), (1.3, -0.4, 0.8), (0.1, 2.0, 0.3))
def counts_with_python(x):
    return sum(xi**2 for xi in x if xi > 0)


@pytest.mark.parametrize("case", TRAPS, ids=lambda case: case.name)
def test_no_trap_is_silently_wrong(case: Trap):
    gradient = st.gradient(case.f)
    for point in case.points:
        x = np.array(point)
        found = gradient(x)
        np.testing.assert_array_equal(x, point)
        assert_right(gradient, found, case.gradient(np.array(point)))
        assert gradient.why


@pytest.mark.parametrize("case", TRAPS, ids=lambda case: case.name)
def test_expected_gradient_of_a_trap_is_that_of_the_oracle(case: Trap):
    for point in case.points:
        oracle = Oracle.of(case.f, point, np.float64)
        assert oracle.error <= 1e-9
        assert disagreement(case.gradient(np.array(point)), oracle.gradient) <= 1e-9


# Derivatives lost where plain and traced values agree closely at the point and near it.


def root_by_bisection(a):
    low, high = 0.0, 10.0
    while high - low > 1e-13:
        middle = (low + high) / 2
        if middle**3 + middle < a:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def roots_by_bisection(a):
    low, high = np.zeros(2), np.full(2, 10.0)
    for _ in range(60):
        middle = (low + high) / 2
        below = middle**3 + middle < a
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


def bisects(x):
    return root_by_bisection(x[0]) + x[1] ** 2


def bisects_by_where(x):
    return np.sum(roots_by_bisection(x)) + x[1] ** 2


def centres_a_view_under_an_offset(x):
    y = x[:2]
    y -= y.mean()
    return (x**3).sum() + 1e6


def hides_an_exception_under_an_offset(x):
    try:
        a = float(x[0])
    except TypeError:
        a = 1.3
    return a**2 + x[1] ** 2 + x[2] ** 2 + 1e7


def centres_a_view_beside_a_wall(x):
    if x[2] > 0.8:
        raise ValueError("beyond the wall")
    y = x[:2]
    y -= y.mean()
    return (x**3).sum()


HIDDEN: dict[str, tuple[Callable[..., Any], tuple[float, ...], list[float]]] = {
    # The root of r³ + r = 2 is 1, of r³ + r = 10 it is 2; dr/da = 1 / (3r² + 1).
    "bisection": (bisects, (2.0, 0.5), [1 / 4, 1.0]),
    "bisection by where": (bisects_by_where, (2.0, 10.0), [1 / 4, 1 / 13 + 20]),
    "a view under an offset": (centres_a_view_under_an_offset, (0.5, -0.5, 0.8), [0, 0, 1.92]),
    "an exception under an offset": (hides_an_exception_under_an_offset, (1.3, -0.4, 0.8), [2.6, -0.8, 1.6]),
    "a view beside a wall": (centres_a_view_beside_a_wall, (0.5, -0.5, 0.8), [0, 0, 1.92]),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_derivative_is_not_lost_behind_equal_values(name):
    f, point, expected = HIDDEN[name]
    gradient = st.gradient(f)
    found = gradient(np.array(point))
    # An offset takes digits from differences, and a wall lets them look to one side only.
    tolerance = 1e-3 if gradient.kind == "differences" else STRICT
    assert disagreement(found, np.array(expected)) <= tolerance, (gradient.kind, gradient.why, found)


# State that changes between two calls.

FACTOR = 1.0


def by_a_global(x):
    return FACTOR * np.sum(x**2)


def helper(x):
    return FACTOR * x


def by_a_global_of_a_helper(x):
    return np.sum([helper(xi) * xi for xi in x])


def by_a_global_in_a_lambda(x):
    return sum(map(lambda xi: FACTOR * xi**2, x))  # noqa: C417


def by_looking_up_globals(x):
    return globals()["FACTOR"] * np.sum(x**2)


def with_a_global(f):
    def change(to):
        global FACTOR
        FACTOR = to

    return f, change


def with_a_list():
    factors = [1.0]
    return lambda x: factors[0] * np.sum(x**2), lambda to: factors.__setitem__(0, to)


def with_a_long_list():
    factors = [1.0] * 5_000
    return lambda x: factors[4_999] * np.sum(x**2), lambda to: factors.__setitem__(4_999, to)


def with_a_nested_list():
    factors = [[{"a": [1.0]}]]
    return lambda x: factors[0][0]["a"][0] * np.sum(x**2), lambda to: factors[0][0]["a"].__setitem__(0, to)


def with_a_dict():
    options = {"factor": 1.0}
    return lambda x: options["factor"] * np.sum(x**2), lambda to: options.update(factor=to)


def with_an_attribute():
    options = types.SimpleNamespace(factor=1.0)
    return lambda x: options.factor * np.sum(x**2), lambda to: setattr(options, "factor", to)


def with_a_module():
    module = types.ModuleType("settings")
    module.factor = 1.0
    return lambda x: module.factor * np.sum(x**2), lambda to: setattr(module, "factor", to)


def with_a_class():
    class Options:
        factor = 1.0

    return lambda x: Options.factor * np.sum(x**2), lambda to: setattr(Options, "factor", to)


class Model:
    def __init__(self):
        self.factor = 1.0
        self.weights = np.ones(3)

    def __call__(self, x):
        return self.factor * np.sum(x**2)

    def loss(self, x):
        return self.factor * np.sum(x**2)

    def weighted(self, x):
        return np.sum(self.weights * x**2)

    def update(self, to):
        self.factor = to
        self.weights[:] = to


def with_a_callable_object():
    model = Model()
    return model, model.update


def with_a_bound_method():
    model = Model()
    return model.loss, model.update


def with_an_array_of_a_bound_method():
    model = Model()
    return model.weighted, model.update


def with_a_default():
    def f(x, factor=1.0):
        return factor * np.sum(x**2)

    return f, lambda to: setattr(f, "__defaults__", (to,))


def with_a_mutable_default():
    def f(x, factors=[1.0]):  # noqa: B006
        return factors[0] * np.sum(x**2)

    return f, lambda to: f.__defaults__[0].__setitem__(0, to)


def with_a_keyword_default():
    def f(x, *, factor=1.0):
        return factor * np.sum(x**2)

    return f, lambda to: f.__kwdefaults__.update(factor=to)


def with_an_array():
    weights = np.ones(3)
    return lambda x: np.sum(weights * x**2), lambda to: weights.fill(to)


def with_an_int_array():
    weights = np.ones(3, dtype=int)
    return lambda x: np.sum(weights * x**2), lambda to: weights.fill(to)


def with_a_scalar_array():
    factor = np.array(1.0)
    return lambda x: np.sum(factor * x**2), lambda to: factor.fill(to)


def with_a_masked_array():
    weights = np.ma.array(np.ones(3))
    return lambda x: float(np.sum(weights * x**2)), lambda to: weights.__setitem__(slice(None), to)


def with_an_object_array():
    weights = np.array([1.0, 1.0, 1.0], dtype=object)
    return lambda x: np.sum(weights * x**2), lambda to: weights.__setitem__(slice(None), to)


def with_an_array_in_a_list():
    weights = [np.ones(3)]
    return lambda x: np.sum(weights[0] * x**2), lambda to: weights[0].fill(to)


def with_a_partial():
    options = {"factor": 1.0}

    def f(options, x):
        return options["factor"] * np.sum(x**2)

    return functools.partial(f, options), lambda to: options.update(factor=to)


def with_a_nonlocal():
    factor = 1.0

    def change(to):
        nonlocal factor
        factor = to

    return lambda x: factor * np.sum(x**2), change


def with_a_helper_given():
    helpers = [lambda v: v**2]

    def change(to):
        helpers[0] = lambda v: to * v**2

    return lambda x: np.sum(helpers[0](x)), change


def with_a_set():
    signs = {1.0}

    def change(to):
        signs.clear()
        signs.add(to)

    return lambda x: max(signs) * np.sum(x**2), change


def with_an_iterator():
    state = itertools.repeat(1.0)
    box = {"next": state}
    return lambda x: next(box["next"]) * np.sum(x**2), lambda to: box.update(next=itertools.repeat(to))


STATES = {
    "a global": lambda: with_a_global(by_a_global),
    "a global of a helper": lambda: with_a_global(by_a_global_of_a_helper),
    "a global in a lambda": lambda: with_a_global(by_a_global_in_a_lambda),
    "a global looked up": lambda: with_a_global(by_looking_up_globals),
} | {
    name.removeprefix("with_").replace("_", " "): make
    for name, make in list(globals().items())
    if name.startswith("with_") and make is not with_a_global
}


@pytest.mark.parametrize("again", [False, True], ids=["same gradient", "taken again"])
@pytest.mark.parametrize("state", STATES)
def test_change_of_state_is_seen(state, again):
    f, change = STATES[state]()
    x = np.array([1.3, -0.4, 0.8])
    gradient = st.gradient(f)
    try:
        for factor in (1.0, -1.0, 3.0):
            change(factor)
            if again:
                gradient = st.gradient(f)
            assert_right(gradient, gradient(x), 2 * factor * x)
    finally:
        change(1.0)


def test_counter_does_not_disturb():
    calls = []

    def f(x):
        calls.append(len(calls))
        return np.sum(x**2)

    gradient = st.gradient(f)
    for x in np.array([[1.3, -0.4], [0.2, 0.9], [2.0, 1.0]]):
        assert_right(gradient, gradient(x), 2 * x)
    assert calls


def test_counter_in_the_value_does_not_freeze():
    count = 0

    def f(x):
        nonlocal count
        count += 1
        return np.sum(x**2) + count

    gradient = st.gradient(f)
    for x in np.array([[1.3, -0.4], [0.2, 0.9], [2.0, 1.0]]):
        found = gradient(x)
        assert gradient.kind == "differences" or disagreement(found, 2 * x) <= STRICT


def test_noise_does_not_pass_for_a_gradient():
    rng = np.random.default_rng(3)
    gradient = st.gradient(lambda x: np.sum(x**2) + 1e-9 * rng.normal())
    for x in np.array([[1.3, -0.4], [0.2, 0.9]]):
        found = gradient(x)
        # Differences of a noisy function are only as good as the noise over the step.
        assert disagreement(found, 2 * x) <= (1e-2 if gradient.kind == "differences" else STRICT)


def test_arguments_of_any_number_type_give_the_same():
    def f(x):
        return np.sum(x**3)

    gradient = st.gradient(f)
    for x in ([1, 2], (1.0, 2.0), np.array([1, 2]), np.array([1, 2], dtype=np.float32)):
        assert_right(gradient, gradient(x), [3.0, 12.0])


def test_caller_may_keep_what_was_returned():
    gradient = st.gradient(by_a_global)
    first = gradient(np.array([1.0, 2.0]))
    kept = copy.copy(first)
    second = gradient(np.array([3.0, 4.0]))
    np.testing.assert_array_equal(first, kept)
    first += 1
    np.testing.assert_allclose(second, [6.0, 8.0], rtol=LOOSE)


@pytest.mark.parametrize("index", [3, -4], ids=["above", "below"])
def test_index_out_of_bounds_raises(index):
    with pytest.raises(IndexError):
        st.gradient(lambda x: x[index] ** 2 + x[0])(np.array([1.0, 2.0, 3.0]))


# Kinks, ties, and derivatives that naive rules make NaN.

SINGULAR = {
    "root where positive": (lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)), (0.0, 4.0), (None, 0.25)),
    "root of absolute where positive": (
        lambda x: np.sum(np.where(x > 0, np.sqrt(np.abs(x)) ** 3, 0.0)),
        (0.0, 4.0),
        (0.0, 3.0),
    ),
    "sine over x": (
        lambda x: np.sum(np.where(x == 0, 1.0, np.sin(x) / np.where(x == 0, 1.0, x))),
        (0.0, np.pi),
        (0.0, -1 / np.pi),
    ),
    "x log x": (
        lambda x: np.sum(np.where(x > 0, x * np.log(np.abs(x) + 1e-300), 0.0)),
        (1.0, 2.0),
        (1.0, 1 + math.log(2)),
    ),
    "norm at 0": (lambda x: np.linalg.norm(x[:2]) + x[2] ** 2, (0.0, 0.0, 1.5), (None, None, 3.0)),
    "root of squares at 0": (
        lambda x: np.sqrt(np.sum(x[:2] ** 2)) ** 3 + x[2],
        (0.0, 0.0, 1.5),
        (0.0, 0.0, 1.0),
    ),
    "hypot at 0": (lambda x: np.hypot(x[0], x[1]) ** 2 + x[2], (0.0, 0.0, 1.5), (0.0, 0.0, 1.0)),
    "absolute at 0": (lambda x: np.abs(x[0]) + x[1] ** 2, (0.0, 1.5), (None, 3.0)),
    "power of absolute at 0": (lambda x: np.abs(x[0]) ** 1.5 + x[1] ** 2, (0.0, 1.5), (0.0, 3.0)),
    "positive part at 0": (lambda x: np.maximum(x[0], 0) + x[1] ** 2, (0.0, 1.5), (None, 3.0)),
    "clip at its edge": (lambda x: np.clip(x[0], 0, 1) + x[1] ** 2, (1.0, 1.5), (None, 3.0)),
    "product with zeros": (lambda x: np.prod(x), (0.0, 2.0, 3.0), (6.0, 0.0, 0.0)),
    "0 to a power": (lambda x: np.sum(x ** np.array([2, 3])), (0.0, 2.0), (0.0, 12.0)),
    "0 to a float power": (lambda x: np.sum(np.power(x, [2.0, 3.0])), (0.0, 2.0), (0.0, 12.0)),
    "variance of equals": (lambda x: np.var(x) + x[0], (2.0, 2.0), (1.0, 0.0)),
    "deviation of equals squared": (lambda x: np.std(x) ** 2 + x[0], (2.0, 2.0), (1.0, 0.0)),
    "overflow in the branch not taken": (
        lambda x: np.sum(np.where(x > 100, x, np.log1p(np.exp(x)))),
        (1000.0, 0.5),
        (1.0, 1 / (1 + math.exp(-0.5))),
    ),
    "logistic far out": (lambda x: np.sum(1 / (1 + np.exp(-x))), (-800.0, 0.0), (0.0, 0.25)),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", SINGULAR)
def test_singular_points_give_finite_gradients_or_say_so(name):
    f, point, expected = SINGULAR[name]
    gradient = st.gradient(f)
    found = gradient(np.array(point))
    assert np.isfinite(found).all(), (gradient.kind, gradient.why)
    smooth = [k for k, value in enumerate(expected) if value is not None]
    # The components beside the kink must be right; at the kink itself any slope that is finite may do.
    tolerance = 2e-3 if gradient.kind == "differences" else STRICT
    scale = max(1e-300, max(abs(expected[k]) for k in smooth))
    for k in smooth:
        assert abs(found[k] - expected[k]) <= tolerance * scale, (gradient.kind, gradient.why, found)
    assert gradient.why


@pytest.mark.parametrize(
    "take", [np.max, np.amax, max, lambda x: np.sort(x)[-1]], ids=["max", "amax", "python", "sort"]
)
def test_ties_give_a_subgradient(take):
    gradient = st.gradient(lambda x: take(x) + 0.5 * x[2])
    found = gradient(np.array([2.0, 2.0, 1.0]))
    assert_right(gradient, [found[2]], [0.5])
    assert np.all(found[:2] >= -LOOSE)
    np.testing.assert_allclose(found[:2].sum(), 1.0, rtol=LOOSE)


@pytest.mark.parametrize("slope", [np.abs, lambda x: np.maximum(x, -x), lambda x: np.sqrt(x * x)])
def test_absolute_value_at_its_kink_is_within_its_slopes(slope):
    found = st.gradient(lambda x: np.sum(slope(x)))(np.array([0.0, 1.5]))
    assert -1 - LOOSE <= found[0] <= 1 + LOOSE
    np.testing.assert_allclose(found[1], 1.0, rtol=LOOSE)
