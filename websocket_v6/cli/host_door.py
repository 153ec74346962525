"""The way to the host of this user's programs, whichever that is: by the runtime folder, at the door of its guests.

Who looks is no member: it counts as nobody, is told nothing but states, and the host goes when it goes.
"""

import contextlib
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import websocket

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.door import STATE_PATH, Door
from websocket_v6.protocol.errors import RemoteProtocolError, TransportError
from websocket_v6.protocol.membership.host_entry import HostEntry
from websocket_v6.protocol.websocket.frames import Closed, FrameDecoder, Violation
from websocket_v6.protocol.websocket.outgoing import TEXT, masked_frame

from ..actors.connection.door_handshake import open_door
from ..actors.dialing.boundary import PEER_MAY_CAUSE, words_of
from ..actors.membership.rendezvous import Rendezvous, default_folder, host_elsewhere
from .host_state import HostState, read_state

__all__ = ["HostDoor"]

TIMEOUT = 5.0  # seconds for an answer
MOST = 4 * 1024 * 1024  # bytes of it
_CHUNK = 64 * 1024


class HostDoor:
    """Asks the host of `config.url` how it is; a context manager.

    Raises:
        ConfigError: if the folder that the processes meet in cannot be used.
    """

    def __init__(self, config: Config) -> None:
        self._url = config.url
        self._folder = Path(config.runtime_dir) if config.runtime_dir else default_folder()
        self._rendezvous = Rendezvous(self._folder, config.url)
        self._socket: websocket.WebSocket | None = None
        self._entry: HostEntry | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._hang_up()

    def ask(self) -> HostState:
        """Return how it is now.

        Raises:
            WebSocketV6Error: if there is none, or it does not say.
        """
        entry = self._rendezvous.find_host()
        if entry is None:
            raise TransportError(self._nobody())
        if entry != self._entry:
            self._hang_up()  # another process is the host now
        try:
            return read_state(self._answer(entry))
        except PEER_MAY_CAUSE as exc:
            self._hang_up()
            raise TransportError(f"the host, process {entry.pid}, does not answer: {words_of(exc)}") from None
        except BaseException:
            self._hang_up()
            raise

    def _nobody(self) -> str:
        if elsewhere := host_elsewhere(self._folder, self._url):
            return elsewhere
        return (
            f"no process of this user is the host of {self._url}: start a program that uses it, or websocket-v6 serve; "
            "for another exchange give --url, for a host with a port the address of its page"
        )

    def _answer(self, entry: HostEntry) -> bytes:
        if self._socket is None:
            self._socket, self._entry = websocket.WebSocket(), entry
            open_door(
                self._socket, Door(entry.address, entry.key, entry.term, pid=entry.pid), STATE_PATH, timeout=TIMEOUT
            )
        sock = self._socket.sock
        if sock is None:
            raise OSError("it is closed")
        sock.settimeout(TIMEOUT)
        sock.sendall(masked_frame(TEXT, b"state", os.urandom(4)))
        decoder, deadline = FrameDecoder(max_message_bytes=MOST), time.monotonic() + TIMEOUT
        while (remaining := deadline - time.monotonic()) > 0:
            sock.settimeout(remaining)
            data = sock.recv(_CHUNK)
            if not data:
                raise OSError("it hung up")
            for message in decoder.receive(data):
                return message
            for control in decoder.controls:
                if isinstance(control, Closed | Violation):
                    raise RemoteProtocolError(f"the host, process {entry.pid}, closed: {control.reason}")
        raise TimeoutError(f"nothing came within {TIMEOUT:g} s")

    def _hang_up(self) -> None:
        socket, self._socket = self._socket, None
        self._entry = None
        if socket is not None:
            with contextlib.suppress(OSError):
                socket.shutdown()  # type: ignore[no-untyped-call]
