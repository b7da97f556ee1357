"""Columns as numbers, compared with pandas, and the columns and targets that must be refused."""

import datetime
import json
from typing import ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from steepest.tabular.encoders import ENCODERS
from steepest.tabular.encoding import Encoding, learn_encoding
from steepest.tabular.reading.arrow import TableError
from steepest.tabular.reading.files import read_table
from steepest.tabular.target import learn_target


def encode(columns, **options):
    table = read_table(columns)[0]
    encoding = learn_encoding(table, **options)
    return encoding, encoding.transform(table)


def refusal(act):
    with pytest.raises(TableError) as error:
        act()
    assert "\n" not in str(error.value)
    return str(error.value)


class TestColumns:
    def test_texts_are_dummies_as_pandas_makes_them(self):
        rng = np.random.default_rng(0)
        frame = pd.DataFrame({"c": rng.choice(["w", "x", "y", "z"], 200, p=[0.2, 0.5, 0.2, 0.1]), "n": rng.random(200)})
        encoding, encoded = encode(frame)
        known = pd.get_dummies(frame, columns=["c"], prefix_sep="=").drop(columns="c=x")
        np.testing.assert_array_equal(encoded.X, known[list(encoding.names)].to_numpy(float))
        assert encoding.names == ("c=w", "c=y", "c=z", "n")
        assert "against the baseline c=x, the most frequent" in encoding.notes[0]

    def test_times_as_days_and_hours(self):
        day = datetime.datetime(2013, 1, 1, 6)
        zone = datetime.UTC
        encoding, encoded = encode(
            {
                "date": [day, day + datetime.timedelta(days=2, hours=12), None],
                "zoned": [day.replace(tzinfo=zone), day.replace(day=3, tzinfo=zone), None],
                "clock": [datetime.time(1, 30), datetime.time(18), None],
                "span": [datetime.timedelta(hours=1), datetime.timedelta(days=1), None],
                "flag": [True, False, None],
            }
        )
        assert encoding.names == (
            "date (days since 2013-01-01)",
            "zoned (days since 2013-01-01 UTC)",
            "clock (hours since midnight)",
            "span (hours)",
            "flag",
        )
        np.testing.assert_allclose(encoded.X[:2], [[0.25, 0.25, 1.5, 1, 1], [2.75, 2.25, 18, 24, 0]])
        np.testing.assert_allclose(encoded.X[2], encoded.X[:2].mean(axis=0))

    def test_texts_of_a_csv_that_are_dates(self, tmp_path):
        (tmp_path / "t.csv").write_text("when,n\n2024-02-28,1\n2024-03-01,2\n")
        encoding, encoded = encode(tmp_path / "t.csv")
        assert encoding.names[0] == "when (days since 2024-02-28)"
        np.testing.assert_array_equal(encoded.X[:, 0], [0, 2])

    def test_columns_that_teach_nothing_are_named(self):
        encoding, _ = encode(
            {
                "same": [1, 1, 1],
                "void": pa.nulls(3),
                "id": ["a", "b", "c"],
                "word": ["x", "x", "x"],
                "list": [[1], [2], [3]],
                "n": [1, 2, 3],
            },
            max_categories=2,
        )
        assert encoding.names == ("n",)
        words = [
            "same: one value in all rows",
            "void: no value",
            "id: a different value in each row",
            "word: 'x' in every row",
            "list: a column of type list",
        ]
        for word, note in zip(words, encoding.notes, strict=True):
            assert note.startswith(word)
            assert "so dropped" in note

    def test_numbers_with_a_stray_word_say_so(self):
        encoding, _ = encode({"n": [1, 2, 3, 4], "t": ["1", "2", "x7", "4"]}, max_categories=3)
        assert "the first that is not is 'x7' in row 3" in encoding.notes[0]


class TestMissing:
    columns: ClassVar = {"a": [1.0, None, 3.0, 8.0], "c": ["x", "x", None, "y"], "y": [1, 2, 3, 4]}

    def test_mean_of_the_training_rows(self):
        encoding, encoded = encode(self.columns, target="y", rows=np.array([0, 1, 2]))
        assert encoding.names == ("a", "c=(missing)")
        np.testing.assert_array_equal(encoded.X, [[1, 0], [2, 0], [3, 1], [8, 0]])
        assert encoded.unseen[0].startswith("c: 1 row with values that the training rows lack, such as y")

    def test_drop(self):
        encoding, encoded = encode(self.columns, target="y", missing="drop")
        np.testing.assert_array_equal(encoded.kept, [True, False, False, True])
        np.testing.assert_array_equal(encoded.X, [[1, 0], [8, 1]])
        assert encoding.notes[0] == "2 rows with missing values dropped (a 1, c 1)"

    def test_error(self):
        assert "values are missing (a 1, c 1)" in refusal(lambda: encode(self.columns, target="y", missing="error"))
        with pytest.raises(ValueError, match="missing='men' is unknown: did you mean 'mean'"):
            encode(self.columns, missing="men")


class TestAnotherTable:
    def test_the_same_numbers_through_json(self):
        flags = {"f": [True, False]}
        table = read_table({"n": [0.1, 0.2], "c": ["x", "y"], "d": [datetime.date(2020, 1, 1), None], **flags})[0]
        encoding = learn_encoding(
            read_table({"n": [0.1, 0.3], "c": ["x", "y"], "d": pd.date_range("2019", periods=2), **flags})[0]
        )
        assert {part["kind"] for part in encoding.to_dict()["parts"]} == set(ENCODERS) - {"targetmean"}
        again = Encoding.from_dict(json.loads(json.dumps(encoding.to_dict())))
        assert again == encoding
        np.testing.assert_array_equal(again.transform(table).X, encoding.transform(table).X)

    @pytest.mark.parametrize(
        ("column", "words"),
        [
            (["x", "2"], "n: 'x' in row 1 is not a number"),
            ([datetime.date(2020, 1, 1)] * 2, "holds date32[day] and not numbers"),
            ([1.0, np.inf], "n: the value in row 2 is inf"),
        ],
    )
    def test_a_column_of_another_kind(self, column, words):
        encoding, _ = encode({"n": [1.0, 2.0], "m": [1, 2]})
        assert words in refusal(lambda: encoding.transform(read_table({"n": column, "m": [1, 2]})[0]))

    def test_a_column_that_is_gone(self):
        encoding, _ = encode({"speed": [1.0, 2.0]})
        assert "did you mean 'sped'?" in refusal(lambda: encoding.transform(read_table({"sped": [1.0]})[0]))

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"features": ["b"]}, "there is no column 'b'"),
            ({"features": "a"}, "give a list of names"),
            ({"features": ["a", "a"]}, "given twice"),
            ({"features": ["a", "y"], "target": "y"}, "is among the features"),
            ({"drop": ["a"], "target": "y"}, "no feature is left"),
        ],
    )
    def test_names_that_make_no_sense(self, options, words):
        assert words in refusal(lambda: encode({"a": [1, 2], "y": [3, 4]}, **options))


class TestTarget:
    @staticmethod
    def of(values, task=None):
        return learn_target(read_table({"y": values, "x": range(len(values))})[0], "y", task)

    def test_tasks_and_classes(self):
        assert (self.of([1.5, 2.5, 3.5]).task, self.of([3, 5, 3]).classes) == ("regression", (3, 5))
        assert self.of([True, False]).classes == (False, True)
        answer = self.of(["yes", None, "no", "yes"])
        assert (answer.classes, answer.y.tolist(), answer.kept.tolist()) == (
            ("no", "yes"),
            [1, 0, 1],
            [True, False, True, True],
        )
        assert "3 rows with a value (1 without one dropped)" in answer.notes[0]
        assert self.of([3, 5, 3], "regression").y.tolist() == [3, 5, 3]
        answer = self.of(["b", "c", "a", "c"])
        assert (answer.task, answer.classes, answer.y.tolist()) == ("classification", ("a", "b", "c"), [1, 2, 0, 2])
        assert self.of([7, 9, 8, 9], "classification").classes == (7, 8, 9)
        assert "if its 3 values are labels" in self.of([7, 9, 8, 9, 8, 7]).notes[0]

    @pytest.mark.parametrize(
        ("values", "task", "words"),
        [
            ([1, 1, 1], None, "is always 1"),
            (["a", "a"], None, "is always 'a'"),
            ([None, float("nan")], None, "has no value in any row"),
            ([f"v{i}" for i in range(5000)], None, "has 5,000 different texts, such as 'v0', 'v1', 'v10'"),
            (["1", "2", "3", "x"], None, "the first that is not is 'x' in row 4"),
            ([1, 2, 3], "classification", "a different one in each row"),
            (["1", "2", "x", "2", "1"], None, "the first that is not is 'x' in row 3"),
            ([1.5, 2, 3, 3], "classification", "labels are texts or whole numbers"),
            ([k % 60 for k in range(120)], "classification", "at most 50 classes are possible"),
            (["a", "b"], "regression", "a regression needs numbers"),
            ([datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)], None, "give a number instead"),
            ([1.0, np.inf, 2.0], None, "the value in row 2 is inf"),
        ],
    )
    def test_refusals(self, values, task, words):
        assert words in refusal(lambda: self.of(values, task))

    def test_a_name_that_is_not_there(self):
        assert "did you mean 'delay'?" in refusal(lambda: learn_target(read_table({"delay": [1]})[0], "dely"))
