"""HTTP beside the WebSocket endpoints, on the same port: any method, bodies, connections that are kept.

The `websockets` library answers GET alone, as a handshake does. So a connection is looked at before it is given to
it: what does not begin as a handshake is HTTP's, and h11 speaks that. Source: h11 documentation, RFC 9112.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from email.utils import formatdate

import h11

from ..wire.distance import HANDSHAKE_TRIPS
from ..wire.doorway import HANDSHAKE, HttpProtocol
from ..wire.replies import Reply, error_reply
from .rest_side import Call

__all__ = ["HttpSide"]

# `None` is no answer: the connection is cut.
Answer = Callable[[Call], Awaitable[Reply | None]]


class HttpSide(HttpProtocol):
    """One HTTP connection; its calls are answered one after the other."""

    def __init__(
        self,
        answer: Answer,
        now: Callable[[], float],
        most_bytes: int,
        round_trip: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`answer` makes the answers, `now` is the time they are dated with, `most_bytes` the largest body taken.

        `round_trip` is how many real seconds the next call takes to come here and its answer to go back.
        """
        self._answer = answer
        self._now = now
        self._most = most_bytes
        self._round_trip = round_trip
        self._trips = HANDSHAKE_TRIPS
        self._speech = h11.Connection(h11.SERVER)
        self._more = asyncio.Event()
        self._ahead = b""  # of a request that may become a handshake
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._task = asyncio.get_running_loop().create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        if self._is_idle():
            data = self._ahead = self._ahead + data
            if data.startswith(HANDSHAKE):
                self._stop()
                self.give_back(data)
                return
            if HANDSHAKE.startswith(data):
                return
            self._ahead = b""
        with contextlib.suppress(h11.RemoteProtocolError):  # more after a connection that has been closed
            self._speech.receive_data(data)
        self._more.set()

    def eof_received(self) -> None:
        with contextlib.suppress(h11.RemoteProtocolError):
            self._speech.receive_data(b"")
        self._more.set()

    def connection_lost(self, _: Exception | None) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _is_idle(self) -> bool:
        """Whether the next byte begins a request."""
        between = self._speech.their_state is h11.IDLE and self._speech.our_state is h11.IDLE
        return between and not self._speech.trailing_data[0]

    def abort(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()

    async def _serve(self) -> None:
        assert self._transport is not None
        peer = self._transport.get_extra_info("peername")
        ip = peer[0] if isinstance(peer, tuple) else ""
        try:
            while (call := await self._next_call(ip)) is not None:
                reply = await self._answered(call)
                if reply is None:
                    self._transport.abort()
                    return
                self._send(reply, bodiless=call.method == "HEAD")
                if self._speech.our_state is not h11.DONE or self._speech.their_state is not h11.DONE:
                    break
                self._speech.start_next_cycle()
        except h11.RemoteProtocolError as error:
            if self._speech.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
                self._send(error_reply(error.error_status_hint, error.error_status_hint, "Bad Request"))
        self._transport.close()

    async def _answered(self, call: Call) -> Reply | None:
        way, self._trips = self._round_trip() * self._trips, 1
        if not way:
            return await self._answer(call)
        await asyncio.sleep(way / 2)
        reply = await self._answer(call)
        await asyncio.sleep(way / 2)
        return reply

    async def _next_call(self, ip: str) -> Call | None:
        """Return the next request with its body, `None` at the end of the connection."""
        head: h11.Request | None = None
        body = bytearray()
        while True:
            event = self._speech.next_event()
            if event is h11.NEED_DATA:
                if self._speech.they_are_waiting_for_100_continue:
                    self._write(self._speech.send(h11.InformationalResponse(status_code=100, headers=[])))
                await self._more.wait()
                self._more.clear()
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > self._most:
                    raise h11.RemoteProtocolError("the body is too large", error_status_hint=413)
            elif isinstance(event, h11.EndOfMessage):
                assert head is not None
                headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
                return Call(head.method.decode(), head.target.decode("latin-1"), headers, bytes(body), ip)
            else:
                return None

    def _send(self, reply: Reply, *, bodiless: bool = False) -> None:
        usual = {
            "Date": formatdate(self._now(), usegmt=True),
            "Content-Type": "application/json; charset=utf-8",
            "Content-Length": str(len(reply.body)),
        }
        headers = list({**usual, **dict(reply.headers)}.items())
        head = h11.Response(status_code=reply.status, reason=reply.reason.encode(), headers=headers)
        out = self._speech.send(head) or b""
        if not bodiless:
            out += self._speech.send(h11.Data(data=reply.body)) or b""
        self._write(out + (self._speech.send(h11.EndOfMessage()) or b""))

    def _write(self, data: bytes | None) -> None:
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
