"""The actor that asks about the account: order and pace of calls, and what refusals and silence come to."""

import json
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.actors.ear import Ear
from tests.conftest import wait_until
from websocket_v6.actors.base import stop_and_join, tell
from websocket_v6.actors.gaps import rest_asker
from websocket_v6.actors.gaps.reconciler import Reconciler
from websocket_v6.actors.gaps.rest_reader import Answered, Ask, Unanswered
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.router import AccountAnswer
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.delivery.steps import Inquire, OrderEnded
from websocket_v6.protocol.errors import AuthenticationError, RateLimitedError, TransportError
from websocket_v6.protocol.exchange.streams import ANY
from websocket_v6.protocol.gaps.inquiry_calls import PAGE

ALL = frozenset({ANY})


class Reader:
    """Stands where the thread would: keeps what it is asked."""

    def __init__(self, config: Config, owner: Ref, jwt: Ref) -> None:
        self.owner = owner
        self.asked: list[Ask] = []
        self.is_finished = False
        self.is_dead = False

    def start(self) -> None:
        """Begin."""

    def ask(self, call: Ask) -> None:
        self.asked.append(call)

    def finish(self) -> None:
        self.is_finished = True

    def is_alive(self) -> bool:
        return not self.is_dead


class Bench:
    """The actor, between a router that hears and readers that do nothing."""

    def __init__(self) -> None:
        self.router, self.supervisor, self.jwt = Ear(), Ear(), Ear()
        self.readers: list[Reader] = []
        self.ref = Reconciler.start(
            config=Config(rest_url="http://127.0.0.1:9"),
            jwt=self.jwt.ref,
            router=self.router.ref,
            supervisor=self.supervisor.ref,
        )

    def make(self, config: Config, owner: Ref, jwt: Ref) -> Reader:
        self.readers.append(Reader(config, owner, jwt))
        return self.readers[-1]

    def inquire(self, type_: str = "myOrder", number: int = 1, **changes: Any) -> None:
        tell(self.ref, msgspec.structs.replace(Inquire(type_, number, codes=ALL, covered=ALL), **changes))

    def asked(self) -> list[Ask]:
        return [call for reader in self.readers for call in reader.asked]

    def wait_asked(self, count: int) -> Ask:
        wait_until(lambda: len(self.asked()) >= count, f"{count} calls")
        return self.asked()[-1]

    def answer(self, call: Ask, status: int = 200, body: Any = (), **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        tell(self.ref, Answered(call, status, named, json.dumps(body).encode()))

    def refuse(self, call: Ask, status: int, name: str) -> None:
        self.answer(call, status, {"error": {"name": name, "message": "no"}})


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    bench = Bench()
    monkeypatch.setattr(rest_asker, "RestReader", bench.make)
    yield bench
    assert stop_and_join(bench.ref, 10)


def row(uuid: str) -> dict[str, Any]:
    return {
        "uuid": uuid,
        "market": "KRW-BTC",
        "side": "bid",
        "ord_type": "limit",
        "state": "wait",
        "created_at": "2027-01-15T08:00:00+00:00",
    }


def test_what_is_found_is_told_and_the_reader_ends(bench: Bench) -> None:
    bench.inquire()
    call = bench.wait_asked(1)
    assert (call.type, call.number, call.target[0]) == ("myOrder", 1, "/v1/orders/open")
    bench.answer(call, body=[row("O1")], date="Fri, 15 Jan 2027 08:00:07 GMT")
    told = bench.router.hear()
    assert isinstance(told, AccountAnswer)
    assert (told.type, [one.uuid for one in told.answer.orders]) == ("myOrder", ["O1"])
    assert told.answer.at_ms == 1_800_000_007_000
    wait_until(lambda: bench.readers[0].is_finished, "the end of the reader")


def test_orders_go_before_balances_and_one_call_at_a_time(bench: Bench) -> None:
    bench.inquire("myAsset", 7)
    first = bench.wait_asked(1)
    bench.inquire("myOrder", 8, doubtful=("O1",))
    bench.answer(first, 500)
    second = bench.wait_asked(2)
    assert second.type == "myOrder"
    bench.answer(second)
    third = bench.wait_asked(3)
    assert third.target[0] == "/v1/orders/uuids"
    bench.answer(third)
    assert bench.wait_asked(4).type == "myAsset"


def test_calls_keep_their_distance(bench: Bench) -> None:
    began = time.monotonic()
    bench.inquire(doubtful=("O1",), since_ms=1)
    for count in range(1, 4):
        bench.answer(bench.wait_asked(count))
    assert time.monotonic() - began >= 2 * 0.2


def test_a_new_inquiry_takes_the_place_of_the_one_before(bench: Bench) -> None:
    bench.inquire(number=1)
    first = bench.wait_asked(1)
    bench.inquire(number=2)
    bench.answer(first, body=[row("old")])
    second = bench.wait_asked(2)
    assert second.number == 2
    bench.answer(second)
    told = bench.router.hear()
    assert (told.answer.number, told.answer.orders) == (2, ())


def test_an_order_that_ends_live_has_pages_read_again(bench: Bench) -> None:
    bench.inquire()
    bench.answer(bench.wait_asked(1), body=[row(f"O{number}") for number in range(PAGE)])
    second = bench.wait_asked(2)
    tell(bench.ref, OrderEnded(99))  # of another inquiry
    tell(bench.ref, OrderEnded(1))
    bench.answer(second)
    assert "page=1&" in bench.wait_asked(3).target[1]


@pytest.mark.parametrize(
    ("status", "name"), [(401, "out_of_scope"), (403, "out_of_scope"), (401, "no_authorization_ip"), (401, "anything")]
)
def test_a_refusal_of_the_keys_is_final_and_says_what_to_do(bench: Bench, status: int, name: str) -> None:
    bench.inquire()
    bench.refuse(bench.wait_asked(1), status, name)
    answer = bench.router.hear().answer
    assert isinstance(answer.error, AuthenticationError)
    assert (answer.is_final, answer.error.name) == (True, name)
    assert "view orders" in str(answer.error)


def test_a_region_without_the_call_is_told_and_final(bench: Bench) -> None:
    bench.inquire()
    bench.refuse(bench.wait_asked(1), 404, "404")
    answer = bench.router.hear().answer
    assert isinstance(answer.error, TransportError)
    assert answer.is_final


def test_a_nonce_that_was_used_is_replaced_once(bench: Bench) -> None:
    bench.inquire()
    bench.refuse(bench.wait_asked(1), 401, "nonce_used")
    bench.refuse(bench.wait_asked(2), 401, "nonce_used")
    assert bench.router.hear().answer.is_final


def test_an_order_that_is_not_there_leaves_its_trades_open(bench: Bench) -> None:
    bench.inquire(lacking=("O1",))
    bench.answer(bench.wait_asked(1))
    bench.refuse(bench.wait_asked(2), 404, "order_not_found")
    assert bench.router.hear().answer.error is None


def test_silence_is_told_after_some_tries(bench: Bench) -> None:
    bench.inquire()
    for count in range(1, 4):
        tell(bench.ref, Unanswered(bench.wait_asked(count), "nobody there"))
    answer = bench.router.hear().answer
    assert isinstance(answer.error, TransportError)
    assert not answer.is_final
    assert "nobody there" in str(answer.error)


def test_a_block_is_told_with_its_time_and_one_call_too_many_is_made_later(bench: Bench) -> None:
    bench.inquire()
    bench.answer(bench.wait_asked(1), 429)
    bench.answer(bench.wait_asked(2), 418, retry_after="30")
    answer = bench.router.hear().answer
    assert isinstance(answer.error, RateLimitedError)
    assert (answer.is_final, answer.retry_after) == (False, 30.0)


def test_an_answer_that_makes_no_sense_is_told(bench: Bench) -> None:
    bench.inquire("myAsset")
    bench.answer(bench.wait_asked(1), body={"nonsense": 1})
    answer = bench.router.hear().answer
    assert answer.error is not None
    assert not answer.is_final


def test_a_clock_that_is_wrong_is_taken_into_account(bench: Bench) -> None:
    bench.inquire(since_ms=int(time.time() * 1000))
    bench.answer(bench.wait_asked(1), date="Fri, 15 Jan 2027 08:00:07 GMT")
    start_ms = int(bench.wait_asked(2).target[1].partition("start_time=")[2].partition("&")[0])
    assert abs(start_ms - (1_800_000_007_000 - 60_000)) < 30_000


def test_a_bug_is_told_to_the_supervisor(bench: Bench) -> None:
    tell(bench.ref, Inquire("myOrder", 1, known=None))  # type: ignore[arg-type]
    bench.answer(bench.wait_asked(1), body=[row("O1")])
    failed = bench.supervisor.hear()
    assert failed.name == "reconciler"
