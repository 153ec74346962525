"""The careful path: firsts, deeper books, unknown types, several sources made one."""

import logging
import sys
from collections.abc import Callable
from types import FrameType

import pytest

from tests.actors.delivery.world import BITCOIN, ETHER, TRADES, World, ids, prices, ticker, trade
from websocket_v6.actors.delivery.careful import CarefulPath, Incoming
from websocket_v6.actors.messages.backfill import TradesReleased
from websocket_v6.actors.messages.router import Filled
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.delivery.commands import HoldTrades
from websocket_v6.protocol.delivery.log_pace import FEW
from websocket_v6.protocol.events import GenericEvent

NOVELTY = "novelty KRW-BTC"
NEWS = b'{"ty":"novelty","cd":"KRW-BTC"}'


@pytest.fixture
def world() -> World:
    return World()


def batch(source: int, *payloads: bytes, stream: str = BITCOIN, endpoint: str = "public") -> Batch:
    return Batch(endpoint, source, 1, 5, [stream] * len(payloads), list(payloads))


def bring(careful: CarefulPath, one: Batch) -> bool:
    """Let a source bring a batch while there are several; return whether it was held."""
    if careful.hold(one):
        return True
    careful.merged(one, Incoming(one.endpoint, 1, 5, is_merged=True))
    return False


def join(careful: CarefulPath, source: int) -> None:
    for one in careful.join("public", source):
        careful.merged(one, Incoming("public", 1, 5, is_merged=True))


# --- a message


def test_the_first_message_of_a_stream_is_told_and_the_others_are_not(world: World) -> None:
    one = world.follow(BITCOIN, ETHER)
    world.come(BITCOIN, ticker(1))
    assert world.seen() == [BITCOIN]
    assert world.routes.by_stream[BITCOIN].is_plain, "the next may go the short way"
    world.come(BITCOIN, ticker(2, "SNAPSHOT"))
    world.come(ETHER, ticker(3))
    assert world.seen() == [ETHER]
    assert prices(world.take(one)) == [("REALTIME", 1), ("SNAPSHOT", 2), ("REALTIME", 3)]
    assert world.routes.latest(BITCOIN) == ticker(2, "SNAPSHOT")


def test_after_the_last_value_is_forgotten_a_stream_begins_anew(world: World) -> None:
    world.follow(BITCOIN)
    world.come(BITCOIN, ticker(1))
    world.routes.forget("public")
    world.come(BITCOIN, ticker(2))
    assert world.seen() == [BITCOIN, BITCOIN]


def test_an_event_bears_what_its_batch_had_in_common(world: World) -> None:
    one = world.follow(BITCOIN)
    world.come(BITCOIN, ticker(1), epoch=3)
    world.come(BITCOIN, ticker(2), epoch=4, is_backfilled=True)
    found = [(event.epoch, event.received_at, event.backfilled) for event in world.take(one)]
    assert found == [(3, 5, False), (4, 5, True)]


def test_a_replayed_value_is_a_snapshot_whatever_it_says(world: World) -> None:
    live = world.follow(BITCOIN)
    realtime = world.follow(BITCOIN, snapshots=False)
    world.come(BITCOIN, ticker(1), is_replayed=True)
    world.come(BITCOIN, ticker(2))
    world.come(BITCOIN, b"garbage", is_replayed=True)
    *sound, bad = world.take(live)
    assert prices(sound) == [("SNAPSHOT", 1), ("REALTIME", 2)]
    assert bad.payload == b"garbage", "for the edge to complain about"
    assert prices(world.take(realtime)) == [("REALTIME", 2)]


def test_a_trade_is_remembered(world: World) -> None:
    one = world.follow(TRADES)
    world.come(TRADES, trade(1), trade(2))
    assert ids(world.routes.trades()[TRADES]) == [1, 2]
    world.routes.forget("public")
    world.come(TRADES, trade(2, "SNAPSHOT"))
    assert ids(world.take(one)) == [1, 2], "the reconnect's snapshot is the last trade again"
    assert world.routes.repeated == 1


def test_what_was_fetched_for_another_process_does_not_come_again(world: World) -> None:
    """It may have had less of a stream than this one. Trades come a few places out of order."""
    one = world.follow(TRADES)
    world.come(TRADES, trade(1), is_backfilled=True)
    world.come(TRADES, *(trade(number) for number in range(2, 30) if number != 25))
    world.take(one)
    world.come(TRADES, *(trade(number) for number in (1, 12, 20, 25, 29, 30)), b"{}", is_backfilled=True)
    *sound, bad = world.take(one)
    assert ids(sound) == [25, 30]
    assert bad.payload == b"{}", "for the edge to complain about"
    assert world.routes.repeated == 4
    world.come(TRADES, trade(12), is_backfilled=True, is_merged=True)
    assert ids(world.take(one)) == [12], "another source was ahead"


def test_a_message_of_a_set_just_replaced_is_counted_and_no_more(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    one = world.follow(ETHER, TRADES)
    world.come(BITCOIN, ticker(1), ticker(2))
    assert world.careful.unrouted == 2
    assert (world.seen(), world.take(one), caplog.records) == ([], [], [])


# --- deeper books


def test_who_waits_for_a_deeper_book_gets_nothing_before_its_snapshot(world: World) -> None:
    early = world.follow(BITCOIN)
    world.come(BITCOIN, ticker(1, "SNAPSHOT"))
    deep = world.follow(BITCOIN, awaits=True)
    once = world.follow(BITCOIN, realtime=False, awaits=True)
    quiet = world.follow(BITCOIN, snapshots=False, awaits=True)
    world.routes.expect((BITCOIN,))
    assert world.seen() == [BITCOIN]
    world.come(BITCOIN, ticker(2))
    assert world.seen() == [], "only its snapshot begins it anew"
    late = world.follow(BITCOIN)
    world.come(BITCOIN, ticker(3), ticker(4, "SNAPSHOT"), ticker(5))
    assert world.seen() == [BITCOIN]
    assert [price for _, price in prices(world.take(early))] == [1, 2, 3, 4, 5]
    for number in (deep, late):
        assert prices(world.take(number)) == [("SNAPSHOT", 4), ("REALTIME", 5)]
    assert prices(world.take(once)) == [("SNAPSHOT", 4)]
    assert prices(world.take(quiet)) == [("REALTIME", 5)]
    world.come(BITCOIN, ticker(6, "SNAPSHOT"))
    assert world.seen() == [], "it is expected once"
    assert world.routes.latest(BITCOIN) == ticker(6, "SNAPSHOT")


def test_who_awaits_a_snapshot_of_a_running_stream_is_let_in_by_one(world: World) -> None:
    world.follow(BITCOIN)
    world.come(BITCOIN, ticker(1))
    one = world.follow(BITCOIN, awaits=True)
    world.come(BITCOIN, ticker(2), ticker(3, "SNAPSHOT"), ticker(4))
    assert prices(world.take(one)) == [("SNAPSHOT", 3), ("REALTIME", 4)]
    assert world.routes.by_stream[BITCOIN].is_plain


# --- trades with a gap before them


def test_a_trade_that_waits_is_a_last_value_all_the_same(world: World) -> None:
    one = world.follow(TRADES)
    world.come(TRADES, trade(1))
    world.holds.begin(HoldTrades(2, 10, 20, 60.0))
    once = world.follow(TRADES, realtime=False, replay=False)
    world.backfill.heard()
    world.come(TRADES, trade(6), epoch=2)
    assert ids(world.take(one)) == [1]
    assert [(event.stream_type, *ids([event])) for event in world.take(once)] == [("SNAPSHOT", 6)]
    assert world.routes.latest(TRADES) == trade(6)
    assert ids(world.routes.trades()[TRADES]) == [1], "it is remembered when it is delivered"


def test_a_stream_with_too_many_trades_that_wait_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("websocket_v6.actors.delivery.holds.MAX_HELD", 2)
    one = world.follow(TRADES)
    world.come(TRADES, trade(1))
    world.holds.begin(HoldTrades(2, 10, 20, 60.0))
    world.come(TRADES, trade(6))
    assert ids(world.take(one)) == [1]
    world.come(TRADES, trade(7))
    assert ids(world.take(one)) == [6, 7]


# --- types that are not known


def test_an_unknown_type_goes_to_all_who_take_its_code_and_is_logged_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    one = world.follow(BITCOIN, TRADES)
    other = world.follow(ETHER)
    realtime = world.follow(BITCOIN, snapshots=False)
    world.follow(BITCOIN, realtime=False)
    with caplog.at_level(logging.WARNING):
        world.come(NOVELTY, NEWS, NEWS)
        world.come("oddity KRW-BTC", NEWS)
    assert [record.getMessage() for record in caplog.records] == [
        "the exchange sends 'novelty', which this version does not know",
        "the exchange sends 'oddity', which this version does not know",
    ]
    for number in (one, realtime):
        events = world.take(number)
        assert [event.type for event in events] == ["novelty", "novelty", "oddity"], "each once"
        assert all(isinstance(event, GenericEvent) for event in events)
    assert world.take(other) == []
    assert world.take(4) == [], "it wants one snapshot of something else"
    assert world.careful.unrouted == 0
    assert world.seen() == []


def test_a_snapshot_of_an_unknown_type_is_not_for_who_takes_none(world: World) -> None:
    one = world.follow(BITCOIN)
    realtime = world.follow(BITCOIN, snapshots=False)
    world.come(NOVELTY, b'{"ty":"novelty","cd":"KRW-BTC","st":"SNAPSHOT"}')
    assert len(world.take(one)) == 1
    assert world.take(realtime) == []


def test_an_unknown_type_goes_to_takers_of_its_own_endpoint(world: World) -> None:
    public = world.follow(BITCOIN)
    private = world.follow("myOrder KRW-BTC", endpoint="private")
    world.come(NOVELTY, NEWS)
    assert (len(world.take(public)), len(world.take(private))) == (1, 0)
    world.come(NOVELTY, NEWS, endpoint="private")
    assert (len(world.take(public)), len(world.take(private))) == (0, 1)


def calls_of(function: Callable[[], object]) -> int:
    counts = [0]

    def count(_frame: FrameType, _event: str, _argument: object) -> None:
        counts[0] += 1

    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(None)
    return counts[0]


def test_a_message_of_an_unknown_type_costs_the_same_whatever_the_number_of_routes() -> None:
    """At 800 routes each was a quarter of a millisecond: all were walked, and their names split."""

    def cost(routes: int) -> int:
        world = World()
        world.follow(BITCOIN, TRADES, *(f"ticker KRW-{number}" for number in range(routes)))
        world.come(BITCOIN, ticker(1))
        world.come(NOVELTY, NEWS)
        return calls_of(lambda: world.come(NOVELTY, NEWS))

    assert cost(1000) == cost(1)


def test_twenty_thousand_unknown_types_are_few_lines_and_nothing_to_remember(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    one = world.follow(BITCOIN)
    with caplog.at_level(logging.WARNING):
        for number in range(20_000):
            world.come(f"novelty{number} KRW-BTC", NEWS)
    assert len(caplog.records) == FEW + 1
    assert len(world.careful._unknown_types._known) == FEW
    assert len(world.take(one)) == 20_000, "they are delivered all the same"
    assert len(world.routes.by_stream) == 1


# --- several sources


def test_without_a_second_source_nothing_is_compared(world: World) -> None:
    assert not world.careful.merges("public")
    world.careful.merge("public", is_on=True)
    assert world.careful.merges("public")
    assert not world.careful.merges("private")
    world.careful.merge("public", is_on=False)
    world.careful.merge("public", is_on=False)
    assert not world.careful.merges("public")
    assert world.careful.repeated == 0


def test_of_what_several_bring_the_first_counts_and_the_rest_is_counted(world: World) -> None:
    one = world.follow(BITCOIN)
    world.careful.merge("public", is_on=True)
    for source in (1, 2):
        bring(world.careful, batch(source, ticker(1), ticker(2)))
    world.careful.merge("public", is_on=True)  # it is on: nothing is forgotten
    bring(world.careful, batch(3, ticker(2)))
    assert prices(world.take(one)) == [("REALTIME", 1), ("REALTIME", 2)]
    assert world.careful.repeated == 3
    world.careful.merge("public", is_on=False)
    assert world.careful.repeated == 3, "it is still told of those"
    world.careful.merge("public", is_on=True)
    bring(world.careful, batch(1, ticker(2)))
    assert world.careful.repeated == 4


@pytest.mark.parametrize(("stream", "make"), [(BITCOIN, ticker), (TRADES, trade)])
def test_what_was_delivered_before_is_compared_with_too(world: World, stream: str, make: object) -> None:
    assert callable(make)
    one = world.follow(stream)
    world.come(stream, make(1), make(2))
    world.careful.merge("public", is_on=True)
    bring(world.careful, batch(2, make(2), make(3), stream=stream))
    assert [event.payload for event in world.take(one)] == [make(1), make(2), make(3)]


def test_all_trades_that_are_remembered_are_compared_with(world: World) -> None:
    one = world.follow(TRADES)
    world.come(TRADES, trade(2), trade(1))
    world.careful.merge("public", is_on=True)
    bring(world.careful, batch(2, trade(2), trade(1), trade(3), stream=TRADES))
    assert ids(world.take(one)) == [2, 1, 3]


def test_trades_that_wait_are_compared_with_when_they_have_been_delivered(world: World) -> None:
    one = world.follow(TRADES)
    world.come(TRADES, trade(1))
    world.holds.begin(HoldTrades(2, 10, 20, 60.0))
    world.come(TRADES, trade(6), trade(7))
    world.careful.begin("public", 2)
    bring(world.careful, batch(2, trade(7, "SNAPSHOT"), stream=TRADES))
    world.holds.filled(Filled(2, TRADES, 6, ()))
    assert isinstance(world.backfill.heard()[-1], TradesReleased)
    join(world.careful, 2)
    bring(world.careful, batch(2, trade(8), stream=TRADES))
    assert ids(world.take(one)) == [1, 6, 7, 8]


def test_other_endpoints_are_not_compared(world: World) -> None:
    one = world.follow("myOrder KRW-BTC", endpoint="private")
    payload = b'{"ty":"myOrder","cd":"KRW-BTC","uid":"1","s":"wait","tms":1}'
    world.come("myOrder KRW-BTC", payload, endpoint="private")
    world.careful.merge("public", is_on=True)
    world.come("myOrder KRW-BTC", payload, endpoint="private")
    assert len(world.take(one)) == 2
    assert not world.careful.merges("private")


def test_a_snapshot_of_a_stream_that_runs_is_delivered_as_what_happened_if_it_is_news(world: World) -> None:
    live = world.follow(BITCOIN)
    realtime = world.follow(BITCOIN, snapshots=False)
    world.come(BITCOIN, ticker(1, "SNAPSHOT"), ticker(2))
    world.seen()
    world.careful.merge("public", is_on=True)
    bring(world.careful, batch(2, ticker(2, "SNAPSHOT")))
    bring(world.careful, batch(3, ticker(3, "SNAPSHOT")))
    assert prices(world.take(live)) == [("SNAPSHOT", 1), ("REALTIME", 2), ("REALTIME", 3)]
    assert prices(world.take(realtime)) == [("REALTIME", 2), ("REALTIME", 3)]
    assert world.careful.repeated == 1
    assert world.seen() == [BITCOIN, BITCOIN], "each source has begun it"


def test_the_first_snapshot_of_several_sources_is_one(world: World) -> None:
    live = world.follow(BITCOIN)
    realtime = world.follow(BITCOIN, snapshots=False)
    world.careful.merge("public", is_on=True)
    bring(world.careful, batch(1, ticker(1, "SNAPSHOT"), ticker(2)))
    assert prices(world.take(live)) == [("SNAPSHOT", 1), ("REALTIME", 2)]
    assert prices(world.take(realtime)) == [("REALTIME", 2)]


def test_a_deeper_book_that_several_sources_bring_begins_anew(world: World) -> None:
    live = world.follow(BITCOIN)
    world.come(BITCOIN, ticker(2))
    world.careful.merge("public", is_on=True)
    world.routes.expect((BITCOIN,))
    deep = world.follow(BITCOIN)
    bring(world.careful, batch(1, ticker(1, "SNAPSHOT")))
    assert prices(world.take(live)) == [("REALTIME", 2), ("SNAPSHOT", 1)]
    assert prices(world.take(deep)) == [("SNAPSHOT", 1)]


def test_a_source_that_is_held_is_heard_when_it_joins(world: World) -> None:
    one = world.follow(BITCOIN)
    world.come(BITCOIN, ticker(1, "SNAPSHOT"))
    world.seen()
    world.careful.begin("public", 2)
    assert world.careful.merges("public")
    assert bring(world.careful, batch(2, ticker(3)))
    assert world.seen() == [BITCOIN], "that it brings it is told all the same"
    assert not bring(world.careful, batch(1, ticker(2), ticker(3)))
    assert bring(world.careful, batch(2, ticker(4)))
    assert [price for _, price in prices(world.take(one))] == [1, 2, 3]
    join(world.careful, 2)
    assert not bring(world.careful, batch(2, ticker(5)))
    assert [price for _, price in prices(world.take(one))] == [4, 5]


def test_what_was_held_dies_with_its_attachment(world: World) -> None:
    one = world.follow(BITCOIN)
    world.come(BITCOIN, ticker(1))
    world.careful.begin("public", 2)
    bring(world.careful, batch(2, ticker(3)))
    world.careful.end("private", 2)
    world.careful.end("public", 2)
    join(world.careful, 2)
    assert [price for _, price in prices(world.take(one))] == [1]


def test_an_only_source_has_nothing_held(world: World) -> None:
    assert list(world.careful.join("public", 1)) == []


def test_a_stream_that_nobody_serves_any_more_begins_anew_with_each_source(world: World) -> None:
    one = world.follow(BITCOIN)
    world.careful.merge("public", is_on=True)
    bring(world.careful, batch(1, ticker(1)))
    bring(world.careful, batch(2, ticker(1)))
    world.careful.forget("private", BITCOIN)
    world.seen()
    bring(world.careful, batch(3, ticker(1)))
    assert (world.careful.repeated, world.seen()) == (2, [BITCOIN]), "its own first, but no news"
    bring(world.careful, batch(2, ticker(2)))
    assert world.seen() == []
    world.careful.forget("public", BITCOIN)
    bring(world.careful, batch(2, ticker(1)))
    assert (world.careful.repeated, world.seen()) == (2, [BITCOIN])
    assert prices(world.take(one)) == [("REALTIME", 1), ("REALTIME", 2), ("REALTIME", 1)]


@pytest.mark.parametrize("how", ["is_backfilled", "is_replayed"])
def test_what_a_host_had_of_rest_is_for_clients_alone(how: str) -> None:
    """Who reconciles is a client of the router; a mailbox has what the exchange sent."""
    world = World()
    payload = b'{"ty":"myOrder","cd":"KRW-BTC","uid":"O1","s":"wait","tms":1,"st":"REALTIME"}'
    plain = world.follow("myOrder KRW-BTC", endpoint="private")
    world.come("myOrder KRW-BTC", payload, endpoint="private", **{how: True})
    assert world.take(plain) == []
    world.come("myOrder KRW-BTC", payload, endpoint="private")
    assert len(world.take(plain)) == 1
