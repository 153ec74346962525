"""The source of an endpoint on a machine that does not lead: the fleet's log, read by a thread of its own.

To the registry it is a source like any other. What the registry would have it ask of an exchange is what this machine
wants of the fleet.
"""

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Final

from websocket_v6.actors.base import Actor, Timer, tell
from websocket_v6.actors.connection.connection import Resign
from websocket_v6.actors.connection.health import ConnectionHealth
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.connection import (
    Connect,
    Disconnect,
    KeysChanged,
    ListSubscriptions,
    SendRequest,
    Suspect,
)
from websocket_v6.actors.messages.fleet import (
    AskLog,
    JoinLog,
    LogBegins,
    LogFollowed,
    LogHeard,
    LogRead,
    LogServes,
    LogWanted,
    ResumeFrom,
    ResumeLog,
    UseFleet,
)
from websocket_v6.actors.messages.router import SourceState
from websocket_v6.actors.messages.supervisor import Failed
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.exchange.requests import encode_request
from websocket_v6.protocol.fleet.resume import Resumption
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.server.request_reading import RequestError, read_guest_request

from .access import LogAccess
from .log_reader import LogReader
from .progress import Claimed
from .resuming import Resuming

__all__ = ["LogSource"]

LESS: Final = 2.0  # seconds for which what is not wanted any more goes on, with a resume name
JOIN_TIMEOUT: Final = 2.0  # seconds for the reader to end with this actor


class _LingerOver(Message):
    """Nobody has wanted it again."""


class _WantLess(Message):
    """It is not wanted again."""

    streams: frozenset[str]
    request: bytes


class LogSource(Actor):
    """Reads the log of an endpoint while someone wants it.

    Receives Connect, Disconnect, SendRequest, ListSubscriptions and Suspect from the registry, Resign and UseFleet from
    the supervisor, LogServes, JoinLog and LogRead from its reader. Sends LogWanted, LogHeard, JoinLog, AskLog and
    LogRead to the fleet.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        source: int,
        access: LogAccess,
        config: Config,
        router: Ref,
        fleet: Ref | None,
        supervisor: Ref,
    ) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._source = source
        self._access = access
        self._config = config
        self._router = router
        self._fleet = fleet
        self._supervisor = supervisor
        self._reader: LogReader | None = None
        self._serves = 0
        self._shown = "idle"
        self._error: WebSocketV6Error | None = None
        self._opened_at = 0.0
        self._reconnects = 0
        self._request = b""
        self._linger: Timer | None = None
        self._is_named = config.fleet_resume is not None
        self._claimed: Claimed | None = None  # the name, once it is this process's
        self._resumption: Resumption | None = None
        self._types: Sequence[Mapping[str, object]] | None = None  # that are wanted as soon as it is
        self._is_begun = not self._is_named  # what is wanted is told to the fleet
        self._streams: frozenset[str] = frozenset()
        self._less: Timer | None = None

    def on_start(self) -> None:
        """With a name, ask where to begin."""
        self._ask_where()

    def _ask_where(self) -> None:
        if self._is_named:
            tell(self._fleet, ResumeLog(self._endpoint, self.actor_ref))

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case Connect(_, types):
                self._connect(types)
            case Disconnect(_, linger):
                self._stop_lingering()
                if linger > 0:
                    self._linger = self.after(linger, _LingerOver())
                else:
                    self._disconnect()
            case _LingerOver():
                self._linger = None
                self._disconnect()
            case SendRequest(_, _, types, attachment):
                if attachment == self._serves != 0:
                    self._want(types)
            case ListSubscriptions(_, ticket, attachment):
                if attachment == self._serves != 0 and self._reader is not None:
                    self._reader.asks(ticket)
                    tell(self._fleet, AskLog(self._endpoint, ticket))
            case LogServes():
                self._note(message)
            case JoinLog() | LogRead() | LogFollowed():
                tell(self._fleet, message)
            case LogBegins():
                self._is_begun = True
                tell(self._fleet, LogWanted(self._endpoint, self._request))
            case _WantLess(streams, request):
                self._less = None
                self._tell_want(streams, request)
            case ResumeFrom():
                self._resume(message)
            case UseFleet(fleet):
                self._fleet = fleet
                self._ask_where()
                if self._is_begun:
                    tell(fleet, LogWanted(self._endpoint, self._request))
                tell(fleet, LogHeard(self._endpoint, bool(self._serves)))
            case Resign():
                self.close()
            case KeysChanged() | Suspect():
                pass  # whoever leads sees to its connection
            case GetHealth():
                return (self._health(),)
            case _:
                super().on_receive(message)
        return None

    def close(self) -> None:
        """End the reader, and wait for its thread. With a name, what is wanted lives on."""
        self._disconnect(is_end=True)

    def failed(self, error: BaseException) -> None:
        """Tell the supervisor."""
        tell(self._supervisor, Failed(self._endpoint, self.actor_ref, error, None))

    def _connect(self, types: Sequence[Mapping[str, object]]) -> None:
        self._stop_lingering()
        if self._is_named and self._claimed is None:
            self._types = types  # it is not known yet where to begin
            return
        if self._reader is None:
            self._reader = self._new_reader()
            self._reader.start()
        if types:
            self._want(types)

    def _new_reader(self) -> LogReader:
        servers, keys, secret, read_from = self._access
        config, resuming = self._config, None
        if self._claimed is not None:
            resumption, self._resumption = self._resumption, None
            owner, endpoint = self.actor_ref, self._endpoint
            resuming = Resuming(
                endpoint, self._claimed, lambda one: tell(owner, LogFollowed(endpoint, one)), resumption
            )
        return LogReader(
            endpoint=self._endpoint,
            source=self._source,
            servers=servers,
            keys=keys,
            owner=self.actor_ref,
            router=self._router,
            backoff=(config.backoff_initial, config.backoff_max),
            secret=secret,
            read_from=read_from,
            delay=config.fleet_delay,
            resuming=resuming,
        )

    def _resume(self, message: ResumeFrom) -> None:
        """Begin, for the name is this process's; or stop, for it is not, or not any more."""
        self._claimed, self._resumption, error = message.claimed, message.resumption, message.error
        if error is not None:
            self._types = self._types or ()
            self._disconnect(is_end=True)
            self._shown, self._error = "refused", error
            state = SourceState(self._endpoint, self._source, "refused", time.time_ns(), str(error), error)
            tell(self._router, state)
        elif self._types is not None:
            types, self._types = self._types, None
            self._connect(types)

    def _want(self, types: Sequence[Mapping[str, object]]) -> None:
        """Have the reader take this, and then the fleet bring it.

        With a name, what is wanted no longer goes on for a moment: when the process ends, its components go first.
        """
        request = encode_request(str(uuid.uuid4()), types, self._config.format).encode()
        try:
            wants = read_guest_request(request, self._endpoint, region=self._config.region)[0].wants
        except RequestError:
            wants = ()
        streams = frozenset(stream for want in wants for stream in want.streams())
        self._stop_less()
        if self._is_named and not streams >= self._streams:
            self._less = self.after(LESS, _WantLess(streams, request))
            return
        self._tell_want(streams, request)

    def _tell_want(self, streams: frozenset[str], request: bytes) -> None:
        self._streams, self._request = streams, request
        if self._reader is not None:
            self._reader.want(streams)
        if self._is_begun:
            tell(self._fleet, LogWanted(self._endpoint, request))

    def _stop_less(self) -> None:
        if self._less is not None:
            self._less.cancel()
            self._less = None

    def _disconnect(self, *, is_end: bool = False) -> None:
        self._stop_lingering()
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.finish()
            reader.join(JOIN_TIMEOUT)
            was_heard = bool(self._serves)
            self._serves, self._shown, self._is_begun = 0, "idle", not self._is_named
            if reader.place:
                tell(self._fleet, LogRead(self._endpoint, reader.place, 0))
            if not self._is_named:
                self._tell_want(frozenset(), b"")
            elif not is_end:
                self._less = self.after(LESS, _WantLess(frozenset(), b""))
            if was_heard:
                tell(self._fleet, LogHeard(self._endpoint, False))
        if is_end:
            self._stop_less()

    def _stop_lingering(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None

    def _note(self, message: LogServes) -> None:
        if self._reader is None:
            return  # from one that has ended
        if message.serves and self._opened_at:
            self._reconnects += 1
        if message.serves:
            self._opened_at = time.monotonic()
        was_heard = bool(self._serves)
        self._serves, self._shown, self._error = message.serves, message.state, message.error
        if bool(message.serves) is not was_heard:
            tell(self._fleet, LogHeard(self._endpoint, not was_heard))
        if message.state == "failed":
            raise RuntimeError("the reader of the fleet's log has failed")

    def _health(self) -> ConnectionHealth:
        return ConnectionHealth(
            self._endpoint,
            self._source,
            "waiting" if self._shown == "lost" else self._shown,
            0,
            time.monotonic() - self._opened_at if self._serves else 0.0,
            self._reconnects,
            len(self._request),
            "" if self._error is None else str(self._error),
        )
