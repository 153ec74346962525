"""What goes to one guest: out of its mailbox, in order, into its pipe, as far as there is room."""

import time
from collections import deque
from typing import NamedTuple

from websocket_v6.actors.boot_clock import clock
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.events import Event
from websocket_v6.protocol.membership import peers
from websocket_v6.protocol.membership.outflow import News, Outflow
from websocket_v6.protocol.membership.patience import Patience, Verdict

from .pipe import CHUNK, Pipe

__all__ = ["Outlet", "Trouble"]

PATIENCE = 30.0  # seconds without any room in the pipe: the guest is stopped, or hangs
LOOK = 1.0  # seconds between two looks at the clock at most: after more of them this process stood still itself
RETRY = 0.002  # seconds until a full pipe is tried again, doubled each time
RETRY_MAX = 0.1
MEMORY_BYTES = 64 * 1024 * 1024  # of messages that wait for the guest
UNSENT = 4096  # messages other than records that wait for it
BATCH = 512  # events taken out of the mailbox at once


class Trouble(NamedTuple):
    """Why the guest cannot be served any more; `may_be_told`: there is room to say it."""

    reason: str
    may_be_told: bool


class Outlet:
    """Sends through `pipe`. `outflow` has to be told what the guest wants; whoever sends calls `flush` afterwards.

    Where there is no room, `flush` wants to be called again `wait` seconds later.
    """

    def __init__(self, pipe: Pipe) -> None:
        self.mailbox = MailboxQueue(Mailbox.lossless(MEMORY_BYTES))
        self.outflow = Outflow(CHUNK - 1024)
        self.wait: float | None = None
        self._pipe = pipe
        self._unsent: deque[bytes] = deque()
        self._is_closed = False  # nothing comes any more out of the mailbox
        self._stuck: Patience | None = None  # while there is no room
        self._held: Patience | None = None  # while messages wait for the news that their epoch is open

    def put(self, message: peers.FromHost) -> None:
        """Have this said as soon as there is room."""
        self._unsent.append(peers.encode(message))

    def put_news(self, news: News) -> None:
        """Have this said behind all that waits for the guest in its mailbox."""
        if not self._is_closed:
            self.outflow.put_news(news, self.mailbox.stats.received)

    def close(self) -> None:
        """Send nothing more than what has been put in, and no news."""
        self._is_closed = True
        self.mailbox.close()

    @property
    def is_done(self) -> bool:
        """Whether it is closed, and the rest is sent."""
        return self._is_closed and not self._unsent

    def flush(self) -> Trouble | None:
        """Send as much as there is room for; the rest waits, in the mailbox as far as possible."""
        self.wait = None if self.wait is None else min(RETRY_MAX, self.wait * 2)
        if max(len(self._unsent), len(self.outflow)) > UNSENT:
            return Trouble("it does not read", may_be_told=False)
        while True:
            while self._unsent:
                if not self._pipe.send(self._unsent[0]):
                    return self._no_room()
                self._unsent.popleft()
            self.wait = self._stuck = None
            if self._is_closed:
                return None
            trouble = self._take()
            if trouble is not None or not self._unsent:
                return trouble

    def _take(self) -> Trouble | None:
        """Take what is to be sent next out of the mailbox, if there is anything."""
        while not self.outflow.is_held:
            taken = self.mailbox.take_many(time.monotonic(), BATCH)
            events = [one for one in taken if isinstance(one, Event)]
            self.outflow.put_events(events)
            self._unsent.extend(self.outflow.take())
            if len(events) < len(taken):
                return Trouble(self._too_slow(), may_be_told=True)
            if self._unsent or not taken:
                break
        else:
            self._unsent.extend(self.outflow.take())
        return self._watch_news()

    def _watch_news(self) -> Trouble | None:
        """See to it that messages do not wait for ever for news of their epoch."""
        if not self.outflow.is_held:
            self._held = None
            return None
        self.wait = RETRY_MAX
        if self._held is None:
            self._held = Patience(PATIENCE, LOOK, clock())
        if self._held.look(clock()) is not Verdict.SILENT:
            return None
        return Trouble("this host has lost count of its connections", may_be_told=True)

    def _no_room(self) -> Trouble | None:
        self.wait = self.wait or RETRY
        if self._stuck is None:
            self._stuck = Patience(PATIENCE, LOOK, clock())
        if self._stuck.look(clock()) is Verdict.SILENT:
            return Trouble(f"it has read nothing for {PATIENCE:g} s", may_be_told=False)
        if self.mailbox.stats.dropped and not self._is_closed:
            return Trouble(self._too_slow(), may_be_told=False)
        return None

    def _too_slow(self) -> str:
        stats = self.mailbox.stats
        return (
            f"it took data too slowly: {stats.delivered} messages were sent to it, more than {MEMORY_BYTES} bytes "
            f"waited, {stats.dropped} messages were lost after them; it may come again"
        )
