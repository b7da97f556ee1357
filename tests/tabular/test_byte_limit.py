"""A small file that unpacks to more than a limit is refused before it fills memory, in one line."""

import gzip
import io
import signal
import textwrap
import threading
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from tests.interrupts import interrupted

import steepest as st
from steepest.cli import main
from steepest.tabular.reading import csv_files
from steepest.tabular.reading.arrow import TableError
from steepest.tabular.reading.byte_limit import in_units, read_limit
from steepest.tabular.reading.files import read_table

# About 2 MB of text, and as many bytes of numbers.
TEXT = b"a,b\n" + b"1,2\n" * 500_000
ZEROS = np.zeros(125_000)


def write_csv(path):
    path.write_bytes(TEXT)


def write_gzip(path):
    path.write_bytes(gzip.compress(TEXT))


def write_blank(path):
    path.write_bytes(gzip.compress(b"\n" * 2_000_000))


def zipped(method):
    def write(path):
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr("t.csv", TEXT)

    return write


def parquet(column, **options):
    return lambda path: pq.write_table(pa.table({"a": column, "b": column}), path, **options)


def texts(path):
    """Write long texts that are all equal, so that the file holds one of them."""
    pq.write_table(pa.table({"a": ["x" * 10_000] * 200, "b": ["y"] * 200}), path, compression="zstd")


def jsonl(path):
    path.write_bytes(b'{"a":1,"b":2}\n' * 50_000)


def feather(path):
    pa.feather.write_feather(pa.table({"a": ZEROS, "b": ZEROS}), path, compression="zstd", chunksize=10_000)


def workbook(path):
    """Write a sheet that unpacks to 1 MB."""
    pd.DataFrame({"a": [1] * 9_000, "b": 2}).to_excel(path, index=False)


BOMBS = {
    "t.csv": write_csv,
    "t.csv.gz": write_gzip,
    "blank.csv.gz": write_blank,
    "stored.zip": zipped(zipfile.ZIP_STORED),
    "deflated.zip": zipped(zipfile.ZIP_DEFLATED),
    "bz2.zip": zipped(zipfile.ZIP_BZIP2),
    "lzma.zip": zipped(zipfile.ZIP_LZMA),
    "lines.jsonl": jsonl,
    "sheet.xlsx": workbook,
    "equal.feather": feather,
    "equal.parquet": parquet(ZEROS),
    "plain.parquet": parquet(ZEROS, use_dictionary=False, compression="gzip"),
    "texts.parquet": texts,
    "bytes.parquet": parquet(pa.array([b"z" * 100] * 10_000, pa.binary(100))),
    "lists.parquet": parquet(pa.array([[0.0] * 100] * 1_250)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_file_that_unpacks_to_more_than_the_limit_is_refused(name, tmp_path):
    BOMBS[name](tmp_path / name)
    with pytest.raises(TableError, match=r"holds more than 500 kB once it is unpacked: .*max_bytes=.*--max-bytes"):
        read_table(tmp_path / name, 500_000)
    if name != "blank.csv.gz":
        table, _ = read_table(tmp_path / name, 10_000_000)
        assert table.column_names == ["a", "b"]


def test_what_unpacking_costs_is_bounded_by_the_limit(tmp_path, monkeypatch):
    # 20 MB, in a file of 90 kB.
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 5_000_000, 1))
    given = []
    real = csv_files.ByteCount.add
    # The frames of this test hold the file, so that the wait for its release lasts as long as it may.
    monkeypatch.setattr(csv_files, "PATIENCE", 0.5)
    monkeypatch.setattr(csv_files.ByteCount, "add", lambda self, size: (given.append(size), real(self, size)))
    with pytest.raises(TableError, match="more than 3 MB"):
        read_table(tmp_path / "t.csv.gz", 3_000_000)
    assert sum(given) < 2 * 3_000_000


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())])
def test_texts_keep_their_types_and_values(kind, tmp_path):
    column = pa.array(["a", None, "b", "a", "größe"] * 3).cast(kind)
    table = pa.table({"a": column, "n": pa.array([1.5, None, 2, 3, 4] * 3)})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=4)
    assert read_table(tmp_path / "t.parquet")[0].equals(table)


@pytest.mark.parametrize("error", [MemoryError, pa.ArrowMemoryError])
@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_too_little_memory_is_said_in_one_line(name, error, tmp_path, monkeypatch, capsys):
    def fail(*given, **__):
        # Unlike pyarrow's, a frame of Python in the traceback would hold the file.
        del given
        raise error("malloc of size 99 failed")

    write = pa.csv.write_csv if name == "t.csv" else pq.write_table
    write(pa.table({"a": [1, 2], "b": [3, 4]}), tmp_path / name)
    monkeypatch.setattr("pyarrow.csv.read_csv", fail)
    monkeypatch.setattr("pyarrow.parquet.ParquetFile", fail)
    with pytest.raises(SystemExit) as exit_:
        main(["fit", str(tmp_path / name), "--target", "b", "--out", str(tmp_path / "out")])
    assert exit_.value.code == 2
    assert capsys.readouterr().err == f"steepest: {name} does not fit into memory: give fewer rows or columns\n"


def test_memory_that_runs_out_in_a_fit_is_said_in_one_line(tmp_path, monkeypatch, capsys):
    def fail(*_, **__):
        raise MemoryError("Unable to allocate 9 TiB")

    (tmp_path / "t.csv").write_text("a,b\n1,2\n2,4\n3,7\n4,9\n5,9\n")
    monkeypatch.setattr("steepest.tabular.fit.fit_given", fail)
    with pytest.raises(SystemExit) as exit_:
        main(["fit", str(tmp_path / "t.csv"), "--target", "b", "--out", str(tmp_path / "out")])
    assert exit_.value.code == 2
    assert capsys.readouterr().err.startswith("steepest: memory is exhausted (Unable to allocate 9 TiB): ")


def test_the_command_line_and_the_library_take_the_limit(tmp_path, capsys):
    rows = "a,b\n" + "".join(f"{k},{3 * k % 7}\n" for k in range(200))
    (tmp_path / "t.csv").write_text(rows)
    out = ["--out", str(tmp_path / "out")]
    for words, code in (
        (["fit", "t.csv", "--target", "b", "--max-bytes", "1kB", *out], 2),
        (["fit", "t.csv", "--target", "b", "--max-bytes", "0.002MB", *out], 0),
        (["predict", str(tmp_path / "out"), "t.csv", "--max-bytes", "1000"], 2),
        (["predict", str(tmp_path / "out"), "t.csv", "--max-bytes", "much"], 2),
    ):
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main([str(tmp_path / word) if word == "t.csv" else word for word in words])
        assert exit_.value.code == code
        assert not code or len(capsys.readouterr().err.splitlines()) == 1
    with pytest.raises(TableError, match="more than 1 kB"):
        st.fit_table(tmp_path / "t.csv", "b", max_bytes=1e3)


def test_the_limit_is_a_part_of_memory_or_the_number_given():
    assert 10**8 < read_limit(None) < 10**14
    assert read_limit(8e9) == 8_000_000_000
    for wrong in (0, -1, True, "8GB", float("nan"), float("inf")):
        with pytest.raises(ValueError, match="max_bytes="):
            read_limit(wrong)
    assert in_units(999) == "999 bytes"


@pytest.mark.parametrize("by", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.nightly)])
def test_an_interrupt_while_a_file_is_unpacked_ends_the_command(by, tmp_path):
    with zipfile.ZipFile(tmp_path / "t.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("t.csv", b"a,b\n" + b"1,2\n" * 10_000_000)
    script = """
        import sys, time
        from steepest.tabular.reading import csv_files
        real = csv_files.LimitedStream.readinto
        def slow(*words):
            print("going", flush=True)
            time.sleep(0.05)
            return real(*words)
        csv_files.LimitedStream.readinto = slow
        from steepest.cli import main
        main()
    """
    code, _, err = interrupted(
        textwrap.dedent(script), "fit", "t.zip", "--target", "b", "--out", "out", folder=tmp_path, by=by
    )
    assert (code, err.strip()) == (128 + by, "steepest: interrupted; nothing was written")
    assert not (tmp_path / "out").exists()


def test_a_file_is_left_only_after_pyarrow_has_released_it():
    # A thread of pyarrow that calls Python while the process ends would crash it: once in 40 interrupts.
    counter = csv_files._QuoteCounter(io.BytesIO(b'"a"\n1\n'), ",")
    with counter.to_pyarrow() as lend:
        file = lend()
        held = [file, file.read(4)]
        threading.Timer(0.3, held.clear).start()
        del file
    assert not held
    assert all(lent() is None for lent in counter.lent)
    assert counter.quotes == 2
    assert not bytes(counter.read(4))
