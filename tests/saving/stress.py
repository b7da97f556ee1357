"""Deaths, kills and races of processes that save; `python tests/saving/stress.py deaths|kills|races [TIMES]`.

A process of its own, without JAX, so that it can fork. Every save has a picture and a table beside the record. They all
hold one number, so that a mix of two saves shows.
"""

import collections
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

import numpy as np

from steepest.saving.folder import staged
from steepest.saving.record import read_record, write_record

# The events of Python's audit that concern files; a swap of folders is a call into the C library.
EVENTS = {
    "open",
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.chmod",
    "os.listdir",
    "os.scandir",
    "ctypes.dlopen",
}


def save(folder: Path, number: int) -> None:
    """Save a result of four files, each of which holds a number."""
    with staged(folder) as draft:
        for name in ("fit.png", "predictions.csv"):
            (draft / name).write_text(str(number))
        write_record(draft, {"number": number}, {"x": np.full(1000, float(number))})


def number_of(folder: Path, all_files: bool = True) -> int:
    """Return the number of a result; AssertionError if its files disagree."""
    manifest, arrays = read_record(folder)
    number = manifest.record["number"]
    assert np.array_equal(arrays["x"], np.full(1000, float(number)))
    if all_files:
        assert {(folder / name).read_text() for name in ("fit.png", "predictions.csv")} == {str(number)}
    return number


def child(work) -> int:
    """Run a function in a forked process, and return the process."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        work()
        code = 0
    finally:
        # The child must not go on with the work of its parent.
        if code:
            traceback.print_exc()
        os._exit(code)


def dies_at(count: int, work):
    """Return a function that runs `work`, and dies before its `count`-th file operation."""

    def run() -> None:
        seen = [0]

        def watch(event: str, _) -> None:
            if event in EVENTS:
                seen[0] += 1
                if seen[0] == count:
                    os._exit(7)

        sys.addaudithook(watch)
        work()

    return run


def deaths(moved: bool) -> dict[str, int]:
    """Let a save die before each of its file operations; return how often each number was found afterwards.

    If `moved`, the folder is the working folder, so that the files move one by one.
    """
    found: collections.Counter[str] = collections.Counter()
    for count in range(1, 1000):
        with tempfile.TemporaryDirectory() as room:
            folder = Path(room) / "run"
            save(folder, 1)
            os.chdir(folder if moved else room)
            _, status = os.waitpid(child(dies_at(count, lambda folder=folder: save(folder, 2))), 0)
            os.chdir("/")
            found[str(number_of(folder, all_files=not moved))] += 1
            if os.waitstatus_to_exitcode(status) == 0:
                return dict(found)
            # A later save is not hindered by what the death left behind, and an hour later that is gone.
            if not moved:
                for left in Path(room).glob(".steepest-*"):
                    os.utime(left, (0, 0))
                save(folder, 3)
                assert number_of(folder) == 3
                assert [path.name for path in Path(room).iterdir()] == ["run"]
    raise AssertionError("a save never ended")


def kills(times: int) -> dict[str, int]:
    """Kill saves at random times; return how often the number before and after was found."""
    found: collections.Counter[str] = collections.Counter()
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as room:
        folder = Path(room) / "run"
        save(folder, 0)
        before = 0
        for number in range(1, times + 1):
            process = child(lambda number=number: save(folder, number))
            time.sleep(random.uniform(0, 0.02))
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            after = number_of(folder)
            assert after in (before, number)
            found["new" if after == number else "old"] += 1
            before = after
    return dict(found)


def races(times: int, moved: bool) -> dict[str, int]:
    """Let two processes save to one folder, and a third read it, until each writer has saved `times` times."""
    with tempfile.TemporaryDirectory() as room:
        folder = Path(room) / "run"
        save(folder, 0)
        os.chdir(folder if moved else room)

        def write(first: int) -> None:
            for number in range(first, first + times):
                save(folder, number)

        def read() -> None:
            while not (folder.parent / "end").exists():
                # The picture is not read in the same step as the record, so another one may be there already.
                number_of(folder, all_files=False)

        writers, reader = [child(lambda k=k: write(1000 * k)) for k in (1, 2)], child(read)
        codes = [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in writers]
        (folder.parent / "end").touch()
        codes.append(os.waitstatus_to_exitcode(os.waitpid(reader, 0)[1]))
        os.chdir("/")
        last = number_of(folder, all_files=not moved)
        assert last in (1000 + times - 1, 2000 + times - 1)
        return {"failed": sum(code != 0 for code in codes), "files": len(list(folder.iterdir()))}


if __name__ == "__main__":
    what, *numbers = sys.argv[1:]
    times = int(numbers[0]) if numbers else 1000
    tests = {
        "deaths": lambda: [deaths(moved) for moved in (False, True)],
        "kills": lambda: kills(times),
        "races": lambda: [races(times, moved) for moved in (False, True)],
    }
    sys.stdout.write(json.dumps(tests[what]()))
