"""Checks of every figure: it changes no global state, and its file has a transparent background."""

import copy

import matplotlib as mpl

mpl.use("Agg")

import pytest
from matplotlib import pyplot as plt

from steepest.inspection import save_figure


@pytest.fixture(autouse=True)
def nothing_changed():
    before = copy.deepcopy(dict(mpl.rcParams))
    yield
    plt.close("all")
    assert dict(mpl.rcParams) == before


@pytest.fixture
def saved(tmp_path):
    """Return a function that saves a display that was not drawn yet, checks its background and returns its pixels."""

    def save(display):
        assert not hasattr(display, "figure_")
        known = plt.get_fignums()
        pixels = plt.imread(save_figure(display, tmp_path / "picture.png"))
        assert plt.get_fignums() == known
        corners = pixels[[0, 0, -1, -1], [0, -1, 0, -1], 3]
        assert corners.max() == 0
        assert pixels[..., 3].max() == 1
        assert all(ax.get_facecolor()[3] == 0 for ax in display.figure_.axes)
        return pixels

    return save
