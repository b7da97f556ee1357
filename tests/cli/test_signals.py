"""Ctrl-C and SIGTERM at every moment of a command: no traceback, the right exit code, and true words on the files."""

import dis
import gc
import pydoc
import signal
import subprocess
import sys
import textwrap

import pytest

import steepest as st
from steepest.cli import main
from steepest.cli.written import Written
from steepest.derivatives.process.interrupts import Interrupts

SIGNALS = [signal.SIGINT, signal.SIGTERM]


def listen():
    """Handle signals as in a new process: a shell makes its background jobs deaf to Ctrl-C, and so does `main`."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


class Press:
    """Sends a signal at one moment of the command line, counted from that at which it first handles signals.

    A moment is the end of an instruction after which CPython looks for signals.
    """

    def __init__(self, by, at):
        self.by, self.left, self.is_handled, self.before = by, at, False, {}

    def __call__(self, frame, event, arg):
        if not frame.f_code.co_filename.endswith(("cli/__init__.py", "interrupts.py", __file__)):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            last = self.before.get(frame)
            self.before[frame] = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            self.is_handled = self.is_handled or signal.getsignal(self.by) == Interrupts.press
            if self.is_handled and last in ("RESUME", "CALL", "CALL_FUNCTION_EX", "JUMP_BACKWARD"):
                self.left -= 1
                if self.left == -1:
                    signal.raise_signal(self.by)
        return self


def ending(by, at, capsys):
    """Return how a command ended that was interrupted at this moment, and whether the moment was before its end."""
    press, before = Press(by, at), sys.gettrace()
    listen()
    sys.settrace(press)
    try:
        main([])
    except SystemExit as end:
        # Python still has to close down, and would print a traceback for a signal that is not ignored.
        assert {signal.getsignal(each) for each in SIGNALS} == {signal.SIG_IGN}, at
        return end.code, capsys.readouterr(), press.left < 0
    finally:
        sys.settrace(before)
    raise AssertionError("the command line has no end")


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize("by", SIGNALS)
def test_a_signal_at_any_moment(by, twice, tmp_path, monkeypatch, capsys):
    file = tmp_path / "out.csv"

    def press_again():
        if twice:
            signal.raise_signal(by)

    class Pressing(Written):
        def __str__(self):
            press_again()
            return super().__str__()

    def command(arguments, written):
        try:
            written.expect(file)
            file.write_text("whole")
            sys.stdout.write("saved")
        except KeyboardInterrupt:
            press_again()
            raise
        return 0

    monkeypatch.setattr("steepest.cli.app.run", command)
    monkeypatch.setattr("steepest.cli.written.Written", Pressing)
    seen = set()
    for at in range(1_000):
        file.unlink(missing_ok=True)
        code, shown, was_pressed = ending(by, at, capsys)
        wrote = "" if not shown.err else f"steepest: interrupted; {file if file.exists() else 'nothing'} was written\n"
        assert shown.err == wrote, at
        assert code in (0, 128 + by), at
        assert shown.err or "saved" in shown.out, at
        seen.add((code, file.exists()))
        if not was_pressed:
            break
    assert seen == {(128 + by, False), (128 + by, True), (0, True)}


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run a command line in an empty folder; return its exit code, and the last lines of its output and its errors."""
    monkeypatch.chdir(tmp_path)

    def command(*words):
        listen()
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        out, err = capsys.readouterr()
        return ended.value.code, out.splitlines()[-1:], "".join(err.splitlines()[-1:])

    return command


DESCENT = ("minimize", "x**2 + 1", "--start", "1", "--learning-rate", "0.1", "--iterations", "3", "--out", "kept")


def pressing(by, function, before=False, swallowed=False):
    """Return the function with a signal after it, or before it; the garbage collector may swallow the interrupt."""

    def press(*_):
        signal.raise_signal(by)

    def collect():
        gc.callbacks.append(press)
        try:
            gc.collect()
        finally:
            gc.callbacks.remove(press)

    def replaced(*words, **options):
        if before:
            press()
        result = function(*words, **options)
        if swallowed:
            collect()
        elif not before:
            press()
        return result

    return replaced


@pytest.mark.parametrize("by", SIGNALS)
def test_an_interrupt_that_is_swallowed_once_all_is_saved_changes_nothing(run, by, monkeypatch, tmp_path):
    monkeypatch.setattr("steepest.descent.run.Run.save", pressing(by, st.Run.save, swallowed=True))
    code, last, err = run(*DESCENT)
    # Nothing is lost, and a program that was terminated says so by its code.
    assert (code, last, err) == (143 if by == signal.SIGTERM else 0, ["saved in: kept"], "")
    assert st.load(tmp_path / "kept").fun < 2


@pytest.mark.parametrize(
    ("where", "before", "files"),
    [
        ("steepest.inspection.file.new_file", True, []),
        ("steepest.inspection.save_figure", False, ["p.png"]),
        ("steepest.descent.run.write_record", True, ["p.png"]),
        ("steepest.saving.folder._swapped", True, ["p.png", "kept"]),
        ("steepest.saving.folder._swapped", False, ["p.png", "kept"]),
        ("steepest.descent.run.Run.save", False, ["p.png", "kept"]),
    ],
)
def test_an_interrupt_while_files_are_written(run, where, before, files, monkeypatch, tmp_path):
    function = pydoc.locate(where)
    by = SIGNALS[len(files) % 2]
    monkeypatch.setattr(where, pressing(by, function, before))
    code, _, err = run(*DESCENT, "--plot", "p.png")
    words = f"{' and '.join(files) or 'nothing'} {'were' if len(files) > 1 else 'was'} written"
    assert (code, err) == (128 + by, f"steepest: interrupted; {words}")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files)
    if "kept" in files:
        assert st.load(tmp_path / "kept").fun < 2


def test_an_interrupt_while_predictions_are_printed(run, monkeypatch, tmp_path):
    st.fit_table({"a": [1.0, 2.0, 3.0], "y": [2.0, 4.0, 7.0]}, "y", held_out=0).save(tmp_path / "fit")
    (tmp_path / "t.csv").write_text("a\n1\n2\n")
    write = st.TableFit.write
    monkeypatch.setattr("steepest.tabular.result.TableFit.write", pressing(signal.SIGINT, write, before=True))
    assert run("predict", "fit", "t.csv") == (130, [], "steepest: interrupted; the predictions may not be complete")
    assert run("predict", "fit", "t.csv", "--out", "p.csv")[2] == "steepest: interrupted; nothing was written"


@pytest.mark.parametrize("by", SIGNALS)
def test_a_signal_while_python_closes_down(by):
    script = f"""
        import atexit, signal, sys, threading, time, types
        signal.signal(signal.SIGINT, signal.default_int_handler)
        app = types.ModuleType("steepest.cli.app")
        app.run = lambda arguments, written: print("done") or 0
        sys.modules["steepest.cli.app"] = app
        press = lambda: signal.raise_signal({int(by)})
        # As concurrent.futures does, which waits for its threads then.
        threading._register_atexit(press)
        atexit.register(press)
        class Late:
            def __del__(self, press=press):
                press()
        app.late = Late()
        from steepest.cli import main
        main()
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
