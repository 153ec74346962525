"""The router holding trades back, between a registry and a backfill that only note what they are told."""

import json
import queue
from collections.abc import Iterator
from typing import Any

import pytest

from websocket_v6.actors.base import Actor, ask, stop_and_join, tell
from websocket_v6.actors.delivery.router import Router
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.backfill import Fetch, MissingTrades, TradesBegan, TradesReleased
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.registry import StreamsSeen
from websocket_v6.actors.messages.router import AddRoutes, Attach, DropRoutes, Filled, UseBackfill, UseRegistry
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.delivery.commands import Admit, End, Forget, HoldTrades, Retire
from websocket_v6.protocol.delivery.policy import Mailbox

BTC = "trade KRW-BTC"
STARTED, ENDED = 1_000, 2_000


class Note(Actor):
    """Keeps what it is told."""

    def __init__(self, out: "queue.SimpleQueue[Any]") -> None:
        super().__init__()
        self._out = out

    def on_receive(self, message: object) -> None:
        self._out.put(message)


def payload(number: int, stream_type: str = "REALTIME") -> bytes:
    message = {"type": "trade", "code": "KRW-BTC", "sequential_id": number, "stream_type": stream_type}
    return json.dumps(message, separators=(",", ":")).encode()


class World:
    """A router with one mailbox that follows a trade stream."""

    def __init__(self) -> None:
        self.told: dict[str, queue.SimpleQueue[Any]] = {
            name: queue.SimpleQueue() for name in ("registry", "backfill", "supervisor")
        }
        self.refs = {name: Note.start(out) for name, out in self.told.items()}
        self.router = Router.start(supervisor=self.refs["supervisor"])
        tell(self.router, UseRegistry(self.refs["registry"]))
        tell(self.router, UseBackfill(self.refs["backfill"]))
        self.epoch = 0
        self.open(1)
        self.mailbox = self.follow(1)

    def open(self, epoch: int) -> None:
        """Let the connection of this epoch bring what comes next, instead of the one before it."""
        tell(self.router, End(self.epoch))
        tell(self.router, Attach(epoch, "public", 1, queue.SimpleQueue(), 100))
        tell(self.router, Admit(epoch, epoch, False))
        self.epoch = epoch

    def follow(self, number: int, *, realtime: bool = True) -> MailboxQueue:
        mailbox = MailboxQueue(Mailbox.drop_oldest(20_000))
        tell(self.router, AddRoutes(number, "public", (BTC,), mailbox, None, True, True, realtime))
        return mailbox

    def come(self, *numbers: int, stream_type: str = "REALTIME") -> None:
        payloads = [payload(number, stream_type) for number in numbers]
        tell(self.router, Batch("public", self.epoch, 5_000, 5_000, [BTC] * len(payloads), payloads))

    def lose(self, epoch: int, patience: float = 60.0) -> None:
        tell(self.router, Forget("public"))
        tell(self.router, HoldTrades(epoch, STARTED, ENDED, patience))
        self.open(epoch)

    def fill(self, epoch: int, *numbers: int) -> None:
        tell(self.router, Filled(epoch, BTC, 6_000, tuple((number, payload(number)) for number in numbers)))

    def heard(self, name: str = "backfill") -> Any:
        return self.told[name].get(timeout=10)

    def delivered(self, mailbox: MailboxQueue | None = None) -> list[tuple[int, bool]]:
        """Return ids and marks of what has been delivered by now."""
        ask(self.router, GetHealth(), 10)
        events = (mailbox or self.mailbox).take_many(0.0, 20_000)
        return [(event.sequential_id, event.backfilled) for event in events]  # type: ignore[union-attr]


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    refs: list[Ref] = [made.router, *made.refs.values()]
    for ref in refs:
        assert stop_and_join(ref, 5)


def live(*numbers: int) -> list[tuple[int, bool]]:
    return [(number, False) for number in numbers]


def fetched(*numbers: int) -> list[tuple[int, bool]]:
    return [(number, True) for number in numbers]


def test_live_trades_wait_for_those_before_them(world: World) -> None:
    world.come(1, 2)
    world.lose(2)
    assert world.heard() == Fetch(2, STARTED, ENDED, 60.0, (MissingTrades(BTC, (1, 2), True, STARTED, None),))
    world.come(6, stream_type="SNAPSHOT")
    assert world.heard() == TradesBegan(2, ((BTC, 6),))
    world.come(7)
    assert world.delivered() == live(1, 2)
    world.fill(2, 3, 4, 5, 6)
    assert world.heard() == TradesReleased(2, BTC, 3, "")
    world.come(8)
    assert world.delivered() == fetched(3, 4, 5) + live(6, 7, 8)


def test_what_waits_counts_as_seen_and_serves_snapshots(world: World) -> None:
    world.come(1)
    assert world.heard("registry") == StreamsSeen("public", 1, (BTC,))
    world.lose(2)
    once = world.follow(2, realtime=False)
    world.come(6)
    assert world.delivered(once) == live(6)
    told = [world.heard("registry") for _ in range(3)]
    assert StreamsSeen("public", 2, (BTC,)) in told
    assert world.delivered() == live(1)


def test_a_trade_that_was_fetched_and_comes_late_is_dropped(world: World) -> None:
    world.come(1)
    world.lose(2)
    world.come(6)
    world.fill(2, 2, 4, 5)
    world.come(5, 7, 4, 3)
    assert world.delivered() == live(1) + fetched(2, 4, 5) + live(6, 7, 3)
    assert ask(world.router, GetHealth(), 10).repeated == 2


def test_an_answer_to_an_older_gap_is_not_delivered(world: World) -> None:
    world.come(1)
    world.lose(2)
    world.come(4)
    world.lose(3)
    world.fill(2, 2, 3)
    world.come(8)
    assert world.delivered() == live(1)
    world.fill(3, 2, 3, 5, 6, 7)
    assert world.delivered() == fetched(2, 3) + live(4) + fetched(5, 6, 7) + live(8)
    heard = [world.heard() for _ in range(6)]
    assert heard[2] == Fetch(3, STARTED, ENDED, 60.0, (MissingTrades(BTC, (1,), True, STARTED, None),))
    assert heard[3:] == [TradesReleased(2, BTC, 0, ""), TradesBegan(3, ((BTC, 8),)), TradesReleased(3, BTC, 5, "")]


def test_without_an_answer_the_stream_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("websocket_v6.actors.delivery.router.SETTLE", 0.05)
    world.come(1)
    world.lose(2, patience=0.05)
    world.come(6)
    heard = [world.heard() for _ in range(3)]
    assert heard[2] == TradesReleased(2, BTC, 0, "backfill did not answer")
    world.come(7)
    world.fill(2, 2, 3)
    assert world.delivered() == live(1, 6, 7)


def test_a_successor_of_backfill_begins_anew(world: World) -> None:
    world.come(1)
    world.lose(2)
    world.come(6)
    before = [world.heard(), world.heard()]
    tell(world.router, UseBackfill(world.refs["backfill"]))
    assert world.heard() == Fetch(2, STARTED, ENDED, 60.0, (MissingTrades(BTC, (1,), True, STARTED, 6),))
    assert [type(one) for one in before] == [Fetch, TradesBegan]


def test_who_has_come_since_the_loss_begins_with_the_snapshot(world: World) -> None:
    world.come(1)
    tell(world.router, Forget("public"))
    newcomer = world.follow(2)
    world.lose(2)
    world.come(1, stream_type="SNAPSHOT")
    later = world.follow(3)
    world.come(7)
    world.fill(2)
    assert world.delivered() == live(1, 7)
    assert world.delivered(newcomer) == live(1, 7)
    assert world.delivered(later) == live(1, 7)


def test_a_stream_that_nobody_followed_before_the_loss_is_not_held(world: World) -> None:
    tell(world.router, Forget("public"))
    world.come(1)
    assert world.delivered() == live(1)
    tell(world.router, DropRoutes(1))
    world.lose(2)
    newcomer = world.follow(2)
    world.come(6)
    assert world.delivered(newcomer) == live(6)
    assert world.told["backfill"].empty()


def test_a_stream_that_ends_while_it_is_held_is_done(world: World) -> None:
    world.come(1)
    world.lose(2)
    tell(world.router, DropRoutes(1))
    tell(world.router, Retire((BTC,)))
    world.fill(2, 2)
    assert [world.heard(), world.heard()][1] == TradesReleased(2, BTC, 0, "")
    assert world.delivered() == live(1)
