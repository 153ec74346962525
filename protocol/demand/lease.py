"""Leases: what each subscription wants of one endpoint, and the union of all of it.

A lease holds until it is taken back. Streams that it wants a snapshot alone of are *satisfied* once that is delivered,
and count no more. One that the exchange may have refused (`probation.py`) waits for its trial and counts not at all.
"""

from collections.abc import Iterable, Iterator, Mapping

from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.exchange.wants import Want
from websocket_v6.protocol.message import Message

from .probation import Probation, Suspicion
from .union import Union

__all__ = ["Dropped", "Lease", "LeaseInheritance", "Leases", "LeasesInheritance"]


class LeaseInheritance(Message):
    """One lease, for a successor."""

    want: Want
    satisfied: frozenset[Stream]


class LeasesInheritance(Message):
    """All leases of an endpoint, for a successor. Not the union: it is counted anew."""

    leases: Mapping[int, LeaseInheritance] = {}
    suspicion: Suspicion = Suspicion()


class Dropped(Message):
    """What was taken back: these streams of a lease, `None` if all of it; `gone` is what nobody wants any more."""

    streams: tuple[Stream, ...] | None
    gone: list[Stream]


class Lease:
    """What one subscription wants. `open` are the streams that still count, in the order of the want."""

    __slots__ = ("codes", "is_apart", "open", "satisfied", "want")

    def __init__(self, want: Want, satisfied: Iterable[Stream] = ()) -> None:
        self.want = want
        self.codes = set(want.codes)  # of which there may be ten thousand
        self.satisfied = set(satisfied)  # wanted once, and delivered
        self.open = dict.fromkeys(stream for stream in want.streams() if stream not in self.satisfied)
        self.is_apart = False


class Leases:
    """All leases of one endpoint, by number, and their union."""

    def __init__(self, inherited: LeasesInheritance | None = None) -> None:
        left = inherited or LeasesInheritance()
        self.union = Union()
        self._leases = {number: Lease(one.want, one.satisfied) for number, one in left.leases.items()}
        self.probation = Probation(left.suspicion.of(self._leases))
        for number, lease in self._leases.items():
            lease.is_apart = self.probation.is_apart(number)
            self._count(lease, lease.open, 1)

    def __len__(self) -> int:
        return len(self._leases)

    def __iter__(self) -> Iterator[tuple[int, Lease]]:
        return iter(self._leases.items())

    def get(self, number: int) -> Lease | None:
        """Return a lease, `None` if it is not there."""
        return self._leases.get(number)

    def inheritance(self) -> LeasesInheritance:
        """Return what a successor begins with."""
        leases = {number: LeaseInheritance(one.want, frozenset(one.satisfied)) for number, one in self}
        return LeasesInheritance(leases, self.probation.inheritance())

    def want(self, number: int, want: Want) -> Want | None:
        """Count a want, or more codes of one that is there; return what is new of it, `None` if nothing is.

        Raises:
            LocalProtocolError: if the exchange would refuse it, or it is of another kind; nothing is counted then.
        """
        lease = self._leases.get(number)
        if lease is None:
            lease = Lease(want)
            self._count(lease, lease.open, 1)
            self._leases[number] = lease
        else:
            new = self._news(lease, want)
            if new is None:
                return None
            want = new
        if not lease.is_apart:
            self.probation.suspect(number)
        return want

    def _news(self, lease: Lease, want: Want) -> Want | None:
        if want.with_codes(()) != lease.want.with_codes(()):
            raise LocalProtocolError(f"a lease of {lease.want.type} cannot become one of another kind of {want.type}")
        want = want.with_codes(code for code in dict.fromkeys(want.codes) if code not in lease.codes)
        if not want.codes or not lease.want.codes:  # a want without codes has all of them
            return None
        streams = dict.fromkeys(want.streams())
        before, lease.want = lease.want, lease.want.with_codes(lease.want.codes + want.codes)
        try:
            self._count(lease, streams, 1)
        except LocalProtocolError:
            lease.want = before
            raise
        lease.codes.update(want.codes)
        lease.open.update(streams)
        return want

    def drop(self, number: int, part: Want | None = None) -> Dropped | None:
        """Take back a lease, or its part in the codes of `part`; `None` if there is nothing to take back."""
        lease = self._leases.get(number)
        if lease is None:
            return None
        # Sets: there may be ten thousand codes.
        leaving = frozenset(lease.want.codes if part is None else part.codes)
        going = tuple(code for code in lease.want.codes if code in leaving)
        staying = tuple(code for code in lease.want.codes if code not in leaving)
        if part is None or not staying:
            del self._leases[number]
            gone = self._count(lease, lease.open, -1)
            self.probation.forget(number)
            return Dropped(None, gone)
        return self._shrink(number, lease, going, staying) if going else None

    def _shrink(self, number: int, lease: Lease, going: tuple[str, ...], staying: tuple[str, ...]) -> Dropped:
        streams = tuple(dict.fromkeys(lease.want.with_codes(going).streams()))
        lease.satisfied.difference_update(streams)
        streams = tuple(stream for stream in streams if stream in lease.open)
        gone = self._count(lease, streams, -1)
        for stream in streams:
            del lease.open[stream]
        lease.want = lease.want.with_codes(staying)
        lease.codes.difference_update(going)
        self._acquit(number, lease)
        return Dropped(streams, gone)

    def satisfied(self, number: int, stream: Stream) -> list[Stream] | None:
        """Note that a lease has had its snapshot; return what nobody wants any more, `None` if it was no news."""
        lease = self._leases.get(number)
        if lease is None or stream not in lease.open:
            return None
        gone = self._count(lease, (stream,), -1)
        del lease.open[stream]
        lease.satisfied.add(stream)
        self._acquit(number, lease)
        return gone

    def _acquit(self, number: int, lease: Lease) -> None:
        """Forget any suspicion of a lease if nothing more is asked for it."""
        if not lease.open:
            self.probation.forget(number)
            lease.is_apart = False

    # --- trials

    def set_apart(self, numbers: Iterable[int]) -> list[Stream]:
        """Leave these leases out of all requests until their trial; return what nobody wants any more."""
        gone: list[Stream] = []
        for lease in (self._leases[number] for number in numbers):
            gone += self._count(lease, lease.open, -1)
            lease.is_apart = True
        return gone

    def try_again(self, number: int) -> Lease:
        """Count a lease that was set apart again.

        Raises:
            LocalProtocolError: if the exchange would refuse the union with it; it stays apart then.
        """
        lease = self._leases[number]
        lease.is_apart = False
        try:
            self._count(lease, lease.open, 1)
        except LocalProtocolError:
            lease.is_apart = True
            raise
        return lease

    def _count(self, lease: Lease, streams: Iterable[Stream], by: int) -> list[Stream]:
        """Count streams of a lease in the union, or take them back: the only place where that happens.

        Returns what nobody wants any more.
        """
        if lease.is_apart:
            return []
        if by > 0:
            self.union.add(lease.want, streams)
            return []
        return self.union.remove(lease.want, streams)
