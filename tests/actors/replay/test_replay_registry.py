"""Who wants what of a recording, and what they are told."""

from pathlib import Path
from typing import Any

import pytest

from tests.actors.replay.note import Note
from tests.conftest import wait_until
from tests.replays import listed, market, opened, rows, write
from websocket_v6.actors.base import ask, stop_and_join, tell
from websocket_v6.actors.future import Future
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.common import GetHealth
from websocket_v6.actors.messages.component import (
    ConnectionChanged,
    EngineFailed,
    MarketsListed,
    ReplayOver,
    StreamFailed,
)
from websocket_v6.actors.messages.registry import (
    AskExchange,
    AskMarkets,
    ComponentGone,
    SnapshotServed,
    Subscribe,
    Unsubscribe,
    UseRouter,
    Watch,
)
from websocket_v6.actors.messages.replay import AllTold, ListPlayed, PlayedOut, StandingPlayed
from websocket_v6.actors.messages.router import AddRoutes, DropRoutes, Notify
from websocket_v6.actors.replay.recorded_tape import Tape
from websocket_v6.actors.replay.replay_registry import ReplayRegistry
from websocket_v6.actors.replay.stage import Stage
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.errors import EngineError, LocalProtocolError, RecordingError, UnknownCodeError
from websocket_v6.protocol.exchange.wants import my_order_want, ticker_want
from websocket_v6.protocol.recording.records import Standing
from websocket_v6.protocol.replaying import Replay


class World:
    """A registry between a router and a component that note what they are told."""

    def __init__(self, path: Path) -> None:
        values = [listed(0, "KRW-BTC", "KRW-ETH"), *market(20), rows(9, ("myOrder KRW-BTC", {}))]
        self.stage = Stage(Tape(Replay(write(path / "a.wsr", values))))
        self.routed: list[Any] = []
        self.told: list[Any] = []
        self.router, self.component = Note.start(self.routed), Note.start(self.told)
        self.registry = ReplayRegistry.start(stage=self.stage, supervisor=self.component)
        tell(self.registry, UseRouter(self.router, {}))
        tell(self.registry, Watch("one", self.component))

    def subscribe(self, lease: int, want: Any) -> None:
        ask(self.registry, Subscribe("one", lease, want, MailboxQueue(Mailbox.latest()), None), 5)

    def close(self) -> None:
        for ref in (self.registry, self.router, self.component):
            assert stop_and_join(ref, 5)


@pytest.fixture
def world(tmp_path: Path) -> Any:
    made = World(tmp_path)
    yield made
    made.close()


def test_what_is_recorded_is_routed_and_what_is_not_is_named(world: World) -> None:
    world.subscribe(1, ticker_want(["KRW-BTC", "KRW-DOGE"]))
    world.subscribe(2, my_order_want())
    wait_until(lambda: len(world.routed) == 2 and world.told, "both are told")
    first, second = world.routed
    assert isinstance(first, AddRoutes)
    assert (first.streams, first.snapshots, first.replay) == (("ticker KRW-BTC", "ticker KRW-DOGE"), True, True)
    assert (second.streams, second.replay) == (("myOrder *",), False)
    (failed,) = world.told
    assert isinstance(failed, StreamFailed)
    assert isinstance(failed.error, UnknownCodeError)
    assert (failed.error.codes, failed.final) == (("KRW-DOGE",), False)


def test_what_is_taken_back_is_not_routed_any_more(world: World) -> None:
    world.subscribe(1, ticker_want(["KRW-BTC", "KRW-ETH"]))
    world.subscribe(2, ticker_want("KRW-XRP"))
    tell(world.registry, SnapshotServed(1, "ticker KRW-ETH"))
    tell(world.registry, Unsubscribe("one", 1, ticker_want(["KRW-BTC", "KRW-ETH"])))
    tell(world.registry, Unsubscribe("one", 1))
    tell(world.registry, Unsubscribe("one", 1))
    assert ask(world.registry, GetHealth(), 5).endpoints[0].wanted == ("ticker KRW-XRP",)
    tell(world.registry, ComponentGone("one"))
    wait_until(lambda: len(world.routed) == 5, "all is dropped")
    assert world.routed[2:] == [DropRoutes(1, ("ticker KRW-BTC",)), DropRoutes(1), DropRoutes(2)]


def test_a_component_is_told_how_it_stands_and_what_happens(world: World) -> None:
    tell(world.registry, StandingPlayed(opened()[1]))
    world.subscribe(1, ticker_want("KRW-BTC"))
    tell(world.registry, StandingPlayed(Standing("public", "lost", 1, 9, 8, None, "why")))
    tell(world.registry, StandingPlayed(Standing("private", "lost", 1, 9)))
    wait_until(lambda: world.routed.count(AllTold()) == 3, "all are told")
    first, second = world.told
    assert isinstance(first, ConnectionChanged)
    assert (first.state, first.gap_started_ns, second.state, second.reason) == ("open", None, "lost", "why")


@pytest.mark.parametrize("error", [None, RecordingError("it broke")])
def test_at_its_end_all_hear_of_it(world: World, error: Any) -> None:
    world.subscribe(1, ticker_want("KRW-BTC"))
    tell(world.registry, StandingPlayed(opened()[1]))
    tell(world.registry, PlayedOut(error))
    wait_until(lambda: ReplayOver() in world.told, "it is told")
    states = [one.state for one in world.told if isinstance(one, ConnectionChanged)]
    assert states == ["open", "closed"]
    assert [one.error for one in world.told if isinstance(one, EngineFailed)] == ([error] if error else [])
    with pytest.raises(EngineError, match="the recording is over"):
        world.subscribe(2, ticker_want("KRW-ETH"))


def test_a_replay_that_has_failed_does_not_go_on_in_the_middle(world: World) -> None:
    world.subscribe(1, ticker_want("KRW-BTC"))
    tell(world.registry, UseRouter(world.component, {}))
    wait_until(lambda: ReplayOver() in world.told, "it is told")
    assert any(isinstance(one, EngineFailed) for one in world.told)


def test_nobody_is_there_to_be_asked(world: World) -> None:
    answer: Future[Any] = Future()
    tell(world.registry, AskExchange("public", answer))
    with pytest.raises(LocalProtocolError, match="a recording"):
        answer.get(timeout=5)


def shown(message: Any) -> tuple[Any, ...]:
    """Return in short what of lists and routes is told."""
    match message:
        case AddRoutes(lease, _, streams):
            return "add", lease, streams
        case DropRoutes(lease, streams):
            return "drop", lease, streams
        case Notify(lease, _, _, event):
            return "notify", lease, event.added, event.removed
        case MarketsListed(markets, event):
            return "listed", markets.codes, event is not None
    return (type(message).__name__,)


def test_a_pattern_stands_for_what_is_listed_where_the_replay_is(world: World) -> None:
    world.subscribe(1, ticker_want("KRW-*"))
    tell(world.registry, ListPlayed(listed(0, "KRW-BTC", "KRW-ETH")[1]))  # known, for it begins so
    tell(world.registry, ListPlayed(listed(1, "KRW-ETH", "KRW-DOGE")[1]))
    tell(world.registry, ListPlayed(listed(2, "KRW-ETH", "KRW-DOGE", warned=["KRW-ETH"])[1]))
    wait_until(lambda: world.routed.count(AllTold()) == 3, "all is told")
    assert [shown(one) for one in world.routed] == [
        ("notify", 1, ("KRW-BTC", "KRW-ETH"), ()),
        ("add", 1, ("ticker KRW-BTC", "ticker KRW-ETH")),
        ("AllTold",),
        ("drop", 1, ("ticker KRW-BTC",)),
        ("notify", 1, ("KRW-DOGE",), ("KRW-BTC",)),
        ("add", 1, ("ticker KRW-DOGE",)),
        ("AllTold",),
        ("AllTold",),
    ]
    # What is listed and in no record is silent, and no unknown code.
    assert [shown(one) for one in world.told] == [
        ("listed", ("KRW-BTC", "KRW-ETH"), False),
        ("listed", ("KRW-ETH", "KRW-DOGE"), False),
        ("listed", ("KRW-ETH", "KRW-DOGE"), False),
    ]
    assert [one.quote for one in ask(world.registry, GetHealth(), 5).lists] == ["KRW"]


def test_of_a_pattern_a_code_that_is_taken_out_stays_out(world: World) -> None:
    world.subscribe(1, ticker_want("KRW-*"))
    tell(world.registry, Unsubscribe("one", 1, ticker_want("KRW-BTC")))
    tell(world.registry, ListPlayed(listed(1, "KRW-BTC", "KRW-ETH", "KRW-DOGE")[1]))
    tell(world.registry, Unsubscribe("one", 1))
    wait_until(lambda: DropRoutes(1) in world.routed, "all is taken back")
    assert [shown(one) for one in world.routed if isinstance(one, AddRoutes | DropRoutes)] == [
        ("add", 1, ("ticker KRW-BTC", "ticker KRW-ETH")),
        ("drop", 1, ("ticker KRW-BTC",)),
        ("add", 1, ("ticker KRW-DOGE",)),
        ("drop", 1, None),
    ]


def test_a_list_is_that_of_where_the_replay_is_and_changes_are_told(world: World) -> None:
    first: Future[Any] = Future()
    tell(world.registry, AskMarkets("one", "KRW", first))
    assert first.get(timeout=5).codes == ("KRW-BTC", "KRW-ETH")
    assert first.get(timeout=5)["KRW-BTC"].english_name == "Name of KRW-BTC"
    tell(world.registry, ListPlayed(listed(1, "KRW-BTC")[1]))
    second: Future[Any] = Future()
    tell(world.registry, AskMarkets("one", "KRW", second))
    assert second.get(timeout=5).codes == ("KRW-BTC",)
    told = ("listed", ("KRW-BTC",), True)
    wait_until(lambda: told in [shown(one) for one in world.told], "the change is told")
    none: Future[Any] = Future()
    tell(world.registry, AskMarkets("one", "BTC", none))
    with pytest.raises(LocalProtocolError, match="no list of BTC markets"):
        none.get(timeout=5)


def test_what_came_of_a_gap_is_told_to_those_whom_it_concerns(world: World) -> None:
    world.subscribe(1, my_order_want(reconcile=True))
    lost = (("KRW-BTC", 3, 4, "nobody knows"),)
    for type_ in ("myAsset", "myOrder"):
        standing = Standing("private", "reconciled", 2, 9, 3, 4, type_, 5, lost, type_)
        tell(world.registry, StandingPlayed(standing))
    tell(world.registry, StandingPlayed(Standing("public", "backfilled", 2, 9, 3, 4, "", 5, lost, "trade")))
    wait_until(lambda: world.routed.count(AllTold()) == 3, "all are told")
    (told,) = world.told
    assert (told.state, told.reason, told.epoch, told.gap_started_ns) == ("reconciled", "myOrder", 2, 3)
    assert (sum(told.backfill.recovered.values()), told.backfill.ended_ns) == (5, 4)
    assert [tuple(one) for one in told.backfill.unrecovered] == [(*lost[0], "myOrder")]
