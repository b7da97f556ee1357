"""Columns of many texts, compared with the analysis of variance, with scikit-learn and with pandas."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import f_oneway
from sklearn.preprocessing import TargetEncoder

import steepest as st
from steepest.tabular.categories.answers import Answers
from steepest.tabular.categories.means import shrunken_means
from steepest.tabular.encoding import Encoding, learn_encoding
from steepest.tabular.prepare import prepare, prepare_again
from steepest.tabular.reading.files import read_table

OPTIONS = {"features": None, "drop": (), "missing": "mean", "max_categories": 50}


def towns(rows=3000, levels=200, noise=1.0, seed=0):
    """Return a column of texts, some of them missing, and a target that depends on them."""
    rng = np.random.default_rng(seed)
    codes = (levels * rng.random(rows) ** 2).astype(int)
    town = np.array([f"t{code:03}" for code in codes], dtype=object)
    town[rng.random(rows) < 0.02] = None
    return pd.DataFrame({"town": town, "y": rng.normal(0, 2, levels)[codes] + noise * rng.standard_normal(rows)})


def encoded(frame, classes=None, training=None, most=50):
    """Return the encoding of the column "town", and the numbers of the training rows."""
    training = np.ones(len(frame), bool) if training is None else training
    table, _ = read_table(frame[["town"]])
    y = frame["y"].to_numpy() if classes is None else pd.Categorical(frame["y"], classes).codes.astype(float)
    answers = Answers.of("y", y, classes, training)
    encoding = learn_encoding(table, rows=training, answers=answers, max_categories=most)
    return encoding, encoding.transform(table, answers=answers).X


class TestMeans:
    def test_the_shrinkage_is_that_of_the_analysis_of_variance(self):
        # Of groups of one size and variance the best linear predictor keeps 1 - 1/F.
        spread = np.array([-2.0, -0.5, 0.5, 2.0])
        centres = np.array([3.0, 1.0, 4.0, 1.5, 9.0])
        groups = centres[:, None] + spread
        means, overall = shrunken_means(np.repeat(np.arange(5), 4), groups.reshape(-1, 1))
        kept = 1 - 1 / f_oneway(*groups).statistic
        np.testing.assert_allclose(means.ravel(), centres.mean() + kept * (centres - centres.mean()))
        assert overall == pytest.approx(centres.mean())

    def test_many_rows_keep_their_mean_and_few_are_drawn_to_the_middle(self):
        frame = towns()
        codes, names = pd.factorize(frame["town"].fillna("(missing)"))
        means, overall = shrunken_means(codes, frame[["y"]].to_numpy())
        raw, counts = frame.groupby(codes)["y"].mean().to_numpy(), np.bincount(codes)
        kept = (means.ravel() - overall) / (raw - overall)
        assert ((kept > 0) & (kept < 1)).all()
        assert kept[counts > 30].min() > 0.95
        assert kept[counts <= 4].max() < kept[counts > 30].min()
        # scikit-learn's own shrinkage comes to nearly the same where rows are many.
        known = TargetEncoder().fit(frame[["town"]].fillna("(missing)"), frame["y"])
        theirs = pd.Series(known.encodings_[0], known.categories_[0])[list(names)].to_numpy()
        np.testing.assert_allclose(means.ravel()[counts > 30], theirs[counts > 30], atol=0.05)

    def test_no_row_sees_its_own_target(self):
        frame = towns()
        encoding, X = encoded(frame)
        for row in (0, 7, 1999):
            changed = frame.copy()
            changed.loc[row, "y"] += 100
            found = encoded(changed)
            # But for the mean of all rows, which is the same for each of them.
            assert found[1][row] - found[0].parts[0].overall == pytest.approx(X[row] - encoding.parts[0].overall)

    def test_chance_is_not_taken_for_signal(self):
        # A thousand texts of three rows each: the mean of its own text tells a training row a third of its target.
        rng = np.random.default_rng(1)
        frame = pd.DataFrame({"town": [f"t{k // 3}" for k in range(3000)], "y": rng.standard_normal(3000)})
        _, X = encoded(frame)
        assert abs(np.corrcoef(X[:, 0], frame["y"])[0, 1]) < 0.06
        # Nor is it if nearly all texts differ: the mean of the other rows is low if the own target is high.
        rare = frame.assign(town=[f"t{k if k > 9 else k // 2}" for k in range(3000)])
        _, X = encoded(rare)
        assert len(np.unique(X)) <= 11

    def test_held_out_rows_get_the_means_of_training_rows(self):
        frame, training = towns(), np.arange(3000) % 4 > 0
        encoding, X = encoded(frame, training=training)
        other = frame.assign(y=np.where(training, frame["y"], 1e6))
        np.testing.assert_array_equal(encoded(other, training=training)[1], X)
        table, _ = read_table(frame[["town"]])
        np.testing.assert_array_equal(encoding.transform(table).X[~training], X[~training])

    def test_shares_of_classes(self):
        frame = towns()
        frame["y"] = pd.cut(frame["y"], [-np.inf, -1, 1, np.inf], labels=["low", "mid", "top"]).astype(str)
        encoding, X = encoded(frame, ("low", "mid", "top"))
        assert encoding.names == ("town (share of mid)", "town (share of top)")
        shares = pd.get_dummies(frame["y"]).groupby(frame["town"].fillna("(missing)")).transform("mean")
        for k, name in enumerate(("mid", "top")):
            assert np.corrcoef(X[:, k], shares[name])[0, 1] > 0.9
        two = encoded(frame.assign(y=np.where(frame["y"] == "top", "yes", "no")), ("no", "yes"))[0]
        assert two.names == ("town (share of yes)",)

    def test_a_missing_text_is_a_level_and_an_unseen_one_gets_the_overall_mean(self):
        frame = towns()
        encoding, _ = encoded(frame)
        again = Encoding.from_dict(json.loads(json.dumps(encoding.to_dict())))
        assert again == encoding
        found = again.transform(read_table({"town": [None, "nowhere", "nowhere else"]})[0])
        gaps = frame["y"][frame["town"].isna()]
        assert found.X[0, 0] == pytest.approx(gaps.mean(), abs=0.3)
        np.testing.assert_allclose(found.X[1:, 0], frame["y"].mean())
        assert found.unseen == (
            "town: 2 rows with values that the training rows lack, such as nowhere, nowhere else: treated as the "
            f"overall mean of y, {frame['y'].mean():.4g}",
        )

    def test_the_same_table_gives_the_same_numbers_again(self):
        frame = towns(400, 60).assign(n=np.arange(400.0))
        frame.loc[5, "n"] = np.nan
        for missing in ("mean", "drop"):
            ready = prepare(frame, "y", None, 0.25, np.random.default_rng(0), **{**OPTIONS, "missing": missing})
            again = prepare_again(frame, "y", None, ready.encoding, ready.learnt)
            assert ready.encoding.names[0] == "town (mean of y)"
            np.testing.assert_array_equal(again.training.X, ready.training.X)
            np.testing.assert_array_equal(again.held_out.X, ready.held_out.X)
        labelled = frame.assign(y=np.where(frame["y"] > 0, "b", "a"))
        ready = prepare(labelled, "y", None, 0.25, np.random.default_rng(0), **OPTIONS)
        again = prepare_again(labelled, "y", ready.classes, ready.encoding, ready.learnt)
        np.testing.assert_array_equal(again.training.X, ready.training.X)


class TestPooled:
    frame = pd.DataFrame({"c": [*"aaaabbbccdef", None]})

    def test_the_rarest_share_a_column(self):
        encoding = learn_encoding(read_table(self.frame)[0], max_categories=3)
        assert encoding.names == ("c=b", "c=c", "c=(missing)", "c=(other)")
        assert encoding.notes[0].endswith("the most frequent; the 3 values in one row each are pooled as c=(other)")
        found = encoding.transform(read_table({"c": ["a", "c", "e", None, "new", "newer"]})[0])
        other = [0, 0, 0, 1]
        np.testing.assert_array_equal(found.X, [[0, 0, 0, 0], [0, 1, 0, 0], other, [0, 0, 1, 0], other, other])
        assert found.unseen == (
            "c: 2 rows with values that the training rows lack, such as new, newer: treated as c=(other)",
        )

    def test_those_of_one_row_share_a_column_if_there_are_several(self):
        def names(texts, most=50):
            table, _ = read_table({"c": [*texts], "n": range(len(texts))})
            return learn_encoding(table, max_categories=most).names[:-1]

        assert names("aaabbcd") == ("c=b", "c=(other)")
        assert names("aaabbc") == ("c=b", "c=c")
        assert names("abcd") == ("c=b", "c=c", "c=d")
        assert names("aaabbbccdd", 2) == ("c=b", "c=(other)")

    def test_folders_of_earlier_versions_load(self):
        part = {"kind": "category", "column": "c", "baseline": "a", "categories": ["b", None]}
        encoding = Encoding.from_dict({"missing": "mean", "parts": [part], "notes": []})
        found = encoding.transform(read_table({"c": ["b", "a", None, "z"]})[0])
        np.testing.assert_array_equal(found.X, [[1, 0], [0, 0], [0, 1], [0, 0]])
        assert "treated as the baseline c=a" in found.unseen[0]


class TestRows:
    encoding = learn_encoding(read_table({"n": [1.0, 2.0, 4.0], "c": ["x", "y", "x"]})[0])

    @pytest.mark.parametrize(
        "rows",
        [
            {"c": "y", "n": 3},
            pd.Series({"c": "y", "n": 3.0, "more": None}),
            [{"c": "y", "n": 3}],
            pd.DataFrame({"c": ["y"], "n": [3.0]}).iloc[0],
            {"n": [3], "c": ["y"]},
            {"n": np.float64(3), "c": "y"},
        ],
    )
    def test_one_row_in_any_form(self, rows):
        np.testing.assert_array_equal(self.encoding.transform(read_table(rows)[0]).X, [[3, 1]])

    def test_rows_with_gaps(self):
        found = self.encoding.transform(read_table([{"c": "y"}, {"n": 5}, pd.Series({"n": 1.0, "c": np.nan})])[0])
        np.testing.assert_allclose(found.X, [[7 / 3, 1], [5, 0], [1, 0]])
        assert "treated as the baseline c=x" in found.unseen[0]
        np.testing.assert_allclose(self.encoding.transform(read_table({"n": None, "c": None})[0]).X, [[7 / 3, 0]])

    @pytest.mark.parametrize(
        ("rows", "words"),
        [
            ({"n": 3}, "there is no column 'c' in the table"),
            ({"m": 3}, "there are no columns 'n', 'c' in the table: there are m"),
            ({"n": 3, "c": ["x", "y"]}, "n is a single value, 3, and c is a column: give columns of one length"),
            ([{"n": 3, "c": "x"}, 7], "entry 2 of the list is 7, and not a row: give a dict"),
        ],
    )
    def test_what_is_no_row(self, rows, words):
        with pytest.raises(ValueError, match=words.replace("(", r"\(")):
            self.encoding.transform(read_table(rows)[0])


def test_a_fit_warns_of_texts_it_has_not_seen():
    frame = towns(600, 80)
    fitted = st.fit_table(frame, "y")
    assert list(fitted.coefficients) == ["town (mean of y)"]
    # A model of the means explains what the towns explain: their variance is 4, that of the noise 1.
    assert fitted.score.value > 0.5
    with pytest.warns(RuntimeWarning, match="town: 2 rows with values that the training rows lack, such as moon, sun"):
        fitted.predict([{"town": "moon"}, {"town": "sun"}, {"town": "t001"}])
