"""The printed coefficients: the largest effects first, with the effects that pandas and scikit-learn find."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

import steepest as st
from steepest.tabular.printing.coefficients import MOST_ROWS, WIDEST, coefficient_lines


def printed(fitted):
    """Return the words of each line of the table by its first word."""
    lines = str(fitted).split("\n")
    start = next(k for k, line in enumerate(lines) if "loss  " in line) + 1
    stop = next(k for k, line in enumerate(lines) if line.strip().startswith("effect "))
    return [line.split() for line in lines[start:stop]]


class TestOneOutput:
    def test_effects_are_the_coefficients_of_standardised_columns(self, tmp_path):
        rng = np.random.default_rng(0)
        frame = pd.DataFrame(rng.standard_normal((200, 3)) * [1, 100, 0.01] + [5, 0, 9], columns=["a", "b", "c"])
        frame["y"] = 2 * frame["a"] + 0.05 * frame["b"] - 30 * frame["c"] + rng.standard_normal(200)
        fitted = st.fit_table(frame, "y", held_out=0)
        known = LinearRegression().fit(StandardScaler().fit_transform(frame[["a", "b", "c"]]), frame["y"])
        heading, *rows = printed(fitted)
        assert heading == ["coefficient", "error", "effect"]
        assert [row[0] for row in rows] == ["b", "a", "c", "intercept"]
        found = [float(row[-1]) for row in rows[:3]]
        np.testing.assert_allclose(found, known.coef_[[1, 0, 2]], rtol=0.01)
        assert "effect  of a standard deviation of the column on y" in str(fitted)
        assert str(st.load(fitted.save(tmp_path / "kept"))) == str(fitted)
        # Folders of earlier versions have no standard deviations, so the columns keep their order.
        fitted.spread = None
        assert [line.split()[0] for line in str(fitted).split("\n") if " ± " in line][:3] == ["a", "b", "c"]

    def test_the_rest_is_counted(self):
        estimates = np.append(np.arange(1.0, 51.0), 7.0)[None, :]
        names, lines, with_errors = coefficient_lines([f"x{k}" for k in range(50)], (), estimates, None, np.ones(50))
        assert names[1:4] == ["x49", "x48", "x47"]
        assert len(names) == len(lines) == MOST_ROWS + 3
        assert (names[-2], lines[-2]) == ("…", "and 30 more with smaller effects, in coefficients")
        assert (names[-1], lines[-1].split(), with_errors) == ("intercept", ["7"], False)


class TestClasses:
    estimates = np.random.default_rng(0).standard_normal((12, 4))

    @pytest.mark.parametrize(
        ("classes", "with_errors", "shown"), [(2, True, 2), (3, True, 3), (6, False, 6), (12, False, 6)]
    )
    def test_side_by_side_as_far_as_they_fit(self, classes, with_errors, shown):
        labels = [f"class {k}" for k in range(classes)]
        part = self.estimates[:classes]
        names, lines, has_errors = coefficient_lines(["a", "b", "c"], labels, part, np.abs(part) / 5, np.ones(3))
        assert has_errors == with_errors
        assert max(map(len, lines[1:])) <= WIDEST
        assert sum(label in lines[0] for label in labels[1:]) == shown - 1 or shown < classes
        assert ("more classes, in coefficients" in lines[0]) == (shown < classes)
        order = np.argsort(-np.abs(part[:, :3]).max(axis=0))
        assert names[1:] == [*np.array(["a", "b", "c"])[order], "intercept"]
        assert float(lines[1].split()[0]) == pytest.approx(part[0, order[0]], abs=0.02)
        assert float(lines[1].split()[-1]) == pytest.approx(np.abs(part[:, order[0]]).max(), rel=0.01)
