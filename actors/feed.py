"""One endpoint as the registry sees it: the union of wants, the lines that serve it, the questions under way."""

from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import pykka

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.continuity import Continuity
from websocket_v6.protocol.pace import RequestPace
from websocket_v6.protocol.probation import Probation
from websocket_v6.protocol.served import Served
from websocket_v6.protocol.streams import Stream
from websocket_v6.protocol.union import Union
from websocket_v6.protocol.wants import Want

from .base import Timer
from .mailbox import MailboxQueue
from .messages import LineChanged, Ref, UseConnection

__all__ = ["Feed", "FeedHealth", "Lease", "Line", "Question"]


class FeedHealth(NamedTuple):
    """What one endpoint is asked for, and how its data hangs together.

    `requests_sent` counts subscriptions and questions to the exchange, on all lines.
    """

    endpoint: str
    streams: int
    leases: int
    requests_sent: int
    epoch: int
    serving: frozenset[int]  # the lines, by number, that have all that is wanted


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
    answer: "pykka.Future[Any] | None"  # None: the registry itself wants to know that the line answers
    after: int = 0  # the subscriptions of the line before it, which the answer acknowledges
    proves: tuple[int, int] | None = None  # the line, and its epoch, that waits for this one to have caught up with it


class Line:
    """The registry's notes on one line: a connection to the exchange, or a link to another process."""

    def __init__(self, said: UseConnection, config: Config) -> None:
        self.number = said.line
        self.ref = said.ref
        self.limited = said.limited
        self.heir_of = said.heir_of
        self.served = Served()
        self.pace = RequestPace(config.gather, is_limited=said.limited)
        self.is_open = False
        self.epoch = 0  # its own
        self.requests = 0  # subscriptions, ever
        self.has_asked = False  # anything, since it opened
        self.whole_at_ns: int | None = None  # since when it has all; then the others were asked whether they caught up
        self.refusal: LineChanged | None = None  # of its keys, while another line served
        self.is_excused = False  # what it was asked last is known to be refused
        self.asked: dict[str, Question] = {}  # by ticket
        self.unasked: deque[Question] = deque()  # of this line itself

    def opened(self, epoch: int) -> None:
        """Note that it is there, and serves nothing yet."""
        self._begin()
        self.is_open = True
        self.epoch = epoch

    def lost(self) -> list[Question]:
        """Note that it is not there; return the questions that it will not answer."""
        self._begin()
        unanswered = [question for question in self.asked.values() if question.answer is not None]
        self.asked.clear()
        self.unasked.clear()
        return unanswered

    def _begin(self) -> None:
        self.is_open = self.has_asked = self.is_excused = False
        self.whole_at_ns = None
        self.refusal = None
        self.served.reset()
        self.pace.reset()


class Feed:
    """The registry's notes on one endpoint; only the registry touches them."""

    def __init__(self, endpoint: str, epoch: int = 0) -> None:
        self.endpoint = endpoint
        self.union = Union()
        self.lines: dict[int, Line] = {}
        self.continuity = Continuity(epoch)
        self.is_wanted = False  # the lines were told to connect
        self.opened_at_ns = 0
        self.timer: Timer | None = None
        self.linger: Timer | None = None
        self.unasked: deque[Question] = deque()
        self.deferred: dict[int, list[Stream]] = {}  # routes that wait for a deeper book, by subscription
        self.unchecked: set[int] = set()  # subscriptions whose silence is not yet being watched
        self.probation = Probation()
        self.requests_sent = 0

    @property
    def epoch(self) -> int:
        """The epoch that users see."""
        return self.continuity.epoch

    @property
    def is_open(self) -> bool:
        """Whether any line is."""
        return any(line.is_open for line in self.lines.values())

    def open_lines(self) -> list[Line]:
        """Return the lines that are open."""
        return [line for line in self.lines.values() if line.is_open]

    def is_ending(self, line: Line) -> bool:
        """Whether the line's heir is there: then nothing more is asked of it, for the heir could not keep up."""
        return any(line.number in other.heir_of for other in self.open_lines())

    def asked_anywhere(self, stream: Stream, *, but: Line | None = None) -> int:
        """Return at how many levels an open line was asked for `stream`; -1 if none was, 0 for what has no levels."""
        depths = (line.served.depth_asked(stream) for line in self.open_lines() if line is not but)
        return max(depths, default=-1)

    def is_shallow(self, stream: Stream, depth: int) -> bool:
        """Whether any line may deliver `stream` with fewer levels than `depth`."""
        return any(0 <= line.served.depth_asked(stream) < depth for line in self.open_lines())

    def has_seen(self, stream: Stream) -> bool:
        """Whether any line has delivered `stream` since it opened."""
        return any(line.served.has_seen(stream) for line in self.open_lines())

    def whole_lines(self, lost: Line) -> set[int]:
        """Return the other open lines that serve all that `lost` did."""
        return {
            line.number
            for line in self.open_lines()
            if line is not lost and line.served.covers(lost.served, self.union)
        }

    def forgotten(self, gone: list[Stream]) -> Iterator[Stream]:
        """Note that nobody wants `gone` any more; yield those that the exchange has stopped sending by itself."""
        for line in self.lines.values():
            line.served.forget(gone)
        return (stream for stream in gone if self.asked_anywhere(stream) < 0)
