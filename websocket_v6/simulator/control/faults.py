"""What goes wrong with connections when it is told to: cut, closed, stalled or fed with nonsense."""

from collections.abc import Callable

from ..wire.client import Client
from ..wire.clients import Clients
from ..wire.refusals import RequestError
from ..wire.turnstile import Turnstile

__all__ = ["Faults"]


class Faults:
    """Acts on the open connections of an exchange, all or some, and says on how many."""

    def __init__(self, clients: Clients, turnstile: Turnstile, region: str) -> None:
        self._clients = clients
        self._turnstile = turnstile
        self._region = region

    def drop(self, endpoint: str | None = None, connection_id: int | None = None) -> int:
        return self._each(endpoint, connection_id, lambda client: client.outbox.abort())

    def close(
        self, code: int = 1000, reason: str = "", endpoint: str | None = None, connection_id: int | None = None
    ) -> int:
        return self._each(endpoint, connection_id, lambda client: client.outbox.close(code, reason))

    def stall(
        self,
        *,
        data: bool = True,
        pongs: bool = False,
        handshakes: bool = False,
        endpoint: str | None = None,
        connection_id: int | None = None,
    ) -> int:
        if handshakes:
            self._turnstile.stall()
        return self._each(endpoint, connection_id, lambda client: client.stall(data=data, pongs=pongs))

    def resume(self) -> None:
        self._turnstile.resume()
        self._each(None, None, lambda client: client.stall(data=False, pongs=False))

    def send_raw(
        self,
        data: bytes | str,
        binary: bool | None = None,
        endpoint: str | None = None,
        connection_id: int | None = None,
    ) -> int:
        if binary is True and isinstance(data, str):
            data = data.encode()
        elif binary is False and isinstance(data, bytes):
            data = data.decode("utf-8", "surrogateescape")
        return self._each(endpoint, connection_id, lambda client: client.raw(data))

    def send_error(
        self,
        name: str,
        text: str | None = None,
        close: bool = True,
        endpoint: str | None = None,
        connection_id: int | None = None,
    ) -> int:
        message = RequestError(name).text(self._region) if text is None else text
        return self._each(endpoint, connection_id, lambda client: client.error(name, message, close=close))

    def _each(self, endpoint: str | None, connection_id: int | None, act: Callable[[Client], None]) -> int:
        chosen = [client for client in self._clients.open(endpoint) if connection_id in (None, client.id)]
        for client in chosen:
            act(client)
        return len(chosen)
