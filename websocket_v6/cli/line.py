"""The connection in words, from what `on_connection` told."""

import threading
from collections.abc import Callable

from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.events import ConnectionEvent

__all__ = ["ConnectionLine"]


class ConnectionLine:
    """One connection in one line. `say` is called with each change, on the component's thread."""

    def __init__(self, url: str, say: Callable[[str], None] | None = None) -> None:
        self._url = url
        self._say = say
        self._lock = threading.Lock()
        self._text = f"connecting to {url} ..."
        self.reason = ""  # why there is no connection, if that is known
        self.was_open = False

    def take(self, event: ConnectionEvent) -> None:
        """Note a change of the public connection: the callback of `on_connection`."""
        if event.endpoint != "public":
            return
        with self._lock:
            if event.state == "open":
                self.was_open = True
                self.reason = ""
            elif event.reason:
                self.reason = event.reason
            text = self._text = self._words(event)
        if self._say is not None:
            self._say(text)

    def check(self) -> None:
        """See whether there has been a connection.

        Raises:
            TransportError: if not; it says why.
        """
        with self._lock:
            if not self.was_open:
                raise TransportError(self.reason or f"there was no connection to {self._url} in the time given")

    def _words(self, event: ConnectionEvent) -> str:
        match event.state:
            case "open":
                gap = "" if event.gap is None else f" again after a gap of {event.gap:.1f} s"
                return f"connected to {self._url}{gap}"
            case "lost":
                return f"{'connection lost' if self.was_open else 'no connection'}, trying again: {event.reason}"
            case "connecting":
                return f"connecting to {self._url} ..."
            case state:
                return f"connection {state}" + (f": {event.reason}" if event.reason else "")

    def __str__(self) -> str:
        with self._lock:
            # While it tries again, the reason for that is what a reader wants to know.
            trying = self._text.startswith("connecting") and self.reason
            return f"{self._text}\nbefore: {self.reason}" if trying else self._text
