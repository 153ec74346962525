"""A process changes its keys while it runs, and with them the account whose fleet it is in."""

from typing import Any

import pytest

from tests.conftest import wait_until
from tests.valkey import needs_server
from websocket_v6.protocol.fleet.ids import Keys, scope_of
from websocket_v6.protocol.fleet.sealing import account_of
from websocket_v6.simulator import Simulator

from .world import CODE, Machine, World

pytestmark = needs_server

OTHER = ("o" * 40, "p" * 40)


@pytest.fixture(autouse=True)
def other_account(sim: Simulator) -> None:
    sim.add_key(*OTHER)
    sim.deposit("KRW", "1000000000", OTHER[0])


def own(world: World) -> dict[str, Any]:
    return {"access_key": world.sim.access_key, "secret_key": world.sim.secret_key, "fleet_private": True}


def others(world: World) -> dict[str, Any]:
    return {"access_key": OTHER[0], "secret_key": OTHER[1], "fleet_private": True}


class Orders:
    """What one machine had of its account, and was told."""

    def __init__(self, machine: Machine, *keys: str) -> None:
        self.machine = machine
        if keys:
            machine.proxy.set_keys(*keys)
        self.seen: list[str] = []
        machine.proxy.subscribe_my_order(callback=lambda event: self.seen.append(event.uuid))

    def has_one_of(self, place: Any) -> None:
        """Order until it hears of one."""
        mine: set[str] = set()

        def is_heard() -> bool:
            mine.add(place())
            return bool(mine & set(self.seen))

        wait_until(is_heard, "an order is heard of")

    @property
    def gaps(self) -> int:
        states = [one for one in self.machine.told if one.endpoint == "private"]
        return len([one for one in states if one.state == "open" and one.gap_started_at])


def leads(world: World, secret: str) -> bytes | None:
    """Return who leads the fleet of the account with this key."""
    with world.server.client() as client:
        owner: bytes | None = client.hget(Keys(scope_of(world.sim.url, account_of(secret))).lead, "owner")
        return owner


def orders(world: World, access_key: str) -> Any:
    def place() -> str:
        return str(world.sim.place_order(CODE, "BID", price="100000", volume="1", access_key=access_key))

    return place


@pytest.mark.parametrize("changes", ["leader", "reader"])
def test_another_account_is_another_fleet(world: World, changes: str) -> None:
    place, place_other = orders(world, world.sim.access_key), orders(world, OTHER[0])
    machines = [Orders(world.machine(**own(world))) for _ in range(2)]
    for one in machines:
        one.has_one_of(place)
    elsewhere = Orders(world.machine(**others(world)))
    elsewhere.has_one_of(place_other)
    changed, stays = machines if changes == "leader" else reversed(machines)
    changed.machine.proxy.set_keys(*OTHER)
    changed.has_one_of(place_other)
    stays.has_one_of(place)
    start = len(changed.seen)
    theirs, mine = place(), place_other()
    wait_until(lambda: mine in changed.seen and mine in elsewhere.seen and theirs in stays.seen, "all have theirs")
    assert theirs not in changed.seen[start:]
    assert not set(stays.seen) & set(elsewhere.seen)
    assert changed.gaps == 1, "the one account ends, the other begins"
    assert elsewhere.gaps == 0
    wait_until(lambda: sum(each.open for each in world.sim.connections("private")) == 2, "one for each account")


def test_keys_that_come_later_are_shared_as_those_at_the_start(world: World) -> None:
    first = Orders(world.machine(**own(world)))
    first.has_one_of(orders(world, world.sim.access_key))
    later = Orders(world.machine(fleet_private=True), world.sim.access_key, world.sim.secret_key)
    later.has_one_of(orders(world, world.sim.access_key))
    assert sum(each.open for each in world.sim.connections("private")) == 1


def test_who_changes_its_keys_leads_the_old_account_no_more(world: World) -> None:
    one = Orders(world.machine(**own(world)))
    one.has_one_of(orders(world, world.sim.access_key))
    assert leads(world, world.sim.secret_key)
    one.machine.proxy.set_keys(*OTHER)
    one.has_one_of(orders(world, OTHER[0]))
    assert leads(world, world.sim.secret_key) == b""
    assert leads(world, OTHER[1])


def test_the_same_keys_change_nothing(world: World) -> None:
    place = orders(world, world.sim.access_key)
    machines = [Orders(world.machine(**own(world))) for _ in range(2)]
    for one in machines:
        one.has_one_of(place)
    owner = leads(world, world.sim.secret_key)
    machines[0].machine.proxy.set_keys(world.sim.access_key, world.sim.secret_key)
    for one in machines:
        one.has_one_of(place)
    assert leads(world, world.sim.secret_key) == owner
    assert [one.gaps for one in machines] == [0, 0]
