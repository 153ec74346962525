"""An exchange that repeats what it was sent, wherever an answer has room for words: what a careless proxy does."""

import base64
import contextlib
import hashlib
import re
import socket
import threading
from types import TracebackType
from typing import Self

__all__ = ["ECHOES", "EchoingExchange"]

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# {token} is what the request had behind "Bearer".
ECHOES: dict[str, str] = {
    "a refusal's body": "HTTP/1.1 401 Unauthorized\r\nContent-Length: {size}\r\n\r\n{body}",
    "a refusal's reason": "HTTP/1.1 403 {token}\r\nContent-Length: 0\r\n\r\n",
    "a refusal's header": "HTTP/1.1 503 No\r\nRetry-After: {token}\r\nX: Bearer {token}\r\nContent-Length: 0\r\n\r\n",
    "a gateway's page": "HTTP/1.1 502 Bad\r\nContent-Length: {size}\r\n\r\n{page}",
    "the status line": "HTTP/1.1 Bearer {token}\r\n\r\n",
    "no HTTP": "{token}\r\n\r\n",
    "a cookie": "HTTP/1.1 401 No\r\nSet-Cookie: a/b={token}\r\nContent-Length: 0\r\n\r\n",
    "a header that is none": "HTTP/1.1 200 OK\r\n{token}\r\n\r\n",
    "a subprotocol": "{opening}Sec-WebSocket-Protocol: {token}\r\n\r\n",
    "an extension": "{opening}Sec-WebSocket-Extensions: {token}\r\n\r\n",
    "silence": "",
}
# What a connection that is open says, as (first byte of the frame, payload).
FRAMES: dict[str, tuple[int, str]] = {
    "a close reason": (0x88, "\x0f\xa0{half}"),
    "an error": (0x81, '{{"error":{{"name":"{token}","message":"bad Bearer {token}"}}}}'),
    "a message that is none": (0x81, "{token}"),
    "a type that is none": (0x81, '{{"type":"{token}","code":"KRW-BTC"}}'),
    "a code that is none": (0x81, '{{"type":"myOrder","code":"{token}"}}'),
    "a broken order": (0x81, '{{"type":"myOrder","code":"KRW-BTC","uuid":5,"price":"{token}","timestamp":"{token}"}}'),
}


class EchoingExchange:
    """Answers each request by the next of its ways, over and over. A context manager."""

    def __init__(self) -> None:
        self.tokens: set[str] = set()
        self.answered: dict[str, int] = dict.fromkeys((*ECHOES, *FRAMES), 0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}/websocket/v1"
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._run, name="echoing-exchange", daemon=True)

    @property
    def has_told_all(self) -> bool:
        """Whether each way was used at least once."""
        return all(self.answered.values())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self._open.append(sock)
                thread = threading.Thread(target=self._answer, args=(sock,), name="echoing-exchange", daemon=True)
                self._threads.append(thread)
                thread.start()

    def _answer(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            request = b""
            while b"\r\n\r\n" not in request:
                data = sock.recv(65536)
                if not data:
                    return
                request += data
            text = request.decode()
            found = re.search(r"(?i)authorization: bearer (\S+)", text)
            if found is None:
                return
            self.tokens.add(found[1])
            way = min(self.answered, key=self.answered.__getitem__)
            self.answered[way] += 1
            sock.sendall(_said(way, found[1], text))
            sock.settimeout(0.2 if way == "silence" else 0.05)
            with contextlib.suppress(TimeoutError):
                while sock.recv(65536):
                    pass


def _said(way: str, token: str, request: str) -> bytes:
    key = re.search(r"(?i)sec-websocket-key: (\S+)", request)
    assert key is not None
    accept = base64.b64encode(hashlib.sha1((key[1] + GUID).encode(), usedforsecurity=False).digest()).decode()
    opening = (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n"
    )
    if way in ECHOES:
        body = f'{{"error":{{"name":"jwt_verification","message":"no good: {token}, {token}"}}}}'
        page = f"<html><pre>Authorization: Bearer {token}</pre></html>".ljust(len(body))[: len(body)]
        return ECHOES[way].format(token=token, body=body, page=page, size=len(body), opening=opening).encode()
    first, text = FRAMES[way]
    payload = text.format(token=token, half=token[:120]).encode("latin-1")
    size = bytes((len(payload),)) if len(payload) < 126 else b"\x7e" + len(payload).to_bytes(2, "big")
    return f"{opening}\r\n".encode() + bytes((first,)) + size + payload
