"""Whatever happens to an endpoint, in whatever order: nothing is counted wrong, lost untold, or waited for for ever."""

import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.protocol.demand.walk import Walk

# Enough to see most of what can go wrong; before a release, thousands.
WALKS = int(os.environ.get("WEBSOCKET_V6_TEST_WALKS", "40"))
STEPS = 250
PARTED = 420  # bytes of a request, so that there are often several sockets
WEIGHTS = {
    "registry": 14,
    "router": 14,
    "hear": 10,
    "exchange": 8,
    "read": 14,
    "emit": 10,
    "connect": 5,
    "want": 5,
    "drop": 4,
    "change": 3,
    "question": 1,
    "wait": 10,
    "lose": 2,
    "renew": 1,
    "block": 1,
    "restart_all": 0,
    "restart_router": 0,
}
RESTARTS = {**WEIGHTS, "restart_all": 1, "restart_router": 1}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("weights", [WEIGHTS, RESTARTS], ids=["lives", "restarts"])
@pytest.mark.parametrize("redundancy", [1, 2, 3])
@pytest.mark.parametrize("limit", [None, PARTED], ids=["whole", "parted"])
def test_random_walks(redundancy: int, weights: dict[str, int], limit: int | None) -> None:
    for seed in range(WALKS):
        chance = random.Random(seed)
        walk = Walk(chance.randrange, redundancy, limit)
        try:
            for name in chance.choices(list(weights), list(weights.values()), k=STEPS):
                walk.step(name)
            walk.settle()
        except Exception as exc:
            raise AssertionError(f"seed {seed}: {exc!r}") from exc


names = st.sampled_from([name for name, weight in WEIGHTS.items() for _ in range(weight)] + ["restart_all"])


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.lists(names, max_size=120), st.data())
def test_any_steps(steps: list[str], data: st.DataObject) -> None:
    walk = Walk(lambda below: data.draw(st.integers(0, below - 1)))
    for name in steps:
        walk.step(name)
    walk.settle()
