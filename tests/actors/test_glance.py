"""actors/glance.py: who hears signals waits in short turns, and nobody else does."""

import threading

import pytest

from websocket_v6.actors.glance import GLANCE, longest_wait
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.protocol.delivery.policy import Mailbox


def test_the_main_thread_alone_looks_up_now_and_then() -> None:
    found: list[float] = []
    other = threading.Thread(target=lambda: found.append(longest_wait()))
    other.start()
    other.join(10)
    assert (longest_wait(), found) == (GLANCE, [threading.TIMEOUT_MAX])


def test_who_pulls_in_the_main_thread_waits_in_such_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal that comes just before a wait is heard behind it: the event here is one that nobody announces."""
    queue = MailboxQueue(Mailbox.latest())
    waits: list[float] = []

    def wait(self: MailboxQueue, seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise KeyboardInterrupt  # as the handler does that is heard between two

    monkeypatch.setattr(MailboxQueue, "_wait", wait)
    with pytest.raises(KeyboardInterrupt):
        queue.get()
    assert waits == [pytest.approx(GLANCE)] * 3
