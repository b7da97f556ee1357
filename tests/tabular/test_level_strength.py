"""Tests of the penalty that a table's fit chooses: numbers standardised, and levels of texts as 0 and 1."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import RidgeCV

import steepest as st


@pytest.fixture(scope="module")
def frame():
    random = np.random.default_rng(0)
    # Some levels have many rows, and some few.
    level = random.choice(8, size=90, p=np.array([8, 7, 6, 5, 4, 3, 2, 1]) / 36)
    number = 100 * random.normal(size=90)
    target = number / 200 + random.normal(size=8)[level] + 2 * random.normal(size=90)
    return pd.DataFrame({"number": number, "level": np.array(list("abcdefgh"))[level], "target": target})


@pytest.fixture(scope="module")
def fit(frame):
    return st.fit_table(frame, "target", held_out=0)


def test_the_fit_is_that_of_scikit_learn_on_scaled_numbers_and_unscaled_levels(frame, fit):
    levels = pd.get_dummies(frame.level).drop(columns=frame.level.mode()[0]).to_numpy(float)
    X = np.column_stack([frame.number / frame.number.std(ddof=0), levels])
    # alpha of scikit-learn is beside the sum of squares, without a half.
    strengths = fit.path.strengths[fit.path.strengths > 0]
    theirs = RidgeCV(strengths * len(frame) / 2).fit(X, frame.target)
    assert fit.path.chosen * len(frame) / 2 == pytest.approx(theirs.alpha_)
    np.testing.assert_allclose(fit.predict(frame), theirs.predict(X), rtol=1e-6)


def test_what_the_strength_is_measured_on_is_said(fit):
    words = f"penalty L2({fit.path.chosen:.3g}) on standardised columns and levels as 0 and 1"
    assert any(words in note for note in fit.notes)


def test_a_path_that_was_saved_before_levels_were_told_apart_is_read(fit):
    record = json.loads(json.dumps(fit.path.to_json()))
    del record["levels"], record["fitted"]
    again = type(fit.path).from_json(record)
    assert again.chosen == fit.path.chosen
    assert "levels" not in again.why
