"""Ctrl-C while the library works: it waits until compiled code has finished, and no callback can swallow it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

# A function that Python calls on a signal, or what the system does instead.
Handler = Callable[[int, FrameType | None], object] | signal.Handlers


class _Interrupts:
    """The interrupts of this process. Only its main thread gets signals, and changes this state.

    Attributes
    ----------
    watched : bool
        Whether `press` handles the signals.
    held : int
        How many blocks are running that an interrupt must not leave.
    pending : bool
        Whether an interrupt came that no code has answered. If `KeyboardInterrupt` is raised in a callback of the
        garbage collector, Python prints it and goes on; it is then raised again at the next check.
    number : int
        The signal of the last interrupt; 0 if there was none.
    """

    watched = False
    held = 0
    pending = False
    number = 0

    @classmethod
    def press(cls, number: int, frame: FrameType | None) -> None:
        """Note an interrupt, and raise it; in a block that must finish, only a second one is raised at once."""
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
    return signal.getsignal(number) in (_default(number), _Interrupts.press)


@contextmanager
def interruptible(*others: int) -> Iterator[None]:
    """Watch for Ctrl-C inside this context, which can also decorate a function.

    Nothing changes outside the main thread, or if the user's own code handles Ctrl-C. A program of its own, such as the
    command line, gives `others`: signals to treat like Ctrl-C, such as SIGTERM.
    """
    if _Interrupts.watched or not _in_main_thread() or not _is_free(signal.SIGINT):
        yield
        return
    watched = [number for number in (signal.SIGINT, *others) if _is_free(number)]
    try:
        _Interrupts.watched, _Interrupts.number = True, 0
        for number in watched:
            signal.signal(number, _Interrupts.press)
        yield
        check_interrupt()
    finally:
        _Interrupts.watched = _Interrupts.pending = False
        for number in watched:
            signal.signal(number, _default(number))


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Delay Ctrl-C until the end of this context, unless it is pressed twice."""
    if not _in_main_thread():
        yield
        return
    try:
        _Interrupts.held += 1
        yield
    finally:
        _Interrupts.held -= 1
        # Raised even in place of another error, for which the code outside may have a remedy.
        check_interrupt()


def check_interrupt() -> None:
    """Raise an interrupt that came, and that no code has answered."""
    if _Interrupts.pending and not _Interrupts.held and _in_main_thread():
        raise KeyboardInterrupt


def answer_interrupt() -> None:
    """Note that an interrupt is answered: the code that caught it returns the result so far."""
    if _in_main_thread():
        _Interrupts.pending = False


def last_signal() -> int:
    """Return the number of the signal that last interrupted the code inside `interruptible`, or 0."""
    return _Interrupts.number
