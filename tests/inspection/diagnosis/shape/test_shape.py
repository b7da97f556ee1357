"""Findings about the function: each is told on a case with a known cause, and not on its near miss."""

import numpy as np
import pytest

import steepest as st

START = np.array([3.0, 2.0])


def names(run, **options):
    return [finding.name for finding in run.diagnose(**options)]


def bowl(x):
    return x[0] ** 2 + 3 * x[1] ** 2


def slope(x):
    return np.array([2 * x[0], 6 * x[1]])


def pasted(run, **scope):
    return eval(run.diagnose()[0].call, {"st": st, "np": np, **scope})  # noqa: S307 - a cure is code to paste


class TestWrongGradient:
    def test_a_wrong_sign_is_found_by_the_check_of_the_run(self):
        run = st.minimize(bowl, START, gradient=lambda x: -slope(x))
        assert names(run)[0] == "wrong gradient"
        assert pasted(run, f=bowl, bowl=bowl).fun == pytest.approx(0, abs=1e-12)

    def test_a_gradient_that_is_wrong_on_the_way_only_is_found_by_values(self):
        def partly(x):
            return slope(x) * (0.5 if 0.1 < np.linalg.norm(x) < 3 else 1.0)

        run = st.minimize(bowl, START, gradient=partly, step=0.1, iterations=60)
        assert run.outcome == "completed"
        assert names(run)[0] == "wrong gradient"
        assert names(run, probe=False)[0] == "wrong gradient"

    def test_a_noisy_gradient_is_not_called_wrong(self):
        chance, level = np.random.default_rng(1), np.linalg.norm(slope(START))
        run = st.minimize(
            bowl, START, gradient=lambda x: slope(x) + level * chance.normal(size=2), step=0.02, iterations=150
        )
        assert run.outcome == "completed"
        assert "wrong gradient" not in names(run)

    def test_a_right_gradient_is_not_doubted(self):
        assert names(st.minimize(bowl, START, gradient=slope, step=0.1, iterations=200)) == []


def two_wells(x):
    return x[0] ** 2 - x[1] ** 2 + x[1] ** 4


class TestSaddle:
    def test_a_start_on_the_line_of_symmetry_ends_at_the_saddle(self):
        run = st.minimize(two_wells, np.array([1.0, 0.0]), step=0.1, iterations=100)
        assert names(run)[0] == "saddle"
        assert pasted(run, two_wells=two_wells).fun == pytest.approx(-0.25)

    def test_a_start_beside_it_reaches_the_minimum(self):
        assert names(st.minimize(two_wells, np.array([1.0, 0.1]), step=0.1, iterations=200)) == []


class TestKink:
    def test_fixed_steps_bounce_around_the_kink(self):
        def f(x):
            return np.sum(np.abs(x - 0.3))

        run = st.minimize(f, START, step=0.1, iterations=100)
        first = run.diagnose()[0]
        assert first.name == "kink"
        # The slope of |x| jumps from -1 to 1.
        assert "jumps by 2 " in first.text or "jumps by 2.8" in first.text
        assert pasted(run, f=f).fun == pytest.approx(0, abs=1e-9)

    def test_what_is_smooth_has_no_kink(self):
        """A step of 0.95 of the limit 2/6 turns back at each step, too."""
        assert "kink" not in names(st.minimize(bowl, START, step=0.95 / 3, iterations=40))


def test_what_a_bound_costs_is_told_by_the_slope_and_a_loop_shows_what_is_held():
    run = st.minimize(lambda x: (x[0] - 5) ** 2 + x[1] ** 2, np.zeros(2), bounds=[(-1, 2), (None, None)])
    (found,) = run.diagnose()
    # The slope at x = 2 is -6, and a tenth of 2 is 0.2.
    assert "about 1.2." in found.evidence
    rec, x = st.Recorder(), np.array([0.0, 1.0])
    for _ in range(60):
        g = np.array([2 * (x[0] - 5), 2 * x[1]])
        rec.step((x[0] - 5) ** 2 + x[1] ** 2, gradient=g, x=x, learning_rate=0.1)
        x = np.minimum(x - 0.1 * g, 2.0)
    (found,) = rec.run.diagnose()
    assert found.name == "answer at a bound"
    assert "x[0] = 2" in found.text


def test_starts_that_agree_are_no_several_minima():
    assert names(st.minimize(bowl, START, restarts=3, rng=0)) == []


def test_a_bound_that_holds_the_answer_is_named_and_left_out():
    run = st.minimize(bowl, START, bounds=[(1, None), (None, None)])
    assert names(run) == ["answer at a bound"]
    assert pasted(run, bowl=bowl).fun == pytest.approx(0, abs=1e-12)


def test_a_fall_without_end_is_found_after_a_few_fixed_steps():
    run = st.minimize(lambda x: x[1] ** 2 - x[0] ** 2, START, step=0.1, iterations=30)
    assert names(run)[0] == "unbounded below"


def test_a_best_value_at_infinity_is_no_best_point():
    run = st.minimize(lambda x: np.exp(-x[0]) + x[1] ** 2, START, step=0.3, iterations=300)
    assert names(run)[0] == "no finite optimum"


def test_a_plateau_has_lower_ground_beyond():
    def f(x):
        return 1 - np.exp(-np.sum(x**2))

    run = st.minimize(f, START, step=0.1, iterations=50)
    assert names(run)[0] == "plateau"
    assert pasted(run, f=f).fun == pytest.approx(0, abs=1e-9)


def test_starts_that_disagree_are_counted():
    def f(x):
        return np.sum((x**2 - 1) ** 2) + 0.2 * np.sum(x)

    run = st.minimize(f, np.array([0.9]), restarts=[[-0.8], [0.8], [-1.2]])
    first = run.diagnose()[0]
    assert first.name == "several minima"
    assert first.text.startswith("The answer depends on the start: 2 of 4 starts")


def test_a_step_out_of_the_domain_names_its_edge():
    run = st.minimize(lambda x: 3 * x[0] - np.log(x[0]), np.array([1.0]), step=0.8, iterations=20)
    first = run.diagnose()[0]
    assert first.name == "not finite"
    assert abs(float(first.text.split("x[0] = ")[1].split(",")[0])) < 0.01


def test_the_budget_holds():
    """A finder of this room spends at most eight gradients, and all together leave six of the twenty to others."""
    from steepest.inspection.diagnosis.case import Case
    from steepest.inspection.diagnosis.shape.find import FINDERS

    run = st.minimize(two_wells, np.array([1.0, 0.0]), step=0.1, iterations=100)
    case = Case(run, True)
    spent = []
    for finder in FINDERS:
        before = case.function.left
        list(finder(case))
        spent.append(before - case.function.left)
    assert max(spent) <= 8
    assert sum(spent) <= 14
