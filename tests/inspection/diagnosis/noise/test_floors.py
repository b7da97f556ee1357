"""The floors that noise, rounding, batches and time put under a descent, against closed forms and by their cures."""

from types import SimpleNamespace

import numpy as np
import pytest

import steepest as st
from steepest.call import Call
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.noise.batch_noise import batch_noise
from steepest.inspection.diagnosis.noise.compiling import compiling
from steepest.inspection.diagnosis.noise.order import MUCH, _times_more, order
from steepest.inspection.diagnosis.noise.random_values import random_values
from steepest.inspection.diagnosis.noise.roughness import roughness
from steepest.inspection.diagnosis.noise.single import single
from steepest.inspection.diagnosis.noise.slow import slow
from steepest.inspection.diagnosis.noise.tail import Tail
from steepest.trace import Outcome, Trace

FINDERS = (random_values, single, batch_noise, order, slow)
CENTRE, START = np.array([1.0, -2.0]), np.array([4.0, 2.0])


def case_of(f, points=(START, CENTRE), outcome=Outcome.COMPLETED, columns=None, **facts):
    """Return the case of a run through some points, which compiles nothing."""
    points = np.array(points, dtype=float)
    columns = {"value": np.array([float(f(x)) for x in points]), **(columns or {})}
    trace = Trace({"iteration": np.arange(len(points)), **columns}, points, [f"x{k}" for k in range(points.shape[1])])
    given = {"kind": "differences", "why": "", "success": False, "message": "", "nfev": 0, "call": None, **facts}
    run = SimpleNamespace(
        trace=trace, outcome=outcome, maximized=False, x=points[-1], evaluate=f, gradient_at=None,
        objective=SimpleNamespace(), **given,
    )  # fmt: skip
    return Case(run, probe=True)


def recorded(values, gradients=None, rate=None, x=None):
    """Return the case of a recorded loop."""
    count = len(values)
    norm = np.full(count, np.nan) if gradients is None else np.linalg.norm(gradients, axis=1)
    columns = {
        "iteration": np.arange(count), "value": np.asarray(values, dtype=float), "gradient_norm": norm,
        "step_size": np.full(count, np.nan if rate is None else rate),
    }  # fmt: skip
    points = np.zeros((count, 0)) if x is None else x
    trace = Trace(columns, points, [f"x{k}" for k in range(points.shape[1])])
    run = SimpleNamespace(
        trace=trace, outcome=Outcome.RECORDED, maximized=False, x=points[-1], gradients=gradients, kind="recorded",
        why="", success=False, message="", call=None,
    )  # fmt: skip
    return Case(run, probe=True)


def names(case):
    return [finding.name for finder in FINDERS for finding in finder(case)]


def pasted(call, names):
    """Return the result of a cure."""
    return eval(call, {"st": st, "np": np, **names})  # noqa: S307 - what a user would paste


def bowl(x):
    return float(np.sum((x - CENTRE) ** 2))


@pytest.mark.parametrize("level", [1e-3, 0.1])
def test_a_fine_wave_has_the_deviation_of_a_sine(level):
    # A sine at random places has the standard deviation 1 / √2. Three of four such estimates are within a third.
    found = roughness(case_of(lambda x: bowl(x) + level * np.sin(1e5 * x[0] + 3e5 * x[1])))
    assert found is not None
    assert found.level == pytest.approx(level / np.sqrt(2), rel=0.6)
    assert found.decimals is None


@pytest.mark.parametrize(
    "f",
    [
        bowl,
        lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2,
        lambda x: np.sum(np.abs(x - CENTRE)),
        lambda x: np.max(np.abs(x - CENTRE)) ** 1.5,
        lambda x: np.sum(x**2 - 10 * np.cos(2 * np.pi * x)),
        lambda x: np.exp(3 * x[0]) + x[1] ** 2,
        lambda x: 5.0,
        lambda x: 1e12 + bowl(x),
    ],
)
def test_smooth_functions_kinks_and_waves_that_are_no_noise_are_not_rough(f):
    assert roughness(case_of(f)) is None
    assert names(case_of(f)) == []


def test_values_rounded_to_decimals_are_told_from_waves():
    found = roughness(case_of(lambda x: round(bowl(x), 2)))
    assert found is not None
    assert found.decimals == 2
    # A value is off by up to half a step, evenly: a deviation of the step / √12.
    assert found.level == pytest.approx(0.01 / np.sqrt(12))


def test_a_search_along_noise_is_cured_by_the_mean_of_calls():
    rng = np.random.default_rng(3)

    def f(x):
        return bowl(x) + 0.05 * rng.normal()

    run = st.minimize(f, START)
    first = run.diagnose()[0]
    assert first.name == "noise of the function"
    cured = pasted(first.call, {"f": f})
    assert cured.noise < run.noise / 2
    assert bowl(cured.x) < 0.01 * bowl(START)


def test_noise_below_the_tolerance_is_no_finding():
    rng = np.random.default_rng(3)
    run = st.minimize(lambda x: bowl(x) + 1e-4 * rng.normal(), START, tolerance=0.01)
    assert run.success
    assert len(run.diagnose()) == 0


@pytest.mark.parametrize(("kind", "found"), [(np.float32, ["rounding of float32"]), (np.float64, [])])
def test_stairs_of_single_precision_are_found_and_double_has_none(kind, found):
    def f(x):
        return float(np.sum((x.astype(kind) - CENTRE.astype(kind)) ** 2) + kind(10))

    assert names(case_of(f, outcome=Outcome.CONVERGED)) == found


def test_a_column_that_float32_does_not_resolve_is_named():
    x = np.random.default_rng(0).normal(size=(100, 2)) + np.array([0, 3e7])
    basis, call = SimpleNamespace(X=x.astype(np.float32)), Call("fit", {"dtype": np.float32, "step": 0.1})
    fit = SimpleNamespace(columns=["height", "time"])
    # Numbers near 3e7 are 2 apart in float32, and these have the deviation 1: half a step.
    assert np.spacing(np.float32(3e7)) == 2
    case = SimpleNamespace(fit=fit, basis=basis, call=call, function=SimpleNamespace(is_at_hand=True))
    case.outcome, case.asked = Outcome.CONVERGED, call.get
    (finding,) = [each for each in single(case) if each.call]
    assert "time" in finding.text
    assert finding.call == "st.fit(step=0.1)"
    basis.X = basis.X - np.float32([0, 3e7])
    assert list(single(case)) == []


def line(sort=False):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(200, 2))
    y = X @ [2.0, -1.0] + rng.normal(size=200)
    rows = np.argsort(y) if sort else np.arange(200)
    X, y = X[rows], y[rows]
    full = np.column_stack([X, np.ones(200)])
    return X, y, float(np.mean((y - full @ np.linalg.lstsq(full, y, rcond=None)[0]) ** 2))


def test_the_floor_of_batches_is_measured_and_a_shrinking_step_goes_below_it():
    X, y, least = line()
    fit = st.fit(st.models.Linear(), X, y, batch_size=2, step=0.15, epochs=40, rng=0)
    (finding,) = fit.diagnose()
    assert finding.name == "noise of mini-batches"
    # The loss of the second half is known exactly, and so is the minimum.
    floor = fit.trace.value[len(fit.trace) // 2 :].mean() - least
    assert float(finding.text.split("about ")[1].split()[0]) == pytest.approx(floor, rel=0.2)
    assert pasted(finding.call, {"X": X, "y": y}).fun - least < floor / 10
    # Larger batches with a shorter step end within a hundredth of the descent, and nothing is found.
    assert len(st.fit(st.models.Linear(), X, y, batch_size=20, step=0.03, epochs=40, rng=0).diagnose()) == 0


def test_sorted_rows_are_found_only_where_nothing_shuffles_them():
    X, y, least = line(sort=True)
    fit = st.fit(st.models.Linear(), X, y, batch_size=20, step=0.1, epochs=40, shuffle=False)
    first = fit.diagnose()[0]
    assert first.name == "unshuffled rows"
    assert "shuffle='rows'" in first.call
    cured = pasted(first.call, {"X": X, "y": y})
    assert cured.fun - least < (fit.fun - least) / 4
    assert "unshuffled rows" not in names(Case(cured, probe=True))


def loop(batch, rate, sort=False, passes=20):
    """Return the losses, gradients and points of a loop in batches."""
    X, y, _ = line(sort)
    full, w, rng = np.column_stack([X, np.ones(200)]), np.zeros(3), np.random.default_rng(0)
    values, gradients, points = [], [], []
    for _ in range(passes):
        rows = np.arange(200) if sort else rng.permutation(200)
        for part in rows.reshape(-1, batch):
            rest = full[part] @ w - y[part]
            gradients.append(2 * full[part].T @ rest / batch)
            values.append(np.mean(rest**2))
            points.append(w)
            w = w - rate * gradients[-1]
    return np.array(values), np.array(gradients), rate, np.array(points)


def test_recorded_batches_are_told_from_recorded_order():
    assert names(recorded(*loop(2, 0.15))) == ["noise of mini-batches"]
    assert "unshuffled rows" in names(recorded(*loop(10, 0.15, sort=True)))
    assert names(recorded(*loop(20, 0.01, passes=6))) == []
    assert names(recorded(*loop(20, 0.01, sort=True, passes=6))) == []


def test_recorded_values_that_jump_more_than_the_gradient_explains_are_noise():
    x = CENTRE + (START - CENTRE) * 0.8 ** np.arange(60)[:, None]
    exact, gradients = np.sum((x - CENTRE) ** 2, axis=1), 2 * (x - CENTRE)
    assert names(recorded(exact, gradients, 0.1, x)) == []
    noisy = exact + 0.01 * np.random.default_rng(0).normal(size=60)
    assert names(recorded(noisy, gradients, 0.1, x)) == ["noise of the function"]


def test_a_recorded_loop_that_float32_holds_still_is_found():
    # Beside 1e7 a float32 has steps of 1, so that a step of 0.2 changes nothing.
    x, gradient = np.float32(1e7), np.float32(2.0)
    assert x - np.float32(0.1) * gradient == x
    values = np.full(60, np.float32(1.234567))
    assert names(recorded(values, np.full((60, 1), gradient), 0.1)) == ["rounding of float32"]
    assert names(recorded(values.astype(float) + 1e-12, np.full((60, 1), gradient), 0.1)) == []


@pytest.mark.parametrize(
    ("pause", "kind", "found"),
    [(0.01, "differences", True), (1e-5, "differences", False), (0.01, "traced", False)],
)
def test_a_function_is_slow_by_the_time_of_its_calls(monkeypatch, pause, kind, found):
    clock = [0.0]

    def f(x):
        clock[0] += pause
        return bowl(x)

    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    columns = {"seconds": 0.5 + pause * 50 * np.arange(3), "evaluations": 50 * np.arange(1, 4)}
    case = case_of(f, (START, (START + CENTRE) / 2, CENTRE), columns=columns, kind=kind, nfev=150)
    assert (len(list(slow(case))) == 1) is found


def timed(spent, **columns):
    """Return the case of a recorded loop whose steps take so many seconds."""
    case = recorded(np.ones(len(spent)))
    case.trace.columns.update({"seconds": np.cumsum(spent), **columns})
    return case


def test_steps_that_compile_again_are_told_from_a_first_one_and_from_checks():
    quick, rng = np.full(200, 1e-3), np.random.default_rng(0)
    again = quick.copy()
    again[rng.choice(200, 8, replace=False)] = 0.3
    assert [each.name for each in compiling(timed(again))] == ["recompilation"]
    first, checks = quick.copy(), quick.copy()
    first[1], checks[::20] = 3.0, 0.3
    assert list(compiling(timed(first))) == []
    assert list(compiling(timed(checks))) == []
    validation = np.where(again > 0.1, 1.0, np.nan)
    assert list(compiling(timed(again, validation=validation))) == []


@pytest.mark.parametrize(("steps", "found"), [(2, True), (100, False)])
def test_a_limit_of_time_that_compiling_used_up_is_raised(steps, found):
    # Compiling takes 0.9 s, and each step 20 ms.
    columns = {"seconds": 0.9 + 0.02 * np.arange(steps + 1)}
    call = Call("minimize", {"seconds": 1})
    points = np.linspace(START, CENTRE, steps + 1)
    case = case_of(bowl, points, Outcome.TIME_LIMIT, columns, kind="traced", nit=steps, call=call)
    assert [each.name for each in compiling(case)] == ["recompilation"] * found
    case.run.outcome = Outcome.CONVERGED
    assert list(compiling(case)) == []


def test_a_trend_is_told_from_noise():
    noise = np.random.default_rng(0).normal(size=400)
    assert not Tail(noise).still_falls
    assert Tail(noise - 0.05 * np.arange(400)).still_falls
    assert Tail(noise + 0.05 * np.arange(400)).still_rises


def test_rows_in_a_random_order_seldom_look_sorted():
    """Blocks of 40 rows differ by more than MUCH of chance in many of these, and each order is as likely as another."""
    rng = np.random.default_rng(3)
    times = [_times_more(rng.normal(size=(40, 1))) for _ in range(40)]
    assert sum(each > MUCH for each in times) <= 2
    assert _times_more(np.sort(rng.normal(size=(40, 1)), axis=0)) > MUCH
