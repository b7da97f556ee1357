"""A wrong gradient: what the run's own check found, what values say on the way, and what the record contradicts."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from steepest.call import Code
from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.cures import by_itself
from steepest.inspection.diagnosis.shape.ground import best_row
from steepest.inspection.diagnosis.words import FROM_RECORD, shown
from steepest.trace import Outcome

# A change of the value lies between those by the slopes at both ends, wherever the slope changes in one direction. This
# share of their difference, and of their mean, is allowed beyond that.
BEYOND, SHARE = 0.5, 0.05
# Only steps over which the slope changes by less than this share are looked at.
SHORT = 0.7
# The part of the way that must contradict its gradients, to the same side, and the least number of steps.
MOST, LEAST = 0.6, 4
# The points on the way at which values are compared with the gradient, apart from both ends: the run looked there.
PLACES = 2


def wrong_gradient(case: Case) -> Iterator[Finding]:
    """Find a gradient that does not belong to the function."""
    cure = "Correct the gradient, or leave it out: it is then computed from the code of the function."
    is_given = case.run.kind == "given"
    if case.outcome is Outcome.WRONG_GRADIENT:
        facts = case.run.message.removeprefix("wrong gradient: ").removesuffix("; fix gradient=, or leave it out")
        evidence = "Measured by differences of values during the run."
        yield _finding(_in_words(facts), cure, evidence, _without(case), 0.98)
        return
    is_probed = is_given and case.points is not None and case.function.is_at_hand
    if is_probed:
        found = _on_the_way(case)
        if found:
            yield _finding(found, cure, "Measured by differences of values at points on the way.", _without(case), 0.95)
            return
    # Where the record contradicts the gradient most, probing has looked already: it fits there, or is only noisy.
    if (is_given and not is_probed) or case.outcome is Outcome.RECORDED:
        found = _by_the_record(case)
        if found:
            evidence = f"Changes of the value were compared with gradient times step. {FROM_RECORD}"
            if case.call is None:
                cure = (
                    "Check the sign and the factors of the gradient, and that it is set to 0 before each step, by "
                    "this call."
                )
            yield _finding(found, cure, evidence, _without(case) or "st.check_gradient(f, gradient, x)", 0.8)
            return
    if case.outcome is Outcome.RECORDED and (found := _uphill(case)):
        cure = "Subtract the step: x = x - learning_rate * gradient. To go uphill, give the recorder maximize=True."
        yield _finding(found, cure, FROM_RECORD, "x = x - learning_rate * gradient", 0.88)


def _in_words(facts: str) -> str:
    """Return what the check of a run found, such as "at the start (sign), x is given as -4, and …", as a sentence."""
    parts = re.fullmatch(r"(\w+ the \w+)(?: \(([^)]*)\))?, (.*)", facts, re.DOTALL)
    if parts is None:
        return f"The gradient that was given does not fit the function: {facts}."
    place, slip, rest = parts.groups()
    how = "does not fit the function" if slip is None else f"is wrong ({slip})"
    how = "has the wrong sign" if slip == "sign" else how
    rest = rest.replace("and differences give", "and the values of the function show")
    return f"The gradient that was given {how}: {place}, {rest}."


def _uphill(case: Case) -> str:
    """Return that the steps of a loop were added where they belong subtracted; "" if they were not."""
    g, x = case.gradients, case.points
    if g is None or x is None or len(g) != len(x) or len(x) < LEAST + 1 or case.trace.stride > 1:
        return ""
    with np.errstate(all="ignore"):
        moves, before = np.diff(x, axis=0), g[:-1]
        length = np.linalg.norm(moves, axis=1) * np.linalg.norm(before, axis=1)
        along = np.sum(moves * before, axis=1) / length
        rises = np.diff(case.value) > 0
    known = np.isfinite(along) & np.isfinite(np.diff(case.value)) & (length > 0)
    # Plain steps the right way have the cosine -1, those of Adam or momentum are rarely above 0.
    if known.sum() < LEAST or not np.mean((along[known] > 0.99) & rises[known]) > 0.9:
        return ""
    known_values = case.value[np.isfinite(case.value)]
    return (
        "The steps go uphill: each goes along the gradient, not against it, and the value "
        f"{'rises' if case.sign > 0 else 'falls'} from {case.sign * known_values[0]:.4g} to "
        f"{case.sign * known_values[-1]:.4g}."
    )


def _finding(text: str, cure: str, evidence: str, call: str, confidence: float) -> Finding:
    return Finding("warning", "wrong gradient", text, cure, evidence, call, "WrongGradientDisplay", confidence)


def _without(case: Case) -> str:
    """Return the call without the gradient, and without the steps, which were chosen for its size.

    Of a function that returns both, only the value is used.
    """
    if case.call is None:
        return ""
    if str(case.call.arguments.get("gradient")) == "True":
        f = type(case.call)("", {"f": case.call.arguments.get("f")}, ["f"])
        own = str(f).removeprefix("st.(").removesuffix(")")
        return by_itself(case, f=Code(f"lambda *x: {own}(*x)[0]"), gradient=None)
    return by_itself(case, gradient=None)


def _contradictions(case: Case) -> tuple[np.ndarray, np.ndarray] | None:
    """Return by how much the changes of the value exceed what gradients allow, with signs, and their size."""
    g, x = case.gradients, case.points
    if g is None or x is None or len(g) != len(x) or len(x) < LEAST or case.trace.stride > 1:
        return None
    with np.errstate(all="ignore"):
        moves, change = np.diff(x, axis=0), np.diff(case.value)
        first, second = np.sum(g[:-1] * moves, axis=1), np.sum(g[1:] * moves, axis=1)
        mean, spread = (first + second) / 2, np.abs(second - first)
        # Values of a loop may be those of float32.
        room = BEYOND * spread + SHARE * np.maximum(np.abs(first), np.abs(second)) + 1e-6 * np.abs(case.value[:-1])
        beyond = change - mean
        excess = np.where(np.abs(beyond) > spread / 2 + room, beyond, 0.0)
        # A longer step may cross ground where the slope goes up and down.
        excess = np.where(spread < SHORT * np.maximum(np.abs(first), np.abs(second)), excess, np.nan)
    return np.where(np.isfinite(excess), excess, np.nan), np.abs(mean)


def _by_the_record(case: Case) -> str:
    """Return what the record contradicts; "" if it agrees with the gradients, or does not tell."""
    found = _contradictions(case)
    if found is None:
        return _wrong_sign(case)
    excess, size = found
    known = np.isfinite(excess) & (size > 1e-6 * np.abs(case.value[:-1])) & (size > 0)
    # After a step that leaves for infinity, nothing is small any more.
    known &= np.abs(case.value[1:]) < 1e3 * max(np.nanmax(np.abs(case.value[:1])), 1e-300)
    if known.sum() < LEAST:
        return ""
    signs = np.sign(excess[known])
    # Each step counts as far as it leads. Noise contradicts to both sides.
    counted = abs(float(signs @ size[known])) / float(size[known].sum())
    if np.count_nonzero(signs) < LEAST or counted < MOST or abs(signs.sum()) < 0.9 * np.count_nonzero(signs):
        return ""
    k = int(np.flatnonzero(known)[np.argmax(np.abs(excess[known]) / size[known])])
    change = case.value[k + 1] - case.value[k]
    g, x = case.gradients, case.points
    assert g is not None
    assert x is not None
    expected = float((g[k] + g[k + 1]) @ (x[k + 1] - x[k]) / 2)
    return (
        f"The gradient does not fit the values: in {np.count_nonzero(signs)} of {known.sum()} steps they changed "
        f"otherwise than it says, for instance by {shown(change)} where it says {shown(expected)}."
    )


def _wrong_sign(case: Case) -> str:
    """Return that the steps went uphill all the way, told by learning rates and norms of gradients; "" otherwise.

    With a gradient of the wrong sign a plain step changes the value by t g² (1 + tλ/2), and the gradient by the factor
    1 + tλ. A step that is too long turns the gradient round, and changes the value by less while the factor is below 2.
    """
    g, value, t = case.slope, case.value, case.size
    if len(value) < LEAST + 1 or case.outcome is not Outcome.RECORDED:
        return ""
    with np.errstate(all="ignore"):
        grown = g[1:] / g[:-1]
        share = np.diff(value) / (t[:-1] * g[:-1] ** 2)
        fits = (np.abs(share - (1 + grown) / 2) < 0.1) & (grown < 2)
    known = np.isfinite(share) & np.isfinite(grown)
    if known.sum() < LEAST or np.mean(fits[known]) < 0.9:
        return ""
    return (
        "The steps go uphill: each raises the value as far as the gradient says it would lower it, by "
        f"{value[1] - value[0]:.3g} "
        "at first, so the sign of the gradient or of the step is wrong."
    )  # fmt: skip


def _on_the_way(case: Case) -> str:
    """Return where values contradict the gradient that was given, at points between both ends; "" if nowhere."""
    x = case.points
    if x is None or len(x) < 2 or not case.function.is_at_hand:
        return ""
    found = _contradictions(case)
    rows = [len(x) // 2, len(x) // 4]
    if found is not None and np.nanmax(np.abs(found[0]), initial=0.0) > 0:
        rows.insert(0, int(np.nanargmax(np.abs(found[0]))))
    best = best_row(case)
    for row in list(dict.fromkeys(rows))[:PLACES]:
        if row == best or not np.isfinite(x[row]).all():
            continue
        said = _contradicted(case, x[row])
        if said:
            return f"The gradient that was given does not fit the function: at step {case.iteration[row]:.0f} {said}."
    return ""


def _contradicted(case: Case, x: np.ndarray) -> str:
    """Return the slope along a direction as given and as measured if both sides contradict it; "" otherwise."""
    given = case.function.gradient(x)
    if given is None or given.size != x.size or not np.isfinite(given).all() or not given.any():
        return ""
    scale = np.where(x == 0, 1.0, np.abs(x))
    # All coordinates contribute, whatever their units, but not equally, so that two of opposite signs do not cancel.
    weight = np.abs(given) * scale
    rng = np.random.default_rng(x.size)
    along = rng.choice([-1.0, 1.0], x.size) * rng.uniform(0.5, 1.0, x.size) * scale
    along *= np.where(weight > 0, np.minimum(weight.max() / np.maximum(weight, 1e-4 * weight.max()), 1e3), 1.0)
    along *= 1.0 / np.max(np.abs(along) / scale)
    expected, h = float(given @ along), 1e-5
    ends = [case.function.value(x + k * h * along) for k in (-1, 0, 1)]
    if any(each is None or not np.isfinite(each) for each in ends):
        return ""
    back, centre, forth = (float(each) for each in ends if each is not None)
    left, right = (centre - back) / h, (forth - centre) / h
    noise = 1e-14 * max(map(abs, (back, centre, forth))) / h
    # At a kink a right gradient lies between both sides. Where the function is smooth, both agree to a share of h.
    room = abs(right - left) + noise + 1e-3 * float(np.abs(given) @ np.abs(along))
    if min(left, right) - room <= expected <= max(left, right) + room:
        return ""
    # A gradient that differs from call to call is noisy, and may be right on average.
    again = case.function.gradient_again(x)
    if again is not None and not np.allclose(given, again, rtol=1e-6, atol=1e-9 * float(np.abs(given).max())):
        return ""
    return f"the slope along a random direction is given as {expected:.4g}, and measured as {(left + right) / 2:.4g}"
