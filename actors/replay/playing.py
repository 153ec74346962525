"""Records that one component alone takes, one after the other in one loop: what a replay in lockstep mostly is.

Every message of a recording goes through here, so the loop is there in C as well (`protocol/fast.py`): it does all that
is plain about one, from the event to the callback, and yields what is not.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from websocket_v6.actors.delivery.performing import TURN, Bind, Bound, Clock, Played, Run
from websocket_v6.actors.delivery.route import Route
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.events import Event
from websocket_v6.protocol.events.base import event_loader
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.fast import Player
from websocket_v6.protocol.recording.messages import Messages

from .replay_mailbox import AT_ONCE
from .stage import Stage

__all__ = ["SMALL", "Lane", "MessagesRun", "Ways", "passes", "plays", "plays_in_python"]

SMALL = 64 * 1024  # bytes of a message of which any mailbox has room for a few


class Lane(NamedTuple):
    """How many messages at once pass the mailboxes that a stream is for, and who alone takes it (live).

    `is_latest`: only one of this stream. Without an owner, and with room: nobody takes it. Without room, it takes more
    care. `route` is None if there is none.
    """

    room: int
    is_latest: bool
    owner: Ref | None
    route: Route | None


class Way(NamedTuple):
    """How a stream goes during one run: what its events are made of, its name in a digest, and where they go."""

    room: int
    is_latest: bool
    route: Route | None
    cls: Any
    symbol: str
    codec: Any
    name: bytes
    bounds: tuple[Bound, ...]


class Ways(dict[Stream, Way]):
    """How each stream goes during one run."""

    def __init__(self, run: "MessagesRun", bind: Bind) -> None:
        super().__init__()
        self._run = run
        self._bind = bind

    def __missing__(self, stream: Stream) -> Way:
        room, is_latest, owner, route = self._run.lanes[stream]
        if owner is not None and owner is not self._run.component:
            room = 0
        cls, symbol, codec = (None, "", None) if route is None else route.kind
        bounds = tuple(map(self._bind, route.takers)) if route is not None and room else ()
        name = stream.encode() + b"\0"
        way = self[stream] = Way(room, is_latest, route, cls, symbol, codec, name, bounds)
        return way


class MessagesRun(Run):
    """Records from one on, up to the first that is not plain, or not for this component alone, or too late.

    `start` is its place, and the row of its messages. `done` counts the records that were played, once it is told that
    the run is over; `messages` what is in them, `given` how often one was given to a subscription.
    """

    __slots__ = ("_told", "component", "done", "given", "lanes", "messages", "of", "stage", "start", "until_ns")

    def __init__(
        self,
        stage: Stage,
        reply_to: Ref,
        of: Messages,
        start: tuple[int, int],
        *,
        until_ns: int,
        lanes: Mapping[Stream, Lane],
        component: Ref | None,
    ) -> None:
        super().__init__(stage, reply_to)
        self.stage = stage
        self.of = of
        self.start = start
        self.until_ns = until_ns
        self.lanes = lanes
        self.component = component
        self.done = self.messages = self.given = self._told = 0

    def tell_stage(self) -> None:
        """Have the stage know how far it is."""
        self.stage.played += self.messages - self._told
        self.stage.wall_ns = self.of.received[self.start[0] + self.done - 1]
        self._told = self.messages

    def plays(self, bind: Bind) -> Iterator[Played]:
        return plays(self.of.columns, *self.start, self.until_ns, Ways(self, bind), self.clock, self, TURN)


def plays_in_python(
    columns: Any, first: int, row: int, until_ns: int, ways: Ways, clock: Any, run: MessagesRun, turn: int, /
) -> Iterator[Played]:
    """Play records as far as they are plain; yield events that are to be prepared and given to their callbacks."""
    streams, payloads, counts, monos, epochs, received = columns
    called = 0
    for place in range(first, len(counts)):
        count, mono_ns, epoch, received_ns = counts[place], monos[place], epochs[place], received[place]
        if run.is_recalled or mono_ns >= until_ns:
            return
        if count == 1:
            if ways[streams[row]].room < 1 or len(payloads[row]) > SMALL:
                return
        else:
            some = streams[row : row + count]
            if not passes(some, payloads[row : row + count], [ways[stream] for stream in some]):
                return
        clock.mono_ns = mono_ns
        run.done += 1
        for row in range(row, row + count):  # noqa: B020 - it goes on from where it was
            stream = streams[row]
            _, _, route, cls, symbol, codec, _, bounds = ways[stream]
            run.messages += 1
            if route is None:
                continue
            event = route.last = cls(stream, symbol, received_ns, epoch, payloads[row], codec)
            for bound in bounds:
                mailbox = bound.mailbox
                if mailbox.is_closed:
                    continue
                mailbox.passed += 1
                run.given += 1
                if bound.callback is not None:
                    called += 1
                    yield event, bound, None, None
        row += 1
        if called >= turn:
            called = 0
            run.tell_stage()
            yield None, None, None, None


def passes(streams: list[Stream], payloads: list[bytes], ways: Sequence[Lane | Way]) -> bool:
    """Whether messages that came at once all pass the mailboxes that they are for, each of which goes its own way."""
    count = len(streams)
    if not 0 < count <= AT_ONCE or sum(map(len, payloads)) > SMALL * count:
        return False
    latest = [stream for stream, way in zip(streams, ways, strict=True) if way.is_latest]
    return all(way.room >= count for way in ways) and len(set(latest)) == len(latest)


def _members(cls: type, *names: str) -> tuple[Any, ...]:
    return tuple(vars(cls)[name] for name in names)


plays: Callable[..., Iterator[Played]] = plays_in_python
if Player is not None and event_loader is not None:
    plays = Player(
        event_loader,
        (
            *_members(Route, "last"),
            *_members(Bound, "callback", "mailbox", "ready", "update"),
            *_members(MailboxQueue, "is_closed", "passed"),
            *_members(Clock, "mono_ns"),
            *_members(Run, "is_recalled"),
            *_members(MessagesRun, "done", "messages", "given"),
        ),
        Event,
        SMALL,
    ).play
