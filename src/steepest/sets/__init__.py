"""Convex sets that a point may be held to: `minimize(..., within=...)`."""

from steepest.sets.affine import Affine
from steepest.sets.ball import Ball
from steepest.sets.base import ConvexSet
from steepest.sets.box import Box
from steepest.sets.halfspace import Halfspace
from steepest.sets.simplex import Simplex

__all__ = ["Affine", "Ball", "Box", "ConvexSet", "Halfspace", "Simplex"]
