"""A rule reads like its equation: short, and with the name of its source."""

import inspect

import optax
import pytest

from steepest.rules import directions, steps

LONGEST = 25
# Optax hands over to rules that are written elsewhere.
RULES = [getattr(home, name) for home in (directions, steps) for name in home.__all__ if name not in ("NAMED", "Optax")]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_is_at_most_25_lines_without_its_docstring(rule):
    lines = [line for line in inspect.getsource(rule).splitlines() if line.strip()]
    words = [line for line in rule.__doc__.splitlines() if line.strip()]
    assert len(lines) - len(words) <= LONGEST


@pytest.mark.parametrize("home", [directions, steps])
def test_every_name_is_of_a_public_rule(home):
    assert {rule.__name__ for rule in home.NAMED.values()} <= set(home.__all__)


def test_equal_transformations_of_optax_are_equal():
    def chained(rate):
        return directions.Optax(optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate)))

    # Compiled code is stored by the rule: a rule that differs from call to call would be compiled in each fit.
    assert chained(0.1) == chained(0.1) != chained(0.2)
    assert hash(chained(0.1)) == hash(chained(0.1))
