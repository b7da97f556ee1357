"""Each projection is held to the inequality that defines it, and to a quadratic programme."""

import json
import pickle

import jax
import numpy as np
import pytest
from scipy.optimize import LinearConstraint, NonlinearConstraint, minimize

import steepest as st
from steepest.derivatives.precision import double_precision
from steepest.saving.objects import from_json, to_json
from steepest.sets.region import Region

INF = float("inf")


def sets_of(n, seed=0):
    """Return sets of points with n numbers, by name."""
    a, centre = np.random.default_rng(seed).standard_normal((2, n))
    some = {
        "simplex": st.sets.Simplex(),
        "large simplex": st.sets.Simplex(250.0),
        "ball": st.sets.Ball(0.7),
        "ball elsewhere": st.sets.Ball(2, centre=centre),
        "sum ball": st.sets.Ball(0.7, order=1),
        "sum ball elsewhere": st.sets.Ball(2.0, centre=centre, order=1),
        "largest ball": st.sets.Ball(0.7, centre=centre, order=INF),
        "box": st.sets.Box(centre - 0.5, centre + 0.5),
        "open box": st.sets.Box(low=0),
        "half-space": st.sets.Halfspace(a, -0.3),
    }
    if n > 1:
        rows = max(1, min(n // 3, 20))
        some["affine"] = st.sets.Affine(
            np.random.default_rng(seed).standard_normal((rows, n)), np.arange(1.0, rows + 1)
        )
    return some


NAMES = list(sets_of(2))
CURVED = [name for name in NAMES if name != "affine"]


def points(n, seed=1):
    """Return points of several sizes, some of them with ties."""
    draws = np.random.default_rng(seed)
    for scale in (1e-3, 1.0, 1e5):
        x = scale * draws.standard_normal(n)
        yield x
        if n > 2:
            tied = x.copy()
            tied[1] = tied[2] = tied[0]
            yield tied
    yield np.zeros(n)
    yield np.full(n, 3.0)


def most_along(one, v):
    """Return the largest v · z over the set by a formula of its own, infinite if there is none."""
    if isinstance(one, st.sets.Simplex):
        return one.total * v.max()
    if isinstance(one, st.sets.Ball):
        dual = {1: np.abs(v).max(), 2: np.linalg.norm(v), INF: np.abs(v).sum()}[one.order]
        return one.r * dual + (0.0 if one.centre is None else v @ one.centre)
    if isinstance(one, st.sets.Box):
        sides = np.where(v > 0, one.high, one.low)
        return float(sum(s * w for s, w in zip(sides, v, strict=True) if w))
    if isinstance(one, st.sets.Halfspace):
        return one.b * np.linalg.norm(v) / np.linalg.norm(one.a)
    return float(v @ np.linalg.lstsq(one.A, one.b, rcond=None)[0])


@pytest.mark.parametrize("n", [1, 2, 3, 10, 1000])
@pytest.mark.parametrize("name", NAMES)
def test_a_projection_is_the_nearest_point(name, n):
    # p is the projection of x if it lies in the set, and (x - p) · (z - p) ≤ 0 for all z of the set.
    if (one := sets_of(n).get(name)) is None:
        return
    for x in points(n):
        p = one.project(x)
        size = max(1.0, np.abs(x).max(), np.abs(p).max())
        assert most_along(one, x - p) - (x - p) @ p <= 1e-12 * size**2 * np.sqrt(n)
        if isinstance(one, st.sets.Halfspace):
            # The formula above holds only for multiples of a.
            away = (x - p) - (x - p) @ one.a / (one.a @ one.a) * one.a
            assert np.abs(away).max() <= 1e-12 * size
            assert (x - p) @ one.a >= -1e-12 * size
        if isinstance(one, st.sets.Affine):
            parts = np.linalg.lstsq(one.A.T, x - p, rcond=None)[0]
            assert np.abs(one.A.T @ parts - (x - p)).max() <= 1e-11 * size


@pytest.mark.parametrize("n", [1, 3, 1000])
@pytest.mark.parametrize("name", NAMES)
def test_a_projection_lies_in_the_set_to_the_last_digits(name, n):
    if (one := sets_of(n).get(name)) is None:
        return
    for x in points(n):
        p = one.project(x)
        size = 1e-13 * max(1.0, one.size, np.abs(p).max())
        if isinstance(one, st.sets.Simplex):
            assert p.min() >= 0
            assert abs(p.sum() - one.total) <= 1e-14 * one.total * np.sqrt(n)
        elif isinstance(one, st.sets.Ball):
            arm = p if one.centre is None else p - one.centre
            assert np.linalg.norm(arm, one.order) <= one.r + size
        elif isinstance(one, st.sets.Box):
            assert np.all((p >= one.low) & (p <= one.high))
        elif isinstance(one, st.sets.Halfspace):
            assert one.a @ p <= one.b + size * np.abs(one.a).sum() * np.sqrt(n)
        else:
            assert np.abs(one.A @ p - one.b).max() <= size * np.abs(one.A).sum(axis=1).max() * np.sqrt(n)
        assert one.contains(p)
        assert np.abs(one.project(p) - p).max() <= size


@pytest.mark.parametrize("name", ["simplex", "sum ball elsewhere", "half-space", "affine", "ball elsewhere"])
def test_projections_agree_with_a_quadratic_programme(name):
    n = 5
    one, x = sets_of(n)[name], np.random.default_rng(4).standard_normal(n) * 2
    if name == "sum ball elsewhere":
        # x = centre + u - v with u, v of 0 or more, whose entries add up to r at most.
        def far(z):
            return 0.5 * np.sum((one.centre + z[:n] - z[n:] - x) ** 2)

        found = minimize(
            far, np.full(2 * n, 0.1), method="SLSQP", bounds=[(0, None)] * (2 * n),
            constraints=[LinearConstraint(np.ones(2 * n), -np.inf, one.r)], options={"ftol": 1e-15, "maxiter": 500},
        ).x  # fmt: skip
        reference = one.centre + found[:n] - found[n:]
    else:
        held = {
            "simplex": [LinearConstraint(np.ones(n), 1, 1), LinearConstraint(np.eye(n), 0, np.inf)],
            "half-space": [LinearConstraint(getattr(one, "a", None), -np.inf, getattr(one, "b", None))]
            if name == "half-space"
            else [],
            "affine": [LinearConstraint(one.A, one.b, one.b)] if name == "affine" else [],
            "ball elsewhere": [NonlinearConstraint(lambda z: np.sum((z - one.centre) ** 2), -np.inf, one.r**2)]
            if name == "ball elsewhere"
            else [],
        }[name]
        reference = minimize(
            lambda z: 0.5 * np.sum((z - x) ** 2), one.project(x) * 0.9, method="SLSQP", constraints=held,
            options={"ftol": 1e-15, "maxiter": 500},
        ).x  # fmt: skip
    assert one.project(x) == pytest.approx(reference, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_projections_can_be_compiled(name):
    one = sets_of(6)[name]
    with double_precision():
        compiled = jax.jit(one.nearest)
        for x in points(6):
            assert np.asarray(compiled(x)) == pytest.approx(one.project(x), abs=1e-12 * max(1.0, np.abs(x).max()))


def test_a_point_of_any_shape_is_one_vector():
    table = np.array([[0.5, 2.0], [-1.0, 0.5]])
    assert np.array_equal(st.sets.Simplex().project(table), [[0, 1], [0, 0]])


@pytest.mark.parametrize("name", NAMES)
def test_the_linear_minimiser_is_lower_than_points_of_the_set(name):
    one, draws = sets_of(6)[name], np.random.default_rng(5)
    for _ in range(20):
        slope = draws.standard_normal(6)
        if not one.is_bounded:
            with pytest.raises(ValueError, match="falls without end"):
                one.linear_minimiser(slope)
            continue
        lowest = one.linear_minimiser(slope)
        assert one.contains(lowest)
        assert slope @ lowest == pytest.approx(-most_along(one, -slope), rel=1e-12)
        point = one.drawn(draws, np.zeros(6))
        assert one.gap(point, slope) == pytest.approx(slope @ (point - lowest), rel=1e-9, abs=1e-12)


def test_unbounded_sets_have_minimisers_for_some_slopes():
    assert np.array_equal(st.sets.Box(low=2).linear_minimiser([1.0, 3.0]), [2, 2])
    assert st.sets.Halfspace([1, 1], 2).linear_minimiser([-3.0, -3.0]) == pytest.approx([1, 1])
    affine = st.sets.Affine([[1, 1, 0]], [2])
    assert affine.linear_minimiser([2.0, 2.0, 0.0]) @ [1, 1, 0] == pytest.approx(2)


def edge_points(name, one, draws):
    """Return points of a set in its interior, on edges and in corners."""
    far = [one.project(10 * draws.standard_normal(6)) for _ in range(3)]
    return [one.drawn(draws, np.zeros(6)), *far, one.project(np.zeros(6))]


@pytest.mark.parametrize("name", CURVED)
def test_the_steepest_direction_is_that_of_a_short_projected_step(name):
    one, draws = sets_of(6)[name], np.random.default_rng(6)
    for x in edge_points(name, one, draws):
        slope = draws.standard_normal(6)
        t = 1e-6 * one.size if one.size else 1e-6
        step = (one.nearest(x - t * slope) - x) / t
        assert one.steepest(x, slope) == pytest.approx(step, abs=2e-5 * max(1.0, one.size))


@pytest.mark.parametrize("name", CURVED)
def test_curves_stay_in_the_set_and_determine_the_gradient(name):
    one, draws = sets_of(6)[name], np.random.default_rng(7)
    region = Region((one,), (6,))
    for x in edge_points(name, one, draws):
        curves, gradient = region.curves(x), draws.standard_normal(6)
        assert len(curves) == 6
        for curve in curves:
            for t in (max(curve.low, -10.0), min(curve.high, 10.0)):
                assert region.contains(x + curve.move(t))
        again = sum((gradient @ curve.direction) * curve.dual for curve in curves)
        off = again - gradient
        if isinstance(one, st.sets.Simplex):
            off -= off.mean()
        assert np.abs(off).max() <= 1e-9


@pytest.mark.parametrize("name", CURVED)
def test_the_part_along_a_face_is_spanned_by_its_curves(name):
    one, draws = sets_of(6)[name], np.random.default_rng(8)
    for x in edge_points(name, one, draws):
        v = draws.standard_normal(6)
        inside = [curve.direction for curve in Region((one,), (6,)).curves(x) if curve.in_face]
        basis = np.array(inside).reshape(-1, 6).T
        expected = basis @ np.linalg.lstsq(basis, v, rcond=None)[0] if inside else np.zeros(6)
        assert one.along(x, v) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_random_points_lie_in_the_set_and_differ(name):
    one, draws = sets_of(6)[name], np.random.default_rng(9)
    drawn = [one.drawn(draws, np.zeros(6)) for _ in range(5)]
    assert all(one.contains(x) for x in drawn)
    assert not np.array_equal(drawn[0], drawn[1])


@pytest.mark.parametrize("name", NAMES)
def test_sets_are_equal_by_value_and_saved(name):
    one, same, other = sets_of(6)[name], sets_of(6)[name], sets_of(6, seed=3)[name]
    assert one == same
    assert hash(one) == hash(same)
    assert one != "a set"
    if name not in ("simplex", "large simplex", "ball", "sum ball", "open box"):
        assert one != other
    for copy in (from_json(json.loads(json.dumps(to_json(one)))), pickle.loads(pickle.dumps(one))):  # noqa: S301
        assert copy == one
        assert hash(copy) == hash(one)


def test_sets_of_other_kinds_or_norms_differ():
    assert len({st.sets.Ball(1), st.sets.Ball(1, order=1), st.sets.Ball(1, [0, 0]), st.sets.Simplex(1)}) == 4


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (st.sets.Simplex(), "Simplex()"),
        (st.sets.Simplex(3), "Simplex(3)"),
        (st.sets.Ball(2), "Ball(2)"),
        (st.sets.Ball(0.25, centre=[1, 2], order=1), "Ball(0.25, centre=[1., 2.], order=1)"),
        (st.sets.Ball(1, np.zeros(50)), "Ball(1, centre=<array of shape (50,)>)"),
        (st.sets.Box(low=0), "Box(low=0.)"),
        (st.sets.Box([None, 0], 2), "Box(low=[-inf,   0.], high=2.)"),
        (st.sets.Halfspace([1, 2], 3), "Halfspace([1., 2.], 3)"),
        (st.sets.Affine([[1, 1]], 1), "Affine([[1., 1.]], [1.])"),
    ],
)
def test_the_text_of_a_set_is_clear(one, text):
    assert repr(one) == text


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: st.sets.Ball(-1), r"Ball\(-1\): no point is within such a distance, so give a positive number"),
        (lambda: st.sets.Ball(float("nan")), r"Ball\(nan\): .*give a positive number"),
        (lambda: st.sets.Ball(1, order=3), r"Ball\(order=3\): give 2, 1 or inf"),
        (lambda: st.sets.Ball(1, [0, float("nan")]), "centre holds nan: give numbers that are finite"),
        (lambda: st.sets.Ball(1, [[0, 1]]), r"centre has the shape \(1, 2\): give a vector"),
        (lambda: st.sets.Simplex(0), r"Simplex\(0\): .*give a positive number"),
        (lambda: st.sets.Simplex(-2), r"Simplex\(-2\): .*give a positive number"),
        (lambda: st.sets.Box(1, 0), r"Box: entry 0 has the bounds \(1, 0\): low must not exceed high"),
        (lambda: st.sets.Box([0, 2], [1, 1]), r"Box: entry 1 has the bounds \(2, 1\)"),
        (lambda: st.sets.Box([0, 2], [1, 1, 1]), "low has 2 entries and high 3"),
        (lambda: st.sets.Box([1, 2], [3]), "low has 2 entries and high 1: give as many of both"),
        (lambda: st.sets.Box(float("nan")), "low holds nan"),
        (lambda: st.sets.Box(INF), "low holds inf: no number is above it"),
        (lambda: st.sets.Halfspace([0, 0], 1), "a is 0 in every entry"),
        (lambda: st.sets.Halfspace([1, 0], float("nan")), r"Halfspace\(b=nan\): give a finite number"),
        (lambda: st.sets.Affine([1, 1], 1), "A has 1 dimension: give a matrix"),
        (lambda: st.sets.Affine([[1, 1]], [1, 2]), "A has 1 rows and b has 2 entries"),
        (lambda: st.sets.Affine([[1, float("nan")]], [1]), "A holds nan"),
        (
            lambda: st.sets.Affine([[1, 1], [2, 2]], [1, 2]),
            "row 1 of A is a combination of those .*leave it out",
        ),
        (lambda: st.sets.Affine([[1, 1], [2, 2]], [1, 3]), "no x solves A x = b: row 1 of A .*b contradicts it"),
        (lambda: st.sets.Affine([[0, 0]], [1]), "row 0 of A is 0 in every entry"),
        (lambda: st.sets.Affine(np.eye(3)[:, :2], [1, 1, 1]), "A has 3 equations for 2 entries"),
        (lambda: st.sets.Ball(1, [0, 0]).project([1, 2, 3]), r"holds points of 2 numbers, not of 3"),
    ],
)
def test_sets_that_are_empty_or_make_no_sense_are_refused_in_one_line(make, words):
    with pytest.raises(ValueError, match=words) as error:
        make()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: st.sets.Simplex("1"),
        lambda: st.sets.Ball(True),
        lambda: st.sets.Halfspace("ab", 1),
        lambda: st.sets.Box("a"),
    ],
)
def test_what_is_not_a_number_is_refused(make):
    with pytest.raises(TypeError, match="give a"):
        make()
