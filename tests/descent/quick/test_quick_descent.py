"""Small descents in a few compiled calls: against the usual descent, against known minima, and where they must not be.

The usual descent is the `Driver` with its `Judge`, which shares no code with `settle`, and is itself tested against
closed forms elsewhere.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.functions import STANDARD

import steepest as st
from steepest.derivatives import compiled
from steepest.derivatives.precision import compiled_code
from steepest.derivatives.tracing.work import work_of
from steepest.descent.loop.state import Limits, begin, pack
from steepest.descent.quick.descent import quick
from steepest.descent.quick.settle import eigen
from steepest.descent.quick.start import RULES, begun
from steepest.minimizing import minimize as minimizing
from steepest.trace import Outcome


@pytest.fixture
def quickly(monkeypatch):
    """Return a list of what the quick descents return; with `quickly.off()` there are none."""

    class Found(list):
        def off(self):
            monkeypatch.setattr(minimizing, "quick", lambda *_, **__: None)

    found = Found()

    def watched(*arguments, **options):
        found.append(quick(*arguments, **options))
        return found[-1]

    monkeypatch.setattr(minimizing, "quick", watched)
    return found


NAMES = ("himmelblau", "rosenbrock_of_scalars", "brown_badly_scaled", "extended_rosenbrock")


@pytest.mark.parametrize("case", [case for case in STANDARD if case.name in NAMES], ids=lambda case: case.name)
@pytest.mark.always(2)
def test_a_quick_descent_is_the_usual_one(case, quickly):
    def run():
        return st.minimize(case.f, case.start)

    first, again = run(), run()
    assert quickly == [first, again]
    np.testing.assert_array_equal(first.x, again.x)
    quickly.off()
    usual = run()
    for name in ("outcome", "nit", "kind", "why", "direction", "maximized", "at_bound", "bounds"):
        assert getattr(first, name) == getattr(usual, name)
    # A last step of the size of rounding may be tried or not.
    assert abs(first.nfev - usual.nfev) <= 1
    assert first.message.split("within")[0] == usual.message.split("within")[0]
    assert np.all(np.abs(first.x - usual.x) <= first.certificate.x_error)
    assert first.fun == pytest.approx(usual.fun, rel=1e-12, abs=usual.certificate.gap)
    for name in ("gap", "tolerance", "curvature", "x_error"):
        np.testing.assert_allclose(getattr(first.certificate, name), getattr(usual.certificate, name), rtol=0.1)
    assert [event.kind for event in first.events] == [event.kind for event in usual.events]
    assert first.trace.columns.keys() == usual.trace.columns.keys()
    # Rounding errors grow from row to row.
    np.testing.assert_allclose(first.trace.x[:8], usual.trace.x[:8], rtol=1e-6)
    np.testing.assert_allclose(first.trace.value[:8], usual.trace.value[:8], rtol=1e-5)
    np.testing.assert_array_equal(first.trace.iteration, usual.trace.iteration)
    assert np.all(np.diff(first.trace.seconds) >= 0)
    if case.minimiser is not None:
        # The published digits are those of the tables.
        assert first.fun == pytest.approx(case.minimum, rel=1e-5, abs=1e-8)


def quadratic(x, matrix, slope):
    return x @ (matrix @ x) / 2 - slope @ x


@pytest.mark.parametrize("sign", [1, -1])
def test_the_minimum_of_a_quadratic_is_no_farther_than_stated(sign, quickly):
    optimize = st.minimize if sign > 0 else st.maximize
    draws = np.random.default_rng(4)
    for _ in range(60):
        # Whole numbers, so that the minimiser is known exactly, and the value there too.
        factor = draws.integers(-9, 10, size=(3, 3))
        matrix = factor @ factor.T + np.diag(draws.integers(1, 2000, size=3))
        minimiser = draws.integers(-50, 51, size=3)
        data = (sign * matrix).astype(float), (sign * matrix @ minimiser).astype(float)
        run = optimize(quadratic, draws.normal(size=3), args=data)
        assert run.outcome is Outcome.CONVERGED
        assert run.maximized == (sign < 0)
        assert np.all(np.abs(run.x - minimiser) <= run.certificate.x_error)
        least = -float(minimiser @ matrix @ minimiser) / 2
        assert run.fun == pytest.approx(sign * least, rel=1e-12)
        ends = np.linalg.eigvalsh(matrix.astype(float))
        np.testing.assert_allclose(run.certificate.curvature, [ends[0], ends[-1]], rtol=1e-4)
    assert sum(run is not None for run in quickly) >= 55


def test_a_new_function_of_the_same_code_compiles_nothing(quickly, monkeypatch):
    def make():
        return lambda x, y: (x - 3) ** 2 + 5 * (y - x) ** 2 + (x - 3) ** 4

    st.minimize(make(), (0.5, 0.25))
    monkeypatch.setattr(compiled, "load_or_compile", lambda *_: pytest.fail("a program was compiled"))
    for start in ((0.5, 0.25), (7.0, -2.0)):
        run = st.minimize(make(), start)
        assert run is quickly[-1]
        np.testing.assert_allclose(run.x, [3, 3], atol=1e-9)


class Target:
    centre = 1.0


def test_an_attribute_that_changes_is_noticed(quickly):
    target = Target()
    f = lambda x, y: (x - target.centre) ** 2 + 3 * (y - 2) ** 2  # noqa: E731
    for centre in (1.0, 1.0, 4.0, 4.0 + 1e-6):
        target.centre = centre
        run = st.minimize(f, (0.5, 0.25))
        assert run.x[0] == pytest.approx(centre, abs=1e-9)


class Meter:
    level, calls = 0.0, 0

    def read(self):
        # Each call reads another value.
        self.calls += 1
        return self.level * math.sin(self.calls)


def test_noise_at_the_answer_is_noticed(quickly):
    meter = Meter()
    f = lambda x, y: (x - 1) ** 2 + (y + 2) ** 2 + meter.read()  # noqa: E731
    assert st.minimize(f, (3.0, 3.0)) is quickly[-1]
    # The noise is too small for the comparison with compiled code, whose slack is that of the value at the start.
    meter.level = 1e-9
    run = st.minimize(f, (3.0, 3.0))
    assert run.outcome is Outcome.NOISE_FLOOR
    assert quickly[-1] is None


@pytest.mark.parametrize(
    ("f", "start", "outcome"),
    [
        (lambda x, y: x**2 - y**2 + y**4, (1.0, 0.0), Outcome.CONVERGED),
        (lambda x, y: -(x**2) - y, (1.0, 1.0), Outcome.UNBOUNDED),
    ],
    ids=["saddle", "unbounded"],
)
def test_what_is_no_plain_minimum_is_left_to_the_usual_way(f, start, outcome, quickly):
    for _ in range(2):
        assert st.minimize(f, start).outcome is outcome
    assert not any(quickly)


@pytest.mark.parametrize("options", [{"iterations": 3}, {"tolerance": 1e-3}, {"step": 0.1}, {"callback": print}])
def test_a_limit_or_a_rule_is_kept(options, quickly, capsys):
    st.minimize(lambda x, y: (x - 3) ** 2 + 2 * (y - 1) ** 2, (0.5, 0.25), **options)
    assert not quickly


def test_much_work_is_left_to_the_usual_way(quickly):
    rows = np.random.default_rng(0).normal(size=(30_000, 2))
    st.minimize(lambda w: ((rows @ w - rows[:, 0]) ** 2).mean(), (0.5, 0.25))
    assert quickly == [None]


def test_the_work_of_code_counts_its_numbers():
    matrix = np.ones((20, 30))
    assert work_of(jax.make_jaxpr(lambda x: matrix @ x)(np.ones(30))) == 600
    assert work_of(jax.make_jaxpr(lambda x: x + x)(np.ones(30))) == 90
    assert work_of(jax.make_jaxpr(lambda x: jax.lax.while_loop(lambda x: x[0] < 9, jnp.sin, x))(np.ones(3))) == math.inf


def test_the_first_state_is_that_of_the_loop():
    x, gradient = np.array([3.0, -4.0, 0.5]), np.array([1e3, -2.0, 0.0])
    with compiled_code():
        limits = Limits.unpack(np.array([1.0, 1.0, 1e-8, 1.0, 1.0, 1e-16, *np.ones(3)]), (), None)
        state = pack(begin(RULES, jnp.asarray(x), 7.0, jnp.asarray(gradient), limits, scale=jnp.ones(3)))
    np.testing.assert_allclose(begun(x.tolist(), 7.0, gradient.tolist()).numbers, state.numbers, rtol=1e-14)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_eigenvalues_are_those_of_lapack(size):
    draws = np.random.default_rng(1)
    for k in range(500):
        matrix = draws.normal(size=(size, size)) * 10.0 ** draws.integers(-9, 9, size=(size, size))
        matrix = np.diag(np.diag(matrix)) if k % 5 == 0 else matrix + matrix.T
        if k % 7 == 0:
            matrix[-1, -1] = matrix[0, 0]
        values, vectors = map(np.array, eigen(matrix.tolist()))
        size_of = np.abs(matrix).max()
        np.testing.assert_allclose(values, np.linalg.eigvalsh(matrix), atol=1e-14 * size_of)
        np.testing.assert_allclose(vectors @ vectors.T, np.eye(size), atol=1e-14)
        np.testing.assert_allclose(vectors.T @ np.diag(values) @ vectors, matrix, atol=1e-14 * size_of)


class Changing:
    """Functions whose values at the start and at the first minimum stay as they are when an attribute changes."""

    matrix, power, extra = np.array([[2.0, -1.0], [-1.0, 2.0]]), 2, 0.0

    def quadratic(self, v):
        return (v - 1) @ self.matrix @ (v - 1)

    def powers(self, x, y):
        return (x - 2) ** self.power + (y - 3) ** 2

    def bent(self, x):
        return (x - 2) ** 2 + self.extra * (x - 2) * (x - 4.5)

    def waves(self, t):
        return (t - 1) ** 2 + self.extra * np.sin(t)


@pytest.mark.parametrize(
    ("name", "start", "change", "outcome", "x"),
    [
        ("quadratic", np.array([2.0, 1.0]), {"matrix": np.array([[2.0, -1.0], [-1.0, 0.1]])}, "unbounded", None),
        ("powers", (3.0, 1.0), {"power": 3}, "unbounded", None),
        ("bent", 4.5, {"extra": 3.0}, "converged", 2.9375),
        # The start is so far away that its value hides the change there.
        ("waves", 1e5, {"extra": 5.0}, "converged", -0.7794),
    ],
)
def test_a_change_that_spares_the_start_and_the_first_answer_is_noticed(name, start, change, outcome, x):
    holder = Changing()
    f = getattr(holder, name)
    assert st.minimize(f, start).outcome == "converged"
    for attribute, value in change.items():
        setattr(holder, attribute, value)
    run = st.minimize(f, start)
    assert run.outcome in (outcome, "wrong gradient")
    if x is not None and run.outcome == outcome:
        assert run.fun <= f(x) + 1e-6
