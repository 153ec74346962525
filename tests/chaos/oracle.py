"""Judges what somebody received against what was generated: every difference must be explained by an announced gap."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Made", "Seen", "Told", "count", "judge"]

SLACK = 2.0  # seconds by which something may be older than when it was received, on a machine that does much else


class Made(NamedTuple):
    """One message that the exchange generated."""

    key: str
    at: int  # ns


class Seen(NamedTuple):
    """One event that a component received."""

    key: str
    epoch: int
    at: int  # ns


class Told(NamedTuple):
    """A gap that was announced: before `epoch`, something may be missing that was made since `started` (ns)."""

    epoch: int
    started: int


def judge(seen: Sequence[Seen], made: Sequence[Made], told: Sequence[Told], *, slack: float = SLACK) -> list[str]:
    """Return what cannot be explained in one stream of one subscription.

    A gap is told to begin when the last bytes came. A slow way holds back what it cannot carry, and nobody knows at its
    end how much that was: so it may begin as much earlier as what came last was late.
    """
    order = {one.key: index for index, one in enumerate(made)}
    wrong = []
    known = [one for one in seen if one.key in order]  # what was there before the run is not among `made`
    for before, after in itertools.pairwise(known):
        first, last = order[before.key], order[after.key]
        if last <= first:
            wrong.append(f"{after.key} came behind {before.key}: out of order, or twice")
        elif last > first + 1:
            late = max(0.0, (before.at - made[first].at) / 1e9)
            wrong += _explain(made[first + 1 : last], before, after, told, slack + late)
    if known and known[-1].key != made[-1].key:
        wrong.append(f"the last is {known[-1].key}, {len(made) - 1 - order[known[-1].key]} before the end")
    return wrong


def count(seen: Sequence[Seen], made: Sequence[Made]) -> tuple[int, int]:
    """Return how many were received of what was made, and how many are missing between the first and the last."""
    order = {one.key: index for index, one in enumerate(made)}
    places = [order[one.key] for one in seen if one.key in order]
    return len(places), places[-1] - places[0] + 1 - len(places) if places else 0


def _explain(missing: Sequence[Made], before: Seen, after: Seen, told: Sequence[Told], slack: float) -> list[str]:
    if after.epoch <= before.epoch:
        return [f"{len(missing)} are missing within epoch {after.epoch}, first {missing[0].key}"]
    gaps = [one for one in told if before.epoch < one.epoch <= after.epoch]
    if not gaps:
        return [f"{len(missing)} are missing before epoch {after.epoch}, and no gap was announced"]
    started = min(one.started for one in gaps)
    outside = [one for one in missing if not started - slack * 1e9 <= one.at <= after.at]
    if not outside:
        return []
    early, late = (outside[0].at - started) / 1e9, (after.at - outside[-1].at) / 1e9
    where = f"the first made {early:.3f} s after it began, the last {late:.3f} s before the next was received"
    return [
        f"{len(outside)} are missing outside the gap before epoch {after.epoch}: {where}; {before}, {after}, {gaps}"
    ]
