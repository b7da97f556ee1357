"""Races: each rule runs as it does alone, with equal budgets."""

import itertools

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
import optax
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

import steepest as st


def bowl(x, y):
    return x**2 + 4 * y**2


RULES = {
    "plain": 0.1,
    "momentum": {"direction": "momentum", "step": 0.05},
    "adam": {"direction": st.directions.Adam(), "step": st.steps.Cosine(0.5, 50)},
    "sgd of optax": optax.sgd(0.1),
    "a function": lambda k: 0.1 / (1 + k),
    "exact": {"direction": "plain", "step": "exact"},
}


def test_each_runs_as_it_does_alone():
    race = st.race(bowl, (9, 9), RULES, iterations=30)
    assert race.names == list(RULES)
    k = np.arange(31)
    np.testing.assert_allclose(race.runs["plain"].trace.x, 9 * np.stack([0.8**k, 0.2**k], axis=1), rtol=1e-12)
    np.testing.assert_allclose(race.runs["sgd of optax"].x, race.runs["plain"].x, rtol=1e-6)
    alone = st.minimize(bowl, (9, 9), direction="momentum", step=0.05, iterations=30)
    np.testing.assert_array_equal(race.runs["momentum"].trace.x, alone.trace.x)
    assert {run.nit for name, run in race.runs.items() if name != "exact"} == {30}


def test_the_ranking_is_by_value_and_then_by_cost():
    race = st.race(bowl, (9, 9), RULES | {"too large": 0.3}, iterations=30)
    assert race.winner == "exact"
    assert race.ranking[-1] == "too large"
    assert race.runs["too large"].outcome == "diverged"
    values = [race.runs[name].fun for name in race.ranking]
    assert all(a <= b + 1e-8 * 405 for a, b in itertools.pairwise(values))
    lines = str(race).splitlines()
    assert len(lines) == len(RULES) + 1
    assert lines[0].split()[:2] == ["1.", "exact"]


@pytest.mark.parametrize("step", [st.steps.AdGD(), st.steps.BarzilaiBorwein(), st.steps.DoG()])
def test_a_step_that_adapts_may_be_an_object(step):
    race = st.race(bowl, (9, 9), {"a": step, "b": {"step": step}}, iterations=20)
    np.testing.assert_array_equal(race.runs["a"].trace.x, race.runs["b"].trace.x)


def test_budgets_are_equal():
    race = st.race(bowl, (9, 9), {"plain": 0.001, "armijo": {"direction": "plain", "step": "armijo"}}, evaluations=20)
    assert all(run.trace.evaluations[-1] <= 20 for run in race.runs.values())
    assert race.runs["plain"].trace.evaluations[-1] == 20
    unlimited = st.race(bowl, (9, 9), {"plain": 1e-6})
    assert unlimited.runs["plain"].trace.evaluations[-1] == 500


def test_a_race_uphill_in_a_box_from_a_random_start():
    race = st.race(
        lambda x, y: -bowl(x, y), "random", {"a": 0.1, "b": "auto"}, bounds=[(1, 3), (0.5, 2)], maximize=True, rng=0
    )
    for run in race.runs.values():
        np.testing.assert_allclose(run.x, [1, 0.5])
        assert run.fun == pytest.approx(-2)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({}, "give at least one, by name"),
        ([0.1], "give at least one, by name"),
        ({"a": "momentun"}, "a: 'momentun' is neither a direction"),
        ({"b": {"step": "armijo", "lr": 1}}, "b: 'lr' is not known in a rule"),
        ({"c": {"direction": "adamw", "step": "armijo"}}, "c: AdamW shrinks"),
        ({"d": -0.1}, "d: Constant"),
        ({1: 0.1, "1": 0.2}, "two rules have one name"),
    ],
)
def test_bad_rules_are_named(rules, words):
    with pytest.raises(ValueError, match=words):
        st.race(bowl, (9, 9), rules)
    with pytest.raises(TypeError, match="here it is called start="):
        st.race(bowl, x0=(9, 9), rules={"a": 0.1})


# Sensitivity to the learning rate.

CURVATURES = np.array([1.0, 3.0, 10.0])


def quadratic(x):
    return 0.5 * (CURVATURES * x**2).sum()


def test_the_gap_of_plain_descent_is_that_of_the_closed_form():
    # x_i shrinks by 1 - η λ_i in each step.
    race = st.race(quadratic, np.ones(3), {"plain": 0.05}, iterations=20)
    found = race.sensitivity(np.logspace(-3, 0, 31), best=0.0)
    factors = 1 - found.rates[:, None] * CURVATURES
    final = 0.5 * (CURVATURES * factors**40).sum(axis=1)
    sound = found.rates < 2 / 10
    np.testing.assert_allclose(found.gaps[0, sound], final[sound], rtol=1e-9)
    np.testing.assert_array_equal(found.diverged[0], final > 0.5 * CURVATURES.sum())
    assert found.budget == 21
    np.testing.assert_allclose(found.given_values, [race.runs["plain"].fun], rtol=1e-12)
    assert list(found.table()) == ["rate", "plain"]
    assert "diverges from 0.251" in str(found)


RATED = {
    "momentum": {"direction": "momentum", "step": 0.05},
    "one cycle": st.steps.OneCycle(0.1, 20),
    "a function": lambda k: 0.1 / (1 + k),
}


def test_lanes_are_single_runs():
    race = st.race(bowl, (9, 9), RATED | {"optax": optax.sgd(0.1)}, iterations=20)
    rates = [0.003, 0.11]
    found = race.sensitivity(rates)
    assert found.names == tuple(RATED)
    # The learning rate of an optax transformation is hidden in it.
    assert set(found.unrated) == {"optax"}
    for name, rule in RATED.items():
        for rate in rates:
            if name == "a function":
                rule = lambda k, rate=rate: rate / (1 + k)  # noqa: E731
            elif isinstance(rule, dict):
                rule = rule | {"step": rate}
            else:
                rule = type(rule)(rate, 20)
            alone = st.race(bowl, (9, 9), {name: rule}, iterations=20).runs[name]
            value = found.values[found.names.index(name), rates.index(rate)]
            assert value == pytest.approx(alone.trace.value.min(), rel=1e-9)


def test_all_rates_of_a_rule_are_one_call_of_code_that_is_compiled_once(monkeypatch):
    race = st.race(bowl, (9, 9), {"plain": 0.1, "slow": 0.001}, iterations=20)
    calls = []
    loop = type(race.course.plan.objective.compiled).loop

    def counted(self, key, make):
        compiled = loop(self, key, make)
        if "sensitivity" not in key:
            return compiled
        calls.append(compiled)
        return compiled

    monkeypatch.setattr(type(race.course.plan.objective.compiled), "loop", counted)
    found = race.sensitivity()
    assert len(found.rates) >= 31
    assert found.rates[[0, -1]] == pytest.approx([1e-5, 10])
    assert {0.1, 0.001} <= set(found.rates)
    race.sensitivity()
    assert len(calls) == 4
    # Both rules are plain descent, and so share the code.
    assert len(set(calls)) == 1
    assert len(calls[0].ready) == 1


def test_lanes_of_large_points_are_swept_in_parts(monkeypatch):
    race = st.race(quadratic, np.ones(3), {"plain": 0.05}, iterations=20)
    rates = [0.01, 0.05, 0.1, 0.15]
    whole = race.sensitivity(rates)
    # Two lanes of three coordinates at a time; the fifth lane, with the rate of the race, is alone.
    monkeypatch.setattr("steepest.minimizing.sensitivity.MOST_NUMBERS", 6)
    np.testing.assert_allclose(race.sensitivity(rates).values, whole.values, rtol=1e-12)


def test_code_that_cannot_be_traced_is_swept_run_by_run_and_says_so():
    def by_values(x, y):
        return float(x) ** 2 + 4 * float(y) ** 2

    race = st.race(by_values, (9, 9), {"too large": 10.0, "plain": 0.1}, iterations=30)
    # A run that diverges leaves no trace in the next one.
    assert race.runs["plain"].fun == pytest.approx(81 * (0.8**60 + 4 * 0.2**60), rel=1e-4)
    found = race.sensitivity([0.01, 0.1, 1.0], best=0.0)
    k = 2 * 30
    np.testing.assert_allclose(found.gaps[1, :2], [81 * (0.98**k + 4 * 0.92**k), 81 * (0.8**k + 4 * 0.2**k)], rtol=1e-4)
    assert found.diverged.tolist() == [[False, False, True]] * 2
    assert "one run after another in plain Python" in found.why


def test_a_sweep_uphill_in_a_box():
    race = st.race(
        lambda x, y: -bowl(x, y), (3, 2), {"a": 0.01}, bounds=[(1, 3), (0.5, 2)], maximize=True, iterations=9
    )
    found = race.sensitivity([0.01, 1.0])
    np.testing.assert_allclose(found.values[0], [race.runs["a"].fun, -2])
    assert found.best == pytest.approx(-2)
    assert not found.diverged.any()


def test_what_a_sweep_refuses():
    race = st.race(bowl, (9, 9), {"exact": "exact"}, iterations=5)
    with pytest.raises(ValueError, match="none of the rules 'exact' has a learning rate to change: add one"):
        race.sensitivity()
    race = st.race(bowl, (9, 9), {"plain": 0.1}, iterations=5)
    with pytest.raises(ValueError, match=r"rates=\[0, 1\]: give learning rates above 0"):
        race.sensitivity([0, 1])
    with pytest.raises(ValueError, match=r"best=1000 and .* was reached: give the best value"):
        race.sensitivity([0.1], best=1000)
    with pytest.raises(RuntimeError, match="function not at hand: this race was made of runs"):
        st.Race(race.runs).sensitivity()


def test_a_race_is_drawn_with_its_sensitivity():
    race = st.race(bowl, (9, 9), {"plain": 0.1, "auto": "auto"}, iterations=20)
    display = race.plot(sensitivity=True)
    assert len(display.axes_) == 3
    plt.close(display.figure_)
    assert race.sensitivity([0.1]).plot(Figure().add_subplot()).names == ["plain"]
