"""A component's way to the engine's actors, which come and go: one that failed is started again, and asked then."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import pykka

from .actors.base import tell
from .actors.children import Children
from .actors.messages.common import Ref
from .actors.messages.registry import ComponentGone, Unsubscribe
from .actors.messages.supervisor import GetChildren, TakeBack
from .protocol.errors import EngineError
from .steps import Answer, Steps, pause

if TYPE_CHECKING:
    from .actors.replay.stage import Stage
    from .actors.undone import Undone

__all__ = ["ASK_TIMEOUT", "GLANCE", "Link"]

ASK_TIMEOUT = 10.0
GLANCE = 0.02  # seconds between two looks for an actor that is about to be started again


class Asked(Protocol):
    """An engine, as far as it is asked. `undone`: with a resume name."""

    undone: "Undone | None"

    @property
    def supervisor(self) -> Ref | None:
        """The supervisor as it is now."""

    def ask(self, message: object, deadline: float) -> Steps[Any]:
        """Ask the supervisor, whoever it is."""

    def forget(self, user: str) -> None:
        """Tell the supervisor that this component is none any more."""

    def show(self, component: Any) -> None:
        """Have a component be seen by whoever looks at the process, for as long as it lives."""


class Link:
    """A component's link to the engine, which lives while there are links.

    `leave` lets go of the engine; the last one to do so stops it.
    """

    def __init__(self, engine: Asked, component_id: str, children: Children, leave: Callable[[], Steps[None]]) -> None:
        self._engine = engine
        self._component_id = component_id
        self._children = children
        self.leave = leave

    def show(self, component: object) -> None:
        """Have the component be seen by whoever looks at the process, for as long as it lives."""
        self._engine.show(component)

    @property
    def stage(self) -> "Stage | None":
        """The replay, if the engine plays a recording."""
        return self._children.stage

    @property
    def undone(self) -> "Undone | None":
        """What the components of this process are not done with, if it has a resume name."""
        return self._engine.undone

    @property
    def router(self) -> Ref | None:
        """The router as last known."""
        return self._children.router

    def ask(self, who: Callable[[Children], Ref | None], message: object, timeout: float = ASK_TIMEOUT) -> Steps[Any]:
        """Ask one of the engine's actors; if it was just replaced, or is about to be, ask its successor.

        Raises:
            EngineError: if it does not answer; at once if it is not started again soon enough for that.
            Exception: whatever the actor answers with.
        """
        deadline = time.monotonic() + timeout
        while True:
            ref = who(self._children)
            try:
                if ref is not None:
                    return (yield Answer.of(ref, message, max(0.001, deadline - time.monotonic())))
            except pykka.ActorDeadError:
                pass
            except pykka.Timeout as exc:
                raise EngineError(f"the engine did not answer within {timeout:g} s: is the process starved?") from exc
            self._children = yield from self._ask_supervisor(deadline)
            if who(self._children) in (ref, None):
                yield from self._await_restart(deadline)

    def _await_restart(self, deadline: float) -> Steps[None]:
        """Wait a moment for an actor that is to be started again.

        Raises:
            EngineError: if it will not be there before the deadline; it says why and when.
        """
        troubles = self._children.restarting
        due = max((one.due for one in troubles if one.due is not None), default=0.0)
        if max(due, time.monotonic()) >= deadline:
            why = "; ".join(map(str, troubles)) or "a part of it is being started again"
            raise EngineError(f"the engine cannot do this now, try again: {why}")
        yield from pause(GLANCE)

    def ask_registry(self, message: object) -> Steps[Any]:
        """Ask the registry."""
        return self.ask(lambda children: children.registry, message)

    def tell_registry(self, message: Unsubscribe) -> None:
        """Tell the registry, or its successor, that something is not wanted any more."""
        if not tell(self._children.registry, message):
            tell(self._engine.supervisor, TakeBack(message))

    def take_back(self, message: Unsubscribe | ComponentGone) -> Steps[None]:
        """Have the registry do without something, and wait until it does. If there is none now, the next one will.

        Raises:
            EngineError: if it does not answer in time; it is heeded all the same.
        """
        try:
            if (yield from self.children()).registry is not None:
                yield from self.ask_registry(message)
                return
        except EngineError:
            if self._children.registry is not None:
                raise
        if isinstance(message, Unsubscribe):
            tell(self._engine.supervisor, TakeBack(message))
        else:
            self._engine.forget(message.component_id)

    def children(self) -> Steps[Children]:
        """Return the engine's actors as they are now."""
        self._children = yield from self._ask_supervisor(time.monotonic() + ASK_TIMEOUT)
        return self._children

    def _ask_supervisor(self, deadline: float) -> Steps[Children]:
        children: Children = yield from self._engine.ask(GetChildren(), deadline)
        return children
