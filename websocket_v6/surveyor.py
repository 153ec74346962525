"""Looks at the engine of this process for somebody who asks at its door: `websocket-v6 top`, or the host of a guest.

To look is to ask the engine's actors and to wait for their answers, which none of them may. So it is done in a thread,
which is there for as long as somebody asks.
"""

import contextlib
import logging
import queue
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from .actors.delivery.edge import Edge
from .actors.forks import in_child, no_fork
from .actors.messages.router import CountStreams
from .link import Link
from .protocol.errors import WebSocketV6Error
from .protocol.exchange.streams import Stream
from .protocol.message import Message
from .protocol.outside_text import printable
from .steps import finish

if TYPE_CHECKING:
    from .actors.recording.progress import Progress
    from .protocol.membership.words import ComponentRow

__all__ = ["Reporting", "Surveyor", "count_streams"]

logger = logging.getLogger(__name__)

IDLE = 5.0  # seconds without a question after which the thread ends
END_TIMEOUT = 2.0
_NAME_CHARACTERS = 60


class Reporting(Protocol):
    """A component, as far as it is looked at."""

    name: str
    has_left: bool

    @property
    def edges(self) -> list[Edge]:
        """Its subscriptions."""


class _Engine(Message):
    """What `gather` asks: the engine, with no component of its own."""

    link: Link
    name: str = ""
    edges: Sequence[Edge] = ()
    recordings: "Sequence[Progress]" = ()


_Question: TypeAlias = tuple[bool, Callable[[Any], object]]


class Surveyor:
    """Answers questions one after the other. `link` leads to the engine, which serves `url`."""

    def __init__(self, link: Link, url: str) -> None:
        self._link = link
        self._url = url
        self._components: weakref.WeakSet[Reporting] = weakref.WeakSet()
        self._questions: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()
        self._began = time.time()
        self._before = (time.monotonic(), 0)  # when it was looked last, and what had been received
        self._after_fork()
        in_child(self)

    def _after_fork(self) -> None:
        self._lock = threading.Lock()  # of the questions whether the thread is there, and who is seen
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def add(self, component: Reporting) -> None:
        """Have a component be seen, for as long as it lives."""
        with self._lock:
            self._components.add(component)

    def rows(self) -> "list[ComponentRow]":
        """Return what each subscription of the components here has had."""
        with self._lock:  # it cannot grow while it is gone through
            there = list(self._components)
        return list(_component_rows(there))

    def __call__(self, is_whole: bool, done: Callable[[Any], object]) -> None:
        """Have `done` called with the state of this process; never waits. Where it cannot be known it is not called."""
        with self._lock:
            if self._is_closed:
                return
            self._questions.put((is_whole, done))
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="surveyor", daemon=True)
                try:
                    thread.start()
                except RuntimeError as exc:
                    logger.debug("nobody can look at this process now: %s", exc)
                else:
                    self._thread = thread

    def close(self) -> None:
        """Answer nobody any more, and wait for the thread. The engine is stopped by now, so nothing holds it up."""
        with self._lock:
            self._is_closed, thread = True, self._thread
            self._questions.put(None)
        if thread is not None and thread is not threading.current_thread():
            thread.join(END_TIMEOUT)

    def _run(self) -> None:
        while True:
            with contextlib.suppress(queue.Empty):
                question = self._questions.get(timeout=IDLE)
                if question is None:
                    return
                self._answer(*question)
                continue
            with self._lock:
                if self._questions.empty():
                    self._thread = None
                    return

    def _answer(self, is_whole: bool, done: Callable[[Any], object]) -> None:
        rows = self.rows()
        if not is_whole:
            with no_fork():
                from .protocol.membership.words import MOST_ROWS, Components
            rows.sort(key=lambda row: -row.delivered)
            done(Components(tuple(rows[:MOST_ROWS]), max(0, len(rows) - MOST_ROWS)))
            return
        with no_fork():
            from .health import gather
            from .state import host_state
        try:
            health = finish(gather(_Engine(self._link)))
            counts = count_streams(self._link)
        except WebSocketV6Error as exc:
            logger.debug("nobody can look at this process now: %s", exc)
            return
        done(host_state(health, self._url, self._rate(health.counters.received), self._began, rows, counts))

    def _rate(self, received: int) -> float:
        (then, before), now = self._before, time.monotonic()
        self._before = now, received
        return max(0.0, received - before) / (now - then) if now > then else 0.0


def _component_rows(components: Iterable[Reporting]) -> "Iterator[ComponentRow]":
    """Yield what each subscription of `components` has had, those that have left not among them."""
    with no_fork():
        from .protocol.membership.words import ComponentRow
    for component in sorted(components, key=lambda one: one.name):
        if component.has_left:
            continue
        name = printable(component.name, _NAME_CHARACTERS)
        for edge in component.edges:
            stats, want = edge.mailbox.stats, edge.want
            lag = edge.lag_ns / 1e9
            counts = (len(want.codes), stats.delivered, stats.dropped, stats.queued)
            yield ComponentRow(name[:_NAME_CHARACTERS], want.type[:40], *counts, lag)


def count_streams(link: Link) -> dict[Stream, int]:
    """Return how many messages each stream has had, counted since somebody asked first.

    Raises:
        EngineError: if the engine does not answer.
    """
    found: dict[Stream, int] = finish(link.ask(lambda children: children.router, CountStreams()))
    return found
