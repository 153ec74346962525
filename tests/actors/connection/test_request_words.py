import pytest

from websocket_v6.actors.connection.request_words import RequestWords
from websocket_v6.protocol.connection.door import Door
from websocket_v6.protocol.connection.request_sizes import KNOWN_SERVED, LARGE_REQUEST, RequestLimit, RequestSizes
from websocket_v6.protocol.connection.target import Target, door_target
from websocket_v6.protocol.errors import TransportError

LOST = TransportError("lost")
DIVISIBLE = Target("ws://nowhere/public", splits=True)
WHOLE = Target("ws://nowhere/private")
DOOR = door_target(Door("/door", b"key", 1))
TYPES: list[dict[str, object]] = [{"type": "ticker", "codes": ["KRW-BTC", "KRW-ETH"]}]


class Case:
    """A connection, one of its sockets, and what is known of how large requests may be."""

    def __init__(self, target: Target) -> None:
        self.limit = RequestLimit()
        self.sizes = RequestSizes(self.limit)
        self.words = RequestWords("public", target, self.limit)

    def ask(self, size: int) -> None:
        self.words.sent(self.sizes, "x" * size, TYPES)


def test_what_is_beyond_the_limit_goes_over_others_from_now_on(caplog: pytest.LogCaptureFixture) -> None:
    it = Case(DIVISIBLE)
    it.ask(40_000)
    error = it.words.ended(it.sizes, LOST)
    assert isinstance(error, TransportError)
    assert str(error).startswith("lost, 0.0 s after a request of 40,000 bytes for 2 codes, larger than any")
    assert f"one has {it.limit.bytes:,} at most" in str(error)
    assert it.limit.bytes < 40_000
    assert it.words.ended(it.sizes, LOST) is LOST, "it is told once"
    it.ask(it.limit.bytes)
    it.words.ended(it.sizes, LOST)
    assert len(caplog.records) == 1, "at growing intervals"


def test_where_nothing_can_be_divided_less_must_be_wanted() -> None:
    it = Case(WHOLE)
    it.ask(40_000)
    assert "subscribe to fewer codes" in str(it.words.ended(it.sizes, LOST))


@pytest.mark.parametrize("size", [10, KNOWN_SERVED])
def test_what_is_known_to_be_served_is_not_to_blame(size: int) -> None:
    it = Case(DIVISIBLE)
    it.ask(size)
    assert it.words.ended(it.sizes, LOST) is LOST


def test_a_door_takes_what_it_is_asked(caplog: pytest.LogCaptureFixture) -> None:
    it = Case(DOOR)
    it.ask(LARGE_REQUEST + 1)
    assert it.words.ended(it.sizes, LOST) is LOST
    assert it.limit.bytes == LARGE_REQUEST
    assert it.sizes.bytes == LARGE_REQUEST + 1, "and health() shows it"
    assert not caplog.records


def test_of_a_socket_that_is_gone_nothing_is_said() -> None:
    it = Case(DIVISIBLE)
    it.words.sent(None, "x" * 40_000, TYPES)
    assert it.words.ended(None, LOST) is LOST


def test_one_larger_than_common_servers_take_is_told_when_it_becomes_so(caplog: pytest.LogCaptureFixture) -> None:
    it = Case(WHOLE)
    for size in (LARGE_REQUEST, LARGE_REQUEST + 1, LARGE_REQUEST + 2, 5, LARGE_REQUEST + 1):
        it.ask(size)
    assert sum("whether the exchange takes it" in one.getMessage() for one in caplog.records) == 2
