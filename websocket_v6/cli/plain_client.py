"""What people write first: two components share one websocket-client connection, each sends its own request.

It is here to be measured beside the engine. Nothing in it is made worse than need be: one thread reads, parses with
the standard library and hands each message to every component that wants it.
"""

import json
import threading
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping

import websocket

__all__ = ["PlainClient", "Streams", "streams"]

Streams = frozenset[tuple[str, str]]  # pairs of data type and code


class PlainClient:
    """One connection, used by several components; a context manager."""

    def __init__(self, url: str, wants: Mapping[str, Streams]) -> None:
        self._wants = wants
        # Snapshots are not counted: what is compared is the flow.
        self.live: Counter[str] = Counter()  # messages by component
        self.received = 0
        self._socket = websocket.create_connection(url, timeout=10.0)
        # Ended by the closing of the socket, however long the exchange is silent.
        self._socket.settimeout(None)
        self._reader = threading.Thread(target=self._read, name="plain client")
        self._reader.start()

    def subscribe(self, component: str) -> None:
        """Send what `component` wants, and that alone: it knows nothing of the others."""
        by_type: dict[str, list[str]] = {}
        for type_, code in sorted(self._wants[component]):
            by_type.setdefault(type_, []).append(code)
        request: list[dict[str, object]] = [{"ticket": str(uuid.uuid4())}]
        request += [{"type": type_, "codes": codes} for type_, codes in by_type.items()]
        self._socket.send(json.dumps(request))

    def _read(self) -> None:
        try:
            while frame := self._socket.recv():
                message = json.loads(frame)
                if message.get("stream_type") == "REALTIME":
                    self._hand_out((message["type"], message["code"]))
        except (websocket.WebSocketException, OSError):
            return  # closed

    def _hand_out(self, stream: tuple[str, str]) -> None:
        self.received += 1
        self.live.update(component for component, wants in self._wants.items() if stream in wants)

    def close(self) -> None:
        """Close the connection and wait for its thread."""
        self._socket.abort()  # type: ignore[no-untyped-call]  # wakes the thread, which closing alone would not
        self._reader.join()
        self._socket.shutdown()  # type: ignore[no-untyped-call]

    def __enter__(self) -> "PlainClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def streams(types: Iterable[str], codes: Iterable[str]) -> Streams:
    """Return every type of every code."""
    codes = tuple(codes)
    return frozenset((type_, code) for type_ in types for code in codes)
