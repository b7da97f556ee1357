"""The time limit counts from the call, holds between any two calls of the function, and is reported with all calls."""

import math
import time

import numpy as np
import pytest

import steepest as st
from steepest import Outcome
from steepest.descent.ending import Ending
from steepest.descent.verdict.judge import Judge

LIMIT, COST = 1.0, 0.3


class Slow:
    """A function that takes `COST` seconds of a clock that nothing else moves, so that no test depends on time."""

    def __init__(self, monkeypatch):
        self.now, self.calls = 100.0, 0
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)

    def __call__(self, *x):
        # A traced value is refused here, before the call counts, so that only plain calls do.
        value = math.sqrt(1 + sum(float(each) ** 2 for each in np.ravel(x)))
        self.now += COST
        self.calls += 1
        return value


DESCENTS = {
    "a search": lambda f: st.minimize(f, 3.0, seconds=LIMIT),
    "many variables": lambda f: st.minimize(f, np.full(30, 3.0), seconds=LIMIT),
    "a maximum": lambda f: st.maximize(f, 3.0, bounds=(-5, 5), seconds=LIMIT),
    "fixed steps": lambda f: st.minimize(f, 3.0, step=0.1, iterations=100, seconds=LIMIT),
    "drawn starts": lambda f: st.minimize(f, 3.0, restarts=50, rng=0, seconds=LIMIT),
    "given starts": lambda f: st.minimize(f, 3.0, restarts=np.linspace(1, 9, 50), seconds=LIMIT),
    "a random start": lambda f: st.minimize(f, "random", bounds=(1, 5), rng=0, seconds=LIMIT),
    "a given gradient": lambda f: st.minimize(f, 3.0, gradient=lambda x: float(x) / math.hypot(1, x), seconds=LIMIT),
    "averages": lambda f: st.minimize(f, 3.0, repeats=20, seconds=LIMIT),
    "a race": lambda f: st.race(f, 3.0, {"auto": "auto"}, seconds=LIMIT).runs["auto"],
}


@pytest.mark.parametrize("name", DESCENTS)
def test_no_call_begins_after_the_limit(name, monkeypatch):
    f = Slow(monkeypatch)
    run = DESCENTS[name](f)
    assert run.outcome is Outcome.TIME_LIMIT, run.message
    # The call during which the limit passes is the last; averages have no value before the first of all calls.
    most = LIMIT + (20 * COST if name == "averages" else COST)
    assert f.now - 100 <= most + 1e-9
    if not name.endswith("starts"):
        assert run.seconds == pytest.approx(f.now - 100)


def test_the_seconds_of_all_starts_are_those_of_the_call(monkeypatch):
    f = Slow(monkeypatch)
    run = st.minimize(f, 3.0, restarts=2, rng=0, seconds=40)
    assert run.seconds == pytest.approx(f.now - 100)
    assert len(run.runs) == 3
    assert sum(each.nfev for each in run.runs) == f.calls


@pytest.mark.parametrize(
    "options", [{}, {"step": 0.1, "iterations": 9}, {"tolerance": 1e-3}, {"direction": "momentum"}]
)
@pytest.mark.parametrize("size", [1, 3])
def test_every_call_of_a_plain_function_is_counted(size, options, monkeypatch):
    f = Slow(monkeypatch)
    run = st.minimize(f, np.full(size, 3.0), **options)
    assert run.nfev == f.calls
    assert run.seconds == pytest.approx(f.now - 100)
    limited = Slow(monkeypatch)
    assert st.minimize(limited, np.full(size, 3.0), evaluations=40, **options).nfev == limited.calls


def test_the_time_of_a_fit_counts_from_its_call(monkeypatch):
    clock = Slow(monkeypatch)

    class Rows(np.ndarray):
        def __array__(self, *args, **kwargs):
            clock(1.0)
            return super().__array__(*args, **kwargs)

    rows = np.linspace(0, 1, 20)[:, None].view(Rows)
    fit = st.fit(st.models.Linear(), rows, np.linspace(0, 2, 20))
    assert fit.seconds == pytest.approx(clock.now - 100)


def test_a_descent_whose_points_are_all_judged_and_none_is_the_answer_keeps_to_the_limit(monkeypatch):
    now, judged = [100.0], []
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def undecided(judge, code):
        now[0] += COST
        judged.append(code)
        # Without a limit the descent would go on for ever.
        return Ending(Outcome.STALLED, "never decided") if len(judged) > 100 else None

    monkeypatch.setattr(Judge, "verdict", undecided)
    run = st.minimize(lambda x: (x - 2) ** 2, 9.0, seconds=LIMIT)
    assert run.outcome is Outcome.TIME_LIMIT, run.message
    assert now[0] - 100 <= LIMIT + COST
