"""The thread that waits for the server's answers, so that no actor has to."""

import logging
import queue
import threading
import time

from websocket_v6.actors.base import tell
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.fleet import Called, CallFailed
from websocket_v6.protocol.dialing.servers import Servers
from websocket_v6.protocol.errors import TransportError, WebSocketV6Error
from websocket_v6.protocol.message import Message

from .lines import Command, Line, open_line

__all__ = ["Caller"]

logger = logging.getLogger(__name__)


class _Call(Message):
    tag: str
    commands: tuple[Command, ...]


class Caller(threading.Thread):
    """Owns one connection to the server that has `key`: opens it when there is something to call, and again.

    Tells `owner` Called or CallFailed, one for each call, in their order.
    """

    def __init__(self, name: str, servers: Servers, key: str, owner: Ref) -> None:
        super().__init__(name=name, daemon=True)
        self._servers = servers
        self._key = key
        self._owner = owner
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._line: Line | None = None
        self._is_aborted = False

    def call(self, tag: str, *commands: Command) -> None:
        """Have commands carried out, behind all calls before them."""
        self._calls.put(_Call(tag, commands))

    def finish(self, timeout: float) -> None:
        """End once all is called, or after so many seconds without the answers."""
        self._calls.put(None)
        if self.ident is None:
            return
        self.join(timeout)
        if self.is_alive():
            self.abort()
            self.join(timeout)

    def abort(self) -> None:
        """End now."""
        self._is_aborted = True
        self._calls.put(None)
        line = self._line
        if line is not None:
            line.abort()

    def run(self) -> None:
        """Call, one after the other."""
        try:
            while (call := self._calls.get()) is not None and not self._is_aborted:
                self._do(call)
        finally:
            self._hang_up()

    def _do(self, call: _Call) -> None:
        try:
            if self._line is None:
                self._line = open_line(self._servers, self._key)
            asked_at = time.monotonic()
            replies = self._line.call(*call.commands)
        except WebSocketV6Error as exc:
            self._hang_up()
            tell(self._owner, CallFailed(call.tag, exc))
        except Exception as exc:
            logger.exception("a call of the fleet's server failed; this is a bug, please report it")
            self._hang_up()
            tell(self._owner, CallFailed(call.tag, TransportError(f"a bug: {exc!r:.100}")))
        else:
            tell(self._owner, Called(call.tag, replies, asked_at, time.monotonic()))

    def _hang_up(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()
