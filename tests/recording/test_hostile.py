"""Recordings where something fails: devices, disks, threads, forks, and loops that go back."""

import errno
import math
import os
import signal
import threading
import time
import warnings

import numpy as np
import pytest

import steepest as st
from steepest.recording.keeper import PAUSE
from steepest.recording.log import Log


class Broken:
    """A tensor on a device that has failed, by the protocol of PyTorch."""

    device, shape = "cuda:0", (2,)

    def detach(self):
        return self

    clone = detach

    def cpu(self):
        raise RuntimeError("CUDA error: device-side assert triggered")


def test_a_device_that_fails_costs_its_numbers_alone(tmp_path):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        rec = st.Recorder(tmp_path / "mine")
        for k in range(5):
            rec.step(float(k), x=Broken() if k == 3 else [float(k), 1.0])
        deadline = time.monotonic() + 5
        while rec._waiting and time.monotonic() < deadline:
            time.sleep(PAUSE / 8)
        rec.step(5.0, x=[5.0, 1.0])  # the thread goes on
        rec.close()
    assert [str(each.message).count("CUDA error") for each in told if each.category is RuntimeWarning] == [1]
    trace = st.load(tmp_path / "mine").trace
    assert trace.value.tolist() == [0, 1, 2, 3, 4, 5]
    np.testing.assert_array_equal(trace.x[:, 0], [0, 1, 2, np.nan, 4, 5])


def test_arrays_of_jax_that_are_donated_narrow_or_deleted():
    jax = pytest.importorskip("jax")
    rec = st.Recorder()
    x = jax.numpy.arange(3, dtype="bfloat16")
    for k in range(4):
        rec.step(x[1], x={"w": x}, gradient={"w": x})
        if k == 1:
            rec._waiting[-1][4].arrays[0].array.delete()
        x, old = x + 1, x
        old.delete()
    with pytest.raises(ValueError, match="deleted"):
        rec.step(1.0, x={"w": old})
    with pytest.raises(TypeError, match="traced value"):
        jax.make_jaxpr(lambda v: rec.step(v))(1.0)
    with pytest.warns(RuntimeWarning, match="could not be fetched"):
        run = rec.run
    np.testing.assert_array_equal(run.trace.x, [[0, 1, 2], [np.nan] * 3, [2, 3, 4], [3, 4, 5]])
    assert run.trace.value.tolist() == [1, 2, 3, 4]
    np.testing.assert_array_equal(run.leaf_slopes["w"], np.sqrt([5, 14, 29, 50]))


def test_a_full_disk_is_said_once_and_the_run_is_kept(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Log, "append", full)
    rec = st.Recorder(tmp_path / "mine")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for k in range(2500):
            rec.step(float(k))
        assert len(rec.run.trace) == 2500
    assert ["No space left" in str(each.message) for each in told] == [True]
    rec.close()  # there is space again
    assert len(st.load(tmp_path / "mine").trace) == 2500


def test_threads_lose_no_step():
    rec = st.Recorder()

    def work():
        for k in range(1500):
            rec.step(float(k), x=[1.0, 2.0] if k % 2 else None)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(rec.run.trace) == 4500
    assert rec.run.trace.value.sum() == 3 * math.comb(1500, 2)


def test_two_recorders_do_not_destroy_each_other(tmp_path):
    first = st.Recorder(tmp_path / "mine")
    first.step(1.0)
    with pytest.raises(FileExistsError, match="holds a recording"):
        st.Recorder(tmp_path / "mine")
    second = st.Recorder(tmp_path / "mine", overwrite=True)
    second.step(2.0)
    with pytest.warns(RuntimeWarning, match="another recorder"):
        first.close()
    second.close()
    assert st.load(tmp_path / "mine").trace.value.tolist() == [2]
    assert first.run.trace.value.tolist() == [1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:os.fork|.*multi-threaded:RuntimeWarning", "ignore::DeprecationWarning")
def test_a_child_is_not_locked_by_a_thread_that_it_lacks():
    rec = st.Recorder()
    rec.step(1.0)
    held, done = threading.Event(), threading.Event()

    def hold():
        with rec._lock:
            held.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if not child:
        signal.alarm(5)
        rec.step(2.0)
        os._exit(len(rec.run.trace))
    status = os.waitpid(child, 0)[1]
    done.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 2
    assert len(rec.run.trace) == 1


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")
def test_a_handler_of_signals_may_close_the_recorder(monkeypatch):
    rec = st.Recorder()
    rec.step(1.0)
    usual = rec._iterations

    def interrupted(*given):
        signal.raise_signal(signal.SIGUSR1)
        return usual(*given)

    monkeypatch.setattr(rec, "_iterations", interrupted)
    before = signal.signal(signal.SIGUSR1, lambda *_: rec.close())
    try:
        assert len(rec.run.trace) == 1
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_ctrl_c_loses_no_step(monkeypatch):
    rec = st.Recorder()
    for k in range(3):
        rec.step(float(k), iteration=10 + k)
    with monkeypatch.context() as patch:
        patch.setattr("steepest.recording.recorder.fetched", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            _ = rec.run
    assert rec.run.trace.iteration.tolist() == [10, 11, 12]
    assert rec.run.trace.value.tolist() == [0, 1, 2]


@pytest.mark.parametrize("size", [2, 1500])
@pytest.mark.parametrize("looks", [False, True])
def test_the_best_point_is_not_one_of_dropped_rows(size, looks):
    rec = st.Recorder()
    for k, value in enumerate([5.0, 4.0, 1.0, 0.5]):
        rec.step(value, x=np.full(size, value), gradient=np.full(size, 2 * value), iteration=k)
    if looks:
        assert rec.run.x[0] == rec.run.fun == 0.5
    rec.step(3.0, x=np.full(size, 3.0), gradient=np.full(size, 6.0), iteration=2)
    run = rec.run
    assert run.trace.value.tolist() == [5, 4, 3]
    assert (run.x[0], run.jac[0], run.fun) == (3, 6, 3)
    rec.step(9.0, x=np.full(size, 9.0), iteration=1)
    assert rec.run.fun == 5
    # The point of 5 was forgotten if it is too large to be in the trace: then there is none rather than a wrong one.
    assert rec.run.x.tolist() in ([5.0] * size, [] if size > 1000 else None)


def test_the_value_is_that_of_the_best_point():
    rec = st.Recorder()
    for k in range(6):
        rec.step(float(9 - k), x=[float(k)] if k % 2 == 0 else None)
    assert (rec.run.x.tolist(), rec.run.fun) == ([4.0], 5.0)
    # A point may come after its value.
    rec = st.Recorder()
    for k in range(3):
        rec.step(float(9 - k), iteration=k)
        rec.step(x=[float(k)], iteration=k)
    assert (rec.run.x.tolist(), rec.run.fun) == ([2.0], 7.0)


LOOPED: list = [1.0]
LOOPED.append(LOOPED)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"x": LOOPED}, "contains itself"),
        ({"x": {1: 2.0, "1": 3.0}}, "two arrays with the name '1'"),
        ({"value": 1.0, "iteration": math.nan}, "whole number"),
        ({"value": 1.0, "iteration": 10**30}, "whole number"),
        ({"value": 1.0, "iteration": "3"}, "whole number"),
    ],
)
def test_odd_input_is_refused_in_one_line(given, error):
    with pytest.raises(ValueError, match=error) as caught:
        st.Recorder().step(**given)
    assert "\n" not in str(caught.value)


def test_numbers_of_many_kinds():
    pandas = pytest.importorskip("pandas")
    rec = st.Recorder()
    masked = np.ma.array([1.0, 2.0], mask=[True, False])
    for x in (pandas.Series([1.5, 2.0]), masked, np.longdouble([1, 2]), np.float16([1, 2]), [True, False]):
        rec.step(10**400, x=x, gradient=[3e200, 4e200])
    np.testing.assert_array_equal(rec.run.trace.x, [[1.5, 2], [np.nan, 2], [1, 2], [1, 2], [1, 0]])
    assert np.all(rec.run.trace.value == np.inf)
    np.testing.assert_allclose(rec.run.trace.gradient_norm, 5e200)
    rec.run.diagnose()


def test_a_thinned_recording_has_the_rows_of_its_stride(monkeypatch):
    monkeypatch.setattr("steepest.trace.MOST_NUMBERS", 1000)
    monkeypatch.setattr("steepest.trace.LEAST_ROWS", 100)
    rec = st.Recorder()
    for k in range(1501):
        rec.step(float(k), x=[float(k)], gradient=[1.0])
    trace = rec.run.trace
    assert trace.stride > 1
    assert np.all(trace.iteration % trace.stride == 0)
    np.testing.assert_array_equal(trace.value, trace.iteration)
    np.testing.assert_array_equal(trace.x[:, 0], trace.iteration)
    assert (rec.run.nit, rec.run.fun) == (1500, 0)
