"""Recorded loops against the loops themselves, and against closed forms."""

import subprocess
import sys
import time

import numpy as np
import pytest

import steepest as st


def recorded(steps=30, rate=0.1, **options):
    """Record the descent of x² + 3 y², whose points are (8·0.8ᵏ, 3·0.4ᵏ) at the rate 0.1."""
    rec, x = st.Recorder(**options), np.array([8.0, 3.0])
    for _ in range(steps):
        gradient = np.array([2, 6]) * x
        rec.step(np.sum(x**2 * [1, 3]), gradient=gradient, x=x, learning_rate=rate)
        x -= rate * gradient
        gradient[:] = np.nan
    return rec


def test_the_seconds_of_a_step_are_those_since_the_recorder_began():
    began, recorder = time.perf_counter(), st.Recorder()
    for value in (2.0, 1.0):
        recorder.step(value)
    seconds = recorder.run.trace.seconds
    assert 0 <= seconds[0] <= seconds[1] <= time.perf_counter() - began


def test_a_loop_that_changes_its_arrays_in_place():
    run = recorded().run
    k = np.arange(30)
    points = np.column_stack([8 * 0.8**k, 3 * 0.4**k])
    np.testing.assert_allclose(run.trace.x, points, rtol=1e-12)
    np.testing.assert_allclose(run.gradients, points * [2, 6], rtol=1e-12)
    np.testing.assert_allclose(run.trace.value, points**2 @ [1, 3], rtol=1e-12)
    np.testing.assert_allclose(run.trace.gradient_norm, np.hypot(2 * points[:, 0], 6 * points[:, 1]), rtol=1e-12)
    np.testing.assert_allclose(run.leaf_norms["x"], np.hypot(*points.T), rtol=1e-12)
    assert np.all(run.trace.step_size == 0.1)
    assert np.all(run.trace.iteration == k)
    np.testing.assert_allclose(run.x, points[-1])
    assert run.outcome is st.Outcome.RECORDED
    assert not run.success


def test_the_best_point_is_that_of_the_best_value():
    for maximize, best in ((False, 1), (True, 2)):
        rec = st.Recorder(maximize=maximize)
        for value, x in ((3.0, 0.0), (1.0, 1.0), (9.0, 2.0), (np.nan, 3.0), (2.0, 4.0)):
            rec.step(value, x=x)
        assert rec.run.x == best
        assert rec.run.fun == [1.0, 9.0][maximize]


def test_a_validation_loss_alone_belongs_to_the_step_before():
    rec = st.Recorder()
    for k in range(6):
        rec.step(float(k))
        if k % 3 == 2:
            rec.step(validation=k / 2)
        if k == 2:
            assert rec.run.trace.validation[2] == 1.0  # a look in between changes nothing
    np.testing.assert_array_equal(rec.run.trace.validation, [np.nan, np.nan, 1.0, np.nan, np.nan, 2.5])


def test_a_loop_that_goes_back_drops_what_came_after():
    rec = st.Recorder()
    for k in [*range(10), *range(5, 8)]:
        rec.step(float(k), iteration=k)
    assert rec.run.trace.iteration.tolist() == list(range(8))
    (event,) = rec.run.events
    assert (event.kind, event.iteration, event.count) == ("went back", 5, 5)


def test_saved_and_loaded(tmp_path):
    run = recorded(title="by hand").run
    assert st.load(run.save(tmp_path)) == run


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({}, "nothing to record"),
        ({"value": "3"}, "real numbers"),
        ({"value": [1.0, 2.0]}, "2 numbers"),
        ({"value": 1j}, "real numbers"),
        ({"value": 1.0, "x": [1.0, 2.0], "gradient": [1.0, 2.0, 3.0]}, "3 numbers, and x has 2"),
        ({"value": 1.0, "x": {"a": "text"}}, "real numbers"),
        ({"value": 1.0, "x": []}, "empty"),
        ({"value": 1.0, "iteration": 1.5}, "whole number"),
    ],
)
def test_what_is_no_number_is_refused_in_one_line(given, error):
    rec = st.Recorder()
    with pytest.raises((TypeError, ValueError), match=error) as caught:
        rec.step(**given)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="no step was recorded"):
        _ = rec.run


def test_a_tree_that_changes_is_refused():
    rec = st.Recorder()
    rec.step(1.0, x={"w": np.ones(2), "b": 1.0})
    with pytest.raises(ValueError, match="x has changed its form"):
        rec.step(1.0, x={"w": np.ones(2)})


def test_with_a_folder_the_run_is_saved_and_the_log_is_gone(tmp_path):
    with st.Recorder(tmp_path / "mine", title="by hand") as rec:
        for k in range(5):
            rec.step(float(-k), x=[float(k), 1.0])
    run = st.load(tmp_path / "mine")
    assert run == rec.run
    assert run.x.tolist() == [4, 1]
    assert {path.suffix for path in (tmp_path / "mine").iterdir()} == {".json", ".safetensors"}
    with pytest.raises(ValueError, match="closed"):
        rec.step(1.0)
    with pytest.raises(FileExistsError, match="holds a run already"):
        st.Recorder(tmp_path / "mine")
    assert st.load(tmp_path / "mine") == run
    with st.Recorder(tmp_path / "mine", overwrite=True) as rec:
        rec.step(1.0)
    assert len(st.load(tmp_path / "mine").trace) == 1


def test_an_exception_of_the_loop_is_noted(tmp_path):
    def loop():
        with st.Recorder(tmp_path / "mine") as rec:
            rec.step(3.0)
            rec.step(1 / 0)

    with pytest.raises(ZeroDivisionError):
        loop()
    run = st.load(tmp_path / "mine")
    assert "ZeroDivisionError: division by zero" in run.message
    assert [event.kind for event in run.events] == ["raised"]


LOOP = """
import sys, time
import numpy as np
import steepest as st
rec, x = st.Recorder(sys.argv[1]), np.array([8.0, 3.0])
for k in range(10**9):
    rec.step(float(np.sum(x**2)), gradient=2 * x, x=x, learning_rate=0.01)
    x -= 0.01 * 2 * x
    if k == 200:
        time.sleep(1)
        print(k, flush=True)
        time.sleep(60)
"""


def test_a_killed_loop_loses_at_most_a_second(tmp_path):
    folder = tmp_path / "mine"
    with subprocess.Popen([sys.executable, "-c", LOOP, folder], stdout=subprocess.PIPE, text=True) as loop:
        line = loop.stdout.readline()
        loop.kill()
    assert line == "200\n"
    run = st.load(folder)
    points = np.outer(0.98 ** np.arange(201), [8.0, 3.0])
    np.testing.assert_allclose(run.trace.x, points, rtol=1e-12)
    np.testing.assert_allclose(run.gradients, 2 * points, rtol=1e-12)
    np.testing.assert_allclose(run.x, points[-1])
    assert "not ended" in run.message
    # A torn end, or one that the disk has spoilt, costs the steps that it held, and nothing before.
    log = folder / "recording.log"
    whole = log.read_bytes()
    log.write_bytes(whole + whole[: len(whole) // 3])
    again = st.load(folder)
    assert len(again.trace) >= 201
    np.testing.assert_allclose(again.trace.x[:201], points[: len(again.trace)], rtol=1e-12)


class Tensor:
    """A tensor by the protocol of PyTorch: NumPy can't read one that needs gradients, is on a device, or is narrow."""

    def __init__(self, numbers, device="cpu", narrow=False, plain=False):
        self.numbers, self.device, self.narrow, self.plain = numbers, device, narrow, plain

    @property
    def shape(self):
        return self.numbers.shape

    def detach(self):
        return Tensor(self.numbers, self.device, self.narrow, plain=True)

    def clone(self):
        return Tensor(self.numbers.copy(), self.device, self.narrow, self.plain)

    def cpu(self):
        return Tensor(self.numbers, "cpu", self.narrow, self.plain)

    def float(self):
        return Tensor(self.numbers, self.device, plain=self.plain)

    def numpy(self):
        if not self.plain:
            raise RuntimeError("can't call numpy() on a tensor that requires grad")
        if self.narrow or self.device != "cpu":
            raise TypeError("can't convert this tensor")
        return self.numbers


@pytest.mark.parametrize("device", ["cpu", "cuda:0"])
@pytest.mark.parametrize("narrow", [False, True])
def test_tensors_that_change_in_place(device, narrow):
    rec, weights = st.Recorder(), np.array([1.0, 2.0])
    for _ in range(3):
        rec.step(Tensor(weights.sum(), device, narrow), x={"w": Tensor(weights, device, narrow)})
        weights *= 2
    assert rec.run.trace.x.tolist() == [[1, 2], [2, 4], [4, 8]]
    assert rec.run.trace.value.tolist() == [3, 6, 12]
