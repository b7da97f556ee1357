"""Problems that a descent must solve without tuning: standard functions, quadratics, and models on raw columns."""

from tests.problems.classics import classics
from tests.problems.glm import glms
from tests.problems.larger import larger
from tests.problems.polish import basin
from tests.problems.problem import ENOUGH, Problem
from tests.problems.quadratics import quadratics

__all__ = ["ENOUGH", "Problem", "basin", "every_problem"]


def every_problem() -> list[Problem]:
    """Return all problems: standard functions, larger ones, quadratics, generalised linear models."""
    return [*classics(), *larger(), *quadratics(), *glms()]
