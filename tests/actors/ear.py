"""Who stands where an actor would, and only keeps what it is told."""

import queue
from collections.abc import Mapping
from typing import Any, cast

import pykka

from websocket_v6.actors.messages.common import Ref

__all__ = ["Ear", "StandIn", "there"]


def there(ref: Ref | None) -> Ref:
    """Return the ref of an actor that is there: it is not just being started again."""
    assert ref is not None
    return ref


class Ear:
    """As far as `tell` goes, the ref of an actor; without a thread."""

    actor_inbox = None  # nobody can visit it

    def __init__(self) -> None:
        self._told: queue.SimpleQueue[Any] = queue.SimpleQueue()

    @property
    def ref(self) -> Ref:
        return cast(Ref, self)

    def tell(self, message: object) -> None:
        self._told.put(message)

    def heard(self) -> list[Any]:
        """Return what it has been told since it was last asked."""
        found = []
        while not self._told.empty():
            found.append(self._told.get())
        return found

    def hear(self, timeout: float = 20.0) -> Any:
        """Wait for the next that it is told."""
        return self._told.get(timeout=timeout)


class StandIn:
    """As far as `tell`, `ask`, `last_words` and `stop_and_join` go, the ref of an actor that is called `name`.

    All stand-ins with one `log` write there, in one order, what they are told and asked, and that they are stopped.
    `answers` are the answers by the type of the question, or functions that make them of it. One that `is_dead` is as a
    dead actor is.
    """

    actor_inbox = None  # there is no thread to wait for
    _actor_weakref = staticmethod(lambda: None)  # and no actor

    def __init__(
        self, name: str = "", log: list[tuple[str, Any]] | None = None, answers: Mapping[type[Any], Any] | None = None
    ) -> None:
        self.name = name
        self.log = [] if log is None else log
        self.answers = dict(answers or {})
        self.is_dead = False

    def __repr__(self) -> str:
        return f"<{self.name}>"

    @property
    def ref(self) -> Ref:
        return cast(Ref, self)

    def tell(self, message: object) -> None:
        self._note(message)

    def ask(self, message: object, *, block: bool) -> "pykka.Future[object]":
        assert not block
        self._note(message)
        answer = self.answers.get(type(message))
        future: pykka.Future[object] = pykka.ThreadingFuture()
        future.set(answer(message) if callable(answer) else answer)
        return future

    def stop(self, *, block: bool) -> None:
        assert not block
        self._note("stop")
        self.is_dead = True

    def heard(self) -> list[Any]:
        """Return what this one has been told and asked since it was last asked, and that it was stopped."""
        found = [what for name, what in self.log if name == self.name]
        self.log[:] = [one for one in self.log if one[0] != self.name]
        return found

    def _note(self, what: object) -> None:
        if self.is_dead:
            raise pykka.ActorDeadError(f"{self.name} is dead")
        self.log.append((self.name, what))
