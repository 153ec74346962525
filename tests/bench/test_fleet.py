"""The bench of fleets runs, on a real server, and loses nothing."""

from collections.abc import Iterator

import pytest

from bench import fleet as subject
from bench.fleet_ways import Stream
from tests.valkey import Valkey, needs_server
from websocket_v6.protocol.dialing.servers import Servers, parse_servers

pytestmark = needs_server


@pytest.fixture
def servers() -> Iterator[Servers]:
    with Valkey() as one:
        found = parse_servers(one.url)
        assert found is not None
        yield found


@pytest.mark.parametrize("what", ["none", "log", "log, compressed", "PUBLISH a batch", "XADD a message"])
def test_each_way_has_a_cost(servers: Servers, what: str) -> None:
    written = subject.leader_cost(servers, what, Stream(2000, 16, 0.2))
    assert written.cost > 0
    assert (written.kept > 0) == what.startswith("log")


def test_a_reader_gets_all_that_the_leader_writes(servers: Servers) -> None:
    read = subject.reader_cost(servers, Stream(2000, 16, 0.2))
    assert read.cost > 0
    assert 0 < read.delay <= read.late


def test_a_guest_is_measured_beside_it() -> None:
    assert subject.guest_cost(Stream(2000, 16, 0.2)) > 0
