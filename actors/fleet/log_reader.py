"""The thread that reads the log of one endpoint for this machine, as long as its owner wants it.

It connects, reads and waits for credits; what the entries say is the follower's (`log_follower.py`).
"""

import logging
import queue
import random
import threading
import time
from collections.abc import Iterable
from typing import Final

from websocket_v6.actors.base import tell
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.fleet import LogBegins, LogRead, LogServes
from websocket_v6.protocol import errors
from websocket_v6.protocol.connection.backoff import Backoff
from websocket_v6.protocol.dialing.servers import ReadFrom, Servers
from websocket_v6.protocol.errors import TransportError, WebSocketV6Error
from websocket_v6.protocol.fleet.ids import Keys, parse_id
from websocket_v6.protocol.fleet.place import Place
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.outside_text import outside_text
from websocket_v6.protocol.secret import Secret

from .lines import Line
from .log_follower import LogFollower
from .log_voice import LogVoice
from .reading_ways import ReadingWays
from .resuming import Resuming

__all__ = ["LogReader"]

logger = logging.getLogger(__name__)

BLOCK: Final = 500  # milliseconds that a read waits for something to come
COUNT: Final = 256  # entries of one read
LOOK: Final = 1.0  # seconds without anything until it is looked at the title
NO_LEADER: Final = 0.1  # seconds between two looks while nobody leads
PATIENCE: Final = 2.0  # seconds without the server until the gap is told: what was written meanwhile may be there yet
WANTS: Final = 3.0  # seconds that it is waited for what was wanted before
SAY: Final = 1.0  # seconds between two words of how far it has come


class _Want(Message):
    """Deliver just these streams."""

    streams: tuple[str, ...]


class _Asked(Message):
    """The fleet is asked what is served."""

    ticket: str
    at_ns: int


class LogReader(threading.Thread):
    """Reads until it is told to finish, and connects again whenever it has to.

    Tells `router` what a source says, `owner` LogServes, JoinLog and LogRead. `secret`: of an account. `delay`: seconds
    from one read to the next, so that one brings more; each costs the server the same.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        source: int,
        servers: Servers,
        keys: Keys,
        read_from: ReadFrom = None,
        delay: float = 0.0,
        owner: Ref,
        router: Ref,
        backoff: tuple[float, float],
        secret: Secret | None = None,
        place: Place | None = None,
        resuming: Resuming | None = None,
    ) -> None:
        super().__init__(name=f"fleet-reader-{endpoint}-{source}", daemon=True)
        self._endpoint = endpoint
        self._ways = ReadingWays(servers, keys.log(endpoint), read_from)
        self._delay = delay
        self._key = keys.log(endpoint)
        self._owner = owner
        self._voice = LogVoice(endpoint, source, owner, router)
        self._log = LogFollower(
            endpoint=endpoint,
            keys=keys,
            owner=owner,
            voice=self._voice,
            await_credit=self._await_credit,
            secret=secret,
            place=place,
            resuming=resuming,
        )
        self._resuming = resuming
        self._backoff = Backoff(*backoff, random.random)
        self._commands: queue.SimpleQueue[_Want | _Asked | None] = queue.SimpleQueue()
        self._line: Line | None = None
        self._is_over = False
        self._said_at = 0.0
        self._down_since: float | None = None

    # --- for the owner's thread

    def want(self, streams: Iterable[str]) -> None:
        """Deliver just these streams from now on."""
        self._commands.put(_Want(tuple(streams)))
        self._voice.mark()

    def asks(self, ticket: str) -> None:
        """Note that the fleet is asked what is served, before it is."""
        self._commands.put(_Asked(ticket, time.time_ns()))
        self._voice.mark()

    def finish(self) -> None:
        """End at once."""
        self._is_over = True
        self._commands.put(None)
        self._voice.mark()
        line = self._line
        if line is not None:
            line.abort()

    @property
    def place(self) -> str:
        """The last entry that was read; "" if there is none."""
        place = self._log.place
        return "" if place is None else str(place.at)

    # --- the thread

    def run(self) -> None:
        """Read until it is told to finish."""
        try:
            while not self._is_over:
                self._attempt()
        except Exception as exc:
            logger.exception("the thread that reads the fleet's log failed; this is a bug, please report it")
            self._voice.end(TransportError(f"the reader of the fleet's log failed through a bug: {exc!r:.100}"), "lost")
            tell(self._owner, LogServes(0, "failed"))
            return
        finally:
            self._note_place()
        self._voice.end(TransportError(f"the {self._endpoint} log is not read any more: nobody wants it"), "closed")

    def _await_wants(self, resuming: Resuming) -> None:
        """Wait until all is wanted again that was when this process was left: what goes by is not read again."""
        while not self._is_over and (missed := resuming.missed):
            try:
                self._obey(self._commands.get(timeout=WANTS))
            except queue.Empty:
                text = "what was wanted before is not now, so what came of it meanwhile is passed over: %s"
                logger.warning(text, ", ".join(missed[:10]))
                break
        self._log.start()
        tell(self._owner, LogBegins(self._endpoint))

    def _attempt(self) -> None:
        if not self._voice.attachment:
            self._voice.show("connecting")
        try:
            self._line = self._ways.open()
            if not self._is_over:
                self._read(self._line)
        except WebSocketV6Error as exc:
            self._ways.failed()
            if not self._is_over:
                self._failed(exc)
        finally:
            line, self._line = self._line, None
            if line is not None:
                line.close()

    def _failed(self, error: WebSocketV6Error) -> None:
        now = time.monotonic()
        self._down_since = now if self._down_since is None else self._down_since
        is_refused = isinstance(error, errors.AuthenticationError | errors.ConfigError)
        if is_refused or not self._voice.attachment or now - self._down_since > PATIENCE:
            self._voice.end(error, "refused" if is_refused else "lost")
        wait = self._backoff.failed()
        self._rest(min(wait, PATIENCE / 4) if self._voice.attachment else wait)

    def _rest(self, seconds: float) -> None:
        """Wait, and see to commands meanwhile."""
        until = time.monotonic() + seconds
        while not self._is_over and (left := until - time.monotonic()) > 0:
            try:
                self._obey(self._commands.get(timeout=left))
            except queue.Empty:
                return

    def _read(self, line: Line) -> None:
        while not self._is_over and not self._log.look(line):
            self._rest(NO_LEADER)
        self._down_since = None
        if self._resuming is not None and not self._resuming.has_begun:
            self._await_wants(self._resuming)
        self._log.go_on()
        while not self._is_over and not self._ways.should_return():
            self._obey_all()
            if self._voice.attachment and not self._voice.allowance:
                self._await_credit()
                continue
            place = self._log.place
            if place is None:
                return
            command = ("XREAD", "COUNT", COUNT, "BLOCK", BLOCK, "STREAMS", self._key, str(place.at))
            (reply,) = line.call(command)
            if isinstance(reply, Exception):
                raise TransportError(f"the fleet's log cannot be read: {outside_text(reply)}")
            self._obey_all()  # what is wanted or asked by now was so before the leader heard of it
            self._take(line, reply)
            self._log.see_to_joins()
            now = time.monotonic()
            if isinstance(reply, list) and reply:
                self._backoff.succeeded()
                self._log.looked_at = now
                if self._delay and len(reply[0][1]) < COUNT:
                    self._rest(self._delay)
            elif now - self._log.looked_at >= LOOK:
                self._log.look(line)
            self._report(now)

    def _await_credit(self) -> None:
        if not self._voice.allowance:
            self._obey_all()  # the marks of commands that came before this attachment are gone with the old credits
        while not self._voice.allowance and not self._is_over:
            self._voice.allowance.wait()
            self._obey_all()
            self._report(time.monotonic())

    def _obey_all(self) -> None:
        self._voice.allowance.collect()
        while not self._commands.empty():
            self._obey(self._commands.get())

    def _obey(self, command: _Want | _Asked | None) -> None:
        match command:
            case _Want(streams):
                self._log.want(streams)
            case _Asked(ticket, at_ns):
                self._voice.asked(ticket, at_ns)

    def _report(self, now: float) -> None:
        place = self._log.place
        if place is not None and now - self._said_at >= SAY:
            self._said_at = now
            self._note_place()
            lag_us = max(0, time.time_ns() - self._voice.whole_ns) // 1000 if self._voice.whole_ns else 0
            at = place.at if self._resuming is None else self._resuming.read
            tell(self._owner, LogRead(self._endpoint, str(at), lag_us))

    def _note_place(self) -> None:
        if self._resuming is not None:
            self._resuming.runs(self._log.runs)

    def _take(self, line: Line, reply: object) -> None:
        resuming, place = self._resuming, self._log.place
        if not isinstance(reply, list):
            if resuming is not None and place is not None:
                resuming.renew(line, place.at, self._log.wanted)
            return
        for _, found in reply:
            if found and resuming is not None:
                resuming.reserve(line, parse_id(found[-1][0]), len(found), self._log.wanted)
            for id_, fields in found:
                if self._is_over:
                    return
                self._log.read(line, parse_id(id_), fields or ())
