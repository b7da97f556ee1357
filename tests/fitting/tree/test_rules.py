"""The rules of a tree: read back from their text, they send every row to its leaf."""

import json
import math
import operator
import re

import numpy as np
import pandas as pd
import pytest

import steepest as st
from steepest.models.rules import Rules
from steepest.models.splits import Splits

NAME = r'(?:"(?:[^"\\]|\\.)*"|[^\W\d][\w.-]*)'
NUMBER = r"-?(?:\d[\d.e+-]*|inf)"


ORDERS = {"at most": operator.le, "above": operator.gt, "at least": operator.ge, "below": operator.lt}
TERM = rf"([-+] )?({NUMBER} )?({NAME})"


def summed(words, row):
    """Return the sum that words such as "2 age - 0.5 income" stand for."""
    terms = re.findall(TERM, words)
    return sum((-1 if sign == "- " else 1) * float(factor or 1) * row[plain(name)] for sign, factor, name in terms)


def plain(name):
    """Return a name without its quotes."""
    return json.loads(name) if name.startswith('"') else name


def holds(condition, row):
    """Tell whether a condition, as the rules word it, holds for a row by name."""
    if match := re.fullmatch(rf"({NAME}) is (missing|known)", condition):
        return math.isnan(row[plain(match[1])]) == (match[2] == "missing")
    if match := re.fullmatch(rf"(.+) is (at most|above|at least|below) ({NUMBER})( or missing)?", condition):
        total = summed(match[1], row)
        if math.isnan(total):
            return bool(match[4])
        return ORDERS[match[2]](total, float(match[3]))
    name, word, levels = re.fullmatch(rf"({NAME}) (is neither|is not|is) (.+)", condition).groups()
    inside = row[plain(name)] in [plain(level) for level in re.findall(NAME, levels) if level not in ("or", "nor")]
    return inside if word == "is" else not inside


def followed(text, row):
    """Return what the rules say of a row."""
    depth = 0
    for line in text.splitlines():
        indent = (len(line) - len(line.lstrip())) // 2
        if indent < depth:
            raise AssertionError("no side of a split holds")
        if indent > depth:
            continue
        condition, _, leaf = line.strip().partition(": ")
        if holds(condition, row):
            if leaf:
                return leaf
            depth += 1
    raise AssertionError("no rule holds")


def random_tree(seed, depth, gaps):
    """Return random splits of two numbers, of a category with three levels, and of sums; and random rows."""
    random = np.random.default_rng(seed)
    splits = Splits.none(depth, 5)
    for node in range(2**depth - 1):
        kind = random.integers(4)
        missing = bool(random.integers(2))
        if kind == 0:
            levels = random.choice([2, 3, 4], size=random.integers(1, 3), replace=False)
            sign = random.choice([-1.0, 1.0])
            splits.put(node, {int(j): sign for j in levels}, sign / 2, missing)
        elif kind == 1:
            splits.put(node, {0: random.normal(), 1: random.normal()}, random.normal(), missing)
        elif kind == 2 and seed % 2:
            splits.put(node, {int(random.integers(2)): -1.0}, round(random.normal(), 1), missing)
        elif kind == 2 and gaps:
            to_right = bool(random.integers(2))
            splits.put(node, {int(random.integers(2)): 1.0}, np.inf if to_right else -np.inf, to_right)
        else:
            splits.put(node, {int(random.integers(2)): 1.0}, round(random.normal(), 1), missing)
    X = np.column_stack([random.normal(size=(300, 2)).round(1), np.zeros((300, 3))])
    level = random.integers(-1, 3, size=300)
    X[np.arange(300)[level >= 0], 2 + level[level >= 0]] = 1.0
    if gaps:
        X[:, :2][random.random((300, 2)) < 0.2] = np.nan
    return splits, X, level


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_text_sends_every_row_to_its_leaf(seed, gaps):
    splits, X, level = random_tree(seed, 4, gaps)
    values = np.random.default_rng(seed).integers(3, size=16).astype(float)[:, None]
    names = ["delay", 'an "odd" is above 2', "a", "b", "c"]
    categories = {2: ("carrier", "UA"), 3: ("carrier", "or"), 4: ("carrier", "B 6 nor DL")}
    rules = Rules(splits, values, names, categories, gaps)
    text = rules.text(lambda leaf: repr(float(values[leaf.numbers[0], 0])), full=True)
    expected = values[splits.leaves(X), 0]
    words = [None, "UA", "or", "B 6 nor DL"]
    for row, k, value in zip(X, level, expected, strict=True):
        named = {"delay": row[0], names[1]: row[1], "carrier": words[k + 1]}
        assert float(followed(text, named)) == value


@pytest.mark.parametrize("to_right", [False, True])
def test_missing_values_by_themselves(to_right):
    splits = Splits(np.ones((1, 1)), np.array([np.inf if to_right else -np.inf]), np.array([to_right]))
    text = Rules(splits, np.array([[0.0], [1.0]]), ["x"], gaps=True).text(lambda leaf: str(leaf.numbers[0]))
    words = ("known", "missing") if to_right else ("missing", "known")
    assert text == f"x is {words[0]}: 0\nx is {words[1]}: 1"


def test_redundant_splits_and_equal_leaves_go():
    splits = Splits.none(2, 1)
    splits.put(0, {0: 1.0}, 5.0, False)
    # Every number up to 5 is at most 7.
    splits.put(1, {0: 1.0}, 7.0, False)
    splits.put(2, {0: 1.0}, 9.0, False)
    text = Rules(splits, np.array([[1.0], [2.0], [3.0], [3.0]]), ["x"]).text(lambda leaf: str(leaf.numbers))
    assert text == "x is at most 5: (0,)\nx is above 5: (2, 3)"


def test_thresholds_between_whole_numbers_are_not_rounded_to_one():
    splits = Splits(np.ones((1, 1)), np.array([20240115.5]), np.zeros(1, bool))
    rules = Rules(splits, np.array([[0.0], [1.0]]), ["day"])
    assert rules.text(lambda leaf: str(leaf.numbers[0])).splitlines()[0] == "day is at most 20240115.5: 0"


def test_categories_of_similar_names_stay_apart():
    random = np.random.default_rng(0)
    first, second = random.integers(2, size=(2, 200))
    X = np.column_stack([first == 0, first == 1, second == 0, second == 1])
    tree = st.models.Tree(depth=2, restarts=1, categories=[[0, 1], [2, 3]])
    for names, called in (
        (["a=x", "a=y", "b=p", "b=q"], ["a", "b"]),
        (["a=1=x", "a=1=y", "a=2=p", "a=2=q"], ["category 0", "category 1"]),
        (["a=x", "y", "b=p", "b=q"], ["category 0", "b"]),
    ):
        fit = st.fit(tree, pd.DataFrame(1.0 * X, columns=names), 2.0 * first + second, rng=0, epochs=1)
        assert list(fit.importance(repeats=1)) == called
        assert len(fit.outline().leaves) == 4


def predicted(text, row):
    """Return the prediction of the whole text of a fit for a row by name."""
    remarks = [line for line in text.splitlines() if line.startswith(("predictions", "a missing", "in leaves"))]
    row, known, low, high = dict(row), dict(row), -math.inf, math.inf
    for line in remarks:
        if match := re.fullmatch(rf"predictions below ({NUMBER}) or above ({NUMBER}) are cut to these", line):
            low, high = float(match[1]), float(match[2])
        else:
            place, _, medians = line.partition("a missing value counts as the median: ")
            for name, value in re.findall(rf"({NAME}) ({NUMBER})", medians):
                if math.isnan(row[plain(name)]):
                    known[plain(name)] = float(value)
            row = row if place else known
    leaf = followed("\n".join(line for line in text.splitlines() if line not in remarks), row)
    words = re.fullmatch(r"(.+) \([\d,]+ rows?, \d+%\)", leaf)[1]
    constant, _, terms = words.partition(" ")
    return min(max(float(constant) + summed(terms, known), low), high)


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("splits", ["one", "all"])
@pytest.mark.parametrize("leaves", ["constant", "linear"])
@pytest.mark.always(4)
def test_the_exact_text_of_a_fit_predicts_every_row(splits, leaves, gaps):
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.normal(size=(300, 3)), columns=["age", "is at most 5", "income"])
    y = np.where(X["age"] + X["income"] > 0.3, X["age"], 2 - X["income"])
    if gaps:
        X = X.mask(random.random(X.shape) < 0.1)
    fit = st.fit(st.models.Tree(depth=3, splits=splits, leaves=leaves, restarts=4), X, y, rng=0, epochs=10)
    text = fit.rules(full=True)
    rows = [*X.to_dict("records"), dict.fromkeys(X.columns, math.nan), dict.fromkeys(X.columns, 9.0)]
    found = [predicted(text, row) for row in rows]
    np.testing.assert_allclose(found, fit.predict(pd.DataFrame(rows)), rtol=1e-13)


def test_short_rules_name_the_largest_terms_and_classes():
    # Terms are compared by what they add to the sum, whatever the units of their columns.
    units = np.array([1e6, 1.0, 1e3, 1e-3, 1e-6, 1.0])
    X = np.random.default_rng(0).normal(size=(400, 6)) * units
    direction = np.array([5.0, 4.0, -3.0, 2.0, 1.0, 0.5]) / units
    fit = st.fit(st.models.Tree(depth=1, splits="all", restarts=4), X, X @ direction > 0, loss="log loss", rng=0)
    first, _, second = fit.rules(labels=["no", "yes"]).partition("\n")
    assert " and 3 more is " in first
    assert sorted(re.findall("no|yes", first + second)) == ["no", "yes"]
    assert re.findall(r"x\d", first) == ["x0", "x1", "x2"]
    assert "more" not in fit.rules(full=True)


def test_a_baseline_is_named_where_it_makes_the_words_short():
    splits = Splits.none(2, 3)
    splits.put(0, {0: 1.0, 1: 1.0}, 0.5, False)
    # Where the root leaves "a" or "b", this one parts them.
    splits.put(2, {0: 1.0}, 0.5, False)
    categories = {0: ("kind", "a"), 1: ("kind", "b"), 2: ("kind", "d")}
    values = np.array([[1.0], [1.0], [2.0], [3.0]])
    rules = Rules(splits, values, ["a", "b", "d"], categories, baselines={"kind": "c"})
    lines = rules.text(lambda leaf: "").splitlines()
    assert lines == ["kind is c or d: ", "kind is a or b", "  kind is b: ", "  kind is a: "]
    exact = rules.text(lambda leaf: "", full=True).splitlines()
    # A text that the rows of the fit lacked has no column either.
    assert exact[0] == "kind is neither a nor b: "
    one = Splits.none(1, 3)
    one.put(0, {0: 1.0}, 0.5, False)
    lines = Rules(one, values[2:], ["a", "b", "d"], categories, baselines={"kind": "c"}).text(lambda leaf: "")
    assert lines == "kind is not a: \nkind is a: "
    bare = Rules(splits, values, ["a", "b", "d"], categories)
    assert bare.text(lambda leaf: "").splitlines()[0] == "kind is neither a nor b: "


def test_a_node_without_a_column_sends_all_rows_to_one_side():
    rows = np.array([[1.0], [np.nan]])
    for threshold, leaf in ((np.inf, 0), (-np.inf, 1)):
        for missing in (False, True):
            splits = Splits(np.zeros((1, 1)), np.array([threshold]), np.array([missing]))
            assert splits.leaves(rows).tolist() == [leaf, leaf]
