"""One host of another machine, which is a guest here: rows as they came, states, and answers in one order."""

import time
from collections.abc import Callable

from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.component import StreamFailed
from websocket_v6.protocol.events import Event
from websocket_v6.protocol.server.row_frames import RowFrames
from websocket_v6.protocol.server.words import Clock, encode
from websocket_v6.protocol.websocket.outgoing import BINARY, frame

from .news_frames import news_frame
from .server_client import Client
from .sessions import GuestSession

__all__ = ["RemoteSession"]


class RemoteSession(GuestSession):
    """A guest whose data goes through the server's own thread. `backfills`: the host fetches trades that are missed.

    `close` ends its socket, behind what was sent.
    """

    format = "words"

    def __init__(
        self,
        client: Client,
        endpoint: str,
        *,
        region: str,
        registry: Ref,
        backfills: bool,
        close: Callable[[Client, int, str], object],
    ) -> None:
        super().__init__(client, endpoint, region=region, registry=registry)
        self.delivered = 0
        self._client = client
        self._say = client.outlet.put  # the thread is the server's, and all that waits counts for the budget
        self._backfills = backfills
        self._close = close

    def deliver(self, events: list[Event], frames: RowFrames) -> None:
        """Send it events."""
        self.delivered += len(events)
        self._client.outlet.put(frames.of(events))

    def convey(self, news: object) -> None:
        """Tell it what has happened."""
        if isinstance(news, StreamFailed) and news.final:
            self.refused(news.subscription_id)
        made = news_frame(self._client.way, news, backfills=self._backfills)
        if made is not None:
            self._client.outlet.put(made)

    def say_time(self) -> None:
        """Say what time it is here: the other machine's clock is another."""
        self._client.outlet.add(frame(BINARY, encode(Clock(time.time_ns()))))

    def interrupt(self) -> None:
        """End it, for it misses something; it comes again."""
        self._close(self._client, 1012, "messages may be missing: connect again")
