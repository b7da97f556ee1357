"""The promises of every picture of causes: it draws or refuses clearly, its texts are apart, and it costs little."""

import copy

import numpy as np
import pytest
from matplotlib import pyplot as plt
from tests.inspection.causes.quadratics import descent, rotated
from tests.inspection.runs import not_at_hand
from tests.inspection.test_texts import overlapping

import steepest as st
from steepest import inspection
from steepest.trace import Outcome

NAMES = [
    "StabilityDisplay",
    "DivergenceDisplay",
    "WrongGradientDisplay",
    "EffectiveRateDisplay",
    "EigenDisplay",
    "LedgerDisplay",
    "SliceDisplay",
]
START = np.array([1.3, 2.1, 3.7])
MATRIX = rotated([1.0, 4.0, 9.0])[0]


def with_gaps():
    run = descent(MATRIX, START, 0.1, steps=30)
    run.trace.x[10], run.trace.x[-1] = np.nan, np.inf
    run.trace.columns["value"][[5, 7, 9]] = np.nan, np.inf, -np.inf
    return run


def huge():
    run = descent(MATRIX, START, 0.1, steps=10, outcome=Outcome.DIVERGED)
    run.trace.x[-2:] = [START * 1e200, START * 1e300]
    run.trace.columns["value"][-2:] = np.inf, np.nan
    return run


def without_sizes():
    run = descent(MATRIX, START, 0.1)
    del run.trace.columns["step_size"]
    return run


def raising(*_):
    raise ZeroDivisionError


RUNS = {
    "plain": lambda: descent(MATRIX, START, 0.1),
    "one step": lambda: descent(MATRIX, START, 0.1, steps=1),
    "one row": lambda: descent(MATRIX, START, 0.1, steps=0),
    "gaps": with_gaps,
    "no finite row": lambda: descent(MATRIX, START * np.nan, 0.1),
    "huge": huge,
    "at rest": lambda: descent(MATRIX, START * 0, 0.1),
    "diverged": lambda: descent(MATRIX, START, 0.4, outcome=Outcome.DIVERGED),
    "maximised": lambda: descent(MATRIX, START, 0.1, sign=-1.0),
    "flat": lambda: descent(0 * MATRIX, START, 0.1),
    "Adam": lambda: descent(MATRIX, START, 0.1, rule={"name": "Adam"}),
    "no step size": without_sizes,
    "one parameter": lambda: descent(np.eye(1), [2.3], 0.3),
    "two parameters": lambda: descent(np.diag([1.0, 10.0]), [2.3, 1.1], 0.15),
    "many parameters": lambda: descent(np.diag(np.geomspace(1, 100, 60)), np.ones(60), 0.015),
    "epochs": lambda: descent(MATRIX, START, 0.1, epoch=np.arange(41), iteration=10 * np.arange(41)),
    "raises": lambda: descent(MATRIX, START, 0.1, evaluate=raising, gradient_at=raising, curvature=raising),
    "no curvature": lambda: descent(MATRIX, START, 0.1, curvature=lambda x, v: np.full(3, np.nan)),
}


# The pictures that need what a run lacks.
REFUSED = {
    "one row": set(NAMES) - {"EigenDisplay", "WrongGradientDisplay"},
    "no finite row": set(NAMES),
    "at rest": {"SliceDisplay"},
    "flat": {"SliceDisplay"},
    "one parameter": {"SliceDisplay"},
    "raises": {"EigenDisplay", "WrongGradientDisplay"},
    "no curvature": {"EigenDisplay"},
}
# The runs whose pictures differ in their texts; measuring texts takes as long as drawing twice.
MEASURED = ("plain", "diverged", "Adam", "one parameter", "two parameters", "many parameters")


# A wrong gradient is sought at one point, so that other rows of these runs change nothing.
AT_ONE_POINT = ("gaps", "diverged", "at rest", "one row")
# Pictures of these runs are like those of others.
SIMILAR = ("one step", "maximised", "epochs", "no step size", "raises", "flat", "Adam", "no curvature")


def is_similar(kind, name):
    """Tell whether a picture is like that of another run, and so is drawn nightly only."""
    alike = (*SIMILAR, *AT_ONE_POINT) if name == "WrongGradientDisplay" else SIMILAR
    return kind in alike and name not in REFUSED.get(kind, ())


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param(kind, name, marks=pytest.mark.nightly if is_similar(kind, name) else ())
        for kind in RUNS
        for name in NAMES
    ],
)
def test_it_draws_or_refuses_and_its_texts_are_apart(kind, name):
    display, run = getattr(inspection, name), RUNS[kind]()
    if name in REFUSED.get(kind, ()):
        with pytest.raises(ValueError, match=r" needs | is nan at the point"):
            display.from_run(run)
        return
    known = plt.get_fignums()
    drawn = display.from_run(run)
    columns = drawn.table()
    assert len({len(column) for column in columns.values()}) == 1
    assert drawn.caption.endswith(".")
    assert "nan" not in drawn.caption
    figure = drawn.to_figure()
    if kind in MEASURED:
        assert not overlapping(figure)
    else:
        figure.draw_without_rendering()
    assert plt.get_fignums() == known


@pytest.mark.parametrize("name", NAMES)
def test_a_loaded_run_is_refused(name):
    lost = {"evaluate": not_at_hand, "gradient_at": not_at_hand, "curvature": lambda x, v: not_at_hand(x)}
    with pytest.raises(ValueError, match=r"needs the function and this run lacks it, because it was loaded"):
        getattr(inspection, name).from_run(descent(MATRIX, START, 0.1, **lost))


@pytest.mark.parametrize("name", NAMES)
def test_a_run_without_points_is_refused(name):
    run = descent(MATRIX, START, 0.1)
    run.trace.columns["training 1"] = run.trace.value
    with pytest.raises(ValueError, match=r"which the trace of a network or a tree lacks"):
        getattr(inspection, name).from_run(run)
    sketch = descent(np.eye(32), np.ones(32), 0.1)
    sketch.trace.names = [*(f"x{k}" for k in range(16)), *(f"projection {k}" for k in range(16))]
    with pytest.raises(ValueError, match=r"the trace has a sketch of them only"):
        getattr(inspection, name).from_run(sketch)


@pytest.fixture(scope="module")
def long_run():
    return descent(MATRIX, START, 1e-5, steps=100_000)


@pytest.mark.parametrize("name", NAMES)
def test_a_long_trace_costs_few_evaluations_and_draws_few_points(name, long_run):
    calls = []

    def counted(f):
        return lambda *points: (calls.append(1), f(*points))[1]

    run = copy.copy(long_run)
    for method in ("evaluate", "gradient_at", "curvature"):
        setattr(run, method, counted(getattr(run, method)))
    drawn = getattr(inspection, name).from_run(run)
    assert len(calls) < 2_700
    figure = drawn.to_figure()
    assert all(len(line.get_xdata()) < 5_000 for ax in figure.axes for line in ax.lines)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_saved_with_a_transparent_background_and_without_formulas_in_names(name, saved):
    run = descent(MATRIX, START, 0.1, title="a $ title")
    run.trace.names = ["a$b$", "x_1", "\\alpha"]
    saved(getattr(inspection, name).from_run(run))


def test_the_fit_inside_a_table_is_drawn():
    rng = np.random.default_rng(0)
    column = rng.normal(size=40)
    fit = st.fit_table({"a": column, "y": 3 * column + rng.normal(size=40)}, target="y")
    assert inspection.EigenDisplay.from_run(fit).parameters == 2


def test_a_run_knows_the_rule_of_its_direction():
    def bowl(x):
        return (x**2).sum()

    def rule(**how):
        return st.minimize(bowl, np.ones(2), **how).direction

    assert rule(step=0.1, iterations=2) == {"name": "Plain"}
    assert rule(direction=st.directions.Momentum(0.8), step=0.1, iterations=2) == {"name": "Momentum", "decay": 0.8}
    nesterov = st.directions.Nesterov(0.7, restart=True)
    assert rule(direction=nesterov, step=0.1, iterations=2) == {"name": "Nesterov", "decay": 0.7, "restart": True}
    assert rule() == {"name": "BFGS"}
    assert rule(direction="l-bfgs") == {"name": "LBFGS", "memory": 10}
    # A fit that rescales its columns takes its steps in other coordinates; one with a given step does not.
    X, y = np.arange(8.0)[:, None], np.arange(8.0) ** 2
    assert st.fit(st.models.Linear(), X, y).direction == {}
    assert st.fit(st.models.Linear(), X, y, step=0.01, epochs=2).direction == {"name": "Plain"}


def test_the_rule_is_saved_and_folders_without_it_still_load(tmp_path):
    run = st.minimize(lambda x: (x**2).sum(), np.ones(2), direction="momentum", step=0.1, iterations=3)
    folder = run.save(tmp_path / "run")
    assert st.load(folder).direction == {"name": "Momentum", "decay": 0.9}
    earlier = {key: value for key, value in run._header().items() if key not in ("direction", "result")}
    assert type(run)._revive(earlier, run.trace.arrays()).direction == {}
