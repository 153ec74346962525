"""What asks the exchange over REST, one call at a time: when the next call leaves, and the thread that makes it.

Which call is next, and what an answer comes to, is its heirs' business: `backfill.py` and `reconciler.py`. The thread
is `rest_reader.py`: it is there while something is to be asked, and one that died without a word is replaced.
"""

import time
from typing import Generic, Protocol, TypeVar

from websocket_v6.actors.base import Actor, Timer
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.message import Message

from .rest_reader import Ask, Call, RestReader

__all__ = ["Pace", "RestAsker"]

LOOK = 2.0  # seconds between two looks at the thread that asks
NO_THREAD = 0.25  # seconds until one for which there was no room is tried again

C = TypeVar("C", Call, Ask)


class Pace(Protocol):
    """When the next call may leave."""

    def due(self, now: float) -> float:
        """Return when that is, `now` if at once."""

    def sent(self, now: float) -> None:
        """Note that a call left."""


class CallDue(Message):
    """The pace allows the next call."""


class Look(Message):
    """Is the reader there?"""


class RestAsker(Actor, Generic[C]):
    """Makes the calls that its heir names with `_next_call`, until that is idle.

    `jwt` makes the tokens of calls about the account. Heirs settle each Answered and Unanswered of their reader before
    anything else, and end each message with `_ask_next`.
    """

    def __init__(self, config: Config, pace: Pace, jwt: Ref | None = None) -> None:
        super().__init__()
        self._config = config
        self._pace = pace
        self._jwt = jwt
        self._reader: RestReader | None = None
        self._asked: C | None = None  # that is not answered yet
        self._timer: Timer | None = None
        self._looks = False  # there is a timer for that

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case CallDue():
                self._timer = None
            case Look():
                self._looks = False
                self._look_after_reader()
            case _:
                return super().on_receive(message)
        self._ask_next()
        return None

    def close(self) -> None:
        """End the reader."""
        self._stop_reader()

    # --- what heirs know

    def _is_idle(self) -> bool:
        """Whether nothing is to be asked, now or later, so that no thread is needed."""
        raise NotImplementedError

    def _next_call(self) -> C | None:
        """Return the call to make next, `None` if there is none at the moment."""
        raise NotImplementedError

    def _unanswered(self, call: C, reason: str) -> None:
        """Note that `call` has no answer, and why."""
        raise NotImplementedError

    # --- what heirs use

    def _ask_next(self) -> None:
        """Make the next call, if there is one to make and the pace allows it."""
        if self._is_idle():
            self._stop_reader()
            return
        if self._asked is not None or self._timer is not None:
            return
        call = self._next_call()
        if call is None:
            return
        now = time.monotonic()
        due = self._pace.due(now)
        if due > now:
            self._timer = self.after(due - now, CallDue())
            return
        try:
            reader = self._reader or self._new_reader()
        except (RuntimeError, MemoryError) as exc:  # no thread for it
            self._unanswered(call, str(exc))
            self._look_later(NO_THREAD)
            return
        self._asked = call
        self._pace.sent(now)
        reader.ask(call)
        self._look_later(LOOK)

    def _settle(self, call: C) -> None:
        """Note that a call has come to its end; one of a reader that was told to finish may do so late."""
        if call == self._asked:
            self._asked = None

    # --- the thread

    def _new_reader(self) -> RestReader:
        reader = RestReader(self._config, self.actor_ref, self._jwt)
        reader.start()
        self._reader = reader
        return reader

    def _look_after_reader(self) -> None:
        """Do without a reader whose thread is dead; what it was asked is asked again."""
        call = self._asked
        if self._reader is not None and not self._reader.is_alive():
            self._asked = self._reader = None
            if call is not None:
                self._unanswered(call, "the thread that asks ended without a word")
        elif call is not None:
            self._look_later(LOOK)

    def _look_later(self, delay: float) -> None:
        if not self._looks:
            self._looks = True
            self.after(delay, Look())

    def _stop_reader(self) -> None:
        if self._reader is not None:
            self._reader.finish()
            self._reader = self._asked = None
