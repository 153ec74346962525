"""Records that are played in one loop, in C and in Python: as if the router had waited for each."""

import functools
import gc
import sys
import weakref
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.actors.ear import Ear
from tests.protocol.learning import expect
from tests.replays import book, market, rows, ticker, trade, write
from websocket_v6.actors.delivery.deliveries import Taker
from websocket_v6.actors.delivery.edge import Calls
from websocket_v6.actors.delivery.performing import TURN, Bound, RunOver, perform
from websocket_v6.actors.delivery.route import Route
from websocket_v6.actors.replay import playing
from websocket_v6.actors.replay.playing import Lane, MessagesRun, Way, Ways, plays_in_python
from websocket_v6.actors.replay.recorded_tape import Tape
from websocket_v6.actors.replay.replay_edge import ReplayEdge
from websocket_v6.actors.replay.replay_mailbox import ReplayMailbox
from websocket_v6.actors.replay.stage import Stage
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.events import OrderbookEvent, TradeEvent
from websocket_v6.protocol.exchange.wants import orderbook_want, trade_want
from websocket_v6.protocol.fast import Player
from websocket_v6.protocol.recording.messages import Messages
from websocket_v6.protocol.replay.digest import new_digest
from websocket_v6.protocol.replaying import Replay

NEVER = 2**63 - 1
ME: Any = "this component"
OTHER: Any = "another"
STREAM, BOOK = "trade KRW-BTC", "orderbook KRW-BTC"


@pytest.fixture(params=["as it is", "in Python"], autouse=True)
def loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have each test run with both loops, where there are two."""
    if request.param == "in Python":
        if Player is None:
            pytest.skip("there is no other")
        monkeypatch.setattr(playing, "plays", plays_in_python)
    return str(request.param)


class World:
    """One component that takes trades, two times, and books."""

    def __init__(self, path: Any) -> None:
        self.got: list[Any] = []
        self.raised: list[BaseException] = []
        self.stage = Stage(Tape(Replay(write(path / "a.wsr", market(2)))))
        self.ear = Ear()
        self.edges: list[ReplayEdge] = []
        self.calls: list[Calls] = []
        self.routes = {STREAM: Route(STREAM, 0), BOOK: Route(BOOK, 0)}
        takers = [
            self.taker(trade_want("KRW-BTC")),
            self.taker(trade_want("KRW-BTC")),
            self.taker(orderbook_want("KRW-BTC")),
        ]
        self.routes[STREAM].takers = tuple(takers[:2])
        self.routes[BOOK].takers = tuple(takers[2:])
        self.lanes = {
            STREAM: Lane(9, False, ME, self.routes[STREAM]),
            BOOK: Lane(64, True, ME, self.routes[BOOK]),
            "ticker KRW-BTC": Lane(64, False, None, None),
        }
        self.recalled_at: int | None = None

    def taker(self, want: Any) -> Taker:
        number = len(self.edges)
        mailbox = ReplayMailbox(Mailbox.drop_oldest(9), self.stage, is_pushed=True)
        self.calls.append(Calls(functools.partial(self.note, number)))
        calls = self.calls[number]
        self.edges.append(ReplayEdge(number, want, mailbox, calls=lambda: calls, is_pushed=True, digests=True))
        return Taker(number, "public", mailbox, ME)

    def note(self, number: int, event: Any) -> None:
        self.got.append((number, event.received_at, self.stage.mono_ns, self.routes[event.stream].last is event))

    def run(self, messages: Messages, start: tuple[int, int] = (0, 0), until_ns: int = NEVER) -> MessagesRun:
        run = MessagesRun(self.stage, self.ear.ref, messages, start, until_ns=until_ns, lanes=self.lanes, component=ME)
        self.now = run
        return run

    def perform(
        self, *values: tuple[float, Any], start: tuple[int, int] = (0, 0), until_ns: int = NEVER
    ) -> MessagesRun:
        run = self.run(messages(*values), start, until_ns)
        attached = {one.subscription_id: one for one in self.edges}
        for _ in perform(run, attached, self.on_raised, lambda: None, ()):
            pass
        assert self.ear.heard() == [RunOver(run)]
        return run

    def on_raised(self, _: Any, error: BaseException) -> Iterator[None]:
        self.raised.append(error)
        yield from ()

    def delivered(self) -> list[int]:
        counts = [one.mailbox.stats for one in self.edges]
        assert all(one.received == one.delivered and not one.queued and not one.dropped for one in counts)
        return [one.delivered for one in counts]


@pytest.fixture
def world(tmp_path: Any) -> World:
    expect(TradeEvent, Decimal, {"trade_price"})
    return World(tmp_path)


def messages(*values: tuple[float, Any]) -> Messages:
    made = Messages()
    for at, value in values:
        made.add(int(at), value)
    return made


FIVE = [rows(n, trade("KRW-BTC", n, n)) for n in range(1, 6)]


def test_the_clock_and_the_last_value_are_those_of_each_record(world: World) -> None:
    run = world.perform(*FIVE)
    expected = [(who, value.received_ns, at, True) for at, value in FIVE for who in (0, 1)]
    assert world.got == expected
    assert (run.done, run.messages, run.given) == (5, 5, 10)
    assert world.delivered() == [5, 5, 0]


def test_messages_that_came_at_once_are_given_in_their_order(world: World) -> None:
    mixed = rows(1, trade("KRW-BTC", 1, 1), book("KRW-BTC", 1, 2), ticker("KRW-BTC", 1, 3), trade("KRW-BTC", 1, 4))
    run = world.perform(mixed, rows(2, book("KRW-BTC", 2, 5)))
    assert [one[0] for one in world.got] == [0, 1, 2, 0, 1, 2]
    assert (run.done, run.messages, run.given) == (2, 5, 6)
    again = world.perform(mixed, rows(2, book("KRW-BTC", 2, 5)), rows(3, trade("KRW-BTC", 3, 6)), start=(1, 4))
    assert [one[0] for one in world.got[6:]] == [2, 0, 1]
    assert (again.done, again.messages, again.given) == (2, 2, 3)


@pytest.mark.parametrize(
    "last",
    [
        rows(3, book("KRW-BTC", 3, 1), book("KRW-BTC", 3, 2)),  # the first is dropped
        rows(3, *[trade("KRW-BTC", 3, n) for n in range(10)]),
        rows(3, ("trade KRW-BTC", {"x": "y" * 70_000})),
        rows(3, trade("KRW-ETH", 3, 1)),
        rows(3, trade("KRW-BTC", 3, 1), trade("KRW-ETH", 3, 1)),
        rows(3),
        rows(9, trade("KRW-BTC", 9, 1)),
    ],
    ids=["two of one book", "more than there is room for", "large", "another's", "in part another's", "none", "late"],
)
def test_it_ends_before_what_is_not_plain(world: World, last: Any) -> None:
    world.lanes["trade KRW-ETH"] = Lane(9, False, OTHER, Route("trade KRW-ETH", 0))
    run = world.perform(FIVE[0], FIVE[1], last, FIVE[4], until_ns=9)
    assert (run.done, run.messages, world.stage.mono_ns) == (2, 2, 2)
    assert len(world.got) == 4


def test_what_takes_more_care_has_no_room(world: World) -> None:
    world.lanes[STREAM] = Lane(0, False, None, world.routes[STREAM])
    assert world.perform(*FIVE).done == 0
    assert not world.got


def test_nobody_s_are_played_for_their_last_values(world: World) -> None:
    route = Route("trade KRW-ETH", 0)
    world.lanes["trade KRW-ETH"] = Lane(64, False, None, route)
    run = world.perform(
        rows(1, trade("KRW-ETH", 1, 1)), rows(2, ticker("KRW-BTC", 2, 2)), rows(3, trade("KRW-ETH", 3, 3))
    )
    assert (run.done, run.messages, run.given) == (3, 3, 0)
    assert route.last is not None
    assert route.last.received_at == rows(3)[1].received_ns


def test_a_run_that_is_recalled_stops_before_the_next_record(world: World) -> None:
    def second(event: Any) -> None:
        world.now.is_recalled = event.trade_price == 2

    world.calls[0].callback = second
    run = world.perform(*FIVE)
    assert (run.done, world.stage.mono_ns) == (2, 2)
    assert world.delivered() == [2, 2, 0], "the second subscription has the whole record"
    world.now.is_recalled = True


def test_what_a_callback_raises_or_returns_ends_nothing(world: World) -> None:
    class Later:
        def __await__(self) -> Any:
            yield

    def callback(event: Any) -> object:
        if event.trade_price == 2:
            raise SystemExit("mine")
        return Later() if event.trade_price == 3 else "ignored"

    world.calls[0].callback = callback
    run = world.run(messages(*FIVE))
    attached = {one.subscription_id: one for one in world.edges}
    awaited = list(perform(run, attached, world.on_raised, lambda: None, ()))
    assert [type(one).__name__ for one in awaited] == ["Later"]
    assert [str(one) for one in world.raised] == ["mine"]
    assert len(world.got) == 5
    assert world.delivered() == [5, 5, 0]


def test_a_malformed_message_is_not_shown_and_ends_nothing(world: World) -> None:
    bad = rows(2, trade("KRW-BTC", 2, 2))[1]
    bad.payloads[0] = bad.payloads[0][:-1]
    world.perform(FIVE[0], (2, bad), FIVE[2])
    assert [one[2] for one in world.got] == [1, 1, 3, 3]
    assert world.delivered() == [3, 3, 0]
    assert world.edges[0].digest == world.edges[1].digest == digest([FIVE[0][1], FIVE[2][1]])


def digest(all_: list[Any]) -> str:
    found = new_digest()
    for one in all_:
        for stream, payload in zip(one.streams, one.payloads, strict=True):
            numbers = one.received_ns.to_bytes(8, "little") + one.epoch.to_bytes(8, "little")
            found.update(stream.encode() + b"\0" + numbers + b"\0" + len(payload).to_bytes(4, "little") + payload)
    return found.hexdigest()


def test_the_digest_is_that_of_all_that_was_delivered(world: World) -> None:
    values = [rows(n, trade("KRW-BTC", n, n), book("KRW-BTC", n, n), epoch=n) for n in range(1, 400)]
    world.perform(*values)
    assert world.edges[0].digest == digest(
        [type(one)(one.epoch, one.received_ns, 0, one.streams[:1], one.payloads[:1]) for _, one in values]
    )
    assert world.edges[2].digest == digest(
        [type(one)(one.epoch, one.received_ns, 0, one.streams[1:], one.payloads[1:]) for _, one in values]
    )


def test_nothing_comes_of_a_subscription_that_is_closed_or_gone_but_time_goes_on(world: World) -> None:
    world.calls[0].callback = lambda _: world.edges[0].mailbox.close()
    run = world.perform(*FIVE)
    assert (run.done, run.given, world.stage.mono_ns) == (5, 6, 5)
    assert world.delivered() == [1, 5, 0]
    world.edges.pop(1)
    world.got.clear()
    assert world.perform(*FIVE).done == 5
    assert not world.got


def test_a_view_is_made_for_whoever_wants_one(world: World) -> None:
    shown: list[Any] = []
    calls = Calls(shown.append)
    edge = ReplayEdge(
        2,
        orderbook_want("KRW-BTC", depth=1),
        ReplayMailbox(Mailbox.latest(), world.stage, is_pushed=True),
        calls=lambda: calls,
        is_pushed=True,
        digests=True,
    )
    world.edges[2] = edge
    world.routes[BOOK].takers = (Taker(2, "public", edge.mailbox, ME),)
    value = rows(1, book("KRW-BTC", 1, 5))
    world.perform(value)
    (event,) = shown
    assert isinstance(event, OrderbookEvent)
    assert len(event.orderbook_units) == 1
    assert edge.digest == digest([value[1]])


def test_others_have_their_turn_and_the_stage_knows_how_far_it_is(world: World) -> None:
    values = [rows(n, trade("KRW-BTC", n, n)) for n in range(1, 2 * TURN)]
    run = world.run(messages(*values))
    attached = {one.subscription_id: one for one in world.edges}
    seen = []

    def pause() -> None:
        seen.append((world.stage.played, world.stage.wall_ns))

    assert list(perform(run, attached, world.on_raised, pause, ())) == []
    assert seen == [(n, values[n - 1][1].received_ns) for n in range(TURN // 2, 2 * TURN, TURN // 2)][: len(seen)]
    assert len(seen) == 3


@pytest.mark.skipif(Player is None, reason="there is no C module here")
def test_it_is_c_that_plays_what_is_plain(world: World, loop: str) -> None:
    run = world.run(messages(*FIVE))
    attached = {one.subscription_id: one for one in world.edges}
    yielded = list(run.plays(lambda taker: Bound(attached, taker)))
    assert len(yielded) == (0 if loop == "as it is" else 10)


# --- what changes or ends meanwhile

Change = Callable[[], object]


class Interrupted(BaseException):
    """As KeyboardInterrupt, which would end more than a test."""


def columns_of(*moments: Any) -> Any:
    """Return columns of records with one trade each, whose stream nobody else holds."""
    count = len(moments)
    streams = [b"trade KRW-".decode() + "BTC" for _ in moments]
    return streams, [b"{}" for _ in moments], [1] * count, list(moments), [0] * count, [0] * count


class Changing(Ways):
    """Does something when it is asked for what it does not know."""

    def __init__(self, run: MessagesRun, change: Change) -> None:
        super().__init__(run, lambda taker: None)  # type: ignore[arg-type, return-value]
        self._change = change

    def __missing__(self, stream: str) -> Way:
        self._change()
        way = self[stream] = Way(9, False, None, None, "", None, b"", ())
        return way


def plays(world: World, columns: Any, ways: Any) -> Iterator[Any]:
    return playing.plays(columns, 0, 0, NEVER, ways, world.stage, world.run(Messages()), TURN)


@pytest.mark.parametrize("kept", [0, 1])
def test_columns_that_get_shorter_meanwhile_end_it(world: World, kept: int) -> None:
    columns = columns_of(1, 2, 3)
    columns[2][0] = 2

    def shorten() -> None:
        for column in columns:
            del column[kept:]

    with pytest.raises(IndexError):
        list(plays(world, columns, Changing(world.run(Messages()), shorten)))


def test_it_ends_with_what_a_way_raises(world: World) -> None:
    def interrupt() -> None:
        raise Interrupted

    played = plays(world, columns_of(1, 2), Changing(world.run(Messages()), interrupt))
    with pytest.raises(Interrupted):
        next(played)
    assert list(played) == []
    assert world.now.done == 0


def test_what_was_done_is_told_though_it_ends_with_an_exception(world: World) -> None:
    def make(*fields: Any) -> Any:
        if world.stage.mono_ns == 2:
            raise Interrupted
        return fields

    ways = {"trade KRW-BTC": Way(9, False, world.routes[STREAM], make, "", None, b"", ())}
    played = plays(world, columns_of(1, 2, 3), ways)
    with pytest.raises(Interrupted):
        list(played)
    assert (world.now.done, world.now.messages, world.stage.mono_ns) == (2, 2, 2)
    assert list(played) == []
    assert world.stage.mono_ns == 2


@pytest.mark.parametrize("error", [Interrupted, SystemExit, GeneratorExit])
def test_what_is_to_get_through_does_and_what_was_done_is_told(world: World, error: type[BaseException]) -> None:
    def second(event: Any) -> None:
        if event.trade_price == 2:
            raise error

    world.calls[1].callback = second
    run = world.run(messages(*FIVE))
    attached = {one.subscription_id: one for one in world.edges}
    with pytest.raises(error):
        list(perform(run, attached, world.on_raised, lambda: None, (error,)))
    assert world.ear.heard() == [RunOver(run)]
    assert (run.done, run.messages, run.given) == (2, 2, 4)
    assert world.delivered() == [2, 2, 0]


def test_a_run_that_is_closed_in_the_middle_holds_nothing(world: World) -> None:
    class Later:
        def __await__(self) -> Any:
            yield

    world.calls[0].callback = lambda _: Later()
    run = world.run(messages(*FIVE))
    attached = {one.subscription_id: one for one in world.edges}
    held = [sys.getrefcount(run.of.streams)]
    performed = perform(run, attached, world.on_raised, lambda: None, (GeneratorExit,))
    assert isinstance(next(performed), Later)
    held.append(sys.getrefcount(run.of.streams))
    performed.close()
    held.append(sys.getrefcount(run.of.streams))
    assert held[0] == held[2] < held[1]
    assert world.ear.heard() == [RunOver(run)]
    assert (run.done, run.given) == (1, 1)


def test_nothing_is_kept_for_good(world: World) -> None:
    """References that are taken and not given back, or the reverse, show in how many blocks there are."""

    class Later:
        def __await__(self) -> Any:
            yield

    def callback(event: Any) -> object:
        if event.trade_price == 2:
            raise SystemExit
        return Later() if event.trade_price == 3 else None

    def interrupt() -> None:
        raise Interrupted

    world.calls[0].callback = callback
    attached = {one.subscription_id: one for one in world.edges}

    def round_trip() -> None:
        mixed = rows(6, trade("KRW-BTC", 6, 6), book("KRW-BTC", 6, 7), ticker("KRW-BTC", 6, 8))
        singles = [rows(n, trade("KRW-BTC", n, n)) for n in range(1, 4)]
        all_ = messages(*singles, mixed, rows(7, book("KRW-BTC", 7, 1), book("KRW-BTC", 7, 2)))
        for is_whole in (True, False):
            performed = perform(world.run(all_), attached, world.on_raised, lambda: None, (GeneratorExit,))
            assert isinstance(next(performed), Later)
            if is_whole:
                assert list(performed) == []
            performed.close()
        columns = columns_of(1, 2)
        columns[2][0] = 2
        for change, error in ((interrupt, Interrupted), (columns[0].clear, IndexError)):
            with pytest.raises(error):
                list(plays(world, columns, Changing(world.now, change)))
        world.ear.heard()
        world.got.clear()
        world.raised.clear()

    def blocks() -> int:
        for _ in range(100):
            round_trip()
        gc.collect()
        return sys.getallocatedblocks()

    blocks()
    least = min(blocks() for _ in range(2))
    assert min(blocks() for _ in range(2)) - least < 60  # one for each round would be 100


@pytest.mark.skipif(Player is None, reason="there is no C module here")
def test_a_callback_cannot_have_its_own_run_go_on(world: World, loop: str) -> None:
    run = world.run(messages(*FIVE))
    attached = {one.subscription_id: one for one in world.edges}
    played = run.plays(lambda taker: Bound(attached, taker))
    if loop == "in Python":
        pytest.skip("it calls none")
    world.calls[0].callback = lambda _: next(played)
    yielded = list(played)
    assert [type(error) for *_, error in yielded] == [ValueError] * 5
    assert run.done == 5


@pytest.mark.skipif(Player is None, reason="there is no C module here")
def test_numbers_that_change_the_columns_as_they_are_looked_at_end_it(world: World, loop: str) -> None:
    class Moment:
        def __index__(self) -> int:
            for column in columns:
                column.clear()
            return 1

    if loop == "in Python":
        pytest.skip("it looks at them in another way")
    columns = columns_of(Moment(), Moment())
    with pytest.raises(IndexError):
        list(plays(world, columns, Changing(world.run(Messages()), lambda: None)))


@pytest.mark.parametrize("is_begun", [False, True])
def test_what_is_played_is_freed_with_what_refers_to_it(world: World, is_begun: bool) -> None:
    class Holder(Ways):
        played: Any

    ways = Holder(world.run(Messages()), lambda taker: None)  # type: ignore[arg-type, return-value]
    ways[STREAM] = Way(9, False, None, None, "", None, b"", ())
    ways.played = plays(world, columns_of(1, 2), ways)
    if is_begun:
        assert list(ways.played) == []
    gone = weakref.ref(ways)
    del ways
    gc.collect()
    assert gone() is None


@pytest.mark.skipif(Player is None, reason="there is no C module here")
@pytest.mark.parametrize("wrong", [{"place": -1}, {"row": -1}, {"turn": 0}])
def test_what_is_out_of_range_is_a_value_error(world: World, loop: str, wrong: dict[str, int]) -> None:
    if loop == "in Python":
        pytest.skip("its caller knows better")
    given = {"place": 0, "row": 0, "turn": TURN, **wrong}
    with pytest.raises(ValueError, match="out of range"):
        playing.plays(columns_of(1), given["place"], given["row"], NEVER, {}, world.stage, None, given["turn"])
