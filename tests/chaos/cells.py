"""One cell of the matrix: a fault, at a moment, to an endpoint, for somebody who is served in one of several ways.

A cell makes an exchange, a `FaultProxy` before it and who is served through that; generates data all the time; has the
fault happen, and heal; and lets the oracle judge what came, to the message.
"""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import websocket

from tests.bearer import bearer
from tests.conftest import wait_until
from tests.front_door import front_door
from tests.processes.conftest import IMPATIENT, Process
from websocket_v6 import Config, ConnectionEvent, Mailbox, WebSocketClientProxy
from websocket_v6.simulator import Simulator

from .certificates import secured
from .faults import Answer, Bandwidth, CutAfter, Delay, Drip, Expired, HalfOpen, Resets, Silence, Since, SlowClose
from .oracle import Made, Seen, Told, judge
from .proxy import Fault, FaultProxy

__all__ = ["CELLS", "FAULTS", "MOMENTS", "ROLES", "Cell", "run_cell", "why_not"]

CODES = ["KRW-BTC", "KRW-ETH"]
OTHER = ("another-access-key", "another-secret-key-that-opens-nothing-and-is-sixty-four-bytes-long")
PACE = 0.004  # seconds between two of what is generated
HOLD = 0.4  # seconds that a fault lasts
HEALED = 20.0  # seconds until everybody is served again, on a machine that does much else
IN_TIME = 10.0  # seconds for everything to be closed
KEEP_ALL = Mailbox.lossless(1 << 28)
HURRY: dict[str, Any] = {
    "connect_timeout": 0.6,
    "ping_interval": 0.25,
    "ping_timeout": 0.3,
    "backoff_initial": 0.02,
    "backoff_max": 0.2,
}
# Of the processes beside this one no more is asked than they have on a machine that does much else.
HOST_HURRY: dict[str, Any] = {**HURRY, "constants": IMPATIENT}

PORTAL = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\r\n<html>Pay here</html>"
MOVED = b"HTTP/1.1 301 Moved Permanently\r\nLocation: https://elsewhere.invalid/\r\nContent-Length: 0\r\n\r\n"
HTTP2 = b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64"
WRONG = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"
)

FAULTS: dict[str, Callable[[], Fault]] = {
    "delay": lambda: Delay(0.05),
    "jitter": lambda: Delay(0.0, 0.1),
    "bandwidth": lambda: Bandwidth(20_000),
    "cut": lambda: CutAfter(1),
    "cut within a frame": lambda: CutAfter(301),
    "half-open": HalfOpen,
    "reset": lambda: CutAfter(1, is_reset=True),
    "slow close": lambda: SlowClose(0.3),
    "drip": lambda: Drip(0.001),
    "captive portal": lambda: Answer(PORTAL),
    "moved": lambda: Answer(MOVED),
    "HTTP/2 only": lambda: Answer(HTTP2),
    "wrong accept": lambda: Answer(WRONG),
    "certificate expired": Expired,
    "silence": Silence,
    "refused": Resets,
}
MOMENTS = (
    "handshake",
    "first request",
    "snapshot burst",
    "steady stream",
    "change of wants",
    "key change",
    "take-over",
    "shutdown",
)
ENDPOINTS = ("public", "private")
ROLES = ("embedded", "host and guest", "plain client at the door")
# Those that meet new connections; one that is there is ended, so that it is made anew.
_MEETING = frozenset(
    {"captive portal", "moved", "HTTP/2 only", "wrong accept", "certificate expired", "silence", "refused"}
)


class Cell(NamedTuple):
    """One cell."""

    fault: str
    moment: str
    endpoint: str
    role: str

    def __str__(self) -> str:
        return f"{self.fault} - {self.moment} - {self.endpoint} - {self.role}"


def why_not(cell: Cell) -> str | None:
    """Return why there is no such cell; None if there is one."""
    if cell.moment == "key change" and cell.endpoint == "public":
        return "public data needs no keys"
    if cell.moment == "key change" and cell.role != "embedded":
        return "a guest of other keys has its own private connection, and a plain client brings its own token"
    if cell.moment == "take-over" and cell.role != "host and guest":
        return "there is nobody to take over"
    if cell.moment in ("first request", "snapshot burst") and cell.fault in _MEETING:
        return "it is over before there is a request"
    if cell.moment == "snapshot burst" and cell.endpoint == "private":
        return "private data has no snapshots"
    return None


CELLS = [
    cell
    for fault in FAULTS
    for moment in MOMENTS
    for endpoint in ENDPOINTS
    for role in ROLES
    if why_not(cell := Cell(fault, moment, endpoint, role)) is None
]


class Taker(Protocol):
    """Somebody who is served."""

    def seen(self) -> list[Seen]: ...

    def told(self) -> list[Told]: ...

    def change(self) -> None:
        """Want something else as well, then no more."""

    def close(self) -> None: ...


class Component:
    """A component in this process."""

    def __init__(self, endpoint: str, config: Config) -> None:
        self.proxy = WebSocketClientProxy("component", config=config)
        self.endpoint = endpoint
        self.events: list[Seen] = []
        self._told: list[ConnectionEvent] = []
        self.errors: list[Exception] = []
        self.proxy.on_connection(self._told.append)
        options: dict[str, Any] = {"mailbox": KEEP_ALL, "error_handler": self.errors.append}
        if endpoint == "public":
            self.proxy.subscribe_trade(CODES[0], callback=self._note, **options)
        else:
            self.proxy.subscribe_my_order(callback=self._note, **options)

    def _note(self, event: Any) -> None:
        key = str(event.sequential_id) if self.endpoint == "public" else f"{event.uuid}:{event.state}"
        self.events.append(Seen(key, event.epoch, event.received_at))

    def seen(self) -> list[Seen]:
        return list(self.events)

    def told(self) -> list[Told]:
        return [
            Told(one.epoch, one.gap_started_at)
            for one in list(self._told)
            if one.endpoint == self.endpoint and one.state == "open" and one.gap_started_at
        ]

    def change(self) -> None:
        if self.endpoint == "public":
            self.proxy.subscribe_trade(CODES[1], callback=lambda _: None).close()
            self.proxy.subscribe_ticker(CODES[1], callback=lambda _: None)
        else:
            self.proxy.subscribe_my_asset(callback=lambda _: None).close()

    def close(self) -> None:
        self.proxy.cleanup()


class Remote:
    """A component in a process of its own."""

    def __init__(self, endpoint: str, process: Process) -> None:
        self.process = process
        self.endpoint = endpoint
        if endpoint == "public":
            process.do("subscribe", id="a", type="trade", codes=[CODES[0]])
        else:
            process.do("subscribe", id="a", type="my_order")

    def seen(self) -> list[Seen]:
        return [
            Seen(one[5] if self.endpoint == "private" else str(one[5]), one[3], one[4])
            for one in map(_read_order if self.endpoint == "private" else list, self.process.events("a"))
        ]

    def told(self) -> list[Told]:
        return [
            Told(one["epoch"], one["started"])
            for one in self.process.told(self.endpoint)
            if one["state"] == "open" and one["started"]
        ]

    def change(self) -> None:
        if self.endpoint == "public":
            self.process.do("subscribe", id="b", type="trade", codes=[CODES[1]])
            self.process.do("close", id="b")
        else:
            self.process.do("subscribe", id="b", type="my_asset")

    def close(self) -> None:
        self.process.leave()


def _read_order(event: list[Any]) -> list[Any]:
    order = json.loads(event[5])
    return [*event[:5], f"{order.get('uid') or order['uuid']}:{order.get('s') or order['state']}"]


class Plain(threading.Thread):
    """A program at the door that speaks the exchange's protocol, and connects anew whenever it is cut off."""

    def __init__(self, endpoint: str, url: str, headers: Callable[[], dict[str, str]]) -> None:
        super().__init__(name="plain")
        self.endpoint = endpoint
        self._url = url
        self._headers = headers
        self._end = threading.Event()
        self._ws: websocket.WebSocket | None = None
        self.events: list[Seen] = []
        self.gaps: list[Told] = []
        self.start()

    def run(self) -> None:
        life = 0
        while not self._end.wait(0.05 if life else 0.0):
            life += 1
            with contextlib.suppress(websocket.WebSocketException, OSError):
                self._live(life)

    def _live(self, life: int) -> None:
        ws = self._ws = websocket.create_connection(
            self._url, timeout=1.0, header=self._headers(), suppress_origin=True
        )
        try:
            want = {"type": "trade", "codes": [CODES[0]]} if self.endpoint == "public" else {"type": "myOrder"}
            ws.send(json.dumps([{"ticket": "plain"}, want]))
            while not self._end.is_set():
                try:
                    message = json.loads(ws.recv() or "null")
                except websocket.WebSocketTimeoutException:
                    continue
                if message is None:
                    return
                if self.events and self.events[-1].epoch < life:
                    self.gaps.append(Told(life, self.events[-1].at))
                key = message.get("sequential_id") if self.endpoint == "public" else None
                key = str(key) if key else f"{message.get('uuid')}:{message.get('state')}"
                self.events.append(Seen(key, life, time.time_ns()))
        finally:
            ws.shutdown()  # type: ignore[no-untyped-call]

    def seen(self) -> list[Seen]:
        return list(self.events)

    def told(self) -> list[Told]:
        return list(self.gaps)

    def change(self) -> None:
        """Ask for what is wanted, once more."""
        ws = self._ws
        if ws is not None:
            with contextlib.suppress(websocket.WebSocketException, OSError):
                ws.send(json.dumps([{"ticket": "again"}, {"method": "LIST_SUBSCRIPTIONS"}]))

    def close(self) -> None:
        self._end.set()
        self.join(IN_TIME)
        assert not self.is_alive()


class Generator(threading.Thread):
    """Trades or orders without pause; knows what was made when."""

    def __init__(self, sim: Simulator, endpoint: str, access_key: str | None = None) -> None:
        super().__init__(name="generator")
        self._sim = sim
        self._endpoint = endpoint
        self.access_key = access_key
        self._end = threading.Event()
        self.made: list[Made] = []

    def run(self) -> None:
        while not self._end.wait(PACE):
            at = time.time_ns()
            if self._endpoint == "public":
                self.made.append(Made(str(self._sim.trade(CODES[0])), at))
                continue
            key = self.access_key
            uuid = self._sim.place_order(CODES[0], "BID", 1_000_000, "0.01", access_key=key)
            self.made.append(Made(f"{uuid}:wait", at))
            at = time.time_ns()
            self._sim.cancel_order(uuid)
            self.made.append(Made(f"{uuid}:cancel", at))

    def use(self, access_key: str) -> None:
        """Go on with another account, and forget what the one before did."""
        self.access_key = access_key
        passed = len(self.made) + 2  # the order being made may be the old account's
        wait_until(lambda: len(self.made) > passed, "an order of the other account")
        del self.made[:passed]

    def end(self) -> None:
        self._end.set()
        self.join()


class World:
    """What one cell needs."""

    def __init__(
        self, cell: Cell, sim: Simulator, proxy: FaultProxy, folder: Path, stack: contextlib.ExitStack
    ) -> None:
        self.cell = cell
        self.sim = sim
        self.proxy = proxy
        self.host: Process | None = None
        self.takers: list[Taker] = []
        self._folder = folder
        self._stack = stack
        self._keys = {"access_key": sim.access_key, "secret_key": sim.secret_key}
        self.trust: dict[str, Any] = {}  # who vouches for what the proxy shows, if it speaks TLS

    def begin(self) -> None:
        """Have everybody served, or on the way there."""
        settings = {"url": self.proxy.url, **self._keys, **self.trust, **HURRY}
        match self.cell.role:
            case "embedded":
                self._take(Component(self.cell.endpoint, Config(mode="embedded", **settings)))
            case "host and guest":
                self.host = Process(runtime_dir=str(self._folder), **{**settings, **HOST_HURRY})
                self._stack.callback(self.host.close)
                self.host.wait_ready()
                self._take(Remote(self.cell.endpoint, self.host))
                self.host.wait_role("host")
                self._take(Component(self.cell.endpoint, Config(runtime_dir=self._folder, **settings)))
            case _:
                options = {key: value for key, value in settings.items() if key not in self._keys}
                door = self._stack.enter_context(front_door(self.sim, **options))
                url = door.url if self.cell.endpoint == "public" else door.private_url
                headers = dict if self.cell.endpoint == "public" else lambda: bearer(self.sim)
                self._take(Plain(self.cell.endpoint, url, headers))

    def _take(self, taker: Taker) -> None:
        self.takers.append(taker)
        self._stack.callback(self._close, taker)

    def _close(self, taker: Taker) -> None:
        if taker in self.takers:
            self.takers.remove(taker)
            taker.close()

    def close(self) -> float:
        """Close everything; return the seconds that took."""
        began = time.monotonic()
        for taker in reversed(list(self.takers)):
            self._close(taker)
        return time.monotonic() - began

    def wait_served(self, since: Made, made: list[Made], timeout: float = HEALED) -> list[str]:
        """Wait until everybody has something that was made after `since`; return who has not."""
        deadline = time.monotonic() + timeout
        index = made.index(since)
        while True:
            newer = {one.key for one in made[index + 1 :]}
            late = [type(one).__name__ for one in self.takers if not any(e.key in newer for e in one.seen()[-200:])]
            if not late or time.monotonic() > deadline:
                return late
            threading.Event().wait(0.02)


@contextlib.contextmanager
def _world(cell: Cell, folder: Path) -> Iterator[tuple[World, Generator]]:
    with Simulator(markets=CODES, limits=None) as sim, contextlib.ExitStack() as stack:
        proxy = FaultProxy(sim.port)
        world = World(cell, sim, proxy, folder, stack)
        if cell.fault == "certificate expired":
            world.trust = {"ca_file": str(secured(proxy, folder.parent))}
        stack.enter_context(proxy)
        sim.add_key(*OTHER)
        generator = Generator(sim, cell.endpoint)
        generator.start()
        stack.callback(generator.end)
        yield world, generator


def run_cell(cell: Cell, folder: Path) -> list[str]:
    """Run one cell; return what went wrong."""
    with _world(cell, folder) as (world, generator):
        wait_until(lambda: generator.made, "something made")
        fault = FAULTS[cell.fault]()
        begins = {"handshake": None, "first request": "request", "snapshot burst": "burst"}
        if cell.moment in begins:
            moment = begins[cell.moment]
            world.proxy.fault = fault if moment is None else Since(moment, fault)
            world.begin()
        else:
            world.begin()
            late = world.wait_served(generator.made[-1], generator.made)
            if late:
                return [f"{late} had nothing before there was a fault"]
            _strike(world, fault, generator)
        threading.Event().wait(HOLD)
        if cell.moment == "shutdown":
            took = world.close()
            return [f"it took {took:.1f} s to close"] if took > IN_TIME else []
        world.proxy.fault = Fault()
        late = world.wait_served(generator.made[-1], generator.made)
        if late:
            return [f"{late} had nothing within {HEALED:g} s of the end of the fault"]
        generator.end()
        return _judge(world, generator)


def _strike(world: World, fault: Fault, generator: Generator) -> None:
    world.proxy.fault = fault
    match world.cell.moment:
        case "change of wants":
            for taker in world.takers:
                taker.change()
        case "key change":
            for taker in world.takers:
                assert isinstance(taker, Component)
                taker.proxy.set_keys(*OTHER)
            # What the other account did before its connection was there is no gap of that: it begins with it.
            generator.use(OTHER[0])
        case "take-over":
            assert world.host is not None
            world.host.kill()
            del world.takers[0]
        case _:
            pass
    if world.cell.fault in _MEETING and world.cell.moment != "take-over":
        world.proxy.reset_all()


def _judge(world: World, generator: Generator) -> list[str]:
    made, wrong = generator.made, []
    last = made[-1].key
    for taker in world.takers:
        _wait_for(taker, last)
        wrong += [f"{type(taker).__name__}: {words}" for words in judge(taker.seen(), made, taker.told())]
        if isinstance(taker, Component):
            wrong += [f"an error came: {error!r}" for error in taker.errors]
    took = world.close()
    return [*wrong, f"it took {took:.1f} s to close"] if took > IN_TIME else wrong


def _wait_for(taker: Taker, key: str) -> None:
    """Wait until somebody has this, or for as long as may be; the oracle says what is missing then."""
    deadline = time.monotonic() + HEALED
    while all(one.key != key for one in taker.seen()[-50:]) and time.monotonic() < deadline:
        threading.Event().wait(0.02)
