"""Callbacks for other libraries, called by small trainers that follow the protocols of the real ones."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from steepest.recording.callbacks import WithCallbacks


class Steps(WithCallbacks):
    """A recorder that keeps what it is given."""

    def __init__(self):
        self.steps = []

    def step(self, value, **measured):
        self.steps.append((float(value), measured))


class KerasModel:
    """Calls callbacks as `keras/src/callbacks/callback_list.py` of Keras 3 does, in `fit` of its trainers."""

    def __init__(self, rate):
        self.optimizer = SimpleNamespace(learning_rate=rate, iterations=7)

    def fit(self, losses, held, callbacks):
        for callback in callbacks:
            for hook in ("on_batch_end", "on_train_batch_end", "on_test_batch_end", "on_predict_batch_end"):
                # CallbackList._configure_async_dispatch: hooks that are no default ones forbid the other thread.
                assert getattr(getattr(callback, hook), "_is_default", False)
            callback.set_model(self)
            callback.set_params({"epochs": len(losses)})
            callback.on_train_begin({})
        for epoch, (loss, other) in enumerate(zip(losses, held, strict=True)):
            for callback in callbacks:
                callback.on_epoch_begin(epoch, {})
                callback.on_train_batch_begin(0, logs={})
                callback.on_train_batch_end(0, logs={"loss": 99.0})
                callback.on_epoch_end(epoch, {"loss": loss, "val_loss": other, "accuracy": 0.5})
        for callback in callbacks:
            callback.on_train_end({"loss": losses[-1]})


class Variable:
    """A variable of Keras 3: no number and no array, but it becomes one."""

    def __array__(self, dtype=None, copy=None):
        return np.asarray(0.01, dtype)


@pytest.mark.parametrize(
    "rate", [0.01, Variable(), lambda iterations: 0.01], ids=["number", "variable", "schedule of Keras 2"]
)
def test_keras_records_each_epoch(rate):
    recorder = Steps()
    KerasModel(rate).fit([3.0, 2.0], [3.5, 2.5], [recorder.keras()])
    assert recorder.steps == [
        (3.0, {"learning_rate": 0.01, "validation": 3.5}),
        (2.0, {"learning_rate": 0.01, "validation": 2.5}),
    ]


class LightningTrainer:
    """Calls callbacks as `lightning/pytorch/trainer` does: its call.py calls hooks by name, also the state of each.

    The validation runs inside of the epoch, after its last batch, and once before the training.
    """

    def __init__(self, callbacks, base=None):
        for callback in callbacks:
            # _validate_callbacks_list asks is_overridden, which raises ValueError for what is no Callback.
            assert base is None or isinstance(callback, base)
            assert callback.state_key
            assert callback.state_dict() == {}
        self.callbacks, self.callback_metrics = callbacks, {}
        self.optimizers = [SimpleNamespace(param_groups=[{"lr": 0.1, "params": []}])]

    def call(self, hook, *arguments, **named):
        for callback in self.callbacks:
            function = getattr(callback, hook)
            if callable(function):
                function(self, "the module", *arguments, **named)

    def validate(self, loss):
        self.callback_metrics = {"val_acc": 0.5, "val_loss": loss, "train_loss": 1.0}
        self.call("on_validation_start")
        self.call("on_validation_end")

    def fit(self, epochs, raises=False):
        self.call("setup", stage="fit")
        self.validate(123.0)
        self.call("on_train_start")
        for losses, held in epochs:
            for index, loss in enumerate(losses):
                self.call("on_train_batch_start", None, index)
                self.call("on_before_optimizer_step", None)
                self.call("on_train_batch_end", {"loss": loss}, None, index)
            if raises:
                self.call("on_exception", KeyboardInterrupt())
                return
            self.validate(held)
            self.call("on_train_epoch_end")
        self.call("on_train_end")
        self.call("teardown", stage="fit")


def test_lightning_records_each_batch_and_the_validation_loss_after_it():
    recorder = Steps()
    LightningTrainer([recorder.lightning()]).fit([([3.0, 2.0], 2.5), ([1.0], 1.5)])
    rate = {"learning_rate": 0.1}
    assert recorder.steps == [(3.0, rate), (2.0, rate | {"validation": 2.5}), (1.0, rate | {"validation": 1.5})]


def test_lightning_records_the_last_batch_before_an_error():
    recorder = Steps()
    LightningTrainer([recorder.lightning()]).fit([([3.0, 2.0], 2.5)], raises=True)
    assert [value for value, _ in recorder.steps] == [3.0, 2.0]


def test_the_callback_is_one_of_lightning_if_that_is_loaded(monkeypatch):
    class Callback:
        def on_train_epoch_end(self, trainer, pl_module):
            """Do nothing."""

    module = ModuleType("lightning.pytorch")
    module.Callback = Callback
    monkeypatch.setitem(sys.modules, "lightning.pytorch", module)
    recorder = Steps()
    LightningTrainer([recorder.lightning()], base=Callback).fit([([3.0], 2.5)])
    assert recorder.steps == [(3.0, {"learning_rate": 0.1, "validation": 2.5})]


def test_hugging_face_records_its_log():
    # As CallbackHandler.call_event of transformers/trainer_callback.py: hooks by name, with keywords beside the three.
    def call(event, **named):
        result = getattr(callback, event)("args", "state", "control", model=None, optimizer=None, **named)
        assert result is None  # which keeps the control as it is

    recorder = Steps()
    callback = recorder.hugging_face()
    call("on_init_end")
    call("on_train_begin")
    call("on_step_end")
    call("on_log", logs={"loss": 2.0, "learning_rate": 1e-4, "grad_norm": 3.0, "epoch": 0.5})
    call("on_log", logs={"eval_loss": 1.8, "eval_runtime": 3.0, "epoch": 0.5})
    call("on_log", logs={"loss": 1.5, "learning_rate": 5e-5, "epoch": 1.0})
    call("on_log", logs={"train_runtime": 9.0, "train_loss": 1.75})
    call("on_train_end")
    assert recorder.steps == [
        (2.0, {"learning_rate": 1e-4, "validation": 1.8}),
        (1.5, {"learning_rate": 5e-5}),
    ]


def test_other_attributes_are_missing():
    with pytest.raises(AttributeError, match="no attribute 'loss'"):
        Steps().keras().loss  # noqa: B018
