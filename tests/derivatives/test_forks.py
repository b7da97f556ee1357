"""A process that was forked after its parent had used JAX refuses compiled code, in place of waiting for ever."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")

# `child(act)` runs an action in a forked process, and prints what became of it. The alarm ends a child that waits.
FORK = """
import os, signal, sys, warnings
import numpy as np
import steepest as st

warnings.simplefilter("ignore")

def bowl(x):
    return ((x - 1) ** 2).sum()

def child(name, act):
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        signal.alarm(60)
        try:
            print(f"{name} -> {act()}")
        except Exception as error:
            print(f"{name} -> {type(error).__name__}: {error}")
        sys.stdout.flush()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0, f"{name} waited for ever"
"""
BEFORE = """
def first():
    found = st.minimize(bowl, np.zeros(2)).x.round(6).tolist()
    child("grandchild", lambda: st.minimize(bowl, np.zeros(2)))
    return found

child("child", first)
import jax
jax.jit(lambda x: x + 1)(1.0)
child("own", lambda: st.minimize(bowl, np.zeros(2)))
"""
AFTER = """
import jax.numpy as jnp
from steepest.estimators import DescentRegressor

X = np.arange(12.0).reshape(6, 2) ** 2 % 7
y = X @ [1, 2] + 3
fit = st.fit(st.models.Linear(), X, y)
begun = st.fit(st.models.Linear(), X, y, step=1e-6, epochs=1)
child("minimize", lambda: st.minimize(bowl, np.zeros(2)))
child("random start", lambda: st.minimize(lambda x: jnp.sum(x**2), "random", bounds=[(0, 1)]))
child("gradient", lambda: st.gradient(bowl)(np.zeros(2)))
child("hessian", lambda: st.hessian(lambda x: jnp.sum(x**2))(np.zeros(2)))
child("basins", lambda: st.basins(lambda x, y: x**2 + y**2, ((0, 1), (0, 1)), size=2))
child("race", lambda: st.race(bowl, np.zeros(2), {"a": 0.1}))
child("fit", lambda: st.fit(st.models.Linear(), X, y, loss="huber"))
child("counts", lambda: st.fit(st.models.Poisson(), X, y).outcome)
child("least squares", lambda: st.fit(st.models.Linear(), X, y).outcome)
child("fit of a function", lambda: st.fit(lambda X, w: jnp.asarray(X) @ jnp.ones(2) * w, X, y))
child("stream", lambda: st.fit(st.models.Linear(), iter([(X, y)])))
child("fit_table", lambda: st.fit_table({"a": X[:, 0], "b": y}, "b", held_out=0, loss="huber"))
child("more", lambda: begun.more(epochs=3))
child("estimator", lambda: DescentRegressor(loss="huber").fit(X, y))
child("predict", lambda: bool(np.allclose(fit.predict(X), y)))
child("quotient", lambda: st.difference_quotient(lambda x: x**2, 1.0, 1.0))
import joblib
try:
    with joblib.parallel_backend("multiprocessing"):
        joblib.Parallel(2)(joblib.delayed(st.minimize)(abs, 1.0) for _ in range(2))
except RuntimeError as error:
    print(f"joblib -> RuntimeError: {error}")
"""


REFUSED = "RuntimeError: this process was forked after its parent had used JAX"


@pytest.fixture(scope="module")
def said():
    """Return what each child of one process printed, by its name; a process that hangs fails the test."""
    command = [sys.executable, "-c", FORK + BEFORE + AFTER]
    child = subprocess.run(command, text=True, capture_output=True, timeout=300)
    assert child.returncode == 0, child.stderr
    return dict(line.split(" -> ") for line in child.stdout.splitlines())


def test_a_fork_before_the_first_descent_works_and_its_own_child_is_refused(said):
    assert said["child"] == "[1.0, 1.0]"
    assert all(said[name].startswith(REFUSED) and '"spawn"' in said[name] for name in ("grandchild", "own"))


def test_a_fork_after_a_fit_refuses_all_that_needs_compiled_code(said):
    said = {name: line for name, line in said.items() if name not in ("child", "grandchild", "own")}
    # JAX serves neither small linear models of smooth losses, nor their predictions, nor difference quotients.
    assert [said.pop(name) for name in ("least squares", "counts")] == ["converged"] * 2
    assert [said.pop(name) for name in ("predict", "quotient")] == ["True", "3.0"]
    assert len(said) == 13
    assert {name: line for name, line in said.items() if not line.startswith(REFUSED)} == {}
