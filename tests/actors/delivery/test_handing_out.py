"""Events to a callback: the same with the C module and without it."""

from collections.abc import Callable, Generator
from decimal import Decimal
from typing import Any

import pytest

from tests.actors.delivery.world import BITCOIN, ticker
from websocket_v6.actors.delivery import handing_out
from websocket_v6.actors.delivery.edge import Edge
from websocket_v6.actors.delivery.handing_out import hand_out
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.errors import ClosedError
from websocket_v6.protocol.events import Number, make_event
from websocket_v6.protocol.exchange.wants import ticker_want


class Stop(BaseException):
    """What is let through."""


class Desk:
    """A mailbox that has handed out three events, and what comes of them."""

    def __init__(self, numbers: Number = Decimal) -> None:
        self.mailbox = MailboxQueue(Mailbox.block(10), numbers=numbers)
        self.edge = Edge(1, ticker_want("KRW-BTC"), self.mailbox)
        self.mailbox.put_many([make_event(BITCOIN, ticker(number), 1, number) for number in (1, 2, 3)])
        self.events = self.mailbox.take_many(0.0, 10)
        self.seen: list[int] = []
        self.raised: list[BaseException] = []

    def work(self, callback: Callable[[Any], object]) -> Generator[Any, Any, bool | None]:
        def noted(event: Any) -> object:
            self.seen.append(int(event.trade_price))
            return callback(event)

        return hand_out(self.edge, self.events, noted, self._note, (Stop,))  # type: ignore[arg-type]

    def run(self, callback: Callable[[Any], object]) -> bool | None:
        try:
            awaited = next(self.work(callback))
        except StopIteration as stop:
            answer: bool | None = stop.value
            return answer
        raise AssertionError(f"{awaited} is to be awaited")

    def _note(self, edge: Edge, error: BaseException) -> Generator[Any, Any, None]:
        self.raised.append(error)
        return
        yield


@pytest.fixture(params=["C", "Python", "a view"])
def desk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Desk:
    if request.param == "C" and handing_out.call_with_each is None:
        pytest.skip("there is no C module here, or WEBSOCKET_V6_PURE=1 leaves it alone")
    if request.param == "Python":
        monkeypatch.setattr(handing_out, "call_with_each", None)
    return Desk(float) if request.param == "a view" else Desk()


def test_each_is_handed_out_in_order(desk: Desk) -> None:
    assert desk.run(lambda event: None) is False
    assert desk.seen == [1, 2, 3]


def test_what_a_call_raises_ends_nothing(desk: Desk) -> None:
    def fail(event: Any) -> None:
        raise SystemExit(int(event.trade_price)) if event.trade_price != 2 else ValueError("two")

    assert desk.run(fail) is False
    assert desk.seen == [1, 2, 3]
    assert [type(error) for error in desk.raised] == [SystemExit, ValueError, SystemExit]


def test_what_is_let_through_leaves_the_rest_undelivered(desk: Desk) -> None:
    def stop(event: Any) -> None:
        if event.trade_price == 2:
            raise Stop

    with pytest.raises(Stop):
        desk.run(stop)
    assert desk.seen == [1, 2]
    assert desk.mailbox.stats.delivered == 2


@pytest.mark.parametrize("last", [1, 2])
def test_a_mailbox_that_is_closed_meanwhile_ends_it(desk: Desk, last: int) -> None:
    def close(event: Any) -> None:
        if event.trade_price == last:
            desk.mailbox.close(ClosedError("it is over"))

    assert desk.run(close) is None
    assert desk.seen == list(range(1, last + 1))
    assert desk.mailbox.stats.delivered == last


def test_what_can_be_awaited_is_yielded_and_what_comes_of_it_counts(desk: Desk) -> None:
    class Later:
        def __await__(self) -> Generator[Any, Any, None]:
            yield

    def answer(event: Any) -> object:
        return Later() if event.trade_price == 2 else 7  # which nobody takes

    work = desk.work(answer)
    assert type(next(work)) is Later
    assert desk.seen == [1, 2]
    with pytest.raises(StopIteration) as stop:
        work.throw(ValueError("it failed"))
    assert stop.value.value is True
    assert desk.seen == [1, 2, 3]
    assert [str(error) for error in desk.raised] == ["it failed"]
