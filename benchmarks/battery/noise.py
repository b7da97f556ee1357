"""Trials of the battery: noise."""

from __future__ import annotations

from battery.trial import Sabotage

# For each cause the ways to bring it about, which take turns.
SABOTAGES: dict[str, tuple[Sabotage, ...]] = {}
