"""What twenty thousand codes cost: eight times as many may cost a bit more than eight times as much, and no square.

Counted in steps of the interpreter, since seconds mean nothing on a busy machine; codes compare in Python, so that a
search through all of them counts as well. Where one stood for each code it was thirty to sixty times as much.
"""

import sys
import time
from collections.abc import Callable
from types import FrameType
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
from websocket_v6.protocol.exchange.wants import Want
from websocket_v6.protocol.server.client_leases import ClientLeases

FEW, TIMES = 40, 8
BOUND = 1.5 * TIMES


class Code(str):
    """A code of which it shows how often it is compared."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other)

    __hash__ = str.__hash__


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


def codes(count: int, first: int = 0) -> tuple[str, ...]:
    return tuple(Code(f"KRW-C{number}") for number in range(first, first + count))


def ticker(*codes: str, realtime: bool = True) -> Want:
    return Want("ticker", codes, realtime=realtime)


def more_at_once(count: int) -> None:
    world = World()
    for first in (0, count, 2 * count, 0):
        world.want(ticker(*codes(count, first)))


def more_one_by_one(count: int) -> None:
    world = World()
    for code in codes(count):
        world.want(ticker(code))


def less(count: int) -> None:
    world = World()
    world.want(ticker(*codes(2 * count)))
    world.tell(Unsubscribe("one", 1, ticker(*codes(count))))
    world.tell(ComponentGone("one"))


def snapshots(count: int) -> None:
    world = World()
    world.want(ticker(*codes(count), realtime=False))
    world.tell(SourceOpened("public", 1, 5, 5))
    world.registry._do("public", world.registry._endpoints["public"].due(time.monotonic() + 1.0))  # they are asked for
    for code in codes(count):
        world.tell(SnapshotServed(1, f"ticker {code}"))


def leases(count: int) -> None:
    world = World()
    for number, code in enumerate(codes(count)):
        world.want(ticker(code), number)
    for number in range(count):
        world.tell(Unsubscribe("one", number))


def a_guest(count: int) -> None:
    numbers = iter(range(10**9))
    client = ClientLeases(lambda: next(numbers))
    for first in (0, count, 0):
        client.settle([ticker(*codes(count, first))])


def steps(call: Callable[[int], Any], count: int) -> int:
    """Return how many instructions of the interpreter a call takes."""
    taken = 0

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal taken
        taken += event == "opcode"
        frame.f_trace_opcodes = True
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call(count)
    finally:
        sys.settrace(before)
    return taken


@pytest.mark.parametrize("call", [more_at_once, more_one_by_one, less, snapshots, leases, a_guest])
def test_many_codes_cost_no_square_of_their_number(call: Callable[[int], Any]) -> None:
    steps(call, 1)  # Python 3.12.1 counts nothing of the first call that is traced so
    few, many = steps(call, FEW), steps(call, FEW * TIMES)
    assert many < BOUND * few, f"{TIMES} times as many codes cost {many / few:.0f} times as much"
