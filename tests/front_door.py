"""A door for other programs, as it is opened by `serve --port`, with an engine of its own behind it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ssl import SSLContext
from typing import Any

from tests.actors.ear import Ear, there
from websocket_v6 import Config
from websocket_v6.actors.base import ask, stop_and_join
from websocket_v6.actors.children import Children
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.supervisor import DoorOpened, GetChildren
from websocket_v6.actors.server.network_server import NetworkServer
from websocket_v6.actors.supervisor import Supervisor
from websocket_v6.protocol.server.door_rules import Rules
from websocket_v6.simulator import Simulator

__all__ = ["FrontDoor", "front_door"]

TIMEOUT = 20.0


@dataclass(frozen=True)
class FrontDoor:
    """A door that is open."""

    supervisor: Ref
    server: Ref
    children: Children
    owner: Ear
    port: int
    is_secure: bool

    @property
    def url(self) -> str:
        """Where it has the public endpoint."""
        return f"{'wss' if self.is_secure else 'ws'}://127.0.0.1:{self.port}/websocket/v1"

    @property
    def private_url(self) -> str:
        return f"{self.url}/private"

    @property
    def info_url(self) -> str:
        return f"{self.url}/info"

    def settle(self) -> None:
        """Wait until what the server has told the engine is done, and what that did to the router as well."""
        self.health()
        ask(there(self.children.registry), GetHealth(), TIMEOUT)
        ask(there(self.children.router), GetHealth(), TIMEOUT)

    def serving(self, endpoint: str = "public") -> int:
        """Return how many of its engine's connections have all that is wanted."""
        health = ask(there(self.children.registry), GetHealth(), TIMEOUT)
        return next(len(one.serving) for one in health.endpoints if one.endpoint == endpoint)

    def health(self) -> Any:
        """Return the server's; what was told to it before is done then."""
        return ask(self.server, GetHealth(), TIMEOUT)


@contextmanager
def front_door(
    sim: Simulator, *, rules: Rules | None = None, tls: SSLContext | None = None, **options: Any
) -> Iterator[FrontDoor]:
    """Open a door in front of a simulated exchange, and close it with its engine; `options` are the `Config`'s."""
    keys = {"access_key": sim.access_key, "secret_key": sim.secret_key}
    config = Config(**{"url": sim.url, "mode": "embedded", **keys, **options})
    supervisor = Supervisor.start(config)
    try:
        children: Children = ask(supervisor, GetChildren(), TIMEOUT)
        owner = Ear()
        server = NetworkServer.start(
            config=config.without_keys(),
            address="127.0.0.1:0",
            rules=rules or Rules(),
            context=tls,
            registry=children.registry,
            router=children.router,
            jwt=children.jwt,
            owner=owner.ref,
        )
        try:
            opened = owner.hear(TIMEOUT)
            assert isinstance(opened, DoorOpened)
            port = int(opened.address.rpartition(":")[2])
            yield FrontDoor(supervisor, server, children, owner, port, tls is not None)
        finally:
            assert stop_and_join(server, TIMEOUT)
    finally:
        assert stop_and_join(supervisor, TIMEOUT)
