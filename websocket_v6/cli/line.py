"""The connection in words, from what `on_connection` told."""

import threading
from collections.abc import Callable
from gettext import gettext as _

from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.events import ConnectionEvent

__all__ = ["ConnectionLine"]


class ConnectionLine:
    """One connection in one line. `say` is called with each change, on the component's thread."""

    def __init__(self, url: str, say: Callable[[str], None] | None = None) -> None:
        self._url = url
        self._say = say
        self._lock = threading.Lock()
        self._text = _("connecting to {url} ...").format(url=url)
        self._is_connecting = True
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
            self._is_connecting = event.state == "connecting"
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
                raise TransportError(
                    self.reason or _("there was no connection to {url} in the time given").format(url=self._url)
                )

    def _words(self, event: ConnectionEvent) -> str:
        match event.state:
            case "open":
                gap = "" if event.gap is None else _(" again after a gap of {gap:.1f} s").format(gap=event.gap)
                return _("connected to {url}{gap}").format(url=self._url, gap=gap)
            case "lost":
                return _("{which}, trying again: {reason}").format(
                    which=_("connection lost") if self.was_open else _("no connection"), reason=event.reason
                )
            case "connecting":
                return _("connecting to {url} ...").format(url=self._url)
            case state:
                words = _("connection {state}").format(state=state)
                return f"{words}: {event.reason}" if event.reason else words

    def __str__(self) -> str:
        with self._lock:
            # While it tries again, the reason for that is what a reader wants to know.
            is_trying = self._is_connecting and self.reason
            return f"{self._text}\n{_('before')}: {self.reason}" if is_trying else self._text
