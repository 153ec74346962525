"""One deadline for all, and an end from another thread, whenever it comes."""

import threading

import pytest

from websocket_v6.actors.dialing.attempt import Attempt, GivenUp
from websocket_v6.protocol.errors import TransportError


def test_what_remains_grows_less_and_its_end_says_what_it_was_at() -> None:
    attempt = Attempt(60.0)
    first = attempt.remaining()
    assert attempt.remaining() <= first <= 60.0
    attempt = Attempt(0.0)
    attempt.doing = "looking up a name"
    with pytest.raises(TimeoutError, match="not done within 0 s, it was looking up a name"):
        attempt.remaining()


def test_given_up_it_fails_as_a_transport_does() -> None:
    attempt = Attempt(60.0)
    attempt.abort()
    attempt.abort()
    with pytest.raises(GivenUp, match="given up"):
        attempt.remaining()
    assert issubclass(GivenUp, TransportError)
    with pytest.raises(GivenUp), attempt.interrupted_by(lambda: None):
        pytest.fail("it does not begin to wait")


def test_whoever_waits_is_interrupted_once_and_never_later() -> None:
    attempt, calls = Attempt(60.0), []
    with attempt.interrupted_by(lambda: calls.append("outer")):
        with attempt.interrupted_by(lambda: calls.append("inner")):
            pass
        thread = threading.Thread(target=attempt.abort)
        thread.start()
        thread.join()
        assert calls == ["outer"]
    attempt.abort()
    assert calls == ["outer"]


def test_what_cannot_be_interrupted_any_more_does_no_harm() -> None:
    def gone() -> None:
        raise OSError("closed")

    attempt = Attempt(60.0)
    with attempt.interrupted_by(gone):
        attempt.abort()
