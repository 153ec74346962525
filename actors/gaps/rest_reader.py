"""The thread that makes REST calls, one after the other, and tells its owner how each was answered.

How a call is made is `actors/dialing/rest_client.py`; all that the libraries raise ends here, in `_make`.
"""

import queue
import threading
from collections.abc import Mapping
from typing import TypeAlias

from websocket_v6.actors.base import ask, tell
from websocket_v6.actors.dialing.attempt import Attempt
from websocket_v6.actors.dialing.boundary import outside, words_of
from websocket_v6.actors.dialing.rest_client import RestClient
from websocket_v6.actors.jwt import SignQuery
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import TransportError, WebSocketV6Error
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.gaps.candle_fill import CandleQuery
from websocket_v6.protocol.gaps.fill import Query
from websocket_v6.protocol.gaps.inquiry_calls import AccountCall
from websocket_v6.protocol.limits import REST_SECONDS
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.secret import HiddenText

__all__ = ["Answered", "Ask", "Call", "RestReader", "Unanswered"]

TIMEOUT = REST_SECONDS


class Call(Message):
    """Ask for one page: of trades for the gap before `epoch`, of candles for what has that number."""

    epoch: int
    stream: Stream
    query: Query | CandleQuery

    @property
    def target(self) -> tuple[str, str]:
        """The path, and the query as it is before it is encoded."""
        return self.query.path, "&".join(f"{name}={value}" for name, value in self.query.parameters().items())


class Ask(Message):
    """Ask about the account, as its owner: in the inquiry with this number about this data type."""

    type: str
    number: int
    call: AccountCall

    @property
    def target(self) -> tuple[str, str]:
        """The path, and the query as it is before it is encoded, which the token signs."""
        return self.call.path, self.call.query


AnyCall: TypeAlias = Call | Ask


class Answered(Message):
    """The exchange answered the call. The headers' names are in small letters."""

    call: AnyCall
    status: int
    headers: Mapping[str, str]
    body: bytes


class Unanswered(Message):
    """The exchange did not answer the call, and why."""

    call: AnyCall
    reason: str


class RestReader(threading.Thread):
    """Makes calls until it is told to finish, which also ends the one under way. `ask` and `finish`: its owner's.

    `jwt` makes the tokens of calls about the account, one for each try.
    """

    def __init__(self, config: Config, owner: Ref, jwt: Ref | None = None) -> None:
        super().__init__(name="rest", daemon=True)
        self._config = config
        self._client = RestClient(config)
        self._owner = owner
        self._jwt = jwt
        self._calls: queue.SimpleQueue[AnyCall | None] = queue.SimpleQueue()
        self._is_finished = False
        self._attempt: Attempt | None = None
        self._problem = ""

    def start(self) -> None:
        """Begin; where no thread is left for it, each call is told to be unanswered."""
        try:
            super().start()
        except RuntimeError as exc:
            self._problem = words_of(exc)

    def ask(self, call: AnyCall) -> None:
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

    def _make(self, call: AnyCall) -> Answered | Unanswered:
        self._attempt = attempt = Attempt(TIMEOUT)
        if self._is_finished:  # before there was anything to abort
            attempt.abort()
        try:
            path, query = call.target
            token = self._token(call) if isinstance(call, Ask) else None
            with outside(f"GET {path}", [] if token is None else [token]):
                return Answered(call, *self._client.get(path, query, attempt, token))
        except WebSocketV6Error as exc:
            self._client.hang_up()
            return Unanswered(call, str(exc))

    def _token(self, call: Ask) -> HiddenText:
        if self._jwt is None:
            raise LookupError("who asks about an account has keys")
        self._config.check_rest_secrecy()
        try:
            grant = ask(self._jwt, SignQuery(call.call.query), TIMEOUT)
        except WebSocketV6Error:
            raise
        except Exception as exc:  # also a bug of its maker's, which is seen to where it is
            raise TransportError("no token for a REST call: its maker is being restarted") from exc
        return HiddenText(grant.token.reveal())
