"""Looks after threads: which actors are dead without a word, which hang, and what is to be had of those.

A thread cannot be ended from outside. One that hangs is given up: it ends by itself should it ever go on. There may be
only so many of them, for each keeps its memory.
"""

import logging
import sys
import threading
import traceback
from collections.abc import Mapping

import pykka

from websocket_v6.protocol.supervision.watch import Watch

from .base import TimedInbox, actor_of
from .failures import Death, Hang
from .messages.common import Ref
from .visited import VisitedInbox

__all__ = ["HANG", "LOOK", "MOST_GIVEN_UP", "Watchman"]

logger = logging.getLogger(__name__)

LOOK = 1.0  # seconds between two looks
# Seconds at one message. The longest that an actor waits for anybody are 5, and questions are given up after 10.
HANG = 10.0
MOST_GIVEN_UP = 16


class Watchman:
    """Looks at actors, by name, every LOOK seconds; `now` is of the clock that goes on while the machine sleeps."""

    def __init__(self, now: float, limit: float = HANG) -> None:
        self._watch = Watch(LOOK, limit, now)
        self._dead: set[int] = set()  # threads that were dead at the last look
        self._given_up: list[threading.Thread] = []
        self._has_told = False

    @property
    def was_away(self) -> bool:
        """Whether this process stood still before the last look."""
        return self._watch.was_away

    def look(self, refs: Mapping[str, Ref], now: float) -> dict[str, Death | Hang]:
        """Return who is dead, and who hangs and may be given up.

        Who has died with a word is not dead here: the word is heard before the second look.
        """
        found: dict[str, Death | Hang] = {}
        inboxes = {name: ref.actor_inbox for name, ref in refs.items()}
        threads = {
            name: (inbox, inbox.thread)
            for name, inbox in inboxes.items()
            if isinstance(inbox, TimedInbox) and inbox.thread is not None
        }
        dead = {name: id(thread) for name, (_, thread) in threads.items() if not thread.is_alive()}
        for name, thread_id in dead.items():
            if thread_id in self._dead:
                found[name] = Death()
        self._dead = set(dead.values())
        turns = {name: inbox.turn for name, (inbox, _) in threads.items() if name not in dead}
        for name, seconds in self._watch.look(turns, now).items():
            if self._may_give_up(name):
                found[name] = Hang(seconds, _stack_of(_at_work(*threads[name])))
        return found

    def _may_give_up(self, name: str) -> bool:
        self._given_up = [one for one in self._given_up if one.is_alive()]
        if len(self._given_up) < MOST_GIVEN_UP:
            self._has_told = False
            return True
        if not self._has_told:
            self._has_told = True
            logger.critical(
                "the engine's %s hangs and is not replaced: %d threads hang already, and each keeps its memory; this "
                "is a bug, please report it, and start the program again",
                name,
                MOST_GIVEN_UP,
            )
        return False

    def give_up(self, ref: Ref, *, is_alive: bool) -> object:
        """Have nothing more to do with an actor that is dead or hangs; return what its successor begins with."""
        actor, inbox = actor_of(ref), ref.actor_inbox
        if is_alive and isinstance(inbox, TimedInbox) and inbox.thread is not None:
            self._given_up.append(inbox.thread)
        if actor is None:  # its thread ended without a word, and nobody else had it
            pykka.ActorRegistry.unregister(ref)
            return None
        actor.give_up()
        try:
            return actor.inheritance()
        except Exception:  # it may have been in the middle of something
            logger.exception("what the engine's %s leaves cannot be read", type(actor).__name__)
            return None


def _at_work(inbox: TimedInbox, own: threading.Thread) -> threading.Thread:
    visitors = list(inbox.visitors) if isinstance(inbox, VisitedInbox) else []
    return visitors[0] if visitors else own


def _stack_of(thread: threading.Thread) -> str:
    frame = sys._current_frames().get(thread.ident or 0)
    return "".join(traceback.format_stack(frame)) if frame is not None else "(nothing is known of it)\n"
