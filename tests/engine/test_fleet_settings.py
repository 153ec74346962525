"""What a user may choose of a fleet, on a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.valkey import Valkey, needs_server
from websocket_v6.protocol.fleet import packing
from websocket_v6.simulator import Simulator

from .fleet_world import World

pytestmark = needs_server


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Valkey() as server, Simulator() as sim:
        one = World(sim, server, tmp_path)
        yield one
        one.leave()


def test_a_reader_gets_every_trade_of_a_compressed_log_whatever_its_own_setting_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "LEAST_ROWS", 1)  # for trades come one by one here
    leader = world.machine(fleet_compression=True).trades()
    wait_until(lambda: leader.state == "open", "a leader")
    reader = world.machine().trades()
    wait_until(lambda: reader.state == "open", "a reader")
    world.pass_on(leader, reader)
    world.trade(100)
    world.arrive(leader, reader)
    with world.server.client() as client:
        fields = {field for _, entry in client.xrange(world.keys.log("public")) for field in entry}
    assert fields == {b"s", b"z"}
    for one in (leader, reader):
        one.judge(world.made)
        assert not one.gaps
