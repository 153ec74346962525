"""The simulated exchange on a port: WebSocket endpoints by the `websockets` library, REST calls beside them.

Source: Upbit WebSocket reference, "Endpoints", "Compression", "Rate limits"; websockets documentation, asyncio server.
"""

import asyncio
import contextlib
import logging
import ssl
import struct
from collections.abc import Iterable
from socket import SO_LINGER, SOL_SOCKET

from websockets.asyncio.server import Server as Listener
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.extensions import Extension
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import Event, State

from ..control.exchange import Exchange
from .admission import Admission, admit
from .client import Session
from .compression import DeflateFactory
from .quotation import answer
from .refusals import RequestError
from .replies import Reply

__all__ = ["Server"]

_logger = logging.getLogger(__name__)
# What clients do wrong is this program's purpose and no news; faults of our own go to the logger above.
_library_logger = logging.getLogger(f"{__name__}.websockets")
_library_logger.setLevel(logging.CRITICAL)
_RESET = struct.pack("ii", 1, 0)  # linger on, for 0 s: closing sends RST


class _Connection(ServerConnection):
    """The library's connection, seen as the `Line` of a session."""

    session: Session | None = None
    _writable: asyncio.Event | None = None
    admission: Admission | None = None
    _held: list[bytes] | None = None

    @property
    def compressed(self) -> bool:
        return any(isinstance(extension, Extension) for extension in self.protocol.extensions)

    async def send_all(self, messages: Iterable[str | bytes]) -> None:
        """Send messages in one write; the library's own `send` makes one, and a system call, for each."""
        if self.protocol.state is not State.OPEN:
            await self.wait_closed()
            return
        for message in messages:
            if isinstance(message, str):
                self.protocol.send_text(message.encode("utf-8", "surrogateescape"))
            else:
                self.protocol.send_binary(message)
        self.transport.write(b"".join(self.protocol.data_to_send()))
        if self._writable is not None:
            await self._writable.wait()

    def abort(self) -> None:
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            # The descriptor may be gone already.
            with contextlib.suppress(OSError):
                sock.setsockopt(SOL_SOCKET, SO_LINGER, _RESET)
        self.transport.abort()

    def hold(self, held: bool) -> None:
        waiting, self._held = self._held or [], [] if held else None
        for data in waiting:
            self.data_received(data)

    def data_received(self, data: bytes) -> None:
        # The library answers a PING as soon as it sees it, so a server that does not answer must not look.
        if self._held is None:
            super().data_received(data)
        else:
            self._held.append(data)

    def process_event(self, event: Event) -> None:
        if self.session is not None and isinstance(event, Frame) and event.opcode is Opcode.PING:
            self.session.pinged()
        super().process_event(event)

    @property
    def blocked(self) -> bool:
        return self._writable is not None

    def pause_writing(self) -> None:
        self._writable = asyncio.Event()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._let_write()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._let_write()
        super().connection_lost(exc)

    def _let_write(self) -> None:
        writable, self._writable = self._writable, None
        if writable is not None:
            writable.set()


class Server:
    """Listens for one exchange."""

    def __init__(self, exchange: Exchange, host: str, port: int, tls: tuple[str, str] | None) -> None:
        self.port = port
        self._exchange = exchange
        self._host = host
        self._listener: Listener | None = None
        self._pending: set[_Connection] = set()  # without an answer to their handshake
        self._ending = asyncio.Event()
        self._ssl: ssl.SSLContext | None = None
        if tls is not None:
            self._ssl = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._ssl.load_cert_chain(*tls)

    async def start(self) -> None:
        """Listen; after `stop`, on the same port again."""
        if self._listener is not None:
            return
        self._ending.clear()
        answers = self._exchange.answers
        factories = [DeflateFactory(answers)] if answers.compression else []
        self._listener = await serve(
            self._handle,
            self._host,
            self.port,
            create_connection=_Connection,
            process_request=self._process_request,
            process_response=self._process_response,
            extensions=factories,
            compression=None,
            ping_interval=None,  # the exchange sends none
            server_header=None,
            max_size=self._exchange.limits.request_bytes,
            open_timeout=None,  # a handshake may be stalled for as long as a test wants
            close_timeout=2.0,
            logger=_library_logger,
            ssl=self._ssl,
        )
        self.port = next(iter(self._listener.sockets)).getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut every connection, as a machine that goes down."""
        listener, self._listener = self._listener, None
        if listener is not None:
            self._exchange.faults.drop()
            for connection in self._pending:
                connection.abort()
            self._ending.set()
            listener.close()
            await listener.wait_closed()

    async def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        assert isinstance(connection, _Connection)
        self._pending.add(connection)
        try:
            await self._exchange.faults.handshakes_answered(unless=self._ending)
        finally:
            self._pending.discard(connection)
        peer = connection.remote_address
        ip = peer[0] if isinstance(peer, tuple) else ""
        if not request.path.startswith("/websocket/"):
            return _response(answer(self._exchange, request.path, request.headers, ip))
        admitted = admit(self._exchange, request.path, request.headers, ip)
        if isinstance(admitted, Reply):
            return _response(admitted)
        connection.admission = admitted
        return None

    def _process_response(self, connection: ServerConnection, _request: Request, response: Response) -> None:
        assert isinstance(connection, _Connection)
        if connection.admission is not None:
            for name, value in connection.admission.headers:
                response.headers[name] = value

    async def _handle(self, connection: ServerConnection) -> None:
        assert isinstance(connection, _Connection)
        admission = connection.admission
        assert admission is not None, "every connection has passed the handshake"
        session = self._exchange.connect(admission.endpoint, connection, admission.seen, admission.key)
        connection.session = session
        writer = asyncio.create_task(session.outbox.run())
        try:
            if admission.refused:
                session.fail(RequestError("INVALID_AUTH"))
            async for message in connection:
                session.receive(message)
        except ConnectionClosed:
            pass  # how it ended is in the close code
        except Exception:
            _logger.exception("the simulator failed on a connection; this is a bug of the simulator")
            raise
        finally:
            code = connection.close_code
            self._exchange.disconnected(session, code)
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                await writer


def _response(reply: Reply) -> Response:
    headers = Headers([*reply.headers, ("Content-Type", "application/json"), ("Connection", "close")])
    headers["Content-Length"] = str(len(reply.body))
    return Response(reply.status, reply.reason, headers, reply.body)
