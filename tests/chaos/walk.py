"""A random walk over the whole engine: components come, want, change, crash, are forgotten and end, keys change, the
exchange stands still and the way to it fails and heals; what was promised holds in every quiet moment.

    python -m tests.chaos.walk [--seed 7] [--seconds 300]

Two engines of one process meet in one folder, so that one is the other's host. The same seed takes the same steps;
what the threads do meanwhile is theirs.
"""

import argparse
import gc
import logging
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import wait_until
from websocket_v6 import Config, ConnectionEvent, Mailbox, Subscription, WebSocketClientProxy
from websocket_v6 import engine as engines
from websocket_v6.simulator import Simulator

from .cells import FAULTS, HURRY, OTHER
from .oracle import Made, Seen, Told, judge
from .proxy import Fault, FaultProxy
from .slow_calls import stacks_of_slow_calls

__all__ = ["Walk", "walk"]

CODES = ["KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-SOL"]
PACE = 0.005  # seconds between two of what is made
COMPONENTS = 5
WANTS = 4  # subscriptions of one component
LASTS = 0.3  # seconds at most that a fault lasts
SETTLED = 60.0  # seconds until all is well again, on a machine that does much else
AT_REST = 1.0  # seconds for the last of everything to arrive, once nothing more is made
STEPS_BETWEEN = 12  # quiet moments
KEEP_ALL = Mailbox.lossless(1 << 28)

# What may happen, and how often beside the others.
STEPS = {
    "begin": 4,
    "end": 2,
    "forget": 2,
    "subscribe": 8,
    "close": 3,
    "add": 4,
    "remove": 3,
    "crash": 3,
    "fault": 5,
    "drop": 2,
    "pause": 2,
    "keys": 1,
}


class Crash(Exception):  # noqa: N818 - it is no error of anybody's
    """What a callback raises."""


class Want:
    """One subscription, what it has had, and whose orders it hears of."""

    def __init__(self, owner: "Component", kind: str, codes: list[str]) -> None:
        self.kind = kind
        self.codes = codes
        self.used = set(codes)  # a code that was let go is not wanted again: what came between is nobody's to judge
        self.seen: list[tuple[str, Seen]] = []
        self.errors: list[Exception] = []
        self.crashes = self.crashed = 0
        subscribe: dict[str, Callable[..., Subscription[Any]]] = {
            "trade": owner.proxy.subscribe_trade,
            "ticker": owner.proxy.subscribe_ticker,
            "orderbook": owner.proxy.subscribe_orderbook,
        }
        options: dict[str, Any] = {"callback": self.note, "mailbox": KEEP_ALL, "error_handler": self.errors.append}
        self.subscription: Subscription[Any] = (
            owner.proxy.subscribe_my_order(**options) if kind == "my_order" else subscribe[kind](codes, **options)
        )

    def note(self, event: Any) -> None:
        private = self.kind == "my_order"
        key = f"{event.uuid}:{event.state}" if private else str(getattr(event, "sequential_id", ""))
        self.seen.append((event.symbol, Seen(key, event.epoch, event.received_at)))
        if self.crashed < self.crashes:
            self.crashed += 1
            raise Crash


class Component:
    """A component, as its program knows it."""

    def __init__(self, name: str, config: Config) -> None:
        self.name = name
        self.proxy = WebSocketClientProxy(name, config=config)
        self.told: list[ConnectionEvent] = []
        self.proxy.on_connection(self.hear)
        self.wants: list[Want] = []

    def hear(self, event: ConnectionEvent) -> None:
        self.told.append(event)

    def gaps(self, endpoint: str) -> list[Told]:
        return [
            Told(one.epoch, one.gap_started_at)
            for one in list(self.told)
            if one.endpoint == endpoint and one.state == "open" and one.gap_started_at
        ]


class Maker(threading.Thread):
    """Trades of all markets and orders of both accounts, without pause; knows what was made when."""

    def __init__(self, sim: Simulator) -> None:
        super().__init__(name="maker")
        self._sim = sim
        self._turn = threading.Lock()
        self._is_over = threading.Event()
        self.accounts = [sim.access_key, OTHER[0]]
        self.made: dict[str, list[Made]] = {name: [] for name in [*CODES, *self.accounts]}

    def run(self) -> None:
        number = 0
        while not self._is_over.wait(PACE):
            with self._turn:
                code = CODES[number % len(CODES)]
                at = time.time_ns()
                self.made[code].append(Made(str(self._sim.trade(code)), at))
                if number % 4 == 0:
                    self._order(self.accounts[number // 4 % 2])
            number += 1

    def _order(self, account: str) -> None:
        at = time.time_ns()
        uuid = self._sim.place_order(CODES[0], "BID", 1_000_000, "0.01", access_key=account)
        self.made[account].append(Made(f"{uuid}:wait", at))
        at = time.time_ns()
        self._sim.cancel_order(uuid)
        self.made[account].append(Made(f"{uuid}:cancel", at))

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Make nothing within this."""
        with self._turn:
            yield

    def end(self) -> None:
        self._is_over.set()
        self.join()


class Walk:
    """What one walk needs."""

    def __init__(self, seed: int, sim: Simulator, proxy: FaultProxy, folder: Path) -> None:
        self.random = random.Random(seed)
        self.sim = sim
        self.proxy = proxy
        self.maker = Maker(sim)
        keys = {"access_key": sim.access_key, "secret_key": sim.secret_key}
        # A slow way holds back snapshots as well, for longer than a code may usually be silent.
        common = {"url": proxy.url, "runtime_dir": folder, **keys, **HURRY, "silent_code_timeout": 2 * SETTLED}
        self.configs = [Config(**common), Config(**{**common, "max_age": 3600.0})]
        self.accounts = [sim.access_key, sim.access_key]  # of each engine
        self.components: list[tuple[int, Component]] = []
        self.steps: list[str] = []
        self._names = iter(range(1_000_000_000))
        self.figures = {"messages": 0, "gaps": 0, "quiet": 0}

    # --- steps

    def step(self) -> None:
        """Do one thing, which the seed alone decides."""
        name = self.random.choices(list(STEPS), list(STEPS.values()))[0]
        self.steps.append(name)
        do: Callable[[], None] = getattr(self, f"_{name}")
        do()

    def _begin(self) -> None:
        if len(self.components) < COMPONENTS:
            engine = self.random.randrange(len(self.configs))
            if all(number != engine for number, _ in self.components):
                # It begins anew, with the keys of its configuration; those that were forgotten may not quite have left.
                wait_until(lambda: self.configs[engine] not in engines._engines, "the end of an engine", SETTLED)
                self.accounts[engine] = self.maker.accounts[0]
            self.components.append((engine, Component(f"component-{next(self._names)}", self.configs[engine])))
            self._subscribe_of(self.components[-1][1])

    def _end(self) -> None:
        if len(self.components) > 1:
            _, component = self.components.pop(self.random.randrange(len(self.components)))
            component.proxy.cleanup()

    def _forget(self) -> None:
        if len(self.components) > 1:
            self.components.pop(self.random.randrange(len(self.components)))
            gc.collect()

    def _subscribe(self) -> None:
        if self.components:
            self._subscribe_of(self.random.choice(self.components)[1])

    def _subscribe_of(self, component: Component) -> None:
        kind = self.random.choice(["trade", "trade", "trade", "my_order", "ticker", "orderbook"])
        codes = self.random.sample(CODES, self.random.randint(1, 2))
        if len(component.wants) < WANTS:
            component.wants.append(Want(component, kind, [] if kind == "my_order" else codes))

    def _want(
        self, kinds: tuple[str, ...] = ("trade", "ticker", "orderbook", "my_order")
    ) -> tuple[Component, Want] | None:
        there = [(one, want) for _, one in self.components for want in one.wants if want.kind in kinds]
        return self.random.choice(there) if there else None

    def _close(self) -> None:
        if found := self._want():
            component, want = found
            component.wants.remove(want)
            want.subscription.close()

    def _add(self) -> None:
        if found := self._want(("trade", "ticker")):
            _, want = found
            new = [code for code in CODES if code not in want.used]
            if new:
                code = self.random.choice(new)
                want.used.add(code)
                want.codes.append(code)
                want.subscription.add(code)

    def _remove(self) -> None:
        if found := self._want(("trade", "ticker")):
            _, want = found
            if len(want.codes) > 1:
                code = want.codes.pop(self.random.randrange(len(want.codes)))
                want.subscription.remove(code)

    def _crash(self) -> None:
        if found := self._want():
            found[1].crashes += self.random.randint(1, 3)

    def _fault(self) -> None:
        self.proxy.fault = FAULTS[self.random.choice(list(FAULTS))]()
        if self.random.random() < 0.5:
            self.proxy.reset_all()
        threading.Event().wait(self.random.uniform(0.01, LASTS))
        if self.random.random() < 0.7:  # else it goes on while other things happen
            self.proxy.fault = Fault()

    def _drop(self) -> None:
        self.sim.drop()

    def _pause(self) -> None:
        self.sim.stall()
        threading.Event().wait(self.random.uniform(0.01, LASTS))
        self.sim.resume()

    def _keys(self) -> None:
        """Change the account of one engine; what was before is judged before."""
        engine = self.random.randrange(len(self.configs))
        mine = [one for number, one in self.components if number == engine]
        if not mine:
            return
        self.settle()
        account = self.accounts[engine] = next(one for one in self.maker.accounts if one != self.accounts[engine])
        secrets = {self.sim.access_key: self.sim.secret_key, OTHER[0]: OTHER[1]}
        mine[0].proxy.set_keys(account, secrets[account])
        for want in (want for one in mine for want in one.wants if want.kind == "my_order"):
            want.seen.clear()

    # --- quiet moments

    def settle(self) -> None:
        """Heal everything, wait until all have the newest, and judge what they had."""
        self.steps.append("settle")
        self.proxy.fault = Fault()
        deadline = time.monotonic() + SETTLED
        while True:
            with self.maker.at_rest():
                # Not at once: a connection may just have been about to end, and the last it brings is in a gap then.
                if self._waited_for(lambda: not (self._behind() or self._too_few())):
                    wrong = self._judge()
                    for made in self.maker.made.values():
                        del made[:-1]
                    break
            # A callback that was just running when its component was forgotten kept it: the next collection takes it.
            gc.collect()
            missing = [*self._behind(), *self._too_few()]
            assert time.monotonic() < deadline, f"not served within {SETTLED:g} s: {missing}\n{self._standing()}"
            threading.Event().wait(0.1)
        assert not wrong, "\n".join([*wrong, self._standing()])
        self.figures["quiet"] += 1

    def _standing(self) -> str:
        """Say how everybody stands, for whoever looks into what went wrong."""
        lines = [f"accounts {self.accounts}; the exchange has {self.sim.connections()}"]
        for engine, one in self.components:
            wants = [(want.kind, want.codes, [seen for _, seen in want.seen[-2:]]) for want in one.wants]
            lines += [f"--- {one.name} of engine {engine}: {wants}", *map(str, one.told[-6:]), str(one.proxy.health())]
        return "\n".join(lines)

    def _waited_for(self, condition: Callable[[], bool]) -> bool:
        end = time.monotonic() + AT_REST
        while not condition():
            if time.monotonic() > end:
                return False
            threading.Event().wait(0.01)
        return True

    def _too_few(self) -> frozenset[str]:
        """Return what the exchange serves and should not, and the other way round."""
        union = {f"{want.kind} {code}" for _, one in self.components for want in one.wants for code in want.codes}
        return frozenset(self.sim.served() ^ union)

    def _streams(self) -> Iterator[tuple[int, Component, Want, str, list[Made], list[Seen]]]:
        """Yield each stream that can be judged, with what was made of it and what came."""
        for engine, component in self.components:
            for want in component.wants:
                if want.kind == "my_order":
                    made = self.maker.made[self.accounts[engine]]
                    known = {one.key for one in made}
                    yield engine, component, want, "", made, [one for _, one in list(want.seen) if one.key in known]
                elif want.kind == "trade":
                    seen = list(want.seen)
                    for code in want.codes:
                        yield engine, component, want, code, self.maker.made[code], [x for c, x in seen if c == code]

    def _behind(self) -> list[str]:
        return [
            f"{component.name} {want.kind} {code}"
            for _, component, want, code, made, seen in self._streams()
            if made and (not seen or seen[-1].key != made[-1].key)
        ]

    def _judge(self) -> list[str]:
        wrong = []
        for _, component, want, code, made, seen in self._streams():
            told = component.gaps("private" if want.kind == "my_order" else "public")
            name = f"{component.name} {want.kind} {code}"
            wrong += [f"{name}: {words}" for words in judge(seen, made, told)]
            self.figures["messages"] += len(seen)
            self.figures["gaps"] += len(told)
        for _, component in self.components:
            for want in component.wants:
                stats = want.subscription.stats
                if stats.dropped or stats.received != stats.delivered + stats.queued:
                    wrong.append(f"{component.name} {want.kind}: {stats}")
                odd = [one for one in want.errors if not isinstance(one, Crash)]
                if odd or len(want.errors) != want.crashed:
                    wrong.append(f"{component.name} {want.kind}: {want.crashed} crashes, told {want.errors}")
                del want.seen[: -len(want.codes) * 50 - 50]
        return wrong

    def end(self) -> None:
        self.proxy.fault = Fault()
        for _, component in self.components:
            component.proxy.cleanup()
        self.components.clear()
        self.maker.end()


class Bugs(logging.Handler):
    """Hears what the engine takes for a bug."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


@contextmanager
def listening() -> Iterator[list[str]]:
    bugs, logger = Bugs(), logging.getLogger("websocket_v6")
    logger.addHandler(bugs)
    try:
        yield bugs.texts
    finally:
        logger.removeHandler(bugs)


def walk(seed: int, seconds: float, folder: Path) -> tuple[dict[str, int], list[str]]:
    """Walk for so long; return figures of what was seen, and the steps that were taken.

    Raises:
        AssertionError: what does not hold, with the seed and the steps.
    """
    with ExitStack() as stack:
        sim = stack.enter_context(Simulator(markets=CODES, limits=None, record=False))
        sim.add_key(*OTHER)
        proxy = stack.enter_context(FaultProxy(sim.port))
        bugs = stack.enter_context(listening())
        slow = stack.enter_context(stacks_of_slow_calls())
        one = Walk(seed, sim, proxy, folder)
        stack.callback(one.end)
        one.maker.start()
        wait_until(lambda: all(one.maker.made.values()), "something of everything made")
        one._begin()
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                for _ in range(one.random.randint(1, STEPS_BETWEEN)):
                    one.step()
                one.settle()
                assert not bugs, bugs
                assert not slow, f"these took too long: {slow}"
        except BaseException as exc:
            exc.add_note(f"seed {seed}, {len(one.steps)} steps, the last: {' '.join(one.steps[-200:])}")
            raise
        return one.figures, one.steps


def main() -> None:
    """Walk as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.walk")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=300.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures, steps = walk(arguments.seed, arguments.seconds, Path(folder) / "run")
    print(f"seed {arguments.seed}: {len(steps)} steps, {figures}")  # noqa: T201


if __name__ == "__main__":
    main()
