"""A world of hosts, readers and a server that forgets, driven by random steps: what the fleet's rules must survive.

The server may fall back to an old replica, lose everything or one stream, run out of patience, have a clock that is
wrong; hosts and readers stand still at any step; commands are carried out late, their answers get lost, and what was
sent may be sent again. A message's number is also when it was sent. Decisions are the engine's own: Candidate, Ring,
standing, Place.
"""

import copy
import random
from typing import Any

from websocket_v6.protocol.fleet.ids import EntryId, before_term
from websocket_v6.protocol.fleet.place import Place
from websocket_v6.protocol.fleet.ring import Entry, Ring
from websocket_v6.protocol.fleet.standing import Answer, Standing, standing
from websocket_v6.protocol.fleet.title import Candidate, Lead

STREAMS = ("a", "b")
LOOK = 4  # beats after which a leader looks whether the streams are still its own


class Log:
    """A stream of the server."""

    def __init__(self) -> None:
        self.entries: list[tuple[EntryId, Any]] = []
        self.last = EntryId(0, 0)


class Server:
    """What Valkey does with the fleet's commands. `wall` is its clock, which may jump."""

    def __init__(self, randomness: random.Random) -> None:
        self.random = randomness
        self.lead: Lead | None = None
        self.logs: dict[str, Log] = {}
        self.wall_ms = 1_700_000_000_000
        self.replica: tuple[Lead | None, dict[str, Log]] = (None, {})

    def take(self, seen: Lead | None, machine: str, floor: int, log: str, *, is_new: bool) -> Lead | None:
        now = self.lead
        if (now is None) != (seen is None) or (
            now is not None and seen is not None and (now.term, now.beat) != (seen.term, seen.beat)
        ):
            return None
        term = max((now.term if now else 0) + 1, floor + 1, self.wall_ms * 1024) + self.random.randrange(2**20)
        kept = now.log if now is not None and not is_new else log
        self.lead = Lead(kept, term, machine, 1)
        return self.lead

    def beat(self, machine: str, term: int) -> bool:
        lead = self.lead
        if lead is None or (lead.owner, lead.term) != (machine, term):
            return False
        self.lead = lead._replace(beat=lead.beat + 1)
        return True

    def open(self, stream: str, term: int) -> tuple[bool, EntryId]:
        log = self.logs.setdefault(stream, Log())
        after, id_ = log.last, EntryId(term, 0)
        if id_ <= after:
            return after.term == term, after
        log.entries.append((id_, after))
        log.last = id_
        return True, after

    def append(self, stream: str, entry: Entry) -> Answer:
        log = self.logs.get(stream)
        if log is None:
            return Answer.GONE
        if entry.id <= log.last:
            return Answer.REFUSED
        log.entries.append((entry.id, int(entry.body)))
        log.last = entry.id
        return Answer.DONE

    def top(self, stream: str) -> EntryId | None:
        log = self.logs.get(stream)
        return None if log is None else log.last

    def read(self, stream: str, after: EntryId, count: int) -> list[tuple[EntryId, Any]]:
        log = self.logs.get(stream)
        return [] if log is None else [one for one in log.entries if one[0] > after][:count]

    def replicate(self) -> None:
        self.replica = (self.lead, copy.deepcopy(self.logs))

    def fail_over(self) -> None:
        self.lead, self.logs = self.replica[0], copy.deepcopy(self.replica[1])


class Host:
    """A machine that would lead. What it sends may be carried out later, `pipe` by `pipe`."""

    def __init__(self, name: str, server: Server) -> None:
        self.name = name
        self.server = server
        self.candidate = Candidate(name)
        self.now = 0.0  # its own clock, which stands still with it
        self.lead: Lead | None = None  # the title that it believes to have
        self.rings: dict[str, Ring] = {}
        self.pipe: list[tuple[str, Entry]] = []
        self.first: dict[str, int] = {}  # since which message its upstream serves
        self.must_look = False
        self.beats = 0
        self.floor = 0

    def step(self, world: "World") -> None:
        """Do what is due: look, take, or beat."""
        asked_at = self.now
        if self.lead is not None:
            self.beats += 1
            if self.must_look or self.beats % LOOK == 0 or not self.server.beat(self.name, self.lead.term):
                self._look(world)
            return
        seen = self.server.lead
        if seen is not None:
            self.floor = max(self.floor, seen.term)
        if self.candidate.looked(seen, asked_at, self.now):
            self._take(world, seen, is_new=False)

    def _take(self, world: "World", seen: Lead | None, *, is_new: bool) -> None:
        tops = [top for top in map(self.server.top, STREAMS) if top is not None]
        floor = max([self.floor, *(top.term for top in tops)])
        self.lead, self.rings = None, {}
        lead = self.server.take(seen, self.name, floor, f"log {world.next_log()}", is_new=is_new)
        self.candidate.forget()
        if lead is None:
            return
        self.floor = max(self.floor, lead.term)
        for stream in STREAMS:
            is_open, top = self.server.open(stream, lead.term)
            if not is_open:  # something above this term is there: again, above that
                self.floor = max(self.floor, top.term)
                return
        self.lead = lead
        self.rings = {stream: Ring(lead.term) for stream in STREAMS}
        self.pipe.clear()  # the connection is another one
        self.must_look = False

    def _look(self, world: "World") -> None:
        """Look at the title, and put right what the server lacks."""
        self.must_look = False
        lead = self.lead
        if lead is None:
            return
        tops = [self.server.top(stream) for stream in STREAMS]
        match standing(self.server.lead, tops, self.name, lead.term, lead.log):
            case Standing.LOST:
                self.lead, self.rings = None, {}
                self.candidate.forget()
            case Standing.GONE:
                self._take(world, self.server.lead, is_new=True)
            case Standing.LEADS:
                self.pipe.clear()
                for stream, top in zip(STREAMS, tops, strict=True):
                    assert top is not None
                    self.pipe += [(stream, entry) for entry in self.rings[stream].after(top)]

    def hear(self, stream: str, number: int) -> None:
        """Take a message from upstream."""
        ring = self.rings.get(stream)
        if ring is not None:
            self.pipe.append((stream, ring.add("d", str(number).encode(), self.now)))

    def flush(self, count: int, *, answers_get_lost: bool = False, again: bool = False) -> None:
        """Have the server carry out some of what was sent."""
        done, self.pipe = self.pipe[:count], self.pipe[count:]
        for stream, entry in done * (2 if again else 1):
            answer = self.server.append(stream, entry)
            if answer is not Answer.DONE and not answers_get_lost:
                self.must_look = True

    def break_line(self, count: int) -> None:
        """Lose the connection: some of what was sent is carried out all the same."""
        self.flush(count, answers_get_lost=True)
        self.pipe.clear()
        self.must_look = True
        self.candidate.forget()


class Reader:
    """A machine that reads one stream. `told` counts the gaps."""

    def __init__(self, server: Server, stream: str) -> None:
        self.server = server
        self.stream = stream
        self.place: Place | None = None
        self.last = 0  # the last message that was delivered
        self.has_gap = True  # told since then
        self.told = self.delivered = 0
        self.faults: list[str] = []

    def read(self, count: int) -> None:
        if self.place is None:
            lead = self.server.lead
            if lead is None:
                return
            self.place = Place(lead.log, self.server.top(self.stream) or before_term(lead.term))
        for id_, body in self.server.read(self.stream, self.place.at, count):
            after = body if isinstance(body, EntryId) else None
            verdict = self.place.read(id_, at_ns=0 if after is not None else body, after=after)
            if verdict.gap:
                self._gap()
            if verdict.delivers and after is None:
                self._deliver(body)

    def look(self) -> None:
        if self.place is not None and self.server.lead is not None and self.place.look(self.server.lead):
            self._gap()

    def _gap(self) -> None:
        self.has_gap = True
        self.told += 1

    def _deliver(self, number: int) -> None:
        if number <= self.last:
            self.faults.append(f"{number} after {self.last}: twice, or out of order")
        elif number != self.last + 1 and not self.has_gap:
            self.faults.append(f"{number} after {self.last}: lost, and nobody was told")
        self.last, self.has_gap = number, False
        self.delivered += 1


class World:
    """Three hosts, three readers, one server and what the exchange sends."""

    def __init__(self, randomness: random.Random) -> None:
        self.random = randomness
        self.server = Server(randomness)
        self.hosts = [Host(f"host {number}", self.server) for number in range(3)]
        self.readers = [Reader(self.server, stream) for stream in ("a", "b", "a")]
        self.paused: dict[Host | Reader, int] = {}
        self.numbers = dict.fromkeys(STREAMS, 0)
        self._logs = 0

    def next_log(self) -> int:
        self._logs += 1
        return self._logs

    def tick(self, seconds: float) -> None:
        """Let time pass, and who is awake do what is due."""
        self.server.wall_ms += int(seconds * 1000)
        for one in list(self.paused):
            self.paused[one] -= 1
            if self.paused[one] <= 0:
                del self.paused[one]
        for host in self.hosts:
            host.now += seconds
            if host not in self.paused:
                host.step(self)

    def emit(self, stream: str) -> None:
        """Have the exchange send a message: all that are connected hear it, paused ones when they go on."""
        self.numbers[stream] += 1
        for host in self.hosts:
            host.hear(stream, self.numbers[stream])

    def flush_all(self) -> None:
        for host in self.hosts:
            if host not in self.paused:
                host.flush(len(host.pipe))

    def read_all(self) -> None:
        for reader in self.readers:
            if reader not in self.paused:
                reader.read(50)

    def step(self) -> None:
        """Do one thing, as chance has it."""
        pick, host, reader = self.random.random(), self.random.choice(self.hosts), self.random.choice(self.readers)
        if pick < 0.30:
            self.emit(self.random.choice(STREAMS))
        elif pick < 0.50:
            if host not in self.paused:
                host.flush(
                    self.random.randint(1, 4),
                    answers_get_lost=self.random.random() < 0.1,
                    again=self.random.random() < 0.05,
                )
        elif pick < 0.68:
            if reader not in self.paused:
                reader.read(self.random.randint(1, 5))
        elif pick < 0.80:
            self.tick(0.5)
        elif pick < 0.84:
            if reader not in self.paused:
                reader.look()
        elif pick < 0.88:
            who: Host | Reader = host if self.random.random() < 0.5 else reader
            self.paused[who] = self.random.randint(1, 8)
        elif pick < 0.92:
            self.server.replicate()
        else:
            self.mischief(host)

    def mischief(self, host: Host) -> None:
        """Have something go wrong."""
        match self.random.randrange(7):
            case 0:
                self.server.fail_over()
            case 1:
                host.break_line(self.random.randint(0, 3))
            case 2:
                self.server.wall_ms += self.random.choice([-600_000, 600_000, -3000])
            case 3 if self.random.random() < 0.2:
                self.server.lead, self.server.logs = None, {}
            case 4 if self.random.random() < 0.3:
                self.server.logs.pop(self.random.choice(STREAMS), None)
            case 5:
                for log in self.server.logs.values():
                    log.entries = log.entries[self.random.randint(0, 3) :]
            case _:
                host.flush(len(host.pipe), answers_get_lost=True)

    def settle(self) -> None:
        """Let all be calm, and see that somebody leads and everybody hears."""
        self.paused.clear()
        for _ in range(30):
            self.tick(0.5)
            self.flush_all()
            self.read_all()
            for reader in self.readers:
                reader.look()
        before = [reader.delivered for reader in self.readers]
        for _ in range(3):
            for stream in STREAMS:
                self.emit(stream)
            self.flush_all()
            self.read_all()
        leaders = [host for host in self.hosts if host.lead is not None and host.lead == self.server_lead(host)]
        assert len(leaders) == 1, f"{len(leaders)} hosts lead"
        for reader, count in zip(self.readers, before, strict=True):
            assert reader.delivered == count + 3, f"a reader of {reader.stream} is deaf"

    def server_lead(self, host: Host) -> Lead | None:
        lead = self.server.lead
        return None if lead is None or host.lead is None else lead._replace(beat=host.lead.beat)

    def check(self) -> None:
        assert not [fault for reader in self.readers for fault in reader.faults]
