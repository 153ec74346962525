from collections.abc import Iterator

import pytest

from tests.actors.ear import Ear
from tests.valkey import Valkey
from websocket_v6.actors.fleet.access import LogAccess
from websocket_v6.protocol.dialing.servers import Servers, parse_servers
from websocket_v6.protocol.fleet.ids import Keys

KEYS = Keys("0123456789ab")


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
