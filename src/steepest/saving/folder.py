"""Runs on disk: a folder with one JSON file and the ``.npz`` that it names, replaced together or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from steepest.trace import dumps

FORMAT = 1
RECORD = "run.json"


@contextmanager
def staged(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a room to write files in; they move into the folder when all are whole, the record last."""
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file: give a folder to write into")
    folder.mkdir(parents=True, exist_ok=True)
    room = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
    try:
        yield room
        before = {path.name for path in folder.glob("arrays-*.npz")} | _written(folder)
        kept = {path.name for path in room.iterdir()}
        for name in sorted(kept, key=RECORD.__eq__):
            (room / name).replace(folder / name)
        for name in before - kept:
            (folder / name).unlink(missing_ok=True)
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _written(folder: Path) -> set[str]:
    """Return the names of the files that were written beside the record that is there."""
    try:
        names = json.loads((folder / RECORD).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    # Whatever a record says, nothing outside the folder is touched.
    return {name for name in names if isinstance(name, str) and Path(name).name == name}


def write_record(room: Path, record: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write a record and its arrays, last; the record names the arrays by their content, and every file."""
    draft = room / "arrays.npz"
    np.savez_compressed(draft, allow_pickle=False, **arrays)
    digest = hashlib.sha256(draft.read_bytes()).hexdigest()[:12]
    named = draft.rename(room / f"arrays-{digest}.npz")
    files = sorted(path.name for path in room.iterdir())
    text = dumps({"format": FORMAT, "arrays": named.name, "files": files, **record})
    (room / RECORD).write_text(text, encoding="utf-8")


def read_record(folder: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read what `write_record` wrote; whatever is wrong with it is one line."""
    folder = Path(folder)
    if not (folder / RECORD).is_file():
        raise FileNotFoundError(f"no run is saved in {folder}: it holds no {RECORD}")
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if record.pop("format") != FORMAT:
            raise ValueError("it was written by another version")
        del record["files"]
        with np.load(folder / record.pop("arrays"), allow_pickle=False) as stored:
            return record, {name: stored[name] for name in stored.files}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise unreadable(folder, error) from None


def unreadable(folder: str | os.PathLike[str], error: Exception) -> ValueError:
    """Return the error for a folder whose files can't be understood."""
    why = f"{type(error).__name__}: {error}".splitlines()[0]
    return ValueError(f"{folder} does not hold a run that this version can read ({why}): save it again")


def point_to_json(x: Any) -> Any:
    """Return a point as JSON takes it; trees keep their kinds."""
    if isinstance(x, dict):
        return {"dict": [[key, point_to_json(value)] for key, value in x.items()]}
    if isinstance(x, tuple):
        return {"tuple": [point_to_json(value) for value in x]}
    if isinstance(x, list):
        return {"list": [point_to_json(value) for value in x]}
    return {"array": np.asarray(x, dtype=float).tolist()}


def point_from_json(record: Mapping[str, Any]) -> Any:
    """Return the point that `point_to_json` made a record of."""
    ((kind, content),) = record.items()
    if kind == "dict":
        return {key: point_from_json(value) for key, value in content}
    if kind in ("tuple", "list"):
        return (tuple if kind == "tuple" else list)(point_from_json(value) for value in content)
    array = np.asarray(content, dtype=float)
    return array if array.ndim else np.float64(array)
