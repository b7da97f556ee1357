"""The docstring of every public name follows numpydoc; attributes of a record count as its parameters."""

import importlib
import inspect
from enum import Enum

import pytest
from numpydoc.docscrape import ClassDoc
from numpydoc.validate import validate

from steepest.models.losses import Loss
from steepest.rules.directions.direction import Direction
from steepest.rules.steps.step import StepSize
from steepest.sets import ConvexSet

ROOMS = ["", ".models", ".models.losses", ".models.penalties", ".rules.directions", ".rules.steps", ".inspection"]
ROOMS += [".estimators", ".sets"]
CHECKS = {"GL02", "GL03", "GL05", "GL06", "GL07", "GL08", "GL10", "SS01", "SS02", "SS03"} | {
    "PR01", "PR02", "PR03", "PR07", "PR10", "RT01", "RT03", "YD01",
}  # fmt: skip
# A method of a rule, a loss or a set computes one formula, so its docstring is one line without Parameters and Returns.
FORMULAS = (Loss, StepSize, Direction, ConvexSet)


def public():
    """Return every public class and function by its full name, and the public methods of the classes."""
    found = {}
    for room in ROOMS:
        module = importlib.import_module(f"steepest{room}")
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isclass(thing) or inspect.isfunction(thing):
                found[f"{thing.__module__}.{thing.__qualname__}"] = thing
    methods = {}
    for name, thing in found.items():
        for method, value in vars(thing).items() if inspect.isclass(thing) else ():
            own = getattr(value, "__doc__", None)
            inherited = any(getattr(getattr(base, method, None), "__doc__", None) for base in thing.__mro__[1:])
            if not method.startswith("_") and inspect.isroutine(getattr(thing, method)) and (own or not inherited):
                methods[f"{name}.{method}"] = value
    return found | methods


PUBLIC = public()


def allowed(name, thing):
    """Return the checks that do not apply to a name."""
    owner = PUBLIC.get(name.rpartition(".")[0])
    if inspect.isclass(owner) and issubclass(owner, FORMULAS):
        return {"PR01", "RT01"}
    if inspect.isclass(thing) and (issubclass(thing, Enum) or ClassDoc(thing)["Attributes"]):
        return {"PR01"}
    return set()


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_it_follows_numpydoc(name):
    errors = {code: text for code, text in validate(name)["errors"] if code in CHECKS - allowed(name, PUBLIC[name])}
    assert not errors


def test_there_are_many():
    assert len(PUBLIC) > 150
