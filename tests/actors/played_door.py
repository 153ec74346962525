"""A host's door that a test plays: what answers is another library's, so that a mistake of ours shows."""

import contextlib
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve, unix_serve
from websockets.typing import Subprotocol

from websocket_v6.protocol.connection.door import AUTH, NONCE, TERM, Door, auth, is_known

__all__ = ["PlayedDoor", "raw_door"]


class PlayedDoor:
    """Answers at `door`. Who came is in `came`, each with what it says in `said`."""

    def __init__(self, path: Path | None, *, key: bytes = b"k" * 32, term: int = 1, status: int = 101) -> None:
        self.key, self.term, self.status = key, term, status
        self.extra: dict[str, str] = {}
        self.greeting: Callable[[ServerConnection], None] = lambda connection: None
        self._open: list[ServerConnection] = []
        self.requests: list[Request] = []
        self.came: queue.SimpleQueue[ServerConnection] = queue.SimpleQueue()
        self.said: queue.SimpleQueue[Any] = queue.SimpleQueue()
        options: dict[str, Any] = {
            "subprotocols": [Subprotocol("v6.2")],
            "process_request": self._judge,
            "process_response": self._answer,
            "compression": None,
            "ping_interval": None,
        }
        self._server: Server = (
            serve(self._serve, "127.0.0.1", 0, **options)
            if path is None
            else unix_serve(self._serve, str(path), **options)
        )
        address = str(path) if path is not None else f"127.0.0.1:{self._server.socket.getsockname()[1]}"
        self.door = Door(address, key, term, pid=4711)
        self._thread = threading.Thread(target=self._server.serve_forever, name="played door", daemon=True)
        self._thread.start()

    def close(self) -> None:
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.socket.shutdown(socket.SHUT_RDWR)
        self._server.shutdown()
        self._thread.join(5)

    def __enter__(self) -> "PlayedDoor":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _judge(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        known = is_known(self.key, {name.lower(): value for name, value in request.headers.raw_items()})
        if not known or self.status != 101:
            status = HTTPStatus(self.status if known else 401)
            return Response(status.value, status.phrase, Headers({**self.extra, "Content-Length": "0"}))
        return None

    def _answer(self, connection: ServerConnection, request: Request, response: Response) -> Response | None:
        if response.status_code == 101:
            response.headers[AUTH] = auth(self.key, "host", request.headers[NONCE])
            response.headers[TERM] = str(self.term)
        return None

    def _serve(self, connection: ServerConnection) -> None:
        self._open.append(connection)
        self.greeting(connection)
        self.came.put(connection)
        with contextlib.suppress(ConnectionClosed):
            for message in connection:
                self.said.put(message)
        self.said.put(None)


@contextlib.contextmanager
def raw_door(path: Path, play: Callable[[socket.socket], object], *, backlog: int = 8) -> Iterator[Door]:
    """Listen at `path` and let `play` deal with the first that comes."""

    def run() -> None:
        with contextlib.suppress(OSError):
            sock, _ = listener.accept()
            with sock:
                play(sock)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(backlog)
        thread = threading.Thread(target=run, name="raw door", daemon=True)
        thread.start()
        try:
            yield Door(str(path), b"k" * 32, 1, pid=4711)
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)
