"""Tests of the picture of a penalty's path."""

import numpy as np
import pytest

from steepest.inspection import StrengthDisplay


def test_the_picture_shows_the_strengths_no_penalty_and_the_choice():
    display = StrengthDisplay([1.0, 0.1, 0.0], [3.0, 2.0, 2.5], [0.2, 0.0, 0.1], 0.1)
    figure = display.to_figure(captioned=False)
    curve, none, chosen = figure.axes[0].get_lines()
    np.testing.assert_array_equal(curve.get_xydata(), [[1.0, 3.0], [0.1, 2.0]])
    assert none.get_xydata()[0, 0] < 0.1
    assert none.get_ydata()[0] == 2.5
    np.testing.assert_array_equal(chosen.get_xydata(), [[0.1, 2.0]])
    low, high = figure.axes[0].get_ylim()
    assert low < 2.0
    assert high > 2.5
    assert "is least, 2, at λ = 0.1" in display.caption
    assert display.table()["loss of rows left out"].tolist() == [3.0, 2.0, 2.5]


def test_the_caption_says_why_none_was_chosen():
    near = StrengthDisplay([1.0, 0.1, 0.0], [3.0, 2.0, 2.05], [0.2, 0.0, 0.1], 0.0)
    assert "within one standard error" in near.caption
    assert "without a penalty. So none" in StrengthDisplay([1.0, 0.0], [3.0, 2.0], [0.2, 0.0], 0.0).caption


def test_a_fit_whose_strength_was_given_has_no_such_picture():
    with pytest.raises(ValueError, match="penalty='auto'"):
        StrengthDisplay.from_run(object())
