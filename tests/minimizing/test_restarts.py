"""Restarts and random starts: parallel runs equal single ones, seeds reproduce them, the best is returned."""

import math
import textwrap

import numpy as np
import pytest
from tests.interrupts import interrupted

import steepest as st
from steepest.trace import Outcome

FOUR = np.array([[3, 2], [-2.805118, 3.131312], [-3.779310, -3.283186], [3.584428, -1.848126]])


def himmelblau(x, y):
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def rastrigin(x):
    return 10 * len(x) + np.sum(x**2 - 10 * np.cos(2 * np.pi * x))


def test_parallel_runs_equal_single_ones():
    run = st.minimize(himmelblau, (0, 0), restarts=11, rng=0)
    assert len(run.runs) == 12
    for lane in run.runs:
        alone = st.minimize(himmelblau, lane.trace.x[0])
        assert (lane.outcome, lane.nit, lane.nfev) == (alone.outcome, alone.nit, alone.nfev)
        np.testing.assert_allclose(lane.trace.x, alone.trace.x, rtol=1e-9, atol=1e-9)
        assert min(np.abs(FOUR - lane.x).max(axis=1)) < 1e-3


@pytest.mark.parametrize("rule", [{"step": 0.01}, {"step": lambda k: 0.01 / (1 + k)}, {"direction": "plain"}])
@pytest.mark.always(2)
def test_parallel_runs_by_other_rules_equal_single_ones(rule):
    run = st.minimize(himmelblau, (0, 0), restarts=4, rng=1, iterations=60, **rule)
    for lane in run.runs:
        alone = st.minimize(himmelblau, lane.trace.x[0], iterations=60, **rule)
        np.testing.assert_allclose(lane.trace.x, alone.trace.x, rtol=1e-9, atol=1e-9)


def test_the_best_is_returned_with_all():
    run = st.minimize(rastrigin, np.full(2, 4.2), restarts=60, bounds=[(-5, 5)] * 2, rng=0)
    assert run.fun == min(each.fun for each in run.runs)
    assert len(run.runs) == 61
    # Each cell of the lattice has its own minimum.
    assert len({tuple(each.x.round(2)) for each in run.runs}) > 10
    assert "starts" in str(run)
    top = st.maximize(lambda x: -rastrigin(x), np.full(2, 4.2), restarts=8, bounds=[(-5, 5)] * 2, rng=0)
    assert top.fun == max(each.fun for each in top.runs)


def test_the_same_seed_gives_the_same_run_to_the_bit():
    one, two, other = (st.minimize(himmelblau, (0, 0), restarts=5, rng=seed) for seed in (7, 7, 8))
    for mine, theirs in zip(one.runs, two.runs, strict=True):
        np.testing.assert_array_equal(mine.trace.x, theirs.trace.x)
    assert [each.trace.x[0].tolist() for each in one.runs] != [each.trace.x[0].tolist() for each in other.runs]


def test_starts_are_drawn_in_the_bounds_or_around_the_start():
    run = st.minimize(himmelblau, (1, 1), restarts=40, bounds=[(0, 4), (-1, 1.5)], rng=0, iterations=0)
    starts = np.array([each.trace.x[0] for each in run.runs])
    assert np.all((starts >= [0, -1]) & (starts <= [4, 1.5]))
    assert np.ptp(starts, axis=0) == pytest.approx([4, 2.5], rel=0.2)
    run = st.minimize(himmelblau, (10, 0), restarts=40, rng=0, iterations=0)
    starts = np.array([each.trace.x[0] for each in run.runs])
    assert np.all(np.abs(starts - [10, 0]) <= [10, 1])


def test_starts_given_as_rows():
    run = st.minimize(himmelblau, (0, 0), restarts=FOUR + 0.1)
    np.testing.assert_allclose([each.x for each in run.runs[1:]], FOUR, atol=1e-3)
    named = st.minimize(lambda p: (p["a"] - 1) ** 2, {"a": 0.0}, restarts=[{"a": 3.0}, {"a": 5.0}])
    assert [float(each.trace.x[0, 0]) for each in named.runs] == [0, 3, 5]


def test_starts_by_name_come_in_any_order():
    def f(p):
        return (p["a"] - 1) ** 2 + p["b"] ** 2

    run = st.minimize(f, {"a": 0.0, "b": 0.0}, restarts=[{"b": 5.0, "a": 2.0}])
    assert run.runs[1].trace.x[0].tolist() == [2, 5]
    assert run.evaluate({"b": 3.0, "a": 1.0}) == 9
    with pytest.raises(ValueError, match=r"restarts\[0\] names q, a; it must name a, b"):
        st.minimize(f, {"a": 0.0, "b": 0.0}, restarts=[{"q": 5.0, "a": 2.0}])


def test_a_random_start():
    run = st.minimize(himmelblau, "random", bounds=[(-5, 5), (-4, 4)], rng=3)
    assert np.all(np.abs(run.trace.x[0]) <= [5, 4])
    assert run.success
    by_name = st.minimize(himmelblau, "random", bounds={"x": (-5, 5), "y": (-4, 4)}, rng=3)
    np.testing.assert_array_equal(by_name.trace.x[0], run.trace.x[0])
    assert 0 <= st.minimize(lambda x: x**2, "random", bounds=(0, 2), rng=0).trace.x[0, 0] <= 2


def test_starts_are_drawn_where_the_function_is_finite():
    run = st.minimize(lambda x: x - np.log(x), 0.5, restarts=20, rng=0)
    assert all(each.trace.x[0, 0] > 0 for each in run.runs)
    with pytest.raises(ValueError, match="not finite at any of 20 random starts"):
        st.minimize(lambda x: np.where(x == 0.5, 1.0, np.nan), 0.5, restarts=2, rng=0)


def test_code_that_cannot_be_traced_goes_one_by_one():
    run = st.minimize(lambda x: math.cos(float(x)) + float(x) ** 2 / 50, 4.0, restarts=5, bounds=(-10, 10), rng=0)
    assert run.kind == "differences"
    assert len(run.runs) == 6
    assert abs(run.x) == pytest.approx(3.0207, abs=1e-3)


def test_a_start_from_which_the_descent_diverges_spoils_no_later_one():
    def f(x):
        return float(str(float(np.sum(np.asarray(x) ** 4) / 4)))  # text can't be traced

    run = st.minimize(f, (50.0, 50.0), restarts=np.array([[1.0, 1.0]]), step=0.05, iterations=200)
    assert [each.outcome for each in run.runs] == [Outcome.DIVERGED, Outcome.COMPLETED]
    x = 1.0
    for _ in range(200):
        x -= 0.05 * x**3
    np.testing.assert_allclose(run.x, [x, x], rtol=1e-6)


def test_limits_are_shared():
    run = st.minimize(rastrigin, np.full(2, 4.2), restarts=9, rng=0, evaluations=100)
    assert sum(each.trace.evaluations[-1] for each in run.runs) <= 100
    with pytest.raises(ValueError, match="less than one for each of 10 starts"):
        st.minimize(rastrigin, np.full(2, 4.2), restarts=9, rng=0, evaluations=5)
    assert st.minimize(himmelblau, (0, 0), restarts=3, rng=0, seconds=1e-9).outcome is Outcome.TIME_LIMIT
    seen = []
    run = st.minimize(himmelblau, (0, 0), restarts=3, rng=0, callback=lambda r: seen.append(r.nit), iterations=3)
    assert seen == [1, 2, 3] * 4


def test_saved_and_loaded_with_all_runs(tmp_path):
    run = st.minimize(himmelblau, (0, 0), restarts=11, rng=0)
    loaded = st.load(run.save(tmp_path / "run"))
    assert loaded == run
    assert [each.trace for each in loaded.runs] == [each.trace for each in run.runs]


def test_interrupted_returns_what_there_is():
    child = textwrap.dedent(
        """
        import time, steepest as st
        calls = []
        def slow(x):
            calls.append(1)
            if len(calls) == 150:
                print("going", flush=True)
            time.sleep(0.01)
            return (float(x) - 3) ** 4
        run = st.minimize(slow, 0.0, restarts=100, rng=0, bounds=(-1000.0, 1000.0), progress=False)
        print(run.fun, len(run.runs), run.runs[-1].outcome, flush=True)
        """
    )
    code, out, err = interrupted(child)
    assert code == 0, err
    _, count, last = out.split()
    assert 1 <= int(count) < 101
    assert last == "interrupted"


SLOW = """
import time, steepest as st
calls = []
def slow(x, y=0.0):
    calls.append(1)
    if len(calls) == 60:
        print("going", flush=True)
    time.sleep(0.01)
    return (float(x) - 3) ** 4 + float(y) ** 2
"""


@pytest.mark.nightly
def test_a_race_ends_with_the_rule_that_was_interrupted():
    code, out, err = interrupted(
        SLOW + "race = st.race(slow, 0.0, {'a': 1e-3, 'b': 1e-4, 'c': 1e-5}, iterations=2000)\n"
        "print(list(race.runs), race.runs['a'].outcome)"
    )
    assert code == 0, err
    assert out.split("\n")[0] == "['a'] interrupted"


@pytest.mark.nightly
def test_a_map_of_basins_says_that_it_was_interrupted():
    code, out, err = interrupted(
        SLOW + "found = st.basins(lambda x: slow(x[0], x[1]), ((-9, 9), (-9, 9)), size=40)\n"
        "print(found.interrupted, (found.labels == -1).sum() > 1500)"
    )
    assert code == 0, err
    assert out.split("\n")[0] == "True True"


def test_no_group_of_restarts_begins_after_an_interrupt():
    # The last lane of the first group starts at its minimum, so it ends before the others.
    code, out, err = interrupted(
        "import numpy as np, steepest as st\n"
        "f = lambda x: 1e-6 * x**2\n"
        "starts = np.full(70, 1e6)\n"
        "starts[30] = 0.0\n"
        "st.minimize(f, 1e6, restarts=starts, step=1e-3, iterations=10, tolerance=1e-12)\n"
        "print('going', flush=True)\n"
        "run = st.minimize(f, 1e6, restarts=starts, step=1e-3, iterations=10**9, tolerance=1e-12)\n"
        "print(len(run.runs), run.runs[0].outcome)"
    )
    assert code == 0, err
    assert out.split("\n")[0] == "32 interrupted"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"restarts": -1}, "give how many, 0 or more"),
        ({"restarts": [[1, 2, 3]]}, r"restarts\[0\] has 3 numbers where the function takes 2"),
        ({"restarts": [[9, 9]], "bounds": [(-5, 5)] * 2}, r"restarts\[0\] has x = 9, outside its bounds"),
        ({"restarts": 2, "rng": "seed"}, "rng='seed'"),
        ({"restarts": [[np.inf, 1]]}, "restarts"),
    ],
)
def test_bad_input_has_one_line(options, words):
    with pytest.raises(ValueError, match=words):
        st.minimize(himmelblau, (0, 0), **options)
    with pytest.raises(TypeError, match="give how many, or an array"):
        st.minimize(himmelblau, (0, 0), restarts=2.5)
    with pytest.raises(ValueError, match="'random' draws inside the bounds"):
        st.minimize(himmelblau, "random")
    with pytest.raises(ValueError, match="give a point, or 'random'"):
        st.minimize(himmelblau, "somewhere")


def test_a_run_of_one_start_has_no_others():
    assert st.minimize(himmelblau, (0, 0)).runs == ()
    assert st.minimize(himmelblau, (0, 0)).outcome is Outcome.CONVERGED
