"""What one client of a door wants, as leases of the registry: the changes that each request of it makes.

A lease is of one kind, a want without its codes, so that a refusal of the exchange blames little; what has no codes,
and every single indicator and category, is a kind of its own. A stream is in one lease, and in two while it moves: it
is taken before it is given back. Of the info endpoint, where the exchange counts, what goes is given back first.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import msgspec

from websocket_v6.protocol.exchange.streams import MARKETS, Stream
from websocket_v6.protocol.exchange.wants import Want
from websocket_v6.protocol.message import Message

__all__ = ["Change", "ClientLeases", "Give", "Take"]


class Take(Message):
    """Have the lease want this too; it may be new. `replay`: begin with the last value, as a snapshot."""

    lease: int
    want: Want
    replay: bool


class Give(Message):
    """Have the lease not want this any more, or nothing at all: it is gone then."""

    lease: int
    want: Want | None


Change: TypeAlias = Take | Give


class Wish(Message):
    """How one stream is wanted: its kind, a want without codes, and its code, if it has one."""

    kind: Want
    code: str

    def of(self, codes: Iterable[str]) -> Want:
        """Return the kind with codes; what has none is whole as it is."""
        return self.kind.with_codes(codes) if self.code else self.kind


class Held(Message):
    """The lease that a stream is in, and what it is there."""

    lease: int
    wish: Wish


class ClientLeases:
    """The leases of one client. `new_lease` gives numbers that nobody else has."""

    def __init__(self, new_lease: Callable[[], int]) -> None:
        self._new_lease = new_lease
        self._held: dict[Stream, Held] = {}
        self._leases: dict[int, dict[Stream, None]] = {}
        self._growing: dict[Want, int] = {}  # by kind, the lease that more codes are added to

    @property
    def streams(self) -> frozenset[Stream]:
        """What is leased."""
        return frozenset(self._held)

    @property
    def count(self) -> int:
        """How many streams are leased."""
        return len(self._held)

    def settle(self, wants: Iterable[Want]) -> list[Change]:
        """Have just `wants` leased: what is new is taken, what is not wanted any more given back, the rest not touched.

        A stream that goes on stays where it is, whether or not this request wants a snapshot of it again. It moves if
        it is wanted with a snapshot for the first time, with more levels or fewer, with or without a body. What is
        wanted once is wanted anew each time.
        """
        wishes = _wishes(wants)
        taken: list[tuple[Stream, Wish, bool]] = []
        given: list[tuple[Stream, Held]] = []
        for stream, wish in wishes.items():
            held = self._held.get(stream)
            kind = wish.kind
            if held is not None:
                if held.wish.kind.snapshot and not kind.snapshot and kind.realtime and held.wish.kind.realtime:
                    kind = msgspec.structs.replace(kind, snapshot=True)
                if kind.realtime and kind == held.wish.kind:
                    continue
                given.append((stream, held))
            taken.append((stream, msgspec.structs.replace(wish, kind=kind), wish.kind.snapshot))
        given += [(stream, held) for stream, held in self._held.items() if stream not in wishes]
        if any(held.wish.kind.endpoint == "info" for _, held in given):
            return self._give(given) + self._take(taken)
        return self._take(taken) + self._give(given)

    def renew(self, wants: Iterable[Want]) -> list[Change]:
        """Have `wants` leased as a subscription of their own, with all snapshots, and then what was before no more.

        What has no snapshots is the same as if it were settled.
        """
        wishes = _wishes(wants)
        if not all(wish.kind.is_public for wish in wishes.values()):
            return self.settle(wants)
        old = list(self._leases)
        self._forget_all()
        taken = self._take((stream, wish, wish.kind.snapshot) for stream, wish in wishes.items())
        return taken + [Give(lease, None) for lease in old]

    def refused(self, lease: int) -> tuple[Stream, ...]:
        """Forget a lease that the registry or the exchange refused; return what it was to bring."""
        streams = tuple(self._leases.pop(lease, ()))
        for stream in streams:
            del self._held[stream]
        self._growing = {kind: number for kind, number in self._growing.items() if number != lease}
        return streams

    def clear(self) -> list[Give]:
        """Give everything back."""
        old = list(self._leases)
        self._forget_all()
        return [Give(lease, None) for lease in old]

    def _forget_all(self) -> None:
        self._held.clear()
        self._leases.clear()
        self._growing.clear()

    def _take(self, taken: Iterable[tuple[Stream, Wish, bool]]) -> list[Change]:
        fresh: dict[Want, int] = {}  # leases that do not grow beyond this call
        groups: dict[tuple[int, bool], tuple[Wish, list[str]]] = {}
        for stream, wish, replay in taken:
            lease = self._lease_for(wish, fresh)
            self._held[stream] = Held(lease, wish)
            self._leases.setdefault(lease, {})[stream] = None
            groups.setdefault((lease, replay), (wish, []))[1].append(wish.code)
        return [Take(lease, wish.of(codes), replay) for (lease, replay), (wish, codes) in groups.items()]

    def _lease_for(self, wish: Wish, fresh: dict[Want, int]) -> int:
        if not wish.code or wish.kind.type == MARKETS:  # a list that there is not must not take another one with it
            return self._new_lease()
        # A want of a snapshot alone ends when it has come. On the info endpoint the registry may refuse what is new,
        # which must not touch what is there.
        grows = wish.kind.realtime and wish.kind.endpoint != "info"
        leases = self._growing if grows else fresh
        lease = leases.get(wish.kind)
        if lease is None:
            lease = leases[wish.kind] = self._new_lease()
        return lease

    def _give(self, given: Iterable[tuple[Stream, Held]]) -> list[Change]:
        groups: dict[int, tuple[Wish, list[str]]] = {}
        for stream, held in given:
            if self._held.get(stream) == held:  # it has not moved
                del self._held[stream]
            del self._leases[held.lease][stream]
            groups.setdefault(held.lease, (held.wish, []))[1].append(held.wish.code)
        changes: list[Change] = []
        for lease, (wish, codes) in groups.items():
            if self._leases[lease]:
                changes.append(Give(lease, wish.of(codes)))
                continue
            del self._leases[lease]
            if self._growing.get(wish.kind) == lease:
                del self._growing[wish.kind]
            changes.append(Give(lease, None))
        return changes


def _wishes(wants: Iterable[Want]) -> dict[Stream, Wish]:
    """Return how each stream is wanted; what is wanted twice is wanted in all ways that it is."""
    wishes: dict[Stream, Wish] = {}
    for want in wants:
        for stream, wish in zip(want.streams(), _each(want), strict=True):
            other = wishes.get(stream)
            wishes[stream] = wish if other is None or other == wish else _together(other, wish)
    return wishes


def _each(want: Want) -> Iterator[Wish]:
    """Yield the wishes for the want's streams, in the order of `Want.streams`."""
    kind = want.with_codes(())
    if want.indicators:
        kinds = [msgspec.structs.replace(kind, indicators=(one,)) for one in want.indicators]
        return (Wish(each, code) for code in want.codes for each in kinds)
    if want.categories:
        return (Wish(msgspec.structs.replace(kind, categories=(category,)), "") for category in want.categories)
    return (Wish(kind, code) for code in want.codes or ("",))


def _together(one: Wish, other: Wish) -> Wish:
    a, b = one.kind, other.kind
    kind = msgspec.structs.replace(
        a,
        depth=max(a.depth, b.depth),
        include_body=a.include_body or b.include_body,
        reconcile=a.reconcile or b.reconcile,
        snapshot=a.snapshot or b.snapshot,
        realtime=a.realtime or b.realtime,
    )
    return msgspec.structs.replace(one, kind=kind)
