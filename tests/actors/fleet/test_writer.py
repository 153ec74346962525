import threading
import time
from collections.abc import Iterator

import pytest

from tests.actors.ear import Ear
from tests.conftest import wait_until
from tests.valkey import Valkey, needs_server
from websocket_v6.actors.fleet import writer as subject
from websocket_v6.actors.fleet.lines import packer
from websocket_v6.actors.fleet.writer import Writer
from websocket_v6.actors.messages.fleet import WriterEnded, WriterOpened, WriterSaid
from websocket_v6.protocol.dialing.servers import Servers
from websocket_v6.protocol.errors import TransportError

pytestmark = needs_server


@pytest.fixture
def writer(servers: Servers, ear: Ear) -> Iterator[Writer]:
    one = Writer(3, servers, "key", ear.ref)
    one.start()
    assert ear.hear() == WriterOpened(3)
    yield one
    one.finish()
    one.join(5.0)
    assert not one.is_alive()


def add(id_: str, body: bytes = b"x") -> bytes:
    return packer()(("XADD", "log", "NOMKSTREAM", id_, "d", body))


def test_what_is_put_is_carried_out_in_its_order(server: Valkey, writer: Writer, ear: Ear) -> None:
    with server.client() as client:
        client.xadd("log", {"s": b""}, id="7-0")
        for number in range(1, 200):
            writer.put(add(f"7-{number}"))
        wait_until(lambda: client.xlen("log") == 200, "all entries")
    assert ear.heard() == []


def test_a_refusal_is_told_with_what_it_means(server: Valkey, writer: Writer, ear: Ear) -> None:
    writer.put(add("7-1"))
    gone = ear.hear()
    assert isinstance(gone, WriterSaid)
    assert (gone.number, gone.answer) == (3, "gone")
    with server.client() as client:
        client.xadd("log", {"s": b""}, id="9-0")
        writer.put(add("7-1"))
        assert ear.hear().answer == "refused"
        client.config_set("maxmemory", "1")
        writer.put(add("9-1"))
        assert ear.hear().answer == "full"


def test_more_than_the_socket_takes_is_sent_on(server: Valkey, writer: Writer, ear: Ear) -> None:
    with server.client() as client:
        client.xadd("log", {"s": b""}, id="7-0")
        for number in range(1, 41):
            writer.put(add(f"7-{number}", bytes(512 * 1024)))
        wait_until(lambda: client.xlen("log") == 41, "20 MiB")
    assert ear.heard() == []


def test_a_server_that_ends_is_told(server: Valkey, writer: Writer, ear: Ear) -> None:
    server.stop()
    ended = ear.hear()
    assert isinstance(ended, WriterEnded)
    assert "hung up" in str(ended.error)
    writer.put(add("7-1"))  # nobody cares


def test_a_server_that_stands_still_is_told(
    server: Valkey, writer: Writer, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "SILENT", 1.5)
    server.pause()
    before = time.monotonic()
    ended = ear.hear()
    assert "has not answered" in str(ended.error)
    assert time.monotonic() - before < 5.0
    server.go_on()


def test_a_replica_is_of_no_use(server: Valkey, writer: Writer, ear: Ear) -> None:
    with server.client() as client:
        client.replicaof("127.0.0.1", "1")
    writer.put(add("7-1"))
    assert "READONLY" in str(ear.hear().error)


def test_one_that_cannot_connect_says_so(server: Valkey, servers: Servers, ear: Ear) -> None:
    server.stop()
    one = Writer(4, servers, "key", ear.ref)
    one.start()
    ended = ear.hear()
    assert ended.number == 4
    assert isinstance(ended.error, TransportError)
    one.join(5.0)


def test_a_server_that_has_nothing_to_answer_is_asked(
    writer: Writer, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "QUIET", 0.3)
    monkeypatch.setattr(subject, "SILENT", 0.9)
    threading.Event().wait(1.5)
    assert ear.heard() == []
