"""What brings each endpoint's data: connections, to the exchange or to another process.

Not an actor: the supervisor owns one `Sources`. Usually an endpoint has one source. There are more with
`Config(redundancy=2)` or 3, and for a moment whenever one is replaced while it serves: the new one is there first, and
the old one ends when the registry says that the new one serves. One that has failed, or cannot be started, is a source
all the same, without a ref until it runs again.
"""

import functools
import itertools
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec.structs import asdict, replace

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.target import Target, door_target, remote_target
from websocket_v6.protocol.exchange.streams import MARKETS
from websocket_v6.protocol.exchange.wants import ACCOUNT, ALL_ENDPOINTS, ENDPOINTS, open_as
from websocket_v6.protocol.supervision.steps import Gone, Stopped

from .base import actor_of, last_words, stop_child, tell
from .connection.connection import Connection, ConnectionInheritance, Resign
from .fleet_places import FleetPlaces
from .forks import no_fork
from .membership.place import Placed, Released, Role
from .messages.common import Ref
from .messages.connection import KeysChanged
from .messages.registry import DropSource, UseSource
from .messages.supervisor import Renew, SourceServes, UseSettings
from .source import Neighbours, Source

if TYPE_CHECKING:
    from websocket_v6.protocol.connection.door import Door

    from .fleet.access import LogAccess

__all__ = ["Neighbours", "Source", "Sources", "next_source"]

# Sources are told apart by number in the whole process, however many engines it has.
next_source: Callable[[], int] = itertools.count(1).__next__


Attempt: TypeAlias = Callable[[str, Callable[[], None]], bool]
OTHER_KEYS = "the keys are others now"  # why what is the account's ends


class Sources:
    """Starts, renews and ends the sources of all endpoints. `neighbours` says whom they talk to at the moment.

    `logs` are the fleets' logs, by endpoint. `attempt` is the supervisor's: it is given a part and how to start it, and
    returns whether it runs; it may be too soon for another attempt. `note` is told which parts are stopped, or gone for
    good.
    """

    def __init__(
        self,
        config: Config,
        supervisor: Ref,
        neighbours: Callable[[], Neighbours],
        attempt: Attempt,
        note: Callable[[Stopped | Gone], None],
        logs: Mapping[str, "LogAccess"] | None = None,
    ) -> None:
        self._config = config.without_keys()  # keys are Jwt's alone
        self._is_remote = config.token is not None  # what it connects to is a door, and no exchange
        self._supervisor = supervisor
        self._neighbours = neighbours
        self._attempt = attempt
        self._note = note
        self._sources: list[Source] = []
        self._dropped: list[Source] = []  # that the registry is to hear of once the router is there
        self._logs = logs or {}
        self.places = FleetPlaces(self._logs)
        self.brings_lists = False  # of markets: somebody needs one
        self._fleets: Mapping[str, Ref] = {}  # that the sources know

    def __iter__(self) -> Iterator[Source]:
        return iter(list(self._sources))

    def of(self, endpoint: str) -> tuple[Ref, ...]:
        """Return the refs of one endpoint's sources."""
        return tuple(one.ref for one in self._sources if one.endpoint == endpoint and one.ref is not None)

    def by_ref(self, ref: Ref) -> Source | None:
        """Return the connection `ref`, if it is still one of the sources."""
        return next((one for one in self._sources if one.ref == ref), None)

    # --- where data comes from

    def arrange(self, place: Placed) -> None:
        """Have each endpoint served as `place` says; what serves it now goes on until the new source does."""
        if self._config.recording is not None:
            return  # there is one source for all of them, which needs no place
        if place.role is Role.LOOKING:
            # What a host has sent that is gone is read to its end; of one that hangs nothing more is waited for.
            for source in list(self._sources) if place.error is not None else ():
                if source.door is not None:
                    self.end(source)
            return
        for endpoint in ALL_ENDPOINTS if self.brings_lists else ENDPOINTS:
            present = [source for source in self._sources if source.endpoint == endpoint]
            door = place.door if open_as(endpoint) in place.shared else None
            if door is None and self._end_vain_heirs(present):
                continue
            if door is None and self.places.is_awaited(endpoint):
                continue
            reads_log = door is None and self.places.reads(endpoint)
            if reads_log:
                present = self._end_vain_own(present)
            elif door is None and not self.places.is_next(endpoint):
                present = self._end_readers(present)
            if any(source.door == door and source.reads_log == reads_log for source in present):
                continue
            if place.role is Role.GUEST and door is None:
                # The host shares this endpoint no more, since the keys are others now: nothing of the old ones goes on.
                for source in present:
                    self.end(source)
                present = []
            for source in present:
                if source.ref is None:  # it was to lead elsewhere
                    self.end(source)
            is_single = door is not None or reads_log or self._is_remote or endpoint == MARKETS
            for index in range(1 if is_single else self._config.redundancy):
                self.start(endpoint, heir_of=_line(*present) if index == 0 else (), door=door, reads_log=reads_log)

    def _end_readers(self, present: list[Source]) -> list[Source]:
        """End those that read the log of a fleet that this machine leads: they bring nothing any more."""
        for source in present:
            if source.reads_log:
                self.end(source)
        return [source for source in present if not source.reads_log]

    def _end_vain_own(self, present: list[Source]) -> list[Source]:
        """End own connections that were to take the log's place: another machine leads all the same."""
        readers = {source.number for source in present if source.reads_log}
        if not any(readers & set(source.heir_of) for source in present):
            return present
        for source in present:
            if not source.reads_log and source.door is None:
                self.end(source)
        return [source for source in present if source.reads_log or source.door is not None]

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
        self._config = replace(self._config, **asdict(settings))
        for endpoint in ENDPOINTS:
            own = [
                source
                for source in self._sources
                if source.endpoint == endpoint and source.door is None and not source.reads_log
            ]
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
        *,
        heir_of: tuple[int, ...] = (),
        outlives_refusal: bool = True,
        door: "Door | None" = None,
        reads_log: bool = False,
    ) -> None:
        """Have one more source for `endpoint`: to the exchange, through a door, or the fleet's log."""
        self._plan(Source(endpoint, 0, None, "", heir_of, door, outlives_refusal, reads_log=reads_log))
        self.bring_up()

    def _plan(self, source: Source) -> None:
        """Have a source that is to be started as soon as it can be."""
        number = next_source()
        part = source.part or f"{source.endpoint} connection {number}"
        self._sources.append(replace(source, number=number, ref=None, part=part, actor=None))

    def bring_up(self) -> None:
        """Start all that are to be started, as far as their neighbours are there."""
        neighbours = self._neighbours()
        if neighbours.registry is None or neighbours.router is None:
            return
        if neighbours.fleets != self._fleets:
            self._use_fleets(neighbours.fleets)
        dropped, self._dropped = self._dropped, []
        for source in dropped:
            tell(neighbours.registry, DropSource(source.endpoint, source.number))
        for source in self:
            needs_keys = open_as(source.endpoint) != "public" or self._is_remote
            can_be = neighbours.jwt is not None and (neighbours.has_keys or not needs_keys)
            if source.ref is None and can_be:
                self._attempt(source.part, functools.partial(self._begin, source, neighbours))

    def _use_fleets(self, fleets: Mapping[str, Ref]) -> None:
        with no_fork():
            from .messages.fleet import UseFleet
        self._fleets = fleets
        for source in self._sources:
            if source.reads_log and source.endpoint in fleets:
                tell(source.ref, UseFleet(fleets[source.endpoint]))

    def _begin(self, source: Source, neighbours: Neighbours) -> None:
        is_door = source.door is not None or self._is_remote
        asks_lists = source.endpoint == MARKETS and not is_door
        if source.reads_log:
            ref = self._read_log(source, neighbours)
        elif asks_lists:
            ref = self._ask_lists(source, neighbours)
        else:
            ref = self._connect(source, neighbours)
        # Whoever asks for lists as well: the exchange's limits on requests are not for it, and it refuses by name.
        is_door = is_door or source.reads_log or asks_lists
        self._sources[self._sources.index(source)] = replace(source, ref=ref, inheritance=None, actor=actor_of(ref))
        tell(neighbours.registry, UseSource(source.endpoint, ref, source.number, not is_door, is_door, source.heir_of))

    def _ask_lists(self, source: Source, neighbours: Neighbours) -> Ref:
        with no_fork():
            from .markets.market_source import MarketSource
        return MarketSource.start(**self._of_all(source, neighbours))

    def _read_log(self, source: Source, neighbours: Neighbours) -> Ref:
        with no_fork():
            from .fleet.log_source import LogSource
        access, fleet = self._logs[source.endpoint], neighbours.fleets.get(source.endpoint)
        return LogSource.start(**self._of_all(source, neighbours), access=access, fleet=fleet)

    def _connect(self, source: Source, neighbours: Neighbours) -> Ref:
        target = self._target(source.endpoint, source.door)
        own = {"target": target, "jwt": neighbours.jwt, "inheritance": source.inheritance}
        return Connection.start(**self._of_all(source, neighbours), **own)

    def _of_all(self, source: Source, neighbours: Neighbours) -> dict[str, Any]:
        config, format_ = self._config, self.places.format_of(source.endpoint, self._config.format)
        return {
            "endpoint": source.endpoint,
            "source": source.number,
            "config": config if config.format == format_ else replace(config, format=format_),
            "router": neighbours.router,
            "supervisor": self._supervisor,
        }

    def _target(self, endpoint: str, door: "Door | None") -> Target:
        if door is not None:
            return door_target(door)
        config, needs_keys = self._config, open_as(endpoint) != "public"
        urls: Mapping[str, str] = {
            "public": config.url,
            "private": config.private_url,
            "info": config.info_url,
            MARKETS: f"{config.url}/{MARKETS}",
        }
        if self._is_remote:
            return remote_target(urls[endpoint], needs_keys=needs_keys)
        return Target(urls[endpoint], splits=endpoint == "public", needs_keys=needs_keys)

    # --- one after the other

    def renew(self, message: Renew) -> None:
        """Start the heir of a connection that is to be replaced, if it has none."""
        source = self.by_ref(message.ref)
        if source is not None and not self.has_heir(source):
            # An heir may be renewed itself before it serves: its own heir takes the place of all of them.
            self.start(source.endpoint, heir_of=_line(source), outlives_refusal=message.why != "keys")

    def has_heir(self, old: Source) -> bool:
        """Whether another is to take its place."""
        return any(old.number in source.heir_of for source in self._sources)

    def serves(self, message: SourceServes) -> None:
        """End those that this source was to replace."""
        heir = next((one for one in self._sources if one.number == message.source and one.heir_of), None)
        if heir is None or (message.is_refused and heir.outlives_refusal):
            return
        self._sources[self._sources.index(heir)] = replace(heir, heir_of=())
        for source in self:
            if source.number in heir.heir_of:
                self.end(source)
        if not message.is_refused and not heir.reads_log and self.places.is_next(heir.endpoint):
            with no_fork():
                from .messages.fleet import OwnServes
            # What it has taken the place of has said by now up to where it read the log.
            tell(self._fleets.get(heir.endpoint), OwnServes(heir.endpoint))

    def change_keys(self, message: KeysChanged, *, is_other_account: bool) -> None:
        """Tell the connections that the keys are others now.

        What another account brings is no sequel: all that is the old one's has ended when this returns.
        """
        accounts = [source for source in self._sources if source.endpoint == ACCOUNT and not source.reads_log]
        old = accounts if is_other_account else []
        own = [source for source in old if source.door is None]
        replaced = {number for source in own for number in source.heir_of}
        for source in old:
            self.end(source, OTHER_KEYS)
        for _ in [source for source in own if source.number not in replaced]:
            self.start(ACCOUNT)
        for source in self._sources:
            tell(source.ref, message)

    def use_logs(self, logs: Mapping[str, "LogAccess"]) -> None:
        """Have what is an account's come from the logs of another fleet, as soon as that says so; nothing goes on."""
        self._logs = logs
        self.places.use(logs)
        for source in self:
            if source.endpoint != "public" and source.endpoint in logs and source.door is None:
                self.end(source, OTHER_KEYS)

    # --- the end

    def close(self) -> None:
        """End all connections."""
        for source in self:
            self.end(source)

    def end(self, source: Source, reason: str = "") -> None:
        """Do without a source from now on."""
        self._stop(source, reason)
        self._drop(source)
        self._note(Gone(source.part))

    def lost(self, source: Source, inheritance: ConnectionInheritance | None) -> None:
        """Do without one that has failed, and have another in its place, unless its heir is on the way."""
        self._remove(source)
        self._drop(source)
        if self.has_heir(source):
            self._note(Gone(source.part))
        else:
            self._plan(replace(source, inheritance=inheritance))

    def take_down(self, endpoints: Collection[str]) -> None:
        """Stop all sources of `endpoints`: what they lean on is no more. Others are to take their places.

        The registry still counts on them until the router that they told everything has a successor.
        """
        stopped = [source for source in self if source.endpoint in endpoints]
        inheritances = [self._stop(source) for source in stopped]
        self._dropped += [source for source in stopped if source.ref is not None]
        for source, inheritance in zip(stopped, inheritances, strict=True):
            # An heir needs no successor beside that of whom it was to replace; what led through that door has none.
            follows = any(other.number in source.heir_of and other.door is None for other in stopped)
            if source.door is None and not follows:
                self._note(Stopped(source.part))
                self._plan(replace(source, heir_of=(), inheritance=inheritance, outlives_refusal=True))
            else:
                self._note(Gone(source.part))

    def _stop(self, source: Source, reason: str = "") -> ConnectionInheritance | None:
        """Stop a source; return what a successor begins with."""
        inheritance = source.inheritance
        if source.ref is not None:
            inheritance = last_words(source.endpoint, source.ref, Resign(reason))
            stop_child(source.endpoint, source.ref)
        self._remove(source)
        return inheritance

    def _remove(self, source: Source) -> None:
        self._sources.remove(source)
        if source.door is not None and all(other.door != source.door for other in self._sources):
            tell(self._neighbours().membership, Released(source.door))

    def _drop(self, source: Source) -> None:
        """Tell the registry that a source is gone for good; if there is no router, once there is one."""
        neighbours = self._neighbours()
        if source.ref is None:
            return
        if neighbours.registry is not None and neighbours.router is not None:
            tell(neighbours.registry, DropSource(source.endpoint, source.number))
        else:
            self._dropped.append(source)


def _line(*sources: Source) -> tuple[int, ...]:
    """Return whose place an heir of these takes: theirs, and that of those whose heirs they were to be."""
    return tuple(dict.fromkeys(number for source in sources for number in (source.number, *source.heir_of)))
