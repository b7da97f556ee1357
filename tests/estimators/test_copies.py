"""A copy of an estimator between calls of partial_fit continues as the original does, bit for bit."""

import copy
import io
import pickle

import joblib
import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

from steepest import losses
from steepest.estimators import DescentClassifier, DescentRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)) * [1, 20, 0.1] + [5, 0, -2]
Y = X @ [1, 2, 3] + 400 + RNG.normal(size=60)
CLASSES = np.digitize(Y, np.quantile(Y, [0.3, 0.6]))
PARTS = [slice(0, 20), slice(20, 40), slice(40, 60)]


def stored(estimator):
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    return joblib.load(file)


COPIES = {
    "pickle": lambda estimator: pickle.loads(pickle.dumps(estimator)),  # noqa: S301 - it was just made
    "deepcopy": copy.deepcopy,
    "joblib": stored,
    "copy": copy.copy,
}
KINDS = {
    "squared": (lambda: DescentRegressor(random_state=0), X, Y),
    "no seed": (DescentRegressor, X, Y),
    "a loss as an object": (lambda: DescentRegressor(loss=losses.squared, random_state=0), X, Y),
    "Huber": (lambda: DescentRegressor(loss=losses.Huber(2.0), random_state=0), X, Y),
    "two outputs": (lambda: DescentRegressor(random_state=0), X, np.c_[Y, -Y]),
    "sparse": (lambda: DescentRegressor(random_state=0), sparse.csr_array(X * (X > 1)), Y),
    "three classes": (lambda: DescentClassifier(random_state=0), X, CLASSES),
    "plain epochs": (lambda: DescentRegressor(step=0.01, batch_size=8, random_state=0), X, Y),
}


def learn(estimator, rows, parts, y):
    for part in parts:
        classes = {"classes": [0, 1, 2]} if isinstance(estimator, DescentClassifier) else {}
        estimator.partial_fit(rows[part], y[part], **classes)
    return estimator


def answer(estimator):
    return [np.ravel(each).tolist() for each in (estimator.coef_, estimator.intercept_, estimator.n_iter_)]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.always(4)
def test_copies_continue_as_the_original_does(kind):
    make, rows, y = KINDS[kind]
    original = learn(make(), rows, PARTS[:1], y)
    copies = {way: make_copy(original) for way, make_copy in COPIES.items()}
    learn(original, rows, PARTS[1:], y)
    for way, each in copies.items():
        # A copy of a copy, too, in the middle of the way.
        each = COPIES[way](learn(each, rows, PARTS[1:2], y))
        assert answer(learn(each, rows, PARTS[2:], y)) == answer(original), way


def test_a_clone_begins_anew():
    fresh = learn(DescentRegressor(random_state=0), X, PARTS[1:], Y)
    cloned = clone(learn(DescentRegressor(random_state=0), X, PARTS[:1], Y))
    assert answer(learn(cloned, X, PARTS[1:], Y)) == answer(fresh)


@pytest.mark.parametrize("loss", [*losses.NAMED.values(), losses.Huber(3.0), losses.Quantile(0.9)], ids=repr)
def test_a_copy_of_a_loss(loss):
    for way in COPIES.values():
        copied = way(loss)
        assert copied == loss
        assert hash(copied) == hash(loss)
        # Code compares losses without parameters by identity.
        assert copied is loss or isinstance(loss, losses.WITH_PARAMETERS)
