"""One process of several that read the same stream: a host, one of its guests, or what a user could write instead.

    python -m bench.members '{"member": "guest", ...}'        (Assignment as JSON)

A host says "listening" once guests can come; every member says "ready" once the messages may come, and in the end one
JSON object with the measures. Then it stays until its standard input ends: others may still need it.
"""

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .messages import Messages, make_messages
from .meter import LapMeter, Meter, StampMeter

if TYPE_CHECKING:
    from websocket_v6 import WebSocketClientProxy

__all__ = ["MEMBERS", "Assignment"]

POLL = 0.01  # seconds between two looks at what others have to do first
MAILBOX = 10_000


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
    from websocket_v6 import Config, Mailbox, WebSocketClientProxy

    # The sender is silent until all are ready, however long that takes.
    config = Config(url=assignment.url, mode=mode, runtime_dir=Path(assignment.folder), silent_code_timeout=600)
    took = meter.took
    proxy = WebSocketClientProxy("bench", config=config)
    proxy.subscribe_ticker(
        messages.codes, lambda event: took(event.symbol, event.trade_price), mailbox=Mailbox.block(MAILBOX)
    )
    wait(proxy)
    _say("ready")
    meter.wait()


def _wait_role(proxy: "WebSocketClientProxy", role: str) -> None:
    while proxy.health().role != role:
        time.sleep(POLL)


def _mailboxes(proxy: "WebSocketClientProxy") -> int:
    """Return how many mailboxes the router serves; a guest's wants have come once it has one."""
    from websocket_v6.actors.messages.common import GetHealth

    return int(proxy._engaged().link.ask(lambda now: now.router, GetHealth()).mailboxes)


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


MEMBERS: dict[str, Callable[[Assignment, Messages, Meter], None]] = {
    "alone": run_alone,
    "host": run_host,
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
        stamps = StampMeter(assignment.warm_up + assignment.goal)
        MEMBERS[assignment.member](assignment, messages, stamps)
        Path(assignment.stamps).write_bytes(stamps.stamps.tobytes())
        reading = stamps.reading()
    else:
        laps = LapMeter(assignment.warm_up, assignment.goal, messages.expected)
        MEMBERS[assignment.member](assignment, messages, laps)
        reading = laps.reading()
    for child in multiprocessing.active_children():  # after the reading, in which they are
        child.kill()
    _say(json.dumps(reading._asdict()))
    sys.stdin.readline()
    os._exit(0)  # a host would hand over first, a guest look for another: nobody measures that


if __name__ == "__main__":
    main()
