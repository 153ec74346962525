"""From when on REST says something about the account, as the endpoint's machine tells it."""

from typing import Any

from websocket_v6 import Config
from websocket_v6.protocol.delivery.commands import Fenced, Missed
from websocket_v6.protocol.demand.commands import ListSubscriptions, SendRequest
from websocket_v6.protocol.demand.endpoint import Endpoint
from websocket_v6.protocol.demand.source import Traits
from websocket_v6.protocol.exchange.heads import SubscriptionList
from websocket_v6.protocol.exchange.wants import my_asset_want, my_order_want

S = 1_000_000_000


class Bench:
    """The private endpoint with one source, whose commands are kept."""

    def __init__(self, *, is_door: bool = False) -> None:
        self.endpoint = Endpoint("private", Config())
        self.now = 10.0
        self.out: list[Any] = []
        self.do(self.endpoint.add_source(1, Traits(is_paced=not is_door, names_guilty=is_door), self.now))

    def do(self, commands: list[Any]) -> None:
        self.out += commands

    def want(self, lease: int, want: Any) -> None:
        self.do(self.endpoint.want(lease, want, self.now))

    def open(self, attachment: int) -> None:
        self.do(self.endpoint.opened(attachment, 1, int(self.now) * S, self.now))

    def run(self, seconds: float = 2.0) -> None:
        until = self.now + seconds
        while (due := self.endpoint.next_due) is not None and due <= until:
            self.now = max(self.now, due)
            self.do(self.endpoint.due(self.now))
        self.now = until

    def answer(self, attachment: int) -> None:
        """Answer the last question."""
        ticket = self.take(ListSubscriptions)[-1].ticket
        self.do(self.endpoint.answered(attachment, SubscriptionList(ticket, ()), self.now, int(self.now) * S))

    def take(self, kind: type) -> list[Any]:
        found = [one for one in self.out if isinstance(one, kind)]
        self.out = [one for one in self.out if not isinstance(one, kind)]
        return found


def test_the_answer_to_a_question_after_the_request_is_the_fence() -> None:
    bench = Bench()
    bench.want(1, my_order_want(reconcile=True))
    bench.open(5)
    (request,) = bench.take(SendRequest)
    assert request.types == [{"type": "myOrder"}]  # the exchange has no word for it
    assert bench.take(Fenced) == []
    bench.run()
    assert bench.take(Fenced) == []
    bench.answer(5)
    assert bench.take(Fenced) == [Fenced(1)]
    bench.run()
    assert bench.take(ListSubscriptions) == []


def test_without_such_a_want_nothing_is_asked() -> None:
    bench = Bench()
    bench.want(1, my_order_want())
    bench.open(5)
    bench.run()
    assert bench.take(ListSubscriptions) == []
    assert bench.take(Missed) == [Missed(1, None, 15.0, is_guest=False)]


def test_each_epoch_has_its_own_and_is_told_since_when_something_is_missing() -> None:
    bench = Bench()
    bench.want(1, my_order_want(reconcile=True))
    bench.open(5)
    bench.run()
    bench.answer(5)
    bench.out.clear()
    bench.do(bench.endpoint.ended(5, 11 * S, 12 * S, "lost", None, bench.now))
    bench.now = 22.0
    bench.open(6)
    assert [one.started_ns for one in bench.take(Missed)] == [11 * S]
    bench.run()
    bench.answer(6)
    assert bench.take(Fenced) == [Fenced(2)]


def test_what_is_wanted_besides_is_fenced_when_it_is_in_force() -> None:
    bench = Bench()
    bench.want(1, my_order_want(reconcile=True))
    bench.open(5)
    bench.run()
    bench.answer(5)
    bench.out.clear()
    bench.want(2, my_asset_want(reconcile=True))
    assert bench.take(Fenced) == []
    bench.run()
    bench.answer(5)
    assert bench.take(Fenced) == [Fenced(1)]


def test_what_runs_already_needs_no_new_question() -> None:
    bench = Bench()
    bench.want(1, my_order_want(reconcile=True))
    bench.open(5)
    bench.run()
    bench.answer(5)
    bench.want(2, my_order_want(reconcile=True))
    bench.do(bench.endpoint.drop(1, None, bench.now))
    bench.run()
    assert bench.take(Fenced) == [Fenced(1)]
    bench.do(bench.endpoint.drop(2, None, bench.now))
    bench.want(3, my_order_want())
    bench.want(4, my_order_want(reconcile=True))
    bench.run()
    assert bench.take(Fenced) == [Fenced(1)]


def test_a_guest_asks_its_host_to_reconcile_and_has_no_fence() -> None:
    bench = Bench(is_door=True)
    bench.want(1, my_order_want("KRW-BTC"))
    bench.want(2, my_order_want("KRW-ETH", reconcile=True))
    bench.open(5)
    (request,) = bench.take(SendRequest)
    assert request.types == [
        {"type": "myOrder", "codes": ["KRW-BTC"]},
        {"type": "myOrder", "reconcile": True, "codes": ["KRW-ETH"]},
    ]
    bench.run()
    assert bench.take(ListSubscriptions) == bench.take(Fenced) == []
    assert [one.is_guest for one in bench.take(Missed)] == [True]
    bench.do(bench.endpoint.drop(2, None, bench.now))
    bench.want(3, my_order_want("KRW-ETH"))
    bench.run()
    assert bench.take(SendRequest)[-1].types == [{"type": "myOrder", "codes": ["KRW-BTC", "KRW-ETH"]}]
