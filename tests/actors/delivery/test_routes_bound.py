"""Codes that only a wildcard takes, and last values: bounded, and nothing is lost or overtaken for it."""

import logging

import pytest

from tests.actors.delivery.world import BITCOIN, TRADES, World, ids, prices, ticker, trade
from websocket_v6.actors.delivery import routes as subject
from websocket_v6.protocol.events import Event, weigh

ORDERS = "myOrder *"


@pytest.fixture
def world() -> World:
    return World()


def order(number: int) -> bytes:
    return b'{"ty":"myOrder","cd":"KRW-BTC","uid":"%d"}' % number


def uuids(events: list[Event]) -> list[int]:
    return [int(event.uuid) for event in events]  # type: ignore[attr-defined]


def come(world: World, code: str, *numbers: int) -> None:
    world.now_ns += 1
    world.come(f"myOrder {code}", *map(order, numbers), endpoint="private")


def test_codes_of_a_wildcard_are_bounded_and_nothing_is_lost(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred thousand codes were as many routes, 206 MB."""
    monkeypatch.setattr(subject, "WILDCARD_CODES", 100)
    one = world.follow(ORDERS, endpoint="private")
    expected: list[int] = []
    for number in range(2000):
        for code in (f"KRW-{number}", "KRW-BUSY", f"KRW-{number % 7}"):
            expected.append(len(expected))
            come(world, code, expected[-1])
        assert len(world.routes.by_stream) <= 100 + 1
    assert uuids(world.take(one)) == expected, "each once, in order, also of codes that came back"
    assert "myOrder KRW-BUSY" in world.routes.by_stream
    assert len(world.routes._found) + 1 == len(world.routes.by_stream)
    assert sum(map(len, world.routes._by_code.values())) == len(world.routes.by_stream)


def test_a_code_with_takers_of_its_own_is_never_forgotten(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "WILDCARD_CODES", 8)
    every = world.follow(ORDERS, endpoint="private")
    come(world, "KRW-BTC", 1)
    own = world.follow("myOrder KRW-BTC", endpoint="private")  # begins with the last value
    for number in range(100):
        come(world, f"KRW-{number}", 1000 + number)
    come(world, "KRW-BTC", 2)
    assert uuids(world.take(own)) == [1, 2]
    assert uuids(world.take(every)) == [1, *range(1000, 1100), 2]
    later = world.follow("myOrder KRW-BTC", endpoint="private")
    assert uuids(world.take(later)) == [2], "its last value is kept"


def test_what_is_forgotten_of_a_wildcard_leaves_nothing_behind(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "WILDCARD_CODES", 8)
    one = world.follow(ORDERS, endpoint="private")
    for number in range(100):
        come(world, f"KRW-{number}", number)
    world.routes.drop(one, None)
    world.routes.retire([ORDERS])
    assert (world.routes.by_stream, world.routes._found, world.routes._by_code) == ({}, {}, {})


# --- last values


def padded(payload: bytes, size: int) -> bytes:
    return payload[:-1] + b',"x":"' + b"x" * size + b'"}'


def test_last_values_are_bounded_in_bytes(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(subject, "LAST_VALUES_BYTES", 100_000)
    small = world.follow(BITCOIN)
    large = world.follow(*(f"ticker KRW-{number}" for number in range(20)))
    world.come(BITCOIN, ticker(1))
    for number in range(20):
        world.come(f"ticker KRW-{number}", padded(ticker(number), 10_000))
    with caplog.at_level(logging.WARNING):
        world.routes.shed()
        world.routes.shed()
    assert len(caplog.records) == 1
    assert sum(route.weight for _, route in world.routes) <= 50_000
    assert len(world.take(large)) == 20, "what is forgotten was delivered"
    later = world.follow(BITCOIN, "ticker KRW-0")
    assert prices(world.take(later)) == [("SNAPSHOT", 1)], "the large ones are forgotten"
    world.come("ticker KRW-0", ticker(7))
    world.come(BITCOIN, ticker(2))
    assert prices(world.take(later)) == [("REALTIME", 7), ("REALTIME", 2)]
    assert prices(world.take(large)) == [("REALTIME", 7)]
    assert prices(world.take(small)) == [("REALTIME", 1), ("REALTIME", 2)]


def test_of_last_trades_that_are_too_large_the_ids_are_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "LAST_VALUES_BYTES", 50_000)
    one = world.follow(TRADES)
    world.come(TRADES, *(padded(trade(number), 5000) for number in range(1, 17)), b'{"ty":"trade","sid":[]}')
    world.routes.shed()
    route = world.routes.by_stream[TRADES]
    assert route.weight <= 25_000
    assert route.trades is not None
    assert weigh(list(route.trades)) == route.weight
    world.take(one)
    world.routes.forget("public")
    world.come(TRADES, trade(16, "SNAPSHOT"), trade(17))
    assert ids(world.take(one)) == [17], "after a reconnect the last one comes again, and is known"
