"""A folder of compiled programs, so that a new process need not compile what an earlier one has compiled.

JAX has such a cache, too. It belongs to the user: switched on here, it would hold the programs of all other code that
uses JAX in the process. So this folder is the library's own, and no setting of JAX is read but to see whether the user
wants JAX's cache, or none.

A file holds one program of XLA, in the form that `jax.experimental.serialize_executable` gives it. Its name is the
digest of all that the program depends on: the text of the code, with its constants; the options of the compiler; the
versions of this library, of JAX and of its compiler; the processor; and the settings of JAX. So a file can be
superfluous, but never out of date. (Globals that the user's function reads are in the text: the code is traced anew in
each process.) For code of the library alone its source files take the place of the text, so that it need not be traced.

To load a program is to run code, whatever the format, and part of this one is a pickle. So the folder and each file
must belong to the user, and nobody else may be able to read or write there; else they are not used.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import platform
import re
import stat
import sys
import tempfile
import time
import zlib
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
from jax.errors import JaxRuntimeError

from steepest.derivatives.process.own_code import own_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# The variable that switches the folder off ("0"), or names another folder.
VARIABLE = "STEEPEST_CACHE"
# A program that compiles faster is not stored. Chosen, not measured: reading takes about a tenth of the time.
WORTHWHILE = 0.03
# The most bytes of a program and of the folder; beyond, the files that were not read for the longest time are removed.
# Chosen, not measured: a loop of a small problem takes 0.1 MB.
LARGEST_PROGRAM, LARGEST_FOLDER = 16 * 2**20, 128 * 2**20
# With more numbers in its constants, a program is not stored: its text would take long to write.
MOST_CONSTANTS = 100_000
# Drafts that are this old, in seconds, were left by a process that has ended.
ABANDONED = 3600.0
MAGIC = b"steepest program 3\n"
ENDING, DRAFT = ".program", ".draft"
# Calls out of a program that another process can make, too: routines of LAPACK, and operations of XLA by name.
PORTABLE = re.compile(r"(lapack_\w+|mhlo\.\w+|chlo\.\w+|Sharding)$")
CALLS = re.compile(r"custom_call\s+@\"?([\w.$]+)")
# Settings of JAX that do not change a program.
INERT = ("cache", "log", "traceback", "dump")


def load_own(
    function: Callable[..., Any], args: tuple[Any, ...], options: Mapping[str, bool | int]
) -> tuple[str, Callable[..., Any] | None]:
    """Load the program of a function of the library, for such arguments, without tracing it.

    Return its name, or "" for code that is not the library's alone, and the program, or None if there is none.
    """
    folder = _folder()
    known = own_name(function, args) if folder and _is_plain() else ""
    if not (folder and known):
        return "", None
    name = _digest(known, options)
    _prepare_lapack()
    return name, _read(folder / (name + ENDING), jax.tree.structure((args, {})))


def load_or_compile(traced: Any, options: Mapping[str, bool | int], own: str) -> Callable[..., Any] | None:
    """Compile a traced function, or load the program from the folder; return the loaded program, or None if compiled.

    `traced` is the result of `jax.jit(f).trace(…)`, and `options` are those given to the compiler. A program of the
    library's own code is stored by its name `own`.
    """
    began = time.perf_counter()
    lowered = traced.lower()
    folder = _folder()
    name = _name(traced, lowered, options) if folder else ""
    if folder and name and not own:
        if (program := _read(folder / (name + ENDING), jax.tree.structure(lowered.args_info))) is not None:
            return program
        began = time.perf_counter()
    compiled = lowered.compile()
    if folder and name and time.perf_counter() - began >= WORTHWHILE:
        _store(folder, own or name, compiled)
    return None


def _folder() -> Path | None:
    """Return the folder, which is made if need be; None if it is switched off, or can't be used or trusted."""
    wanted = os.environ.get(VARIABLE, "")
    if wanted.lower() in ("0", "off", "no", "false") or not hasattr(os, "geteuid"):
        return None
    settings: Any = jax.config
    has_own = settings.jax_compilation_cache_dir or os.environ.get("JAX_COMPILATION_CACHE_DIR")
    if has_own or not settings.jax_enable_compilation_cache:
        return None
    try:
        folder = Path(wanted) if wanted else _home_of_caches() / "steepest"
        if not folder.is_absolute():
            return None
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder if _is_private(folder.lstat(), stat.S_ISDIR) else None
    except (OSError, RuntimeError, ValueError):
        return None


def _home_of_caches() -> Path:
    """Return the folder in which programs keep what they can make again."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if given.is_absolute() and sys.platform != "darwin":
        return given
    home = Path.home()
    if not home.is_dir():
        raise FileNotFoundError(f"{home} does not exist, and is not made for the sake of a cache")
    return home / "Library" / "Caches" if sys.platform == "darwin" else home / ".cache"


def _is_private(status: os.stat_result, is_kind: Callable[[int], bool]) -> bool:
    """Tell whether a folder or a file is of a kind, belongs to the user, and can be read and written by nobody else."""
    return is_kind(status.st_mode) and status.st_uid == os.geteuid() and not stat.S_IMODE(status.st_mode) & 0o077


def _is_plain() -> bool:
    """Tell whether programs run on the processor alone."""
    return jax.default_backend() == "cpu" and jax.device_count() == 1


def _digest(text: str, options: Mapping[str, bool | int]) -> str:
    """Return the name of a program from the text of its code and all else that it depends on."""
    parts = (text, repr(sorted(options.items())), _machine(), _settings())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _name(traced: Any, lowered: Any, options: Mapping[str, bool | int]) -> str:
    """Return the digest of all that a program depends on; "" if another process can't run the program."""
    code = traced.jaxpr
    if not _is_plain() or code.effects:
        return ""
    if sum(getattr(constant, "size", 1) for constant in code.consts) > MOST_CONSTANTS:
        return ""
    text = lowered.as_text()
    if not all(PORTABLE.match(name) for name in CALLS.findall(text)):
        # The code calls back into this process.
        return ""
    return _digest(text + "\0" + repr(code.in_avals), options)


def _settings() -> str:
    """Return the settings of JAX and XLA that may change a program."""
    values: dict[str, Any] = getattr(jax.config, "values", {})
    # An attribute has the value in this thread, which a context may have changed.
    wanted = (name for name in values if not any(word in name for word in INERT))
    kept = sorted((name, repr(getattr(jax.config, name, values[name]))) for name in wanted)
    return repr((kept, os.environ.get("XLA_FLAGS", "")))


@cache
def _prepare_lapack() -> None:
    """Let JAX find the routines of LAPACK, which it does when it first translates a call of one.

    A program that is loaded in a process without such a call would crash.
    """
    jax.jit(jax.lax.linalg.cholesky).lower(jax.ShapeDtypeStruct((1, 1), "float32"))


@cache
def _machine() -> str:
    """Return the versions of the libraries, and the processor, with what it can do."""
    versions = [_version(name) for name in ("steepest", "jax", "jaxlib")]
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        # The lines of the first processor.
        wanted = ("vendor_id", "cpu family", "model", "stepping", "flags", "Features", "CPU ", "isa")
        processor = [line for line in lines[: lines.index("") if "" in lines else None] if line.startswith(wanted)]
    except OSError:
        processor = [platform.processor(), platform.node()]
    return repr((versions, sys.version, platform.system(), platform.machine(), os.cpu_count(), processor))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        # The library is used from its source folder.
        return ""


def _read(path: Path, tree: Any) -> Callable[..., Any] | None:
    """Return the program in a file, for arguments of this layout.

    Return None if there is none, or if it is damaged or not the user's own.
    """
    from jax.experimental.serialize_executable import deserialize_and_load

    try:
        # To open a pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not _is_private(os.fstat(descriptor), stat.S_ISREG):
                return None
            content = file.read(LARGEST_PROGRAM + 1)
            with suppress(OSError):
                # The time of the last use; on a disk that can't be written, nothing is removed either.
                os.utime(descriptor)
    except OSError:
        return None
    head, body = content[: len(MAGIC) + 32], content[len(MAGIC) + 32 :]
    if head != _head(path.name, body):
        _remove(path)
        return None
    try:
        code, results = pickle.loads(zlib.decompress(body))  # noqa: S301 - the file is the user's own
        program: Callable[..., Any] = deserialize_and_load(code, tree, jax.tree.structure(results))
    except Exception:  # noqa: BLE001 - whatever is wrong with a file, the code can be compiled
        _remove(path)
        return None
    return program


def _head(name: str, body: bytes) -> bytes:
    """Return the first bytes of a file: a file that is damaged, or has the name of another program, has others."""
    return MAGIC + hashlib.sha256(name.encode() + b"\0" + body).digest()


def _store(folder: Path, name: str, compiled: Any) -> None:
    """Write a program into the folder, all of it or nothing; do nothing if it can't be written."""
    from jax.experimental.serialize_executable import serialize

    try:
        code, _, tree = serialize(compiled)
        # JAX can't write the layout of results itself: a process that reads it crashes. So write results.
        body = zlib.compress(pickle.dumps((code, jax.tree.unflatten(tree, range(tree.num_leaves)))), 1)
    except (ValueError, NotImplementedError, TypeError, AttributeError, pickle.PicklingError, JaxRuntimeError):
        return
    if len(body) > LARGEST_PROGRAM:
        return
    draft = None
    try:
        _make_room(folder, len(body))
        descriptor, draft = tempfile.mkstemp(DRAFT, dir=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_head(name + ENDING, body) + body)
        Path(draft).replace(folder / (name + ENDING))
    except OSError:
        if draft is not None:
            _remove(Path(draft))


def _make_room(folder: Path, size: int) -> None:
    """Remove the files that were not read for the longest time, until `size` more bytes fit into the folder."""
    with os.scandir(folder) as entries:
        found = [(entry.path, entry.stat(follow_symlinks=False)) for entry in entries]
    now = time.time()
    for path, status in found:
        if path.endswith(DRAFT) and now - status.st_mtime > ABANDONED:
            _remove(Path(path))
    programs = sorted((status.st_mtime, status.st_size, path) for path, status in found if path.endswith(ENDING))
    total = sum(length for _, length, _ in programs) + size
    for _, length, path in programs:
        if total <= LARGEST_FOLDER:
            return
        _remove(Path(path))
        total -= length


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
