"""Trades that wait for those before them hold a bounded number of bytes in all."""

import pytest

from tests.actors.delivery.test_holds import Trades
from tests.actors.delivery.world import TRADES, ids, trade
from websocket_v6.actors.delivery import holds as subject
from websocket_v6.actors.messages.backfill import TradesReleased

OTHERS = "trade KRW-ETH"


def padded(number: int, size: int) -> bytes:
    return trade(number)[:-1] + b',"x":"' + b"x" * size + b'"}'


def test_trades_that_wait_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "HELD_BYTES", 100_000)
    world = Trades()
    world.add(1, OTHERS)
    world.live(1)
    world.come(OTHERS, trade(1))
    world.lose(2)
    world.take(1)
    world.backfill.heard()
    world.come(OTHERS, trade(2), epoch=2)
    for number in range(2, 40):
        world.come(TRADES, padded(number, 5000), epoch=2)
        waiting = [route.hold for _, route in world.routes if route.hold is not None]
        assert sum(hold.weight for hold in waiting) <= 100_000
    (released,) = [one for one in world.backfill.heard() if isinstance(one, TradesReleased)]
    assert (released.stream, released.recovered) == (TRADES, 0)
    assert "MiB of live trades were waiting" in released.problem
    assert ids(world.take(1)) == list(range(2, 40)), "the stream with most goes on; none is lost"
    hold = world.routes.by_stream[OTHERS].hold
    assert hold is not None
    assert (len(hold), hold.is_released) == (1, False), "the other one still waits"


def test_what_was_let_go_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "HELD_BYTES", 100_000)
    world = Trades()
    world.live(1)
    for epoch in range(2, 30):
        world.lose(epoch)
        first = 10 * epoch
        world.come(TRADES, *(padded(first + number, 5000) for number in range(5)), epoch=epoch)
        hold = world.routes.by_stream[TRADES].hold
        assert hold is not None
        assert len(hold) == 5
        world.holds.over(epoch)
    assert len(ids(world.take(1))) == 1 + 28 * 5
