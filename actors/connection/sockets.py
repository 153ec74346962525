"""The transports of one life of a source: usually one, or several that share what one request cannot hold.

To whoever owns them they are one: closed together, heard only while all of them read, and answered when all have.
"""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from websocket_v6.actors.base import tell
from websocket_v6.actors.forks import no_fork
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.router import Attach
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.request_sizes import RequestLimit, RequestSizes
from websocket_v6.protocol.connection.steps import Sample
from websocket_v6.protocol.connection.target import Target
from websocket_v6.protocol.delivery.commands import End
from websocket_v6.protocol.errors import WebSocketV6Error

from .allowance import CREDITS
from .transport import Transport

if TYPE_CHECKING:
    from .health import PartHealth

__all__ = ["Sockets"]


class Sockets:
    """By number, oldest first; the first one's is the attachment's. For the owner's thread alone."""

    def __init__(
        self,
        *,
        endpoint: str,
        source: int,
        target: Target,
        config: Config,
        limit: RequestLimit,
        owner: Ref,
        router: Ref,
        jwt: Ref,
    ) -> None:
        self._endpoint = endpoint
        self._source = source
        self._target = target
        self._config = config
        self._limit = limit
        self._owner = owner
        self._router = router
        self._jwt = jwt
        self._abandoned: dict[int, Transport] = {}  # those whose threads may still run
        self._beginning = 0  # the one that is being opened
        self._open: dict[int, Transport] = {}
        self._sizes: dict[int, RequestSizes] = {}  # also of the last that were
        self._traffic = (0, 0)  # of those that were
        self._answered: dict[str, set[int]] = {}  # by ticket, who has
        self._began: dict[int, float] = {}  # when it was said for the first time when each had data

    def __bool__(self) -> bool:
        return bool(self._open)

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, number: object) -> bool:
        return number in self._open or number == self._beginning != 0

    def __iter__(self) -> Iterator[tuple[int, Transport]]:
        return iter(list(self._open.items()))

    def get(self, number: int) -> Transport | None:
        """Return one of them, `None` if it is not there."""
        return self._open.get(number)

    def open(self, number: int, whole: int = 0) -> None:
        """Have one more, as a part of `whole`; the first begins a new life.

        Raises:
            OSError, RuntimeError or MemoryError: if no descriptor or thread is left for it.
        """
        self._beginning = number
        target, limit = self._target, self._limit.bytes if self._target.splits else None
        transport = _kind_of(target)(
            endpoint=self._endpoint,
            source=self._source,
            attachment=number,
            target=target,
            config=self._config,
            owner=self._owner,
            router=self._router,
            jwt=self._jwt,
            whole=whole,
            limit=limit,
        )
        if not target.is_door:  # before its thread has anything to say
            tell(self._router, Attach(number, self._endpoint, self._source, transport.credits, CREDITS, whole))
        if not self._open:
            self._sizes.clear()
            self._answered.clear()
            self._began.clear()
        self._open[number] = transport  # before it runs: whatever happens here, it is known to be there
        self._sizes[number] = RequestSizes(self._limit)
        try:
            transport.start()
        except (OSError, RuntimeError, MemoryError) as exc:
            del self._open[number]
            tell(self._router, End(number, f"it could not begin: {exc}"))
            raise

    def remove(self, number: int) -> None:
        """Do without one from now on."""
        self._beginning = 0 if number == self._beginning else self._beginning
        transport = self._open.pop(number, None)
        if transport is not None:
            self._traffic = _sum(self._traffic, transport.traffic)

    def abandon(self) -> None:
        """Write all off: they have not ended in time."""
        self.abort()
        for number, transport in self:
            self._abandoned[number] = transport
            self.remove(number)

    def stuck(self) -> int:
        """Return how many were written off and have not ended yet."""
        self._abandoned = {number: one for number, one in self._abandoned.items() if one.is_alive()}
        return len(self._abandoned)

    def hear_abandoned(self, number: int) -> None:
        """Have one that was written off, and opens all the same, end."""
        if number in self._abandoned:
            self._abandoned[number].abort()

    def join(self, timeout: float) -> bool:
        """Wait for all to end, for so many seconds; return whether they have."""
        end = time.monotonic() + timeout
        for transport in self._open.values():
            if transport.ident is not None:  # else it never began, and has said so
                transport.join(max(0.0, end - time.monotonic()))
        return not any(transport.ident is not None and transport.is_alive() for transport in self._open.values())

    # --- what they are told

    def ping(self) -> None:
        """Have each send a ping."""
        for transport in list(self._open.values()):
            transport.ping()

    def send(self, text: str, ticket: str = "") -> None:
        """Have each send a message; a question, which has a `ticket`, goes to those that were asked for anything."""
        for transport in list((self._asked() if ticket else self._open).values()):
            transport.send(text, ticket)

    def finish(self, error: WebSocketV6Error | None, *, is_stalled: bool) -> None:
        """Have each close."""
        for transport in list(self._open.values()):
            transport.finish(error, is_stalled=is_stalled)

    def abort(self) -> None:
        """Have each give up at once."""
        for transport in list(self._open.values()):
            transport.abort()

    # --- what is known of them

    def answered(self, ticket: str, number: int) -> bool:
        """Note that one has answered a question; return whether all have that were asked for anything."""
        if len(self._open) == 1:
            return True
        who = self._answered.setdefault(ticket, set())
        who.add(number)
        if who.issuperset(self._asked()):
            del self._answered[ticket]
            return True
        return False

    def _asked(self) -> dict[int, Transport]:
        """Return those that can say what they serve: one that was asked for nothing may take that for a mistake."""
        return {number: one for number, one in self._open.items() if self._sizes[number].bytes} or self._open

    def sample(self) -> Sample | None:
        """Return what can be said of the silence of all: as of the one of which most is to be feared.

        One of which no data is known may have been asked for what there is none of: its silence counts for nothing.
        """
        if len(self._open) < 2:
            return next((transport.sample() for transport in self._open.values()), None)
        samples = {number: transport.sample() for number, transport in self._open.items()}
        since = [one.reading_since for one in samples.values() if one.reading_since is not None]
        data = [one.data_at for number, one in samples.items() if one.data_at != self._began_at(number, one.data_at)]
        return Sample(
            max(since) if len(since) == len(samples) else None,
            min(one.bytes_at for one in samples.values()),
            min(data) if data else min(self._began.values(), default=0.0),
        )

    def _began_at(self, number: int, data_at: float) -> float:
        return self._began.setdefault(number, data_at) if data_at else data_at

    def sizes_of(self, number: int) -> RequestSizes | None:
        """Return what is known of the requests of one of them."""
        return self._sizes.get(number)

    @property
    def parts(self) -> "tuple[PartHealth, ...]":
        """How much each was last asked for."""
        with no_fork():
            from .health import PartHealth
        return tuple(PartHealth(one.codes, one.bytes) for one in self._sizes.values())

    @property
    def traffic(self) -> tuple[int, int]:
        """The bytes that came through all there have been, and those of the messages in them."""
        total = self._traffic
        for transport in self._open.values():
            total = _sum(total, transport.traffic)
        return total


def _sum(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] + other[0], one[1] + other[1]


def _kind_of(target: "Target") -> type[Transport]:
    if not target.is_door:
        return Transport
    with no_fork():
        from .door_transport import DoorTransport
    return DoorTransport
