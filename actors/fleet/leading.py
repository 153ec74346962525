"""What a leader does for the others: it writes the log, hears what they want, and writes down last values.

Not an actor: the fleet owns one, tells it what the server replied, and when it leads.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from websocket_v6.actors.base import tell
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.component import StreamFailed
from websocket_v6.actors.messages.fleet import (
    GotValues,
    Listen,
    Retry,
    ValuesTaken,
    WriterEnded,
    WriterOpened,
    WriterSaid,
)
from websocket_v6.actors.messages.fleet import Tick as Second
from websocket_v6.actors.messages.registry import Asker, AskExchange, OthersMissed
from websocket_v6.actors.messages.router import Convey
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.fleet.entries import Last, encode_last
from websocket_v6.protocol.fleet.ids import EntryId
from websocket_v6.protocol.fleet.standing import Answer
from websocket_v6.protocol.fleet.wants import decode_wants, is_named

from .access import LogAccess
from .caller import Caller
from .kept import Written
from .leases import Leases
from .lines import packer
from .log_mouth import Append, Begin, End, LogMouth, Prepare, TakeValues, Tick, ValuesWritten
from .recall import PUBLIC, Recalled
from .title_holder import Title
from .writer import Writer

__all__ = ["Leading"]

logger = logging.getLogger(__name__)

MOST_BYTES: Final = 1024 * 1024 * 1024  # of a log
VALUES: Final = 0.25  # seconds between two checkpoints
VALUES_LIFE: Final = 60_000  # milliseconds
GONE: Final = 60.0  # seconds after which who says nothing is forgotten
BLOCK: Final = 1000  # milliseconds that the control stream is waited for
END: Final = 1.0  # seconds for a thread to end


class Leading:
    """Of one machine, for the logs of `endpoints`. `call` has the server called; `owner` hears of the threads."""

    def __init__(
        self,
        *,
        config: Config,
        access: LogAccess,
        endpoints: Sequence[str],
        machine: str,
        owner: Ref,
        registry: Ref,
        router: Ref,
        call: Callable[..., object],
    ) -> None:
        self._access = access
        self._keys = access.keys
        self._endpoints = tuple(endpoints)
        self._machine = machine
        self._owner = owner
        self._registry = registry
        self._router = router
        self._call = call
        self._seal = access.seal(self._keys.machines)
        mouth = LogMouth(
            [self._keys.log(endpoint) for endpoint in endpoints],
            lambda message: tell(owner, message),
            packer(),
            retention=config.fleet_retention,
            most_bytes=MOST_BYTES,
            compresses=config.fleet_compression,
            backfills=config.backfill,
        )
        self._ways = {endpoint: Way(number, mouth) for number, endpoint in enumerate(endpoints)}
        self._leases = Leases(
            machine, self._ways, config.region, lambda one: tell(registry, one), lambda one: tell(router, one)
        )
        self._title: Title | None = None
        self._is_preparing = False
        self._control: Caller | None = None  # what machines tell the leader is waited for there
        self._control_from = "0-0"
        self._writer: Writer | None = None
        self._writers = 0
        self._has_writer = self._is_lacking = self._is_full = False
        self.values: Any = None  # the router's last values, once they are known
        self._values_wanted: set[str] = set()
        self._values_at = 0.0
        self._seen: dict[str, tuple[bytes, float]] = {}  # what machines said of themselves, and since when it is that

    @property
    def machines(self) -> frozenset[str]:
        """Whom it serves."""
        return self._leases.machines if self._title is not None else frozenset()

    def streams(self, endpoint: str) -> frozenset[str]:
        """Return what the others want of an endpoint."""
        return self._leases.streams(endpoint)

    def prepare(self) -> None:
        """Have wanted here what the others want, and keep what comes: this machine is to lead next."""
        self._is_preparing = True
        for way in self._ways.values():
            tell(self._router, Convey(way, Prepare()))
        self._leases.begin()
        self.look_around()

    def abandon(self) -> None:
        """Do what was prepared for no more."""
        if self._is_preparing:
            self._is_preparing = False
            self._let_go()

    @property
    def leads(self) -> bool:
        """Whether it does all that already."""
        return self._title is not None

    def heed(self, message: object) -> None:
        """Do what its time has come for, or what the mouth, the registry and the router have told."""
        match message:
            case Second():
                self.tick()
            case Retry():
                self.connect()
            case Listen():
                self.listen()
            case ValuesTaken():
                self.write_values(message)
            case StreamFailed(lease):
                self._leases.refused(lease)
            case GotValues(values):
                self.values = values

    def begin(
        self, title: Title, written: Mapping[str, Written] | None = None, recalled: Recalled | None = None
    ) -> None:
        """Write with this title from here on; and serve what is wanted, unless that is done already.

        `written`, for who was prepared, is what stands in the logs, by endpoint. `recalled`, for who was not, is how
        the log of public data ends, and what is wanted.
        """
        is_first, self._title = self._title is None, title
        if written is None:
            self.abandon()
        was_prepared, self._is_preparing = self._is_preparing, False
        for endpoint, way in self._ways.items():
            seal = self._access.seal(self._keys.log(endpoint), title.log)
            found = None if written is None else written.get(endpoint)
            ending = recalled.ending if recalled is not None and endpoint == PUBLIC else None
            tell(self._router, Convey(way, Begin(title.term, seal, found, ending)))
        if is_first:
            if not was_prepared:
                self._leases.begin()
            name = f"fleet-control-{self._keys.scope}"
            self._control = Caller(name, self._access.servers, self._keys.control, self._owner)
            self._control.start()
            if recalled is not None:
                self._wanted(recalled.machines, recalled.wants)
                if recalled.ending.since_ns is not None:
                    tell(self._registry, OthersMissed(PUBLIC, recalled.ending.since_ns))
            self.listen()
        self.connect()

    def end(self) -> None:
        """Do nothing for others any more."""
        self.abandon()
        if self._title is None:
            return
        self._title = None
        if self._control is not None:
            self._control.abort()
            self._control.join(END)
            self._control = None
        self._let_go()
        self._hang_up()

    def _let_go(self) -> None:
        self._leases.end()
        for way in self._ways.values():
            tell(self._router, Convey(way, End()))

    # --- the log

    def connect(self) -> None:
        """Have another connection to write the log through."""
        self._hang_up()
        if self._title is None:
            return
        self._writers += 1
        self._writer = Writer(self._writers, self._access.servers, self._keys.lead, self._owner)
        self._writer.start()

    def _hang_up(self) -> None:
        writer, self._writer = self._writer, None
        self._has_writer = False
        if writer is not None:
            writer.finish()
            writer.join(END)

    def hear_writer(self, message: WriterOpened | WriterSaid | WriterEnded) -> Answer | None:
        """Return why it is to be looked how this machine stands, if it is."""
        if self._writer is None or message.number != self._writer.number:
            return None
        match message:
            case WriterOpened():
                self._has_writer = self._is_lacking = True
                return Answer.LOST  # what was sent before, perhaps
            case WriterSaid(_, answer, _):
                found = Answer(answer)
                if found is Answer.FULL:
                    self._is_full = self._is_lacking = True
                return found
            case WriterEnded():
                self._hang_up()
                return Answer.LOST

    def append(self, tops: Sequence[EntryId | None]) -> None:
        """Have what the server lacks appended, if there is reason to think that it lacks something.

        `tops` are the last entries that it has.
        """
        if self._writer is None or not self._has_writer or not self._is_lacking:
            return
        is_full, self._is_full, self._is_lacking = self._is_full, False, False
        for way, top in zip(self._ways.values(), tops, strict=True):
            if top is not None:
                tell(self._router, Convey(way, Append(self._writer, top, is_full)))

    def tick(self) -> None:
        """Trim, another second is over."""
        if self._title is not None:
            for way in self._ways.values():
                tell(self._router, Convey(way, Tick()))
            self._take_values()

    # --- what the others want

    def heard(self, tag: str, reply: object) -> bool:
        """Take the server's reply to a call of this one; return whether all is prepared now, where that was wanted."""
        match tag.split():
            case ["control"]:
                self._controlled(reply)
            case ["control", _]:
                self._control_begins(reply)
            case ["pass"]:
                return not self._passed(reply) and self._is_preparing and isinstance(reply, list)
            case ["want", *machines]:
                self._wanted(machines, reply)
                return self._is_preparing and isinstance(reply, list)
            case ["values", endpoint, term, sequence]:
                if not isinstance(reply, Exception):
                    news = ValuesWritten(EntryId(int(term), int(sequence)))
                    tell(self._router, Convey(self._ways[endpoint], news))
        return False

    def listen(self) -> None:
        """Hear what machines say from now on."""
        if self._control is not None:
            self._control.call("control end", ("XREVRANGE", self._keys.control, "+", "-", "COUNT", 1))

    def _control_begins(self, reply: object) -> None:
        """What is said from here on is heard; what is wanted already is looked up."""
        if isinstance(reply, list) and reply:
            self._control_from = reply[0][0].decode()
        self._wait_for_control()
        self.look_around()

    def _wait_for_control(self) -> None:
        if self._control is not None:
            command = ("XREAD", "COUNT", 1000, "BLOCK", BLOCK, "STREAMS", self._keys.control, self._control_from)
            self._control.call("control", command)

    def _controlled(self, reply: object) -> None:
        said: list[dict[str, str]] = []
        for _, found in reply if isinstance(reply, list) else ():
            for id_, fields in found:
                self._control_from = id_.decode()
                texts = [one.decode("utf-8", "replace") for one in fields]
                said.append(dict(zip(texts[::2], texts[1::2], strict=True)))
        self._wait_for_control()
        changed = {one.get("machine", "") for one in said if one.get("kind") in ("want", "gone")} - {self._machine, ""}
        if changed:
            self._get_wants(sorted(changed))
        for one in said:
            way = self._ways.get(one.get("endpoint", ""))
            if one.get("kind") == "join" and way is not None:
                self._values_wanted.add(one["endpoint"])
            elif one.get("kind") == "ask" and way is not None:
                asker = Asker(way, one.get("ticket", ""))
                tell(self._registry, AskExchange(one["endpoint"], asker))
        self._take_values()

    def look_around(self) -> None:
        """See who is there, and what they want."""
        self._call("pass", ("HGETALL", self._keys.machines))

    def _passed(self, reply: object) -> bool:
        """Look at all who are there, and forget who has said nothing for long: what it wanted has gone by itself.

        Returns whether anybody's wants are looked up now.
        """
        fields = reply if isinstance(reply, list) else []
        now = time.monotonic()
        there: dict[str, tuple[bytes, float]] = {}
        for name, about in zip(fields[::2], fields[1::2], strict=True):
            machine = name.decode("utf-8", "replace")
            before = self._seen.get(machine)
            there[machine] = before if before is not None and before[0] == about else (about, now)
        # Who has a resume name may be away for longer than that: it is there as long as what it wants is.
        gone = [
            machine
            for machine, (_, since) in there.items()
            if now - since > GONE and (machine not in self._leases.machines or not is_named(machine))
        ]
        if gone:
            self._call("tell", ("HDEL", self._keys.machines, *gone))
        self._seen = {machine: said for machine, said in there.items() if machine not in gone}
        self._leases.keep(list(there))
        return self._get_wants([machine for machine in there if machine != self._machine])

    def _get_wants(self, machines: Sequence[str]) -> bool:
        is_asked = bool(machines) and (self._title is not None or self._is_preparing)
        if is_asked:
            self._call(" ".join(["want", *machines]), ("MGET", *map(self._keys.want, machines)))
        return is_asked

    def _wanted(self, machines: Sequence[str], reply: object) -> None:
        if not (self._control or self._is_preparing) or not isinstance(reply, list):
            return
        for machine, data in zip(machines, reply, strict=True):
            requests: dict[str, bytes] = {}
            if data is not None:
                try:
                    requests = decode_wants(data if self._seal is None else self._seal.open_value(data)).requests
                except RemoteProtocolError as exc:
                    logger.warning("what machine %s wants is passed over: %s", machine, exc)
            self._leases.settle(machine, requests)

    # --- checkpoints

    def _take_values(self) -> None:
        now = time.monotonic()
        if not self._values_wanted or self.values is None or now - self._values_at < VALUES:
            return
        self._values_at = now
        for endpoint in self._values_wanted:
            tell(self._router, Convey(self._ways[endpoint], TakeValues(self.values.of)))
        self._values_wanted.clear()

    def write_values(self, message: ValuesTaken) -> None:
        """Write down last values, and say in the log that they can be had."""
        term, sequence, events, now_ns = message.term, message.sequence, message.events, time.time_ns()
        last = Last(
            term,
            sequence,
            now_ns,
            message.state,
            list(message.covers),
            [event.stream for event in events],
            [event.payload for event in events],
            [max(0, now_ns - event.received_at) // 1000 for event in events],
        )
        endpoint = self._endpoints[message.way.client]
        body = encode_last(last)
        seal = None if self._title is None else self._access.seal(self._keys.log(endpoint), self._title.log)
        body = body if seal is None else seal.close_value(body)
        self._call(f"values {endpoint} {term} {sequence}", ("SET", self._keys.last(endpoint), body, "PX", VALUES_LIFE))
