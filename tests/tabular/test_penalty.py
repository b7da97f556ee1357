"""Tests of the penalty that a table's fit chooses by itself."""

from dataclasses import replace

import numpy as np
import pytest

import steepest as st


def table(noise, rows=60, columns=25):
    random = np.random.default_rng(0)
    X = random.normal(size=(rows, columns))
    y = X @ np.linspace(-0.5, 0.5, columns) + noise * random.normal(size=rows)
    return {f"x{k}": X[:, k] for k in range(columns)} | {"y": y}


def test_a_noisy_table_gets_a_penalty_and_a_note_says_why():
    fit = st.fit_table(table(3.0), "y")
    assert fit.path.chosen > 0
    assert fit.notes[-1] == f"fitted: a linear model with the squared loss, {fit.path.why}"
    assert "by exact leave-one-out its loss of" in str(fit)
    bare = st.fit_table(table(3.0), "y", penalty=None)
    assert bare.path is None
    assert bare.notes[-1].endswith("no penalty")
    assert fit.score.loss < bare.score.loss


def test_a_clean_table_keeps_its_exact_coefficients():
    fit = st.fit_table(table(0.0), "y")
    assert fit.path.chosen == 0
    assert "no penalty: by exact leave-one-out" in fit.notes[-1]
    assert list(fit.coefficients.values()) == pytest.approx(list(np.linspace(-0.5, 0.5, 25)), abs=1e-9)


@pytest.mark.parametrize("options", [{"bounds": {"coef": (0, None)}}, {"fixed": {"intercept": 0}}])
def test_bounds_leave_the_penalty_out(options):
    assert st.fit_table(table(3.0, columns=3), "y", **options).path is None


def test_a_lasso_says_how_many_coefficients_it_kept():
    random = np.random.default_rng(0)
    X = random.normal(size=(120, 25))
    fit = st.fit_table(
        {f"x{k}": X[:, k] for k in range(25)} | {"y": X[:, 0] + random.normal(size=120)}, "y", penalty="auto-l1"
    )
    kept = sum(value != 0 for value in list(fit.coefficients.values())[:25])
    assert 0 < kept < 25
    assert fit.notes[-1].endswith(f"; {kept} of 25 coefficients are not 0")


def test_a_print_says_each_thing_once_and_names_the_loss():
    fit = st.fit_table(table(0.0), "y", penalty=None)
    lines = {line.split()[0]: line for line in fit._described().splitlines()[1:] if line.split()}
    assert ": the value is within" in fit.message
    assert "gap" not in lines
    assert "(squared loss on the training rows" in lines["loss"]
    assert lines["solver"].split(maxsplit=1)[1] == fit.solver.partition(":")[0]
    # A message without the gap leaves it to its own line.
    assert "gap" in str(replace(fit.fit, message="stopped"))
