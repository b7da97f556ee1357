"""Callbacks that record the training loops of other libraries, none of which is imported: they follow the protocols.

Keras calls its hooks by name, and so does the Trainer of Hugging Face. Lightning takes subclasses of its own `Callback`
only, so the class is made when Lightning is already loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from steepest.recording.logs.columns import Columns, cell_of
from steepest.recording.logs.roles import validation_beside

# The modules in which Lightning has its class Callback.
LIGHTNING = ("lightning.pytorch", "pytorch_lightning")


class Steps(Protocol):
    """What a callback needs of a recorder."""

    def step(self, value: Any, **measured: Any) -> Any:
        """Record a step."""


def _nothing(*_: Any, **__: Any) -> None:
    """Stand in for a hook that records nothing."""


# Keras calls hooks on batches in another thread, unless a callback has one of its own.
_nothing._is_default = True  # type: ignore[attr-defined]


class Recording:
    """The base of the callbacks: it holds each step back until the next one, as its validation loss comes later.

    Parameters
    ----------
    recorder : Recorder
        The recorder.
    """

    def __init__(self, recorder: Steps) -> None:
        self.recorder = recorder
        self._held: tuple[Any, dict[str, Any]] | None = None

    def __getattr__(self, name: str) -> Any:
        # The libraries call many hooks, and newer versions more. Keras 2 asks which hooks on batches there are.
        if name.startswith(("on_", "setup", "teardown", "set_", "_implements_")):
            return _nothing
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _hold(self, value: Any, **measured: Any) -> None:
        """Record the step before, and hold this one."""
        self._flush()
        self._held = value, {name: entry for name, entry in measured.items() if entry is not None}

    def _validated(self, loss: Any) -> None:
        """Add a validation loss to the step that is held."""
        if self._held is not None and loss is not None:
            self._held[1]["validation"] = loss

    def _flush(self) -> None:
        """Record the step that is held."""
        if self._held is not None:
            (value, measured), self._held = self._held, None
            self.recorder.step(value, **measured)


class KerasCallback(Recording):
    """Records the loss, the validation loss and the learning rate after each epoch of a `fit` of Keras.

    Parameters
    ----------
    recorder : Recorder
        The recorder.
    """

    model: Any = None

    def set_model(self, model: Any) -> None:
        """Take the model, whose optimizer has the learning rate."""
        self.model = model

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Record an epoch."""
        logs = logs or {}
        if "loss" in logs:
            self._hold(logs["loss"], learning_rate=_keras_rate(self.model), validation=logs.get("val_loss"))
            self._flush()


class LightningCallback(Recording):
    """Records the loss and the learning rate of each batch of a Trainer of Lightning, and its validation losses.

    Parameters
    ----------
    recorder : Recorder
        The recorder.
    """

    state_key = "steepest.Recorder"

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any = None, batch_idx: int = 0, *_: Any
    ) -> None:  # fmt: skip
        """Record a batch."""
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
        if loss is not None:
            self._hold(loss, learning_rate=_torch_rate(getattr(trainer, "optimizers", None)))

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Record a validation loss; that of the check before the training has no step to go to."""
        self._validated(_validation(getattr(trainer, "callback_metrics", {})))

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Record the last batch."""
        self._flush()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Record the last batch before an error."""
        self._flush()

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint holds of the callback: nothing."""
        return {}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take what a checkpoint holds of the callback: nothing."""


class HuggingFaceCallback(Recording):
    """Records what a Trainer of Hugging Face logs: the loss, the learning rate and the evaluation loss.

    Parameters
    ----------
    recorder : Recorder
        The recorder.
    """

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **_: Any
    ) -> None:  # fmt: skip
        """Record a line of the log."""
        logs = logs or {}
        if "loss" in logs:
            self._hold(logs["loss"], learning_rate=logs.get("learning_rate"))
        else:
            self._validated(_validation(logs))

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Record the last line."""
        self._flush()


class WithCallbacks:
    """The methods of a recorder that return callbacks for the training loops of other libraries."""

    def keras(self: Steps) -> KerasCallback:
        """Return a callback for `fit` of Keras: ``model.fit(X, y, callbacks=[recorder.keras()])``.

        Returns
        -------
        KerasCallback
            A callback that records the loss, the validation loss and the learning rate after each epoch.
        """
        return KerasCallback(self)

    def lightning(self: Steps) -> LightningCallback:
        """Return a callback for a Trainer of Lightning: ``Trainer(callbacks=[recorder.lightning()])``.

        Returns
        -------
        LightningCallback
            A callback that records the loss and the learning rate of each batch, and the validation loss. Import
            Lightning first: its Trainer takes only callbacks of its own class.
        """
        return lightning_callback(self)

    def hugging_face(self: Steps) -> HuggingFaceCallback:
        """Return a callback for a Trainer of Hugging Face: ``Trainer(..., callbacks=[recorder.hugging_face()])``.

        Returns
        -------
        HuggingFaceCallback
            A callback that records each loss that the Trainer logs, with the learning rate and the evaluation loss.
        """
        return HuggingFaceCallback(self)


def lightning_callback(recorder: Steps) -> LightningCallback:
    """Return the callback for Lightning, as a subclass of its `Callback` if Lightning is loaded.

    Parameters
    ----------
    recorder : Recorder
        The recorder.

    Returns
    -------
    LightningCallback
        The callback.
    """
    loaded = [sys.modules[name] for name in LIGHTNING if name in sys.modules]
    bases = [module.Callback for module in loaded if isinstance(getattr(module, "Callback", None), type)]
    if not bases:
        return LightningCallback(recorder)
    kind = type("LightningCallback", (LightningCallback, *dict.fromkeys(bases)), {"__module__": __name__})
    return kind(recorder)


def _validation(metrics: Mapping[str, Any]) -> Any:
    """Return the validation loss among metrics; None if there is none."""
    columns: Columns = {"loss": [1.0]}
    columns |= {str(name): [1.0] for name in metrics}
    name = validation_beside(columns, "loss")
    return None if name is None else metrics[name]


def _keras_rate(model: Any) -> float | None:
    """Return the learning rate of a model of Keras; None if it can't be told."""
    optimizer: Any = getattr(model, "optimizer", None)
    rate = getattr(optimizer, "learning_rate", None)
    if callable(rate) and not hasattr(rate, "numpy"):
        # A schedule of Keras 2 is a function of the number of updates.
        rate = rate(optimizer.iterations)
    # A variable of Keras is no array, but becomes one.
    return None if rate is None else cell_of(np.asarray(rate))


def _torch_rate(optimizers: Any) -> float | None:
    """Return the learning rate of the first of PyTorch's optimizers; None if there is none."""
    groups = getattr(optimizers[0], "param_groups", None) if optimizers else None
    return cell_of(groups[0].get("lr")) if groups else None
