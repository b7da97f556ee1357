"""Logs as loggers write them: each text is written as the named library does, and its numbers are read back."""

import gzip
import json
import math
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import steepest as st

NAN = math.nan
EVENTS = Path(__file__).parent / "events"
LIGHTNING = """epoch,lr-Adam,step,train_loss_epoch,train_loss_step,val_loss
,0.001,49,,,
0,,49,,0.9,
0,,99,,0.8,
0,,99,,,0.85
0,,99,0.87,,
1,,149,,0.7,
1,,199,,nan,
1,,199,,,0.75
1,,199,0.77,,
"""
KERAS = "epoch,accuracy,loss,val_accuracy,val_loss\n0,0.5,1.2,0.4,1.3\n1,0.6,inf,0.5,1.1\n"
TRAINER = {
    "epoch": 1.0,
    "log_history": [
        {"loss": 2.0, "learning_rate": 1e-4, "grad_norm": 3.1, "epoch": 0.5, "step": 10},
        {"eval_loss": 1.9, "eval_runtime": 2.0, "epoch": 0.5, "step": 10},
        {"loss": 1.5, "learning_rate": 5e-5, "grad_norm": 2.1, "epoch": 1.0, "step": 20},
        {"train_loss": 1.75, "train_runtime": 9.0, "epoch": 1.0, "step": 20},
    ],
}


def columns(run):
    """The iterations, losses, validation losses and learning rates of a run."""
    trace = run.trace
    return [np.asarray(getattr(trace, name)).tolist() for name in ("iteration", "value", "validation", "step_size")]


def same(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("lightning.csv", LIGHTNING,
         ([49, 99, 149, 199], [0.9, 0.8, 0.7, NAN], [NAN, 0.85, NAN, 0.75], [0.001] * 4)),
        ("keras.csv", KERAS, ([0, 1], [1.2, math.inf], [1.3, 1.1], [NAN, NAN])),
        ("trainer_state.json", json.dumps(TRAINER), ([10, 20], [2.0, 1.5], [1.9, NAN], [1e-4, 5e-5])),
        # A killed run leaves a last line that is cut.
        ("log.jsonl", '{"step": 1, "train": {"loss": 3}}\n{"step": 2, "train": {"loss": NaN}}\n{"step": 3, "tra',
         ([1, 2], [3.0, NAN], [NAN] * 2, [NAN] * 2)),
        ("numbers.txt", "3\n2\n\n1.5\n", ([0, 1, 2], [3.0, 2.0, 1.5], [NAN] * 3, [NAN] * 3)),
        ("savetxt.txt", "# epoch loss\n0 1.0e+00\n1 5.0e-01\n", ([0, 1], [1.0, 0.5], [NAN] * 2, [NAN] * 2)),
        ("german.csv", "Epoch;Train Loss;Validation Loss\n0;1,5;2\n1;1,25;1,75\n",
         ([0, 1], [1.5, 1.25], [2.0, 1.75], [NAN] * 2)),
        ("tabs.tsv", "iteration\ttrainLoss\tvalidLoss\tLR\n5\t3\t4\t0.1\n6\t2\t3\t0.2\n",
         ([5, 6], [3.0, 2.0], [4.0, 3.0], [0.1, 0.2])),
        ("unsorted.csv", "step,loss\n5,3\n1,5\n3,4\n3,4.5\n", ([1, 3, 5], [5.0, 4.5, 3.0], [NAN] * 3, [NAN] * 3)),
        ("pytorch.csv", "step,loss\n1,\"tensor(0.5, device='cuda:0')\"\n2,tensor(nan)\n",
         ([1, 2], [0.5, NAN], [NAN] * 2, [NAN] * 2)),
        # A validation loss at a step of its own goes to the loss before it.
        ("between.csv", "step,loss,val_loss\n5,,9\n10,3,\n15,,4\n20,2,\n25,,5\n",
         ([10, 20], [3.0, 2.0], [4.0, 5.0], [NAN] * 2)),
        # One row for each batch, numbered within its epoch: the order counts.
        ("batches.csv", "epoch,batch,loss\n0,0,9\n0,1,8\n1,0,7\n1,1,6\n",
         ([0, 1, 2, 3], [9.0, 8.0, 7.0, 6.0], [NAN] * 4, [NAN] * 4)),
        # As nanoGPT and the examples of PyTorch print them, and Keras, with the epoch in a line of its own.
        ("nano.log", "compiling\niter 0: loss 10.9, time 90.1ms, mfu -100.00%\niter 10: loss nan, time 9.1ms\n",
         ([0, 10], [10.9, NAN], [NAN] * 2, [NAN] * 2)),
        ("torch.log", "Epoch [1/2], Train Loss: 2.0 | Val Loss: 3.0 | lr=1e-3\nEpoch [2/2]\n"
         "Epoch [2/2], Train Loss: 1.0 | Val Loss: 2.0\n",
         ([1, 2], [2.0, 1.0], [3.0, 2.0], [1e-3] * 2)),
        ("keras.log", "Epoch 1/2\n4/4 - 0s - loss: 2.0 - val_loss: 3.0\n"
         "Epoch 2/2\n4/4 - 0s - loss: 1.0 - val_loss: 2.0\n",
         ([1, 2], [2.0, 1.0], [3.0, 2.0], [NAN] * 2)),
        ("no_header.csv", "0,3\n1,2\n2,1\n", ([0, 1, 2], [3.0, 2.0, 1.0], [NAN] * 3, [NAN] * 3)),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)  # fmt: skip
def test_a_text_is_read(tmp_path, name, text, expected):
    path = tmp_path / name
    path.write_text(text)
    same(columns(st.read_log(path)), expected)


@pytest.mark.parametrize(("times", "elapsed"), [("9,9.5,11", [0, 0.5, 2]), ("0.5,0.25,0.25", [0.5, 0.75, 1.0])])
def test_times_are_those_of_a_clock_or_of_each_epoch(times, elapsed):
    times = [float(time) for time in times.split(",")]
    assert st.read_log({"loss": [3, 2, 1], "time": times}).trace.seconds.tolist() == elapsed


def test_a_packed_file_and_a_folder_are_read(tmp_path):
    (tmp_path / "version_0").mkdir()
    (tmp_path / "version_0" / "metrics.csv").write_bytes(gzip.compress(LIGHTNING.encode()))
    for path in (tmp_path, str(tmp_path / "version_0"), tmp_path / "version_0" / "metrics.csv"):
        assert columns(st.read_log(path))[1][:3] == [0.9, 0.8, 0.7]


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ([3, 2, 1], ([0, 1, 2], [3.0, 2.0, 1.0], [NAN] * 3, [NAN] * 3)),
        # The History of Keras, and the validation loss of an epoch of two batches.
        (SimpleNamespace(history={"loss": [4.0, 3.0], "val_loss": [5.0, 6.0], "acc": [0.1, 0.2]}),
         ([0, 1], [4.0, 3.0], [5.0, 6.0], [NAN] * 2)),
        ({"train_loss": [4, 3, 2, 1], "valid_loss": [5, 6]},
         ([0, 1, 2, 3], [4.0, 3.0, 2.0, 1.0], [NAN, 5.0, NAN, 6.0], [NAN] * 4)),
        # evals_result() of XGBoost with eval_set=[(X, y), (X_test, y_test)]; that of LightGBM names its sets.
        (SimpleNamespace(evals_result=lambda: {"validation_0": {"rmse": [2, 1]}, "validation_1": {"rmse": [3, 2]}}),
         ([0, 1], [2.0, 1.0], [3.0, 2.0], [NAN] * 2)),
        (SimpleNamespace(evals_result_={"valid_0": {"l2": [3, 2]}, "training": {"l2": [2, 1]}}),
         ([0, 1], [2.0, 1.0], [3.0, 2.0], [NAN] * 2)),
        # One set only, whatever its rows were.
        ({"valid_0": {"l1": [9, 8], "l2": [2, 1]}}, ([0, 1], [2.0, 1.0], [NAN] * 2, [NAN] * 2)),
        # The history of skorch: rows, with those of the batches in each.
        (SimpleNamespace(history=[{"epoch": 1, "train_loss": 2.0, "valid_loss": 3.0, "batches": [{"train_loss": 9}]}]),
         ([1], [2.0], [3.0], [NAN])),
        (SimpleNamespace(state=SimpleNamespace(log_history=TRAINER["log_history"])),
         ([10, 20], [2.0, 1.5], [1.9, NAN], [1e-4, 5e-5])),
        (pd.DataFrame({"step": [1, 1, 2, 2], "loss": [1, NAN, 0.5, NAN], "val_loss": [NAN, 2, NAN, 3]}),
         ([1, 2], [1.0, 0.5], [2.0, 3.0], [NAN] * 2)),
        (pd.DataFrame({"loss": [1, 2, NAN], "val_loss": [1, 3, NAN]}),
         ([0, 1, 2], [1.0, 2.0, NAN], [1.0, 3.0, NAN], [NAN] * 3)),
    ],
)  # fmt: skip
def test_an_object_is_read(log, expected):
    same(columns(st.read_log(log)), expected)


@pytest.mark.filterwarnings("ignore")
def test_estimators_of_scikit_learn_are_read():
    from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor
    from sklearn.neural_network import MLPRegressor

    X = np.linspace(0, 1, 40)[:, None]
    y = X[:, 0] ** 2
    network = MLPRegressor(max_iter=5, learning_rate_init=0.01).fit(X, y)
    assert columns(st.read_log(network)) == [
        list(range(5)),
        network.loss_curve_,
        [pytest.approx(NAN, nan_ok=True)] * 5,
        [0.01] * 5,
    ]
    boosted = GradientBoostingRegressor(n_estimators=3).fit(X, y)
    assert columns(st.read_log(boosted))[1] == boosted.train_score_.tolist()
    # Its scores are minus the loss.
    newer = HistGradientBoostingRegressor(max_iter=3, early_stopping=True).fit(X, y)
    same(columns(st.read_log(newer))[1:3], (-newer.train_score_, -newer.validation_score_))
    scored = HistGradientBoostingRegressor(max_iter=3, early_stopping=True, scoring="r2").fit(X, y)
    with pytest.raises(ValueError, match="scores in place of losses: fit it with scoring='loss'"):
        st.read_log(scored)


def test_event_files_are_read():
    pytest.importorskip("tensorboard")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Written with 1/(k + 1) as the loss of step k, and 2/(k + 1) for the validation rows.
        loss = np.float32(1 / np.arange(1, 6))
        pytorch, keras = (st.read_log(EVENTS / name) for name in ("pytorch", "keras"))
    same(columns(pytorch), (range(5), loss, [NAN, 1.0, NAN, 0.5, NAN], np.float32([0.1] * 5)))
    same(columns(keras), (range(5), loss, np.float32(2 / np.arange(1, 6)), np.float32([0.1] * 5)))
    assert pytorch.trace.seconds.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_without_tensorboard_event_files_say_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tensorboard.backend.event_processing.event_accumulator", None)
    with pytest.raises(ImportError, match=r"steepest\[tensorboard\]"):
        st.read_log(EVENTS / "pytorch")


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("a,b\n1,2\n3,5\n", {}, r"no column of a loss, only a, b: .* loss='a'"),
        ("a,b\n1,2\n3,5\n", {"loss": "c"}, r"loss='c' is no column of numbers in log.csv: it has a, b"),
        ("epoch,val_loss\n1,2\n", {}, r"no training loss, only val_loss: .* loss='val_loss'"),
        ("train/box_loss,train/cls_loss\n1,2\n", {}, r"several losses, train/box_loss, train/cls_loss"),
        ("loss\nhello\n", {}, r"log.csv has no column of numbers"),
        ("", {}, r"log.csv is empty"),
        ("{", {}, r"log.csv is not valid JSON"),
        ("\0\1\2", {}, r"log.csv is not a text"),
    ],
)
def test_a_file_without_a_loss_names_what_it_has(tmp_path, text, options, words):
    path = tmp_path / "log.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=words) as caught:
        st.read_log(path, **options)
    assert "\n" not in str(caught.value)


def test_a_damaged_and_a_huge_file_are_refused(tmp_path, monkeypatch):
    packed = gzip.compress(LIGHTNING.encode())
    path = tmp_path / "log.csv.gz"
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(ValueError, match="damaged gzip file"):
        st.read_log(path)
    # A file that is small as long as it is packed.
    monkeypatch.setattr("steepest.recording.logs.files.MOST_BYTES", 2**20)
    path.write_bytes(gzip.compress(b"loss\n" + b"1\n" * 2**20))
    with pytest.raises(ValueError, match="more than 1 MB"):
        st.read_log(path)


def test_a_missing_file_and_a_number_say_what_to_give(tmp_path):
    (tmp_path / "losses.csv").write_text("loss\n1\n")
    with pytest.raises(FileNotFoundError, match=r"did you mean losses\.csv"):
        st.read_log(tmp_path / "loses.csv")
    with pytest.raises(TypeError, match="3 is no log: give a file"):
        st.read_log(3)


def test_columns_can_be_chosen(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("step,train/box_loss,train/cls_loss,val/cls_loss\n1,9,2,3\n2,8,1,2\n")
    run = st.read_log(path, loss="train/cls_loss")
    same(columns(run), ([1, 2], [2.0, 1.0], [3.0, 2.0], [NAN] * 2))
    assert "not used: train/box_loss" in run.message
