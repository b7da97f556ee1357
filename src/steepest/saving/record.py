"""The files of a saved result: `run.json`, which names every other file with its digest, and the arrays."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from steepest.places import named, shown
from steepest.saving.lock import locked
from steepest.saving.npz import arrays_of_npz
from steepest.saving.regular import read_regular
from steepest.trace import dumps
from steepest.types import Json
from steepest.writing import is_draft

# The version of the format. Version 1 had no digests but in the name of the arrays, which were compressed.
FORMAT = 2
RECORD = "run.json"
# How many digits of their digest the name of the arrays has, and how it ends, by version of the format.
DIGITS = {1: 12, 2: 16}
ENDINGS = {1: "npz", 2: "safetensors"}
# The most bytes of a record and of the arrays. Chosen, not measured: the trace of a run has at most 80 MB, and a record
# has a line for each name of a column.
MOST_RECORD = 1 << 28
MOST_ARRAYS = 1 << 33
# Files that a desktop puts into the folders that it shows.
DESKTOP = {".DS_Store", "Thumbs.db", "desktop.ini"}
# The errors that parsers and constructors raise if the file that they read is forged.
FAULTS = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)

Arrays = dict[str, np.ndarray]


class Manifest(NamedTuple):
    """The content of `run.json`.

    Attributes
    ----------
    version : int
        The version of the format.
    record : dict
        The entries of the result, as `steepest.saving.schema` declares them.
    arrays : str
        The name of the file of the arrays.
    files : dict of str to str
        The digest of each file by its name; empty texts in version 1, which had no digests.
    transposed : sequence of str
        The names of the arrays that are stored transposed.
    """

    version: int
    record: dict[str, Json]
    arrays: str
    files: dict[str, str]
    transposed: Sequence[str] = ()


def write_record(folder: Path, record: Mapping[str, Json], arrays: Mapping[str, np.ndarray]) -> None:
    """Write a record and its arrays; write all other files first, because the record lists every file.

    The name of the arrays depends on their content, so a reader never takes the arrays of another record.
    """
    from safetensors.numpy import save

    # The file holds arrays row by row. Those that lie column by column in memory are stored transposed: products with
    # them round differently in the other order.
    transposed = [name for name, array in arrays.items() if array.flags.fnc]
    stored = {name: array.T if array.flags.fnc else array for name, array in arrays.items()}
    content = save({name: np.asarray(array, order="C") for name, array in stored.items()})
    name = f"arrays-{digest_of(content)[: DIGITS[FORMAT]]}.safetensors"
    (folder / name).write_bytes(content)
    files = {path.name: digest_of(path.read_bytes()) for path in sorted(folder.iterdir())}
    body: dict[str, Json] = {
        "format": FORMAT,
        "arrays": name,
        "transposed": transposed,
        "files": files,
        "record": dict(record),
    }
    text = dumps({"sha256": digest_of(dumps(body).encode()), **body})
    (folder / RECORD).write_text(text, encoding="utf-8")


def read_record(folder: Path) -> tuple[Manifest, Arrays]:
    """Return what the record of a folder says, and the arrays, checked against their digests.

    Raises
    ------
    FileNotFoundError
        If the folder has no record.
    ValueError
        If a file is missing, damaged or forged, in one line.
    """
    content = b""
    while True:
        before, content = content, _record_bytes(folder)
        try:
            manifest = _manifest(content)
            return manifest, _arrays(folder, manifest)
        except _FaultError as fault:
            # If another process replaced the result in the meantime, the arrays of this record are gone.
            if content == before:
                raise unreadable(folder, fault.name, fault.why) from None


def unreadable(folder: Path, name: str, why: object) -> ValueError:
    """Return the error for a file of a folder that can't be loaded."""
    words = " ".join(str(why).split())
    cure = "no file was changed; take the folder from a copy, or save it again"
    return ValueError(f"{shown(folder)} can't be loaded: {name}: {words[:200]}: {cure}")


def files_of(folder: Path) -> set[str]:
    """Return the names of the files that the record in a folder lists; none if it has no record that can be read."""
    try:
        return set(_manifest(_record_bytes(folder)).files) | {RECORD}
    except (OSError, ValueError, _FaultError):
        return set()


def foreign_files(folder: Path) -> set[str]:
    """Return the names in a folder that are not those of a saved result, or whose content has changed since."""
    if not folder.is_dir():
        return set()
    content: bytes | None = b""
    while True:
        before = content
        with locked(folder):
            try:
                content = _record_bytes(folder)
                files = _manifest(content).files
            except (OSError, ValueError, _FaultError):
                content, files = None, {}
            own = {name for name, digest in files.items() if not digest or _has_digest(folder / name, digest)}
            if files:
                own.add(RECORD)
            foreign = {path.name for path in folder.iterdir() if not (path.name in own or _is_ours(path))}
        # Another process may replace the folder between reading its record and its names.
        if not foreign or content == before:
            return foreign


def includes(whole: Json, part: Json) -> bool:
    """Tell whether a record has all entries of another, with the same values.

    Parameters
    ----------
    whole, part : JSON value
        The records.

    Returns
    -------
    bool
        Whether it does; NaN equals NaN.

    Examples
    --------
    >>> includes({"fun": 1.0, "names": ["x"]}, {"fun": 1.0}), includes({"fun": 1.0}, {"fun": 1.0, "names": ["x"]})
    (True, False)
    """
    if isinstance(whole, Mapping) and isinstance(part, Mapping):
        return all(name in whole and includes(whole[name], value) for name, value in part.items())
    if isinstance(whole, list | tuple) and isinstance(part, list | tuple):
        return len(whole) == len(part) and all(map(includes, whole, part))
    return json.dumps(whole) == json.dumps(part)


def digest_of(content: bytes) -> str:
    """Return the SHA-256 digest in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


class _FaultError(Exception):
    """A file that can't be loaded, and why."""

    def __init__(self, name: str, why: object) -> None:
        super().__init__(name, why)
        self.name, self.why = name, why


def _record_bytes(folder: Path) -> bytes:
    try:
        return read_regular(folder / RECORD, MOST_RECORD)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"no run is saved in {shown(folder)}: it holds no {RECORD}") from None
    except OSError as error:
        raise named(error, folder, "read") from error
    except ValueError as error:
        raise unreadable(folder, RECORD, error) from None


def _manifest(content: bytes) -> Manifest:
    """Return what a record says, once its own digest is right; raise `_FaultError` otherwise."""
    try:
        body = json.loads(content)
        version = body.pop("format")
        if version == 1:
            # The first version had no entry for the record: its entries are beside the names.
            arrays, files = body.pop("arrays"), dict.fromkeys(body.pop("files"), "")
            manifest = Manifest(version, body, arrays, files)
        elif version == FORMAT:
            digest = body.pop("sha256")
            if digest != digest_of(dumps({"format": version, **body}).encode()):
                raise ValueError("its SHA-256 digest differs, so it is not what was saved")
            manifest = Manifest(version, **body)
        else:
            raise ValueError(f"it has version {version!r:.20} of the format, and this library reads 1 and {FORMAT}")
        if not re.fullmatch(rf"arrays-[0-9a-f]{{{DIGITS[version]}}}\.{ENDINGS[version]}", manifest.arrays):
            raise ValueError(f"{manifest.arrays!r:.80} is no name of arrays")
        for name, digest in manifest.files.items():
            if Path(name).name != name or not isinstance(digest, str):
                raise ValueError(f"{name!r:.80} is no name of a file in this folder")
    except json.JSONDecodeError as error:
        raise _FaultError(RECORD, f"it is not JSON ({error})") from None
    except KeyError as error:
        raise _FaultError(RECORD, f"it lacks the entry {error}") from None
    except FAULTS as error:
        raise _FaultError(RECORD, error) from None
    return manifest


def _arrays(folder: Path, manifest: Manifest) -> Arrays:
    """Return the arrays that belong to a record."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    name = manifest.arrays
    try:
        content = read_regular(folder / name, MOST_ARRAYS)
        digest = digest_of(content)
        if not name.startswith(f"arrays-{digest[: DIGITS[manifest.version]]}."):
            raise ValueError("it is damaged: its SHA-256 digest differs from that in its name")
        if manifest.version == 1:
            return arrays_of_npz(content)
        if manifest.files.get(name) != digest:
            raise ValueError(f"it is damaged: its SHA-256 digest differs from that in {RECORD}")
        # A copy is writable and starts where NumPy aligns arrays: on other addresses sums may round differently.
        arrays = {name: array.copy() for name, array in load(content).items()}
        return arrays | {name: arrays[name].T for name in manifest.transposed}
    except FileNotFoundError:
        raise _FaultError(name, "it is missing") from None
    except (SafetensorError, *FAULTS) as error:
        raise _FaultError(name, error) from None


def _has_digest(path: Path, digest: str) -> bool:
    try:
        return digest_of(read_regular(path, MOST_ARRAYS)) == digest
    except (OSError, ValueError):
        return False


def _is_ours(path: Path) -> bool:
    """Tell whether a name that no record lists is a draft, arrays left behind by a death, or of the desktop."""
    if path.name in DESKTOP or is_draft(path):
        return True
    arrays = re.fullmatch(r"arrays-([0-9a-f]+)\.(npz|safetensors)", path.name)
    if not arrays:
        return False
    try:
        return digest_of(read_regular(path, MOST_ARRAYS)).startswith(arrays[1])
    except (OSError, ValueError):
        return False
