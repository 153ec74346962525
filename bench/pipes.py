"""From one process to another and nothing else: our door, `multiprocessing.Queue`, pyzmq.

    python -m bench.pipes '{"contender": "multiprocessing.Queue", ...}'        (Assignment as JSON)

This process sends, one that it starts receives; it prints one JSON object with what both measured. All get the same
payloads in the same batches, as much as there is room for: the receiver acknowledges what came, and no more than
`window` messages are on their way. Ours begins with a batch that the host's router gets and ends with the batch that
the guest's router gets, so that routing, a mailbox and two actors' inboxes are in it; the others carry bytes alone.
"""

import importlib.util
import itertools
import json
import multiprocessing
import os
import queue
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection as Channel
from typing import Any, NamedTuple, TypeAlias, cast

import msgspec
import pykka
import websocket

from websocket_v6.actors.base import Actor, tell
from websocket_v6.actors.connection.connection import Connection
from websocket_v6.actors.connection.door_handshake import open_door
from websocket_v6.actors.delivery.router import Router
from websocket_v6.actors.messages.common import Credits
from websocket_v6.actors.messages.component import ConnectionChanged
from websocket_v6.actors.messages.connection import Connect
from websocket_v6.actors.messages.registry import Subscribe
from websocket_v6.actors.messages.router import AddRoutes, Attach, Convey, UseRegistry
from websocket_v6.actors.messages.server import MemberCame, NameMember, ShareWith
from websocket_v6.actors.messages.supervisor import DoorOpened
from websocket_v6.actors.server.server import Server
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.door import MEMBER_PATH, Door, DoorError
from websocket_v6.protocol.connection.target import door_target
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.delivery.commands import Admit

from .messages import make_messages
from .meter import peak_mib

__all__ = ["PIPES", "Assignment"]

KEY = b"bench" * 8
ACKNOWLEDGED = 256  # messages between two acknowledgements, at most
CREDITS = 8  # batches on their way to the router, as from a socket
START = 10.0  # seconds for the other process to be there


class Assignment(NamedTuple):
    """One run."""

    contender: str
    batch: int  # messages that one read of the exchange's socket brought
    warm_up: int
    goal: int  # messages after it
    window: int = 4096
    markets: int = 120
    block: int = 2000
    sender_core: int = -1
    receiver_core: int = -1


Batches: TypeAlias = Iterator[tuple[list[str], list[bytes]]]  # streams and payloads
Acks: TypeAlias = "Channel[Any, Any]"


class Tally:
    """The receiver's count: it acknowledges, and reads the clocks at two marks."""

    def __init__(self, assignment: Assignment, acks: Acks) -> None:
        self._acks = acks
        self._marks = [assignment.warm_up, assignment.warm_up + assignment.goal]
        self._seen = self._told = 0
        self._clocks: list[tuple[int, float, float]] = []
        self.done: queue.SimpleQueue[None] = queue.SimpleQueue()

    @property
    def is_done(self) -> bool:
        return not self._marks

    def took(self, count: int) -> None:
        """Count what came."""
        self._seen += count
        if self._seen - self._told >= ACKNOWLEDGED:
            self._acks.send(self._seen)
            self._told = self._seen
        while self._marks and self._seen >= self._marks[0]:
            self._clocks.append((self._seen, time.perf_counter(), time.process_time()))
            if len(self._clocks) == 1:
                self._acks.send("warm")
            del self._marks[0]
            if not self._marks:
                (first, wall_0, cpu_0), (last, wall_1, cpu_1) = self._clocks
                found = {"messages": last - first, "wall_seconds": wall_1 - wall_0, "cpu_seconds": cpu_1 - cpu_0}
                self._acks.send({**found, "peak_mib": peak_mib()})
                self.done.put(None)


class Window:
    """The sender's side of it: how much is on its way, and what sending cost."""

    def __init__(self, size: int, acks: Acks) -> None:
        self._size = size
        self._acks = acks
        self._sent = self._seen = 0
        self._cpu = 0.0
        self.result: dict[str, Any] = {}

    def admits(self, count: int) -> bool:
        """Wait until `count` more may leave, and count them; False once the receiver has had enough."""
        while (self._sent + count - self._seen > self._size or self._acks.poll()) and not self.result:
            match self._acks.recv():
                case int(seen):
                    self._seen = seen
                case "warm":
                    self._cpu = time.process_time()
                case found:
                    self.result = {**found, "sender_cpu_seconds": time.process_time() - self._cpu}
        self._sent += count
        return not self.result


# --- multiprocessing.Queue and pyzmq


def send_queue(channel: Any, batches: Batches, window: Window) -> None:
    """Put message after message, as pyupbit does."""
    channel.cancel_join_thread()
    for _, payloads in batches:
        if not window.admits(len(payloads)):
            return
        for payload in payloads:
            channel.put(payload)


def receive_queue(channel: Any, tally: Tally) -> None:
    """Get message after message."""
    while not tally.is_done:
        channel.get()
        tally.took(1)


def send_queue_batches(channel: Any, batches: Batches, window: Window) -> None:
    """Put a list of messages at a time."""
    channel.cancel_join_thread()
    for _, payloads in batches:
        if not window.admits(len(payloads)):
            return
        channel.put(payloads)


def receive_queue_batches(channel: Any, tally: Tally) -> None:
    """Get a list of messages at a time."""
    while not tally.is_done:
        tally.took(len(channel.get()))


def send_zmq(channel: str, batches: Batches, window: Window) -> None:
    """Push message after message."""
    socket = _zmq_socket("PUSH")
    socket.connect(channel)
    for _, payloads in batches:
        if not window.admits(len(payloads)):
            break
        for payload in payloads:
            socket.send(payload)
    socket.close(linger=0)


def receive_zmq(channel: str, tally: Tally) -> None:
    """Pull message after message."""
    socket = _zmq_socket("PULL")
    socket.bind(channel)
    while not tally.is_done:
        socket.recv()
        tally.took(1)


def send_zmq_batches(channel: str, batches: Batches, window: Window) -> None:
    """Push a message of many parts at a time."""
    socket = _zmq_socket("PUSH")
    socket.connect(channel)
    for _, payloads in batches:
        if not window.admits(len(payloads)):
            break
        socket.send_multipart(payloads)
    socket.close(linger=0)


def receive_zmq_batches(channel: str, tally: Tally) -> None:
    """Pull a message of many parts at a time."""
    socket = _zmq_socket("PULL")
    socket.bind(channel)
    while not tally.is_done:
        tally.took(len(socket.recv_multipart()))


def _zmq_socket(kind: str) -> Any:
    import zmq

    socket = zmq.Context().socket(getattr(zmq, kind))
    socket.set_hwm(0)
    return socket


# --- ours


class Desk(Actor):
    """Stands for the registry and the membership of a host: a guest gets what it asks for."""

    def __init__(self, router: Any, served: "queue.SimpleQueue[None]") -> None:
        super().__init__()
        self._router = router
        self._served = served
        self._server: Any = None

    def on_receive(self, message: object) -> None:
        """Take one message."""
        match message:
            case DoorOpened(server, _):
                self._server = server
            case MemberCame(client, _):
                tell(self._server, NameMember(client, MEMBER))
                tell(self._server, ShareWith(MEMBER, ("public",)))
            case Subscribe(_, subscription_id, want, way, _):
                streams = tuple(f"ticker {code}" for code in want.codes)
                change = ConnectionChanged("public", "open", 1, time.time_ns())
                tell(self._router, Convey(cast(Way, way), change))
                tell(self._router, AddRoutes(subscription_id, "public", streams, way, None, True, True, True))
                self._served.put(None)
            case _:
                pass


def send_ours(channel: str, batches: Batches, window: Window) -> None:
    """Give a router batches as a socket's thread does; it sends them on."""
    served: queue.SimpleQueue[None] = queue.SimpleQueue()
    credits_: Credits = queue.SimpleQueue()
    router = Router.start(supervisor=None)
    desk = Desk.start(router, served)
    router.tell(UseRegistry(desk))
    router.tell(Attach(1, "public", 1, credits_, CREDITS))
    router.tell(Admit(1, epoch=1, is_held=False))
    Server.start(config=Config(), address=channel, key=KEY, term=1, registry=desk, router=router, owner=desk)
    served.get()
    for streams, payloads in batches:
        if not window.admits(len(payloads)):
            break
        credits_.get()
        now_ns = time.time_ns()
        router.tell(Batch("public", 1, now_ns, now_ns, streams, payloads))
    pykka.ActorRegistry.stop_all()


class Sink(Actor):
    """Stands for the router, the keys and the supervisor of a guest: counts batches."""

    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self._tally = tally
        self._credits: Credits = queue.SimpleQueue()

    def on_receive(self, message: object) -> None:
        """Take one message."""
        match message:
            case Batch():
                self._tally.took(len(message.streams))
                self._credits.put(True)
            case Attach(_, _, _, credits_, count):
                self._credits = credits_
                for _ in range(count):
                    credits_.put(True)
            case _:
                pass


MEMBER = "bench"
MARKETS, BLOCK = 120, 2000  # what `Assignment` has by default


def receive_ours(channel: str, tally: Tally) -> None:
    """Take batches from a connection to a door, in the router's place."""
    sink = Sink.start(tally)
    door, member = Door(channel, KEY, term=1), websocket.WebSocket()
    deadline = time.monotonic() + START
    while True:
        try:
            open_door(member, door, MEMBER_PATH, timeout=START)
            break
        except DoorError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    guest = Connection.start(
        endpoint="public",
        source=1,
        target=door_target(msgspec.structs.replace(door, member=MEMBER)),
        config=Config(backoff_initial=0.01),
        router=sink,
        jwt=sink,
        supervisor=sink,
    )
    guest.tell(Connect("public", ({"type": "ticker", "codes": make_messages("ticker", MARKETS, BLOCK).codes},)))
    tally.done.get()


class Contender(NamedTuple):
    """How messages get from one process to another."""

    send: Callable[[Any, Batches, Window], None]
    receive: Callable[[Any, Tally], None]
    channel: Callable[[Any, str], Any]  # from the multiprocessing context and a path
    module: str = ""  # that must be installed

    @property
    def is_installed(self) -> bool:
        return not self.module or importlib.util.find_spec(self.module) is not None


OURS = "websocket_v6"
PIPES = {
    OURS: Contender(send_ours, receive_ours, lambda _, path: path),
    "multiprocessing.Queue": Contender(send_queue, receive_queue, lambda context, _: context.Queue()),
    "multiprocessing.Queue, lists": Contender(
        send_queue_batches, receive_queue_batches, lambda context, _: context.Queue()
    ),
    "pyzmq": Contender(send_zmq, receive_zmq, lambda _, path: f"ipc://{path}", "zmq"),
    "pyzmq, multipart": Contender(send_zmq_batches, receive_zmq_batches, lambda _, path: f"ipc://{path}", "zmq"),
}


def _receive(assignment: Assignment, channel: Any, acks: Acks) -> None:
    _pin(assignment.receiver_core)
    PIPES[assignment.contender].receive(channel, Tally(assignment, acks))
    os._exit(0)


def _pin(core: int) -> None:
    if core >= 0:
        os.sched_setaffinity(0, {core})


def _batches(assignment: Assignment) -> Batches:
    messages = make_messages("ticker", assignment.markets, assignment.block)
    streams = [f"ticker {code}" for code, _ in messages.expected]
    for start in itertools.cycle(range(0, len(streams) - assignment.batch + 1, assignment.batch)):
        end = start + assignment.batch
        yield streams[start:end], messages.payloads[start:end]


def main() -> None:
    """Send as the argument says, and print what it took."""
    assignment = Assignment(**json.loads(sys.argv[1]))
    _pin(assignment.sender_core)
    contender = PIPES[assignment.contender]
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        channel = contender.channel(context, f"{folder}/pipe")
        mine, theirs = context.Pipe()
        receiver = context.Process(target=_receive, args=(assignment, channel, theirs), daemon=True)
        receiver.start()
        window = Window(assignment.window, mine)
        contender.send(channel, _batches(assignment), window)
        receiver.join()
    sys.stdout.write(json.dumps(window.result) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
