"""What waits to be sent to one connection, and the task that sends it.

Messages leave in the order they were put in. A stalled connection keeps them; one whose reader is too slow is cut when
too much waits.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

__all__ = ["Message", "Outbox", "Socket"]

_BATCH = 64  # messages in one write


class Socket(Protocol):
    """The socket under a client."""

    @property
    def blocked(self) -> bool:
        """Whether the peer reads too slowly to be written to."""

    @property
    def compressed(self) -> bool: ...

    async def send_all(self, messages: Iterable[str | bytes]) -> None: ...

    async def close(self, code: int, reason: str) -> None: ...

    def abort(self) -> None:
        """Reset the TCP connection."""

    def finish(self) -> None:
        """End the TCP connection in order, without a close frame."""

    def vanish(self) -> None:
        """Neither read nor write any more, without a word to the peer."""

    def hold(self, held: bool) -> None:
        """Leave what comes in unread, PING frames too, or read it again."""


class Message(NamedTuple):
    """One message on its way."""

    text: str
    stream: str = ""  # empty for what is not data
    kind: str = ""
    listed: bool = False  # in an array
    binary: bool = True


class Outbox:
    """The messages that wait, and how the connection ends when they are gone."""

    def __init__(self, socket: Socket, *, most_bytes: int, list_batch: int, on_sent: Callable[[Message], None]) -> None:
        """`on_sent` is called for each message as it is handed to the socket."""
        self.stalled = False
        self.ending = False  # nothing more is taken in
        self._socket = socket
        self._most_bytes = most_bytes
        self._list_batch = list_batch
        self._on_sent = on_sent
        self._messages: deque[Message] = deque()
        self._bytes = 0
        self._close: tuple[int, str] | None = None
        self._gone = False
        self._changed = asyncio.Event()
        self._quiet = asyncio.Event()
        self._quiet.set()

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def flows(self) -> bool:
        """Whether what is put in goes out at once."""
        return not (self.stalled or self.ending or self._socket.blocked)

    def put(self, message: Message) -> None:
        """Add a message unless the end is near."""
        if self.ending:
            return
        self._messages.append(message)
        self._bytes += len(message.text)
        if self._bytes > self._most_bytes:
            # The peer does not read; the real exchange will not wait for it for ever either.
            self.abort()
            return
        self._wake()

    def close(self, code: int, reason: str) -> None:
        """Close with a close frame when everything before it is sent."""
        self.ending = True
        self._close = (code, reason)
        self._wake()

    def abort(self) -> None:
        """Forget what waits and reset the connection."""
        self.ending = True
        self._messages.clear()
        self._socket.abort()

    def finish(self) -> None:
        """Forget what waits and end the connection without a close frame."""
        self.ending = True
        self._messages.clear()
        self._socket.finish()

    def vanish(self) -> None:
        """Leave the peer with a connection that nobody is at the other end of."""
        self.end()
        self._socket.vanish()

    def stall(self, stalled: bool) -> None:
        self.stalled = stalled
        self._wake()

    def end(self) -> None:
        """Note that the connection is gone."""
        self._gone = self.ending = True
        self._messages.clear()
        self._wake()
        self._quiet.set()

    async def settle(self) -> None:
        """Wait until what can be sent has been sent; a stalled or slow connection is not waited for."""
        while not self._socket.blocked and not self._quiet.is_set():
            try:
                await asyncio.wait_for(self._quiet.wait(), 0.05)
            except TimeoutError:
                continue  # it may have become slow meanwhile

    async def run(self) -> None:
        """Send what waits until the connection ends."""
        while not self._gone:
            await self._changed.wait()
            self._changed.clear()
            while self._messages and not self.stalled:
                # Many messages in one write cost less than a write for each.
                count = min(len(self._messages), _BATCH)
                await self._socket.send_all([self._next() for _ in range(count) if self._messages])
            if self._close is not None and not self._messages and not self._gone:
                self._quiet.set()
                await self._socket.close(*self._close)
                return
            if not self._changed.is_set():
                self._quiet.set()

    def _wake(self) -> None:
        self._quiet.clear()
        self._changed.set()

    def _next(self) -> str | bytes:
        """Take out a message, or one array of several."""
        messages = [self._messages.popleft()]
        first = messages[0]
        if first.stream and first.listed:
            while len(messages) < self._list_batch and self._messages and self._messages[0].listed:
                if not self._messages[0].stream:
                    break
                messages.append(self._messages.popleft())
        text = ",".join(message.text for message in messages)
        for message in messages:
            self._bytes -= len(message.text)
            self._on_sent(message)
        if first.listed:
            text = f"[{text}]"
        # A raw frame may hold bytes that are no UTF-8.
        return text.encode("utf-8", "surrogateescape") if first.binary else text
