import pytest

from websocket_v6.actors.fleet.troubles import LONGEST, Troubles
from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.fleet.title import BEAT


def test_a_failure_is_said_once_and_that_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    troubles = Troubles("valkey://host")
    assert not troubles.reached()
    for _ in range(5):
        troubles.failed(TransportError("it is away"))
    assert str(troubles.error) == "it is away"
    assert troubles.reached()
    assert troubles.error is None
    assert not troubles.reached()
    assert [record.message.split(" after")[0] for record in caplog.records] == [
        "it is away",
        "the fleet's server answers again",
    ]


def test_what_is_refused_stands_although_the_server_answers() -> None:
    troubles = Troubles("valkey://host")
    troubles.refused([b"OK", Exception("no right"), Exception("another")])
    assert not troubles.reached()
    assert str(troubles.error) == "the fleet's server valkey://host refuses: no right"
    troubles.granted()
    assert troubles.reached()


def test_replies_that_are_no_errors_are_no_trouble() -> None:
    troubles = Troubles("valkey://host")
    troubles.refused([[0], None])
    assert troubles.error is None


def test_attempts_become_rarer_and_begin_anew_with_an_answer() -> None:
    troubles = Troubles("valkey://host")
    troubles.failed(TransportError("away"))
    waits = [troubles.wait() for _ in range(12)]
    assert waits[0] <= BEAT
    assert all(LONGEST / 2 <= wait <= LONGEST for wait in waits[5:])
    assert troubles.reached()
    troubles.failed(TransportError("away"))
    assert troubles.wait() <= BEAT
