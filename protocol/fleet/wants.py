"""What the machines want: what each publishes, and the union that the leader serves.

The union is counted by code, so that a change of one machine costs what that machine wants and not what all do.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.exchange.wants import Want
from websocket_v6.protocol.outside_text import outside_text
from websocket_v6.protocol.server.request_reading import RequestError, read_guest_request

__all__ = ["Machine", "MachineWants", "Union", "decode_machine", "decode_wants", "encode", "is_named", "machine_of"]

MOST_BYTES: Final = 16 * 1024 * 1024


class MachineWants(msgspec.Struct, frozen=True):
    """What one machine wants: by endpoint, the request that it would send to an exchange."""

    version: int
    requests: dict[str, bytes] = {}


class Machine(msgspec.Struct, frozen=True):
    """A machine as it describes itself. Times are its own clock's, Unix seconds."""

    name: str
    pid: int
    version: int = 0  # of its wants
    renewed: float = 0.0
    places: dict[str, str] = {}  # endpoint -> id of the last entry that it read
    lag_us: dict[str, int] = {}  # endpoint -> how old what it read last was then
    resume: str = ""  # the name under which it goes on when it is started anew


_NAMED: Final = "resume:"


def machine_of(name: str) -> str:
    """Return the id of the machine that a process with a resume name is, whichever it is."""
    return _NAMED + name


def is_named(machine: str) -> bool:
    """Whether a machine has a resume name: it may be away, and what it wants is kept for it."""
    return machine.startswith(_NAMED)


_encode = msgspec.msgpack.Encoder().encode
_wants = msgspec.msgpack.Decoder(MachineWants).decode
_machine = msgspec.msgpack.Decoder(Machine).decode
_MALFORMED = (msgspec.MsgspecError, ValueError, TypeError, RecursionError)


def encode(value: MachineWants | Machine) -> bytes:
    """Return what is written."""
    return _encode(value)


def decode_wants(data: bytes) -> MachineWants:
    """Read what a machine wants.

    Raises:
        RemoteProtocolError: if it is anything else.
    """
    try:
        if len(data) <= MOST_BYTES:
            return _wants(data)
    except _MALFORMED as exc:
        raise RemoteProtocolError(f"what a machine wants cannot be read: {outside_text(exc)}") from None
    raise RemoteProtocolError(f"what a machine wants has {len(data)} bytes: more than {MOST_BYTES}")


def decode_machine(data: bytes) -> Machine:
    """Read what a machine says of itself.

    Raises:
        RemoteProtocolError: if it is anything else.
    """
    try:
        machine = _machine(data)
    except _MALFORMED as exc:
        raise RemoteProtocolError(f"what a machine says of itself cannot be read: {outside_text(exc)}") from None
    return msgspec.structs.replace(
        machine, name=outside_text(machine.name, 64), resume=outside_text(machine.resume, 64)
    )


class Union:
    """What all machines but the leader want of its endpoints."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._machines: dict[str, dict[str, Counter[tuple[Want, str]]]] = {}
        self._counts: dict[str, Counter[tuple[Want, str]]] = {}  # by endpoint

    @property
    def machines(self) -> frozenset[str]:
        """Who wants something."""
        return frozenset(self._machines)

    def settle(self, machine: str, requests: Mapping[str, bytes]) -> set[str]:
        """Have a machine want just this; return the endpoints whose union is another one now.

        What cannot be read is not wanted.
        """
        wanted = {endpoint: Counter(self._kinds(endpoint, text)) for endpoint, text in requests.items()}
        before = self._machines.pop(machine, {})
        if any(wanted.values()):
            self._machines[machine] = wanted
        changed = set()
        for endpoint in before.keys() | wanted.keys():
            counts = self._counts.setdefault(endpoint, Counter())
            keys = set(counts)
            counts.update(wanted.get(endpoint, Counter()))
            counts.subtract(before.get(endpoint, Counter()))
            for key in before.get(endpoint, ()):
                if counts[key] <= 0:
                    del counts[key]
            if set(counts) != keys:
                changed.add(endpoint)
        return changed

    def gone(self, machine: str) -> set[str]:
        """Have a machine want nothing; return the endpoints whose union is another one now."""
        return self.settle(machine, {})

    def of(self, endpoint: str) -> list[Want]:
        """Return the union of an endpoint: a want for each kind."""
        codes: dict[Want, list[str]] = {}
        for kind, code in self._counts.get(endpoint, ()):
            codes.setdefault(kind, []).append(code)
        return [kind.with_codes(code for code in sorted(found) if code) for kind, found in codes.items()]

    def _kinds(self, endpoint: str, text: bytes) -> Iterator[tuple[Want, str]]:
        try:
            request, _ = read_guest_request(text, endpoint, region=self._region)
        except RequestError:
            return iter(())
        return _each(request.wants)


def _each(wants: Iterable[Want]) -> Iterator[tuple[Want, str]]:
    for want in wants:
        # Snapshots come from the checkpoint. What is wanted once is wanted until it is not any more.
        kind = msgspec.structs.replace(want, snapshot=True, realtime=True) if want.is_public else want
        for code in want.codes or ("",):
            yield kind.with_codes(()), code
