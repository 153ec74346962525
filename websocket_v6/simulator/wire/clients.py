"""All connections there are and were, oldest first, and what ends them: silence and age."""

from collections.abc import Mapping

from .audience import Audience
from .client import Client
from .house import House
from .outbox import Socket
from .reports import ConnectionInfo

__all__ = ["Clients"]


class Clients:
    """Who is connected to one exchange."""

    def __init__(self, house: House, audience: Audience) -> None:
        self._house = house
        self._audience = audience
        self._clients: dict[int, Client] = {}
        self.vanished: set[Client] = set()  # whose sockets stand half open

    def connect(self, endpoint: str, socket: Socket, headers: Mapping[str, str], key: str | None) -> Client:
        """Take in a connection whose handshake is done."""
        number = len(self._clients) + 1
        client = self._clients[number] = Client(self._house, number, endpoint, socket, headers, key)
        self._watch_idle(client)
        if self._house.limits.connection_seconds is not None:
            self._house.agenda.after(self._house.limits.connection_seconds, client.outbox.abort)
        self._house.journal.changed()
        return client

    def disconnected(self, client: Client, code: int | None) -> None:
        self.vanished.discard(client)
        if not client.is_open:
            return  # it had vanished before
        self._audience.remove(client)
        client.ended(code)
        self._house.journal.changed()

    def vanish(self, client: Client) -> None:
        """Forget a connection without telling its other end."""
        client.outbox.vanish()
        self.disconnected(client, None)
        self.vanished.add(client)

    def open(self, endpoint: str | None = None) -> list[Client]:
        """Return the connections that are open, all or those to one endpoint."""
        return [
            client
            for client in self._clients.values()
            if client.is_open and (endpoint is None or client.endpoint == endpoint)
        ]

    def of(self, key: str) -> list[Client]:
        """Return the open connections made with an access key."""
        return [client for client in self.open() if client.key == key]

    def count(self, endpoint: str, ip: str) -> int:
        """Return how many connections to an endpoint are open from an address."""
        return sum(client.ip == ip for client in self.open(endpoint))

    def touch(self) -> None:
        """Let no open connection count as idle up to now."""
        for client in self.open():
            client.touch()

    def infos(self, endpoint: str | None = None) -> list[ConnectionInfo]:
        return [client.info() for client in self._clients.values() if endpoint is None or client.endpoint == endpoint]

    def served(self, endpoint: str | None = "public") -> frozenset[str]:
        return frozenset().union(*(client.served for client in self.open(endpoint)))

    async def settle(self) -> None:
        """Wait until what can be sent has been sent."""
        for client in self.open():
            await client.outbox.settle()

    def _watch_idle(self, client: Client) -> None:
        answers = self._house.answers
        timeout = answers.idle_timeout if client.endpoint == "public" else answers.private_idle_timeout
        if timeout is None or not client.is_open:
            return
        if self._house.clock.now() >= client.active_at + timeout:
            client.outbox.abort()
            return
        self._house.agenda.at(client.active_at + timeout, lambda: self._watch_idle(client))
