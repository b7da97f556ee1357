"""What a diagnosis says of rows: it names what was planted, its cure removes it, and ordinary rows are not accused."""

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

import steepest as st

ROWS = 200
random = np.random.default_rng(0)
X = random.normal(size=(ROWS, 4)) * [1, 3, 1, 10]
CLEAN = X @ [1, -1, 2, 0.2] + random.normal(size=ROWS)


def linear(X, y, **how):
    return st.fit(st.models.Linear(), X, y, **how)


def pasted(finding, X, y, **scope):
    """Return the result of the call that cures."""
    return eval(finding.call, {"st": st, "np": np, "X": X, "y": y, **scope})  # noqa: S307 - a paste


def names(fit):
    return [each.name for each in fit.diagnose()]


class TestColumns:
    @pytest.mark.parametrize(
        ("column", "name", "words"),
        [
            (np.full(ROWS, 7.0), "constant column", "Column 4 has the same value in all 200 rows (7)"),
            (X[:, 1], "duplicated column", "Column 4 equals column 1"),
            (1.8 * X[:, 1] + 32, "duplicated column", "Column 4 is column 1 in other units"),
            (X[:, 0] - 2 * X[:, 2], "collinear columns", "Column 4 is a combination of column 0 and column 2"),
            (2 * CLEAN - 1, "leaking column", "Column 4 determines the target (the target = 0.5 × column 4 + 0.5)"),
        ],
    )
    def test_a_column_too_many_is_named_and_left_out(self, column, name, words):
        wide = np.column_stack([X, column])
        (found,) = linear(wide, CLEAN).diagnose()
        assert found.name == name
        assert found.text.startswith(words)
        # Without the column the fit is that of the others, here by LAPACK.
        cured = pasted(found, wide, CLEAN)
        known = np.linalg.lstsq(np.column_stack([X, np.ones(ROWS)]), CLEAN)[0]
        if found.call.endswith("np.delete(X, [4], axis=1), y)"):
            np.testing.assert_allclose(cured.params["coef"], known[:4], rtol=1e-6)
        assert not cured.diagnose()

    def test_columns_of_a_frame_go_by_their_names(self):
        frame = pd.DataFrame(X, columns=list("abcd")).assign(twin=X[:, 0])
        (found,) = linear(frame, CLEAN).diagnose()
        assert found.text.startswith("twin equals a")
        assert list(pasted(found, frame, CLEAN).columns) == list("abcd")

    def test_one_large_term_of_a_sum_is_no_leak(self):
        wide = X * [1, 1, 1, 1000]
        assert not names(linear(wide, wide.sum(axis=1) + 0.1 * random.normal(size=ROWS)))


class TestTables:
    def test_warnings_of_a_table_are_findings_with_a_call(self, tmp_path):
        table = pd.DataFrame(X, columns=list("abcd")).assign(copy=3 * CLEAN, y=CLEAN)
        fitted = st.fit_table(table, "y")
        (found,) = fitted.diagnose()
        assert (found.name, found.text) == (fitted.warnings[0].name, fitted.warnings[0].text)
        assert "drop=['copy']" in found.call
        assert not pasted(found, X, CLEAN, table=table).diagnose()
        fitted.save(tmp_path / "fit")
        assert names(st.load(tmp_path / "fit")) == ["leaking column"]


class TestOutliers:
    def test_rows_that_own_the_loss_are_named_with_their_share(self):
        y = CLEAN.copy()
        y[[3, 50]] += [60, -90]
        (found,) = linear(X, y).diagnose()
        assert found.name == "outliers"
        assert found.text.startswith("Row 50 and row 3 (2 of 200 rows) make up ")
        cured = pasted(found, X, y)
        honest = linear(X, CLEAN)
        assert np.mean((cured.predict(X) - CLEAN) ** 2) < 1.1 * honest.fun

    def test_a_row_that_draws_the_line_to_itself_is_left_out(self):
        far = X.copy()
        far[5, 1] = 300
        (found,) = linear(far, CLEAN).diagnose()
        assert found.name == "outliers"
        assert "np.delete(X, [5], axis=0)" in found.call

    def test_it_is_found_in_a_long_table(self):
        long = random.normal(size=(60_000, 4))
        y = long.sum(axis=1) + random.normal(size=60_000)
        y[41_001] = 1e6
        (found,) = linear(long, y).diagnose()
        assert found.text.startswith("Row 41001 makes up 100 % ")

    def test_errors_with_long_tails_are_none(self):
        assert not names(linear(X, CLEAN + random.standard_t(4, ROWS)))


class TestClasses:
    def test_a_rare_class_gets_weights(self):
        z = X[:, 0] + random.logistic(size=ROWS)
        y = (z >= np.sort(z)[-6]).astype(float)
        found = st.fit(st.models.Logistic(), X, y).diagnose()[0]
        assert found.name == "class imbalance"
        assert found.text.startswith("Class 1 has 6 of 200 rows (3 %)")
        assert "class imbalance" not in names(pasted(found, X, y))

    def test_four_to_one_is_no_imbalance(self):
        z = X[:, 0] + random.logistic(size=ROWS)
        assert not names(st.fit(st.models.Logistic(), X, (z > np.quantile(z, 0.8)).astype(float)))

    def test_separable_classes_get_a_penalty(self):
        y = (X[:, 0] + X[:, 2] > 0).astype(float)
        found = st.fit(st.models.Logistic(), X, y).diagnose()[0]
        assert found.name == "separable classes"
        assert pasted(found, X, y).success


class TestForms:
    @pytest.mark.parametrize(
        ("bent", "words"),
        [
            (lambda X: X[:, 0] ** 2, "The target bends with column 0"),
            (lambda X: 5 * (X[:, 2] > 0.8), "The target jumps where column 2 passes 0.8"),
            (lambda X: 2 * X[:, 0] * X[:, 2], "The effect of column 0 depends on column 2"),
        ],
    )
    def test_what_residuals_follow_is_named_and_added(self, bent, words):
        y = CLEAN + bent(X)
        (found,) = linear(X, y).diagnose()
        assert found.name == "under-fitting"
        assert found.text.startswith(words[:-3])
        # The noise of the rows has the variance 1.
        assert pasted(found, X, y).fun < 1.3

    def test_a_slight_bend_and_noise_are_not_accused(self):
        assert not names(linear(X, CLEAN + 0.2 * X[:, 0] ** 2))
        assert not names(linear(X, random.normal(size=ROWS)))


class TestTargets:
    def test_targets_of_another_scale(self):
        y = 1e6 * (3 + CLEAN)
        (found,) = linear(X, y, direction="adam", step=0.05, epochs=400).diagnose()
        assert found.name == "targets not scaled"
        assert pasted(found, X, y).fun < 0.3

    def test_the_default_has_no_trouble_with_them(self):
        assert not names(linear(X, 1e6 * (3 + CLEAN)))


@pytest.mark.parametrize("name", ["diabetes", "iris", "digits"])
def test_nothing_is_said_of_ordinary_tables(name):
    """Some pixels of digits are 0 in all rows: that is no news to anyone."""
    rows, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    classes = len(np.unique(y[:600]))
    if name == "diabetes":
        fit = linear(rows, y)
    else:
        fit = st.fit(st.models.Multinomial(classes), rows[:600], y[:600], penalty=st.penalties.L2(1e-2), epochs=100)
    assert not names(fit)
