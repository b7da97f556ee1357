"""`fit` of an iterator of blocks, for which only some of its words have a meaning."""

from __future__ import annotations

from functools import partial
from typing import Any

from steepest.arguments import generator
from steepest.descent.budget import Budget
from steepest.fitting.options import check_rescaling, check_shuffle, read_model, read_rows
from steepest.fitting.result import Fit
from steepest.fitting.stream.learner import BATCH, Blocks, Stream, fit_stream
from steepest.models import Linear, losses
from steepest.models.penalties import L2


def fit_blocks(
    model: Any, X: Any, start: Any, loss: Any, penalty: Any, asked: dict[str, Any], how: dict[str, Any], dtype: Any,
    seconds: Any, rng: Any, callback: Any, progress: Any,
) -> Fit:  # fmt: skip
    """Fit a stream, for which only some of the words have a meaning."""
    model = read_model(model)
    if not isinstance(model, Linear):
        raise TypeError("X is an iterator, which only linear models learn from: give arrays, or models.Linear()")
    epochs, step, rescale, shuffle = how["epochs"], how["step"], how["rescale"], how["shuffle"]
    given = [word for word, value in asked.items() if value is not None]
    if given or not (isinstance(step, str) and step == "auto"):
        word = (given or ["step"])[0]
        raise ValueError(f"X is an iterator: {word}= has no meaning for a single reading of its blocks; leave it out")
    if epochs not in (None, 1):
        raise ValueError(f"epochs={epochs!r}: X is an iterator, which can be read only once; give arrays for more")
    if not (penalty is None or isinstance(penalty, L2)):
        raise ValueError(f"penalty={penalty!r}: X is an iterator, for which only penalties.L2 is known")
    check_rescaling(rescale)
    check_shuffle(shuffle)
    Budget.of(None, seconds, epochs=epochs)
    own: Any = model.loss
    cost = losses.named(own if loss is None else loss)
    if cost not in (losses.squared, losses.log_loss):
        raise ValueError(
            "X is an iterator: a single reading takes the squared loss or log loss; give arrays for others"
        )
    size, draws = read_rows(how["batch_size"]), generator(rng) if shuffle else None
    student = partial(Stream, model, cost, penalty.strength if penalty else 0.0, rescale, size or BATCH, draws)
    blocks = Blocks(X, model, cost, dtype, whitened=rescale == "whiten")
    return fit_stream(student, model, blocks, start, seconds, callback, progress)
