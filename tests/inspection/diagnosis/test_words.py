"""What every finding looks like, whatever its cause: a plain sentence, a call that is Python, a display that draws."""

import ast
import re
import time

import matplotlib.pyplot as plt
import numpy as np
import pytest

import steepest as st
from steepest.inspection.diagnosis.causes import CAUSES
from steepest.inspection.diagnosis.pictures import ANY
from steepest.inspection.diagnosis.words import shown

# The longest sentence that is read at once.
LONGEST = 220
JARGON = re.compile(
    r"λ|κ|eigen|hessian|krylov|lipschitz|condition number|ill-conditioned|quadratic model|convex|stochastic|bfgs|nan\b|"
    r"\binf\b|e[+]0[1-5]\b",
    re.IGNORECASE,
)
random = np.random.default_rng(0)
X = random.normal(size=(120, 3)) * [1, 3, 1]
Y = X @ [1, -1, 2] + random.normal(size=120)
RARE = np.zeros(120)
RARE[[3, 40, 77, 101]] = 1
STEEP = np.array([20.0, 2.0])


def bowl(x):
    # float() keeps the function from being compiled.
    return 0.5 * float(STEEP @ x**2)


def slope(x):
    return STEEP * x


def descended(f=bowl, gradient=slope, start=(1.0, 9.0), **how):
    return st.minimize(f, list(start), gradient=gradient, **how)


def looped(f, gradient, x, rate, count=60, given=True):
    """Return the run of a plain loop; rates may be one for each step."""
    recorder, x = st.Recorder(), np.array(x, dtype=float)
    for each in np.broadcast_to(rate, count):
        g = gradient(x)
        recorder.step(f(x), learning_rate=float(each), **({"gradient": g, "x": x} if given else {}))
        x = x - each * g
    return recorder.run


def layers(shapes=None, growth=1.0, **slopes):
    """Return the run of a network that hardly learns, with gradients of such sizes in its arrays."""
    shapes = shapes or {"W1": (3, 4), "b1": 4, "W2": (4, 4), "b2": 4, "W3": (4, 4), "b3": 4, "W4": 4, "b4": 1}
    recorder = st.Recorder()
    for k in range(20):
        gradient = {name: np.full(shape, slopes.get(name, 1.0)) for name, shape in shapes.items()}
        x = {name: np.full(shape, growth**k) for name, shape in shapes.items()}
        value = 1 - 1e-4 * k if growth == 1 else growth**k
        recorder.step(value, gradient=gradient if growth == 1 else None, x=x, learning_rate=0.01)
    return recorder.run


def fitted(X=X, y=Y, model=None, **how):
    return st.fit(model or st.models.Linear(), X, y, **how)


def with_column(column):
    return fitted(np.column_stack([X, column]))


def raising(x):
    if x[0] < 0.5:
        raise ValueError("x[0] must be 0.5 or more")
    return bowl(x)


def slowly(x):
    time.sleep(0.004)
    return bowl(x)


def outlying():
    y = Y.copy()
    y[[3, 50]] += [60, -90]
    return fitted(y=y)


def stalling():
    """Return the run of a loop in which a few steps take far longer than the others."""
    recorder = st.Recorder()
    for k in range(40):
        time.sleep(0.1 * (k in (3, 10, 11, 29)))
        recorder.step(float(np.exp(-k / 10)))
    return recorder.run


def unlearned():
    """Return the fit of a table whose columns tell nothing of the target."""
    columns = np.random.default_rng(2).normal(size=(60, 4))
    return st.fit_table(dict(zip("abcy", columns.T, strict=True)), "y", rng=0)


def sorted_rows():
    rows = np.argsort(Y)
    return fitted(X[rows] / [1, 3, 1], Y[rows], batch_size=12, step=0.2, epochs=40, shuffle=False)


def overfitted():
    epoch = np.arange(60)
    rise = 0.004 * np.maximum(0, epoch - 15)
    return st.read_log({"loss": np.exp(-epoch / 10), "val_loss": 0.2 + np.exp(-epoch / 5) + rise})


def valley(x):
    return 0.5 * float(1000 * x[0] ** 2 + x[1] ** 2)


def single(x):
    return float(np.sum((x.astype(np.float32) - np.float32(1)) ** 2) + np.float32(10))


def well(x):
    return float(-np.exp(-0.5 * x @ x))


LOGISTIC = st.models.Logistic()
HALF = 0.05 * 0.5 ** np.arange(60)
SHALLOW = {"W1": (3, 4), "b1": 4, "W2": 4, "b2": 1}
# Runs with each cause: with the function, and where a loop shows it, of a loop.
RUNS = {
    "wrong gradient": [
        lambda: descended(gradient=lambda x: 2 * slope(x), step=0.01, iterations=50),
        lambda: looped(bowl, lambda x: 2 * slope(x), (1, 9), 0.01),
    ],
    "function raised": [lambda: descended(raising, step=0.03, iterations=50)],
    "not finite": [
        lambda: descended(lambda x: float(x[0] - np.log(x[0])), lambda x: 1 - 1 / x, (3.0,), step=5.0, iterations=50)
    ],
    "step above the stability limit": [
        lambda: descended(step=0.11, iterations=60),
        lambda: looped(bowl, slope, (1, 9), 0.11),
    ],
    "unbounded below": [
        lambda: descended(lambda x: float(x[0]), np.ones_like, (3.0,)),
        lambda: looped(lambda x: -float(x @ x), lambda x: -2 * x, (1.0, 2.0), 0.02),
    ],
    "no finite optimum": [
        lambda: descended(lambda x: float(np.exp(-x[0])), lambda x: -np.exp(-x), (0.0,)),
        lambda: looped(lambda x: float(np.exp(-x[0])), lambda x: -np.exp(-x), (0.0,), 1.0, 200),
    ],
    "separable classes": [lambda: fitted(y=(X[:, 0] + X[:, 2] > 0).astype(float), model=LOGISTIC)],
    "saddle": [
        lambda: descended(
            lambda x: float(x[0] ** 2 - x[1] ** 2 + x[1] ** 4),
            lambda x: np.array([2, -2]) * x + [0, 4 * x[1] ** 3],
            (1, 0.0),
            step=0.1,
            iterations=100,
        ),
        lambda: looped(lambda x: float(x[0] ** 2 - x[1] ** 2), lambda x: np.array([2, -2]) * x, (1, 0), 0.2),
    ],
    "kink": [
        lambda: descended(lambda x: float(np.abs(x).sum()), np.sign, (3.03,), step=0.2, iterations=60),
        lambda: looped(lambda x: float(np.abs(x).sum()), np.sign, (3.03,), 0.2),
    ],
    "plateau": [
        lambda: descended(well, lambda x: -x * well(x), (5.0,), step=0.1, iterations=40),
        lambda: looped(well, lambda x: -x * well(x), (5.0,), 0.1),
    ],
    "several minima": [
        lambda: descended(
            lambda x: float((x[0] ** 2 - 1) ** 2 + 0.3 * x[0]), lambda x: 4 * x * (x**2 - 1) + 0.3, (1.5,)
        )
    ],
    "answer at a bound": [lambda: descended(bounds=[(0.5, 2), (None, None)])],
    "noise of the function": [lambda: looped(lambda x: bowl(x) + 0.05 * random.normal(), slope, (1, 9), 0.02, 200)],
    "rounding of float32": [lambda: st.minimize(single, [4.0, 2.0])],
    "noise of mini-batches": [lambda: fitted(batch_size=2, step=0.04, epochs=30, rng=0)],
    "unshuffled rows": [sorted_rows],
    "targets not scaled": [lambda: fitted(y=1e4 * Y, direction="adam", step=0.01, epochs=100)],
    "dead units": [lambda: layers(W1=0.0, b1=0.0, W2=0.0)],
    "saturated units": [lambda: layers(SHALLOW, W1=1e-3, b1=1e-3)],
    "vanishing gradients": [lambda: layers(W1=1e-5, b1=1e-5)],
    "exploding weights": [lambda: layers(growth=3.0)],
    "leaking column": [lambda: with_column(2 * Y - 1)],
    "constant column": [lambda: with_column(np.full(120, 7.0))],
    "duplicated column": [lambda: with_column(X[:, 1])],
    "collinear columns": [lambda: with_column(X[:, 0] - 2 * X[:, 2])],
    "outliers": [outlying],
    "class imbalance": [lambda: fitted(y=RARE, model=LOGISTIC)],
    "over-fitting": [overfitted],
    "under-fitting": [lambda: fitted(y=Y + 2 * X[:, 0] ** 2)],
    "nothing learned": [unlearned],
    "ill-conditioned": [
        lambda: descended(valley, lambda x: np.array([1000, 1]) * x, (0.1, 9), step=1.8e-3, iterations=100),
        lambda: looped(valley, lambda x: np.array([1000, 1]) * x, (0.1, 9), 1.8e-3, 100),
    ],
    "step far too small": [
        lambda: descended(step=1e-4, iterations=60),
        lambda: looped(bowl, slope, (1, 9), 1e-4),
    ],
    "schedule ended too early": [lambda: looped(bowl, slope, (1, 9), HALF)],
    "too few iterations": [
        lambda: descended(step=0.02, iterations=12),
        lambda: looped(bowl, slope, (1, 9), 0.02, 12, given=False),
    ],
    "slow function": [lambda: st.minimize(slowly, [1.0, 9.0], seconds=0.35)],
    "recompilation": [stalling],
}


def test_there_is_a_run_for_each_cause():
    assert list(RUNS) == [cause.name for cause in CAUSES]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("cause", RUNS)
def test_a_finding_is_a_plain_sentence_with_a_call_and_a_display_that_draws(cause):
    for made in RUNS[cause]:
        run = made()
        findings = [each for each in run.diagnose() if each.name == cause]
        assert findings, f"{cause} is not found"
        for finding in findings:
            # One sentence: no full stop followed by another.
            assert re.fullmatch(r"[^a-z\s].*\.", finding.text), finding.text
            assert not re.search(r"[.!?] [A-Z]", finding.text), finding.text
            assert len(finding.text) <= LONGEST, finding.text
            for text in (finding.text, finding.cure):
                assert not JARGON.search(text), text
            assert re.fullmatch(r"[A-Z].*[.]", finding.cure), finding.cure
            # No number or code is given twice.
            assert not finding.call or finding.call not in finding.cure
            assert re.fullmatch(r"[A-Z].*[.]", finding.evidence), finding.evidence
            assert "\n" not in finding.call
            ast.parse(finding.call)
            assert 0.5 <= finding.confidence < 1
            if finding.picture:
                getattr(st.inspection, finding.picture).from_run(run).plot()
                plt.close("all")


def test_a_loaded_table_is_shown_without_its_rows(tmp_path):
    fit = st.fit_table({"a": X[:, 0], "b": X[:, 1], "twin": X[:, 0], "y": Y}, "y")
    fit.save(tmp_path / "fit")
    loaded = st.load(tmp_path / "fit")
    for each, name in ((fit, "EffectsDisplay"), (loaded, ANY)):
        (finding,) = each.diagnose()
        assert (finding.picture, finding.text) == (name, "twin = a, so their coefficients can't be told apart.")
        assert finding.cure == "Leave one out: run this."
        getattr(st.inspection, finding.picture).from_run(each).plot()
        plt.close("all")


def test_a_loaded_run_is_shown_by_a_display_that_needs_no_function(tmp_path):
    run = descended(step=0.11, iterations=60)
    run.save(tmp_path / "run")
    loaded = st.load(tmp_path / "run")
    finding = loaded.diagnose()[0]
    assert (run.diagnose()[0].picture, finding.picture) == ("StabilityDisplay", ANY)
    getattr(st.inspection, finding.picture).from_run(loaded).plot()
    plt.close("all")


@pytest.mark.parametrize(
    ("number", "text"), [(5123.0, "5,120"), (0.012345, "0.0123"), (999.96, "1,000"), (3e9, "3e+09"), (np.inf, "inf")]
)
def test_numbers_are_written_out_up_to_a_million(number, text):
    assert shown(number) == text
