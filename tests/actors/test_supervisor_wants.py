"""Wants outlive the registry: a real one that is killed, under a supervisor whose other children are stand-ins."""

import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pykka
import pytest

from tests.actors.ear import Ear, there
from tests.actors.supervised import BUG, TIMEOUT, World
from websocket_v6.actors.base import ask, stop_and_join, tell
from websocket_v6.actors.demand.registry import Registry, RegistryInheritance
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.common import GetHealth, GetInheritance, Ref
from websocket_v6.actors.messages.registry import ComponentGone, Subscribe, Unsubscribe, Watch
from websocket_v6.actors.messages.supervisor import Join, Quit
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.exchange.wants import Want, my_asset_want, ticker_want


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    one = World(monkeypatch, real=("registry",))
    yield one
    one.stop()


class Poison(NamedTuple):
    """Fail, once whatever is to lie in the inbox behind this does."""

    gate: threading.Event


@pytest.fixture
def poisonous(monkeypatch: pytest.MonkeyPatch) -> None:
    receive = Registry.on_receive

    def poisoned(self: Registry, message: object) -> object:
        if isinstance(message, Poison):
            assert message.gate.wait(TIMEOUT)
            raise BUG
        return receive(self, message)

    monkeypatch.setattr(Registry, "on_receive", poisoned)


class Demand:
    """Components and guests that want things of a real registry, and a registry that is killed between two steps."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.component = Ear().ref
        self.mailbox = MailboxQueue(Mailbox.latest())

    # Each step begins with whatever is put into an inbox, and returns what waits for the answer.

    def join(self, name: str) -> Callable[[], object]:
        ask(self.world.ref, Join(name, self.component), TIMEOUT)
        return lambda: None

    def quit(self, name: str) -> Callable[[], object]:
        ask(self.world.ref, Quit(name), TIMEOUT)
        return lambda: None

    def ask(self, message: object) -> Callable[[], object]:
        """Ask the registry, and its successor if it dies, as a component does."""
        future = there(self.world.children().registry).ask(message, block=False)

        def wait() -> object:
            try:
                return future.get(timeout=TIMEOUT)
            except pykka.ActorDeadError:
                return ask(there(self.world.children().registry), message, TIMEOUT)

        return wait

    def want(self, name: str, number: int, want: Want) -> Callable[[], object]:
        return self.ask(Subscribe(name, number, want, self.mailbox, self.component))

    def steps(self) -> list[Callable[[], Callable[[], object]]]:
        return [
            lambda: self.join("one"),
            lambda: self.want("one", 1, ticker_want(["KRW-BTC", "KRW-ETH"])),
            lambda: self.join("two"),
            lambda: self.want("two", 2, my_asset_want()),
            lambda: self.want("one", 1, ticker_want(["KRW-XRP"])),
            lambda: self.want("two", 3, ticker_want("KRW-BTC")),
            lambda: self.ask(Unsubscribe("one", 1, ticker_want("KRW-ETH"))),
            lambda: self.ask(Unsubscribe("two", 3)),
            lambda: self.want("one", 4, ticker_want("KRW-DOGE")),
            lambda: self.join("three"),
            lambda: self.want("three", 5, ticker_want("KRW-SOL")),
            lambda: self.ask(ComponentGone("three")),
            lambda: self.quit("three"),
            lambda: self.ask(GetHealth()),
        ]

    def left(self) -> tuple[dict[int, Want], set[str], list[int]]:
        """Return the wants there are, who is watched, and how many streams each endpoint is asked for."""
        registry = there(self.world.children().registry)
        inheritance: RegistryInheritance = ask(registry, GetInheritance(), TIMEOUT)
        leases = {
            number: lease.want for one in inheritance.endpoints.values() for number, lease in one.leases.leases.items()
        }
        assert set(inheritance.claims) == set(leases)
        health = ask(registry, GetHealth(), TIMEOUT)
        return leases, set(inheritance.watchers), [one.streams for one in health.endpoints]

    def kill(self) -> tuple[Ref, threading.Event]:
        """Have the registry die once the event is set."""
        registry, gate = there(self.world.children().registry), threading.Event()
        tell(registry, Poison(gate))
        return registry, gate


WANTED = {
    1: ticker_want(["KRW-BTC", "KRW-XRP"]),
    2: my_asset_want(),
    4: ticker_want("KRW-DOGE"),
}


@pytest.mark.usefixtures("poisonous")
@pytest.mark.parametrize("killed_before", range(14))
def test_a_registry_killed_between_any_two_steps_keeps_all_demand_and_leaks_none(
    world: World, killed_before: int
) -> None:
    first = there(world.start().registry)
    demand = Demand(world)
    gate = None
    for number, step in enumerate(demand.steps()):
        if number == killed_before:
            _, gate = demand.kill()
        wait = step()
        if number == killed_before and gate is not None:
            gate.set()  # the step lies in the inbox of one that dies
            assert stop_and_join(first, TIMEOUT)
        wait()
    assert world.children().registry != first
    assert demand.left() == (WANTED, {"one", "two"}, [3, 1, 0, 0])
    for wait in (demand.ask(ComponentGone("one")), demand.ask(ComponentGone("two"))):
        wait()
    assert demand.left() == ({}, set(), [0, 0, 0, 0])


@pytest.mark.usefixtures("poisonous")
def test_what_other_processes_wanted_goes_with_the_registry(world: World) -> None:
    first = there(world.start().registry)
    demand = Demand(world)
    demand.join("one")
    demand.want("one", 1, ticker_want("KRW-BTC"))()
    # A guest's session is a component that did not join; it ends with its membership, and tells only the dead one.
    tell(first, Watch("process 42 (guest)#1", demand.component))
    demand.want("process 42 (guest)#1", 2, ticker_want(["KRW-BTC", "KRW-ETH"]))()
    assert demand.left()[2] == [2, 0, 0, 0]
    _, gate = demand.kill()
    gate.set()
    assert stop_and_join(first, TIMEOUT)
    assert demand.left() == ({1: ticker_want("KRW-BTC")}, {"one"}, [1, 0, 0, 0])


@pytest.mark.usefixtures("poisonous")
def test_a_component_that_left_while_nobody_listened_leaves_nothing(world: World) -> None:
    first = there(world.start().registry)
    demand = Demand(world)
    demand.join("one")
    demand.want("one", 1, ticker_want("KRW-BTC"))()
    _, gate = demand.kill()
    tell(first, ComponentGone("one"))  # nobody hears that
    demand.quit("one")
    gate.set()
    assert stop_and_join(first, TIMEOUT)
    assert demand.left() == ({}, set(), [0, 0, 0, 0])
