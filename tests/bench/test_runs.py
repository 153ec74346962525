"""Tiny runs: a sender, a receiver, a result."""

import pytest

from bench.contenders import CONTENDERS, OURS
from bench.runs import RunFailed, run, run_delay
from bench.sender import Orders

MESSAGES = 400
BLOCK = 240  # messages to make up: two of each market, and the more the longer both processes take to begin

present = [name for name, one in CONTENDERS.items() if one.version is not None]


@pytest.mark.parametrize("name", present)
def test_every_contender_reads_what_was_sent(name: str) -> None:
    one = CONTENDERS[name]
    kind = f"{one.kinds[0]}-default" if one.needs_full_names else one.kinds[0]
    found = run("throughput", Orders(kind, block=BLOCK), contender=name, warm_up=50, goal=MESSAGES)
    assert found["messages"] == MESSAGES
    assert found["wall_seconds"] > 0
    assert found["cpu_seconds"] > 0


@pytest.mark.parametrize("kind", ["trade", "orderbook", "mixed"])
def test_every_kind_is_read(kind: str) -> None:
    assert (
        run("throughput", Orders(kind, block=BLOCK), contender=OURS, warm_up=50, goal=MESSAGES)["messages"] == MESSAGES
    )


def test_a_delay_is_that_of_each_message() -> None:
    delays, _ = run_delay("floor", "ticker", 1000.0, 50, 200)
    assert len(delays) == 200
    assert all(0 < delay < 10 for delay in delays)


def test_every_component_of_a_fan_out_is_called() -> None:
    found = run("fanout", Orders("ticker", limit=600), components=5, warm_up=100, goal=500)
    assert (found["messages"], found["components"]) == (2500, 5)


def test_a_receiver_that_fails_is_told() -> None:
    with pytest.raises(RunFailed, match="throughput nobody of ticker"):
        run("throughput", Orders("ticker"), contender="nobody")
