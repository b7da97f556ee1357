"""A fit that predicts held-out rows worse than a constant says so in its first line, with the likely reason."""

from dataclasses import asdict

import numpy as np
import pytest
from sklearn.metrics import mean_squared_error

import steepest as st
from steepest.saving.schema import checked
from steepest.tabular.score import HeldOut, Score, score_of

TRUTH = np.tile([1.0, 4.0, 2.0, 8.0, 3.0], 2)


def scored(predicted, loss=st.losses.squared, classes=None, truth=TRUTH, learned=100, columns=2):
    held_out = HeldOut(np.arange(10, 10 + len(truth)), truth, np.asarray(predicted), np.zeros((len(truth), columns)))
    return score_of(held_out, np.resize(truth, learned), loss, classes)


class TestNumbers:
    def test_a_fit_that_is_better_than_the_mean_is_not_doubted(self):
        assert scored(TRUTH + 1).doubt() == ""
        assert scored(np.full(10, TRUTH.mean())).doubt() == ""

    def test_more_columns_than_rows(self):
        bad = TRUTH[::-1] * 3
        words = scored(bad, learned=5, columns=9).doubt()
        wrong, alone = (mean_squared_error(TRUTH, each) ** 0.5 for each in (bad, np.full(10, 3.6)))
        assert words.startswith("worse than guessing the mean: ")
        assert f"root mean square error on 10 held-out rows is {wrong:.4g}, and {alone:.4g} by the guess" in words
        assert words.endswith("likely reason: more columns than rows: 9 columns, and 5 rows to learn from")

    @pytest.mark.parametrize(
        ("predicted", "options", "reason"),
        [
            (TRUTH[::-1] * 2, {"learned": 60, "columns": 7}, "too few rows: 7 columns, and 60 rows to learn from"),
            (
                TRUTH + 900 * (np.arange(10) == 3),
                {},
                "row 14 of the table has 100 % of the loss, and without it the loss is",
            ),
            (np.tile([3.6, 3.5, 3.7, 3.4, 3.6], 2), {}, "the columns tell nothing of the target, or not by this model"),
            (9 - TRUTH, {}, "the held-out rows differ from those to learn from, or a few rows own the fit"),
            (np.where(np.arange(10) == 2, np.nan, TRUTH), {}, "the held-out rows differ"),
        ],
    )
    def test_other_reasons(self, predicted, options, reason):
        assert f"likely reason: {reason}" in scored(predicted, **options).doubt()

    def test_each_loss_is_compared_with_its_own_guess(self):
        words = scored(TRUTH + 3, st.losses.absolute).doubt()
        assert "worse than guessing the median: the mean absolute loss on 10 held-out rows is 3, and 1.8" in words


class TestClasses:
    truth = np.tile([0.0, 0, 0, 1, 1], 2)

    def test_fewer_right_than_the_commonest_class(self):
        words = scored(np.tile([0.7, 0.6, 0.2, 0.4, 0.9], 2), st.losses.log_loss, ("no", "yes"), self.truth).doubt()
        assert words.startswith(
            "worse than always guessing the most frequent class: 40.0 % on 10 held-out rows are right"
        )
        assert "and 60.0 % by the guess" in words

    def test_sure_and_wrong(self):
        words = scored(
            [*[0.1, 0.1, 0.1, 0.9, 0.9], 0.1, 0.1, 0.1, 0.9, 1e-12], st.losses.log_loss, ("no", "yes"), self.truth
        ).doubt()
        assert words.startswith(
            "worse than guessing the class frequencies: the mean log loss on 10 held-out rows is 2."
        )
        assert "row 20 of the table has 97 % of the loss" in words

    def test_no_row_is_blamed_for_classes_that_it_does_not_own(self):
        chances = [0.7, 0.6, 0.2, 0.4, 1e-12, 0.1, 0.1, 0.6, 0.9, 0.9]
        assert "reason: row" not in scored(chances, st.losses.log_loss, ("no", "yes"), self.truth).doubt()

    def test_a_lower_loss_with_fewer_right_is_not_called_nothing(self):
        truth, chances = np.repeat([0.0, 1.0], [10, 4]), np.repeat([0.02, 0.51, 0.49], [8, 3, 3])
        words = scored(chances, st.losses.log_loss, ("no", "yes"), truth, learned=1_400).doubt()
        assert words.endswith("so the columns tell something, but not enough to name classes")


def test_a_score_of_few_rows_gives_no_reason_but_that():
    # Rows of one kind: none owns the loss.
    words = scored(TRUTH[:3] + 5, truth=TRUTH[:3]).doubt()
    assert words.endswith("likely reason: only 3 rows held out, too few to tell")


def test_a_fit_that_has_not_converged_is_told_from_one_on_too_few_rows():
    x = np.arange(40.0)
    fitted = st.fit_table({"x": x, "y": 3 * x + np.sin(x)}, "y", epochs=0)
    assert not fitted.success
    assert str(fitted).split("\n")[0].endswith("likely reason: the fit has not converged")


def test_the_first_line_of_a_fit_says_so():
    rng = np.random.default_rng(0)
    table = {f"x{k}": rng.standard_normal(60) for k in range(30)} | {"y": rng.standard_normal(60)}
    fitted = st.fit_table(table, "y", penalty=None)
    first = str(fitted).split("\n")[0]
    assert first.startswith("worse than guessing the mean")
    assert first.endswith("too few rows: 30 columns, and 48 rows to learn from")
    assert fitted._summary()[0] == first
    # Scores that were saved before there was a reason load without one.
    record = asdict(fitted.score)
    del record["reason"]
    assert checked(record, Score).doubt() == ""
