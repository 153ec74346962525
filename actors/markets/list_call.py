"""The thread that asks the exchange for its list of markets, once, and tells its owner what it said.

A minute lies between two calls, so neither the thread nor its connection is kept.
"""

import threading

from websocket_v6.actors.base import tell
from websocket_v6.actors.dialing.attempt import Attempt
from websocket_v6.actors.dialing.boundary import outside
from websocket_v6.actors.forks import no_fork
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import RateLimitedError, TransportError, WebSocketV6Error
from websocket_v6.protocol.exchange.market_list import MarketList, read_market_list
from websocket_v6.protocol.limits import REST_SECONDS
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.websocket.handshake import refusal

__all__ = ["BLOCKED", "PATH", "ListAnswered", "ListCall", "ListFailed"]

PATH = "/v1/market/all"
BLOCKED = 60.0  # seconds, if a 418 does not say how many


class ListAnswered(Message):
    """The exchange has sent a list."""

    number: int  # of the call
    listed: MarketList


class ListFailed(Message):
    """It has sent none, and why."""

    number: int
    reason: str
    retry_after: float | None


class ListCall(threading.Thread):
    """One call. `abort` is its owner's; after that nothing is told."""

    def __init__(self, number: int, config: Config, owner: Ref) -> None:
        super().__init__(name="markets", daemon=True)
        self._number = number
        self._config = config
        self._owner = owner
        self._attempt = Attempt(REST_SECONDS)

    def abort(self) -> None:
        """End it; it ends soon."""
        self._attempt.abort()

    def run(self) -> None:
        """Make the call. Whatever comes of it is told."""
        answer: ListAnswered | ListFailed = ListFailed(self._number, "the call ended without a word", None)
        try:
            answer = ListAnswered(self._number, self._ask())
        except WebSocketV6Error as exc:
            answer = ListFailed(self._number, str(exc), _wait(exc))
        finally:
            if not self._attempt.is_aborted:
                tell(self._owner, answer)

    def _ask(self) -> MarketList:
        with no_fork():  # imported late: nobody may want a list
            from websocket_v6.actors.dialing.rest_client import RestClient
        client = RestClient(self._config)
        try:
            with outside(f"GET {PATH}"):
                status, headers, body = client.get(PATH, "is_details=true", self._attempt)
        finally:
            client.hang_up()
        if status in (418, 429) or status >= 500:
            raise refusal(status, headers, body)
        if status != 200:
            raise TransportError(f"the exchange answered HTTP {status} for its list of markets")
        return read_market_list(body)


def _wait(error: WebSocketV6Error) -> float | None:
    """Return how long the exchange wants to be left alone, if it says so."""
    if not isinstance(error, RateLimitedError) or error.retry_after is not None:
        return getattr(error, "retry_after", None)
    return BLOCKED if error.status == 418 else None
