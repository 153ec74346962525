"""An answer to come: told to who waits, and to who must not wait."""

import pykka
import pytest

from websocket_v6.actors.future import Future


def test_whoever_must_not_wait_is_called() -> None:
    called: list[str] = []
    value: Future[int] = Future()
    value.then(lambda: called.append("before"))
    assert not called
    value.set(1)
    value.then(lambda: called.append("after"))
    assert called == ["before", "after"]
    assert value.get(timeout=0) == 1
    failed: Future[int] = Future()
    failed.then(lambda: called.append("failed"))
    failed.set_exception((ValueError, ValueError("no"), None))
    assert called[-1] == "failed"
    with pytest.raises(ValueError, match="no"):
        failed.get(timeout=0)


def test_an_answer_is_handed_over_and_a_failure_to_answer_is_not() -> None:
    """It is called in the thread of who was asked, where nobody expects that it fails."""
    handed: list[int] = []
    value: Future[int] = Future()
    value.hand_to(handed.append)
    value.set(1)
    value.hand_to(handed.append)
    assert handed == [1, 1]
    failed: Future[int] = Future()
    failed.hand_to(handed.append)
    failed.set_exception((pykka.ActorDeadError, pykka.ActorDeadError("it has ended"), None))
    assert handed == [1, 1]
