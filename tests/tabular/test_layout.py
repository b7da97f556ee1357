"""What stands above a table, and encodings, against the same table without them."""

import re

import numpy as np
import pytest

from steepest.tabular.fit import fit_table
from steepest.tabular.reading.arrow import TableError
from steepest.tabular.reading.files import read_table

ROWS = "shop;sold;price\nA;3;1.5\nB;4;2.5\nA;5;4.5\n"
CLEAN = {"shop": ["A", "B", "A"], "sold": [3, 4, 5], "price": [1.5, 2.5, 4.5]}
CITIES = {
    "cp1251": ["город", "Москва", "Казань", "Пермь"],
    "koi8-r": ["город", "Москва", "Казань", "Пермь"],
    "cp932": ["都市", "東京", "大阪", "さっぽろ"],
    "gb18030": ["城市", "北京", "上海", "广州"],
    "cp949": ["도시", "서울", "부산", "대구"],
    "cp1253": ["πόλη", "Αθήνα", "Πάτρα", "Βόλος"],
    "cp1250": ["miasto", "Łódź", "Wrocław", "Gdańsk"],
}


def write(folder, content, name="t.csv"):
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


class TestAboveTheHeader:
    @pytest.mark.parametrize(
        ("above", "words"),
        [
            ("sep=;\n", ""),
            ('"sep=;"\r\n', ""),
            ("\ufeffsep=;\n", ""),
            ("\n\n", ""),
            ("Sales 2020, all shops\n", "1 line above the header is left out: 'Sales 2020, all shops'"),
            ("sep=;\nSales 2020;;\n;;\n", "1 line above the header is left out: 'Sales 2020'"),
            ("\ufeffSales\nby shop\n\n", "2 lines above the header are left out: 'Sales', 'by shop'"),
            ("# by SAP; 2020\n# sold; price\n", "'# by SAP 2020', '# sold price'"),
            ("# by SAP;2020;Q4\n", "'# by SAP 2020 Q4'"),
            ("".join(f"remark {k}\n" for k in range(8)), "'remark 4' and 3 more"),
        ],
    )
    def test_it_is_left_out_and_said(self, tmp_path, above, words):
        table, notes = read_table(write(tmp_path, above + ROWS))
        assert table.to_pydict() == CLEAN
        assert words in " ".join(notes)
        assert ("above the header" in " ".join(notes)) == bool(words)

    def test_names_and_values_above_a_wide_table(self, tmp_path):
        bank = 'Account:,"DE 12"\nPeriod:,2020\n\nday,text,amount,left\n2020-01-05,fee,-3.5,1\n2020-01-06,pay,5,6\n'
        table, notes = read_table(write(tmp_path, bank))
        assert table["amount"].to_pylist() == [-3.5, 5.0]
        assert "2 lines above the header are left out: 'Account: DE 12', 'Period: 2020'" in notes

    def test_remarks_above_columns_between_spaces(self, tmp_path):
        table, _ = read_table(write(tmp_path, "# run 7\n# of today\nt  v\n0  1.5\n1  2.5\n", "t.txt"))
        assert table.to_pydict() == {"t": [0, 1], "v": [1.5, 2.5]}

    @pytest.mark.parametrize(
        ("content", "names"),
        [
            (",y\n1,2\n3,4\n", ["column 1", "y"]),
            ("x,y\n1,2\n3,4\n", ["x", "y"]),
            ("# x,y\n1,2\n3,4\n", ["# x", "y"]),
            ("name,,\nbob,1,2\nann,3,4\n", ["name", "column 2", "column 3"]),
            ("name,,\nbob,?,2\nann,3,4\n", ["name", "column 2", "column 3"]),
            ("name,kind\nbob,tall\nann,small\n", ["name", "kind"]),
            ("region,2019,2020\nnorth,1,2\nsouth,3,4\n", ["region", "2019", "2020"]),
            ("a\n1\n2\n", ["a"]),
            ("title\nx\n1\n2\n", ["title"]),
        ],
    )
    def test_a_header_stays(self, tmp_path, content, names):
        assert read_table(write(tmp_path, content))[0].column_names == names

    def test_lines_are_counted_from_the_first_of_the_file(self, tmp_path):
        rows = "".join(f"A;{k};1.5\n" for k in range(60))
        with pytest.raises(TableError, match=r"line 65 of t\.csv has 2 fields and the header 3"):
            read_table(write(tmp_path, f"Sales\n\n# by SAP\nshop;sold;price\n{rows}B;4\n"))
        with pytest.raises(TableError, match=r"line 7 of t\.csv has 2 fields"):
            read_table(write(tmp_path, f'Sales\n\n{ROWS}B;"4;2\nC;1;2\n'))
        with pytest.raises(TableError, match=r"line 67 of t\.csv opens a quote"):
            read_table(write(tmp_path, f'Sales\n\n{ROWS}{rows}B;4;"2\n'))

    def test_the_rest_of_a_header_without_an_end_is_refused(self, tmp_path):
        with pytest.raises(TableError, match=r"line 2 of t\.csv has 2 fields and the header 1"):
            read_table(write(tmp_path, "name\nbob,smith\nann,jones\n"))


class TestEncodings:
    @pytest.mark.parametrize("encoding", CITIES)
    def test_another_encoding_is_refused_and_then_read(self, tmp_path, encoding):
        header, *cities = CITIES[encoding]
        file = write(tmp_path, f"{header},n\n{''.join(f'{city},1{chr(10)}' for city in cities)}".encode(encoding))
        with pytest.raises(TableError) as error:
            read_table(file)
        # The message shows a word as the encoding reads it.
        shown = re.search(rf"encoding='{encoding}', which reads '(\w+)'", str(error.value))
        assert shown[1] in CITIES[encoding]
        assert read_table(file, encoding=encoding)[0].to_pydict() == {header: cities, "n": [1, 1, 1]}

    @pytest.mark.parametrize(
        "text",
        ["Köln – Süd", "„gut“, 5 €", "5 °C", "km²", "L’Haÿ-les-Roses", "été", "¿Qué?", "N·m", "£5", "5 µm", "nº 5",
         "Škoda, ÆØÅ, Århus, Ærø, Bærum, Tromsø, Malmö, Göteborg, Växjö, Örebro, Åbo, Hämeenlinna, København, Møn, "
         "Rømø, Läsö, Gävle, Luleå, Umeå, Skellefteå, Jyväskylä, Tórshavn"],
    )  # fmt: skip
    def test_western_texts_are_read(self, tmp_path, text):
        table, notes = read_table(write(tmp_path, f'a;n\n"{text}";1\nx;2\n'.encode("cp1252")))
        assert table["a"].to_pylist() == [text, "x"]
        assert "read as Windows-1252" in notes[1]

    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
    @pytest.mark.parametrize("name", CITIES)
    def test_wide_letters_without_a_mark(self, tmp_path, encoding, name):
        header, *cities = CITIES[name]
        text = f"{header},n\n" + "".join(f"{city},1\n" for city in cities)
        assert read_table(write(tmp_path, text.encode(encoding)))[0][header].to_pylist() == cities

    def test_one_line_in_another_encoding_is_named(self, tmp_path):
        file = write(tmp_path, "a,n\nKöln,1\n".encode() + "Fürth,2\n".encode("cp1252"))
        with pytest.raises(
            TableError, match=r"line 2 of t\.csv is UTF-8, and line 3 holds the byte 0xFC, which is not"
        ):
            read_table(file)

    @pytest.mark.parametrize(
        ("options", "name", "error", "words"),
        [
            ({"encoding": "cp125"}, "t.csv", ValueError, "encoding='cp125' is no encoding that Python knows"),
            ({"encoding": "base64"}, "t.csv", ValueError, "is no encoding"),
            ({"encoding": 5}, "t.csv", ValueError, "is no encoding"),
            ({"encoding": "utf-8"}, "t.csv", TableError, "is not in UTF-8 (line 2 holds the byte 0xF6"),
            ({"encoding": "shift_jis"}, "t.csv", TableError, "t.csv is not in the encoding shift_jis"),
            ({"encoding": "utf-16"}, "t.csv", TableError, "t.csv is not in the encoding utf-16"),
            ({"encoding": "cp1252"}, "t.json", ValueError, "is for CSV files, and this is a .json file"),
            ({"sheet": "a"}, "t.csv", ValueError, "sheet='a' is for workbooks, and this is a CSV"),
        ],
    )
    def test_options_that_do_not_suit(self, tmp_path, options, name, error, words):
        file = write(tmp_path, "a,n\nKöln,1\nx,2\n".encode("cp1252"), name)
        with pytest.raises(error, match=re.escape(words)):
            read_table(file, **options)

    def test_options_for_tables_in_memory(self):
        with pytest.raises(ValueError, match="this is a table in memory"):
            read_table({"a": [1]}, encoding="cp1251")


def test_a_fit_of_a_file_in_another_encoding_goes_on_and_predicts(tmp_path):
    size = np.arange(1.0, 13)
    rows = "".join(f"{'Москва' if k % 3 else 'Казань'};{k};{7 * k + 5 * (k % 3 > 0)}\n" for k in size)
    file = write(tmp_path, ("Отчёт\nгород;n;y\n" + rows).encode("cp1251"))
    fitted = fit_table(file, "y", held_out=0, penalty=None, encoding="cp1251")
    assert fitted.coefficients["n"] == pytest.approx(7)
    np.testing.assert_allclose(fitted.predict(file, encoding="cp1251"), 7 * size + 5 * (size % 3 > 0), rtol=1e-6)
    assert fitted.more(file, encoding="cp1251", epochs=1).coefficients["n"] == pytest.approx(7)
