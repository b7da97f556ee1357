"""The importance of columns against closed forms and scikit-learn."""

import numpy as np
import pytest

import steepest as st

RNG = np.random.default_rng(0)
ROWS = 4_000
PLAN = RNG.choice(["a", "b", "c"], size=ROWS, p=[0.5, 0.3, 0.2])
AGE, DOSE, NOISE = RNG.normal(40, 8, ROWS), RNG.exponential(2.0, ROWS), RNG.normal(size=ROWS)
GAIN = {"a": 0.0, "b": 5.0, "c": -4.0}
Y = 2.0 * AGE - 3.0 * DOSE + np.vectorize(GAIN.get)(PLAN) + RNG.normal(size=ROWS)
TABLE = {"plan": PLAN, "age": AGE, "dose": DOSE, "noise": NOISE, "y": Y}


@pytest.fixture(scope="module")
def fit():
    return st.fit_table(TABLE, "y", rng=0, held_out=0.5)


def test_shuffling_a_column_costs_twice_the_variance_of_what_it_adds(fit):
    # E (c(x) - c(x'))^2 = 2 Var c(x) for an independent shuffle, and the columns are independent.
    found = fit.importance(repeats=30)
    held = fit.held_out.rows
    coef = fit.coefficients
    adds = {
        "age": coef["age"] * AGE[held],
        "dose": coef["dose"] * DOSE[held],
        "plan": coef["plan=b"] * (PLAN[held] == "b") + coef["plan=c"] * (PLAN[held] == "c"),
    }
    for name, added in adds.items():
        assert found[name] == pytest.approx(2 * added.var(), rel=0.05), name
    assert abs(found["noise"]) < 0.01
    assert list(found) == ["age", "dose", "plan", "noise"]


def test_it_is_that_of_scikit_learn(fit):
    inspection = pytest.importorskip("sklearn.inspection")
    from sklearn.linear_model import LinearRegression

    rows, truth = fit.held_out.X, fit.held_out.truth
    known = LinearRegression()
    known.coef_, known.intercept_ = fit.params["coef"], float(fit.params["intercept"])
    means = inspection.permutation_importance(
        known, rows, truth, scoring="neg_mean_squared_error", n_repeats=30, random_state=1
    ).importances_mean
    found, names = fit.importance(repeats=30, rng=2), fit.encoding.names
    for name in ("age", "dose"):
        assert found[name] == pytest.approx(means[names.index(name)], rel=0.05)


def test_effects_are_deviations_of_what_a_column_adds_and_are_saved(fit, tmp_path):
    found = fit.importance(kind="effect")
    shares = {"b": np.mean(PLAN[fit.learnt] == "b"), "c": np.mean(PLAN[fit.learnt] == "c")}
    coef = {level: fit.coefficients[f"plan={level}"] for level in shares}
    # The variance of a number that is coef[level] in a share of the rows, and 0 in the rest.
    mean = sum(shares[k] * coef[k] for k in shares)
    variance = sum(shares[k] * coef[k] ** 2 for k in shares) - mean**2
    assert found["plan"] == pytest.approx(variance**0.5)
    assert found["age"] == pytest.approx(abs(fit.coefficients["age"]) * AGE[fit.learnt].std())
    assert list(found) == ["age", "dose", "plan", "noise"]
    again = st.load(fit.save(tmp_path / "fit"))
    assert again.importance(kind="effect") == found
    with pytest.raises(RuntimeError, match='fit the table again, or ask for kind="effect"'):
        again.importance()
    assert again.more(TABLE).importance(kind="effect")["plan"] == pytest.approx(found["plan"])


def test_classes_lose_the_log_loss_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    table = {"age": AGE[:600], "noise": NOISE[:600], "y": np.where(Y[:600] > 75, "high", "low")}
    fitted = st.fit_table(table, "y", rng=0, held_out=0.5)
    truth, X = fitted.held_out.truth, fitted.held_out.X
    random, column = np.random.default_rng(3), fitted.encoding.names.index("age")
    growth = []
    for _ in range(100):
        rows = X.copy()
        rows[:, column] = random.permutation(rows[:, column])
        chance = fitted.fit.predict(rows)
        growth.append(metrics.log_loss(truth, chance))
    known = np.mean(growth) - metrics.log_loss(truth, fitted.fit.predict(X))
    assert fitted.importance(repeats=100)["age"] == pytest.approx(known, rel=0.1)


def test_a_column_that_is_not_used_has_none():
    fitted = st.fit_table(TABLE, "y", rng=0, fixed={"dose": 0.0})
    assert fitted.importance(repeats=1)["dose"] == 0.0
    assert fitted.importance(kind="effect")["dose"] == 0.0


def test_without_held_out_rows_those_of_the_fit_are_shuffled():
    fitted = st.fit_table({"age": AGE, "y": Y}, "y", held_out=0)
    assert fitted.importance()["age"] == pytest.approx(2 * (fitted.coefficients["age"] * AGE).var(), rel=0.05)


@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        ({"kind": "gain"}, ValueError, 'give "permutation" or "effect"'),
        ({"kind": "effect", "repeats": 3}, ValueError, "repeats= and rng= are for"),
        ({"kind": "effect", "rng": 1}, ValueError, "repeats= and rng= are for"),
        ({"repeats": 0}, ValueError, "repeats=0: give a whole number, 1 or more"),
        ({"repeats": 2.5}, ValueError, "repeats=2.5: give a whole number, 1 or more"),
    ],
)
def test_bad_arguments_are_refused(fit, how, error, words):
    with pytest.raises(error, match=words):
        fit.importance(**how)
