"""The sources of one endpoint as its machine sees them: what each is, what its life of now was asked and has brought.

A *source* is a connection, to the exchange or to another process. An *attachment* is one life of it, from its
opening to its end; all that is known of what it serves is an attachment's, and ends with it.
"""

from collections import deque
from collections.abc import Iterator

from websocket_v6.protocol.errors import LocalProtocolError, WebSocketV6Error
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.message import Message

from .attachment_parts import Parts
from .coverage import Coverage
from .request_pace import RequestPace
from .union import Union

__all__ = ["Attachment", "Question", "Source", "Sources", "Traits", "What"]


class Traits(Message):
    """What differs between sources."""

    is_paced: bool = True  # the exchange's limits on requests hold for it
    names_guilty: bool = False  # it says itself which streams are refused: nobody has to be tried
    heir_of: tuple[int, ...] = ()  # the sources that end as soon as it serves


class Question(Message):
    """A LIST_SUBSCRIPTIONS that waits for its turn or its answer."""

    ticket: str
    askers: tuple[int, ...] = ()  # none: the endpoint itself wants to know that the source answers
    after: int = 0  # the number of the request before it, which the answer shows to be in force
    proves: int | None = None  # the attachment that waits for this one to have caught up with it
    is_recheck: bool = False  # whether what it has is whole must be shown anew


class What(Message):
    """What happened to a source, and why."""

    at_ns: int
    reason: str
    error: WebSocketV6Error | None
    retry_in: float | None = None  # seconds to the next attempt, where that is known


class Attachment:
    """One life of one source."""

    def __init__(self, parts: Parts, source: "Source", is_held: bool, backfills: bool = False) -> None:
        self.number = parts.numbers[0]
        self.parts = parts
        self.backfills = backfills  # it brings the trades missed before it by itself
        self.source = source
        self.coverage = Coverage(is_door=source.traits.names_guilty)
        self.requests = 0  # how many were sent
        self.in_force = 0  # the number of the last one that is known to be in force
        self.is_held = is_held  # what it brings is not delivered before it joins
        self.is_early = False  # it had everything before those that serve were known to: that shows nothing yet
        self.is_rechecked = False  # so it was asked again
        self.whole_at_ns: int | None = None  # since when it has all; then the others were asked whether they caught up
        self.is_excused = False  # if what it was asked last is refused, nobody is to blame who is still in it
        self.suspects: set[int] = set()  # the leases to blame if what it was asked last is refused
        self.provable: dict[
            int, set[int]
        ] = {}  # by request, those that are good if it is not: they have not grown since
        self.asked: dict[str, Question] = {}  # by ticket
        self.unasked: deque[Question] = deque()  # of this one itself

    def shown_in_force(self, request: int) -> bool:
        """Note that a request is in force; return whether that is news."""
        is_news = request > self.in_force
        self.in_force = max(self.in_force, request)
        return is_news


class Source:
    """What the endpoint knows of one source."""

    def __init__(self, number: int, traits: Traits, gather: float) -> None:
        self.number = number
        self.traits = traits
        self.pace = RequestPace(gather, is_limited=traits.is_paced)
        self.attachment: Attachment | None = None  # while it is open
        self.refusal: What | None = None  # of its keys, and nobody was told, for another one served
        self.was_suspected = False  # of being mute, and was replaced for it, since it last brought anything
        self.is_dropped = False  # it is to go, and its attachment was ended

    def opened(self, parts: Parts, *, is_held: bool, backfills: bool = False) -> Attachment:
        """Begin a new life."""
        self.pace.reset()
        self.refusal = None
        self.attachment = Attachment(parts, self, is_held, backfills)
        return self.attachment

    def ended(self) -> None:
        """Note that it is not there."""
        self.pace.reset()
        self.attachment = None


class Sources:
    """All sources of one endpoint, by number."""

    def __init__(self, gather: float) -> None:
        self._gather = gather
        self._sources: dict[int, Source] = {}
        self._open: dict[int, Attachment] = {}  # by number, oldest first
        self._by_part: dict[int, Attachment] = {}

    def __len__(self) -> int:
        return len(self._sources)

    def __iter__(self) -> Iterator[Source]:
        return iter(list(self._sources.values()))

    def add(self, number: int, traits: Traits) -> Source:
        """Note one more source.

        Raises:
            LocalProtocolError: if it is there already.
        """
        if number in self._sources:
            raise LocalProtocolError(f"source {number} is there already")
        source = self._sources[number] = Source(number, traits, self._gather)
        return source

    def get(self, number: int) -> Source | None:
        """Return a source, `None` if it is not there."""
        return self._sources.get(number)

    def remove(self, source: Source) -> None:
        """Forget a source, which is not open."""
        del self._sources[source.number]

    # --- those that are open

    @property
    def is_open(self) -> bool:
        """Whether any is."""
        return bool(self._open)

    def open(self) -> list[Attachment]:
        """Return the attachments of those that are open, oldest first."""
        return list(self._open.values())

    def others(self, one: Attachment) -> list[Attachment]:
        """Return the attachments of the other sources that are open."""
        return [other for other in self._open.values() if other is not one]

    def attachment(self, number: int) -> Attachment | None:
        """Return an attachment by the number of any of its parts, `None` if it is not open."""
        return self._by_part.get(number)

    def opened(self, source: Source, parts: Parts, *, is_held: bool, backfills: bool = False) -> Attachment:
        """Note that a source is open.

        Raises:
            LocalProtocolError: if it was open already: the end of that has not been told.
        """
        if source.attachment is not None:
            raise LocalProtocolError(f"source {source.number} opens again before its end was told")
        one = source.opened(parts, is_held=is_held, backfills=backfills)
        self._open[one.number] = one
        self._by_part.update(dict.fromkeys(parts.numbers, one))
        return one

    def ended(self, one: Attachment) -> None:
        """Note that an attachment is over."""
        del self._open[one.number]
        for number in one.parts.numbers:
            del self._by_part[number]
        one.source.ended()

    # --- what they have in common

    def is_ending(self, one: Attachment) -> bool:
        """Whether nothing more is to be asked of it: it is to go, or its heir is there, which could not keep up."""
        number = one.source.number
        return one.source.is_dropped or any(number in other.source.traits.heir_of for other in self.others(one))

    def is_in_force(self, one: Attachment) -> bool:
        """Whether it is known to serve what it was asked, or will never be asked anything."""
        return one.in_force > 0 or (one.requests == 0 and self.is_ending(one))

    def depth_asked(self, stream: Stream, *, but: Attachment | None = None) -> int:
        """Return at how many levels any was asked for `stream`; -1 if none was, 0 for what has no levels."""
        return max((one.coverage.depth_asked(stream) for one in self._open.values() if one is not but), default=-1)

    def is_shallow(self, stream: Stream, depth: int) -> bool:
        """Whether any may deliver `stream` with fewer levels than `depth`, which is 0 for what has none."""
        return depth > 0 and any(0 <= one.coverage.depth_asked(stream) < depth for one in self._open.values())

    def has_seen(self, stream: Stream) -> bool:
        """Whether any has delivered `stream` since it opened."""
        return any(one.coverage.has_seen(stream) for one in self._open.values())

    def covering(self, lost: Attachment, union: Union) -> set[int]:
        """Return the numbers of the others that serve all that `lost` did."""
        return {one.number for one in self.others(lost) if one.coverage.covers(lost.coverage, union)}
