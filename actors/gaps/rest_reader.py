"""The thread that makes REST calls, one after the other, and tells its owner how each was answered.

httpx does the work; it is imported by the thread, since only who wants backfill must have it.
"""

import contextlib
import queue
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from websocket_v6.actors.base import tell
from websocket_v6.actors.forks import no_fork
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.gaps.fill import Query
from websocket_v6.protocol.outside_text import outside_text

if TYPE_CHECKING:
    import httpx

__all__ = ["Answered", "Call", "RestReader", "Unanswered"]

TIMEOUT = 5.0  # seconds to connect, and for each read
USER_AGENT = "websocket_v6"


class Call(NamedTuple):
    """Ask for one page of trades."""

    epoch: int
    stream: Stream
    query: Query


class Answered(NamedTuple):
    """The exchange answered the call."""

    call: Call
    status: int
    headers: Mapping[str, str]
    body: bytes


class Unanswered(NamedTuple):
    """The exchange did not answer the call, and why."""

    call: Call
    reason: str


class RestReader(threading.Thread):
    """Makes calls until it is told to finish, which it does at the latest when the one under way times out."""

    def __init__(self, base_url: str, owner: Ref) -> None:
        super().__init__(name="rest", daemon=True)
        self._url = f"{base_url}/v1/trades/ticks"
        self._owner = owner
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()

    def ask(self, call: Call) -> None:
        """Make `call` once those before it are answered."""
        self._calls.put(call)

    def finish(self) -> None:
        """End the thread."""
        self._calls.put(None)

    def run(self) -> None:
        """Make the calls."""
        client: httpx.Client | None = None
        with contextlib.ExitStack() as stack:
            while (call := self._calls.get()) is not None:
                answer: Answered | Unanswered
                try:
                    client = client or stack.enter_context(_new_client())
                    response = client.get(self._url, params=call.query.parameters())
                    answer = Answered(call, response.status_code, response.headers, response.content)
                # Not its own errors alone: a name that IDNA cannot spell, a proxy or a certificate of the environment.
                except Exception as exc:  # noqa: BLE001
                    answer = Unanswered(call, f"{type(exc).__name__}: {outside_text(exc)}")
                if not tell(self._owner, answer):
                    return


def _new_client() -> "httpx.Client":
    with no_fork():
        import httpx

        return httpx.Client(timeout=TIMEOUT, headers={"User-Agent": USER_AGENT})
