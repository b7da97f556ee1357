"""Press Ctrl-C in a child process, or send it another signal."""

import signal
import subprocess
import sys
import threading
import time

# A shell makes its background jobs deaf to Ctrl-C, and the tests may run in one.
LISTEN = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"


def interrupted(script, *words, folder=None, by=signal.SIGINT):
    """Run a script that prints "going" once it is under way, interrupt it then, and return how it ended."""
    with subprocess.Popen(
        [sys.executable, "-c", LISTEN + script, *words], cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as child:  # fmt: skip
        # A child that never says so must not hold up the tests.
        stop = threading.Timer(120, child.kill)
        stop.start()
        try:
            assert "going\n" in iter(child.stdout.readline, "")
            time.sleep(0.3)
            child.send_signal(by)
            out, err = child.communicate(timeout=60)
        finally:
            stop.cancel()
            child.kill()
    return child.returncode, out, err
