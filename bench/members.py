"""One process of several that read the same stream: a host, one of its guests, or what a user could write instead.

    python -m bench.members '{"member": "guest", ...}'        (Assignment as JSON)

A host says "listening" once guests can come, a server "listening at PORT"; every member says "ready" once the messages
may come, and in the end one JSON object with the measures. Then it stays until its standard input ends: others may
still need it.
"""

import json
import multiprocessing
import os
import queue
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .messages import Messages, make_messages
from .meter import LapMeter, Meter, StampMeter

if TYPE_CHECKING:
    from websocket_v6 import Config, WebSocketClientProxy

__all__ = ["MEMBERS", "Assignment"]

POLL = 0.01  # seconds between two looks at what others have to do first
MAILBOX = 10_000
MOST_CLIENTS = 10_000  # of a server
ANSWER = 20.0  # seconds for an actor to answer


class Assignment(NamedTuple):
    """What a member does."""

    member: str
    url: str
    folder: str  # where the processes meet
    guests: int = 0  # that a host waits for
    warm_up: int = 0
    goal: int = 1  # messages after the warm-up
    stamps: str = ""  # the file that the times of the callbacks go to, monotonic nanoseconds as int64
    kind: str = "ticker"
    markets: int = 120
    block: int = 2000
    core: int = -1


# --- ours


def run_alone(assignment: Assignment, messages: Messages, meter: Meter) -> None:
    """An engine that shares nothing."""
    _run_ours(assignment, messages, meter, "embedded", lambda _: None)


def run_host(assignment: Assignment, messages: Messages, meter: Meter) -> None:
    """The process with the connection, and a component of its own."""

    def wait(proxy: "WebSocketClientProxy") -> None:
        _wait_role(proxy, "host")
        _say("listening")
        while _mailboxes(proxy) < 1 + assignment.guests:
            time.sleep(POLL)

    _run_ours(assignment, messages, meter, "auto", wait)


def run_busy_host(assignment: Assignment, messages: Messages, meter: Meter) -> None:
    """A host in which a callback computes from the first message on, and does not end."""
    from websocket_v6 import Mailbox, WebSocketClientProxy

    busy = []  # of a component of its own: the callbacks of one are called one after the other

    def wait(proxy: "WebSocketClientProxy") -> None:
        _wait_role(proxy, "host")
        _say("listening")
        while _mailboxes(proxy) < 1 + assignment.guests:
            time.sleep(POLL)
        busy.append(WebSocketClientProxy("busy", config=_config(assignment, "auto")))
        busy[0].subscribe_ticker(messages.codes, compute, mailbox=Mailbox.latest())

    _run_ours(assignment, messages, meter, "auto", wait)


def run_server(assignment: Assignment, messages: Messages, meter: Meter) -> dict[str, Any]:
    """An engine with a door for other programs, which waits for as many of them as it is told."""
    from websocket_v6.actors.messages.common import GetHealth

    servers = []

    def wait(proxy: "WebSocketClientProxy") -> None:
        server, address = _open_door(proxy)
        servers.append(server)
        _say(f"listening at {address.rpartition(':')[2]}")
        while sum(client.streams > 0 for client in server.ask(GetHealth(), timeout=ANSWER).clients) < assignment.guests:
            time.sleep(POLL)

    _run_ours(assignment, messages, meter, "embedded", wait)
    queued = [client.queued_bytes for client in servers[0].ask(GetHealth(), timeout=ANSWER).clients]
    return {"queued_bytes": sum(queued), "behind": sum(one > 0 for one in queued)}


def run_guest(assignment: Assignment, messages: Messages, meter: Meter) -> None:
    """A process that the host serves."""
    _run_ours(assignment, messages, meter, "attach", lambda proxy: _wait_role(proxy, "guest"))


def _run_ours(
    assignment: Assignment,
    messages: Messages,
    meter: Meter,
    mode: Any,
    wait: "Callable[[WebSocketClientProxy], None]",
) -> None:
    from websocket_v6 import Mailbox, WebSocketClientProxy

    took = meter.took
    proxy = WebSocketClientProxy("bench", config=_config(assignment, mode))
    proxy.subscribe_ticker(
        messages.codes, lambda event: took(event.symbol, event.trade_price), mailbox=Mailbox.block(MAILBOX)
    )
    wait(proxy)
    _say("ready")
    meter.wait()


def _config(assignment: Assignment, mode: Any) -> "Config":
    from websocket_v6 import Config

    folder = Path(assignment.folder) if assignment.folder else None
    # The sender is silent until all are ready, however long that takes.
    return Config(url=assignment.url, mode=mode, runtime_dir=folder, silent_code_timeout=600)


def compute(event: Any) -> None:  # noqa: ARG001
    """Compute, in Python alone, for ever."""
    number = 1
    while True:
        number = number * 1103515245 % 2147483648 + 12345


def _open_door(proxy: "WebSocketClientProxy") -> tuple[Any, str]:
    """Open a door to the engine of a proxy; return the server and where it listens."""
    from websocket_v6.actors.base import Actor
    from websocket_v6.actors.messages.supervisor import DoorOpened
    from websocket_v6.actors.server.network_server import NetworkServer
    from websocket_v6.protocol.config import Config
    from websocket_v6.protocol.server.door_rules import Rules
    from websocket_v6.steps import finish

    opened: queue.SimpleQueue[DoorOpened] = queue.SimpleQueue()

    class Owner(Actor):
        """Hears where the door is."""

        def on_receive(self, message: object) -> None:
            if isinstance(message, DoorOpened):
                opened.put(message)

    children = finish(finish(proxy._engaged()).link.children())
    NetworkServer.start(
        config=Config(),
        address="127.0.0.1:0",
        rules=Rules(most_clients=MOST_CLIENTS, most_of_one_address=MOST_CLIENTS),
        context=None,
        registry=children.registry,
        router=children.router,
        jwt=children.jwt,
        owner=Owner.start(),
    )
    found = opened.get(timeout=ANSWER)
    return found.server, found.address


def _wait_role(proxy: "WebSocketClientProxy", role: str) -> None:
    while proxy.health().role != role:
        time.sleep(POLL)


def _mailboxes(proxy: "WebSocketClientProxy") -> int:
    """Return how many mailboxes the router serves; a guest's wants have come once it has one."""
    from websocket_v6.actors.messages.common import GetHealth
    from websocket_v6.steps import finish

    return int(finish(finish(proxy._engaged()).link.ask(lambda now: now.router, GetHealth())).mailboxes)


# --- what a user could write instead: one process that reads, one that uses


def run_queue(assignment: Assignment, messages: Messages, meter: Meter) -> None:
    """websocket-client, json and `multiprocessing.Queue`, as pyupbit does it (with floats)."""
    context = multiprocessing.get_context("fork")
    queue: Any = context.Queue()
    reader = context.Process(target=_feed_queue, args=(assignment.url, _request(messages), queue), daemon=True)
    reader.start()
    _say("ready")
    while not meter.is_done:
        message = queue.get()
        meter.took(message["cd"], message["tp"])


def run_zmq(assignment: Assignment, messages: Messages, meter: Meter) -> None:
    """websocket-client and pyzmq, PUSH and PULL over ipc; json in the process that uses it."""
    import zmq

    address = f"ipc://{assignment.folder}/zmq"
    reader = multiprocessing.get_context("fork").Process(
        target=_feed_zmq, args=(assignment.url, _request(messages), address), daemon=True
    )
    reader.start()
    socket = zmq.Context().socket(zmq.PULL)
    socket.set_hwm(0)
    socket.bind(address)
    _say("ready")
    while not meter.is_done:
        message = json.loads(socket.recv())
        meter.took(message["cd"], message["tp"])


def _request(messages: Messages) -> str:
    return json.dumps([{"ticket": "bench"}, {"type": messages.kind, "codes": messages.codes}, {"format": "SIMPLE"}])


def _feed_queue(url: str, request: str, queue: Any) -> None:
    import websocket

    ws = websocket.create_connection(url)
    ws.send(request)
    while True:
        queue.put(json.loads(ws.recv()))


def _feed_zmq(url: str, request: str, address: str) -> None:
    import websocket
    import zmq

    socket = zmq.Context().socket(zmq.PUSH)
    socket.set_hwm(0)
    socket.connect(address)
    ws = websocket.create_connection(url)
    ws.send(request)
    while True:
        data = ws.recv()
        socket.send(data if isinstance(data, bytes) else data.encode())


# What one returns is told beside its measures.
MEMBERS: dict[str, Callable[[Assignment, Messages, Meter], dict[str, Any] | None]] = {
    "alone": run_alone,
    "host": run_host,
    "busy host": run_busy_host,
    "server": run_server,
    "guest": run_guest,
    "multiprocessing.Queue": run_queue,
    "pyzmq": run_zmq,
}


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Be what the argument says."""
    assignment = Assignment(**json.loads(sys.argv[1]))
    if assignment.core >= 0:
        os.sched_setaffinity(0, {assignment.core})
    messages = make_messages(assignment.kind, assignment.markets, assignment.block)
    if assignment.stamps:
        stamps = StampMeter(assignment.warm_up + assignment.goal, assignment.warm_up)
        more = MEMBERS[assignment.member](assignment, messages, stamps)
        Path(assignment.stamps).write_bytes(stamps.stamps.tobytes())
        reading = stamps.reading()
    else:
        laps = LapMeter(assignment.warm_up, assignment.goal, messages.expected)
        more = MEMBERS[assignment.member](assignment, messages, laps)
        reading = laps.reading()
    for child in multiprocessing.active_children():  # after the reading, in which they are
        child.kill()
    _say(json.dumps({**reading._asdict(), **(more or {})}))
    sys.stdin.readline()
    os._exit(0)  # a host would hand over first, a guest look for another: nobody measures that


if __name__ == "__main__":
    main()
