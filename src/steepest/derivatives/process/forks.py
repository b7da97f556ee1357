"""Forks: a child of a process that has started JAX has none of JAX's threads, and would wait for them for ever."""

from __future__ import annotations

import os
import sys


class _Forks:
    """Whether JAX had started when this process was forked.

    Attributes
    ----------
    started : bool
        Whether JAX had started in the parent, just before the last fork.
    inherited : bool
        Whether this process, or one that it comes from, was forked after JAX had started.
    """

    started = False
    inherited = False

    @classmethod
    def before(cls) -> None:
        """Note, in the parent, whether JAX has started: the child could wait for a lock that JAX holds."""
        bridge = sys.modules.get("jax._src.xla_bridge")
        has_started = getattr(bridge, "backends_are_initialized", None)
        cls.started = has_started is not None and has_started()

    @classmethod
    def in_child(cls) -> None:
        """Take over, in the child, what was noted in the parent."""
        cls.inherited = cls.inherited or cls.started


def check_fork() -> None:
    """Refuse to run compiled code in a process that was forked after JAX had started.

    Raises
    ------
    RuntimeError
        If this process is such a child; the message says how to start processes instead.
    """
    if _Forks.inherited:
        raise RuntimeError(
            "this process was forked after its parent had used JAX, whose threads a fork does not copy, so it would "
            'wait for ever: start processes by "spawn" or "forkserver", as multiprocessing.get_context("spawn") does, '
            "or fork before the first descent or fit"
        )


# Windows has no forks.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_Forks.before, after_in_child=_Forks.in_child)
