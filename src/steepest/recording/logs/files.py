"""Read a log from a file or a folder, by its content."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from steepest.arguments import closest
from steepest.printable import printable
from steepest.recording.logs.columns import Columns
from steepest.recording.logs.events import MARK, event_folders, of_events
from steepest.recording.logs.texts import of_text

# What loggers call their file in the folder of a run: Lightning, Hugging Face, and others.
USUAL = (
    "metrics.csv", "trainer_state.json", "history.csv", "losses.csv", "loss.csv", "log.csv", "training.log",
    "results.csv", "metrics.jsonl", "log.jsonl", "history.json",
)  # fmt: skip
GZIP, UTF_16 = b"\x1f\x8b", (b"\xff\xfe", b"\xfe\xff")
# The most bytes of a text once it is unpacked, some million rows. Lists of Python take ten times as much memory.
MOST_BYTES = 2**28
# Read as far as this to tell a text from other files.
BEGINNING = 4096


def of_path(path: Path) -> tuple[Columns, str]:
    """Return the columns of a log in a file or a folder, and its name for messages.

    Parameters
    ----------
    path : Path
        A CSV or TSV, JSON or JSON Lines, also with gzip; an event file of TensorBoard; or a folder with one of them.

    Returns
    -------
    columns : dict of str to list
        The columns of numbers.
    what : str
        The name of the file or folder.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no log.
    ImportError
        If it needs the reader of TensorBoard.
    """
    name = printable(path.name or str(path), 60)
    if not path.exists():
        near = closest(path.name, [file.name for file in path.parent.iterdir()]) if path.parent.is_dir() else None
        remedy = f"did you mean {near}?" if near else "check the name and the folder"
        raise FileNotFoundError(f"there is no file {name} in {path.parent.absolute()}: {remedy}")
    if path.is_dir():
        return _of_folder(path, name)
    if MARK in path.name:
        return of_events(path), name
    return of_text(_text_of(path, name), name), name


def _of_folder(path: Path, name: str) -> tuple[Columns, str]:
    """Return the log in a folder: a text by one of the usual names, else its event files."""
    found = next((path / usual for usual in USUAL if (path / usual).is_file()), None)
    if found is not None:
        return of_path(found)
    if event_folders(path):
        return of_events(path), name
    texts = sorted(file for file in path.iterdir() if file.suffix in (".csv", ".tsv", ".jsonl") and file.is_file())
    if len(texts) == 1:
        return of_path(texts[0])
    # Lightning writes lightning_logs/version_0/metrics.csv: give the folder of the version.
    deeper = sorted(path.rglob("metrics.csv")) or sorted(path.rglob("trainer_state.json"))
    if len(deeper) == 1:
        return of_path(deeper[0])
    several = texts or deeper
    what = f"several logs, such as {several[-1].relative_to(path)}" if several else "no log, such as losses.csv"
    raise ValueError(f"the folder {name} has {what}: give the file of one run")


def _text_of(path: Path, name: str) -> str:
    with path.open("rb") as file:
        is_packed = file.read(len(GZIP)) == GZIP
    try:
        with (gzip.open if is_packed else open)(path, "rb") as source:
            data = source.read(MOST_BYTES + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise ValueError(f"{name} is a damaged gzip file: write it again") from None
    if len(data) > MOST_BYTES:
        raise ValueError(f"{name} holds more than {MOST_BYTES >> 20:,} MB: give a log of one run, or fewer of its rows")
    if data.startswith(UTF_16):
        return data.decode("utf-16", errors="replace")
    if b"\0" in data[:BEGINNING]:
        raise ValueError(f"{name} is not a text: give a CSV, TSV or JSON file with a loss in each row, or event files")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
