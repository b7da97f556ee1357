"""The task of a network's fit: each member with its rows, in the form that compiled code takes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from steepest.data.batches import aligned
from steepest.data.machine import memory_of_machine
from steepest.derivatives.compiled import Jitted
from steepest.derivatives.precision import compiled_code
from steepest.fitting.network.kernel import Judged, Member, Rates, Rows, learner, sloper
from steepest.fitting.network.recipe import SAMPLE_ROWS, factors_of, start_of
from steepest.fitting.target import Target
from steepest.fitting.validation import LabelledRows
from steepest.models import Network
from steepest.models.frame import Frame, dense_blocks
from steepest.models.layers import Layers
from steepest.models.losses import Loss
from steepest.models.network import KINDS
from steepest.rules.pair import Rules
from steepest.types import Array, Function
from steepest.types import Rows as RowsLike

# The least numbers of rows, of rows left out, and of columns after padding: tables with fewer share compiled code.
LEAST_ROWS, LEAST_LEFT_OUT, LEAST_COLUMNS, LEAST_WAVING = 1024, 128, 8, 4
# Compiled code makes several epochs in one call for tables with at most so many rows, whose epochs are short.
FEW_ROWS, MOST_EPOCHS_TOGETHER = 4096, 8
# The share of this machine's memory that the rows may take once they are dense. Chosen, not measured: the linear starts
# and the predictions need memory as well.
MEMORY_SHARE = 0.5
# Above this many, columns are padded to a multiple of it, and not to a power of two, which might be twice as many.
MANY_COLUMNS = 256


# The place of a block of an array.
Place = tuple[slice, ...]


@dataclass(frozen=True)
class Kind:
    """A kind of member: its layers, and its compiled code.

    Attributes
    ----------
    layers, padded : Layers
        The layers of a member, and those of compiled code, whose columns are padded.
    count : int
        How many members are of this kind.
    learn : Jitted
        The compiled code.
    """

    layers: Layers
    padded: Layers
    count: int
    learn: Jitted

    def flattened(self, parts: dict[str, np.ndarray]) -> np.ndarray:
        """Return the parameters of a member as the flat vector of compiled code; those of padding are 0."""
        pieces = []
        for name, shape in self.padded.shapes.items():
            piece = np.zeros(shape)
            for place, own in self.places(name):
                piece[place] = np.asarray(parts[name])[own]
            pieces.append(piece.reshape(-1))
        return np.concatenate(pieces)

    def parts(self, vectors: np.ndarray) -> dict[str, np.ndarray]:
        """Return the parameters of members by name, for their flat vectors in compiled code, (members, size)."""
        found = {}
        for name, padded in self.padded.split(vectors).items():
            part = np.zeros((len(vectors), *self.layers.shapes[name]))
            for place, own in self.places(name):
                part[(slice(None), *own)] = padded[(slice(None), *place)]
            found[name] = part
        return found

    def places(self, name: str) -> list[tuple[Place, Place]]:
        """Return the places of a parameter in its padded form, block by block, and the places of these blocks in it.

        The weights of the first layer have a row for each column, and then, wave by wave, one for each column with
        waves.
        """
        own, padded = self.layers, self.padded
        if name != "weights 1":
            place = tuple(map(slice, own.shapes[name]))
            return [(place, place)]
        columns, width = own.widths[0], padded.widths[0]
        blocks: list[tuple[Place, Place]] = [((slice(0, columns),), (slice(0, columns),))]
        for k in range(own.waves):
            there, here = width + k * padded.waving, columns + k * own.waving
            blocks.append(((slice(there, there + own.waving),), (slice(here, here + own.waving),)))
        return blocks


@dataclass(frozen=True)
class Part:
    """The rows of a member, and its start.

    Attributes
    ----------
    kind : Kind
        The kind of the member.
    own : array of int
        The numbers of the rows that the member learns from.
    rows, left_out : Rows, Judged
        All rows, and those that the member leaves out, for compiled code.
    start : Member
        The state before the first epoch.
    target : Target
        The target in the units of compiled code.
    rates : Rates
        The constants of the recipe.
    """

    kind: Kind
    own: np.ndarray
    rows: Rows
    left_out: Judged
    start: Member
    target: Target
    rates: Rates


@dataclass(frozen=True)
class Before:
    """An earlier fit, from which another one goes on: the states of its members, and its epochs."""

    members: list[Member]
    age: int


@dataclass(frozen=True)
class NetworkTask:
    """A network on its rows, ready for its solver.

    Attributes
    ----------
    network : Network
        The network, with its frame.
    kinds : dict of str to Kind
        The kinds of members; members of two kinds alternate.
    cost : callable
        The loss in the user's units.
    rows : LabelledRows
        All rows to learn from.
    parts : list of Part
        The members.
    slot, batch : int
        The rows of a batch in compiled code, and the rows asked for.
    epochs : int
        The epochs of the schedule.
    seed : int
        The seed that shuffles rows and drops units.
    judges : bool
        Whether members leave rows out, and keep their best epochs.
    idle : str
        Why there is nothing to descend, or "".
    rules : Rules or None
        The rule that the user gave in place of the recipe.
    before : Before or None
        The states of the members of an earlier fit, if the fit goes on from there.
    """

    network: Network
    kinds: dict[str, Kind]
    cost: Function
    rows: LabelledRows
    parts: list[Part]
    slot: int
    batch: int
    epochs: int
    seed: int
    judges: bool
    idle: str = ""
    rules: Rules | None = None
    before: Before | None = None

    @property
    def frame(self) -> Frame:
        """The frame of the network."""
        assert self.network.frame is not None
        return self.network.frame

    @property
    def members(self) -> int:
        """The number of members."""
        return len(self.parts)

    def batches(self, part: Part) -> tuple[int, int]:
        """Return the number of batches of a member's epoch, and the rows of a batch, so that all are of like size."""
        count = -(-len(part.own) // self.batch)
        return count, -(-len(part.own) // count)

    def loss(self, z: np.ndarray, rows: LabelledRows) -> float:
        """Return the mean loss of outputs, in the user's units."""
        each = np.asarray(self.cost(z if z.shape[1] > 1 else z[:, 0], rows.y))
        return float(np.average(each, weights=rows.weight))

    @property
    def together(self) -> int:
        """How many epochs compiled code makes in one call, at most."""
        return MOST_EPOCHS_TOGETHER if len(self.parts[0].rows.y) <= FEW_ROWS else 1

    def slope(self, x: np.ndarray) -> np.ndarray:
        """Return the gradient of the mean of the members' losses on their own rows, each without dropout."""
        found = []
        for part, theta in zip(self.parts, self.inner(x), strict=True):
            weight = np.zeros_like(np.asarray(part.rows.weight))
            weight[part.own] = np.asarray(part.rows.weight)[part.own]
            loss = part.target.loss
            key = loss if isinstance(loss, Loss) else object()
            gradient = sloper(part.kind.padded, loss, key)
            with compiled_code():
                found.append(
                    part.target.factor * np.asarray(gradient(theta.astype(float), part.rows, weight, part.rates))
                )
        return self.outer(found) / self.members

    def orders(self, member: int, first: int, count: int) -> np.ndarray:
        """Return the rows of a member in the random order of each of some epochs, padded to whole slots."""
        part = self.parts[member]
        orders = np.zeros((self.together, len(part.rows.y) + self.slot), dtype=np.int32)
        for k in range(count):
            orders[k, : len(part.own)] = np.random.default_rng([self.seed, member, first + k]).permutation(part.own)
        return orders

    def outer(self, vectors: list[np.ndarray]) -> np.ndarray:
        """Return vectors of compiled code, one a member, as one flat vector in the layout of the parameters."""
        found = [kind.parts(np.stack(vectors[k :: len(self.kinds)])) for k, kind in enumerate(self.kinds.values())]
        return np.concatenate([part.reshape(-1) for parts in found for part in parts.values()])

    def inner(self, x: np.ndarray) -> list[np.ndarray]:
        """Return the vectors of compiled code, one a member, for a flat vector in the layout of the parameters."""
        own = self.members_of(x)
        return [part.kind.flattened(parts) for part, parts in zip(self.parts, own, strict=True)]

    def members_of(self, x: np.ndarray) -> list[dict[str, np.ndarray]]:
        """Return the parameters of each member by name, for a flat vector in the layout of the parameters."""
        start, found = 0, []
        for kind in self.kinds.values():
            parts = {}
            for name, shape in kind.layers.shapes.items():
                stop = start + kind.count * math.prod(shape)
                parts[name], start = x[start:stop].reshape(kind.count, *shape), stop
            found.append(parts)
        turns = len(self.kinds)
        return [{name: part[k // turns] for name, part in found[k % turns].items()} for k in range(self.members)]


def task_of(
    network: Network, cost: Function, targets: list[Target], rows: LabelledRows, parts: list[np.ndarray],
    held: list[LabelledRows | np.ndarray | None], batch: int, epochs: int, seed: int, dtype: np.dtype,
    ridge: float, rules: Rules | None,
) -> NetworkTask:  # fmt: skip
    """Return the task of fitting a network to rows.

    Parameters
    ----------
    network : Network
        The network, with its frame.
    cost : callable
        The loss in the user's units.
    targets : list of Target
        The target of each member in the units of compiled code.
    rows : LabelledRows
        All rows to learn from, in the user's units.
    parts : list of array
        The numbers of the rows that each member learns from.
    held : list
        The rows on which each member is judged: their numbers, other rows, or None.
    batch, epochs, seed : int
        As `NetworkTask` holds them.
    dtype : dtype
        The type of the numbers in compiled code.
    ridge : float
        λ of an L2 penalty on the weights, 0 for none.
    rules : Rules or None
        The rule that the user gave in place of the recipe.
    """
    frame = network.frame
    assert frame is not None
    slot = batch if batch in (64, 256) else 1 << (batch - 1).bit_length()
    loss = targets[0].loss
    # A function of the user may change: it gets code of its own in each fit.
    key = loss if isinstance(loss, Loss) else object()
    columns = rows.X.shape[1]
    width, kinds, placed = padded_columns(columns, LEAST_COLUMNS), {}, {}
    _check_memory(padded_rows(len(rows.y), LEAST_ROWS) * width * dtype.itemsize, rows)
    for name, (layers, count) in network.kinds(columns, len(frame.low)).items():
        waving = padded_columns(layers.waving, LEAST_WAVING) if layers.waves else 0
        padded = replace(layers, widths=(width, *layers.widths[1:]), waving=waving)
        kinds[name] = Kind(layers, padded, count, learner(padded, loss, slot, key))
        placed[name] = _placed_columns(frame, rows.X, width, LEAST_ROWS, dtype, name == KINDS[1])
    names, made = list(kinds), []
    for member, (own, target) in enumerate(zip(parts, targets, strict=True)):
        name = names[member % len(names)]
        kind, random = kinds[name], np.random.default_rng([seed, member])
        has_waves, judged_on = name == KINDS[1], held[member]
        if judged_on is None:
            judged_on = rows.at(own[:1])
        elif isinstance(judged_on, np.ndarray):
            judged_on = rows.at(judged_on)
        judged_X = _placed_columns(frame, judged_on.X, width, LEAST_LEFT_OUT, dtype, has_waves)
        left_out = _judged(frame, target, judged_on, member, _placed(frame, target, judged_on, member, judged_X))
        drawn = own[weighted_rows(rows.weight[own], SAMPLE_ROWS)]
        sample = frame.columns(_dense(rows.X, drawn), has_waves)
        theta = kind.flattened(start_of(kind.layers, sample, frame.chosen, random)).astype(dtype)
        every = _placed(frame, target, rows, member, placed[name])
        factor, decay = (a.astype(dtype) for a in factors_of(kind.padded))
        # The penalty, like the loss, is in the unit of the member.
        chosen = np.zeros((width, kind.padded.waving), dtype=dtype)
        if kind.layers.waves:
            chosen[:columns, : kind.layers.waving] = frame.chosen
        rates = Rates(
            dtype.type(network.dropout), dtype.type(ridge / target.factor), chosen, dtype.type(kind.layers.shrink),
            factor, decay, rules.for_loop() if rules else None, np.zeros(1),
        )  # fmt: skip
        made.append(Part(kind, own, every, left_out, _start(target, theta, left_out, rules), target, rates))
    return NetworkTask(network, kinds, cost, rows, made, slot, batch, epochs, seed, held[0] is not None, rules=rules)


def weighted_rows(weight: np.ndarray, count: int) -> np.ndarray:
    """Return the numbers of rows at even distances, in proportion to their weights.

    A row of weight 2 is taken as two neighbouring rows of weight 1 would be.
    """
    upto = np.cumsum(weight)
    places = (np.arange(count) + 0.5) / count * upto[-1]
    return np.minimum(np.searchsorted(upto, places, side="right"), len(weight) - 1)


def _check_memory(size: int, rows: LabelledRows) -> None:
    """Raise ValueError if rows that take so many bytes, once for each kind of member, do not fit into memory."""
    memory = memory_of_machine()
    # Those left out are placed once more, for each kind of member an eighth of all.
    if memory and 2.5 * size > MEMORY_SHARE * memory:
        count, columns = rows.X.shape
        raise ValueError(
            f"X has {count:,} rows of {columns:,} columns, which take {2.5 * size / 1e9:.1f} GB as dense numbers for a "
            f"network, and this machine has {memory / 1e9:.1f} GB: give fewer rows or columns, or fit a linear model"
        )


def padded_columns(columns: int, least: int) -> int:
    """Return the number of columns after padding."""
    if columns > MANY_COLUMNS:
        return -(-columns // MANY_COLUMNS) * MANY_COLUMNS
    return max(least, 1 << (columns - 1).bit_length())


def _dense(X: np.ndarray, rows: np.ndarray) -> np.ndarray:
    part = X[rows]
    return part.toarray() if hasattr(part, "tocsr") else part


def _placed_columns(frame: Frame, X: RowsLike, width: int, least: int, dtype: np.dtype, has_waves: bool) -> Array:
    """Return columns for compiled code: in the scales of the network, and padded by zeros."""
    count, columns = X.shape
    placed = aligned((padded_rows(count, least), width), dtype)
    placed[...] = 0.0
    for place, block in dense_blocks(X):
        placed[place, :columns] = frame.columns(block, has_waves)
    with compiled_code():
        return jax.device_put(placed)


def padded_rows(count: int, least: int) -> int:
    """Return the number of rows after padding."""
    return max(least, 1 << (count - 1).bit_length())


def _placed(frame: Frame, target: Target, rows: LabelledRows, member: int, X: Array) -> Rows:
    """Return rows for compiled code; padding repeats the first row, whose loss is finite, with weight 0."""
    linear, y = target.inner(frame.linear(rows.X, member), rows.y)
    arrays, count = [], len(rows.y)
    for a in (linear, y, rows.weight / rows.weight.max()):
        whole = np.zeros((len(X), *a.shape[1:]), dtype=X.dtype)
        whole[:count], whole[count:] = a, a[0]
        arrays.append(whole)
    arrays[-1][count:] = 0.0
    with compiled_code():
        return Rows(X, *jax.device_put(tuple(arrays)))


def _judged(frame: Frame, target: Target, rows: LabelledRows, member: int, placed: Rows) -> Judged:
    """Return rows with the range of their outputs, in the units of compiled code."""
    linear = frame.linear(rows.X, member)
    ranges = []
    for bound in frame.bounds(rows.X):
        within = np.zeros(placed.linear.shape, dtype=placed.X.dtype)
        within[: len(linear)] = (bound - linear) / target.unit if target.is_located else bound
        ranges.append(within)
    with compiled_code():
        return Judged(placed, *jax.device_put(tuple(ranges)))


def _start(target: Target, theta: np.ndarray, left_out: Judged, rules: Rules | None) -> Member:
    """Return the state of a member before its first epoch; its layers add nothing to the linear start yet."""
    z, y, weight = (np.asarray(a, dtype=float) for a in left_out.rows[1:])
    z = np.clip(z, np.asarray(left_out.low, dtype=float), np.asarray(left_out.high, dtype=float))
    unseen = theta.dtype.type((weight * target.loss(z if z.shape[1] > 1 else z[:, 0], y)).sum() / weight.sum())
    zeros, none = np.zeros_like(theta), theta.dtype.type(0)
    with compiled_code():
        memory = (zeros, zeros) if rules is None else jax.tree.map(np.asarray, rules.start(jnp.asarray(theta)))
    return Member(theta, memory, theta, unseen, none, zeros)
