"""The thread that reads the log of one endpoint for this machine, and says it to the router as any source does.

What is delivered, and what a gap is, `protocol/fleet` decides (Place, Interest). A gap ends the attachment; the next
one begins with the messages after it.
"""

import logging
import queue
import random
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Final

from websocket_v6.actors.base import tell
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.fleet import JoinLog, LogRead, LogServes
from websocket_v6.protocol import errors
from websocket_v6.protocol.connection.backoff import Backoff
from websocket_v6.protocol.connection.clock_offset import ClockOffset
from websocket_v6.protocol.dialing.servers import Servers
from websocket_v6.protocol.errors import RemoteProtocolError, TransportError, WebSocketV6Error
from websocket_v6.protocol.exchange.heads import Inbound
from websocket_v6.protocol.fleet import entries
from websocket_v6.protocol.fleet.entries import (
    Checkpoint,
    Covers,
    Listed,
    Open,
    Refused,
    State,
)
from websocket_v6.protocol.fleet.ids import EntryId, Keys, before_term, parse_id
from websocket_v6.protocol.fleet.joining import Interest, Taken
from websocket_v6.protocol.fleet.place import Place
from websocket_v6.protocol.fleet.sealing import Seal
from websocket_v6.protocol.outside_text import outside_text
from websocket_v6.protocol.secret import Secret
from websocket_v6.protocol.server import words

from .lines import Line, open_line
from .log_voice import LogVoice, error_of
from .title_holder import read_lead

__all__ = ["LogReader"]

logger = logging.getLogger(__name__)

BLOCK: Final = 500  # milliseconds that a read waits for something to come
COUNT: Final = 256  # entries of one read
LOOK: Final = 1.0  # seconds without anything until it is looked at the title
NO_LEADER: Final = 0.1  # seconds between two looks while nobody leads
PATIENCE: Final = 2.0  # seconds without the server until the gap is told: what was written meanwhile may be there yet
JOIN: Final = 2.0  # seconds after which a checkpoint is asked for again
SAY: Final = 1.0  # seconds between two words of how far it has come


class LogReader(threading.Thread):
    """Reads until it is told to finish, and connects again whenever it has to.

    Tells `router` what a source says, `owner` LogServes, JoinLog and LogRead. `secret`: of an account.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        source: int,
        servers: Servers,
        keys: Keys,
        owner: Ref,
        router: Ref,
        backoff: tuple[float, float],
        secret: Secret | None = None,
        place: Place | None = None,
    ) -> None:
        super().__init__(name=f"fleet-reader-{endpoint}-{source}", daemon=True)
        self._endpoint = endpoint
        self._servers = servers
        self._keys = keys
        self._key = keys.log(endpoint)
        self._owner = owner
        self._voice = LogVoice(endpoint, source, owner, router)
        self._secret = secret
        self._seal: Seal | None = None
        self._seal_of = ""
        self._backoff = Backoff(*backoff, random.random)
        self._commands: queue.SimpleQueue[tuple[str, ...] | None] = queue.SimpleQueue()
        self._line: Line | None = None
        self._is_over = False
        self._place = place
        self._interest = Interest()
        self._clock = ClockOffset()
        self._inbound = Inbound()
        self._state: State | None = None  # of the leader's connection, as far as it is known
        self._joined_at = self._said_at = self._looked_at = 0.0
        self._down_since: float | None = None

    # --- for the owner's thread

    def want(self, streams: Iterable[str]) -> None:
        """Deliver just these streams from now on."""
        self._commands.put(tuple(streams))
        self._voice.mark()

    def finish(self) -> None:
        """End at once."""
        self._is_over = True
        self._commands.put(None)
        self._voice.mark()
        line = self._line
        if line is not None:
            line.abort()

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
        self._voice.end(TransportError(f"the {self._endpoint} log is not read any more: nobody wants it"), "closed")

    def _attempt(self) -> None:
        if not self._voice.attachment:
            self._voice.show("connecting")
        try:
            self._line = open_line(self._servers, self._key)
            if not self._is_over:
                self._read(self._line)
        except WebSocketV6Error as exc:
            if not self._is_over:
                self._failed(exc)
        finally:
            line, self._line = self._line, None
            if line is not None:
                line.close()

    def _failed(self, error: WebSocketV6Error) -> None:
        now = time.monotonic()
        self._down_since = now if self._down_since is None else self._down_since
        is_refused = isinstance(error, errors.AuthenticationError)
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
        while not self._is_over and not self._look(line):
            self._rest(NO_LEADER)
        self._down_since = None
        self._go_on()
        while not self._is_over:
            self._obey_all()
            if self._voice.attachment and not self._voice.allowance:
                self._await_credit()
                continue
            place = self._place
            if place is None:
                return
            command = ("XREAD", "COUNT", COUNT, "BLOCK", BLOCK, "STREAMS", self._key, str(place.at))
            (reply,) = line.call(command)
            if isinstance(reply, Exception):
                raise TransportError(f"the fleet's log cannot be read: {outside_text(reply)}")
            self._obey_all()  # what is wanted by now was wanted before the leader heard of it
            self._take(line, reply)
            self._see_to_joins()
            now = time.monotonic()
            if reply:
                self._backoff.succeeded()
                self._looked_at = now
            elif now - self._looked_at >= LOOK:
                self._look(line)
            self._report(now)

    def _go_on(self) -> None:
        """Go on after the server was away, where nothing else has changed."""
        if self._place is not None and self._is_open and not self._voice.attachment:
            self._attach(time.time_ns())
            if self._interest.renew(self._place.at):
                self._join()

    def _await_credit(self) -> None:
        while not self._voice.allowance and not self._is_over:
            self._voice.allowance.wait()
            self._obey_all()

    def _obey_all(self) -> None:
        self._voice.allowance.collect()
        while not self._commands.empty():
            self._obey(self._commands.get())

    def _obey(self, wanted: tuple[str, ...] | None) -> None:
        if wanted is None:
            return
        at = self._place.at if self._place is not None else EntryId(0, 0)
        if self._interest.want(wanted, at, time.monotonic()) and self._place is not None:
            self._join()

    def _join(self) -> None:
        self._joined_at = time.monotonic()
        tell(self._owner, JoinLog(self._endpoint))

    def _see_to_joins(self) -> None:
        """Ask again for a checkpoint that has not come, and go on without one after a while."""
        now = time.monotonic()
        for taken in self._interest.due(now):
            self._deliver(taken)
        needs_one = self._interest.is_waiting or self._state is None
        if needs_one and now - self._joined_at >= JOIN:
            self._join()

    def _report(self, now: float) -> None:
        if self._place is not None and now - self._said_at >= SAY:
            self._said_at = now
            lag_us = max(0, time.time_ns() - self._voice.whole_ns) // 1000 if self._voice.whole_ns else 0
            tell(self._owner, LogRead(self._endpoint, str(self._place.at), lag_us))

    # --- the title

    def _look(self, line: Line) -> bool:
        """Compare the place with the title; return whether anybody leads, or led."""
        self._looked_at = time.monotonic()
        fields, top = line.call(("HGETALL", self._keys.lead), ("XREVRANGE", self._key, "+", "-", "COUNT", 1))
        lead = read_lead(fields)
        if lead is None:
            if self._place is None:
                return False  # there is no fleet yet
            self._gap("nobody leads the fleet: its server lost what it had")
            return True
        if lead.wall_ns:
            self._clock.note(lead.wall_ns, time.time_ns())
        if self._place is None:
            last = parse_id(top[0][0]) if isinstance(top, list) and top else before_term(lead.term)
            self._place = Place(lead.log, last)
            self._use_log(lead.log)
            self._join()
            return True
        gap = self._place.look(lead)
        self._use_log(self._place.log)
        if gap:
            self._gap(gap)
            self._state = None
            self._join()
        return True

    def _use_log(self, log: str) -> None:
        if self._secret is not None and log != self._seal_of:
            self._seal_of, self._seal = log, Seal(self._secret, log, self._key)

    # --- entries

    def _take(self, line: Line, reply: object) -> None:
        if not isinstance(reply, list):
            return
        for _, found in reply:
            for id_, fields in found:
                if self._is_over:
                    return
                self._entry(line, parse_id(id_), fields or ())

    def _entry(self, line: Line, id_: EntryId, fields: Sequence[bytes]) -> None:
        place = self._place
        if place is None:
            return
        try:
            field, body = self._opened(id_, fields)
            rows = entries.decode_rows(body) if field == "d" else None
            what = entries.decode_happening(body) if field == "s" else None
        except RemoteProtocolError as exc:
            place.read(id_)
            self._gap(str(exc))
            return
        now_ns = time.time_ns()
        at_ns = 0
        if rows is not None:
            self._clock.note(rows.sent_ns, now_ns)
            at_ns = self._clock.local(rows.received_ns, now_ns)
        after = parse_id(what.after) if isinstance(what, Open) and what.after else None
        is_seamless = isinstance(what, Open) and what.seamless
        verdict = place.read(id_, at_ns=at_ns, after=after, is_seamless=is_seamless)
        if verdict.gap:
            self._gap(verdict.gap)
            if isinstance(what, Open):
                self._state = None
        if not verdict.delivers:
            return
        if rows is not None:
            taken = self._interest.take(id_, rows)
            if taken is not None:
                self._deliver(taken, at_ns)
        elif what is not None:
            self._heed(line, what)

    def _opened(self, id_: EntryId, fields: Sequence[bytes]) -> tuple[str, bytes]:
        if len(fields) != 2:
            return "", b""
        field, body = fields[0].decode("latin-1"), fields[1]
        if field == "p" and self._seal is not None:
            return self._seal.open(id_, body)
        return field, body

    def _heed(self, line: Line, what: entries.Happening) -> None:
        match what:
            case Open(log=log):
                if self._place is not None:
                    self._place.log = log
                self._use_log(log)
            case State():
                self._turn(what)
            case Covers(drop=drop):
                lost = self._interest.lost(drop)
                if lost:
                    self._gap(f"the log does not bring {', '.join(lost[:3])} any more")
            case Refused(streams, name, text):
                self._voice.say(words.Refused(tuple(streams), name, text))
            case Listed(text=text):
                for notice in self._inbound.sort([text]).notices:
                    self._voice.say(notice)
            case Checkpoint():
                self._checkpoint(line)

    def _checkpoint(self, line: Line) -> None:
        if not self._interest.is_waiting and self._state is not None:
            return
        (reply,) = line.call(("GET", self._keys.last(self._endpoint)))
        if not isinstance(reply, bytes):
            return
        try:
            last = entries.decode_last(self._seal.open_value(reply) if self._seal is not None else reply)
        except RemoteProtocolError as exc:
            logger.warning("last values are passed over: %s", exc)
            return
        self._clock.note(last.sent_ns, time.time_ns())
        if self._state is None and last.state is not None:
            self._state = last.state
            if self._state.state != "open":
                self._voice.show(self._state.state, self._state)
            else:
                self._go_on()
        place = self._place
        for taken in self._interest.checkpoint(last, place.at) if place is not None else ():
            self._deliver(taken)

    def _turn(self, state: State) -> None:
        """End the attachment there is, and begin another if the leader's connection is open."""
        now_ns = time.time_ns()
        self._clock.note(state.sent, now_ns)
        self._state = state
        if self._voice.attachment:
            whole_ns = self._voice.whole_ns
            if state.gap_started is not None:
                whole_ns = min(whole_ns, self._clock.local(state.gap_started, now_ns))
            self._voice.detach(state.reason, whole_ns, error_of(state))
        if state.state == "open":
            self._interest.restart()
            self._attach(self._clock.local(state.at, now_ns))
        else:
            self._voice.show(state.state, state)

    # --- to the router

    @property
    def _is_open(self) -> bool:
        """Whether the leader's connection is."""
        return self._state is not None and self._state.state == "open"

    def _deliver(self, taken: Taken, at_ns: int = 0) -> None:
        if not self._is_open:
            return  # nobody knows of what epoch it is
        if not self._voice.attachment:
            self._attach(time.time_ns())
        self._await_credit()
        self._voice.deliver(taken, at_ns or self._clock.local(taken.received_ns, time.time_ns()))

    def _attach(self, at_ns: int) -> None:
        self._voice.attach(at_ns, backfills=self._state is not None and self._state.backfills)
        if not self._commands.empty():
            self._voice.mark()  # for the marks of commands are gone with the credits

    def _gap(self, reason: str) -> None:
        """End the attachment there is; what comes next begins another."""
        was_attached = self._voice.attachment
        self._voice.lost(reason)
        if was_attached and self._place is not None and self._interest.renew(self._place.at):
            self._join()
