"""What brings each endpoint's data: connections, to the exchange or to another process.

Not an actor: the supervisor owns one `Sources`. Usually an endpoint has one source. There are more with
`Config(redundancy=2)` or 3, and for a moment whenever one is replaced while it serves: the new one is there first, and
the old one ends when the registry says that the new one serves.
"""

import itertools
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.door import Door
from websocket_v6.protocol.connection.target import Target, door_target, remote_target
from websocket_v6.protocol.exchange.wants import ENDPOINTS

from .base import last_words, stop_child, tell
from .connection.connection import Connection, ConnectionInheritance, Resign
from .membership.place import Placed, Released, Role
from .messages.common import Ref
from .messages.connection import KeysChanged
from .messages.registry import DropSource, UseSource
from .messages.supervisor import Renew, SourceServes, UseSettings

__all__ = ["Source", "Sources", "next_source"]

logger = logging.getLogger(__name__)

# Sources are told apart by number in the whole process, however many engines it has.
next_source: Callable[[], int] = itertools.count(1).__next__


class Source(NamedTuple):
    """One source of an endpoint: a connection, to the exchange or through `door` to another process."""

    endpoint: str
    number: int
    ref: Ref
    heir_of: tuple[int, ...] = ()  # the numbers of the sources that end as soon as this one serves
    door: Door | None = None
    outlives_refusal: bool = True  # of its keys; else those it replaces end with that too


class Neighbours(NamedTuple):
    """The actors that sources talk to, as they are now (live)."""

    registry: Ref
    router: Ref
    jwt: Ref
    membership: Ref | None


class Sources:
    """Starts, renews and ends the sources of all endpoints. `neighbours` says whom they talk to at the moment."""

    def __init__(self, config: Config, supervisor: Ref, neighbours: Callable[[], Neighbours]) -> None:
        self._config = config.without_keys()  # keys are Jwt's alone
        self._is_remote = config.token is not None  # what it connects to is a door, and no exchange
        self._supervisor = supervisor
        self._neighbours = neighbours
        self._sources: list[Source] = []

    def __iter__(self) -> Iterator[Source]:
        return iter(list(self._sources))

    def of(self, endpoint: str) -> tuple[Ref, ...]:
        """Return the refs of one endpoint's sources."""
        return tuple(source.ref for source in self._sources if source.endpoint == endpoint)

    def by_ref(self, ref: Ref) -> Source | None:
        """Return the connection `ref`, if it is still one of the sources."""
        return next((one for one in self._sources if one.ref == ref), None)

    # --- where data comes from

    def arrange(self, place: Placed) -> None:
        """Have each endpoint served as `place` says; what serves it now goes on until the new source does."""
        if place.role is Role.LOOKING:
            # What a host has sent that is gone is read to its end; of one that hangs nothing more is waited for.
            for source in list(self._sources) if place.error is not None else ():
                if source.door is not None:
                    self.end(source)
            return
        for endpoint in ENDPOINTS:
            present = [source for source in self._sources if source.endpoint == endpoint]
            door = place.door if endpoint in place.shared else None
            if door is None and self._end_vain_heirs(present):
                continue
            if any(source.door == door for source in present):
                continue
            if place.role is Role.GUEST and door is None:
                # The host shares this endpoint no more, since the keys are others now: nothing of the old ones goes on.
                for source in present:
                    self.end(source)
                present = []
            for index in range(1 if door is not None or self._is_remote else self._config.redundancy):
                self.start(endpoint, heir_of=_line(*present) if index == 0 else (), door=door)

    def _end_vain_heirs(self, present: list[Source]) -> bool:
        """End those that were to take the place of own connections through a door, and never will; True if there were.

        The keys are others now, or were: what serves may be of the old ones, and was not renewed since it had an heir.
        """
        own = [source for source in present if source.door is None]
        numbers = {source.number for source in own}
        vain = [source for source in present if source.door is not None and numbers & set(source.heir_of)]
        for source in vain:
            self.end(source)
        if vain:
            self.start(own[0].endpoint, heir_of=_line(*own), outlives_refusal=False)
            for _ in range(self._config.redundancy - 1):
                self.start(own[0].endpoint)
        return bool(vain)

    def use(self, settings: UseSettings) -> None:
        """Have this process's own connections be what the processes that use them want together."""
        ages = settings.max_age != self._config.max_age
        self._config = msgspec.structs.replace(self._config, **settings._asdict())
        for endpoint in ENDPOINTS:
            own = [source for source in self._sources if source.endpoint == endpoint and source.door is None]
            heirs = {number for source in own for number in source.heir_of}
            serving = [source for source in own if source.number not in heirs]
            if not serving or self._is_remote:
                continue
            for _ in range(settings.redundancy - len(serving)):
                self.start(endpoint)
            if len(serving) > settings.redundancy:
                # One heir takes the place of all that are too many: which of them is well, the registry alone knows.
                staying = settings.redundancy - 1
                self.start(endpoint, heir_of=_line(*serving[staying:]))
                del serving[staying:]
            for source in serving if ages else ():
                self.start(endpoint, heir_of=_line(source))

    def start(
        self,
        endpoint: str,
        inheritance: ConnectionInheritance | None = None,
        heir_of: tuple[int, ...] = (),
        *,
        outlives_refusal: bool = True,
        door: Door | None = None,
    ) -> None:
        """Start a connection for `endpoint`: to the exchange, or through a door."""
        neighbours, number = self._neighbours(), next_source()
        ref = Connection.start(
            endpoint=endpoint,
            source=number,
            target=self._target(endpoint, door),
            config=self._config,
            router=neighbours.router,
            jwt=neighbours.jwt,
            supervisor=self._supervisor,
            inheritance=inheritance,
        )
        self._add(Source(endpoint, number, ref, heir_of, door, outlives_refusal))

    def _target(self, endpoint: str, door: Door | None) -> Target:
        if door is not None:
            return door_target(door)
        config, needs_keys = self._config, endpoint != "public"
        urls: Mapping[str, str] = {"public": config.url, "private": config.private_url, "info": config.info_url}
        if self._is_remote:
            return remote_target(urls[endpoint], needs_keys=needs_keys)
        return Target(urls[endpoint], needs_keys=needs_keys)

    def _add(self, source: Source) -> None:
        self._sources.append(source)
        is_door = source.door is not None or self._is_remote
        use = UseSource(source.endpoint, source.ref, source.number, not is_door, is_door, source.heir_of)
        tell(self._neighbours().registry, use)

    # --- one after the other

    def renew(self, message: Renew) -> None:
        """Start the heir of a connection that is to be replaced, if it has none."""
        source = self.by_ref(message.ref)
        if source is not None and not self.has_heir(source):
            # An heir may be renewed itself before it serves: its own heir takes the place of all of them.
            self.start(source.endpoint, heir_of=_line(source), outlives_refusal=message.why == "age")

    def has_heir(self, old: Source) -> bool:
        """Whether another is to take its place."""
        return any(old.number in source.heir_of for source in self._sources)

    def serves(self, message: SourceServes) -> None:
        """End those that this source was to replace."""
        heir = next((one for one in self._sources if one.number == message.source and one.heir_of), None)
        if heir is None or (message.is_refused and heir.outlives_refusal):
            return
        self._sources[self._sources.index(heir)] = heir._replace(heir_of=())
        for source in self:
            if source.number in heir.heir_of:
                self.end(source)

    def tell_keys(self, message: KeysChanged) -> None:
        """Tell the connections that the keys are others now."""
        for source in self._sources:
            tell(source.ref, message)

    # --- the end

    def close(self) -> None:
        """End all connections."""
        for source in self:
            self.end(source)

    def end(self, source: Source) -> None:
        """Do without a source from now on."""
        self.stop(source)
        self.drop(source)

    def stop(self, source: Source) -> ConnectionInheritance | None:
        """Stop a source; return what a successor begins with. The registry still counts on it until `drop`."""
        self._sources.remove(source)
        inheritance: ConnectionInheritance | None = last_words(source.endpoint, source.ref, Resign())
        stop_child(source.endpoint, source.ref)
        if source.door is not None and all(other.door != source.door for other in self._sources):
            tell(self._neighbours().membership, Released(source.door))
        return inheritance

    def drop(self, source: Source) -> None:
        """Tell the registry that a source is gone for good."""
        tell(self._neighbours().registry, DropSource(source.endpoint, source.number))


def _line(*sources: Source) -> tuple[int, ...]:
    """Return whose place an heir of these takes: theirs, and that of those whose heirs they were to be."""
    return tuple(dict.fromkeys(number for source in sources for number in (source.number, *source.heir_of)))
