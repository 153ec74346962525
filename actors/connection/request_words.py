"""What is said, and learned, of requests that may be larger than the exchange takes."""

import logging
import time
from collections.abc import Mapping, Sequence

from websocket_v6.protocol.connection.request_sizes import RequestLimit, RequestSizes
from websocket_v6.protocol.connection.target import Target
from websocket_v6.protocol.errors import TransportError, WebSocketV6Error
from websocket_v6.protocol.exchange.partition import codes_of
from websocket_v6.protocol.telling import Telling

__all__ = ["RequestWords"]

logger = logging.getLogger(__name__)


class RequestWords:
    """Of one connection. Sizes are those of one of its sockets, `None` if that is not there any more."""

    def __init__(self, endpoint: str, target: Target, limit: RequestLimit) -> None:
        self._endpoint = endpoint
        self._target = target
        self._limit = limit
        self._telling = Telling()

    def sent(self, sizes: RequestSizes | None, text: str, types: Sequence[Mapping[str, object]]) -> None:
        """Note a request; say so the first time that one is larger than common servers take."""
        size = len(text.encode())
        is_news = sizes is not None and sizes.sent(size, codes_of(types), time.monotonic())
        if is_news and not self._target.is_door:
            told = "a request of %d bytes goes to the %s endpoint: whether the exchange takes it is not known"
            logger.warning(told, size, self._endpoint)

    def ended(self, sizes: RequestSizes | None, error: WebSocketV6Error) -> WebSocketV6Error:
        """Return why an open socket has ended, with the size of what it was asked if that may be why."""
        problem = "" if sizes is None or self._target.is_door else sizes.ended(time.monotonic())
        if not problem:
            return error
        if self._target.splits:
            problem += f"; from now on one has {self._limit.bytes:,} at most, and what is beyond that goes over others"
        else:
            problem += "; if that goes on, the exchange takes none so large: subscribe to fewer codes"
        told = self._telling.failed(time.monotonic())
        if told:
            logger.warning("the %s connection ended %s%s", self._endpoint, problem, told)
        return TransportError(f"{error}, {problem}")
