"""Write intervals.json: intervals, errors and bands by lmfit, iminuit and statsmodels, which the tests don't install.

Run in an environment of its own, with the versions that intervals.json names:

    python tests/oracles/make_intervals.py
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
LEVEL = 0.95
CURVES = ("Misra1a", "Chwirut2", "DanWood", "Thurber", "BoxBOD", "Rat42")


def table():
    """Return the rows of the generalised linear models: two columns, and a target for each model."""
    rng = np.random.default_rng(12)
    X = np.column_stack([rng.normal(size=80), rng.uniform(0, 4, 80)]).round(3)
    score = 0.8 * X[:, 0] - 0.5 * X[:, 1] + 0.6
    return X, {
        "linear": (score + rng.normal(size=80)).round(3),
        "logistic": (rng.random(80) < 1 / (1 + np.exp(-score))).astype(float),
        "poisson": rng.poisson(np.exp(score)).astype(float),
        "gamma": rng.gamma(2.0, np.exp(score) / 2).round(4),
    }


def profiles_by_lmfit():
    """Return lmfit's profile intervals of NIST's curves; its thresholds are those of the F distribution."""
    import lmfit
    from nist import NonLinear

    found = {}
    for name in CURVES:
        data = NonLinear(name)
        names = [f"b{k + 1}" for k in range(data.certified.size)]

        def residual(params, data=data, names=names):
            return data.y - data.predict(data.x, *(params[n].value for n in names))

        start = lmfit.create_params(**dict(zip(names, data.certified.tolist(), strict=True)))
        exact = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}
        fitter = lmfit.Minimizer(residual, start)
        result = fitter.minimize(method="leastsq", **exact)
        interval = lmfit.conf_interval(fitter, result, sigmas=[LEVEL], maxiter=2000)
        found[name] = [[interval[n][0][1], interval[n][-1][1]] for n in names]
    return found


def profiles_by_minos(X, targets):
    """Return MINOS's intervals of the coefficients, the intercept last."""
    from iminuit import Minuit

    costs = {
        "logistic": lambda z, y: 2 * np.sum(np.logaddexp(0, z) - y * z),
        "poisson": lambda z, y: 2 * np.sum(np.exp(z) - y * z),
    }
    found = {}
    for name, cost in costs.items():
        y = targets[name]

        def total(theta, cost=cost, y=y):
            return cost(X @ theta[:-1] + theta[-1], y)

        minuit = Minuit(total, np.zeros(X.shape[1] + 1))
        minuit.errordef, minuit.strategy, minuit.tol = 1.0, 2, 1e-6
        minuit.migrad()
        minuit.hesse()
        minuit.minos(cl=LEVEL)
        found[name] = [[v + minuit.merrors[k].lower, v + minuit.merrors[k].upper] for k, v in enumerate(minuit.values)]
    return found


def models_by_statsmodels(X, targets):
    """Return the errors, the statistics and the bands of statsmodels, with the intercept as the last parameter."""
    import statsmodels.api as sm

    A, new = np.column_stack([X, np.ones(len(X))]), np.array([[0.0, 1.0], [1.5, 3.0], [-2.0, 0.5]])
    B, log = np.column_stack([new, np.ones(len(new))]), sm.families.links.Log()
    families = {
        "logistic": sm.families.Binomial(),
        "poisson": sm.families.Poisson(),
        "gamma": sm.families.Gamma(log),
    }
    found = {"new": new.tolist()}
    ols = sm.OLS(targets["linear"], A).fit()
    frame = ols.get_prediction(B).summary_frame(alpha=1 - LEVEL)
    found["linear"] = {
        "params": ols.params, "errors": ols.bse, "t": ols.tvalues, "p": ols.pvalues, "interval": ols.conf_int(),
        "r2": ols.rsquared, "adjusted r2": ols.rsquared_adj, "s": np.sqrt(ols.scale), "F": ols.fvalue,
        "F p": ols.f_pvalue, "band": frame[["mean", "mean_ci_lower", "mean_ci_upper"]].to_numpy(),
        "new rows": frame[["obs_ci_lower", "obs_ci_upper"]].to_numpy(),
    }  # fmt: skip
    for name, family in families.items():
        glm = sm.GLM(targets[name], A, family=family).fit(tol=1e-14, maxiter=200)
        frame = glm.get_prediction(B).summary_frame(alpha=1 - LEVEL)
        found[name] = {
            "params": glm.params, "errors": glm.bse, "t": glm.tvalues, "p": glm.pvalues, "interval": glm.conf_int(),
            "deviance": glm.deviance, "null deviance": glm.null_deviance, "scale": glm.scale,
            "band": frame[["mean", "mean_ci_lower", "mean_ci_upper"]].to_numpy(),
        }  # fmt: skip
    return found


def plain(value):
    """Return numbers as JSON holds them."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    return np.asarray(value, dtype=float).tolist()


def main():
    X, targets = table()
    record = {
        "source": {name: version(name) for name in ("lmfit", "iminuit", "statsmodels", "scipy", "numpy")},
        "level": LEVEL,
        "X": plain(X),
        "targets": plain(targets),
        "lmfit": plain(profiles_by_lmfit()),
        "minos": plain(profiles_by_minos(X, targets)),
        "statsmodels": plain(models_by_statsmodels(X, targets)),
    }
    (HERE / "intervals.json").write_text(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
