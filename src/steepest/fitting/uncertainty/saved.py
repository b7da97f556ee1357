"""Computed uncertainties in the folder of a fit, so that a loaded fit has its errors without its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from steepest.derivatives.structure import Structure
from steepest.descent.covariance import without
from steepest.fitting.uncertainty.answer import Uncertainty
from steepest.fitting.uncertainty.request import Request
from steepest.saving.schema import UncertaintyRecord
from steepest.types import Json, PyTree

# The prefix of the names of arrays. It can't change, because older folders have it.
PLACE = "uncertainty/"
# The most parameters whose errors are computed only to be saved, and the most numbers in their derivatives.
MOST_PARAMETERS, MOST_NUMBERS = 200, 10**7

Known = Mapping[Request, Uncertainty]
Arrays = dict[str, np.ndarray]


def to_records(known: Known) -> tuple[list[Json], Arrays]:
    """Return uncertainties as JSON and arrays.

    Parameters
    ----------
    known : mapping
        The uncertainties that were computed, by what was asked for.

    Returns
    -------
    list, dict
        The records and the arrays.
    """
    records: list[Json] = []
    arrays: Arrays = {}
    for k, (request, found) in enumerate(known.items()):
        records.append(
            {
                "robust": request.robust,
                "weights": request.weights,
                "absolute_sigma": request.absolute_sigma,
                "why": found.why,
                "reasons": found.reasons,
                "label": found.label,
                "degrees": found.degrees,
                "scale": found.scale,
                "sandwich": found.robust,
            }
        )
        if not found.why:
            arrays |= {f"{PLACE}{k}/root": found.root, f"{PLACE}{k}/variances": np.diag(found.covariance).copy()}
    return records, arrays


def from_records(
    records: Sequence[UncertaintyRecord], arrays: Mapping[str, np.ndarray], params: PyTree, names: Sequence[str]
) -> dict[Request, Uncertainty]:
    """Return the uncertainties that were saved.

    Parameters
    ----------
    records : sequence
        The records.
    arrays : mapping
        The arrays of the folder.
    params : dict or tree
        The parameters of the fit.
    names : sequence of str
        Their names.

    Returns
    -------
    dict
        The uncertainties, by what was asked for.

    Raises
    ------
    ValueError
        If the arrays are not those of the parameters.
    """
    known = {}
    for k, record in enumerate(records):
        request = Request(record["robust"], record["weights"], record["absolute_sigma"])
        # The parameters of a network or a tree, which have no errors, are read later.
        has_none = isinstance(params, dict) and not params
        structure, x = (None, np.empty(0)) if has_none else Structure.of(params)
        own_names = () if structure is None else structure.names
        covariance, root = without(x.size), np.full((x.size, 0), np.nan)
        if not record["why"]:
            try:
                root, variances = arrays[f"{PLACE}{k}/root"], arrays[f"{PLACE}{k}/variances"]
            except KeyError as error:
                raise ValueError(f"the folder lacks {error}, of the uncertainty of its parameters") from None
            if len(root) != x.size or variances.shape != x.shape:
                raise ValueError(f"the saved uncertainty is of {len(root)} parameters, and the fit has {x.size}")
            covariance = root @ root.T
            covariance[np.diag_indices(x.size)] = variances
        known[request] = Uncertainty(
            tuple(names) if len(names) == x.size else own_names, covariance, dict(record["reasons"]),
            record["why"], record["label"], 0.95, record["degrees"], record["scale"], record["sandwich"],
            request.weights, request.absolute_sigma, x, params, root,
        )  # fmt: skip
    return known
