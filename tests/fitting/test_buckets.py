"""Tables of similar size share compiled code, and padding changes no answer."""

import numpy as np
import pytest

import steepest as st
from steepest.data.batches import Layout, rounded_up
from steepest.derivatives import compiled
from steepest.fitting.linear import spec
from steepest.fitting.linear.classes import ClassCoordinates
from steepest.fitting.linear.coordinates import coordinates

RNG = np.random.default_rng(3)
X = RNG.normal(size=(300, 10)) * np.geomspace(0.1, 50, 10) + 5
SCORES = X[:, :2] @ [4.0, -2.0] + RNG.normal(size=300)
LABELS = (np.median(SCORES) < SCORES).astype(float)
RIDGE = st.penalties.L2(0.01)


@pytest.fixture
def compilations(monkeypatch):
    """Return the list of functions that were compiled so far."""
    made = []
    load_or_compile = compiled.load_or_compile
    monkeypatch.setattr(compiled, "load_or_compile", lambda *args: made.append(args) or load_or_compile(*args))
    return made


def test_searches_compile_once(compilations):
    def fit(rows, columns):
        # A limit makes the usual descent: without any, small tables compile nothing.
        return st.fit(st.models.Linear(), X[rows, :columns], LABELS[rows], loss="log loss", penalty=RIDGE, seconds=600)

    everything = slice(None)
    fit(everything, 10)
    assert compilations
    compilations.clear()
    # Feature elimination, a learning curve, and five folds.
    for columns in range(9, 4, -1):
        assert fit(everything, columns).success
    for rows in range(30, 270, 30):
        assert fit(slice(rows), 10).success
    for fold in range(5):
        assert fit(np.arange(300) % 5 != fold, 10).success
    assert not compilations


@pytest.mark.parametrize(
    ("model", "y", "words"),
    [
        # Two columns depend on others, so that there are fewer directions than columns.
        (st.models.Linear(), LABELS, {"loss": "log loss", "penalty": RIDGE, "sample_weight": 1 + LABELS}),
        (
            st.models.Multinomial(),
            np.digitize(SCORES, np.quantile(SCORES, [0.3, 0.7])),
            {"penalty": st.penalties.L1(0.02)},
        ),
    ],
    ids=["whitened", "several classes with an L1 penalty"],
)
def test_padding_changes_no_answer(model, y, words, monkeypatch):
    columns = np.column_stack([X[:, :3], X[:, 0] - X[:, 1], np.ones(300)])
    # A limit makes the usual descent.
    words = {**words, "seconds": 600}
    padded = st.fit(model, columns, y, **words)
    monkeypatch.setattr(spec, "padded_width", lambda rows, columns, outputs: columns)
    plain = st.fit(model, columns, y, **words)
    assert len(padded.resumable.setup.start) > len(plain.resumable.setup.start)
    for name, values in plain.params.items():
        np.testing.assert_allclose(padded.params[name], values, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(padded.jac[name], plain.jac[name], atol=1e-12)
    assert padded.fun == pytest.approx(plain.fun, rel=1e-13)
    assert padded.trace.x.shape[1] == len(padded.trace.names) == plain.trace.x.shape[1]
    assert padded.message == plain.message
    assert [event.kind for event in padded.trace.events] == [event.kind for event in plain.trace.events]
    assert padded.certificate.kind == plain.certificate.kind == "certified"
    # Bounds of rounding errors grow with the number of columns, and never shrink.
    assert plain.certificate.gap * 0.99 <= padded.certificate.gap <= 2 * plain.certificate.gap + 1e-15
    errors = np.asarray(padded.certificate.x_error)
    np.testing.assert_allclose(errors, plain.certificate.x_error, rtol=0.1)
    assert errors.shape == np.shape(plain.certificate.x_error)


@pytest.mark.parametrize("rescale", ["whiten", "scale"])
@pytest.mark.parametrize("classes", [0, 3])
def test_padded_coordinates_are_the_same_map(rescale, classes):
    table = np.column_stack([X[:, :4], X[:, 0] - X[:, 1]])
    plain = coordinates(table, None, rescale, ridge=0.1 if rescale == "scale" else 0.0)
    padded = plain.padded(8)
    assert (padded.directions, padded.varying, padded.width) == (8, plain.directions, 5)
    each = [np.append(np.arange(plain.varying), 8)]
    if classes:
        contrasts = np.linalg.qr(RNG.normal(size=(classes, classes - 1)))[0]
        plain, padded = ClassCoordinates(plain, contrasts), ClassCoordinates(padded, contrasts)
        each = [place * (classes - 1) + k for k in range(classes - 1) for place in each]
    kept = np.sort(np.concatenate(each))
    theta = RNG.normal(size=len(kept))
    full = np.zeros(9 * max(classes - 1, 1))
    full[kept] = theta
    np.testing.assert_allclose(padded.to_user(full), plain.to_user(theta), rtol=1e-13)
    np.testing.assert_allclose(padded.weights(full), plain.weights(theta), rtol=1e-13)
    np.testing.assert_allclose(padded.terms(full), plain.terms(theta), rtol=1e-13)
    np.testing.assert_allclose(padded.gradient_to_user(full), plain.gradient_to_user(theta), rtol=1e-9)
    np.testing.assert_array_equal(padded.undetermined, plain.undetermined)
    back = padded.from_user(padded.to_user(full))
    np.testing.assert_allclose(back[kept], plain.from_user(plain.to_user(theta)), rtol=1e-9, atol=1e-12)
    assert not np.delete(back, kept).any()


def test_sizes_are_few_and_little_larger():
    for bits in (2, 4):
        sizes = np.arange(1, 5000)
        rounded = np.array([rounded_up(int(size), bits) for size in sizes])
        assert (rounded >= sizes).all()
        assert (rounded - sizes < sizes / 2 ** (bits - 1)).all()
        assert len(np.unique(rounded)) <= 2 ** (bits - 1) * 13
    heights = {Layout.of(rows, 10, None, False, rounded=True).block for rows in range(4097, 16_000)}
    assert len(heights) <= 16


@pytest.mark.parametrize(("rows", "columns", "outputs"), [(10**6, 10, 0), (100, 600, 0), (100, 100, 9)])
def test_large_tables_have_no_more_columns(rows, columns, outputs):
    assert spec.padded_width(rows, columns, outputs) == columns
