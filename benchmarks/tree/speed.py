"""The time of a tree's fit: the first in a process without a folder of compiled code, and the second."""

import json
import os
import statistics
import subprocess
import sys

RUNS = 3
PROGRAM = """
import json, sys, time
import numpy as np
import steepest as st

depth = json.loads(sys.argv[1])
random = np.random.default_rng(0)
X = random.normal(size=(10_000, 20))
y = np.where(X[:, 0] > 0.3, 2 * X[:, 1] > 0, X[:, 2] > 1) * 3.0 + X[:, 5] + 0.5 * random.normal(size=10_000)
times = []
for _ in range(2):
    began = time.perf_counter()
    fitted = st.fit(st.models.Tree(depth=depth), X, y, rng=0)
    times.append(time.perf_counter() - began)
print(json.dumps([*times, fitted.model.depth]))
"""
HELD_TO = {4: (5.0, 3.0), None: (5.0, None)}


def first_fits() -> None:
    """Print the seconds of fits to 10,000 rows of 20 columns, with 16 restarts."""
    for depth, (first_limit, second_limit) in HELD_TO.items():
        runs = [_run(depth) for _ in range(RUNS)]
        first, second = (statistics.median(run[k] for run in runs) for k in (0, 1))
        name = f"depth {depth}" if depth else f"depth left out ({runs[0][2]} chosen)"
        limit = "" if second_limit is None else f" (held to {second_limit:g})"
        print(f"  {name}: first fit {first:.1f} s (held to {first_limit:g}), second {second:.1f} s{limit}", flush=True)


def _run(depth: int | None) -> list[float]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_COMPILATION_CACHE")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(depth)], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)
