"""Races: each rule runs as it does alone, with equal budgets."""

import itertools

import numpy as np
import optax
import pytest

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
