from collections.abc import Iterator

import pytest

from tests.actors.ear import Ear
from tests.valkey import Valkey
from websocket_v6.actors.fleet.access import LogAccess
from websocket_v6.protocol.dialing.servers import Servers, parse_servers

from .log_world import KEYS, World

__all__ = ["KEYS"]


@pytest.fixture
def server() -> Iterator[Valkey]:
    with Valkey() as one:
        yield one


@pytest.fixture
def servers(server: Valkey) -> Servers:
    found = parse_servers(server.url)
    assert found is not None
    return found


@pytest.fixture
def access(servers: Servers) -> LogAccess:
    return LogAccess(servers, KEYS)


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def world(server: Valkey, servers: Servers) -> Iterator[World]:
    one = World(server, servers)
    yield one
    one.reader.finish()
    if one.reader.ident is not None:
        one.reader.join(5.0)
    assert not one.reader.is_alive()
    one.client.close()
