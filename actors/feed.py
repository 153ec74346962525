"""One endpoint as the registry sees it: the union of wants, the pace of requests, the questions under way."""

import time
from collections import deque
from typing import Any, NamedTuple

import pykka

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.pace import RequestPace
from websocket_v6.protocol.probation import Probation
from websocket_v6.protocol.streams import Stream
from websocket_v6.protocol.union import Union
from websocket_v6.protocol.wants import Want

from .base import Timer
from .mailbox import MailboxQueue
from .messages import Ref

__all__ = ["Feed", "FeedHealth", "Lease", "Question"]


class FeedHealth(NamedTuple):
    """What one endpoint is asked for. `requests_sent` counts subscriptions and questions."""

    endpoint: str
    streams: int
    leases: int
    requests_sent: int
    request_bytes: int  # of the last subscription


class Lease:
    """One subscription's claim: what it wants, and where it goes. It holds until it is taken back."""

    __slots__ = ("component", "component_id", "mailbox", "satisfied", "subscription_id", "want")

    def __init__(
        self, component_id: str, subscription_id: int, want: Want, mailbox: MailboxQueue, component: Ref | None
    ) -> None:
        self.component_id = component_id
        self.subscription_id = subscription_id
        self.want = want
        self.mailbox = mailbox
        self.component = component  # who is woken for it; None: the mailbox is pulled
        self.satisfied: set[Stream] = set()  # wanted once, and delivered

    def open_streams(self) -> list[Stream]:
        """Return the streams that still count in the union."""
        return [stream for stream in self.want.streams() if stream not in self.satisfied]


class Question(NamedTuple):
    """A LIST_SUBSCRIPTIONS that waits for its turn or its answer."""

    ticket: str
    answer: "pykka.Future[Any]"


class Feed:
    """The registry's notes on one endpoint; only the registry touches them."""

    def __init__(self, endpoint: str, config: Config) -> None:
        self.endpoint = endpoint
        self.union = Union()
        self.pace = RequestPace(config.gather)
        self.connection: Ref | None = None
        self.is_wanted = False  # the connection was told to connect
        self.is_open = False
        self.has_asked = False  # anything, on this connection
        self.epoch = 0
        self.opened_at_ns = 0
        self.timer: Timer | None = None
        self.linger: Timer | None = None
        self.unasked: deque[Question] = deque()
        self.asked: dict[str, Question] = {}  # by ticket
        self.deferred: dict[int, list[Stream]] = {}  # routes that wait for a deeper book, by subscription
        self.unchecked: set[int] = set()  # subscriptions whose silence is not yet being watched
        self.probation = Probation()
        self.requests_sent = 0
        self.request_bytes = 0

    def lost(self) -> list[Question]:
        """Begin again without a connection; return the questions that will not be answered."""
        self.is_open = self.has_asked = False
        self.union.reset()
        self.pace.reset()
        unanswered = [*self.asked.values(), *self.unasked]
        self.asked.clear()
        self.unasked.clear()
        return unanswered

    def opened(self, epoch: int) -> None:
        """Note a new connection, on which nothing is served yet."""
        self.is_open = True
        self.epoch = epoch
        self.opened_at_ns = time.time_ns()
        self.union.reset()
        self.pace.reset()
