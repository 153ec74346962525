"""The connection that the log is written through: the router sends on it, this thread reads what the server answers.

What does not fit into the socket is sent on by this thread, as a server's does for its clients (`server/outlet.py`). It
alone closes the socket. With TLS it alone touches it.
"""

import contextlib
import importlib
import logging
import selectors
import socket
import ssl
import threading
import time
from typing import Any, Final

from websocket_v6.actors.base import tell
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.fleet import WriterEnded, WriterOpened, WriterSaid
from websocket_v6.actors.server.outlet import Account, Outlet
from websocket_v6.actors.server.sending import sender_of
from websocket_v6.protocol.dialing.servers import Servers
from websocket_v6.protocol.errors import TransportError, WebSocketV6Error
from websocket_v6.protocol.fleet.standing import Answer, answer_of
from websocket_v6.protocol.outside_text import outside_text

from .lines import Line, open_line

__all__ = ["BUDGET", "SILENT", "Writer"]

logger = logging.getLogger(__name__)

BUDGET: Final = 64 * 1024 * 1024  # bytes that may wait for the server
LOOK: Final = 0.25  # seconds between two looks at the clock
REST: Final = 0.01  # seconds for which answers pile up: to wake for each would cost more than to send
QUIET: Final = 1.0  # seconds without an answer until one is asked for; after more between two looks this stood still
SILENT: Final = 3.0  # and until nothing more is waited for
CHUNK: Final = 64 * 1024


class Writer(threading.Thread):
    """One connection, from its opening to its end. `put` is for the router's thread, once it is told to be open.

    Tells `owner` WriterOpened, WriterSaid and in the end WriterEnded.
    """

    def __init__(self, number: int, servers: Servers, key: str, owner: Ref) -> None:
        super().__init__(name=f"fleet-writer-{number}", daemon=True)
        self.number = number
        self._servers = servers
        self._key = key
        self._owner = owner
        self._outlet: Outlet | None = None
        self._may_send = True
        self._is_over = False
        self._ear, self._waker = socket.socketpair()
        for sock in (self._ear, self._waker):
            sock.setblocking(False)

    def put(self, data: bytes) -> None:
        """Send commands, behind those before them; where they cannot be sent any more they are dropped."""
        outlet = self._outlet
        if outlet is not None:
            outlet.put(data, may_send=self._may_send)

    def finish(self) -> None:
        """End soon."""
        self._is_over = True
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._waker.send(b"x")

    def run(self) -> None:
        """Connect and read answers until the end, and say why that is."""
        line: Line | None = None
        try:
            line = open_line(self._servers, self._key)
            self._carry(line)
            error: WebSocketV6Error = TransportError("the fleet's log is not written any more")
        except WebSocketV6Error as exc:
            error = exc
        except OSError as exc:
            error = TransportError(f"the fleet's server {self._servers.shown} hung up: {outside_text(exc)}")
        except Exception as exc:
            logger.exception("the thread that writes the fleet's log failed; this is a bug, please report it")
            error = TransportError(f"a bug: {exc!r:.100}")
        finally:
            self._close(line)
        tell(self._owner, WriterEnded(self.number, error))

    def _close(self, line: Line | None) -> None:
        if self._outlet is not None:
            self._outlet.close()
        if line is not None:
            line.close()
        self._ear.close()
        self._waker.close()

    def _carry(self, line: Line) -> None:
        sock = line.socket
        sock.setblocking(False)
        self._may_send = not line.is_tls
        send = sock.send if line.is_tls else sender_of(sock)
        outlet = self._outlet = Outlet(sock, send, Account(BUDGET), self._wake)
        reader = importlib.import_module("hiredis").Reader(replyError=Exception, protocolError=OSError)
        heard_at = looked_at = time.monotonic()
        is_asked = False
        tell(self._owner, WriterOpened(self.number))
        with selectors.DefaultSelector() as selector, selectors.DefaultSelector() as rest:
            selector.register(self._ear, selectors.EVENT_READ)
            selector.register(sock, selectors.EVENT_READ)
            rest.register(self._ear, selectors.EVENT_READ)
            while not self._is_over:
                events = selectors.EVENT_READ | (selectors.EVENT_WRITE if outlet.is_behind else 0)
                selector.modify(sock, events)
                for key, _ in selector.select(LOOK):
                    if key.fileobj is self._ear:
                        self._hear_wakers()
                has_read, now = self._read(sock, reader), time.monotonic()
                if has_read or now - looked_at > QUIET:
                    heard_at, is_asked = now, False
                elif now - heard_at > QUIET and not is_asked:
                    outlet.add(b"PING\r\n")
                    is_asked = True
                looked_at = now
                outlet.catch_up()
                if has_read and not outlet.is_behind:
                    rest.select(REST)
                if outlet.is_exceeded:
                    raise TransportError(f"the fleet's server {line.shown} does not take what is written to it")
                if outlet.is_over:
                    raise TransportError(f"the fleet's server {line.shown} hung up")
                if now - heard_at > SILENT:
                    raise TransportError(f"the fleet's server {line.shown} has not answered for {SILENT:g} s")

    def _hear_wakers(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._ear.recv(4096):
                pass

    def _read(self, sock: socket.socket, reader: Any) -> bool:
        """Read answers, and say which were no good; return whether there were any."""
        has_read = False
        while True:
            try:
                data = sock.recv(CHUNK)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return has_read
            if not data:
                raise TransportError(f"the fleet's server {self._servers.shown} hung up")
            has_read = True
            reader.feed(data)
            while (reply := reader.gets()) is not False:
                self._judge(reply)

    def _judge(self, reply: object) -> None:
        answer = answer_of(reply)
        if answer is Answer.LOST:
            raise TransportError(f"the fleet's server {self._servers.shown} refuses: {outside_text(reply)}")
        if answer is not Answer.DONE:
            tell(self._owner, WriterSaid(self.number, answer.value, outside_text(reply)))
