"""The memory of this machine."""

from __future__ import annotations

import os
from pathlib import Path


def memory_of_machine() -> int:
    """Return the memory of this machine or its container in bytes; 0 if it can't be read."""
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 0
    try:
        container = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return machine
    return min(machine, int(container)) if container.isdigit() else machine
