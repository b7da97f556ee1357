"""One table tells which solver fits what; the docs show it, and each row serves a problem."""

from pathlib import Path

import numpy as np
import pytest

import steepest as st
from steepest.fitting.solvers import NARROW, TABLE

DOCS = Path(__file__).resolve().parents[2] / "docs" / "automatic.md"
DRAWS = np.random.default_rng(0)
X, WIDE = DRAWS.standard_normal((60, 3)), DRAWS.standard_normal((60, NARROW + 5))
Y = X @ [1.0, -2.0, 0.5] + DRAWS.standard_normal(60)
L1, L2 = st.penalties.L1(0.1), st.penalties.L2(0.1)


def line(X, a, b):
    return a + b * X[:, 0]


CASES = {
    "Levenberg-Marquardt": (line, X, Y, {}),
    "SAGA, then Newton's method": (st.models.Logistic(), X, Y > 0, {"batch_size": 8, "penalty": L2}),
    "SAGA, then L-BFGS": (st.models.Logistic(), WIDE, Y > 0, {"batch_size": 8, "penalty": L2}),
    "Newton's method": (st.models.Logistic(), X, Y > 0, {"penalty": L2}),
    "L-BFGS with a search in a plane": (st.models.Logistic(), WIDE, Y > 0, {"penalty": L2}),
    "proximal Newton": (st.models.Linear(), X, Y, {"penalty": L1}),
    "proximal gradient": (st.models.Linear(), DRAWS.standard_normal((40, 1_001)), Y[:40], {"penalty": L1}),
    "L-BFGS": (line, X, Y, {"loss": "huber"}),
    "DoWG": (line, X, Y, {"batch_size": 8, "epochs": 2}),
    "the rules given": (line, X, Y, {"direction": "adam", "step": 0.1, "epochs": 2}),
}


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
