"""Columns as people write them, against the same data written cleanly, and pandas' reading of dates."""

import datetime
import json
from typing import ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from steepest.tabular.encoding import Encoding, learn_encoding
from steepest.tabular.fit import fit_table
from steepest.tabular.prepare import prepare
from steepest.tabular.reading.arrow import TableError
from steepest.tabular.reading.files import read_table
from steepest.tabular.reading.written.learn import learn_spelling
from steepest.tabular.reading.written.marks import Marks
from steepest.tabular.target import learn_target

CLEAN = [1234.5, -300.0, 20.25, 7.0, 15000.0, 2500000.75, None]
DAYS = pd.date_range("2019-12-20", periods=30, freq="D")


def encode(texts, marks=None, **options):
    """The column of a matrix that texts become, and what is said of them."""
    table = read_table({"c": pa.array(texts, pa.string()), "n": np.arange(len(texts)) % 2})[0]
    encoding = learn_encoding(table, spelling=learn_spelling(table, marks), **options)
    return encoding, encoding.transform(table)


def numbers_of(texts, marks=None):
    encoding, encoded = encode(texts, marks, missing="keep")
    assert encoding.names[0] == "c"
    return encoded.X[:, 0], encoding.notes[0]


def swapped(text):
    """A number with its marks the other way round."""
    return text.translate(str.maketrans(",.", ".,"))


class TestNumbers:
    @pytest.mark.parametrize(
        "write",
        [
            lambda x: f"{x:,.2f}",
            lambda x: swapped(f"{x:,.2f}"),
            lambda x: f"{x:.2f}".replace(".", ","),
            lambda x: f"{x:,.2f}".replace(",", " "),
            lambda x: f"{x:,.2f}".replace(",", "\u202f").replace(".", ","),
            lambda x: f"{x:,.2f}".replace(",", "'"),
            lambda x: f"$ {x:,.2f}".replace("$ -", "-$"),
            lambda x: f"${x:,.2f}",
            lambda x: f"{x:,.2f} €",
            lambda x: f"EUR {x:,.2f}",
            lambda x: f"{x}%",
            lambda x: f"{x:,.2f} km",
            lambda x: f"{x:,.2f}km/h",
            lambda x: f"{x:,.2f} {'year' if x == 7 else 'years'}",
            lambda x: f"{x:,.2f} sq. ft",
            lambda x: f"({-x:,.2f})" if x < 0 else f"{x:,.2f}",
            lambda x: f"$({-x:,.2f})" if x < 0 else f"${x:,.2f}",
            lambda x: f"{-x:,.2f}-" if x < 0 else f"{x:,.2f}",
            lambda x: f"{x:+,.2f}".replace("-", "−"),
            lambda x: f"{x:.10e}",
            lambda x: f" {x} ",
        ],
    )
    def test_a_spelling_is_the_number(self, write):
        found, _ = numbers_of([None if x is None else write(x) for x in CLEAN])
        np.testing.assert_array_equal(found, np.array(CLEAN, float))

    def test_every_digit_as_python_reads_it(self):
        numbers = np.random.default_rng(0).lognormal(5, 4, 2000)
        found, _ = numbers_of([f"${x:,.17g}" for x in numbers])
        np.testing.assert_array_equal(found, numbers)

    @pytest.mark.parametrize(
        "texts",
        [
            ["1.2M", "350k", "900", "3bn"],
            ["1.2m", "350K", "900", "3B"],
            ["$1.2M", "$350K", "$900", "$3B"],
            ["£1.2m", "£0.35m", "£900", "£3,000m"],
            ["1,2 Mio. €", "350 k€", "900 €", "3 Mrd. €"],
            ["1200 TEUR", "350 TEUR", "900 EUR", "3000000 kEUR"],
            ["1.2 million", "350 thousand", "900", "3 billion"],
            ["120万円", "35万円", "900円", "30億円"],
            ["12 lakh", "3.5 lakh", "900", "300 crore"],
        ],
    )
    def test_factors(self, texts):
        found, note = numbers_of(texts)
        np.testing.assert_array_equal(found, [1_200_000, 350_000, 900, 3_000_000_000])
        assert "has no factor" in note

    def test_a_factor_alone_multiplies_and_is_said(self):
        found, note = numbers_of(["28k", "1.1k", "35.07k"])
        np.testing.assert_array_equal(found, [28_000, 1_100, 35_070])
        assert note == "c: texts read as numbers, such as '35.07k' as 35070; k is 1,000"
        # Kelvin behind a space, and metres.
        assert numbers_of(["300 K", "280 K"])[0].tolist() == [300, 280]
        assert numbers_of(["300 m", "280 m"])[0].tolist() == [300, 280]

    @pytest.mark.parametrize(
        ("texts", "words"),
        [
            (["12 KM", "13 km", "8 Km"], "in km, such as '12 KM' as 12; KM and Km and km are one unit"),
            (["12 Kg", "13 kg", "8 KG"], "KG and Kg and kg are one unit"),
            (["12 km/H", "13 km/h", "8 KM/h"], "are one unit"),
            (["12 percent", "13 %", "8 pct"], "in %"),
            (["12 m/s", "13 m/s", "8 m/s"], "in m/s"),
        ],
    )
    def test_one_unit_in_several_spellings(self, texts, words):
        found, note = numbers_of(texts)
        assert found.tolist() == [12, 13, 8]
        assert words in note

    @pytest.mark.parametrize("word", ["?", "-", "--", ".", "missing", "n/a", "N.A.", "unknown", "#DIV/0!", "", "  "])
    def test_a_word_for_a_missing_value(self, word):
        found, note = numbers_of(["1", "2.5", word, "4"])
        np.testing.assert_array_equal(found, [1, 2.5, np.nan, 4])
        assert repr(word.strip()) in note

    def test_nine_tenths_of_numbers_make_the_rest_missing(self):
        texts = [f"{k}.5" for k in range(18)]
        found, note = numbers_of([*texts, "call us", "sold"])
        np.testing.assert_array_equal(found, [*np.arange(18) + 0.5, np.nan, np.nan])
        assert "no numbers, so missing, too: 2 other values, 'call us' (1), 'sold' (1)" in note
        encoding, _ = encode([*texts, "call us", "sold", "sold"])
        assert encoding.names[0].startswith("c=")

    @pytest.mark.parametrize(
        ("texts", "words"),
        [
            (["12 km", "13 km", "8 mi"], "different units, km (2), mi (1)"),
            (["5 %", "6 %", "0.07"], "different units, % (2), none (1)"),
            (["5 mW", "6 MW", "7 mW"], "different units"),
            (["5 m", "5M", "6 m"], "different units, m (2), M (1)"),
            (["5 km", "30k", "6 km"], "different units, km (2), none (1)"),
            (["300 K", "290", "280 K"], "different units, K (2), none (1)"),
            (["5 MB/s", "6 Mb/s", "5 MB/s"], "different units, MB/s (2), Mb/s (1)"),
            (["3 Mrd", "2 Billion", "3 Mrd"], "different units, Mrd (2), billion (1)"),
            (["1B", "2B", "3B"], ""),
            (["01234", "12345", "23456"], "'01234' begins with 0"),
            (["1st", "2nd", "3rd"], ""),
            (["1st class", "2nd class", "1st class"], ""),
            (["1a", "1b", "2a"], ""),
            (["13 pm", "14 pm", "15 pm"], ""),
            (["10:75", "11:80", "12:95"], ""),
            (["1.2.3", "1.2.4", "1.2.3"], ""),
            (["1-5", "6-10", "1-5"], ""),
            (["12,34", "1,2,3", "5.6.7"], ""),
        ],
    )
    def test_what_stays_a_text(self, texts, words):
        encoding, _ = encode(texts)
        assert all(name.startswith("c=") for name in encoding.names[:-1])
        assert words in encoding.notes[0]

    def test_identifiers_with_more_digits_than_a_number_holds(self, tmp_path):
        ids = [12345678901234567000 + k % 3 for k in range(12)]
        (tmp_path / "t.csv").write_text("id,big,y\n" + "".join(f"{each},{each}.5,{k}\n" for k, each in enumerate(ids)))
        table, _ = read_table(tmp_path / "t.csv")
        encoding = learn_encoding(table, "y", spelling=learn_spelling(table))
        assert encoding.names[:2] == ("id=12345678901234567001", "id=12345678901234567002")
        assert "id: each has 20 digits, more than a number holds, so its texts are identifiers" in encoding.notes[0]
        assert table["big"].type == pa.float64()

    def test_categories_made_on_purpose_stay(self):
        frame = pd.DataFrame({"c": pd.Categorical(["1", "2", "3"] * 2 + ["1"]), "n": [1, 2, 3, 5, 1, 2, 3]})
        assert learn_encoding(read_table(frame)[0]).names == ("c=2", "c=3", "n")

    @pytest.mark.parametrize(
        ("texts", "first", "words"),
        [
            (["1,234", "2,500"], 1234, "could be 1234 or 1.234, and is read as 1234, as nothing else"),
            (["1,234", "0,500"], 1.234, ""),
            (["1,234", "1,234,567"], 1234, ""),
            (["1,234", "900", "5"], 1234, ""),
            (
                ["1,234", "1500", "5"],
                1.234,
                "could be 1.234 or 1234, and is read as 1.234, as numbers above 999 have no",
            ),
            (["1.234", "2.500"], 1.234, ""),
        ],
    )
    def test_a_comma_that_could_be_either(self, texts, first, words):
        found, note = numbers_of(texts)
        assert found[0] == first
        assert ("could be" in note) == bool(words)
        assert words in note

    def test_other_columns_tell_the_mark(self):
        table = pa.table(
            {"a": ["1,5", "2,25", "3,125"], "b": ["1,234", "2,345", "3,456"], "c": ["1.500", "2.000", "9.000"]}
        )
        spelling = learn_spelling(table)
        assert spelling["b"].read(table["b"])[0].to_pylist() == [1.234, 2.345, 3.456]
        assert spelling["c"].read(table["c"])[0].to_pylist() == [1500, 2000, 9000]
        assert "as in other columns" in spelling.notes["b"]

    def test_semicolons_between_columns_tell_the_mark(self, tmp_path):
        (tmp_path / "t.csv").write_text("a;b\n1,234;x\n2,500;y\n")
        table, _ = read_table(tmp_path / "t.csv")
        spelling = learn_spelling(table)
        assert spelling["a"].read(table["a"])[0].to_pylist() == [1.234, 2.5]
        assert "as is usual between semicolons" in spelling.notes["a"]
        encoded = learn_encoding(read_table({"a": [1.0, 2.0]})[0]).transform(table)
        assert encoded.X[:, 0].tolist() == [1.234, 2.5]

    @pytest.mark.parametrize(
        ("column", "first", "words"),
        [
            (["1.234", "12.345"], 1234, "could be 1234 or 1.234, and is read as 1234, as is usual between semicolons"),
            (["0.234", "12.345"], 0.234, ""),
            (["1.234", "12.3"], 1.234, ""),
        ],
    )
    def test_points_between_semicolons(self, tmp_path, column, first, words):
        (tmp_path / "t.csv").write_text("a;b\n" + "".join(f"{each};x\n" for each in column))
        table, _ = read_table(tmp_path / "t.csv")
        encoding = learn_encoding(table, spelling=learn_spelling(table))
        assert encoding.transform(table).X[0, 0] == first
        assert words in "".join(encoding.notes)
        assert ("could be" in "".join(encoding.notes)) == bool(words)

    @pytest.mark.parametrize(("mark", "name"), [(".", "point"), (",", "comma")])
    def test_numbers_with_the_other_mark_are_refused(self, mark, name):
        ours = ["1.5", "2.25", "1,000.5"]
        encoding, _ = encode(ours if mark == "," else [swapped(each) for each in ours])
        # Most of them are numbers with either mark, and the last shows which.
        others = [*(f"{k}{mark}125" for k in range(1, 31)), f"2{mark}25"]
        table = read_table({"c": others, "n": range(31)})[0]
        with pytest.raises(TableError, match=f"^c: '2{mark}25' in row 31 has a decimal {name}, and the column is read"):
            encoding.transform(table)

    def test_texts_that_are_no_numbers_are_warned_of_in_predictions(self):
        x = np.arange(20.0)
        rows = {"x": [*map(str, x[:18]), "5 mi", "6"], "z": [*x[:19], 1.0]}
        for learnt in ({"x": [f"{k} km" for k in x], "z": x**2}, {"x": x, "z": x**2}):
            fitted = fit_table({**learnt, "y": x**2 + x}, "y")
            with pytest.warns(RuntimeWarning, match=r"x: no numbers.*so missing: '5 mi' \(1\)"):
                fitted.predict(rows)

    def test_the_user_says_the_marks(self):
        assert numbers_of(["1,234", "2,500"], Marks.read(",", None, ()))[0].tolist() == [1.234, 2.5]
        assert numbers_of(["1.234", "2.500"], Marks.read(None, ".", ()))[0].tolist() == [1234, 2500]
        found, _ = numbers_of(
            ["1", "nil return", "-999", "-999.0", "2"], Marks.read(None, None, ["nil return", "-999"])
        )
        np.testing.assert_array_equal(found, [1, np.nan, np.nan, np.nan, 2])
        encoded = encode_numbers([1, -999, 3, 4], Marks.read(None, None, "-999"))
        np.testing.assert_array_equal(encoded, [1, np.nan, 3, 4])

    @pytest.mark.parametrize(
        "given",
        [
            ("x", None, ()),
            (None, "x", ()),
            (",", ",", ()),
            (None, None, 5),
            (None, None, [None]),
            (None, None, (), "yes"),
            (None, None, (), None, ["zip"]),
            (None, None, (), None, {"zip": "label"}),
        ],
    )
    def test_marks_that_make_no_sense(self, given):
        with pytest.raises((ValueError, TypeError), match="give"):
            Marks.read(*given)

    @pytest.mark.parametrize("word", ["TOTAL", "Total:", "Subtotal", "Summe", "Gesamt", "Total général", "合計"])
    def test_totals_in_other_words(self, word):
        assert f"row 3 is called {word!r}: kept" in encode(["north", "south", word])[0].notes[0]

    def test_totals_are_named(self):
        encoding, encoded = encode(["north", "south", "Total"])
        assert "row 3 is called 'Total': kept" in encoding.notes[0]
        assert len(encoded.X) == 3
        found, note = numbers_of([*map(str, range(2000, 2020)), "Grand total"])
        assert "row 21 is called 'Grand total'" in note
        assert np.isnan(found[-1])

    def test_spaces_around_levels(self):
        encoding, _ = encode(["red", " red", "blue ", "red"])
        assert encoding.names[0] == "c=blue"
        assert len(encoding.names) == 2


def encode_numbers(values, marks):
    table = read_table({"c": values, "n": [1, 0] * (len(values) // 2)})[0]
    return learn_encoding(table, spelling=learn_spelling(table, marks), missing="keep").transform(table).X[:, 0]


class TestDates:
    @pytest.mark.parametrize(
        "form",
        ["%Y/%m/%d", "%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%y", "%b %d, %Y", "%B %d %Y", "%d %b %Y",
         "%d-%b-%Y", "%A, %B %d, %Y", "%a %d %b %Y", "%d%b%Y", "%Y %b %d"],
    )  # fmt: skip
    def test_days(self, form):
        self.check(form, DAYS)

    @pytest.mark.parametrize(
        "form",
        ["%Y/%m/%d %H:%M", "%m/%d/%Y %I:%M %p", "%d/%m/%Y %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%b %d, %Y, %I:%M:%S %p"],
    )
    def test_times(self, form):
        self.check(form, DAYS + pd.to_timedelta(np.arange(30) * 7 + 1, unit="h"))

    @staticmethod
    def check(form, days):
        texts = [*days.strftime(form), None]
        table = pa.table({"c": texts})
        found, _ = learn_spelling(table)["c"].read(table["c"])
        known = pd.to_datetime(pd.Series(texts), format=form)
        pd.testing.assert_series_equal(found.to_pandas(), known, check_dtype=False, check_names=False)

    @pytest.mark.parametrize(
        "form", ["{}Q{}", "{} q{}", "Q{1} {0}", "{}-Q{}", "{0}M{2}", "{0}-{2:02}", "{2:02}/{0}", "{3} {0}"]
    )
    def test_months_and_quarters(self, form):
        days = pd.date_range("2019-07-01", periods=12, freq="QS")
        texts = [form.format(day.year, day.quarter, day.month, day.month_name()) for day in days]
        table = pa.table({"c": texts})
        found, _ = learn_spelling(table)["c"].read(table["c"])
        assert found.to_pandas().tolist() == days.tolist()

    def test_years_of_two_digits(self):
        table = pa.table({"c": ["25/11/63", "25/11/05"]})
        spelling = learn_spelling(table)
        assert [each.year for each in spelling["c"].read(table["c"])[0].to_pylist()] == [1963, 2005]
        assert spelling.notes["c"].endswith("; years of two digits are from 1950 to 2049")

    def test_zones(self):
        texts = ["2020-01-05T10:00:00+02:00", "2020-01-05 10:00:00Z", "Jan 5, 2020 10:00 EST", "5/1/2020 10:00 -0330"]
        table = pa.table({"c": texts[:3]})
        found, _ = learn_spelling(table)["c"].read(table["c"])
        assert [each.hour for each in found.to_pylist()] == [8, 10, 15]
        assert found.type.tz == "UTC"
        # With and without a zone they can't be compared.
        assert (
            type(learn_spelling(pa.table({"c": ["2020-01-05 10:00Z", "2020-01-05 10:00"]}))["c"]).__name__
            == "WrittenText"
        )

    @pytest.mark.parametrize(
        ("texts", "month", "words"),
        [
            (["3/4/2020", "5/6/2020"], 3, "3/4 could be day/month or month/day, and is read month first"),
            (["3.4.2020", "5.6.2020"], 4, "is read day first, as is usual with points"),
            (["1/2/2020", "1/3/2020", "1/4/2020"], 2, "as dates of the first of a month"),
            (["3/4/2020", "13/4/2020"], 4, "day first, such as '13/4/2020' as 2020-04-13"),
            (["3/4/2020", "3/14/2020"], 3, "such as '3/14/2020' as 2020-03-14"),
        ],
    )
    def test_the_order_of_day_and_month(self, texts, month, words):
        table = pa.table({"c": texts})
        spelling = learn_spelling(table)
        assert spelling["c"].read(table["c"])[0][0].as_py().month == month
        assert words in spelling.notes["c"]
        assert ("could be" in spelling.notes["c"]) == ("is read" in words or "as dates" in words)

    @pytest.mark.parametrize("day_first", [True, False])
    def test_the_user_says_the_order(self, day_first):
        table = pa.table({"c": ["3/4/2020", "5.6.2020"], "iso": ["2020-01-05", "2020-01-06"]})
        spelling = learn_spelling(table, Marks(day_first=day_first))
        assert [day.month for day in spelling["c"].read(table["c"])[0].to_pylist()] == ([4, 6] if day_first else [3, 5])
        assert "could be" not in spelling.notes["c"]
        assert spelling["iso"].read(table["iso"])[0][1].as_py().day == 6

    @pytest.mark.parametrize(("day_first", "text"), [(True, "5/16/2020"), (False, "16/5/2020")])
    def test_a_date_against_the_order_is_refused_if_it_is_used(self, day_first, text):
        table = read_table({"c": ["3/4/2020", text], "n": [1, 2]})[0]
        spelling = learn_spelling(table, Marks(day_first=day_first))
        with pytest.raises(TableError, match=f"^c: '{text}' in row 2 has the .* first, and day_first={day_first} says"):
            learn_encoding(table, spelling=spelling)
        assert learn_encoding(table, spelling=spelling, drop=["c"]).names == ("n",)

    def test_the_option_is_named_where_the_order_is_not_told(self):
        assert "day_first=True, or --day-first in the shell" in learn_spelling(pa.table({"c": ["3/4/2020"]})).notes["c"]
        assert "day_first=False, or --month-first" in learn_spelling(pa.table({"c": ["3.4.2020"]})).notes["c"]

    @pytest.mark.parametrize("kind", [int, str, float])
    def test_whole_numbers_that_are_dates(self, kind):
        days = [*DAYS, None]
        whole = [None if day is None else kind(f"{day:%Y%m%d}") for day in days]
        encoding, clean = (
            learn_encoding(read_table({"c": each, "n": range(31)})[0], missing="keep") for each in (whole, days)
        )
        assert encoding.names == clean.names
        X, known = (
            each.transform(read_table({"c": column, "n": range(31)})[0]).X
            for each, column in ((encoding, whole), (clean, days))
        )
        np.testing.assert_array_equal(X, known)
        assert "whole numbers read as dates" in encoding.notes[0]
        assert "kinds={'c': 'number'} keeps" in encoding.notes[0]

    def test_a_date_that_never_comes_is_missing(self):
        table = pa.table({"c": [*(int(f"{day:%Y%m%d}") for day in DAYS), 99991231, 0]})
        spelling = learn_spelling(table)
        assert spelling["c"].read(table["c"])[0].null_count == 2
        assert "missing: '99991231' (1), '0' (1)" in spelling.notes["c"]

    def test_a_whole_number_that_is_no_date_is_named(self):
        table = pa.table({"c": [*(int(f"{day:%Y%m%d}") for day in DAYS), 20200230]})
        spelling = learn_spelling(table)
        assert spelling["c"].read(table["c"])[0].null_count == 1
        assert "no dates, so missing, too: 1 other value, '20200230' (1)" in spelling.notes["c"]

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("customer_id", [int(f"{day:%Y%m%d}") for day in DAYS]),
            ("price", [*(int(f"{day:%Y%m%d}") for day in DAYS[:8]), 20201301]),
            ("price", [20200101, 20200102, 20200103]),
            ("price", [17990101 + k for k in range(20)]),
            ("price", [20200101.5 + k for k in range(20)]),
        ],
    )
    def test_whole_numbers_that_stay_numbers(self, name, values):
        assert name not in learn_spelling(pa.table({name: values}))

    def test_days_that_do_not_exist_are_no_dates(self):
        texts = [*DAYS.strftime("%d/%m/%Y"), "30/02/2020", "?"]
        table = pa.table({"c": texts})
        spelling = learn_spelling(table)
        assert spelling["c"].read(table["c"])[0].null_count == 2
        assert "no dates, so missing, too: 1 other value, '30/02/2020' (1)" in spelling.notes["c"]

    def test_cycles(self):
        hours = pd.date_range("2020-01-01", "2021-12-31 23:00", freq="7h")
        table = read_table({"when": hours, "n": range(len(hours))})[0]
        encoding = learn_encoding(table)
        X = dict(zip(encoding.names, encoding.transform(table).X.T, strict=True))
        phases = {"hour": hours.hour / 24, "weekday": hours.day_of_week / 7, "month": (hours.month - 1) / 12}
        for cycle, phase in phases.items():
            np.testing.assert_allclose(X[f"when (sine of {cycle})"], np.sin(2 * np.pi * phase), atol=1e-9)
            np.testing.assert_allclose(X[f"when (cosine of {cycle})"], np.cos(2 * np.pi * phase), atol=1e-9)

    @pytest.mark.parametrize(
        ("days", "cycles"),
        [
            (pd.date_range("2020-01-01", periods=10, freq="D"), set()),
            (pd.date_range("2020-01-01", periods=30, freq="D"), {"weekday"}),
            (pd.date_range("2020-01-01", periods=100, freq="7D"), {"month"}),
            (pd.date_range("2000-01-01", periods=20, freq="YS"), set()),
            (pd.date_range("2020-01-01", periods=12, freq="MS"), {"month"}),
            (pd.date_range("2020-01-01", periods=60, freq="h"), {"hour"}),
        ],
    )
    def test_a_cycle_that_the_rows_do_not_go_through_is_left_out(self, days, cycles):
        names = learn_encoding(read_table({"when": days, "n": range(len(days))})[0]).names
        assert {name.split("sine of ")[1].rstrip(")") for name in names if "(sine" in name} == cycles

    def test_missing_dates(self):
        days = [*DAYS, None]
        for missing in ("mean", "keep"):
            table = read_table({"when": days, "n": range(31)})[0]
            X = learn_encoding(table, missing=missing).transform(table).X
            known = X[:-1, :3].mean(axis=0) if missing == "mean" else np.full(3, np.nan)
            np.testing.assert_allclose(X[-1, :3], known)


class TestTimes:
    @pytest.mark.parametrize(
        "form",
        ["%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S%p", "%Hh%M", "%H:%M Uhr"],
    )
    def test_times_of_day(self, form):
        times = pd.date_range("2020-01-01", periods=47, freq="31min")
        if "%S" in form:
            times = times + pd.to_timedelta(np.arange(47), unit="s")
        texts = [*(time.lstrip("0") if k % 2 else time for k, time in enumerate(times.strftime(form))), "?"]
        texts = [f"0{text}" if text.startswith((":", "h")) else text for text in texts]
        table = read_table({"c": texts, "n": range(48)})[0]
        clean = read_table({"c": [*times.time, None], "n": range(48)})[0]
        encoding, known = learn_encoding(table), learn_encoding(clean)
        assert encoding.names == known.names
        assert encoding.names[0] == "c (hours since midnight)"
        np.testing.assert_array_equal(encoding.transform(table).X, known.transform(clean).X)

    @pytest.mark.parametrize(
        ("texts", "hours", "words"),
        [
            (["36:12:36", "0:30:00"], [36.21, 0.5], "such as '36:12:36' as 36.21 hours"),
            (["75:30", "3:45"], [75.5, 3.75], "read as minutes and seconds, all would be 60 times shorter"),
            (["1 day 02:00:00", "0 days 12:30:00"], [26, 12.5], "durations"),
        ],
    )
    def test_durations(self, texts, hours, words):
        encoding, encoded = encode(texts)
        assert encoding.names[0] == "c (hours)"
        np.testing.assert_allclose(encoded.X[:, 0], hours)
        assert words in encoding.notes[0]

    def test_times_of_another_table(self):
        clean = {"c": [datetime.time(9, 30), datetime.time(14, 15)], "n": [1, 2]}
        texts = {"c": ["9:30", "2:15 PM"], "n": [1, 2]}
        for learnt, given in ((clean, texts), (texts, clean)):
            encoding = learn_encoding(read_table(learnt)[0])
            encoding = Encoding.from_dict(json.loads(json.dumps(encoding.to_dict())))
            assert encoding.transform(read_table(given)[0]).X[:, 0].tolist() == [9.5, 14.25]
        with pytest.raises(TableError, match=r"^c: '25:00' in row 1 is not a time of day"):
            encoding.transform(read_table({"c": ["25:00"], "n": [1]})[0])


class TestKinds:
    def test_what_the_user_says(self):
        whole = [int(f"{day:%Y%m%d}") for day in DAYS]
        table = read_table(
            {"day": whole, "zip": [1, 2, 3] * 10, "level": [f"0{k}" for k in range(30)], "n": range(30)}
        )[0]
        marks = Marks.read(None, None, (), None, {"day": "number", "zip": "text", "level": "number"})
        encoding = learn_encoding(table, spelling=learn_spelling(table, marks))
        assert encoding.names == ("day", "zip=2", "zip=3", "level", "n")
        np.testing.assert_array_equal(encoding.transform(table).X[:, 3], np.arange(30))
        few = read_table({"day": whole[:2], "n": [1, 2]})[0]
        spelling = learn_spelling(few, Marks(kinds={"day": "date"}))
        assert learn_encoding(few, spelling=spelling).names[0] == "day (days since 2019-12-20)"
        encoding = Encoding.from_dict(json.loads(json.dumps(encoding.to_dict())))
        later = {"day": [20200101.0], "zip": [3.0], "level": ["07"], "n": [5]}
        assert encoding.transform(read_table(later)[0]).X.tolist() == [[20200101, 0, 1, 7, 5]]

    @pytest.mark.parametrize(
        ("values", "kind", "words"),
        [
            (["1", "b"], "number", "c: 'b' in row 2 is no number, as kinds= says"),
            (["5 km", "5 mi"], "number", "(numbers in different units, km (1), mi (1)"),
            (["1/5/2020", "b"], "date", "c: 'b' in row 2 is no date"),
            ([20200101, 5], "date", "c: '5' in row 2 is no date"),
        ],
    )
    def test_a_column_of_another_kind_is_refused(self, values, kind, words):
        table = read_table({"c": values, "n": [1, 2]})[0]
        spelling = learn_spelling(table, Marks(kinds={"c": kind}))
        with pytest.raises(TableError) as error:
            learn_encoding(table, spelling=spelling)
        assert words in str(error.value)

    def test_a_column_that_is_not_there(self):
        with pytest.raises(TableError, match="kinds= has no column 'z' in the table"):
            learn_spelling(pa.table({"c": [1]}), Marks(kinds={"z": "text"}))


class TestIdentifiers:
    @pytest.mark.parametrize(
        ("name", "values", "left"),
        [
            ("", range(20), True),
            ("Unnamed: 0", range(1, 21), True),
            # Rows of a table: some of them, in another order, one table below the other, and those of a subset.
            ("", range(5, 25), True),
            ("Unnamed: 0", [*range(12), *range(15, 40)], True),
            ("", [7 * k % 20 for k in range(20)], True),
            ("...1", [*range(1, 21), *range(1, 16)], True),
            ("rownames", [float(k) for k in range(85, 300, 3)], True),
            ("index", [*range(1, 9), *range(10, 21)], True),
            ("index", [31 * k % 97 for k in range(20)], False),
            ("", [k % 7 for k in range(20)], False),
            ("", [k + 0.5 for k in range(20)], False),
            ("PassengerId", range(101, 121), True),
            ("id", [f"u{k}" for k in range(20)], True),
            ("name", [f"u{k}" for k in range(20)], True),
            ("id", [k // 2 for k in range(20)], False),
            ("year", range(1990, 2010), False),
            ("t", range(20), False),
            ("id", [k + 0.5 for k in range(20)], False),
            ("name", [f"u{k}" for k in range(9)], False),
        ],
    )
    def test_what_only_tells_rows_apart_is_left_out(self, name, values, left):
        rows = len(values)
        table = read_table({name: list(values), "n": np.arange(rows) % 3, "y": np.arange(rows) * 1.0})[0]
        name = table.column_names[0]
        encoding = learn_encoding(table, "y")
        assert (name not in [part.column for part in encoding.parts]) == left
        assert any("left out; features= takes it in" in note for note in encoding.notes) == left
        unnamed = name.startswith(("column", "Unnamed", "...", "row", "index"))
        reason = "row" if unnamed else "text" if isinstance(values[0], str) else "id"
        assert dict(encoding.left_out) == ({name: reason} if left else {})
        assert name in [part.column for part in learn_encoding(table, "y", features=[name, "n"]).parts]


class TestTarget:
    def test_numbers_with_commas_are_no_classes(self):
        answer = learn_target(read_table({"y": ["28,000", "31,500", "9,750", "?"], "x": [1, 2, 3, 4]})[0], "y")
        assert (answer.task, answer.y.tolist()) == ("regression", [28000, 31500, 9750])
        assert answer.kept.tolist() == [True, True, True, False]
        assert "such as '28,000' as 28000" in answer.notes[1]

    def test_a_missing_value_beside_two_numbers_is_no_class(self):
        answer = learn_target(read_table({"y": ["1", "0", "?", "1", "0", "n/a"], "x": [1, 2, 3, 4, 5, 6]})[0], "y")
        assert (answer.classes, answer.y.tolist()) == (("0", "1"), [1, 0, 1, 0])
        assert answer.notes[1] == "y: missing: '?' (1), 'n/a' (1)"

    def test_labels_stay_as_they_are(self):
        table = read_table({"y": ["1", "2", "1", " 2"], "z": ["1", "2", "3", "1"]})[0]
        assert learn_target(table, "y").classes == ("1", "2")
        assert learn_target(table, "z", "classification").classes == ("1", "2", "3")
        assert learn_target(table, "z").y.tolist() == [1, 2, 3, 1]

    def test_numbers_of_a_fit_that_did_not_save_how_they_are_written(self):
        table = read_table({"y": ["1,5", "2,25", "3,5"]})[0]
        assert learn_target(table, "y", "regression", Encoding(()).spelling).y.tolist() == [1.5, 2.25, 3.5]


class TestAnotherTable:
    columns: ClassVar = {
        "price": ["$1,200.50", "$80", "?", "sold"] + ["$900"] * 30,
        "when": ["31/12/2019", "1/2/2020", "never", "5/5/2020"] + ["6/7/2020"] * 30,
        "zip": ["01234", " 99999", "01234", None] + ["01234"] * 30,
        "y": [f"{k},{k % 9 + 1}" for k in range(34)],
    }  # fmt: skip

    def learnt(self):
        options = {"features": None, "drop": (), "missing": "keep", "max_categories": 9}
        ready = prepare(self.columns, "y", None, 0.0, np.random.default_rng(0), **options)
        return Encoding.from_dict(json.loads(json.dumps(ready.encoding.to_dict()))), ready

    def test_what_was_learned_is_saved(self, tmp_path):
        encoding, ready = self.learnt()
        assert encoding.written == ready.encoding.written
        assert ready.training.y[:2].tolist() == [0.1, 1.2]
        names = list(encoding.names)
        # In these rows alone, the texts would be a day of March, a number without commas, and an integer.
        (tmp_path / "new.csv").write_text('price,when,zip\n"$1,500",3/4/2020,01234\nsold,never,99999\n')
        table, _ = read_table(tmp_path / "new.csv", texts=encoding.spelling)
        X = encoding.transform(table).X
        np.testing.assert_array_equal(X[:, names.index("price")], [1500, np.nan])
        day = (datetime.date(2020, 4, 3) - datetime.date(2019, 12, 31)).days
        np.testing.assert_array_equal(X[:, names.index("when (days since 2019-12-31)")], [day, np.nan])
        assert X[:, names.index("zip=99999")].tolist() == [0, 1]

    @pytest.mark.parametrize(
        ("column", "words"),
        [
            ({"price": ["12 km"]}, "'12 km' in row 1 is not a number in $"),
            ({"when": ["2/31/2020"]}, "not a date (day first)"),
        ],
    )
    def test_a_value_in_another_format(self, column, words):
        encoding, _ = self.learnt()
        table = {"price": ["$5"], "when": ["1/1/2020"], "zip": ["01234"], **column}
        with pytest.raises(TableError) as error:
            encoding.transform(read_table(table)[0])
        assert words in str(error.value)

    @pytest.mark.parametrize(
        ("learnt", "later"),
        [
            (["5 %", "7 %"], "0.07"),
            (["5 km", "7 km"], "30k"),
            (["5 K", "7 K"], "6"),
            (["5k", "7k"], "6 km"),
            (["5k views", "7k views"], "6k"),
        ],
    )
    def test_a_number_in_another_unit_is_refused(self, learnt, later):
        encoding = learn_encoding(read_table({"c": learnt, "n": [1, 2]})[0])
        with pytest.raises(TableError, match=f"^c: '{later}' in row 1 is not a number"):
            encoding.transform(read_table({"c": [later], "n": [1]})[0])

    def test_numbers_without_a_unit_or_with_a_factor(self):
        for learnt, later in ((["5 km", "7 km"], ["5", "7000"]), (["$5k", "$7M"], ["$0.005m", "7 million"])):
            encoding = learn_encoding(read_table({"c": learnt, "n": [1, 2]})[0])
            known = [5, 7000] if "km" in learnt[0] else [5000, 7e6]
            assert encoding.transform(read_table({"c": later, "n": [1, 2]})[0]).X[:, 0].tolist() == known

    def test_numbers_that_were_none_of_texts(self):
        encoding = learn_encoding(read_table({"n": [1.0, 2.0, 5.0], "m": [1, 2, 4]})[0], missing="keep")
        table = read_table({"n": ["1,234.5", "?", "7"], "m": [1, 2, 3]})[0]
        encoded = encoding.transform(table)
        np.testing.assert_array_equal(encoded.X[:, 0], [1234.5, np.nan, 7])
        assert "such as '1,234.5' as 1234.5; missing: '?' (1)" in encoded.notes[0]

    def test_a_point_stays_a_decimal_point_for_numbers_that_were_none_of_texts(self, tmp_path):
        encoding = learn_encoding(read_table({"n": [1.5, 2.0, 5.0]})[0])
        (tmp_path / "new.csv").write_text("n;m\n1.234;0,5\n2.345;7,25\n")
        table, _ = read_table(tmp_path / "new.csv", texts=encoding.spelling)
        assert table["n"].to_pylist() == ["1.234", "2.345"]
        assert encoding.transform(table).X[:, 0].tolist() == [1.234, 2.345]

    def test_dates_that_were_none_of_texts(self):
        encoding = learn_encoding(read_table({"d": DAYS[:5], "n": [1, 2, 3, 4, 5]})[0])
        table = read_table({"d": ["24/12/2019", "Dec 22, 2019"], "n": [1, 2]})[0]
        np.testing.assert_array_equal(encoding.transform(table).X[:, 0], [4, 2])

    @pytest.mark.parametrize("learnt", [DAYS[:20], [f"{day:%Y-%m-%d}" for day in DAYS[:20]]])
    @pytest.mark.parametrize(
        ("texts", "days", "words"),
        [
            (["02/01/2020"], ["2020-02-01"], "d: '02/01/2020' could be day/month or month/day, and is read month first,"
             " as 2020-02-01, as no day above 12 tells the order: write dates as year-month-day"),
            (["2.1.2020 5:30 pm"], ["2020-01-02T17:30"], "is read day first, as 2020-01-02, as is usual with points"),
            (["02/01/2020", "13/01/2020"], ["2020-01-02", "2020-01-13"], ""),
            (["02/02/2020"], ["2020-02-02"], ""),
            (["2020/02/01", "Jan 2, 2020"], ["2020-02-01", "2020-01-02"], ""),
        ],
    )  # fmt: skip
    def test_a_day_that_could_be_a_month_is_a_doubt(self, learnt, texts, days, words):
        encoding = learn_encoding(read_table({"d": learnt, "n": np.arange(20) % 3})[0])
        encoding = Encoding.from_dict(json.loads(json.dumps(encoding.to_dict())))
        encoded = encoding.transform(read_table({"d": texts, "n": [1] * len(texts)})[0])
        known = (np.array(days, "M8[s]") - np.datetime64("2019-12-20")) / np.timedelta64(1, "D")
        np.testing.assert_allclose(encoded.X[:, 0], known)
        assert (words in "; ".join(encoded.strays)) if words else not encoded.strays

    @pytest.mark.parametrize("day_first", [True, False])
    def test_the_order_that_the_user_says_holds_for_later_tables(self, day_first):
        table = read_table({"d": DAYS[:20], "n": np.arange(20) % 3})[0]
        encoding = learn_encoding(table, spelling=learn_spelling(table, Marks(day_first=day_first)))
        encoded = encoding.transform(read_table({"d": ["02/01/2020"], "n": [1]})[0])
        assert (encoded.X[0, 0], encoded.strays) == (13 if day_first else 43, ())

    @pytest.mark.parametrize(
        ("texts", "number", "words"),
        [
            (["1,234"], 1234, "n: '1,234' could be 1234 or 1.234, and is read as 1234, as nothing else in the column"),
            (["1,234.5"], 1234.5, ""),
            (["1.234"], 1.234, ""),
        ],
    )
    def test_a_comma_that_could_be_either_is_a_doubt(self, texts, number, words):
        encoding = learn_encoding(read_table({"n": [1.0, 2.0, 5.0], "m": [1, 2, 4]})[0])
        encoded = encoding.transform(read_table({"n": texts, "m": [1]})[0])
        assert encoded.X[0, 0] == number
        assert (words in "; ".join(encoded.strays)) if words else not encoded.strays

    def test_a_folder_of_an_earlier_version(self):
        old = {
            "missing": "mean", "notes": [], "parts": [
                {"kind": "number", "column": " n", "mean": 2.0},
                {"kind": "moment", "column": "d", "family": "date", "origin": 0, "mean": 5.0},
                {"kind": "category", "column": "c", "baseline": "u", "categories": [" v"]},
            ],
        }  # fmt: skip
        encoding = Encoding.from_dict(old)
        table = read_table({" n": [1.0, 4.0], "d": [datetime.date(1970, 1, 2), None], "c": [" v", "v"]})[0]
        assert encoding.names == (" n", "d (days since 1970-01-01)", "c= v")
        np.testing.assert_array_equal(encoding.transform(table).X, [[1, 1, 1], [4, 5, 0]])


def test_the_same_matrix_from_a_dirty_file_and_a_clean_one(tmp_path):
    rng = np.random.default_rng(0)
    rows = 60
    price, way = rng.uniform(500, 90_000, rows).round(2), rng.uniform(1, 2_000, rows).round(1)
    days = pd.Timestamp("2019-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), unit="D")
    place, y = rng.choice(["north", "south", "west"], rows), rng.uniform(10_000, 99_000, rows).round()
    clean = pd.DataFrame({"price": price, "way": way, "day": days, "place": place, "y": y})
    clean.loc[3, "price"] = np.nan
    dirty = pd.DataFrame({
        "price ": [f"$ {x:,.2f}" for x in price], "way": [f"{x:.1f} km" for x in way],
        "day": days.strftime("%d/%m/%Y"), " place": place + np.where(np.arange(rows) % 2, " ", ""),
        "y": [f"{x:,.0f}" for x in y],
    })  # fmt: skip
    dirty.loc[3, "price "] = "n/a"
    dirty.to_csv(tmp_path / "dirty.csv", index_label="", encoding="cp1252")
    options = {"features": None, "drop": (), "missing": "mean", "max_categories": 50}
    one, two = (
        prepare(table, "y", None, 0.2, np.random.default_rng(0), **options) for table in (clean, tmp_path / "dirty.csv")
    )
    assert one.encoding.names == two.encoding.names
    for a, b in ((one.training, two.training), (one.held_out, two.held_out)):
        np.testing.assert_array_equal(a.X, b.X)
        np.testing.assert_array_equal(a.y, b.y)
