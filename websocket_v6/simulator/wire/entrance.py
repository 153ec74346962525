"""The simulated exchange on a port: WebSocket endpoints by the `websockets` library, and HTTP for what is no handshake.

Source: Upbit WebSocket reference, "Endpoints", "Compression", "Rate limits"; websockets documentation, asyncio server.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable
from email.utils import formatdate

from websockets.asyncio.server import Server as Listener
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from .admission import admit
from .client_socket import ClientSocket
from .clients import Clients
from .compression import DeflateFactory
from .doorway import Doorway, HttpProtocol, Visitors
from .house import House
from .reception import Reception
from .refusals import RequestError
from .replies import Reply

__all__ = ["Entrance"]

TOO_LARGE = 1009

_logger = logging.getLogger(__name__)
# What clients do wrong is this program's purpose and no news; faults of our own go to the logger above.
_library_logger = logging.getLogger(f"{__name__}.websockets")
_library_logger.setLevel(logging.CRITICAL)


class Entrance:
    """Listens for one exchange."""

    def __init__(
        self,
        house: House,
        clients: Clients,
        reception: Reception,
        make_http: Callable[[], HttpProtocol],
        *,
        host: str,
        port: int,
        tls: tuple[str, str] | None,
    ) -> None:
        self.port = port
        self._house = house
        self._clients = clients
        self._reception = reception
        self._visitors = Visitors(make_http)
        self._host = host
        self._listener: Listener | None = None
        self._pending: set[ClientSocket] = set()  # without an answer to their handshake
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
        answers, limits = self._house.answers, self._house.limits
        factories = [DeflateFactory(answers)] if answers.compression else []

        class FarSocket(Doorway):
            visitors = self._visitors
            weather, rng = self._house.weather, self._house.rng

        self._listener = await serve(
            self._handle,
            self._host,
            self.port,
            create_connection=FarSocket,
            process_request=self._process_request,
            process_response=self._process_response,
            extensions=factories,
            compression=None,
            ping_interval=None,  # the exchange sends none
            server_header=None,
            # The library has one code for what is too large; for another one it is the reception that looks.
            max_size=limits.request_bytes if limits.request_bytes_code == TOO_LARGE else None,
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
            await _accept_no_more(listener)
            for client in (*self._clients.open(), *self._clients.vanished):
                client.outbox.abort()
            for connection in self._pending:
                connection.abort()
            self._visitors.abort()
            self._ending.set()
            listener.close()
            await listener.wait_closed()

    async def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        assert isinstance(connection, ClientSocket)
        self._pending.add(connection)
        try:
            await self._house.turnstile.answering(unless=self._ending)
        finally:
            self._pending.discard(connection)
        admitted = admit(self._house, self._clients, request.path, request.headers, connection.ip)
        if isinstance(admitted, Reply):
            return _response(admitted)
        connection.admission = admitted
        return None

    def _process_response(self, connection: ServerConnection, _request: Request, response: Response) -> None:
        assert isinstance(connection, ClientSocket)
        # The exchange's time, by which a client may set its own; the library has put in the machine's.
        response.headers.pop("Date", None)
        response.headers["Date"] = formatdate(self._house.clock.now(), usegmt=True)
        if connection.admission is not None:
            for name, value in connection.admission.headers:
                response.headers[name] = value

    async def _handle(self, connection: ServerConnection) -> None:
        assert isinstance(connection, ClientSocket)
        admission = connection.admission
        assert admission is not None, "every connection has passed the handshake"
        client = self._clients.connect(admission.endpoint, connection, admission.seen, admission.key)
        client.ip = connection.ip
        connection.client = client
        writer = asyncio.create_task(client.outbox.run())
        try:
            if admission.refused:
                client.fail(RequestError("INVALID_AUTH"))
            async for message in connection:
                self._reception.receive(client, message)
        except ConnectionClosed:
            pass  # how it ended is in the close code
        except Exception:
            _logger.exception("the simulator failed on a connection; this is a bug of the simulator")
            raise
        finally:
            code = connection.close_code
            self._clients.disconnected(client, code)
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                await writer


async def _accept_no_more(listener: Listener) -> None:
    """Accept no more, and let those who are accepted have a transport: asyncio would lose their sockets.

    Source: CPython 3.11, `asyncio.base_events.Server._attach`, which fails once the server is closed.
    """
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):  # a proactor has no readers
        for sock in listener.sockets:
            loop.remove_reader(sock.fileno())
    await asyncio.sleep(0)


def _response(reply: Reply) -> Response:
    headers = Headers([("Content-Type", "application/json"), ("Connection", "close")])
    for name, value in reply.headers:
        headers.pop(name, None)
        headers[name] = value
    headers["Content-Length"] = str(len(reply.body))
    return Response(reply.status, reply.reason, headers, reply.body)
