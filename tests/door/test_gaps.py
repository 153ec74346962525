"""What a plain client notices of a gap behind the door: it is closed, and comes again to what is whole."""

from collections.abc import Callable

import pytest
from websockets.exceptions import InvalidStatus

from tests.bearer import bearer
from tests.conftest import wait_until
from tests.door.world import Client, World

Make = Callable[..., World]
RESTARTED = (1012, "messages may be missing: connect again")
OPTIONS = {"backoff_initial": 0.05, "backoff_max": 0.1}


def _trades(client: Client, *codes: str) -> None:
    client.ask({"type": "trade", "codes": list(codes)})
    assert {client.read()["code"] for _ in codes} == set(codes)


def test_a_client_is_closed_before_the_first_message_after_a_gap(world: Make) -> None:
    one = world(door=OPTIONS)
    having, idle = one.client(one.door.url), one.client(one.door.url)
    _trades(having, "KRW-BTC")
    one.settle("trade KRW-BTC", of=1)
    one.sim.trade("KRW-BTC")
    assert having.read()["stream_type"] == "REALTIME"
    one.sim.drop()
    rest, end = having.rest()
    assert rest == []
    assert end == RESTARTED
    # Who had nothing misses nothing.
    _trades(idle, "KRW-BTC")
    again = one.client(one.door.url)
    _trades(again, "KRW-BTC")
    one.sim.trade("KRW-BTC")
    assert idle.read() == again.read()


def test_who_comes_while_the_exchange_is_away_stays_and_is_served(world: Make) -> None:
    one = world(door=OPTIONS)
    before = one.client(one.door.url)
    _trades(before, "KRW-BTC")
    port = one.sim.port
    one.sim.stop()
    wait_until(lambda: not _is_connected(one), "the loss")
    # It is closed once the exchange is back, not before: until then it would only come again and again.
    meanwhile, other = one.client(one.door.url), one.client(one.door.url)
    meanwhile.ask({"type": "trade", "codes": ["KRW-BTC"]}, format="SIMPLE")
    other.ask({"type": "ticker", "codes": ["KRW-ETH"]})
    meanwhile.ask({"method": "LIST_SUBSCRIPTIONS"})
    assert meanwhile.read()["result"][0]["codes"] == ["KRW-BTC"]
    assert before.is_silent(0.3)
    assert meanwhile.is_silent()
    one.sim.start()
    assert one.sim.port == port
    assert before.rest() == ([], RESTARTED)
    assert meanwhile.read()["stream_type"] == other.read()["stream_type"] == "SNAPSHOT"
    one.settle("trade KRW-BTC", "ticker KRW-ETH", of=1)
    one.sim.trade("KRW-BTC")
    one.sim.trade("KRW-ETH")
    assert meanwhile.read()["stream_type"] == other.read()["stream_type"] == "REALTIME"


def _is_connected(one: World) -> bool:
    return any(info.open for info in one.sim.connections())


def test_a_request_during_an_outage_does_not_hide_the_gap(world: Make) -> None:
    one = world(door=OPTIONS)
    client = one.client(one.door.url)
    _trades(client, "KRW-BTC")
    one.sim.stop()
    wait_until(lambda: not _is_connected(one), "the loss")
    client.ask({"type": "trade", "codes": ["KRW-BTC", "KRW-ETH"]})
    client.ask({"method": "LIST_SUBSCRIPTIONS"})
    one.sim.start()
    _, end = client.rest()
    assert end == RESTARTED


def test_who_asked_for_snapshots_alone_misses_nothing(world: Make) -> None:
    one = world(door=OPTIONS)
    once, other = one.client(one.door.url), one.client(one.door.url)
    once.ask({"type": "ticker", "codes": ["KRW-BTC"], "is_only_snapshot": True})
    once.read()
    _trades(other, "KRW-BTC")
    one.sim.drop()
    assert other.rest() == ([], RESTARTED)
    once.ask({"method": "LIST_SUBSCRIPTIONS"})
    assert once.read()["method"] == "LIST_SUBSCRIPTIONS"


def test_two_connections_hide_the_loss_of_one(world: Make) -> None:
    one = world(door={**OPTIONS, "redundancy": 2})
    client = one.client(one.door.url)
    _trades(client, "KRW-BTC")
    one.sim.wait(lambda sim: sum("trade KRW-BTC" in info.served for info in sim.connections() if info.open) == 2)
    for _ in range(3):
        one.sim.trade("KRW-BTC")
        assert client.read()["stream_type"] == "REALTIME"
    wait_until(lambda: one.door.serving() == 2, "both to take part")
    one.sim.drop(connection_id=one.sim.connections()[0].id)
    one.sim.trade("KRW-BTC")
    assert client.read()["stream_type"] == "REALTIME"
    one.sim.wait(lambda sim: sum("trade KRW-BTC" in info.served for info in sim.connections() if info.open) == 2)
    one.sim.trade("KRW-BTC")
    assert client.read()["stream_type"] == "REALTIME"
    assert client.is_silent()


def test_private_clients_are_closed_by_their_own_endpoint_alone(world: Make) -> None:
    one = world(door=OPTIONS)
    public, private = one.both(), one.both("private")
    public.ask({"type": "ticker", "codes": ["KRW-BTC"]})
    public.read()
    private.ask({"type": "myOrder"}, {"type": "myAsset"})
    one.settle("myOrder *", "myAsset *", endpoint="private")
    one.sim.drop("private")
    assert private.door.rest() == ([], RESTARTED)
    one.sim.trade("KRW-BTC")
    assert public.door.read()["stream_type"] == "REALTIME"


def test_who_is_closed_for_a_gap_may_come_again_with_the_same_token(world: Make) -> None:
    one = world(door=OPTIONS)
    headers = bearer(one.sim)
    client = one.client(one.door.private_url, additional_headers=headers)
    client.ask({"type": "myOrder"})
    one.settle("myOrder *", endpoint="private", of=1)
    with pytest.raises(InvalidStatus):
        one.client(one.door.private_url, additional_headers=headers)
    one.sim.drop("private")
    assert client.rest() == ([], RESTARTED)
    again = one.client(one.door.private_url, additional_headers=headers)
    # Once, as before.
    with pytest.raises(InvalidStatus):
        one.client(one.door.private_url, additional_headers=headers)
    again.ask({"type": "myOrder"})
    again.connection.close()
    with pytest.raises(InvalidStatus):
        one.client(one.door.private_url, additional_headers=headers)
