"""Steps that are too long, too small or too few, against closed forms; and near misses that must stay silent."""

import numpy as np
import pytest

import steepest as st
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.curvature import measured, seen
from steepest.inspection.diagnosis.tail import tail_of

CURVATURE = np.array([20.0, 2.0])
START = np.array([1.0, 9.0])


def bowl(x):
    return 0.5 * np.sum(CURVATURE * x**2)


def descended(step, iterations, f=bowl, start=START, **how):
    return st.minimize(f, start, step=step, iterations=iterations, **how)


def first(run, probe=True):
    found = run.diagnose(probe=probe)
    return found[0] if found else None


def pasted(call):
    return eval(call, {"st": st, "bowl": bowl, "f": bowl, "start": START})  # noqa: S307 - a paste of the cure


@pytest.mark.parametrize("probe", [True, False])
def test_a_step_above_two_over_lambda_is_named_with_the_limit_and_its_cure_works(probe):
    found = first(descended(0.11, 60), probe)
    assert found.name == "step above the stability limit"
    assert "above 0.1 " in found.text
    # Half the limit 2 / 20; from the trace alone no fixed step is sure to arrive.
    assert ("step=0.05" in found.call) == probe
    assert pasted(found.call).fun < 1e-3 * bowl(START)


def test_a_step_just_below_the_limit_is_healthy_once_it_has_arrived():
    assert first(descended(0.09, 60)) is None


def test_bouncing_over_a_kink_is_no_matter_of_stability():
    run = descended(0.13, 100, lambda x: np.abs(x[0]) + 0.5 * x[1] ** 2)
    assert "step above the stability limit" not in [found.name for found in run.diagnose()]


def test_the_factor_wasted_by_small_steps_is_that_of_the_best_fixed_step():
    # The way that is left has the curvature 2 or a little more, and the best step is 2 / (20 + 2).
    found = first(descended(1e-4, 100))
    assert found.name == "step far too small"
    times = float(found.text.split("about ")[1].split(" times")[0].replace(",", ""))
    assert 0.8 * 2 / 22 / 1e-4 < times <= 1.01 * 2 / 22 / 1e-4
    assert pasted(found.call).fun < 0.02 * bowl(START)


def test_the_number_of_iterations_that_are_missing_is_that_of_the_closed_form():
    found = first(descended(0.05, 8))
    assert found.name == "too few iterations"
    # Along the first coordinate one step of 1 / 20 arrives, along the second each step leaves 0.9 of the distance.
    needed = np.log(0.005) / (2 * np.log(0.9))
    total = float(found.text.split("needs about ")[1].split(" in")[0])
    assert 0.8 * needed < total < 1.3 * needed


@pytest.mark.parametrize("probe", [True, False])
def test_scales_that_differ_are_named_by_their_coordinates(probe):
    run = st.gradient_descent(lambda x, y: x**2 + 1e4 * y**2, (3, 2), learning_rate=5e-5, iterations=100)
    found = first(run, probe)
    assert found.name == "ill-conditioned"
    assert "along y" in found.text
    assert "along x" in found.text
    assert "10,000 times" in found.text


@pytest.mark.parametrize("probe", [True, False])
def test_a_schedule_that_froze_the_descent_is_not_taken_for_too_few_iterations(probe):
    rule = st.steps.Exponential(0.05, 0.5, every=2)
    found = first(descended(rule, 200), probe)
    assert found.name == "schedule ended too early"
    # As many steps of 0.05 would have left 0.9⁴⁰⁰ of the gap, which only a probe can tell.
    assert (found.confidence > 0.9) == probe
    assert first(descended(st.steps.Cosine(0.05, 200), 200), probe) is None


def test_the_gap_is_that_of_the_hessian_within_the_budget():
    case = Case(descended(0.05, 8), probe=True)
    assert case.gap_left == pytest.approx(bowl(np.array([0.0, 9 * 0.9**8])), rel=1e-4)
    assert case.top_curvature == pytest.approx(20, rel=1e-5)
    assert case.function.left >= 8


def test_the_krylov_space_sees_both_ends_of_a_large_hessian():
    values = np.geomspace(1e-2, 100, 30)
    slope = np.zeros(30)
    slope[0] = 1.0
    found = measured(lambda v: values * v, slope, np.ones(30), np.ones(30, dtype=bool))
    assert found.top == pytest.approx(100, rel=0.05)
    assert found.gap == pytest.approx(0.5 / 1e-2, rel=1e-6)


def test_momentum_hides_no_gradient_from_the_trace():
    for rule in (st.directions.Momentum(0.7), st.directions.Nesterov(0.7)):
        run = descended(0.02, 30, direction=rule)
        case = Case(run, probe=False)
        assert case.gradients[:-1] == pytest.approx(run.trace.x[:-1] * CURVATURE, rel=1e-6, abs=1e-8)


def test_a_path_that_one_hessian_does_not_explain_shows_none():
    points = np.linspace(0, 3, 20)[:, None]
    assert seen(points, points**3) is None
    assert seen(points, 4 * points).values == pytest.approx([4])


def test_a_noisy_plateau_has_no_tail():
    k = np.arange(300)
    noise = np.random.default_rng(0).normal(size=300)
    assert not tail_of(1 + noise, k).falls
    assert tail_of(1 + np.exp(-k / 60) + 1e-3 * noise, k).rate == pytest.approx(1 / 60, rel=0.2)
