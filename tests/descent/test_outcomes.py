"""A real case of every outcome: its name, its sentence, and the best point with the value of a plain call."""

import itertools
import json

import numpy as np
import pytest
from tests.interrupts import interrupted

import steepest as st
from steepest import Outcome
from steepest.descent.verdict import judge


def raising_later(calls):
    count = itertools.count(1)

    def f(x):
        if next(count) > calls:
            raise RuntimeError("the instrument is gone")
        return float(x) ** 2

    return f


def wall(x):
    # The value falls towards x = 1, and is NaN below.
    return np.where(x >= 1, x * (x - 1.5), np.nan)


def stop(intermediate_result):
    raise StopIteration


XS = np.linspace(-2, 2, 20)
CASES = {
    Outcome.CONVERGED: lambda: st.minimize(lambda x, y: (x - 1) ** 2 + 100 * (y - x**2) ** 2, (-1.2, 1)),
    Outcome.COMPLETED: lambda: st.gradient_descent(lambda x: x**2, 9.0, learning_rate=0.1, iterations=20),
    Outcome.STALLED: lambda: st.minimize(wall, 9.0),
    Outcome.SADDLE: lambda: st.minimize(lambda x, y: x**2 - y**2, (1.0, 0.0), step=0.1),
    Outcome.FLAT: lambda: st.minimize(lambda x: 3 + 0 * x, 1.0),
    Outcome.UNBOUNDED: lambda: st.minimize(lambda x: -(x**2), 1.0),
    Outcome.NO_FINITE_OPTIMUM: lambda: st.fit(st.models.Logistic(), XS, XS > 0.3),
    Outcome.DIVERGED: lambda: st.minimize(lambda x: 5 * x**2, 1.0, step=0.3, iterations=40),
    Outcome.NON_FINITE: lambda: st.minimize(lambda x: np.where(x < 2, -x, np.nan), 0.0, step=0.5, iterations=40),
    Outcome.WRONG_GRADIENT: lambda: st.minimize(lambda x, y: x**2 + y**2, (3.0, 2.0), gradient=lambda x, y: (2 * x, y)),
    Outcome.ITERATION_LIMIT: lambda: st.minimize(lambda x: x**4 - x, 9.0, iterations=2),
    Outcome.EVALUATION_LIMIT: lambda: st.minimize(lambda x: x**4 - x, 9.0, evaluations=4),
    Outcome.TIME_LIMIT: lambda: st.minimize(raising_later(10**9), 100.0, step=1e-7, seconds=0.2),
    Outcome.CALLBACK: lambda: st.minimize(lambda x: x**4 - x, 9.0, callback=stop),
    Outcome.RAISED: lambda: st.minimize(raising_later(60), 9.0, step=0.001),
    Outcome.INTERRUPTED: None,
    # Another call gives another value; tests/minimizing/test_noise.py has these runs.
    Outcome.NOISE_FLOOR: None,
    # Loops of the user's own; tests/recording has these runs.
    Outcome.RECORDED: None,
}
SUCCESS = {Outcome.CONVERGED, Outcome.COMPLETED}


def test_every_outcome_is_among_the_cases():
    assert set(CASES) == set(Outcome)


@pytest.mark.parametrize("outcome", [outcome for outcome, case in CASES.items() if case])
def test_outcome(outcome):
    run = CASES[outcome]()
    assert run.outcome is outcome, run.message
    assert run.success == (outcome in SUCCESS)
    assert run.message.startswith(str(outcome))
    if outcome is not Outcome.RAISED:
        # A fit converts its coefficients back to the coordinates of the loop, which rounds them.
        assert run.evaluate(run.x) == pytest.approx(run.fun, rel=1e-12 if isinstance(run, st.Fit) else 0)
    least = np.nanmin(run.trace.value)
    assert run.fun <= least + 1e-12 * abs(least)
    assert (run.certificate.gap <= run.certificate.tolerance) or outcome is not Outcome.CONVERGED


@pytest.mark.parametrize("f", [lambda x: float(x) ** 2, lambda x: x**2], ids=["plain", "traced"])
def test_an_error_of_a_callback_is_not_blamed_on_the_function(f):
    def broken(run):
        raise RuntimeError("the screen is gone")

    with pytest.raises(RuntimeError, match="the screen is gone"):
        st.minimize(f, 9.0, callback=broken)


def test_an_error_inside_a_library_that_the_function_calls_is_its_own():
    count = itertools.count(1)

    def f(x):
        matrix = np.eye(2) if next(count) < 30 else np.zeros((2, 2))
        return float(np.linalg.inv(matrix)[0, 0]) * float(x) ** 2

    run = st.minimize(f, 9.0, step=0.01, direction="plain")
    assert run.outcome is Outcome.RAISED
    assert "LinAlgError" in run.message


def test_an_error_of_the_library_is_not_blamed_on_the_function(monkeypatch):
    monkeypatch.setattr(judge.Judge, "by_audit", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        st.minimize(lambda x: float(x) ** 2, 9.0)


def test_the_best_point_is_kept_when_the_function_raises():
    run = CASES[Outcome.RAISED]()
    assert "the instrument is gone" in run.message
    assert 12 <= run.nit < 25
    assert len(run.trace) == run.nit + 1
    assert run.fun == float(run.x) ** 2 == run.trace.value.min() < 81


def test_the_message_mentions_the_wall():
    run = CASES[Outcome.STALLED]()
    assert run.x == pytest.approx(1, abs=1e-12)
    assert "where the function is not finite" in run.message


CHILD = """
import itertools, json, time
import steepest as st

def f(x):
    if x[0] < 8.9:
        print("going", flush=True)
        time.sleep(0.01)
    return float(x[0]) ** 2 + float(x[1]) ** 2

run = st.minimize(f, (9.0, 9.0), step=1e-4)
print(json.dumps([str(run.outcome), run.fun, list(run.x), run.success]))
"""


def test_interrupted_by_a_real_signal():
    code, out, err = interrupted(CHILD)
    assert code == 0, err
    outcome, value, x, success = json.loads(out.splitlines()[-1])
    assert (outcome, success) == ("interrupted", False)
    assert value == x[0] ** 2 + x[1] ** 2 < 162


@pytest.mark.parametrize("start", [7.98, -5.86, 7.72, 8.5])
def test_a_descent_restarts_from_a_rejected_trial_that_is_the_best_point(start):
    """The first step from these starts jumps into a deeper basin, and is rejected because it falls too little."""
    run = st.minimize(lambda x: np.cos(3 * x) + x**2 / 9, start, bounds=(-9, 9))
    jump = next(event for event in run.events if event.kind in ("audit", "newton"))
    # The minimum of the deeper basin, not of the one in which the descent first came to rest.
    assert run.outcome == "converged"
    assert run.fun == pytest.approx(-0.88109047, abs=1e-6)
    assert run.trace.value[jump.iteration] < run.trace.value[: jump.iteration].min()
    assert run.nfev < 60


def test_a_descent_steps_back_from_a_value_without_a_gradient():
    # A step leads to a value of 1.7e308, where the gradient overflows, also by differences.
    powers = np.array([
        [1.10261502, -3.20284003, -3.11041238], [-1.72188717, -0.67430243, -4.96071264],
        [-2.56426585, -1.42824499, -0.05628449], [-1.39821643, -3.10248514, 1.82877779],
        [1.4159148, -0.01350523, -1.74435859],
    ])  # fmt: skip
    weights = np.array([0.0357130960, 0.239068107, 0.0292778526, 54.0456821, 10.6485107])
    bowl = np.array([
        [1.04544966, -0.80992279, 0.47293614], [-0.80992279, 0.6546237, -0.44611194],
        [0.47293614, -0.44611194, 0.46984381],
    ])  # fmt: skip
    pull = np.array([-20.78139616, 34.9266759, 8.77458943])

    def f(x):
        return weights @ np.exp(powers @ x) + x @ bowl @ x / 2 - pull @ x

    run = st.minimize(f, np.array([-0.96352813, -0.34961144, 0.69129732]), tolerance=1e-4, evaluations=5_000)
    assert run.outcome == "converged", run.message
    assert np.abs(run.jac).max() < 1e-2


def test_a_curvature_that_overflows_names_no_step():
    # Each step multiplies x by -2. The curvature of 2e300 overflows as a quotient of squares.
    run = st.minimize(lambda x: 1e300 * (x * x).sum(), np.ones(2), step=1.5e-300, iterations=20)
    assert run.outcome is Outcome.DIVERGED
    assert "the curvature overflowed, so take a far smaller step" in run.message


def flat_along_a_line(seed, n=10):
    """Return ½xᵀHx - cᵀx with a singular H: it falls without end, with large rounding errors far away."""
    draws = np.random.default_rng(seed)
    a = draws.standard_normal((n - 1, n))
    h, c = a.T @ a / n, 100 * draws.standard_normal(n)
    along = np.linalg.svd(a)[2][-1]
    assert abs(c @ along) > 1, "c has a part along which H does not curve, so there is no minimum"
    return lambda x: 0.5 * (x * (h @ x)).sum() - (c * x).sum()


@pytest.mark.parametrize("seed", range(3))
def test_rounding_far_away_is_no_wrong_gradient_and_no_minimum(seed):
    run = st.minimize(flat_along_a_line(seed), np.zeros(10))
    assert run.outcome in (Outcome.UNBOUNDED, Outcome.STALLED), run.message


def test_a_function_that_changes_behind_compiled_code_is_found_out():
    scale = [1.0]

    def change(intermediate_result):
        scale[0] = 2.0

    run = st.minimize(lambda x, y: scale[0] * ((x - 1) ** 2 + y**2 + 3), (4.0, 2.0), callback=change)
    assert run.outcome is Outcome.WRONG_GRADIENT
    assert "does f change between calls?" in run.message
    assert "gradient=" not in run.message, "no gradient was given, so there is none to mend"
