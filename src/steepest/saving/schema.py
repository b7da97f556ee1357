"""The entries of `run.json`, with their types, by which every record is checked before use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NotRequired, TypedDict, TypeVar

from steepest.types import Json

T = TypeVar("T")

Point = dict[str, Json]


class EventRecord(TypedDict):
    """An event of a trace."""

    iteration: int
    kind: str
    detail: str
    count: int


class TraceRecord(TypedDict):
    """The entries of a trace that are not arrays."""

    names: list[str]
    events: list[EventRecord]
    stride: int
    cost: int


class CertificateRecord(TypedDict):
    """A certificate; folders of earlier versions lack `x_error`."""

    kind: Literal["certified", "audited", "estimated", "none"]
    gap: float
    tolerance: float
    curvature: list[float]
    x_error: NotRequired[list[float]]


# The functional form, because "with" is a keyword of Python.
ModelRecord = TypedDict("ModelRecord", {"kind": str, "with": dict[str, Json]})


class CallRecord(TypedDict):
    """How a run was asked for."""

    name: str
    arguments: dict[str, str]
    positional: list[str]
    typed: NotRequired[list[str]]


class RunRecord(TypedDict):
    """A run; the runs from several starts are records of the same kind.

    Folders of earlier versions lack `direction`, `bounds`, `fixed`, `at_bound` and `call`; only runs within sets have
    `within`.
    """

    runs: list[RunRecord]
    x: Point
    fun: float
    jac: Point
    nit: int
    nfev: int
    njev: int
    message: str
    kind: str
    why: str
    outcome: str
    certificate: CertificateRecord
    maximized: bool
    title: str
    direction: NotRequired[dict[str, str | int | float | bool]]
    bounds: NotRequired[dict[str, tuple[float | None, float | None]]]
    fixed: NotRequired[dict[str, float]]
    at_bound: NotRequired[dict[str, Literal["low", "high"]]]
    within: NotRequired[dict[str, Json]]
    call: NotRequired[CallRecord]
    trace: TraceRecord


class UncertaintyRecord(TypedDict):
    """The uncertainty of the parameters of a fit, but for its arrays."""

    robust: str
    weights: Literal["frequency", "precision"]
    absolute_sigma: bool
    why: str
    reasons: dict[str, str]
    label: str
    degrees: float
    scale: float
    sandwich: str


class StrengthRecord(TypedDict):
    """How the strength of a penalty was chosen."""

    strengths: list[float]
    scores: list[float]
    errors: list[float]
    paired: list[float]
    chosen: float
    method: str
    rows: int
    given: int
    kind: str
    title: str
    own: tuple[float, float] | None


class FitRecord(RunRecord):
    """A fit. The entry `onward` has the state from which the fit continues, or the reason why it can't.

    Folders of earlier versions lack `uncertainty` and `path`.
    """

    model: ModelRecord | None
    columns: list[str] | None
    solver: str
    onward: NotRequired[dict[str, Json] | None]
    uncertainty: NotRequired[list[UncertaintyRecord]]
    path: NotRequired[StrengthRecord]


class NetworkRecord(FitRecord):
    """A fit of a network; its parameters are arrays, and x and jac are empty."""

    best_epochs: list[int]
    out_of_fold_loss: float
    linear: FitRecord | None


class TreeRecord(FitRecord):
    """A fit of a tree; its parameters are arrays, and x and jac are empty."""

    kept: str
    locally_optimal: bool | None
    soft_losses: list[float]
    hard_losses: list[float]
    candidates: dict[str, float]
    loss: Json


class TableRecord(FitRecord):
    """A fit of a table. Only one of the logarithm of its target has `log_target`."""

    encoding: dict[str, Json]
    target: str
    classes: list[Json] | None
    loss: Json
    score: dict[str, Json] | None
    notes: list[str]
    warnings: NotRequired[list[dict[str, Json]]]
    log_target: NotRequired[dict[str, Json]]


def checked(record: Mapping[str, Json], kind: type[T]) -> T:
    """Return a record as an object of a class, once each entry has the type that the class declares.

    Parameters
    ----------
    record : mapping
        The record.
    kind : type
        A dataclass, or one of the dictionaries of this module.

    Returns
    -------
    object
        The object.

    Raises
    ------
    ValueError
        If an entry is missing or has another type.

    Examples
    --------
    >>> checked({"iteration": "3", "kind": "audit", "detail": "", "count": 1}, EventRecord)
    Traceback (most recent call last):
    ...
    ValueError: Expected `int`, got `str` - at `$.iteration`
    """
    import msgspec

    try:
        return msgspec.convert(record, kind)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
