"""Steps: what a call waits for is said by the call, and how by whoever runs it."""

import threading
from typing import Any

import pykka
import pytest

from websocket_v6.actors.base import Actor
from websocket_v6.actors.delivery.edge import Edge
from websocket_v6.actors.future import Future
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.errors import ClosedError
from websocket_v6.protocol.exchange.wants import Want
from websocket_v6.steps import Answer, Ended, Pull, Steps, finish


class Echo(Actor):
    """Answers with what it is asked."""

    def on_receive(self, message: object) -> object:
        if isinstance(message, Exception):
            raise message
        return message


def conversation(ref: Any, seen: list[Any]) -> Steps[str]:
    seen.append((yield Answer.of(ref, 1, 10)))
    try:
        yield Answer.of(ref, ValueError("no"), 10)
    except ValueError as exc:
        seen.append(str(exc))
    seen.append((yield Ended(ref, 10)))
    with pytest.raises(pykka.ActorDeadError):
        yield Answer.of(ref, 2, 10)
    return "over"


def test_they_wait_and_go_on_with_what_came() -> None:
    seen: list[Any] = []
    assert finish(conversation(Echo.start(), seen)) == "over"
    assert seen == [1, "no", True]


def test_they_may_be_finished_by_another() -> None:
    seen: list[Any] = []
    steps = conversation(Echo.start(), seen)
    wait = next(steps)
    thread = threading.Thread(target=finish, args=(steps, wait))
    thread.start()
    thread.join(10)
    assert seen == [1, "no", True]


def test_an_answer_that_does_not_come() -> None:
    def wait() -> Steps[None]:
        yield Answer(Future(), 0.01)

    with pytest.raises(pykka.Timeout):
        finish(wait())


def test_an_event_is_waited_for() -> None:
    mailbox = MailboxQueue(Mailbox.latest())

    def wait() -> Steps[object]:
        return (yield Pull(Edge(1, Want("ticker"), mailbox), 0.01))

    with pytest.raises(TimeoutError):
        finish(wait())
    mailbox.close()
    with pytest.raises(ClosedError):
        finish(wait())


def test_an_interruption_is_theirs_to_undo() -> None:
    undone: list[str] = []

    class Interrupted(Future[None]):
        def get(self, *, timeout: float | None = None) -> Any:
            raise KeyboardInterrupt

    def wait() -> Steps[None]:
        try:
            yield Answer(Interrupted())
        except BaseException:
            undone.append("it")
            raise

    with pytest.raises(KeyboardInterrupt):
        finish(wait())
    assert undone == ["it"]
