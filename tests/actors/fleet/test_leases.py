from typing import Any

import pytest

from websocket_v6.actors.fleet.leases import Leases
from websocket_v6.actors.fleet.log_mouth import Cover, LogMouth
from websocket_v6.actors.messages.registry import ComponentGone, Subscribe, Unsubscribe, Watch
from websocket_v6.actors.messages.router import Convey
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.exchange.requests import encode_request


class Told:
    def __init__(self) -> None:
        self.all: list[Any] = []
        mouth = LogMouth([], print, lambda _: b"", retention=1.0, most_bytes=1)
        self.way = Way(0, mouth)
        self.leases = Leases("me", {"public": self.way}, "kr", self.all.append, self.all.append)

    def heard(self) -> list[Any]:
        found, self.all[:] = list(self.all), []
        return found


@pytest.fixture
def told() -> Told:
    one = Told()
    one.leases.begin()
    assert one.heard() == [Watch("fleet me public", one.way)]
    return one


def wants(*codes: str) -> dict[str, bytes]:
    return {"public": encode_request("t", [{"type": "ticker", "codes": list(codes)}], "SIMPLE").encode()}


def test_the_union_is_one_client_s(told: Told) -> None:
    told.leases.settle("a", wants("KRW-BTC"))
    cover, subscribe = told.heard()
    assert cover == Convey(told.way, Cover(("ticker KRW-BTC",), ())), "what comes is said before it comes"
    assert isinstance(subscribe, Subscribe)
    assert (subscribe.component_id, subscribe.want.codes, subscribe.mailbox) == (
        "fleet me public",
        ("KRW-BTC",),
        told.way,
    )
    told.leases.settle("b", wants("KRW-BTC"))
    assert told.heard() == []
    told.leases.settle("b", wants("KRW-BTC", "KRW-ETH"))
    assert told.heard()[0] == Convey(told.way, Cover(("ticker KRW-ETH",), ()))
    assert told.leases.machines == {"a", "b"}


def test_what_nobody_wants_any_more_is_given_back(told: Told) -> None:
    told.leases.settle("a", wants("KRW-BTC"))
    told.heard()
    told.leases.keep(["b"])
    cover, gone = told.heard()
    assert cover == Convey(told.way, Cover((), ("ticker KRW-BTC",)))
    assert isinstance(gone, Unsubscribe)
    assert not told.leases.machines


def test_what_is_refused_is_covered_no_more(told: Told) -> None:
    told.leases.settle("a", wants("KRW-BTC"))
    lease = told.heard()[1].subscription_id
    told.leases.refused(lease)
    assert told.heard() == [Convey(told.way, Cover((), ("ticker KRW-BTC",)))]


def test_who_leads_no_more_wants_nothing_for_others(told: Told) -> None:
    told.leases.settle("a", wants("KRW-BTC"))
    told.heard()
    told.leases.end()
    assert told.heard() == [ComponentGone("fleet me public")]
    told.leases.settle("a", wants("KRW-ETH"))
    assert told.heard() == []
