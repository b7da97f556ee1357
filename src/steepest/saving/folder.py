"""Results on disk: a folder with a JSON file, the record, and an ``.npz`` file, replaced together or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from steepest.trace import dumps
from steepest.types import Json, Tree

# The version of the record's format; a record of another version is refused.
FORMAT = 1
RECORD = "run.json"


@contextmanager
def staged(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary folder to write files in; once all are complete, they move into `folder`, the record last."""
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file: give a folder to write into")
    folder.mkdir(parents=True, exist_ok=True)
    # Inside the folder, so that moving a file is a rename, which can't stop halfway.
    draft = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
    try:
        yield draft
        old = {path.name for path in folder.glob("arrays-*.npz")} | _files_of_record(folder)
        new = {path.name for path in draft.iterdir()}
        for name in sorted(new, key=RECORD.__eq__):
            (draft / name).replace(folder / name)
        for name in old - new:
            (folder / name).unlink(missing_ok=True)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _files_of_record(folder: Path) -> set[str]:
    """Return the names of the files that the record in the folder lists."""
    try:
        names = json.loads((folder / RECORD).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    # These files will be deleted, so ignore any path that leads out of the folder.
    return {name for name in names if isinstance(name, str) and Path(name).name == name}


def write_record(folder: Path, record: Mapping[str, Json], arrays: Mapping[str, np.ndarray]) -> None:
    """Write a record and its arrays; write all other files first, because the record lists every file."""
    draft = folder / "arrays.npz"
    np.savez_compressed(draft, allow_pickle=False, **arrays)
    # The name of the arrays depends on their content, so an old record never finds new arrays.
    digest = hashlib.sha256(draft.read_bytes()).hexdigest()[:12]
    named = draft.rename(folder / f"arrays-{digest}.npz")
    files = sorted(path.name for path in folder.iterdir())
    text = dumps({"format": FORMAT, "arrays": named.name, "files": files, **record})
    (folder / RECORD).write_text(text, encoding="utf-8")


def read_record(folder: str | os.PathLike[str]) -> tuple[dict[str, Json], dict[str, np.ndarray]]:
    """Return the record and the arrays of a folder; if a file is faulty, raise an error of one line."""
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
    """Return the error for a folder whose files can't be read."""
    why = f"{type(error).__name__}: {error}".splitlines()[0]
    return ValueError(f"{folder} does not hold a run that this version can read ({why}): save it again")


def point_to_json(x: Tree) -> Json:
    """Return a point as JSON, which distinguishes dicts, tuples, lists and arrays."""
    if isinstance(x, dict):
        return {"dict": [[key, point_to_json(value)] for key, value in x.items()]}
    if isinstance(x, tuple):
        return {"tuple": [point_to_json(value) for value in x]}
    if isinstance(x, list):
        return {"list": [point_to_json(value) for value in x]}
    return {"array": np.asarray(x, dtype=float).tolist()}


def point_from_json(record: Mapping[str, Json]) -> Tree:
    """Return the point from a record of `point_to_json`."""
    ((kind, content),) = record.items()
    if kind == "dict":
        return {key: point_from_json(value) for key, value in content}
    if kind in ("tuple", "list"):
        return (tuple if kind == "tuple" else list)(point_from_json(value) for value in content)
    array = np.asarray(content, dtype=float)
    return array if array.ndim else np.float64(array)
