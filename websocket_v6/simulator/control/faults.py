"""What goes wrong with connections when it is told to: cut, closed, stalled or fed with nonsense."""

from collections.abc import Callable
from typing import Literal, get_args

from ..wire.client import Client
from ..wire.clients import Clients
from ..wire.house import House
from ..wire.refusals import RequestError
from ..wire.turnstile import Turnstile

__all__ = ["Ending", "Faults"]

Ending = Literal["reset", "end", "vanish"]
# RFC 6455, 7.4.1: reserved, for what a side notes of an end and never writes.
_NEVER_SENT = {1004, 1005, 1006}


class Faults:
    """Acts on the open connections of an exchange, all or some, and says on how many."""

    def __init__(self, clients: Clients, turnstile: Turnstile, house: House) -> None:
        self._clients = clients
        self._turnstile = turnstile
        self._house = house
        self._region = house.region

    def drop(self, endpoint: str | None = None, connection_id: int | None = None, how: Ending = "reset") -> int:
        _check_ending(how)
        return self._each(endpoint, connection_id, lambda client: self._drop(client, how))

    def deploy(self, seconds: float, how: Ending, endpoint: str | None = None) -> int:
        """End each connection that is open now at some moment of the next `seconds`."""
        _check_ending(how)

        def plan(client: Client) -> None:
            self._house.agenda.after(self._house.rng.uniform(0, seconds), lambda: self._drop(client, how))

        return self._each(endpoint, None, plan)

    def maintain(self, seconds: float) -> None:
        """End every connection and be away for `seconds`: handshakes and REST calls get the balancer's page."""
        for endpoint in (None, "rest"):
            self._turnstile.refuse(503, None, endpoint=endpoint)
        self._each(None, None, lambda client: client.outbox.finish())
        self._house.agenda.after(seconds, self._turnstile.accept)

    def _drop(self, client: Client, how: Ending) -> None:
        if not client.is_open:
            return
        if how == "vanish":
            self._clients.vanish(client)
        elif how == "end":
            client.outbox.finish()
        else:
            client.outbox.abort()

    def close(
        self, code: int = 1000, reason: str = "", endpoint: str | None = None, connection_id: int | None = None
    ) -> int:
        if not ((1000 <= code <= 1014 and code not in _NEVER_SENT) or 3000 <= code <= 4999):
            raise ValueError(
                f"a close frame cannot carry {code}: choose 1000 to 1003, 1007 to 1014 or 3000 to 4999; for what a "
                "client reports as 1006, an end without a close frame, there is drop()"
            )
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


def _check_ending(how: str) -> None:
    if how not in get_args(Ending):
        raise ValueError(f"{how!r} is no way to end a connection: choose one of {', '.join(get_args(Ending))}")
