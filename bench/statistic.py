"""Medians, quantiles and ratios of what was measured."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

__all__ = ["Spread", "quantile", "ratios", "spread"]


class Spread(NamedTuple):
    """A median and how far the runs lie apart."""

    median: float
    least: float
    most: float


def spread(values: Sequence[float]) -> Spread:
    """Return median, least and most of at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


def ratios(runs: Mapping[str, Sequence[float]], reference: str) -> dict[str, Spread]:
    """Return how many times the reference's cost each one has, run by run.

    The nth runs of all were made next to each other, on a machine that was as busy for one as for the other.
    """
    return {
        name: spread([cost / base for cost, base in zip(costs, runs[reference], strict=True)])
        for name, costs in runs.items()
    }


def quantile(values: Sequence[float], share: float) -> float:
    """Return the least of `values`, which are sorted, that `share` of them do not exceed (nearest rank)."""
    if not values or not 0 <= share <= 1:
        raise ValueError(f"no quantile {share} of {len(values)} values")
    return values[max(0, math.ceil(share * len(values)) - 1)]
