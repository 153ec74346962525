"""Machines of a fleet, each an engine with a folder of its own within this process, and what each of them saw."""

import itertools
import threading
import time
from pathlib import Path
from typing import Any

import pykka

from tests.chaos.oracle import Made, Seen, Told, judge
from tests.conftest import wait_until
from tests.valkey import Valkey
from websocket_v6 import Config, ConnectionEvent, Mailbox, WebSocketClientProxy
from websocket_v6.actors.base import actor_of
from websocket_v6.actors.fleet.fleet import Fleet
from websocket_v6.protocol.fleet.ids import Keys, scope_of
from websocket_v6.simulator import Simulator

__all__ = ["CODE", "Machine", "Market", "World"]

CODE = "KRW-BTC"


class Machine:
    """One engine, one component, and what it saw."""

    _numbers = itertools.count()

    def __init__(self, sim: Simulator, server: Valkey, folder: Path, **settings: Any) -> None:
        settings = {"backoff_initial": 0.02, "backoff_max": 0.2, "fleet": server.url, "url": sim.url, **settings}
        config = Config(runtime_dir=folder / str(next(self._numbers)), **settings)
        self.proxy = WebSocketClientProxy("bot", config=config)
        self.seen: dict[str, list[Seen]] = {}
        self.told: list[ConnectionEvent] = []
        self.backfilled = 0  # events that were marked so
        self.errors: list[Exception] = []
        self.proxy.on_connection(self.told.append)

    def trades(self, *codes: str) -> "Machine":
        def note(event: Any) -> None:
            self.seen[event.symbol].append(Seen(str(event.sequential_id), event.epoch, event.received_at))
            self.backfilled += event.backfilled

        for code in codes or (CODE,):
            self.seen.setdefault(code, [])
        self.proxy.subscribe_trade(
            list(codes or (CODE,)), callback=note, mailbox=Mailbox.lossless(1 << 26), error_handler=self.errors.append
        )
        return self

    @property
    def gaps(self) -> list[Told]:
        return [
            Told(one.epoch, one.gap_started_at)
            for one in self.told
            if one.endpoint == "public" and one.state == "open" and one.gap_started_at
        ]

    def has(self, key: str, code: str = CODE) -> bool:
        return key in [one.key for one in self.seen[code]]

    def judge(self, made: list[Made], code: str = CODE) -> None:
        wrong = judge(self.seen[code], made, self.gaps)
        assert not wrong

    @property
    def state(self) -> str:
        return next((one.state for one in self.proxy.health().connections if one.endpoint == "public"), "")

    def leave(self) -> None:
        self.proxy.cleanup()

    def only_reads(self) -> "Machine":
        """Do not lead, until that is allowed. Only the machine that came last can be told so."""
        (fleet,) = pykka.ActorRegistry.get_by_class(Fleet)[-1:]
        actor = actor_of(fleet)
        assert isinstance(actor, Fleet)
        self._fleet = actor
        actor.can_lead = False  # type: ignore[misc]
        return self

    def may_lead(self) -> None:
        self._fleet.can_lead = True  # type: ignore[misc]


class World:
    """The exchange, the server and the machines of one test."""

    def __init__(self, sim: Simulator, server: Valkey, folder: Path) -> None:
        self.sim = sim
        self.server = server
        self.folder = folder
        self.keys = Keys(scope_of(sim.url))
        self.made: list[Made] = []
        self.machines: list[Machine] = []

    def machine(self, **settings: Any) -> Machine:
        one = Machine(self.sim, self.server, self.folder, **settings)
        self.machines.append(one)
        return one

    def pair(self, **settings: Any) -> tuple[Machine, Machine]:
        """Return two that get the same trades, the first of which leads."""
        leader = self.machine(**settings).trades()
        wait_until(lambda: leader.state == "open", "a leader")
        reader = self.machine(**settings).trades()
        wait_until(lambda: reader.state == "open", "a reader")
        self.pass_on(leader, reader)
        return leader, reader

    def trade(self, count: int = 1) -> str:
        for _ in range(count):
            at = time.time_ns()
            self.made.append(Made(str(self.sim.trade(CODE)), at))
        return self.made[-1].key

    def pass_on(self, *machines: Machine) -> None:
        """Trade until all have something of it."""
        for one in machines:
            start = len(self.made)

            def has_one(one: Machine = one, start: int = start) -> bool:
                self.trade()
                return bool(set(self.keys_from(start)) & {each.key for each in one.seen[CODE]})

            wait_until(has_one, "a trade arrives")

    def keys_from(self, start: int) -> list[str]:
        return [one.key for one in self.made[start:]]

    def arrive(self, *machines: Machine, key: str = "") -> None:
        key = key or self.made[-1].key
        for one in machines:
            wait_until(lambda one=one: one.has(key), "the last trade arrives")  # type: ignore[misc]

    def connections(self) -> int:
        return sum(one.open for one in self.sim.connections("public"))

    def leave(self) -> None:
        for one in self.machines:
            one.leave()


class Market(threading.Thread):
    """Trades without a pause while something else is done."""

    def __init__(self, world: World) -> None:
        super().__init__(name="market")
        self._world = world
        self._is_over = threading.Event()

    def run(self) -> None:
        while not self._is_over.wait(0.001):
            self._world.trade()

    def __enter__(self) -> "Market":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self.join()
