"""How much of everything the scenarios of shared connections do, and of whose code."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from .messages import ROOT

__all__ = ["FULL", "HERE", "QUICK", "Checkouts", "Plan", "Result", "Say"]

Say = Callable[[str], None]
Result = dict[str, Any]
Checkouts = dict[str, Path]  # what is measured, by name, in the order of the runs of each round

HERE: Checkouts = {"now": ROOT}


class Plan(NamedTuple):
    """How much of everything."""

    guests: tuple[int, ...]
    loads: tuple[tuple[float, int], ...]  # messages a second, and how many of them come together
    cost_rounds: int
    cost_seconds: float
    delay_rate: float
    delay_rounds: int
    delay_seconds: float
    batches: tuple[int, ...]
    pipe_rounds: int
    pipe_messages: int  # of a run with one message a batch; more with more
    take_overs: tuple[tuple[int, int, int], ...]  # guests, kills, hand-overs
    busy_guests: int
    busy_rate: float
    busy_rounds: int
    busy_seconds: float
    clients: tuple[int, ...]
    network_load: tuple[float, int]
    network_rounds: int
    network_seconds: float
    slow_clients: int  # with those that do not read
    deaf_clients: int
    slow_rate: float
    slow_rounds: int
    slow_seconds: float


FULL = Plan(
    guests=(0, 1, 2, 4, 8, 16),
    loads=((250, 1), (2000, 20)),
    cost_rounds=2,
    cost_seconds=3.0,
    delay_rate=2000,
    delay_rounds=3,
    delay_seconds=4.0,
    batches=(1, 16),
    pipe_rounds=5,
    pipe_messages=40_000,
    take_overs=((1, 20, 4), (8, 20, 4)),
    busy_guests=20,
    busy_rate=20,
    busy_rounds=3,
    busy_seconds=10.0,
    clients=(1, 10, 50),
    network_load=(2000, 20),
    network_rounds=3,
    network_seconds=2.0,
    slow_clients=200,
    deaf_clients=20,
    slow_rate=50,
    slow_rounds=3,
    slow_seconds=5.0,
)
QUICK = FULL._replace(
    guests=(0, 1, 4, 16),
    cost_rounds=1,
    cost_seconds=1.5,
    delay_rounds=1,
    delay_seconds=2.0,
    pipe_rounds=2,
    pipe_messages=15_000,
    take_overs=((4, 4, 1),),
    busy_rounds=1,
    busy_seconds=2.0,
    clients=(1, 50),
    network_rounds=1,
    network_seconds=0.5,
    slow_rate=100,
    slow_rounds=1,
    slow_seconds=2.0,
)
