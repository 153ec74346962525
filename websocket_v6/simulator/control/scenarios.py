"""Sequences of what happens to an exchange now and then, each with its script, so that a test can say "a flash crash".

Steps come at their times by the simulator's clock: as it runs, or as `advance` moves it. The same seed makes the same.
Source: Upbit WebSocket reference, "Market codes" (day boundary, listings), "ticker" (market_state, delisting_date),
"announcement", "Errors" (expired_access_key). Where it does not say how the exchange does a thing, the script does.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from random import Random
from typing import NamedTuple

from ..account.keyring import AccessKey, Keyring
from ..market.notices import NoticeBoard
from ..market.trades import TradeSide
from ..market.trading_floor import TradingFloor
from .faults import Faults
from .timekeeper import Timekeeper

__all__ = ["SCENARIOS", "Scenario", "Stage", "Step", "play_scenario"]

_DAY = 86_400


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What the steps of a running scenario act on."""

    code: str
    key: AccessKey
    rng: Random
    floor: TradingFloor
    board: NoticeBoard
    faults: Faults
    keys: Keyring
    time: Timekeeper
    list_market: Callable[..., object]
    end_key: Callable[[str], object]
    skip: Callable[[float], object]  # lets seconds pass in which no connection is idle

    def sweep(self, factor: str, side: TradeSide) -> None:
        """Trade through the book to `factor` times the last price."""
        market = self.floor.market(self.code)
        price = max(market.tick, (market.last.price * Decimal(factor) / market.tick).to_integral_value() * market.tick)
        self.floor.trade(self.code, price, None, side, sweep=True)

    def rush(self, count: int) -> None:
        """Let many trade at once, mostly upwards."""
        for _ in range(count):
            side: TradeSide = "BID" if self.rng.random() < 0.6 else "ASK"
            self.sweep(str(round(1 + self.rng.uniform(0, 0.01) * (1 if side == "BID" else -1), 4)), side)

    def notice(self, title: str, category: str) -> None:
        self.board.announce(title, category)

    def end_of_support(self) -> datetime:
        return datetime.fromtimestamp(self.time.clock.now(), UTC) + timedelta(days=7)


class Step(NamedTuple):
    """One thing that happens `at` seconds after the beginning."""

    at: float
    text: str
    act: Callable[[Stage], object]


class Scenario(NamedTuple):
    """A script. `begin` is done at once, before the seconds count."""

    summary: str
    steps: tuple[Step, ...]
    code: str = "KRW-BTC"
    begin: Callable[[Stage], object] = lambda _stage: None

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.steps[-1].at


def _many(first: float, count: int, every: float, text: str, act: Callable[[Stage], object]) -> Iterator[Step]:
    """Yield the same step several times; only the first has a text."""
    for number in range(count):
        yield Step(round(first + number * every, 3), text if number == 0 else "", act)


def _to_midnight(stage: Stage) -> None:
    now = stage.time.clock.now()
    stage.skip(max(0.0, (now // _DAY + 1) * _DAY - 5.0 - now))


def _list(stage: Stage) -> None:
    stage.list_market(stage.code, 1000, state="PREVIEW", traded=False)


SCENARIOS: Mapping[str, Scenario] = {
    "flash crash": Scenario(
        "A market falls by a quarter in ten seconds and comes half way back.",
        (
            *_many(
                0,
                10,
                1.0,
                "ten sales, one a second, each through the book to 3 % less",
                lambda s: s.sweep("0.97", "ASK"),
            ),
            *_many(
                14,
                8,
                2.0,
                "after a pause eight purchases, one in two seconds, each to 2 % more",
                lambda s: s.sweep("1.02", "BID"),
            ),
        ),
    ),
    "listing": Scenario(
        "A new market opens: a notice, a time without trades, then a rush.",
        (
            Step(0, "a notice (`trade`) tells of it", lambda s: s.notice(f"{s.code} 신규 거래지원 안내", "trade")),
            Step(2, "the market is on the list, `PREVIEW`, and silent", _list),
            Step(10, "it is `ACTIVE`", lambda s: s.floor.set_state(s.code, "ACTIVE")),
            *_many(
                10,
                50,
                0.2,
                "ten seconds of five times five trades a second from 1,000, through the book, mostly upwards",
                lambda s: s.rush(5),
            ),
        ),
        code="KRW-NEW",
    ),
    "delisting": Scenario(
        "A market's end: a notice, a date, the last trade, silence.",
        (
            Step(0, "a notice (`trade`) tells of it", lambda s: s.notice(f"{s.code} 거래지원 종료 안내", "trade")),
            Step(
                1,
                "`delisting_date` is set, a week ahead, and the ticker sent",
                lambda s: s.floor.set_state(s.code, "ACTIVE", s.end_of_support()),
            ),
            Step(5, "the last trade, 20 % lower", lambda s: s.sweep("0.8", "ASK")),
            Step(
                10,
                "`market_state` is `DELISTED`, and the ticker sent",
                lambda s: s.floor.set_state(s.code, "DELISTED", s.end_of_support()),
            ),
            Step(
                12,
                "it is off the list; who subscribed to it hears nothing any more",
                lambda s: s.floor.remove_market(s.code),
            ),
        ),
        code="KRW-DOGE",
    ),
    "maintenance": Scenario(
        "The exchange is away for half a minute.",
        (
            Step(0, "a notice (`maintenance`) tells of it", lambda s: s.notice("서버 점검 안내", "maintenance")),
            Step(
                5,
                "all connections end without a close frame; handshakes and REST calls are answered 503 with a page",
                lambda s: s.faults.maintain(30.0),
            ),
            Step(35, "it is back", lambda _s: None),
        ),
    ),
    "midnight": Scenario(
        "The trading day ends, 00:00 UTC. The clock jumps to five seconds before, and no connection is idle.",
        (
            Step(2, "the last trade of the day, 1 % up", lambda s: s.sweep("1.01", "BID")),
            Step(
                5,
                "midnight: previous close, opening, high, low and the day's sums roll over, in snapshots and over REST",
                lambda _s: None,
            ),
            Step(
                8,
                "the first trade of the day, 0.5 % down, is its opening, high and low",
                lambda s: s.sweep("0.995", "ASK"),
            ),
        ),
        begin=_to_midnight,
    ),
    "key expires": Scenario(
        "The simulator's access key expires under open connections, and is good again half a minute later.",
        (
            Step(
                0,
                "the key expires: handshakes are answered 401 `expired_access_key`, sockets as `key_end_closes` says",
                lambda s: s.end_key(s.key.access_key),
            ),
            Step(
                5,
                "private and info connections are lost",
                lambda s: [s.faults.drop(endpoint, None, "end") for endpoint in ("private", "info")],
            ),
            Step(35, "the key is good again", lambda s: s.keys.add(replace(s.key, expired=False))),
        ),
    ),
}


def play_scenario(stage: Stage, name: str) -> float:
    """Begin a scenario and return how many seconds it lasts."""
    scenario = SCENARIOS[name]
    scenario.begin(stage)
    begun = stage.time.clock.now()
    for step in scenario.steps:
        if step.at:
            stage.time.agenda.at(begun + step.at, partial(step.act, stage))
        else:
            step.act(stage)
    return scenario.seconds
