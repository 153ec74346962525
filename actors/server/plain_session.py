"""One client that takes the door for the exchange: its machine's actions, carried out."""

import time
from collections.abc import Callable

from websocket_v6.actors.base import tell
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.component import ConnectionChanged, StreamFailed
from websocket_v6.actors.messages.registry import (
    ComponentGone,
    Look,
    Subscribe,
    Unsubscribe,
    Watch,
    next_subscription_id,
)
from websocket_v6.protocol.errors import ExchangeError
from websocket_v6.protocol.events import Event
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.server import steps
from websocket_v6.protocol.server.client_leases import Give, Take
from websocket_v6.protocol.server.plain_client import PlainClient
from websocket_v6.protocol.server.plain_frames import Form, PlainFrames, Taking, comes_as_snapshot
from websocket_v6.protocol.websocket.frames import Text
from websocket_v6.protocol.websocket.outgoing import BINARY, frame

from .server_client import Client

__all__ = ["PlainSession"]

FULL_DEPTH = 30


class PlainSession:
    """One plain client. `room` is how many streams more all may have; `close` and `hang_up` end its socket.

    One that is an `is_onlooker` gets what others want, and wants nothing itself.
    """

    def __init__(
        self,
        client: Client,
        endpoint: str,
        *,
        region: str,
        registry: Ref,
        window_bits: int,
        room: Callable[[], int],
        close: Callable[[Client, int, str], object],
        hang_up: Callable[[Client], object],
        is_onlooker: bool = False,
    ) -> None:
        self.endpoint = endpoint
        self.delivered = 0
        self._client = client
        self._registry = registry
        self._component_id = f"{client.name}#{client.number} {endpoint}"
        self._close = close
        self._hang_up = hang_up
        self._form = Form(window_bits=window_bits)
        self._takings: dict[Stream, Taking] = {}  # of streams that it does not take whole
        self._begun: set[Stream] = set()  # of the books that it takes with fewer levels
        self._leases: dict[int, set[Stream]] = {}
        self._live: set[int] = set()  # leases that go on
        self._is_open = False  # the connection to the exchange, as far as it was told
        self._misses = False
        self._machine = PlainClient(
            endpoint=endpoint,
            region=region,
            new_lease=next_subscription_id,
            now=time.monotonic(),
            room=lambda: room() + self.streams,
        )
        self.is_onlooker = is_onlooker
        if not is_onlooker:
            tell(registry, Watch(self._component_id, client.way))

    @property
    def format(self) -> str:
        """How it gets its messages."""
        return self._form.format

    @property
    def streams(self) -> int:
        """How many it has."""
        return self._machine.streams

    @property
    def next_due(self) -> float | None:
        """When `due` is to be called (monotonic seconds)."""
        return self._machine.next_due

    # --- what it says

    def heard(self, message: bytes) -> None:
        """Take one message."""
        self._handle(steps.Heard(message, not isinstance(message, Text)))

    def due(self) -> None:
        """Do what is due."""
        self._handle(steps.Due(self._client.stirred_at))

    def closed(self, reason: str) -> None:  # noqa: ARG002
        """Take back all that it wants."""
        self._handle(steps.Gone())
        tell(self._registry, ComponentGone(self._component_id))

    # --- what it gets

    def deliver(self, events: list[Event], frames: PlainFrames) -> None:
        """Send it events."""
        if self._takings:
            events = [event for event in events if self._is_for_it(event)]
        data = frames.of(events, self._form, self._takings)
        if data:
            self.delivered += len(events)
            self._client.stirred_at = time.monotonic()
            self._client.outlet.put(data)

    def _is_for_it(self, event: Event) -> bool:
        """Tell whether an event is more than the snapshot that another's deeper book began with."""
        stream = event.stream
        taking = self._takings.get(stream)
        if taking is None or not taking.depth:
            return True
        if stream in self._begun:
            return not comes_as_snapshot(event)
        self._begun.add(stream)
        return True

    def convey(self, news: object) -> None:
        """Take note of what has happened."""
        match news:
            case ConnectionChanged(state="open"):
                self._is_open = True
                if self._misses:
                    # Now that the exchange is back, and before its first message: it comes again, and is served.
                    self._misses = False
                    self._handle(steps.Interrupted())
            case ConnectionChanged(state="lost" | "refused"):
                # Who came while the exchange was away hears of vain attempts alone, and misses nothing.
                self._misses = self._misses or (self._is_open and bool(self._live))
                self._is_open = False
            case StreamFailed(lease, error, True, _):
                cause = error.__cause__
                said = (cause.name, cause.text) if isinstance(cause, ExchangeError) else ("", "")
                self._handle(steps.LeaseRefused(lease, *said))
            case _:
                pass

    def interrupt(self) -> None:
        """Close it, for it misses something."""
        self._handle(steps.Interrupted())

    # --- what its machine wants done

    def _handle(self, event: steps.Event) -> None:
        for action in self._machine.handle(event, time.monotonic()):
            match action:
                case steps.Say(payload):
                    # Counted for its budget: an answer may be as long as a request.
                    self._client.outlet.put(frame(BINARY, payload))
                case steps.UseFormat(format_):
                    self._form = self._form._replace(format=format_)
                case steps.Change(changes):
                    for change in changes:
                        self._change(change)
                case steps.Close(code, reason):
                    self._close(self._client, code, reason)
                case steps.HangUp():
                    self._hang_up(self._client)

    def _change(self, change: Take | Give) -> None:
        match change:
            case Take(lease, want, replay):
                body = want.include_body or want.type != "announcement"
                depth = 0 if want.depth == FULL_DEPTH else want.depth
                taking = Taking(depth, want.snapshot or not want.is_public, body)
                streams = tuple(want.streams())
                self._leases.setdefault(lease, set()).update(streams)
                if want.realtime:
                    self._live.add(lease)
                for stream in streams:
                    self._takings.pop(stream, None)
                    self._begun.discard(stream)
                    if taking != Taking():
                        self._takings[stream] = taking
                if self.is_onlooker:
                    self._look(lease)
                else:
                    tell(self._registry, Subscribe(self._component_id, lease, want, self._client.way, None, replay))
            case Give(lease, want):
                given = self._leases.pop(lease, set()) if want is None else set(want.streams())
                if want is None:
                    self._live.discard(lease)
                if want is not None:
                    self._leases.get(lease, set()).difference_update(given)
                held = set().union(*self._leases.values()) if self._leases else set()
                for stream in given - held:
                    self._takings.pop(stream, None)
                    self._begun.discard(stream)
                if self.is_onlooker:
                    self._look(lease)
                else:
                    tell(self._registry, Unsubscribe(self._component_id, lease, want))

    def _look(self, lease: int) -> None:
        streams = tuple(sorted(self._leases.get(lease, ())))
        tell(self._registry, Look(self._component_id, lease, self.endpoint, streams, self._client.way))
