"""Summaries and prints against statsmodels' tables, and what they say where there is no error."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import steepest as st
from steepest.fitting.uncertainty.wording import chance, stated

ORACLE = json.loads((Path(__file__).parents[2] / "oracles" / "intervals.json").read_text())
X = np.array(ORACLE["X"])
MODELS = {
    "linear": st.models.Linear(),
    "logistic": st.models.Logistic(),
    "poisson": st.models.Poisson(),
    "gamma": st.models.Gamma(),
}


@cache
def fit_of(name):
    return st.fit(MODELS[name], X, np.array(ORACLE["targets"][name]))


def new_fit(name="linear", **how):
    return st.fit(MODELS[name], X, np.array(ORACLE["targets"][name]), **how)


@pytest.mark.parametrize("name", list(MODELS))
@pytest.mark.always(2)
def test_a_summary_has_the_numbers_of_statsmodels(name):
    theirs, frame = ORACLE["statsmodels"][name], fit_of(name).summary().to_frame()
    assert list(frame.index) == ["coef[0]", "coef[1]", "intercept"]
    test = "t" if name == "linear" else "z"
    assert list(frame.columns) == ["estimate", "error", test, "p", "low", "high"]
    for ours, key in {"estimate": "params", "error": "errors", test: "t", "p": "p"}.items():
        np.testing.assert_allclose(frame[ours], theirs[key], rtol=1e-7, err_msg=ours)
    np.testing.assert_allclose(frame[["low", "high"]], theirs["interval"], rtol=1e-6)


def test_a_squared_loss_has_s_and_r2_and_the_f_test():
    values, theirs = fit_of("linear").summary().values, ORACLE["statsmodels"]["linear"]
    names = {"s": "s", "R²": "r2", "adjusted R²": "adjusted r2", "F": "F", "F p": "F p"}
    assert {ours: values[ours] for ours in names} == pytest.approx(
        {ours: theirs[key] for ours, key in names.items()}, rel=1e-8
    )
    assert (values["rows"], values["degrees of freedom"]) == pytest.approx((80, 77))


def test_r2_and_f_without_an_intercept_are_against_0():
    """As in statsmodels for a matrix without a constant: 1 - RSS / Σ y², and F on p and n - p degrees."""
    y = np.array(ORACLE["targets"]["linear"])
    fit = new_fit(fixed={"intercept": 0.0})
    residual = np.sum((y - X @ np.linalg.lstsq(X, y, rcond=None)[0]) ** 2)
    values = fit.summary().values
    f = (y @ y - residual) / 2 / (residual / 78)
    found = [values[name] for name in ("R²", "adjusted R²", "F", "F p")]
    wanted = [1 - residual / (y @ y), 1 - residual / (y @ y) * 80 / 78, f, stats.f.sf(f, 2, 78)]
    assert found == pytest.approx(wanted, rel=1e-7)
    assert "against 0" in str(fit.summary())
    # The state of the fit stands for others, which would have to be compiled.
    fit.fixed = {"coef[0]": 51.0}
    assert "F" not in fit.summary().values
    assert "values other than 0" in str(fit.summary())
    fit.fixed, fit.at_bound = {}, {"coef[0]": "low"}
    assert "F" not in fit.summary().values
    fit.at_bound, fit.fixed = {}, {"intercept": 3.0}
    assert "R²" not in fit.summary().values
    robust = fit_of("linear").uncertainty(robust=True).summary()
    assert "F" not in robust.values


@pytest.mark.parametrize("name", ["logistic", "poisson", "gamma"])
def test_a_likelihood_has_its_deviance(name):
    values, theirs = fit_of(name).summary().values, ORACLE["statsmodels"][name]
    ours = [values["deviance"], values["null deviance"], values["degrees of freedom"]]
    assert ours == pytest.approx([theirs["deviance"], theirs["null deviance"], 77], rel=1e-8)
    assert values.get("scale", 1.0) == pytest.approx(theirs["scale"], rel=1e-7)


def test_the_table_has_other_levels_and_profiles():
    summary = fit_of("poisson").summary(level=0.9, method="profile")
    assert "90 % low" in str(summary)
    assert "intervals by profiles" in str(summary)
    ends = fit_of("poisson").confidence_intervals(0.9, method="profile")
    np.testing.assert_allclose(summary.low[:2], ends["coef"][:, 0], rtol=1e-6)
    assert "<td>" in summary._repr_html_()
    assert "coef[0]" in summary._repr_html_()


def test_the_text_of_a_summary_lines_up():
    lines = str(fit_of("linear").summary()).split("\n")
    head = next(k for k, line in enumerate(lines) if "estimate" in line)
    ends = [lines[head].index("error") + 5, lines[head].index(" t ") + 2]
    for line in lines[head + 1 : head + 4]:
        assert all(line[end - 1] != " " and line[end] == " " for end in ends), line


def test_print_has_errors_with_two_digits_and_the_test():
    fit, line = fit_of("linear"), None
    for line in str(fit).split("\n"):
        if line.split()[:1] == ["coef[0]"]:
            break
    value, plus, error, t, p = line.split()[1:]
    assert (value, plus, error) == ("0.72", "±", "0.12")
    assert float(t) == pytest.approx(fit.summary().statistics[0], rel=1e-2)
    assert p == chance(fit.summary().p[0])
    assert "errors of equal variance" in str(fit)
    assert "0.72 ± 0.12" in " ".join(fit._repr_html_().split())


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: new_fit("linear", penalty=st.penalties.L1(0.1)), "an L1 penalty sets parameters to exactly 0"),
        (lambda: new_fit("linear", loss="quantile", step=0.1, epochs=2), "the quantile loss has kinks"),
        (lambda: st.fit(st.models.Linear(), X[:3], np.arange(3.0)), "3 rows leave nothing to estimate"),
    ],
)
def test_print_says_in_one_line_why_there_are_no_errors(make, why):
    lines = str(make()).split("\n")
    (line,) = [line for line in lines if line.split()[:1] == ["errors"]]
    assert f"none: {why}" in " ".join(line.split())
    assert not any("±" in line for line in lines)


def test_print_leaves_errors_to_uncertainty_where_they_take_long(monkeypatch):
    from steepest.fitting import result

    monkeypatch.setattr(result, "MOST_PRINTED_WORK", 10)
    fit = new_fit()
    assert "not computed for this print" in str(fit)
    assert not fit._uncertain
    # Errors that are known are printed.
    fit.uncertainty()
    assert "±" in str(fit)


def test_print_counts_parameters_and_not_the_projections_of_the_trace():
    fit = fit_of("linear")
    many = replace(fit, x={"coef": np.zeros(2000), "intercept": 0.0})
    assert "2,001 parameters" in str(many)
    assert not many._uncertain


def test_print_never_raises(monkeypatch):
    from steepest.fitting import result

    def fails(*args):
        raise ZeroDivisionError("no luck")

    monkeypatch.setattr(result, "uncertainty_of", fails)
    assert "errors  none: they could not be computed (no luck)" in str(new_fit())


def test_a_parameter_that_the_rows_do_not_determine_has_its_reason():
    x = np.linspace(0, 1, 20)
    y = 3 * x + np.sin(50 * x)
    fit = st.fit(lambda x, a, b, c: a * x + b * x + c, x, y)
    text = str(fit.summary())
    assert "a, b: not determined by the rows" in text
    assert "c: " not in text
    assert fit.summary().to_frame().loc["b", "reason"].startswith("not determined by the rows")


def test_the_intervals_of_a_robust_uncertainty_have_a_summary():
    errors = fit_of("linear").uncertainty(robust="HC3", level=0.9)
    frame = errors.summary().to_frame()
    np.testing.assert_allclose(frame["error"], errors.flat_errors)
    assert "HC3" in str(errors)
    np.testing.assert_allclose(errors.to_frame()["high"], frame["high"])


def test_weights_as_frequencies_count_rows():
    y = np.array(ORACLE["targets"]["linear"])
    times = np.resize([1, 2, 3], 80)
    weighted = st.fit(st.models.Linear(), X, y, sample_weight=times.astype(float)).summary()
    repeated = st.fit(st.models.Linear(), np.repeat(X, times, axis=0), np.repeat(y, times)).summary()
    np.testing.assert_allclose(weighted.errors, repeated.errors, rtol=1e-8)
    for name in ("s", "R²", "adjusted R²", "F", "degrees of freedom"):
        assert weighted.values[name] == pytest.approx(repeated.values[name], rel=1e-8)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (1.00736931, 0.01749, ("1.007", "0.017")),
        (99.96, 0.9996, ("100.0", "1.0")),
        (12345678.9, 43210.0, ("12346000", "43000")),
        (6.02214076e23, 1.2e19, ("6.02214e+23", "1.2e+19")),
        (-0.004, 12.0, ("0", "12")),
        (3.0, 1e-16, ("3.000000000", "1e-16")),
        (2.5, float("inf"), ("2.5", "inf")),
        (2.5, float("nan"), ("2.5", "—")),
    ],
)
def test_numbers_are_rounded_to_their_errors(value, error, text):
    assert stated(value, error) == text


def test_rounded_numbers_differ_from_the_exact_ones_by_less_than_a_tenth_of_the_error():
    rng = np.random.default_rng(0)
    values, errors = rng.normal(size=500) * 10 ** rng.uniform(-12, 12, 500), 10 ** rng.uniform(-12, 12, 500)
    for value, error in zip(values, errors, strict=True):
        shown, shown_error = map(float, stated(value, error))
        assert abs(shown - value) <= 0.051 * error + 1e-9 * abs(value)
        assert shown_error == pytest.approx(error, rel=0.051)


def test_the_p_value_is_that_of_student():
    fit = fit_of("linear")
    expected = 2 * stats.t.sf(abs(fit.summary().statistics), 77)
    np.testing.assert_allclose(fit.summary().p, expected, rtol=1e-10)


def test_a_summary_without_errors_lists_values_and_the_reason():
    fit = st.fit(st.models.Network(), X, np.arange(80.0), epochs=1, rng=0)
    text = str(fit.summary())
    assert "no errors: the parameters of a network have no errors" in text
    assert "more parameters: to_frame() has all" in text
    assert len(text.split("\n")) < 30
    assert len(fit.summary().to_frame()) == len(fit.summary().names)


def test_the_print_of_a_parameter_that_was_fixed_has_no_error():
    x = np.linspace(0, 1, 9)
    fit = st.fit(lambda x, m, b: m * x + b, x, 2 * x + np.resize([0.1, -0.1], 9), fixed={"b": 0.0})
    lines = [line.split() for line in str(fit).split("\n")]
    assert ["b", "0"] in lines
    assert ["±", "errors", "of", "equal", "variance"] in lines


def test_each_of_many_coefficients_has_its_own_name():
    # The trace of so many has projections of the point.
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 60))
    fit = st.fit(st.models.Linear(), X, X[:, 0] + rng.standard_normal(80), bounds={"coef": (0, None)})
    names = [f"coef[{k}]" for k in range(60)] + ["intercept"]
    printed = [line.split()[0] for line in str(fit).splitlines()[3:64]]
    assert printed == names
    boot = fit.bootstrap(5, rng=0)
    assert list(boot.names) == names
    assert boot.flat[:, :-1].min() >= 0
