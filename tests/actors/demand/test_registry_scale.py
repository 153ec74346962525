"""What twenty thousand codes cost: eight times as many may cost a bit more than eight times as much, and no square.

CPU time of this thread, the best of a few; where a search through all codes stood for each code it was forty times.
"""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.actors.ear import Ear
from websocket_v6.actors.base import Actor
from websocket_v6.actors.demand.registry import Registry
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.registry import (
    ComponentGone,
    SnapshotServed,
    SourceOpened,
    Subscribe,
    Unsubscribe,
    UseRouter,
    UseSource,
    Watch,
)
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.exchange.wants import Want, ticker_want
from websocket_v6.protocol.server.client_leases import ClientLeases

TIMES = 8
BOUND = 3.0 * TIMES
TRIES = 5


class World:
    """A registry that is called as its thread would, and one component."""

    def __init__(self) -> None:
        self.registry = Registry(config=Config(), supervisor=Actor().actor_ref)
        self.component = Ear().ref
        self.mailbox = MailboxQueue(Mailbox.latest())
        self.tell(UseRouter(Ear().ref, {}), UseSource("public", Ear().ref, 1, True, False, ()))
        self.tell(Watch("one", self.component))

    def tell(self, *messages: object) -> None:
        for message in messages:
            self.registry.on_receive(message)

    def want(self, want: Want, lease: int = 1) -> None:
        self.tell(Subscribe("one", lease, want, self.mailbox, self.component))


def codes(count: int, first: int = 0) -> list[str]:
    return [f"KRW-C{number}" for number in range(first, first + count)]


def more_at_once(count: int) -> None:
    world = World()
    for first in (0, count, 2 * count, 0):
        world.want(ticker_want(codes(count, first)))


def more_one_by_one(count: int) -> None:
    world = World()
    for code in codes(count):
        world.want(ticker_want(code))


def less(count: int) -> None:
    world = World()
    world.want(ticker_want(codes(2 * count)))
    world.tell(Unsubscribe("one", 1, ticker_want(codes(count))))
    world.tell(ComponentGone("one"))


def snapshots(count: int) -> None:
    world = World()
    world.want(ticker_want(codes(count), realtime=False))
    world.tell(SourceOpened("public", 1, 5, 5))
    world.registry._do("public", world.registry._endpoints["public"].due(time.monotonic() + 1.0))  # they are asked for
    for code in codes(count):
        world.tell(SnapshotServed(1, f"ticker {code}"))


def leases(count: int) -> None:
    world = World()
    for number, code in enumerate(codes(count // 4)):
        world.want(ticker_want(code), number)
    for number in range(count // 4):
        world.tell(Unsubscribe("one", number))


def a_guest(count: int) -> None:
    numbers = iter(range(10**9))
    client = ClientLeases(lambda: next(numbers))
    for first in (0, count, 0):
        client.settle([ticker_want(codes(count, first))])


def seconds(call: Callable[[int], None], count: int) -> float:
    started = time.thread_time()
    call(count)
    return time.thread_time() - started


@pytest.mark.parametrize("call", [more_at_once, more_one_by_one, less, snapshots, leases, a_guest])
def test_many_codes_cost_no_square_of_their_number(call: Callable[[int], Any]) -> None:
    small, large = float("inf"), float("inf")
    for _ in range(TRIES):
        small, large = min(small, seconds(call, 500)), min(large, seconds(call, 500 * TIMES))
        if large < BOUND * small:
            return
    pytest.fail(f"{TIMES} times as many codes cost {large / small:.0f} times as much")
