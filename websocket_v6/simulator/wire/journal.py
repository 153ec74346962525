"""What has happened, for whoever asks or waits: every message sent, and a number that grows with every change."""

import asyncio
from collections import deque

from .outbox import Message
from .reports import Sent

__all__ = ["Journal"]

_COALESCE = 0.002  # seconds
_NOTICES = 10_000


class Journal:
    """The record of one exchange, at most `size` messages long."""

    def __init__(self, size: int) -> None:
        self._data: deque[tuple[int, Sent]] = deque(maxlen=size)
        self._notices: deque[tuple[int, str]] = deque(maxlen=min(size, _NOTICES))
        self._calls: deque[str] = deque(maxlen=min(size, _NOTICES))
        self._version = 0
        self._waiters: set[asyncio.Event] = set()

    def add(self, connection_id: int, message: Message) -> None:
        """Take down what has gone out to a connection."""
        if message.stream:
            self._data.append((connection_id, Sent(message.stream, message.text, message.kind)))
        else:
            self._notices.append((connection_id, message.text))
        self.changed()

    def changed(self) -> None:
        """Wake whoever waits for a change."""
        self._version += 1
        for waiter in self._waiters:
            waiter.set()

    def sent(self, connection_id: int | None = None, stream: str | None = None) -> list[Sent]:
        return [
            sent
            for number, sent in self._data
            if connection_id in (None, number) and (stream is None or sent.stream == stream)
        ]

    def asked(self, target: str) -> None:
        """Note a REST call."""
        self._calls.append(target)
        self.changed()

    def rest_calls(self) -> list[str]:
        return list(self._calls)

    def notices(self, connection_id: int | None = None) -> list[str]:
        return [text for number, text in self._notices if connection_id in (None, number)]

    async def changed_since(self, version: int, timeout: float) -> int:
        """Wait until something has changed since `version`, at most `timeout` seconds; return the newest version."""
        if self._version == version and timeout:
            waiter = asyncio.Event()
            self._waiters.add(waiter)
            try:
                await asyncio.wait_for(waiter.wait(), timeout)
            except TimeoutError:
                return self._version
            finally:
                self._waiters.discard(waiter)
        if timeout:
            # Under load something changes all the time; whoever waits need not look at each of it.
            await asyncio.sleep(_COALESCE)
        return self._version
