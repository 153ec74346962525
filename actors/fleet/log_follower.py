"""What the log of one endpoint says to this machine: each entry becomes what a source says, or a gap.

What is delivered, and what a gap is, `protocol/fleet` decides (Place, Interest). A gap ends the attachment; the next
one begins with the messages after it. It reads nothing itself, but for the title and last values: the reader owns one.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from websocket_v6.actors.base import tell
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.fleet import JoinLog
from websocket_v6.actors.messages.router import TradesCame
from websocket_v6.protocol.connection.clock_offset import ClockOffset
from websocket_v6.protocol.errors import RemoteProtocolError, TransportError
from websocket_v6.protocol.exchange.heads import Inbound
from websocket_v6.protocol.fleet import entries
from websocket_v6.protocol.fleet.entries import Checkpoint, Covers, Fetching, Listed, Open, Refused, Rows, State
from websocket_v6.protocol.fleet.ids import EntryId, Keys, before_term, parse_id
from websocket_v6.protocol.fleet.joining import Interest, Taken
from websocket_v6.protocol.fleet.place import Place
from websocket_v6.protocol.fleet.sealing import Seal
from websocket_v6.protocol.fleet.title import Lead, check_format
from websocket_v6.protocol.secret import Secret
from websocket_v6.protocol.server import words

from .lines import Line
from .log_voice import REPEATED, LogVoice, error_of
from .replica_sight import ReplicaSight
from .resuming import Resuming
from .title_holder import read_lead

__all__ = ["LogFollower"]

logger = logging.getLogger(__name__)

JOIN: Final = 2.0  # seconds after which a checkpoint is asked for again


class LogFollower:
    """Belongs to the reader's thread.

    Tells `owner` JoinLog, and through `voice` what a source says. `await_credit` returns once a batch may be said.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        keys: Keys,
        owner: Ref,
        voice: LogVoice,
        await_credit: Callable[[], None],
        secret: Secret | None = None,
        place: Place | None = None,
        resuming: Resuming | None = None,
    ) -> None:
        self.place = place
        self._resuming = resuming
        self.looked_at = 0.0  # the title
        self._endpoint = endpoint
        self._keys = keys
        self._key = keys.log(endpoint)
        self._owner = owner
        self._voice = voice
        self._await_credit = await_credit
        self._secret = secret
        self._seal: Seal | None = None
        self._seal_of = ""
        self._interest = Interest()
        self._clock = ClockOffset()
        self._clock_of = 0  # the term of the leader whose it is
        self._inbound = Inbound()
        self._state: State | None = None  # of the leader's connection, as far as it is known
        self._is_assumed = False
        self._awaits = False  # trades that were promised before it was attached
        self._has_missed = False  # something of the log itself since it was attached last
        self._read_ns = 0  # when what was read last had come to the leader
        self._line: Line | None = None  # as it was used last
        self._joined_at = 0.0
        self._goes_on = False  # another machine leads, has missed nothing, and is to say what it brings
        self._sight = ReplicaSight()
        self._uncovered: dict[str, int] = {}  # wanted, and since when the log does not bring it

    @property
    def wanted(self) -> frozenset[str]:
        """What is to be delivered."""
        return self._interest.wanted

    @property
    def runs(self) -> frozenset[str]:
        """The streams that have begun."""
        return self._interest.runs

    def want(self, streams: Iterable[str]) -> None:
        """Deliver just these streams from now on."""
        resuming = self._resuming
        if resuming is not None and not resuming.has_begun:
            resuming.wanted = frozenset(streams)
            return
        streams = tuple(streams)
        if resuming is not None and (late := resuming.late(streams)):
            text = f"{', '.join(late[:3])} was wanted again when what came of it had gone by already"
            self._gap(text, resuming.since_ns)
        at = self.place.at if self.place is not None else EntryId(0, 0)
        if self._interest.want(streams, at, time.monotonic()) and self.place is not None:
            self._join()

    def start(self) -> None:
        """Begin to read, with a name, for all is wanted that is to go on.

        What it had goes on from its place; what it had not begins with its last value, and what is yet to come.
        """
        if self._resuming is not None:
            wanted, top, had = self._resuming.start()
            if self._interest.want(wanted, top, time.monotonic(), had):
                self._join()

    def go_on(self) -> None:
        """Go on after the server was away, where nothing else has changed.

        What was written meanwhile is yet to be read, and who wrote it may have died since: nothing is whole until now.
        """
        if self.place is not None and self._is_open and not self._voice.attachment:
            self._attach(self._here_ns)
            if self._interest.renew(self.place.at):
                self._join()

    def see_to_joins(self) -> None:
        """Ask again for a checkpoint that has not come, and go on without one after a while."""
        now = time.monotonic()
        for taken in self._interest.due(now):
            self._deliver(taken)
        needs_one = self._interest.is_waiting or self._state is None or self._is_assumed
        if needs_one and now - self._joined_at >= JOIN:
            self._join()

    def _join(self) -> None:
        self._joined_at = time.monotonic()
        tell(self._owner, JoinLog(self._endpoint))

    # --- the title

    def look(self, line: Line) -> bool:
        """Compare the place with the title; return whether anybody leads, or led."""
        self.looked_at = time.monotonic()
        fields, top = line.call(("HGETALL", self._keys.lead), ("XREVRANGE", self._key, "+", "-", "COUNT", 1))
        lead = read_lead(fields)
        term = None if self.place is None else self.place.at.term
        if line.is_replica and not self._sight.is_clear(lead, term):
            return self.place is not None
        if lead is None:
            if self.place is None:
                return False  # there is no fleet yet
            self._gap("nobody leads the fleet: its server lost what it had")
            return True
        place = self.place
        if place is None:
            self._note_clock(lead, lead.term)
            last = parse_id(top[0][0]) if isinstance(top, list) and top else before_term(lead.term)
            place = self._begin(lead.log, last)
            self._join()
            if not self._is_assumed:
                return True
        gap = place.look(lead)
        self._use_log(place.log)
        self._note_clock(lead, place.at.term)
        if gap:
            if self._resuming is not None:
                self._resuming.went_back(place)
            self._gap(gap)
            self._state, self._is_assumed = None, False
            self._join()
        return True

    def _note_clock(self, lead: Lead, term: int) -> None:
        """Note what the title says of the clock of who leads in this term.

        Of one that has been followed before it was read nobody can say any more: it is taken for the clock before.
        """
        if lead.term != term:
            return
        if term != self._clock_of:
            self._clock_of, self._clock = term, ClockOffset()
        if lead.wall_ns:
            self._clock.note(lead.wall_ns, time.time_ns())

    def _begin(self, log: str, top: EntryId) -> Place:
        """Begin at the end of the log; or, with a name, where it was left."""
        resuming = self._resuming
        owed = None if resuming is None else resuming.resumption
        place = self.place = Place(log, top) if owed is None else Place(owed.saved.log, owed.begin)
        self._use_log(place.log)
        if resuming is not None:
            resuming.go_on(place, top)
        if owed is not None:
            # Where messages are in the log the leader's connection was open; what happened to it, the log says there.
            self._state, self._is_assumed = State("open", 0, 0, 0), True
            self._attach(owed.saved.whole_ns)
        return place

    def _use_log(self, log: str) -> None:
        if self._secret is not None and log != self._seal_of:
            self._seal_of, self._seal = log, Seal(self._secret, log, self._key)

    # --- entries

    def read(self, line: Line, id_: EntryId, fields: Sequence[bytes]) -> None:
        """Take the next entry that the server has."""
        place, self._line = self.place, line
        if place is None:
            return
        try:
            field, body = self._opened(id_, fields)
            rows = entries.decode_rows(body, is_compressed=field == "z") if field in ("d", "z") else None
            what = entries.decode_happening(body) if field == "s" else None
        except RemoteProtocolError as exc:
            place.read(id_)
            self._gap(str(exc))
            return
        now_ns, before = time.time_ns(), place.at
        at_ns, resuming = 0, self._resuming
        if rows is not None:
            if resuming is None or resuming.has_caught_up(id_):
                self._clock.note(rows.sent_ns, now_ns)
            at_ns = self._clock.local(rows.received_ns, now_ns)
        after = parse_id(what.after) if isinstance(what, Open) and what.after else None
        is_seamless = isinstance(what, Open) and what.seamless
        verdict = place.read(id_, at_ns=at_ns, after=after, is_seamless=is_seamless)
        if verdict.gap:
            has_missed = self._has_missed or not isinstance(what, Open) or after != before
            self._gap(verdict.gap)
            if isinstance(what, Open):
                self._state, self._is_assumed = None, False
            self._has_missed = has_missed  # else it has all that the log had until another machine led
        if verdict.delivers and rows is not None:
            at_ns = at_ns if resuming is None else resuming.later(at_ns)
            self._rows(id_, rows, at_ns)
            self._read_ns = at_ns
        elif verdict.delivers and what is not None:
            self._heed(id_, line, what)
        if resuming is not None:
            resuming.reached(place, self._interest.kept_from)

    def _rows(self, id_: EntryId, rows: Rows, at_ns: int) -> None:
        if self._resuming is None:
            taken = self._interest.take(id_, rows)
            if taken is not None:
                self._deliver(taken, at_ns)
            return
        self._resuming.note(id_, at_ns)
        for part, may_repeat in self._resuming.parts(id_, rows):
            taken = self._interest.take(id_, part.marked(REPEATED) if may_repeat else part)
            if taken is not None:
                self._deliver(taken, at_ns)

    def _opened(self, id_: EntryId, fields: Sequence[bytes]) -> tuple[str, bytes]:
        if len(fields) != 2:
            return "", b""
        field, body = fields[0].decode("latin-1"), fields[1]
        if field == "p" and self._seal is not None:
            return self._seal.open(id_, body)
        return field, body

    def _heed(self, id_: EntryId, line: Line, what: entries.Happening) -> None:
        match what:
            case Open(log=log, at=at, format=format_):
                check_format(format_)
                if self.place is not None:
                    self.place.log = log
                self._use_log(log)
                lead = read_lead(*line.call(("HGETALL", self._keys.lead)))
                if lead is not None:  # what it says there is younger, if this is read late
                    self._note_clock(lead, id_.term)
                self._clock.note(at, time.time_ns())
            case State():
                self._turn(id_, what)
            case Covers(add, drop):
                self._cover(id_, add, drop)
            case Fetching(streams=[], recovered=recovered) if self._awaits and self._voice.attachment:
                self._awaits = False
                self._voice.say(TradesCame(recovered))
            case Refused(streams, name, text):
                self._voice.say(words.Refused(tuple(streams), name, text))
            case Listed(text=text):
                for notice in self._inbound.sort([text]).notices:
                    self._voice.say(notice)
            case Checkpoint():
                self._checkpoint(id_, line)

    def _cover(self, id_: EntryId, add: Iterable[str], drop: Iterable[str]) -> None:
        """Tell a gap when the log does not bring any more what is wanted, and when it does again."""
        was_continued, self._goes_on = self._goes_on, False  # then it is the first of who leads now: all that it brings
        lost = self._interest.lost(self._interest.wanted - frozenset(add) if was_continued else drop, id_)
        if lost:
            self._uncovered.update(dict.fromkeys(lost, self._voice.whole_ns))
            self._gap(f"the log does not bring {', '.join(lost[:3])} any more")
        back = {stream: self._uncovered.pop(stream) for stream in add if stream in self._uncovered}
        if back:
            self._gap(f"the log did not bring {', '.join(list(back)[:3])} for a while", min(back.values()))

    def _checkpoint(self, id_: EntryId, line: Line) -> None:
        if not (self._interest.is_waiting or self._state is None or self._is_assumed):
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
        place = self.place
        if place is not None and last.id <= place.at:
            self._read_ns = max(self._read_ns, self._clock.local(last.sent_ns, time.time_ns()))
        if self._is_assumed and last.state is not None and place is not None and last.id <= place.at:
            self._is_assumed = False
            if last.state.state != "open":
                self._turn(id_, last.state)
        if self._state is None and last.state is not None and place is not None and last.id <= place.at:
            self._state = last.state
            if self._state.state != "open":
                self._voice.show(self._state.state, self._state)
            else:
                self.go_on()
        for taken in self._interest.checkpoint(last, place.at) if place is not None else ():
            self._deliver(taken)

    def _turn(self, id_: EntryId, state: State) -> None:
        """End the attachment there is, and begin another if the leader's connection is open."""
        now_ns = time.time_ns()
        if self._resuming is None or self._resuming.has_caught_up(id_):
            self._clock.note(state.sent, now_ns)
        self._goes_on = state.seamless and self._is_open and bool(self._voice.attachment)
        self._state, self._is_assumed = state, False
        if self._goes_on:
            return  # another machine leads, and has missed nothing either
        if self._voice.attachment:
            whole_ns = self._voice.whole_ns
            if state.gap_started is not None:
                whole_ns = min(whole_ns, self._clock.local(state.gap_started, now_ns))
            self._voice.detach(state.reason, whole_ns, error_of(state))
        if state.state == "open":
            backfills = self._interest.is_fetched(state)
            self._interest.restart()
            relies = self._attach(self._clock.local(state.at, now_ns), backfills=backfills)
            self._awaits = relies and state.backfills
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
            self._attach(at_ns or self._here_ns)
        self._await_credit()
        if self._resuming is not None and self._line is not None:
            self._resuming.keep_first(self._line)
            at_ns = at_ns if taken.id is None else self._resuming.time_of(taken.id)  # by which its entry is known
        self._voice.deliver(taken, at_ns or self._clock.local(taken.received_ns, time.time_ns()))

    @property
    def _here_ns(self) -> int:
        """Since when what comes next was written, as far as that is known: it may be read long after."""
        now_ns = time.time_ns()
        return min(max(self._read_ns, self._voice.whole_ns) or now_ns, now_ns)

    def _attach(self, at_ns: int, *, backfills: bool = True) -> bool:
        """Begin an attachment. `backfills`: what was missed before it, if anything, the log is yet to bring.

        Not what was missed of the log itself. Returns whether it brings all.
        """
        if self._resuming is not None and self.place is not None:
            self._resuming.attached(self.place)
        has_missed, self._has_missed, self._awaits = self._has_missed, False, False
        relies = backfills and not has_missed
        self._voice.attach(at_ns, backfills=relies)
        return relies

    def _gap(self, reason: str, since_ns: int = 0) -> None:
        """End the attachment there is; what comes next begins another. All from before `since_ns` was there."""
        was_attached, self._has_missed, self._goes_on = self._voice.attachment, True, False
        if since_ns and was_attached:
            self._voice.detach(reason, min(since_ns, self._voice.whole_ns), TransportError(reason))
        else:
            self._voice.lost(reason)
        if self.place is not None:
            self._interest.broke(self.place.at)
        if was_attached and self.place is not None and self._interest.renew(self.place.at):
            self._join()
