"""Set up the examples of the pages: skip those whose libraries are missing, and close their figures."""

from importlib.util import find_spec

import pytest
from matplotlib import pyplot

collect_ignore = [] if find_spec("flax") else ["flax.md"]


@pytest.fixture(autouse=True)
def figures():
    """Let a page draw as many figures as it likes, and close them."""
    with pyplot.rc_context({"figure.max_open_warning": 0}):
        yield
    pyplot.close("all")
