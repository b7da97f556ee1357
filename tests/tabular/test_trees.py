"""Trees of tables: categories, missing values and labels."""

import numpy as np
import pytest

import steepest as st

RANDOM = np.random.default_rng(0)
ROWS = 400
CARRIER = RANDOM.choice(["AA", "B6", "DL", "UA"], size=ROWS, p=[0.2, 0.2, 0.2, 0.4])
DELAY = RANDOM.normal(20, 10, size=ROWS).round(1)
LATE = np.isin(CARRIER, ["B6", "DL"]) ^ (DELAY > 25)
GAPS = RANDOM.random(ROWS) < 0.1
TABLE = {
    "carrier": CARRIER.tolist(),
    "delay": [None if gap else value for gap, value in zip(GAPS, DELAY, strict=True)],
    "late": np.where(LATE, "late", "in time").tolist(),
}
TREE = st.models.Tree(depth=2, restarts=4)


@pytest.fixture(scope="module")
def fit():
    return st.fit_table(TABLE, "late", model=TREE, rng=0, epochs=20)


def test_categories_and_gaps_are_read_as_rules(fit):
    rules = fit.rules()
    assert "carrier is B6 or DL" in rules
    assert " or missing" in rules
    assert "late with probability" in rules
    assert "delay: " in "".join(fit.notes)
    assert "missing values kept" in "".join(fit.notes)
    assert "a tree of depth 2 with the log loss" in fit.notes[-1]
    assert rules in str(fit)
    assert fit.score.value > 0.9


def test_names_may_hold_anything(tmp_path):
    labels = np.where(DELAY > 20, "late\x1b[2J\n5", "in time")
    table = {"a=b": CARRIER, "a=c": CARRIER[::-1], "a": DELAY, "x\ny": DELAY[::-1], "late": labels}
    fit = st.fit_table(table, "late", model=TREE, rng=0, epochs=1)
    assert sorted(fit.importance(repeats=1)) == ["a", "a=b", "a=c", "x\ny"]
    assert "late\\x1b[2J\\n5 with probability" in fit.rules()
    assert len(fit.rules().splitlines()) == 2
    only = st.fit_table(table, "a", features=["a=b", "x\ny"], model=TREE, rng=0, epochs=1)
    assert r'"x\ny" is at most' in only.rules()
    assert '"a=b" is' in only.rules()
    only.save(tmp_path / "fit")
    assert st.load(tmp_path / "fit").rules() == only.rules()


def test_predictions_follow_the_rules(fit):
    known = ~GAPS
    found = fit.predict(TABLE)[known]
    assert np.mean(found == np.array(TABLE["late"])[known]) > 0.97
    assert list(fit.importance()) == ["carrier", "delay"]
    with pytest.raises(AttributeError, match=r"see rules\(\) and importance\(\)"):
        _ = fit.coefficients
    with pytest.raises(AttributeError, match="only the fit of a network"):
        _ = fit.linear


def test_it_is_saved_loaded_and_goes_on(fit, tmp_path):
    fit.save(tmp_path / "fit")
    loaded = st.load(tmp_path / "fit")
    assert loaded == fit
    assert loaded.rules(full=True) == fit.rules(full=True)
    assert loaded.predict(TABLE).tolist() == fit.predict(TABLE).tolist()
    more, again = fit.more(TABLE), loaded.more(TABLE)
    assert more.candidates == again.candidates
    assert more.nit == 40


def test_it_is_loaded_after_an_interval_was_refused(fit, tmp_path):
    with pytest.raises(ValueError, match="the parameters of a tree have no errors"):
        fit.predict(TABLE, interval="prediction")
    fit.save(tmp_path / "fit")
    loaded = st.load(tmp_path / "fit")
    assert loaded.predict(TABLE).tolist() == fit.predict(TABLE).tolist()


def test_missing_values_are_kept_only_for_a_tree():
    filled = st.fit_table(TABLE, "late", model=TREE, missing="mean", rng=0, epochs=2)
    assert "filled with the mean" in "".join(filled.notes)
    with pytest.raises(ValueError, match="missing='keep' is for model='tree', and a linear model needs every value"):
        st.fit_table(TABLE, "late", missing="keep")


def test_categories_are_not_given_twice():
    with pytest.raises(ValueError, match="a table's categories are its columns of texts"):
        st.fit_table(TABLE, "late", model=st.models.Tree(categories=[[0, 1]]))


def test_only_a_tree_has_rules():
    linear = st.fit_table(TABLE, "late", missing="drop")
    for call in (linear.rules, lambda: linear.candidates):
        with pytest.raises(AttributeError, match="only the fit of a tree"):
            call()
