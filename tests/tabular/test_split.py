"""Rows held out by time, by a column's order or by groups, and what is said of it."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupShuffleSplit

import steepest as st
from steepest.tabular.reading.arrow import TableError


def sales(rows=100, seed=0):
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "day": pd.date_range("2013-01-01", periods=rows),
            "year": np.repeat(np.arange(2001, 2011), rows // 10),
            "shop": np.repeat(list("abcdefghijklmnopqrst"), rows // 20),
            "open": np.arange(rows) < rows // 4,
            "x": random.normal(size=rows),
        }
    )
    return frame.assign(y=frame["x"] + random.normal(size=rows)).sample(frac=1, random_state=seed)


def parts(frame, split, **options):
    fitted = st.fit_table(frame, "y", split=split, **options)
    return frame[fitted.learnt], frame[~fitted.learnt], fitted


class TestOrder:
    @pytest.mark.parametrize("split", ["time", "day"])
    def test_the_last_days_are_held_out(self, split):
        frame = sales()
        _, held_out, fitted = parts(frame, split)
        assert set(held_out["day"]) == set(frame["day"].sort_values()[-20:])
        assert "20 rows held out (those with day from 2013-03-22 on), 80 to learn from" in fitted.notes
        assert any(name.startswith("day") for name in fitted.coefficients)

    def test_texts_are_read_as_dates_first(self):
        frame = sales()
        frame["day"] = frame["day"].dt.strftime("%d/%m/%Y")
        _, held_out, _ = parts(frame, "time")
        assert pd.to_datetime(held_out["day"], dayfirst=True).min() == pd.Timestamp("2013-03-22")

    def test_rows_with_the_same_number_stay_together(self):
        learned, held_out, _ = parts(sales(), "year", held_out=0.17)
        assert sorted(set(held_out["year"])) == [2009, 2010]
        assert learned["year"].max() == 2008

    def test_whole_numbers_read_as_floats_are_named_as_whole(self):
        years = st.fit_table({"year": [1998.0, np.nan, 1999.0, 2000.0, 2000.5], "y": [1.0, 2.0, 3.0, 4.0, 5.0]}, "y",
            split="year", held_out=0.4, penalty=None)  # fmt: skip
        assert "those with year from 2000 on" in " ".join(years.notes)

    def test_rows_without_a_value_are_learned_from(self):
        frame = sales()
        frame.loc[frame.index[:7], "day"] = pd.NaT
        learned, held_out, fitted = parts(frame, "time")
        assert learned["day"].isna().sum() == 7
        assert len(held_out) == round(0.2 * 93)
        assert any("7 rows without day to learn from" in note for note in fitted.notes)


class TestGroups:
    def test_no_group_is_in_both_parts(self):
        frame = sales()
        learned, held_out, fitted = parts(frame, "shop")
        assert set(learned["shop"]).isdisjoint(held_out["shop"])
        # Groups of one size, so scikit-learn holds out as many.
        _, known = next(GroupShuffleSplit(1, test_size=0.2, random_state=0).split(frame, groups=frame["shop"]))
        assert len(held_out) == len(known)
        assert not any(name.startswith("shop") for name in fitted.coefficients)
        assert "shop: no feature, as its groups are held out as a whole" in fitted.notes

    def test_the_seed_decides(self):
        frame = sales()
        drawn = [st.fit_table(frame, "y", split="shop", rng=seed).learnt for seed in (1, 1, 2)]
        np.testing.assert_array_equal(drawn[0], drawn[1])
        assert (drawn[0] != drawn[2]).any()

    def test_the_column_is_a_feature_if_it_is_named(self):
        *_, fitted = parts(sales(), "shop", features=["x", "shop"])
        assert any(name.startswith("shop") for name in fitted.coefficients)

    def test_a_flag_has_two_groups(self):
        learned, held_out, _ = parts(sales(), "open")
        assert {len(set(each["open"])) for each in (learned, held_out)} == {1}

    def test_a_fit_goes_on_with_the_same_rows(self):
        frame = sales()
        *_, fitted = parts(frame, "shop")
        again = fitted.more(frame)
        assert set(again.held_out.rows) == set(np.flatnonzero(~fitted.learnt))
        assert again.score.value == pytest.approx(fitted.score.value)


class TestShare:
    TITLE = "far more rows are held out than asked for"

    def split(self, column, rng=0, **options):
        """The table of a column with a target of its own, and whether it is warned that too many rows are held out."""
        random = np.random.default_rng(5)
        frame = pd.DataFrame({"by": column, "x": random.normal(size=len(column))})
        frame["y"] = frame["x"] + random.normal(size=len(column))
        fitted = st.fit_table(frame, "y", split="by", rng=rng, penalty=None, **options)
        return (~fitted.learnt).sum(), [str(each) for each in fitted.warnings if each.name == self.TITLE]

    @pytest.mark.parametrize("rng", range(6))
    def test_groups_that_are_too_large_are_passed_over(self, rng):
        assert self.split(np.repeat(["big", "s"], [190, 10]), rng) == (10, [])
        # 40 rows are asked for: with the group of 40 or, if that of 10 comes first, with both.
        rows, warned = self.split(np.repeat(["a", "b", "c"], [150, 40, 10]), rng)
        assert rows in (40, 50)
        assert not warned

    def test_a_smallest_group_of_half_the_rows_is_named(self):
        rows, warned = self.split(np.repeat(["a", "b"], [110, 90]))
        assert rows == 90
        assert "90 of 200 rows are held out, 45 % in place of 20 %: even the smallest group" in warned[0]

    def test_dates_that_are_nearly_all_the_last(self):
        days = pd.to_datetime(np.repeat(["2020-01-01", "2020-01-02"], [5, 195]))
        rows, warned = self.split(days)
        assert rows == 195
        assert "98 % in place of 20 %: they all have the last value of by." in warned[0]

    def test_twice_as_many_are_not_named(self):
        assert self.split(np.repeat([1, 2], [60, 40])) == (40, [])


class TestRefused:
    @pytest.mark.parametrize(
        ("split", "options", "message"),
        [
            ("time", {"day": None}, "split='time': the table has no column of dates"),
            ("time", {"night": sales()["day"]}, "split='time': the table has 2 columns of dates, 'day', 'night'"),
            (
                "time",
                {"time": 1.0},
                "may mean the column 'time' or that of the dates, 'day': give split='day'",
            ),
            ("shopp", {}, "split='shopp' is no column: did you mean 'shop'"),
            ("y", {}, "split='y' is the target"),
            ("one", {"one": 1.0}, "fewer than two different values"),
            ("one", {"one": "a"}, "all rows are one group"),
            ("year", {"y": np.where(sales()["year"] > 2008, "late", "early")}, "all rows of y = 'late' would be held"),
        ],
    )
    def test_what_can_not_divide_the_rows(self, split, options, message):
        frame = sales().assign(**{name: value for name, value in options.items() if value is not None})
        frame = frame.drop(columns=[name for name, value in options.items() if value is None])
        with pytest.raises((TableError, ValueError), match=message):
            st.fit_table(frame, "y", split=split)

    def test_a_split_of_nothing(self):
        with pytest.raises(ValueError, match="held_out=0 holds out none"):
            st.fit_table(sales(), "y", split="time", held_out=0)
        with pytest.raises(TypeError, match="split=3: give 'random', 'time' or the name of a column"):
            st.fit_table(sales(), "y", split=3)

    def test_a_column_that_is_called_time_is_taken_if_there_is_no_single_date(self):
        frame = sales().drop(columns="day").rename(columns={"year": "time"})
        _, held_out, _ = parts(frame, "time")
        assert held_out["time"].min() == 2009
