"""A world of hosts, readers and a server that forgets, driven by random steps: what the fleet's rules must survive.

The server may fall back to an old replica, lose everything or one stream, run out of patience, have a clock that is
wrong; hosts and readers stand still at any step, hosts lose their connections to the exchange, would leave, and lead
on; commands are carried out late, their answers get lost, and what was sent may be sent again. A message's number is
also when it was sent. Decisions are the engine's own: Candidate, Ring, standing, Leaver, Heir, Overlap, Place.
"""

import random

from websocket_v6.protocol.fleet.ids import before_term
from websocket_v6.protocol.fleet.place import Place
from websocket_v6.protocol.fleet.title import Lead

from .hosts import Host
from .lives import Named
from .messages import ALL, A, B, C, messages_of
from .servers import STREAMS, Opened, Server, State

__all__ = ["STREAMS", "Server", "World"]


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
            after, is_seamless = body if isinstance(body, Opened) else (None, False)
            is_message = isinstance(body, int)
            verdict = self.place.read(id_, at_ns=body if is_message else 0, after=after, is_seamless=is_seamless)
            if verdict.gap or (verdict.delivers and body == State(is_whole=False)):
                self._gap()
            if verdict.delivers and is_message:
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

    def __init__(self, randomness: random.Random, *, has_names: bool = True) -> None:
        self.random = randomness
        self.server = Server(randomness)
        self.hosts = [Host(f"host {number}", self.server) for number in range(3)]
        self.readers = [Reader(self.server, stream) for stream in ("a", "b", "a")]
        self.named = [
            Named(self.server, "a", "one", (frozenset({A, B}), frozenset({C}))),
            Named(self.server, "b", "two", (frozenset({A, B}), frozenset({C}), frozenset({A, B}))),
        ]
        if not has_names:
            self.named.clear()
        self.paused: dict[Host | Reader, int] = {}
        self.numbers = dict.fromkeys(STREAMS, 0)
        self._logs = 0
        self.followed = 0  # logs that were continued

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
        for name in self.named:
            if name.life is not None:
                name.life.now += seconds

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
        if self.named:
            self.live(self.random.choice(self.named))
        pick, host, reader = self.random.random(), self.random.choice(self.hosts), self.random.choice(self.readers)
        if pick < 0.26:
            self.emit(self.random.choice(STREAMS))
        elif pick < 0.46:
            if host not in self.paused:
                host.flush(
                    self.random.randint(1, 4),
                    answers_get_lost=self.random.random() < 0.1,
                    again=self.random.random() < 0.05,
                )
        elif pick < 0.64:
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

    def live(self, name: Named) -> None:
        """Have a process with a name do one thing, or end, or begin."""
        pick, life, server = self.random.random(), name.life, self.server
        if life is None:
            if pick < 0.1:
                name.begin()
            elif pick < 0.12:
                server.wants.pop(name.key, None)  # expires
            return
        life.line.loses = pick < 0.01
        if pick < 0.3:
            count = self.random.randint(1, 6)
            life.read(count, until=self.random.randint(0, count))
        elif pick < 0.6:
            for _ in range(self.random.randint(1, 4)):
                life.handle(self.random.randrange(3))
        elif pick < 0.7:
            life.ask()
        elif pick < 0.8:
            life.settle()
        elif pick < 0.9:
            life.save(is_lost=self.random.random() < 0.1)
        elif pick < 0.93:
            life.look()
        elif pick < 0.95:
            life.want(ALL if self.random.random() < 0.7 else frozenset({A, C}))
        elif pick < 0.97:
            name.kill()
        elif pick < 0.99:
            name.end(is_lost=self.random.random() < 0.1)

    def mischief(self, host: Host) -> None:
        """Have something go wrong."""
        match self.random.randrange(11):
            case 7 | 8 | 9:
                for one in self.hosts:
                    one.would_leave = one.lead is not None
            case 10:
                host.deaf = self.random.randint(1, 4)
            case 0:
                self.server.fail_over()
            case 1:
                host.break_line(self.random.randint(0, 3))
            case 2:
                self.server.wall_ms += self.random.choice([-600_000, 600_000, -3000])
            case 3 if self.random.random() < 0.2:
                self.server.forget()
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
        for host in self.hosts:
            host.deaf = 0
        for _ in range(30):
            self.tick(0.5)
            self.flush_all()
            self.read_all()
            for reader in self.readers:
                reader.look()
            for name in self.named:
                self._calm(name)
        before = [reader.delivered for reader in self.readers]
        for _ in range(3):
            for stream in STREAMS:
                self.emit(stream)
            self.flush_all()
            self.read_all()
        for name in self.named:
            self._calm(name)
            newest = dict(one for number in range(1, self.numbers[name.stream] + 1) for one in messages_of(number))
            for index, streams in enumerate(name.mailboxes):
                for stream in streams:
                    has = name.last.get((index, stream), (0, 0))[0]
                    assert has == newest[stream], f"{name.key} is deaf to {stream}: {has}, not {newest[stream]}"
        leaders = [host for host in self.hosts if host.lead is not None and host.lead == self.server_lead(host)]
        assert len(leaders) == 1, f"{len(leaders)} hosts lead"
        for reader, count in zip(self.readers, before, strict=True):
            assert reader.delivered == count + 3, f"a reader of {reader.stream} is deaf"

    def _calm(self, name: Named) -> None:
        """Have a process with a name read, and be done with, all that there is."""
        name.begin()
        life = name.life
        assert life is not None
        life.line.loses = False
        if life.interest.wanted != ALL or self.server.wants.get(name.key) != ALL:
            life.want(ALL)
        life.look()
        life.read(100_000)
        if name.life is None:
            return  # the name is another's, by what the server has gone back to
        for index in range(len(life.mailboxes)):
            while life.mailboxes[index]:
                life.handle(index)
        life.ask()
        life.settle()
        life.save(is_lost=False)

    def server_lead(self, host: Host) -> Lead | None:
        lead = self.server.lead
        return None if lead is None or host.lead is None else lead._replace(beat=host.lead.beat)

    def check(self) -> None:
        assert not [fault for reader in self.readers for fault in reader.faults]
        assert not [fault for name in self.named for fault in name.faults]
