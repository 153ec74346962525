"""The thread that waits for answers."""

from collections.abc import Iterator

import pytest

from tests.actors.ear import Ear
from tests.valkey import Valkey, needs_server
from websocket_v6.actors.fleet.caller import Caller
from websocket_v6.actors.messages.fleet import Called, CallFailed
from websocket_v6.protocol.dialing.servers import parse_servers
from websocket_v6.protocol.errors import TransportError

pytestmark = needs_server


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def caller(server: Valkey, ear: Ear) -> Iterator[Caller]:
    servers = parse_servers(server.url)
    assert servers is not None
    one = Caller("caller", servers, "key", ear.ref)
    one.start()
    yield one
    one.finish(5.0)
    assert not one.is_alive()


def test_each_call_is_answered_in_its_order(caller: Caller, ear: Ear) -> None:
    caller.call("one", ("SET", "key", "x"), ("GET", "key"))
    caller.call("two", ("NONSENSE",))
    one, two = ear.hear(), ear.hear()
    assert isinstance(one, Called)
    assert (one.tag, one.replies) == ("one", [b"OK", b"x"])
    assert one.asked_at <= one.at
    assert two.tag == "two"
    assert isinstance(two.replies[0], Exception)


def test_a_server_that_is_gone_is_told_and_called_again(server: Valkey, caller: Caller, ear: Ear) -> None:
    caller.call("one", ("PING",))
    assert isinstance(ear.hear(), Called)
    server.stop()
    for tag in ("two", "three"):
        caller.call(tag, ("PING",))
        failed = ear.hear()
        assert isinstance(failed, CallFailed)
        assert (failed.tag, type(failed.error)) == (tag, TransportError)
    server.start()
    caller.call("four", ("PING",))
    assert isinstance(ear.hear(), Called)


def test_what_was_to_be_called_is_called_before_the_end(server: Valkey, caller: Caller) -> None:
    caller.call("last", ("SET", "key", "last"))
    caller.finish(5.0)
    with server.client() as client:
        assert client.get("key") == b"last"


def test_the_end_does_not_wait_for_a_server_that_stands_still(server: Valkey, caller: Caller, ear: Ear) -> None:
    caller.call("one", ("PING",))
    ear.hear()
    server.pause()
    caller.call("two", ("PING",))
    caller.finish(0.2)
    assert not caller.is_alive()
    server.go_on()
