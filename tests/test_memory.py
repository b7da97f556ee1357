"""Memory, threads and open files stay flat however many functions a process minimises: a process for each case."""

import subprocess
import sys

import pytest

# Megabytes that a process may gain after its first calls. A leak of 10 kB a call would take 100 MB.
GAIN = 100
SCRIPT = """
import gc, os, sys, threading
import numpy as np
import steepest as st
from steepest.derivatives import compiled

def used():
    gc.collect()
    pages = int(open("/proc/self/statm").read().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20, threading.active_count(), len(os.listdir("/proc/self/fd"))

def bowl(x):
    return (x - 3) ** 2

def same(k):
    st.minimize(bowl, 1.0)

def fresh(k):
    st.minimize(lambda x: (x - 3) ** 2, 1.0)

def closures(k):
    a = np.full(1000, float(k))
    st.minimize(lambda x: ((x - a) ** 2).mean(), 1.0)

def plain(k):
    # float() keeps the code from being traced.
    st.minimize(lambda x: (float(x) - 3) ** 2, 1.0)

def fits(k):
    st.fit(st.models.Linear(), np.random.default_rng(k).normal(size=(50, 2)), np.arange(50.0))

def compilations(k):
    compiled.MOST_COMPILED = 5
    st.minimize(eval(f"lambda x: (x - {k}) ** 2"), 1.0)

call, first, last = globals()[sys.argv[1]], int(sys.argv[2]), int(sys.argv[3])
for k in range(last):
    if k == first:
        before = used()
    call(k)
after = used()
print(round(after[0] - before[0]), after[1] - before[1], after[2] - before[2])
"""


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("call", "first", "last"),
    [
        ("same", 1000, 50_000),
        ("fresh", 1000, 10_000),
        ("closures", 1000, 10_000),
        ("plain", 200, 1000),
        ("fits", 200, 2000),
        # Each is compiled, which takes a second. The cache is full after 5, and memory is steady after 20.
        ("compilations", 20, 60),
    ],
)
def test_a_long_process_stays_small(call, first, last):
    words = [sys.executable, "-c", SCRIPT, call, str(first), str(last)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=3600, check=True)
    megabytes, threads, files = map(int, done.stdout.split())
    assert megabytes < GAIN
    assert threads <= 0
    assert files <= 0
