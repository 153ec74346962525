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

    def __init__(self, randomness: random.Random) -> None:
        self.random = randomness
        self.server = Server(randomness)
        self.hosts = [Host(f"host {number}", self.server) for number in range(3)]
        self.readers = [Reader(self.server, stream) for stream in ("a", "b", "a")]
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
        match self.random.randrange(11):
            case 7 | 8 | 9:
                host.would_leave = True
            case 10:
                host.deaf = self.random.randint(1, 4)
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
        for host in self.hosts:
            host.deaf = 0
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
