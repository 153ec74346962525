"""The model of a machine with a resume name, whose process is killed, ends in order, and comes back.

Decisions are the engine's own: Resuming and Progress with all that is below them, Place, Interest. A message's number
stands for a row of the log: several messages of three streams, `messages_of`.

What it does not ask for: after a failover forgot what was kept last, what comes twice may be unmarked, and a stream
that was wanted since begins anew; what waits in a mailbox from a log that is gone is not resumed, nor what came of
the next one until a place of that is kept; what a leader writes again under another id, since the server had lost it,
is not marked.
"""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple, cast

from websocket_v6.actors.fleet.lines import Line
from websocket_v6.actors.fleet.progress import Asked, Claimed, Progress
from websocket_v6.actors.fleet.resuming import Resuming
from websocket_v6.protocol.errors import ConfigError, TransportError
from websocket_v6.protocol.fleet.entries import Covers, Rows
from websocket_v6.protocol.fleet.ids import EntryId, before_term
from websocket_v6.protocol.fleet.joining import Interest, Taken
from websocket_v6.protocol.fleet.place import Place
from websocket_v6.protocol.fleet.title import Lead

from .messages import ALL, messages_of
from .servers import Fields, Message, Opened, Server, State

__all__ = ["Life", "Named"]

ENDPOINT = "public"
REPEATED = 1 << 30  # of the model's marks


class Held(NamedTuple):
    """A message in a mailbox."""

    stream: str
    number: int  # the how manieth of its stream
    at_ns: int
    id: EntryId
    is_marked: bool
    told: int  # gaps that were told until it was read
    turn: int  # and how often the log had gone back


class ModelLine:
    """The connection of a reader. Its answers may get lost."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.loses = False

    def call(self, *commands: tuple[object, ...]) -> list[object]:
        """Keep a place, as REACH does."""
        ((_, _, _, key, owner, *flat),) = commands
        answer = self._server.keep(str(key), str(owner), None, dict(zip(flat[::2], flat[1::2], strict=True)))
        if self.loses:
            raise TransportError("the answer was lost")
        return [answer]


class Named:
    """A resume name over all its lives. `mailboxes`: which streams each takes; `told` counts the gaps."""

    def __init__(self, server: Server, stream: str, key: str, mailboxes: tuple[frozenset[str], ...]) -> None:
        self.server, self.stream, self.key, self.mailboxes = server, stream, key, mailboxes
        self.life: Life | None = None
        self.lives = self.told = self.handled = self.repeats = self.resumed = 0
        self.wants = ALL
        self.last: dict[tuple[int, str], tuple[int, int]] = {}  # what was handled last, and `told` then
        self.top: dict[tuple[int, str], int] = {}  # the highest that was handled
        self.ids: dict[tuple[int, str, int], EntryId] = {}  # of all that was handled: the entry
        self.blurred: dict[tuple[int, str], int] = {}  # the highest before a failover forgot what was kept
        self.read: dict[str, int] = {}  # the highest that was delivered
        self.fresh: set[str] = set()  # streams whose first messages were kept until they began
        self.owed: dict[tuple[int, str, int], EntryId] = {}  # what a life before left in its mailboxes
        self.is_clean = False  # the life before ended in order, and that is kept
        self.is_astray = False  # no place of the log is kept to which that went back
        self.faults: list[str] = []

    def begin(self) -> None:
        """Start the process."""
        if self.life is not None:
            return
        self.lives += 1
        owner = f"life {self.lives}"
        fields, is_forgotten = self.server.claim_name(self.key, owner)
        self.life = Life(self, owner, fields, is_forgotten=is_forgotten)
        if self.life.resuming.resumption is None:
            if self.read and not is_forgotten:
                self.faults.append("its place is gone, and the server has forgotten nothing")
            self.last.clear()  # nobody can know
            self.owed.clear()
        else:
            self.resumed += 1
        if self.is_astray:
            self.last.clear()  # it goes on where it was before the log went back
        if is_forgotten:
            self.owed.clear()
            # Nor whether a stream was wanted, if the server does not.
            self.last = {key: one for key, one in self.last.items() if key[1] in self.life.had}
        self.server.wants[self.key] = self.wants

    def kill(self) -> None:
        """Have the process end without a word."""
        life, self.life = self.life, None
        if life is not None:
            self._left(life)
            self.is_clean = False

    def end(self, *, is_lost: bool = False) -> None:
        """Have it end in order; `is_lost`: its last word does not come through."""
        life, self.life = self.life, None
        if life is not None:
            self._left(life)
            self.is_clean = life.end() if not is_lost else False

    def _left(self, life: "Life") -> None:
        self.is_astray = not life.has_kept
        if life.is_forgotten:
            self.blurred = dict(self.top)
        for key in [key for key in self.last if key[1] not in life.interest.wanted and life.place is not None]:
            del self.last[key]
        for index, mailbox in enumerate(life.mailboxes):
            self.owed |= {
                (index, one.stream, one.number): one.id for one in mailbox if one.turn == life.turn and life.has_kept
            }

    def gap(self) -> None:
        self.told += 1

    def handle(self, index: int, one: Held) -> None:
        """Have user code be handed a message."""
        life, key, count = self.life, (index, one.stream), one.number
        assert life is not None
        last, top = self.last.get(key), self.top.get(key, 0)
        what = f"{self.key} {key} {count} after {last} (top {top}) in life {self.lives}"
        if last is not None and count > last[0] + 1 and one.told == last[1]:
            self.faults.append(f"{what}: lost, and nobody was told")
        before = life.handled.get(key)
        if before is not None and count <= before:
            self.faults.append(f"{what}: twice in one life, or out of order")
        if count <= top:
            self.repeats += 1
            is_known = count > self.blurred.get(key, 0) and self.ids.get((*key, count)) == one.id
            if not one.is_marked and is_known and not life.may_repeat_unmarked(one.id):
                self.faults.append(f"{what}: again, and not marked")
        if one.is_marked and life.is_certain:
            self.faults.append(f"{what}: marked, though it ended in order")
        life.handled[key] = count
        self.last[key], self.top[key] = (count, one.told), max(top, count)
        self.ids[*key, count] = one.id
        self.handled += 1


class Life:
    """One process with the name."""

    def __init__(self, name: Named, owner: str, fields: Fields, *, is_forgotten: bool) -> None:
        self.name, self.server = name, name.server
        self.is_forgotten = is_forgotten
        self.claimed = Claimed(name.key, owner, 1)
        resumption = self.claimed.resumption(ENDPOINT, fields)
        self.old_place = EntryId(0, 0) if resumption is None else resumption.saved.at
        # Nobody has had what it is owed: who had the name before ended in order, and had no more than it was done with.
        sure = resumption is not None and all(one.is_sure for one in resumption.saved.behind.values())
        self.is_certain = name.is_clean and sure and not is_forgotten
        self.had = [] if resumption is None else resumption.saved.streams
        self.was_clean = resumption is not None and resumption.is_clean
        self.old_until = EntryId(0, 0) if resumption is None else resumption.until
        self.resuming = Resuming(ENDPOINT, self.claimed, self._follow, resumption)
        self.line = ModelLine(self.server)
        self._line = cast(Line, self.line)
        self.progress: Progress | None = None
        self.place: Place | None = None
        self.interest = Interest()
        self.mailboxes: list[deque[Held]] = [deque() for _ in name.mailboxes]
        self.in_hand: list[Held | None] = [None for _ in name.mailboxes]
        self.handled: dict[tuple[int, str], int] = {}
        self.uncovered: set[str] = set()
        self.goes_on = False  # another leads, and has missed nothing
        self.turn = 0  # how often the log went back
        self.has_kept = True  # a place in this log
        self.now = 0.0
        self.asked: Asked | None = None
        self.unsaved: dict[str, str | bytes] = {}
        self.is_open = False

    def may_repeat_unmarked(self, id_: EntryId) -> bool:
        """Whether the server cannot know any more that this was read: a failover forgot it."""
        return self.is_forgotten and (self.was_clean or id_ > self.old_until)

    def _follow(self, progress: Progress) -> None:
        self.progress = progress

    # --- the reader

    def gap(self) -> None:
        """Tell a gap."""
        self.name.gap()
        self.goes_on = False
        if self.place is not None:
            self.interest.broke(self.place.at)

    def look(self) -> None:
        """Compare with the title; begin, if it has not."""
        lead = self.server.lead
        if lead is None:
            if self.place is not None:
                self.gap()
            return
        if self.place is None:
            self._begin(lead)
        else:
            self._look(self.place, lead)

    def _look(self, place: Place, lead: Lead) -> None:
        if place.look(lead):
            self.resuming.went_back(place)
            self.turn, self.has_kept = self.turn + 1, False
            self.is_certain = False
            self.name.owed.clear()  # what waited from the old one is not resumed
            self.gap()

    def _begin(self, lead: Lead) -> None:
        top = self.server.top(self.name.stream) or before_term(lead.term)
        owed = self.resuming.resumption
        place = self.place = Place(lead.log, top) if owed is None else Place(owed.saved.log, owed.begin)
        self.resuming.go_on(place, top)
        self.resuming.attached(place)
        if owed is not None:
            self._look(place, lead)
        self.resuming.wanted = self.name.wants
        wanted, top, had = self.resuming.start()
        self._want(wanted, top, had)
        entries = {id_ for id_, _ in self.server.read(self.name.stream, EntryId(0, 0), 100_000)}
        for key, id_ in self.name.owed.items():
            if owed is not None and id_ in entries and id_ <= owed.begin:
                self.name.faults.append(f"{self.name.key} {key} was left at {id_}, and it begins after {owed.begin}")

    def _want(self, wanted: frozenset[str], at: EntryId, had: Iterable[str] = ()) -> None:
        before = self.interest.wanted
        self.interest.want(wanted, at, self.now, tuple(had))
        self.name.fresh |= self.interest.wanted - self.interest.runs
        for stream in (before | ALL) - wanted:
            self.name.last = {key: one for key, one in self.name.last.items() if key[1] != stream}
            self.name.owed = {key: one for key, one in self.name.owed.items() if key[1] != stream}
            for index, mailbox in enumerate(self.mailboxes):
                self.mailboxes[index] = deque(one for one in mailbox if one.stream != stream)

    def want(self, wanted: frozenset[str]) -> None:
        """Have user code want just these."""
        self.name.wants = self.server.wants[self.name.key] = wanted
        if self.place is not None:
            if self.resuming.late(wanted):
                self.gap()
            self._want(wanted, self.place.at)

    def read(self, count: int, *, until: int | None = None) -> None:
        """Read some entries, of which only so many are taken before something else happens."""
        if self.place is None:
            self.look()
        if self.place is None:
            return
        entries = self.server.read(self.name.stream, self.place.at, count)
        try:
            if entries:
                self.resuming.reserve(self._line, entries[-1][0], len(entries), self.interest.wanted)
            else:
                self.resuming.renew(self._line, self.place.at, self.interest.wanted)
            for id_, body in entries[:until]:
                self._take(id_, body)
            for taken in self.interest.due(self.now):
                assert taken.id is not None
                self._deliver(taken.id, taken, self.resuming.time_of(taken.id))
        except TransportError:
            self.claim_again()
        except ConfigError:
            self.name.kill()

    def claim_again(self) -> None:
        """Have the name again, if the server has lost it."""
        if self.server.owner(self.name.key) is None:
            self.server.claim_name(self.name.key, self.claimed.owner)
            self.server.wants[self.name.key] = self.name.wants
            if self.progress is not None:
                self.progress.keep_again()

    def _take(self, id_: EntryId, body: object) -> None:
        place, rows, at_ns = self.place, None, 0
        assert place is not None
        if isinstance(body, Message):
            found = [one for one in messages_of(body) if one[0] in body.covered]
            rows = Rows(int(body), 0, 0, [stream for stream, _ in found], [b"%d" % count for _, count in found])
            at_ns = int(body)
        after, is_seamless = body if isinstance(body, Opened) else (None, False)
        verdict = place.read(id_, at_ns=at_ns, after=after, is_seamless=is_seamless)
        if verdict.gap:
            self.gap()
            # Should a failover bring back what is not there now, it has been told as missing.
            self.name.owed = {key: one for key, one in self.name.owed.items() if one >= id_}
        if verdict.delivers and rows is not None:
            self._rows(id_, rows, self.resuming.later(at_ns))
        elif verdict.delivers and body == State(is_whole=False):
            self.gap()
            self.interest.restart()
        elif verdict.delivers and isinstance(body, Covers):
            drop = self.interest.wanted.difference(body.add) if self.goes_on else body.drop
            self._cover(id_, body.add, drop)
            self.goes_on = False
        elif verdict.delivers and body == State(is_whole=True):
            self.goes_on = True
        self.resuming.reached(place, self.interest.kept_from)

    def _cover(self, id_: EntryId, add: Iterable[str], drop: Iterable[str]) -> None:
        lost = self.interest.lost(drop, id_)
        back = self.uncovered.intersection(add)
        self.uncovered = (self.uncovered | set(lost)) - back
        if lost or back:
            self.gap()

    def _rows(self, id_: EntryId, rows: Rows, at_ns: int) -> None:
        runs, came = self.interest.runs, set()
        self.resuming.note(id_, at_ns)
        for part, may_repeat in self.resuming.parts(id_, rows):
            taken = self.interest.take(id_, part.marked(REPEATED) if may_repeat else part)
            if taken is not None:
                came |= self._deliver(id_, taken, at_ns)
        for stream, payload in zip(rows.streams, rows.payloads, strict=True):
            count = int(payload)
            is_owed = any((index, stream, count) in self.name.owed for index in range(len(self.mailboxes)))
            is_new = count > self.name.read.get(stream, 0) and id_ > self.old_place
            if stream in runs and (stream, count) not in came and (is_owed or is_new):
                self.name.faults.append(f"{self.name.key}: {stream} {count} is there at {id_}, and does not come")

    def _deliver(self, id_: EntryId, taken: Taken, at_ns: int) -> set[tuple[str, int]]:
        self.resuming.keep_first(self._line)
        came = set()
        for stream, payload in zip(taken.streams, taken.payloads, strict=True):
            one = Held(stream, int(payload), at_ns, id_, bool(taken.marks & REPEATED), self.name.told, self.turn)
            came.add((stream, one.number))
            self.name.read[stream] = max(one.number, self.name.read.get(stream, 0))
            for index, streams in enumerate(self.name.mailboxes):
                if stream in streams:
                    self.mailboxes[index].append(one)
                    self.name.owed.pop((index, stream, one.number), None)
        return came

    # --- user code, and the place

    def handle(self, index: int) -> None:
        """Have user code be done with what it has, and take the next message."""
        index %= len(self.mailboxes)
        self.in_hand[index] = None
        if self.mailboxes[index]:
            one = self.in_hand[index] = self.mailboxes[index].popleft()
            self.name.handle(index, one)

    def ask(self) -> None:
        """Ask what is held: all that was read by now is with whom it is for."""
        self.resuming.runs(self.interest.runs)
        self.asked = None if self.progress is None else self.progress.asks()

    def settle(self) -> None:
        """Take the answer."""
        asked, self.asked = self.asked, None
        if asked is None or self.progress is None:
            return
        held = [mailbox[0] for mailbox in self.mailboxes if mailbox] + [one for one in self.in_hand if one]
        saved = self.progress.settle(asked, min((one.at_ns for one in held), default=None), {})
        if saved is not None:
            self.unsaved |= self.claimed.place(ENDPOINT, saved)

    def save(self, *, is_lost: bool) -> None:
        """Keep the place; the answer may get lost."""
        sent = dict(self.unsaved)
        answer = self.server.keep(self.name.key, self.claimed.owner, self.claimed.owner, sent)
        if is_lost:
            return
        if answer[0] == 1:
            self.has_kept = self.has_kept or sent.get(f"{ENDPOINT}:log") == (self.place and self.place.log)
            self.unsaved = {field: value for field, value in self.unsaved.items() if sent.get(field) != value}
        elif answer[1] is None:
            self.claim_again()
        else:
            self.name.kill()

    def end(self) -> bool:
        """Keep the place at the end; return whether all is known that was done."""
        is_through = False
        if self.progress is not None:
            self.resuming.runs(self.interest.runs)
            rest = [[(one.stream, one.at_ns) for one in mailbox] for mailbox in self.mailboxes if mailbox]
            types = [stream.split()[0] for mailbox in self.name.mailboxes for stream in sorted(mailbox)[:1]]
            shared = frozenset(one for one in types if types.count(one) > 1)
            saved = self.progress.rest(rest, shared)
            if saved is not None:
                self.unsaved |= self.claimed.place(ENDPOINT, saved)
                self.unsaved |= self.claimed.streams(ENDPOINT, saved.streams)
                unread = self.progress.unread
                is_through = unread is None
                self.unsaved[f"{ENDPOINT}:until"] = "" if unread is None else str(unread)
        answer = self.server.keep(self.name.key, self.claimed.owner, "", self.unsaved)
        return answer[0] == 1 and is_through
