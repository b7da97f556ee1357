"""Ctrl-C while the library works: it waits until compiled code has finished, and no callback can swallow it."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

# A function that Python calls on a signal, or what the system does instead.
Handler = Callable[[int, FrameType | None], object] | signal.Handlers


class Interrupts:
    """The interrupts of this process. Only its main thread gets signals, and changes this state.

    Attributes
    ----------
    watched : bool
        Whether `press` handles the signals.
    held : int
        How many blocks are running that an interrupt must not leave.
    pending : bool
        Whether an interrupt came that no code has answered. If `KeyboardInterrupt` is raised in a callback of the
        garbage collector, Python shows it and goes on; it is then raised again at the next check.
    number : int
        The signal of the last interrupt; 0 if there was none.
    over : bool
        Whether a program is at its end, where an interrupt changes nothing.
    unraisable : callable
        What showed errors that can't be raised, before `listen`.
    """

    watched = False
    held = 0
    pending = False
    number = 0
    over = False
    unraisable: Callable[[sys.UnraisableHookArgs], object] = sys.unraisablehook

    @classmethod
    def press(cls, number: int, frame: FrameType | None) -> None:
        """Note an interrupt, and raise it; in a block that must finish, only a second one is raised at once."""
        if cls.over:
            return
        waits = cls.held > 0 and not cls.pending
        cls.pending, cls.number = True, number
        if not waits:
            raise KeyboardInterrupt


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _default(number: int) -> Handler:
    """Return the handler that a signal has if nobody has set one."""
    return signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL


def _is_free(number: int) -> bool:
    """Tell whether a signal has its default handler, or one left here by an interrupt that came very early."""
    return signal.getsignal(number) in (_default(number), Interrupts.press)


@contextmanager
def interruptible() -> Iterator[None]:
    """Watch for Ctrl-C inside this context, which can also decorate a function.

    Nothing changes outside the main thread, or if the user's own code handles Ctrl-C.
    """
    if Interrupts.watched or not _in_main_thread() or not _is_free(signal.SIGINT):
        yield
        return
    try:
        Interrupts.watched, Interrupts.number = True, 0
        signal.signal(signal.SIGINT, Interrupts.press)
        yield
        check_interrupt()
    finally:
        Interrupts.watched = Interrupts.pending = False
        signal.signal(signal.SIGINT, signal.default_int_handler)


def listen(*numbers: int) -> None:
    """Treat signals like Ctrl-C for the rest of a program, such as the command line.

    Signals that are handled or ignored already stay as they are. Outside the main thread nothing changes. At its end
    the program sets `Interrupts.over`, and calls `ignore`.
    """
    if not _in_main_thread():
        return
    Interrupts.over, Interrupts.pending, Interrupts.number = False, False, 0
    Interrupts.watched, Interrupts.unraisable = True, sys.unraisablehook
    sys.unraisablehook = _show
    for number in filter(_is_free, numbers):
        signal.signal(number, Interrupts.press)


def ignore(*numbers: int) -> None:
    """Ignore the signals of `listen` from now on: Python has only to close down, and would print a traceback."""
    if not _in_main_thread():
        return
    for number in filter(_is_free, numbers):
        signal.signal(number, signal.SIG_IGN)
    sys.unraisablehook = Interrupts.unraisable
    Interrupts.watched = Interrupts.pending = Interrupts.over = False


def _show(error: sys.UnraisableHookArgs) -> None:
    """Show an error that can't be raised, other than an interrupt, which `check_interrupt` raises again."""
    if error.exc_type is not KeyboardInterrupt:
        Interrupts.unraisable(error)


class uninterrupted:  # noqa: N801 - a context manager, written as a class because its time counts in small problems
    """Delay Ctrl-C until the end of this context, unless it is pressed twice."""

    __slots__ = ("counts",)

    def __enter__(self) -> None:
        self.counts = _in_main_thread()
        if self.counts:
            Interrupts.held += 1

    def __exit__(self, *error: object) -> None:
        if self.counts:
            Interrupts.held -= 1
            # Raised even in place of another error, for which the code outside may have a remedy.
            check_interrupt()


def check_interrupt() -> None:
    """Raise an interrupt that came, and that no code has answered."""
    if Interrupts.pending and not Interrupts.held and _in_main_thread():
        raise KeyboardInterrupt


def interrupt_waits() -> Callable[[], bool]:
    """Return a function that tells whether an interrupt came in an `uninterrupted` block, which should then end soon.

    The function may be called in other threads that work for this one.
    """
    gets_signals = _in_main_thread()
    return lambda: gets_signals and Interrupts.pending


def answer_interrupt() -> None:
    """Note that an interrupt is answered: the code that caught it returns the result so far."""
    if _in_main_thread():
        Interrupts.pending = False


def last_signal() -> int:
    """Return the number of the signal that came last inside `interruptible` or after `listen`, or 0."""
    return Interrupts.number
