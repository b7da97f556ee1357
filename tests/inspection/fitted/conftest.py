"""Each test draws the same numbers, in whatever order the tests run."""

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def same_numbers(request):
    if (rng := getattr(request.module, "RNG", None)) is not None:
        rng.bit_generator.state = np.random.default_rng(0).bit_generator.state
