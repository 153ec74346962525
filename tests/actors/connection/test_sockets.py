"""Several transports that are one to their owner, with transports that are only noted down."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.actors.connection.noted import TIMEOUT, Clocks, Collector, Noted
from websocket_v6.actors.base import ask, stop_and_join
from websocket_v6.actors.connection import sockets as subject
from websocket_v6.actors.connection.allowance import CREDITS
from websocket_v6.actors.connection.health import PartHealth
from websocket_v6.actors.connection.sockets import Sockets
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.router import Attach
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.request_sizes import LARGE_REQUEST, RequestLimit
from websocket_v6.protocol.connection.steps import Sample
from websocket_v6.protocol.connection.target import Target
from websocket_v6.protocol.delivery.commands import End
from websocket_v6.protocol.errors import TransportError

LOST = TransportError("lost")
TARGET = Target("ws://nowhere/public", splits=True)


class Bench:
    """Sockets of one source, the transports that they made, and what the router was told."""

    def __init__(self, router: Ref, told: list[Any], made: list[Noted]) -> None:
        self.told = told
        self.made = made
        self.limit = RequestLimit()
        self._router = router
        of_all: dict[str, Any] = {"target": TARGET, "config": Config(), "limit": self.limit}
        self.sockets = Sockets(endpoint="public", source=7, owner=router, router=router, jwt=router, **of_all)

    def heard(self) -> list[Any]:
        """Return what the router has been told until now."""
        ask(self._router, GetHealth(), TIMEOUT)
        return self.told

    def open(self, *numbers: int) -> list[Noted]:
        """Open sockets, the first of which is the attachment's."""
        for number in numbers:
            self.sockets.open(number, 0 if number == numbers[0] else numbers[0])
        return self.made[-len(numbers) :]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    made: list[Noted] = []
    told: list[Any] = []
    monkeypatch.setattr(subject, "Transport", type("Transport", (Noted,), {"made": made, "clocks": Clocks()}))
    router: Ref = Collector.start(told)
    yield Bench(router, told, made)
    assert stop_and_join(router, TIMEOUT)


def test_each_is_attached_before_it_begins_as_a_part_of_the_first(bench: Bench) -> None:
    one, two = bench.open(11, 12)
    assert bench.heard() == [
        Attach(11, "public", 7, one.credits, CREDITS),
        "start",
        Attach(12, "public", 7, two.credits, CREDITS, 11),
        "start",
    ]
    assert (one.arguments["whole"], two.arguments["whole"]) == (0, 11)
    assert one.arguments["limit"] == LARGE_REQUEST
    assert len(bench.sockets) == 2
    assert 12 in bench.sockets
    assert 13 not in bench.sockets


def test_one_that_cannot_begin_is_ended_at_the_router(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Noted) -> None:
        raise RuntimeError("no more threads")

    bench.open(11)
    monkeypatch.setattr(Noted, "start", fail)
    with pytest.raises(RuntimeError, match="no more threads"):
        bench.sockets.open(12, 11)
    assert [(one.attachment, "no more threads" in one.reason) for one in bench.heard() if isinstance(one, End)] == [
        (12, True)
    ]
    assert 12 in bench.sockets, "whose end is yet to be heard of"
    bench.sockets.remove(12)
    assert 12 not in bench.sockets
    assert len(bench.sockets) == 1


def test_what_is_said_to_all_is_said_to_each(bench: Bench) -> None:
    both = bench.open(11, 12)
    bench.sockets.ping()
    bench.sockets.send("text")
    bench.sockets.finish(LOST, is_stalled=False)
    bench.sockets.abort()
    for one in both:
        assert one.calls[1:] == ["ping", "text", ("finish", "lost"), "abort"]


def test_a_question_is_answered_once_all_have_answered_it(bench: Bench) -> None:
    bench.open(11, 12)
    assert not bench.sockets.answered("ticket", 12)
    assert not bench.sockets.answered("ticket", 12)
    assert bench.sockets.answered("ticket", 11)
    bench.sockets.remove(12)
    assert bench.sockets.answered("another", 11)


def test_one_that_was_asked_for_nothing_is_not_asked_what_it_serves(bench: Bench) -> None:
    one, two, three = bench.open(11, 12, 13)
    for number in (11, 13):
        sizes = bench.sockets.sizes_of(number)
        assert sizes is not None
        sizes.sent(500, 3, 1.0)
    bench.sockets.send("what is served?", "ticket")
    assert [transport.calls[1:] for transport in (one, two, three)] == [["what is served?"], [], ["what is served?"]]
    assert not bench.sockets.answered("ticket", 13)
    assert bench.sockets.answered("ticket", 11), "nobody waits for the other"


def test_the_silence_of_one_is_its_own(bench: Bench) -> None:
    assert bench.sockets.sample() is None
    (one,) = bench.open(11)
    one.bytes_at, one.data_at = 5.0, 4.0
    assert bench.sockets.sample() == Sample(one.reading_since, 5.0, 4.0)


def test_of_several_the_one_counts_of_which_most_is_to_be_feared(bench: Bench) -> None:
    one, two = bench.open(11, 12)
    one.reading_since, one.bytes_at, one.data_at = 3.0, 9.0, 4.0
    two.reading_since, two.bytes_at, two.data_at = 5.0, 7.0, 5.0
    bench.sockets.sample()
    one.data_at = two.data_at = 6.0
    one.data_at = 8.0
    assert bench.sockets.sample() == Sample(5.0, 7.0, 6.0)
    one.reading_since = None
    assert bench.sockets.sample() == Sample(None, 7.0, 6.0), "what is not read is not heard"


def test_one_that_has_brought_nothing_says_nothing_of_the_others_silence(bench: Bench) -> None:
    one, two = bench.open(11, 12)
    one.data_at, two.data_at = 4.0, 5.0  # when they opened
    sample = bench.sockets.sample()
    assert sample is not None
    assert sample.data_at == 4.0
    two.data_at = 9.0
    assert bench.sockets.sample() == Sample(one.reading_since, 0.0, 9.0)


def test_sizes_and_traffic_outlive_the_sockets_until_the_next_life(bench: Bench) -> None:
    one, two = bench.open(11, 12)
    one.traffic, two.traffic = (10, 20), (1, 2)
    for number, size in ((11, 100), (12, 50)):
        sizes = bench.sockets.sizes_of(number)
        assert sizes is not None
        sizes.sent(size, size // 10, 0.0)
    assert bench.sockets.parts == (PartHealth(10, 100), PartHealth(5, 50))
    assert bench.sockets.traffic == (11, 22)
    bench.sockets.remove(11)
    bench.sockets.remove(12)
    assert bench.sockets.parts == (PartHealth(10, 100), PartHealth(5, 50))
    assert bench.sockets.traffic == (11, 22)
    bench.open(13)
    assert list(bench.sockets.parts) == [PartHealth(0, 0)]


def test_those_that_are_written_off_count_until_they_have_ended(bench: Bench) -> None:
    one, two = bench.open(11, 12)
    bench.sockets.abandon()
    assert not bench.sockets
    assert one.calls[-1] == two.calls[-1] == "abort"
    assert bench.sockets.stuck() == 2
    bench.sockets.hear_abandoned(12)
    assert two.calls[-2:] == ["abort", "abort"], "it has opened all the same"
    bench.sockets.hear_abandoned(13)
    two.alive = False
    assert bench.sockets.stuck() == 1


def test_it_is_waited_for_all_in_one_time(bench: Bench) -> None:
    one, two = bench.open(11, 12)
    one.alive = False
    assert not bench.sockets.join(2.0)
    assert all(0 < call[1] <= 2.0 for transport in (one, two) for call in transport.calls if call[0] == "join")
    two.alive = False
    assert bench.sockets.join(0.0)
