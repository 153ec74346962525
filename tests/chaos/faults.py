"""What may happen to a connection between a program and the exchange, each a value for `FaultProxy`."""

import asyncio
import random
from collections.abc import Callable

from .mischief import FrameEnds
from .proxy import Connection, Fault

__all__ = [
    "Answer",
    "Bandwidth",
    "CutAfter",
    "Delay",
    "Drip",
    "Expired",
    "HalfOpen",
    "Resets",
    "Silence",
    "Since",
    "SlowClose",
]


class Answer(Fault):
    """Whoever asks gets this answer, of whomever: a captive portal, a balancer, a server that speaks something else.

    `drip` is seconds between its bytes; `is_endless` repeats its last line for ever.
    """

    def __init__(self, answer: bytes, *, drip: float = 0.0, is_endless: bool = False) -> None:
        self._answer = answer
        self._drip = drip
        self._is_endless = is_endless

    async def meet(self, connection: Connection) -> bool:
        if self._drip:
            for at in range(len(self._answer)):
                await connection.say(self._answer[at : at + 1])
                await asyncio.sleep(self._drip)
        else:
            await connection.say(self._answer)
        while self._is_endless:
            await connection.say(self._answer.splitlines(keepends=True)[-1] * 100)
            await asyncio.sleep(0)
        return True


class Silence(Fault):
    """The connection opens and nobody answers."""

    async def meet(self, connection: Connection) -> bool:
        await connection.until_hung_up()
        return True


class Expired(Fault):
    """The certificate has expired, if the proxy speaks TLS (`certificates.py`); who believes it comes through."""


class Resets(Fault):
    """Each connection is reset as soon as it has asked."""

    async def meet(self, connection: Connection) -> bool:
        connection.reset()
        return True


class Delay(Fault):
    """Everything is late, by `seconds` and up to `jitter` more, in order."""

    def __init__(self, seconds: float, jitter: float = 0.0, seed: int = 0) -> None:
        self._seconds = seconds
        self._jitter = jitter
        self._random = random.Random(seed)

    async def pass_on(self, connection: Connection, chunk: bytes, to: asyncio.StreamWriter) -> None:
        await asyncio.sleep(self._seconds + self._jitter * self._random.random())
        await super().pass_on(connection, chunk, to)


class Bandwidth(Fault):
    """So many bytes a second, no more."""

    def __init__(self, bytes_per_second: float) -> None:
        self._rate = bytes_per_second

    async def pass_on(self, connection: Connection, chunk: bytes, to: asyncio.StreamWriter) -> None:
        piece = max(1, int(self._rate / 50))
        for at in range(0, len(chunk), piece):
            await super().pass_on(connection, chunk[at : at + piece], to)
            await asyncio.sleep(piece / self._rate)


class Drip(Fault):
    """What the exchange says arrives byte by byte."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def pass_on(self, connection: Connection, chunk: bytes, to: asyncio.StreamWriter) -> None:
        if to is not connection.writer:
            await super().pass_on(connection, chunk, to)
            return
        for at in range(len(chunk)):
            await super().pass_on(connection, chunk[at : at + 1], to)
            await asyncio.sleep(self._seconds)


class CutAfter(Fault):
    """Each connection ends after so many bytes from the exchange; `count` may be a draw."""

    def __init__(self, count: int | Callable[[], int], *, is_reset: bool = False) -> None:
        self._count = count
        self._is_reset = is_reset

    async def pass_on(self, connection: Connection, chunk: bytes, to: asyncio.StreamWriter) -> None:
        if to is connection.writer:
            left = connection.memory.setdefault("left", self._count() if callable(self._count) else self._count)
            connection.memory["left"] = left - len(chunk)
            if len(chunk) >= left:
                await super().pass_on(connection, chunk[:left], to)
                if self._is_reset:
                    connection.reset()
                raise ConnectionResetError
        await super().pass_on(connection, chunk, to)


class HalfOpen(Fault):
    """Both sides believe that the connection is there, and nothing passes any more: a router that lost its table."""

    async def pass_on(self, connection: Connection, chunk: bytes, to: asyncio.StreamWriter) -> None:
        connection.is_dead = True  # what was dropped is not made good when the fault is over


class SlowClose(Fault):
    """The end of a connection arrives late."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def ended(self, connection: Connection) -> None:
        await asyncio.sleep(self._seconds)


class Since(Fault):
    """Another fault, from a moment in the life of each new connection on.

    The moments: `request`, when the client first asks for something; `burst`, behind the first message that answers it.
    """

    def __init__(self, moment: str, fault: Fault) -> None:
        self._moment = moment
        self._fault = fault

    async def pass_on(self, connection: Connection, chunk: bytes, to: asyncio.StreamWriter) -> None:
        memory = connection.memory
        is_up = to is not connection.writer
        if memory.get("since") is None:
            if self._moment == "request" and is_up:
                memory["since"] = True
            elif self._moment == "burst" and not is_up:
                chunk = await self._first_message(connection, chunk, to)
        if not memory.get("since") or not chunk:
            await super().pass_on(connection, chunk, to)
        elif not await self._fault.meet(connection):
            await self._fault.pass_on(connection, chunk, to)
        else:
            raise ConnectionResetError

    async def _first_message(self, connection: Connection, chunk: bytes, to: asyncio.StreamWriter) -> bytes:
        """Send what is before the end of the first message; return what is behind it."""
        memory = connection.memory
        if "ends" not in memory:
            memory["ends"] = FrameEnds()
            head, found, chunk = chunk.partition(b"\r\n\r\n")
            await super().pass_on(connection, head + found, to)
        rest = b""
        for piece, is_end in memory["ends"].pieces(chunk):
            if memory.get("since"):
                rest += piece
            else:
                await super().pass_on(connection, piece, to)
                memory["since"] = is_end or None
        return rest

    async def ended(self, connection: Connection) -> None:
        await self._fault.ended(connection)
