"""Compiled programs are kept for later processes: never a wrong one, nor in an unsafe place. JAX is left alone."""

import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.derivatives.compiled import Jitted
from steepest.derivatives.precision import compiled_code
from steepest.derivatives.process import programs
from steepest.derivatives.process.own_code import digest_of, own_name
from steepest.fitting.linear.glm import Glm, gram, whitening
from steepest.fitting.linear.solvers import base
from steepest.fitting.linear.solvers.lbfgs import LbfgsSolver
from steepest.fitting.linear.solvers.newton import NewtonSolver
from steepest.models.losses import Huber, log_loss
from steepest.models.losses.base import Loss
from steepest.models.losses.softmax import Contrasted

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="without owners of files no folder is used")
POINT = np.array([1.0, 2.0])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder for programs, in which even the smallest is worth a file."""
    monkeypatch.setattr(programs, "WORTHWHILE", 0.0)
    monkeypatch.setenv(programs.VARIABLE, str(tmp_path / "programs"))
    return tmp_path / "programs"


def answer(factor=3.0):
    """Return what a function gives that is new to this process, as if the process were new."""
    with compiled_code():
        return np.asarray(Jitted(lambda x: jnp.sin(factor * x))(POINT))


def files(folder):
    return sorted(folder.glob("*")) if folder.is_dir() else []


@pytest.fixture
def no_compiler(monkeypatch):
    def refuse(*args, **options):
        raise AssertionError("the program was compiled")

    return lambda: monkeypatch.setattr(jax.stages.Lowered, "compile", refuse)


def test_a_program_is_read_instead_of_compiled(folder, no_compiler):
    expected = answer()
    np.testing.assert_allclose(expected, np.sin(3 * POINT), rtol=1e-14)
    assert len(files(folder)) == 1
    assert folder.stat().st_mode & 0o777 == 0o700
    assert files(folder)[0].stat().st_mode & 0o777 == 0o600
    no_compiler()
    assert np.array_equal(answer(), expected)


def test_a_program_is_read_from_a_disk_that_cannot_be_written(folder, monkeypatch, no_compiler):
    def refuse(*args, **options):
        raise OSError(errno.EROFS, "read-only file system")

    expected = answer()
    monkeypatch.setattr(programs.os, "utime", refuse)
    no_compiler()
    assert np.array_equal(answer(), expected)


def test_no_home_is_made_for_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "WORTHWHILE", 0.0)
    monkeypatch.setenv(programs.VARIABLE, "")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    np.testing.assert_allclose(answer(), np.sin(3 * POINT), rtol=1e-14)
    assert not (tmp_path / "nobody").exists()


def test_another_constant_is_another_program(folder):
    for factor in (3.0, 4.0):
        np.testing.assert_allclose(answer(factor), np.sin(factor * POINT), rtol=1e-14)
    assert len(files(folder)) == 2


@pytest.mark.parametrize("change", ["XLA_FLAGS", "machine", "setting"])
def test_another_compiler_or_processor_is_another_program(folder, monkeypatch, change):
    answer()
    if change == "XLA_FLAGS":
        monkeypatch.setenv("XLA_FLAGS", os.environ.get("XLA_FLAGS", "") + " ")
    elif change == "machine":
        monkeypatch.setattr(programs, "_machine", lambda: "another processor")
    else:
        monkeypatch.setattr(programs, "_settings", lambda: "another setting")
    answer()
    assert len(files(folder)) == 2


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "other"])
def test_a_damaged_file_is_written_anew(folder, damage):
    expected = answer()
    (path,) = files(folder)
    whole = path.read_bytes()
    middle = len(whole) // 2
    changed = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    path.write_bytes({"cut": whole[:middle], "changed": changed, "empty": b"", "other": b"#!/bin/sh\n"}[damage])
    assert np.array_equal(answer(), expected)
    assert files(folder)[0].read_bytes()[: len(programs.MAGIC)] == programs.MAGIC
    assert len(files(folder)[0].read_bytes()) > middle


def test_a_program_under_the_name_of_another_is_not_run(folder):
    answer(3.0)
    (first,) = files(folder)
    answer(4.0)
    (second,) = set(files(folder)) - {first}
    second.write_bytes(first.read_bytes())
    np.testing.assert_allclose(answer(4.0), np.sin(4 * POINT), rtol=1e-14)


def test_a_pipe_in_the_folder_is_not_waited_for(folder):
    answer()
    (path,) = files(folder)
    path.unlink()
    os.mkfifo(path, 0o600)
    # If the pipe were waited for, the reader would wait for ever: so a writer comes after a while.
    late = threading.Timer(5.0, lambda: os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK)))
    late.start()
    began = time.perf_counter()
    np.testing.assert_allclose(answer(), np.sin(3 * POINT), rtol=1e-14)
    late.cancel()
    assert time.perf_counter() - began < 4.0


@pytest.mark.parametrize("place", ["open", "link", "stranger", "file", "under a file", "relative"])
def test_an_unsafe_or_useless_folder_is_not_used(folder, monkeypatch, place):
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    if place == "open":
        folder.mkdir()
        folder.chmod(0o770)
    elif place == "link":
        folder.symlink_to(elsewhere)
    elif place == "stranger":
        monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    elif place == "file":
        folder.write_text("mine")
    elif place == "under a file":
        (elsewhere / "file").write_text("mine")
        monkeypatch.setenv(programs.VARIABLE, str(elsewhere / "file" / "programs"))
    else:
        monkeypatch.chdir(elsewhere)
        monkeypatch.setenv(programs.VARIABLE, "programs")
    np.testing.assert_allclose(answer(), np.sin(3 * POINT), rtol=1e-14)
    assert not list(folder.parent.rglob(f"*{programs.ENDING}"))


def test_a_file_that_others_may_write_is_not_read(folder, monkeypatch):
    answer()
    files(folder)[0].chmod(0o666)
    loaded = []
    monkeypatch.setattr(programs, "deserialize_and_load", loaded.append, raising=False)
    lowered = jax.jit(lambda x: x).lower(1.0)
    assert programs._read(files(folder)[0], lowered) is None
    assert files(folder)


def test_a_full_disk_leaves_nothing_behind(folder, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(programs.os, "fdopen", full)
    np.testing.assert_allclose(answer(), np.sin(3 * POINT), rtol=1e-14)
    assert not files(folder)


def test_the_folder_has_a_largest_size(folder, monkeypatch):
    answer(1.0)
    size = files(folder)[0].stat().st_size
    monkeypatch.setattr(programs, "LARGEST_FOLDER", int(2.5 * size))
    for k, factor in enumerate((2.0, 3.0, 4.0), 1):
        for path in files(folder):
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 10 * k))
        answer(factor)
        assert 1 <= len(files(folder)) <= 2
        assert sum(path.stat().st_size for path in files(folder)) <= programs.LARGEST_FOLDER


def test_code_that_calls_back_is_not_stored(folder):
    def twice(x):
        return jax.pure_callback(lambda x: 2 * np.asarray(x), jax.ShapeDtypeStruct(x.shape, x.dtype), x)

    for _ in range(2):
        with compiled_code():
            assert np.array_equal(Jitted(twice)(POINT), 2 * POINT)
    assert not files(folder)


@pytest.mark.parametrize("wish", ["0", "off", "its own"])
def test_nothing_is_stored_if_the_user_wants_no_folder_or_has_one(folder, tmp_path, monkeypatch, wish):
    if wish == "its own":
        monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "own"))
    else:
        monkeypatch.setenv(programs.VARIABLE, wish)
    answer()
    assert not files(folder)


BOTH = """
import sys, jax, jax.numpy as jnp, numpy as np
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
theirs = sys.argv[1:]
before = dict(jax.config.values)
first, second = (jax.jit(lambda x, k=k: jnp.tanh(k * x)) for k in (2.0, 3.0))
first(np.ones(3))
import steepest as st
run = st.minimize(lambda x: (x[0] - a) ** 2 + (x[1] - 1) ** 4 if (a := 2.0) else 0.0, (0.0, 0.0))
assert dict(jax.config.values) == before
if theirs:
    jax.config.update("jax_compilation_cache_dir", theirs[0])
second(np.ones(3))
print(run.x[0])
"""


@pytest.mark.parametrize("has_own", [False, True])
def test_the_programs_of_other_code_stay_where_they_were(tmp_path, has_own):
    own = tmp_path / "own"
    variables = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "ours"), "HOME": str(tmp_path)}
    variables.pop(programs.VARIABLE, None)
    command = [sys.executable, "-c", BOTH, *([str(own)] if has_own else [])]
    done = subprocess.run(command, env=variables, check=True, capture_output=True, text=True)
    assert round(float(done.stdout), 6) == 2
    stored = [path for path in tmp_path.rglob("*") if path.is_file()]
    ours = [path for path in stored if path.suffix == programs.ENDING]
    assert ours
    assert {path.parent.name for path in ours} == {"steepest"}
    # The user's second function, which is compiled after the descent, goes to the user's folder, and nothing else does.
    others = [path for path in stored if path not in ours]
    assert all(Path(own) in path.parents for path in others)
    assert bool(others) == has_own


NEW_PROCESS = """
import numpy as np
from steepest.derivatives.compiled import Jitted
from steepest.derivatives.precision import compiled_code
from steepest.fitting.linear.glm import whitening

loaded = Jitted(whitening)
with compiled_code():
    metric, condition = loaded(np.diag([4.0, 9.0]), np.ones(2))
print(np.asarray(metric).tolist(), float(condition), len(loaded.traces))
"""


def test_code_of_the_library_is_read_without_a_trace(folder):
    first = Jitted(whitening)
    with compiled_code():
        metric, condition = first(np.diag([4.0, 9.0]), np.ones(2))
    assert len(first.traces) == len(files(folder)) == 1
    # A new process, in which JAX has not yet looked for the routines of LAPACK.
    done = subprocess.run([sys.executable, "-c", NEW_PROCESS], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.split() == f"{np.asarray(metric).tolist()} {float(condition)} 0".split()


def test_names_of_the_librarys_code_tell_all_apart():
    def glm(loss, block=512):
        return Glm(np.ones((4, 2)), np.ones(4), np.ones(4), 4.0, 0.0, None, None, 0.0, loss, block)

    point = np.zeros(3)
    with compiled_code():
        named = [
            own_name(whitening, (np.eye(2), np.ones(2))),
            own_name(whitening, (np.eye(3), np.ones(3))),
            own_name(whitening, (np.eye(2, dtype=np.float32), np.ones(2))),
            own_name(whitening, (np.eye(2), 1.0)),
            own_name(gram, (np.eye(2), np.ones(2))),
            *(own_name(solver.chunk.function, (glm(log_loss), point)) for solver in (NewtonSolver, LbfgsSolver)),
            *(
                own_name(base._along.function, (glm(loss), point))
                for loss in (log_loss, Huber(1.0), Huber(1.5), Contrasted(3))
            ),
            own_name(base._along.function, (glm(log_loss, 1024), point)),
        ]
    assert all(named)
    assert len(set(named)) == len(named)


def test_code_of_the_user_is_always_traced():
    class Own(Loss):
        def __call__(self, z, y):
            return (z - y) ** 2

    def own(glm, x):
        return x

    glm = Glm(np.ones((4, 2)), np.ones(4), np.ones(4), 4.0, 0.0, None, None, 0.0, Own(), 512)
    assert own_name(base._along.function, (glm, np.zeros(3))) == ""
    assert own_name(own, (np.zeros(3), np.zeros(3))) == ""
    assert own_name(base.chunk_of(own).function, (np.zeros(3), np.zeros(3))) == ""


def test_the_digest_of_sources_changes_with_each_name_and_each_byte(tmp_path):
    def written(name, text):
        root = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        (root / "part").mkdir(parents=True)
        (root / "part" / name).write_text(text)
        return digest_of(root)

    digests = [written("a.py", "x = 1"), written("a.py", "x = 2"), written("b.py", "x = 1")]
    assert len(set(digests)) == 3
    assert written("a.py", "x = 1") == digests[0]
