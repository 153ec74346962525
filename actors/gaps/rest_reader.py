"""The thread that makes REST calls, one after the other, and tells its owner how each was answered.

How a call is made is `actors/dialing/rest_client.py`; all that the libraries raise ends here, in `_make`.
"""

import queue
import threading
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode

from websocket_v6.actors.base import tell
from websocket_v6.actors.dialing.attempt import Attempt
from websocket_v6.actors.dialing.boundary import outside, words_of
from websocket_v6.actors.dialing.rest_client import RestClient
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.gaps.fill import Query
from websocket_v6.protocol.limits import REST_SECONDS

__all__ = ["Answered", "Call", "RestReader", "Unanswered"]

TIMEOUT = REST_SECONDS
_PATH = "/v1/trades/ticks"


class Call(NamedTuple):
    """Ask for one page of trades."""

    epoch: int
    stream: Stream
    query: Query


class Answered(NamedTuple):
    """The exchange answered the call. The headers' names are in small letters."""

    call: Call
    status: int
    headers: Mapping[str, str]
    body: bytes


class Unanswered(NamedTuple):
    """The exchange did not answer the call, and why."""

    call: Call
    reason: str


class RestReader(threading.Thread):
    """Makes calls until it is told to finish, which also ends the one under way. `ask` and `finish`: its owner's."""

    def __init__(self, config: Config, owner: Ref) -> None:
        super().__init__(name="rest", daemon=True)
        self._client = RestClient(config)
        self._owner = owner
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._is_finished = False
        self._attempt: Attempt | None = None
        self._problem = ""

    def start(self) -> None:
        """Begin; where no thread is left for it, each call is told to be unanswered."""
        try:
            super().start()
        except RuntimeError as exc:
            self._problem = words_of(exc)

    def ask(self, call: Call) -> None:
        """Make `call` once those before it are answered."""
        if self._problem:
            tell(self._owner, Unanswered(call, self._problem))
        else:
            self._calls.put(call)

    def finish(self) -> None:
        """End the thread; a call under way is given up, and nothing more is told."""
        self._is_finished = True
        self._calls.put(None)
        attempt = self._attempt
        if attempt is not None:
            attempt.abort()

    def run(self) -> None:
        """Make the calls."""
        try:
            while (call := self._calls.get()) is not None:
                answer = self._make(call)
                if self._is_finished or not tell(self._owner, answer):
                    return
        finally:
            self._client.hang_up()

    def _make(self, call: Call) -> Answered | Unanswered:
        self._attempt = attempt = Attempt(TIMEOUT)
        if self._is_finished:  # before there was anything to abort
            attempt.abort()
        try:
            with outside(f"GET {_PATH}"):
                return Answered(call, *self._client.get(_PATH, urlencode(call.query.parameters()), attempt))
        except WebSocketV6Error as exc:
            self._client.hang_up()
            return Unanswered(call, str(exc))
