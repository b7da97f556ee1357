"""The table of solvers: the docs show it, each row serves a problem, and every solver meets the protocol."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

import steepest as st
from steepest.descent.loop import rule_solver
from steepest.fitting.function import least_squares
from steepest.fitting.limits import NEWTON, NEWTON_IF_JUMPS
from steepest.fitting.solvers import TABLE

DOCS = Path(__file__).resolve().parents[2] / "docs" / "automatic.md"
DRAWS = np.random.default_rng(0)
X, WIDE = DRAWS.standard_normal((60, 3)), DRAWS.standard_normal((60, NEWTON + 5))
MANY = scipy.sparse.csr_array(np.where(DRAWS.random((60, 1_500)) < 0.9, 0.0, DRAWS.standard_normal((60, 1_500))))
Y = X @ [1.0, -2.0, 0.5] + DRAWS.standard_normal(60)
L1, L2 = st.penalties.L1(0.1), st.penalties.L2(0.1)


def line(X, a, b):
    return a + b * X[:, 0]


CASES = {
    "Levenberg-Marquardt": (line, X, Y, {}),
    "SAGA, then Newton's method": (st.models.Logistic(), X, Y > 0, {"batch_size": 8, "penalty": L2}),
    "SAGA, then Newton's method with conjugate gradients": (
        st.models.Logistic(),
        MANY,
        Y > 0,
        {"batch_size": 8, "penalty": L2},
    ),
    "SAGA, then L-BFGS": (st.models.Logistic(), WIDE, Y > 0, {"batch_size": 8, "penalty": L2}),
    "SAGA, then proximal Newton": (st.models.Logistic(), X, Y > 0, {"batch_size": 8, "penalty": L1}),
    "SAGA, then proximal Newton on working sets": (
        st.models.Linear(),
        DRAWS.standard_normal((40, 1_001)),
        Y[:40],
        {"batch_size": 8, "penalty": L1},
    ),
    "Newton's method": (st.models.Logistic(), X, Y > 0, {"penalty": L2}),
    "Newton's method with conjugate gradients": (st.models.Logistic(), MANY, Y > 0, {"penalty": L2}),
    "the method of multipliers": (
        st.models.Logistic(),
        np.random.default_rng(1).standard_normal((60, NEWTON_IF_JUMPS)),
        Y > 0,
        {"loss": "hinge", "penalty": L2},
    ),
    "L-BFGS with a search in a plane": (st.models.Logistic(), WIDE, Y > 0, {"penalty": L2}),
    "Newton's method in a box": (st.models.Linear(), X, Y, {"bounds": {"coef": (0, None)}}),
    "Newton's method on working sets": (
        st.models.Linear(),
        # Few columns that are not 0, so that few steps are taken.
        np.where(np.arange(1_001) % 100, 0.0, DRAWS.standard_normal((40, 1_001))),
        Y[:40],
        {"bounds": {"coef": (0, None)}, "penalty": L2},
    ),
    "proximal Newton": (st.models.Linear(), X, Y, {"penalty": L1}),
    "proximal Newton on working sets": (
        st.models.Linear(),
        DRAWS.standard_normal((40, 1_001)),
        Y[:40],
        {"penalty": L1},
    ),
    "L-BFGS": (line, X, Y, {"loss": "huber"}),
    "DoWG": (line, X, Y, {"batch_size": 8, "epochs": 2}),
    "the rules given": (line, X, Y, {"direction": "adam", "step": 0.1, "epochs": 2}),
}


@pytest.fixture(autouse=True)
def _whole_chunks(monkeypatch):
    """Let no clock cut a chunk short, so that a busy machine changes no rows."""
    for module in (least_squares, rule_solver):
        monkeypatch.setattr(module, "CHUNK_SECONDS", math.inf)


def test_every_row_has_a_case():
    assert [row.name for row in TABLE] == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_fit_says_what_descended(name):
    model, X, y, words = CASES[name]
    fit = st.fit(model, X, y, **words)
    row = next(row for row in TABLE if row.name == name)
    assert fit.solver == f"{name}: {row.serves}"
    assert fit.solver in str(fit)


def test_a_folder_keeps_the_solver(tmp_path):
    fit = st.fit(st.models.Linear(), X, Y)
    fit.save(tmp_path / "fit")
    assert st.load(tmp_path / "fit").solver == fit.solver


def test_the_docs_show_the_table():
    rows = [line for line in DOCS.read_text().splitlines() if line.startswith("| ")]
    for row in TABLE:
        assert f"| {row.name} | {row.serves} | {row.why} |" in rows


def set_up(name):
    model, X, y, words = CASES[name]
    return st.fit(model, X, y, **words).resumable.setup


def begun(name):
    """Return two solvers of the same fit, both at its start."""
    setup = set_up(name)
    return setup.plan.solver_at(setup.start), setup.plan.solver_at(setup.start)


@pytest.mark.parametrize("name", CASES)
def test_a_state_that_was_saved_goes_on_bit_for_bit(name):
    solver, restored = begun(name)
    solver.run(2, 4, 1)
    restored.restore(solver.arrays(), json.loads(json.dumps(solver.counters())))
    for before, after in zip(solver.status, restored.status, strict=True):
        np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(solver.run(3, 100, 1), restored.run(3, 100, 1))


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("SAGA")])
def test_epochs_in_batches_come_first(name):
    solver, _ = begun(name)
    left = solver.epochs_left
    assert solver.run(1, 100, 1)[0, 4] == solver.opening.step_size
    assert solver.epochs_left < left


@pytest.mark.parametrize("name", ["Newton's method with conjugate gradients", "the method of multipliers"])
def test_steps_in_numpy_end_with_the_time(name, monkeypatch):
    solver, _ = begun(name)
    monkeypatch.setattr(type(solver), "is_over", lambda self: True)
    # One step is taken, so that each chunk makes progress; without the limit there are more.
    assert len(solver.run(5, 100, 1)) == 1
    monkeypatch.undo()
    assert len(solver.run(5, 100, 1)) > 1


@pytest.mark.parametrize("name", ["Newton's method", "L-BFGS with a search in a plane"])
def test_a_state_saved_with_other_padding_is_completed(name):
    # An earlier version padded the rows to another number: the products with the rows are then computed again.
    solver, restored = begun(name)
    solver.run(2, 4, 1)
    saved = [np.append(a, 0.0) if a.shape == np.shape(solver._state.z) else a for a in solver.arrays()]
    assert any(len(a) == len(solver._state.z) + 1 for a in saved if a.ndim)
    restored.restore(saved, solver.counters())
    np.testing.assert_allclose(restored._state.z, solver._state.z, rtol=1e-12)
    assert restored.run(3, 100, 1)[-1, 2] == pytest.approx(solver.run(3, 100, 1)[-1, 2], rel=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_a_solver_begins_at_another_point(name):
    solver, unmoved = begun(name)
    view = set_up(name).plan.view
    x = view.inward(view.rows(solver.start) + 0.25)
    solver.begin_at(x)
    before, status = unmoved.status, solver.status
    np.testing.assert_array_equal(status.x, x)
    assert status.value == pytest.approx(solver.objective.value(x))
    assert (status.iteration, status.first_value) == (before.iteration + 1, before.first_value)
    assert status.evaluations == before.evaluations + 1
    np.testing.assert_array_equal(solver.row()[5:], x)
    rows = solver.run(3, 100, 1)
    assert status.code or len(rows)
    if not name.startswith(("SAGA", "DoWG", "the rules")):
        assert rows[-1, 2] < status.value


def test_a_state_of_a_curve_holds_the_scale_of_its_parameters():
    def peak(X, a, b, c):
        return a * np.exp(-(((X[:, 0] - b) / c) ** 2))

    setup = st.fit(peak, X, peak(X, 3.0, 0.5, 0.7), start=(1.0, -1.0, 2.0)).resumable.setup
    solver, restored = setup.plan.solver_at(setup.start), setup.plan.solver_at(setup.start)
    solver.run(4, 8, 1)
    restored.restore(solver.arrays(), solver.counters())
    rows = solver.run(20, 100, 1)
    assert len(rows) > 2
    np.testing.assert_array_equal(rows, restored.run(20, 100, 1))


def test_an_epoch_in_batches_that_lowers_nothing_is_the_last():
    solver, _ = begun("SAGA, then L-BFGS")

    class Idle:
        epochs, step_size = 2, 1.0

        def __call__(self, glm, state, gradient, left, begin):
            return state, False

    solver.opening = Idle()
    assert solver.counters()["left"] == 2
    assert not len(solver.run(1, 100, 1))
    assert solver.counters()["left"] == 0
    assert len(solver.run(1, 100, 1)) == 1
