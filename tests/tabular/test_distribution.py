"""Warnings of skewed targets, of neighbours that are alike and of parts that differ; clean tables have none."""

import numpy as np
import pandas as pd
from scipy.signal import lfilter
from scipy.stats import skew

import steepest as st
from steepest.tabular.prepare import prepare

TITLES = {
    "heavily skewed target",
    "neighbouring rows are alike",
    "the residuals follow a column",
    "the held-out rows differ from those to learn from",
}


def found(frame, **options):
    warnings = st.fit_table(frame, "y", **{"penalty": None} | options).warnings
    return [each for each in warnings if each.name in TITLES]


def series(rows=300, memory=0.8, seed=0):
    """Rows in the order of time, whose residuals remember those before."""
    random = np.random.default_rng(seed)
    x = random.normal(size=rows)
    y = x + lfilter([1], [1, -memory], random.normal(size=rows))
    return pd.DataFrame({"day": pd.date_range("2013-01-01", periods=rows), "x": x, "y": y})


class TestSkewedTarget:
    def lognormal(self):
        random = np.random.default_rng(0)
        x = random.normal(size=300)
        return pd.DataFrame({"x": x, "y": np.exp(x + random.normal(size=300))})

    def test_its_skewness_is_said(self):
        (warning,) = found(self.lognormal(), held_out=0)
        y = self.lognormal()["y"]
        assert f"y has a skewness of {skew(y):.1f}, and its logarithm one of {skew(np.log(y)):.1f}" in warning.text
        assert "--log-target" in warning.cure

    def test_by_what_it_saves_of_the_squared_error(self):
        """It saves nothing where the target is a sum, however skewed its noise is."""
        random = np.random.default_rng(0)
        x = np.exp(random.normal(size=(400, 2)))
        y = 1 + 3 * x[:, 0] + 0.2 * x[:, 1] * random.exponential(1, 400)
        assert skew(y) > 2 > 2 * abs(skew(np.log(y)))
        assert not found({"x": x[:, 0], "z": x[:, 1], "y": y}, held_out=0)
        (warning,) = found(self.lognormal(), held_out=0)
        assert "% less than that of least squares" in warning.text

    def test_a_skewed_column_may_explain_it(self):
        random = np.random.default_rng(0)
        x = np.exp(random.normal(size=300))
        assert not found({"x": x, "y": 3 * x + 1 + random.uniform(0, 1, 300)})

    def test_it_is_no_news_if_its_logarithm_is_fitted(self):
        assert not found(self.lognormal(), log_target=True)

    def test_zeros_have_no_logarithm(self):
        assert not found(self.lognormal().assign(y=lambda frame: np.maximum(frame["y"] - 1, 0)))


class TestNeighbours:
    def test_in_time(self):
        (warning,) = found(series())
        assert warning.name == "neighbouring rows are alike"
        assert warning.text.startswith("In the order of day, ")
        assert "split='day' (--split day)" in warning.cure

    def test_in_time_although_the_rows_are_shuffled(self):
        assert found(series().sample(frac=1, random_state=0))

    def test_in_the_order_of_the_table(self):
        (warning,) = found(series().drop(columns="day"))
        assert warning.text.startswith("In the order of the table, ")

    def test_the_order_of_the_target_tells_nothing(self):
        frame = series(memory=0.0).drop(columns="day")
        assert not found(frame.sort_values("y"))
        groups = np.random.default_rng(0).choice(list("abcdefgh"), len(frame))
        assert not found(frame.assign(group=groups).sort_values(["group", "y"]))
        classes = frame.assign(y=np.where(frame["y"] > 0, "a", "b"))
        assert not found(classes.sort_values("y"), penalty=st.penalties.L2(0.1))

    def test_nor_does_that_of_a_column_which_the_model_misfits(self):
        frame = series(memory=0.0).drop(columns="day").sort_values("x")
        assert not found(frame.assign(y=frame["y"] + 3 * frame["x"] ** 2))

    def test_a_sorted_column_that_the_model_misfits_in_steps_or_waves_is_named(self):
        random = np.random.default_rng(0)
        age = np.sort(random.uniform(20, 90, 400))
        steps = 3 * (age >= 65) + 0.02 * age + 0.7 * random.normal(size=400)
        for y in (steps, np.sin(age / 3) + 0.3 * random.normal(size=400)):
            (warning,) = found({"age": age, "y": y})
            assert warning.name == "the residuals follow a column"
            assert warning.text.startswith("The table is sorted by age, and")
            assert "The model misfits age, or" in warning.text

    def test_neighbours_among_rows_with_one_value_of_a_sorted_column_are_alike(self):
        frame = series().drop(columns="day")
        (warning,) = found(frame.assign(late=np.arange(300) >= 150))
        assert warning.name == "neighbouring rows are alike"

    def test_nothing_is_said_if_the_last_rows_are_held_out(self):
        assert not any(each.name == "neighbouring rows are alike" for each in found(series(), split="time"))


class TestParts:
    def test_a_column_that_drifts_is_named(self):
        frame = series(memory=0.0)
        frame["x"] += np.arange(len(frame)) / 50
        (warning,) = found(frame, split="time")
        at = frame.index < 240
        before, after = frame["x"][at].mean(), frame["x"][~at].mean()
        assert (
            f"The mean of x is {before:.4g} in the rows to learn from and {after:.4g} in those held out" in warning.text
        )
        assert "mean of y" not in warning.text
        assert "day" not in warning.text

    def test_classes_that_become_more_frequent(self):
        frame = series(memory=0.0)
        likely = np.where(np.arange(len(frame)) < 240, 0.1, 0.9)
        frame["y"] = np.where(np.random.default_rng(0).uniform(size=len(frame)) < likely, "yes", "no")
        (warning,) = found(frame, split="time", penalty=st.penalties.L2(0.1))
        assert warning.text.startswith("The rows with y = yes are 11.2 % of the rows to learn from and 86.7 % of those")
        assert "drop=" not in warning.cure

    def test_the_target_is_said_apart_from_the_features(self):
        frame = series(memory=0.0)
        late = np.arange(len(frame)) >= 240
        frame["y"] += 5 * late
        random = np.random.default_rng(1)
        frame["sky"] = np.where(random.uniform(size=len(frame)) < np.where(late, 0.9, 0.1), "rain", "sun")
        frame["x"] += 2 * late
        (warning,) = found(frame, split="time")
        target, _, features = warning.text.partition(" Of the features, ")
        assert target.startswith("The mean of y is ")
        before, after = (100 * (frame["sky"][rows] == "rain").mean() for rows in (~late, late))
        assert f"the rows with sky=rain are {before:.3g} % of the rows to learn from and {after:.3g} %" in features
        assert any(f"drop={names}" in warning.cure for names in (["sky", "x"], ["x", "sky"]))


class TestGroups:
    """The groups are exchangeable: those that are held out are drawn at random."""

    def table(self, seed, count, apart=0.0):
        random = np.random.default_rng(seed)
        group = np.repeat(np.arange(count), 40)
        x = random.normal(size=count)[group] + random.normal(size=len(group))
        y = x + random.normal(size=count)[group] + random.normal(size=len(group))
        return pd.DataFrame({"group": [f"g{k}" for k in group], "x": x, "y": y})

    def test_chance_among_groups_is_no_difference(self):
        title = "the held-out rows differ from those to learn from"
        for count in (2, 5, 10, 30):
            for seed in range(8):
                frame = self.table(seed, count)
                assert not any(each.name == title for each in found(frame, split="group", rng=seed)), (count, seed)

    def test_groups_that_differ_beyond_chance_are_named(self):
        frame = self.table(0, 30)
        parts = prepare(
            frame, "y", None, 0.2, np.random.default_rng(0),
            features=None, drop=(), missing="mean", max_categories=50, split="group",
        )  # fmt: skip
        frame.loc[parts.held_out.numbers, "x"] += 8
        (warning,) = found(frame, split="group")
        assert "x" in warning.text


def test_clean_tables_have_no_warning():
    for seed in range(40):
        random = np.random.default_rng(seed)
        rows = int(random.choice([40, 150, 600]))
        frame = pd.DataFrame(random.normal(size=(rows, 4)), columns=list("abcy"))
        frame["y"] += random.standard_t(3, rows) * np.abs(frame["a"])
        frame["day"] = pd.date_range("2013-01-01", periods=rows)
        assert not found(frame, split=["random", "time", "a"][seed % 3]), seed
