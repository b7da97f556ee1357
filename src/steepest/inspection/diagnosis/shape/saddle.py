"""A descent that ended at a saddle: the slope has vanished, and the function curves down."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.call import Code, written
from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.cures import by_itself
from steepest.inspection.diagnosis.pictures import of_function
from steepest.inspection.diagnosis.shape.ground import (
    is_of_function,
    last_row,
    rounding,
    scale_of,
    start_of,
)
from steepest.inspection.diagnosis.words import FROM_RECORD, shown
from steepest.printable import listed
from steepest.trace import Outcome

# The slope has vanished below this share of the largest on the way, or where the curvature leads to its zero within
# this share of the size of the point.
VANISHED, NEAR = 1e-2, 1e-2
# The products with the Hessian: three find both signs of curvature in most directions.
PRODUCTS = 3
# Curvature down counts above this share of the curvature up.
CLEAR = 1e-3
# The most coordinates in which a symmetry is looked for: in large models some never have a slope.
MOST_NAMED = 12


def saddle(case: Case) -> Iterator[Finding]:
    """Find a point where the slope vanishes and the function falls to both sides."""
    if case.outcome is Outcome.SADDLE:
        facts = case.run.message.split(": ", 1)[-1].split(";", 1)[0]
        yield _finding(case, f"The descent stopped at a saddle, which is no minimum: {facts}.", "", 0.95)
        return
    row, x = last_row(case), case.points
    if not case.function.is_at_hand and x is not None:
        yield from _on_a_line(case, x)
    if (
        case.outcome is Outcome.CONVERGED or case.is_batched or row is None or x is None or x.shape[1] > 1_000
        or not case.function.is_at_hand or case.value[row] > case.value[0]
    ):  # fmt: skip
        # A descent that climbed is at no saddle, and what it lacks is to be measured by others.
        return
    last = case.slope[row]
    vanished = last <= VANISHED * np.nanmax(np.where(np.isfinite(case.slope), case.slope, 0.0), initial=0.0)
    if not vanished and case.value[0] - case.value[row] > 0.1 * abs(case.value[0]):
        return
    # Noise makes any curvature.
    if case.noisy:
        return
    slope = case.function.gradient(x[row])
    if slope is None or not np.isfinite(slope).all():
        return
    down = _downwards(case, x[row], slope)
    if down is None:
        return
    bend, v = down
    scale = scale_of(case, row)
    if not vanished and np.linalg.norm(slope) > NEAR * abs(bend) * float(np.linalg.norm(v * scale)):
        return
    base = case.function.value(x[row])
    reach = 0.03 * float(np.linalg.norm(v * scale))
    sides = [case.function.value(x[row] + side * reach * v) for side in (-1, 1)]
    if base is None or any(each is None or not each < base - rounding(base) for each in sides):
        return
    text = (
        f"The descent stopped at a saddle, which is no minimum: the slope is only {np.linalg.norm(slope):.2g}, "
        "but to both "
        f"sides the value gets better, from {case.sign * base:.4g} to "
        f"{case.sign * min(s for s in sides if s is not None):.4g}."
    )
    yield _finding(case, text, f"The curvature there is {shown(bend)} along one direction (measured).", 0.95)


def _finding(case: Case, text: str, evidence: str, confidence: float) -> Finding:
    cure = "Start a little to the side, from where a way leads down."
    return Finding("warning", "saddle", text, cure, evidence, aside(case), of_function(case), confidence)


def _on_a_line(case: Case, x: np.ndarray) -> Iterator[Finding]:
    """Find coordinates of a start that never had a slope, though the descent came to rest: a line of symmetry."""
    g = case.gradients
    if g is None or len(g) < 2 or g.shape[1] != x.shape[1] or not 2 <= x.shape[1] <= MOST_NAMED:
        return
    g = g[np.isfinite(g).all(axis=1)]
    still = ~g.any(axis=0) if len(g) else np.zeros(x.shape[1], dtype=bool)
    size = np.linalg.norm(g, axis=1) if len(g) else np.zeros(1)
    if not still.any() or size[-1] > VANISHED * size.max() or (x[:, still] != 0).any():
        return
    names = [name for name, each in zip(case.trace.names, still, strict=True) if each]
    which = f"{names[0]} = 0, which" if len(names) == 1 else f"0 in {listed(names, 3)}, which"
    text = f"The descent may have stopped at a saddle: it started at {which} had no slope at any step."
    yield _finding(
        case,
        text,
        f"The function may also not depend on {'it' if still.sum() == 1 else 'them'} at all. {FROM_RECORD}",
        0.6,
    )


def aside(case: Case) -> str:
    """Return the call from a start that is moved a little at random."""
    if case.call is None:
        return "x = x + 0.1 * np.random.default_rng(0).normal(size=np.shape(x))"
    start, x, text = start_of(case), case.points, case.call.arguments.get("start", "")
    if is_of_function(case) and x is not None and len(x[0]) <= 8 and start is not None and not isinstance(start, dict):
        moved = x[0] + 0.3 * np.maximum(np.abs(x[0]), 1.0) * np.random.default_rng(0).choice([-1.0, 1.0], len(x[0]))
        moved = np.array([float(f"{each:.4g}") for each in moved])
        return by_itself(case, start=moved if np.ndim(start) else float(moved[0]))
    if not text:
        return by_itself(case)
    if isinstance(case.run.x, dict) or case.fit is not None:
        code = "{name: value + 0.3 * np.random.default_rng(k).normal(size=np.shape(value)) for k, (name, value) in"
        return by_itself(case, start=Code(f"{code} enumerate({written(text, 'start')}.items())}}"))
    return by_itself(case, start=Code("start + 0.3 * np.random.default_rng(0).normal(size=np.shape(start))"))


def _downwards(case: Case, x: np.ndarray, slope: np.ndarray) -> tuple[float, np.ndarray] | None:
    """Return the most negative curvature that a few products with the Hessian show, with its direction."""
    known = case.curvature if case.place is not None and np.array_equal(x, case.place) else None
    if known is not None and known.is_measured:
        # Products at the best point serve other finders, too.
        bend = float(known.values[0])
        return (bend, known.vectors[0]) if bend < -CLEAR * max(abs(known.values).max(), 1e-300) else None
    rng = np.random.default_rng(x.size)
    v = rng.standard_normal(x.size)
    basis: list[np.ndarray] = []
    products: list[np.ndarray] = []
    # Exact zeros are symmetric: the direction must not be.
    for _ in range(min(PRODUCTS, x.size)):
        for each in basis:
            v = v - (v @ each) * each
        length = np.linalg.norm(v)
        if not length > 1e-12:
            break
        v = v / length
        product = case.function.product(x, v)
        if product is None or not np.isfinite(product).all():
            break
        basis.append(v)
        products.append(product)
        v = product
    if not basis:
        return None
    small = np.array(basis) @ np.array(products).T
    bends, turns = np.linalg.eigh((small + small.T) / 2)
    if not bends[0] < -CLEAR * max(abs(bends).max(), 1e-300):
        return None
    return float(bends[0]), turns[:, 0] @ np.array(basis)
