"""Who asked for something that the exchange does not know: it answers with silence.

Every code is asked for with a snapshot at first, and heard of within half a second. What has said nothing long after
the request for it came into force is reported, once, to whoever asked, and goes on being asked for. If nothing at all
has come of a connection, that is suspected before the codes: a new one is made, once, before anything is reported.
Source: Upbit WebSocket reference, "Codes", "Order-book extras".
"""

import itertools
from collections.abc import Collection, Container, Iterable

from websocket_v6.protocol.errors import UnknownCodeError
from websocket_v6.protocol.exchange.streams import Stream, split
from websocket_v6.protocol.exchange.wants import Want

from .commands import Report, Suspect
from .deadlines import Deadline, Deadlines, Kind
from .lease import Leases
from .source import Attachment, Sources

__all__ = ["Silence", "unknown_code"]

MUTE = "nothing that was asked for has come through it, though it is open"
SUSPECT_AFTER = 0.4  # of the time after which a code is reported


class Watch:
    """Streams that a request has asked for, and who waits for each."""

    def __init__(self, attachment: int, request: int, pending: dict[Stream, set[int]]) -> None:
        self.attachment = attachment
        self.request = request
        self.pending = pending
        self.is_in_force = False


class Silence:
    """Knows which leases wait for the first word of which streams."""

    def __init__(self, timeout: float, leases: Leases, sources: Sources, deadlines: Deadlines) -> None:
        self.timeout = timeout
        self._leases = leases
        self._sources = sources
        self._deadlines = deadlines
        self._unwatched: dict[Stream, set[int]] = {}  # not asked for yet
        self._watches: dict[int, Watch] = {}
        self._reported: dict[Stream, set[int]] = {}  # to whom, since the stream last said something
        self._numbers = itertools.count(1)

    def reported_of(self, codes: Container[str]) -> tuple[Stream, ...]:
        """Return what was asked for of `codes`, has said nothing in time, and nothing since."""
        return tuple(stream for stream in self._reported if split(stream)[1] in codes)

    def expect(self, lease: int, want: Want, streams: Iterable[Stream]) -> None:
        """Note that `streams` are to say something, once they are asked for. What has no snapshots may be silent."""
        if want.is_public:
            for stream in streams:
                self._unwatched.setdefault(stream, set()).add(lease)

    def expect_all(self) -> None:
        """Watch everything anew: all of it is asked for again."""
        self._unwatched.clear()
        for number, lease in self._leases:
            self.expect(number, lease.want, lease.open)

    def forget(self, lease: int, streams: Iterable[Stream]) -> None:
        """Forget what a lease wants no more."""
        for stream in streams:
            for known in (self._unwatched, self._reported):
                waiting = known.get(stream)
                if waiting is not None:
                    waiting.discard(lease)
                    if not waiting:
                        del known[stream]

    def asked(self, one: Attachment, now: float) -> None:
        """Note that all that is wanted has been asked for; the last request did so at the latest."""
        # Who was set apart is in no request; at its trial it is expected again.
        apart = {number for number, lease in self._leases if lease.is_apart}
        pending = {
            stream: asked
            for stream, who in self._unwatched.items()
            if not self._sources.has_seen(stream) and (asked := who - apart)
        }
        self._unwatched.clear()
        if pending:
            number = next(self._numbers)
            watch = self._watches[number] = Watch(one.number, one.requests, pending)
            watch.is_in_force = one.in_force >= one.requests
            # A connection that has brought nothing at all is replaced first, which must leave time for the report.
            length = self.timeout * SUSPECT_AFTER if self._is_suspect(one) else self.timeout
            self._deadlines.set(Deadline(Kind.SILENT, one.number, number), now, length)

    def in_force(self, one: Attachment, now: float) -> None:
        """Note the first sign that a request is in force: the time runs from now on."""
        for number, watch in self._watches.items():
            if watch.attachment == one.number and watch.request <= one.in_force and not watch.is_in_force:
                watch.is_in_force = True
                self._deadlines.set(Deadline(Kind.SILENT, one.number, number), now, self.timeout)

    def saw(self, streams: Iterable[Stream]) -> None:
        """Note that `streams` have said something."""
        for stream in streams:
            self._reported.pop(stream, None)
        for number, watch in list(self._watches.items()):
            for stream in streams:
                watch.pending.pop(stream, None)
            if not watch.pending:
                del self._watches[number]
                self._deadlines.cancel(Deadline(Kind.SILENT, watch.attachment, number))

    def ended(self, one: Attachment) -> bool:
        """Note that an attachment is over; return whether what it was asked must be watched elsewhere."""
        ended = [number for number, watch in self._watches.items() if watch.attachment == one.number]
        for number in ended:
            for stream, who in self._watches.pop(number).pending.items():
                self._unwatched.setdefault(stream, set()).update(who)
        return bool(ended)

    def _is_suspect(self, one: Attachment) -> bool:
        return not (one.coverage.has_seen_any or one.source.was_suspected)

    def waits_for(self, number: int) -> Collection[Stream]:
        """Return what a watch waits for."""
        watch = self._watches.get(number)
        return () if watch is None else watch.pending.keys()

    def verdict(self, one: Attachment | None, number: int, now: float) -> list[Suspect | Report]:
        """Return what follows from a watch that is over: a new connection if this one has brought nothing, or reports.

        The new one once only: if it brings nothing either, it is the codes.
        """
        if one is not None and self._is_suspect(one):
            one.source.was_suspected = True
            # Its end moves the watch on; should it not come to that, the codes are judged all the same.
            self._deadlines.set(Deadline(Kind.SILENT, one.number, number), now, self.timeout)
            return [Suspect(one.source.number, one.number, MUTE)]
        return [
            Report(lease, unknown_code(want, silent, self.timeout), is_final=False)
            for lease, want, silent in self.judge(number)
        ]

    def judge(self, number: int) -> list[tuple[int, Want, list[Stream]]]:
        """Return the leases that have waited in vain, and for what."""
        watch = self._watches.pop(number, None)
        silent: dict[int, set[Stream]] = {}
        for stream, who in watch.pending.items() if watch is not None else ():
            for lease in who - self._reported.get(stream, set()):
                silent.setdefault(lease, set()).add(stream)
        found = []
        for lease, streams in sorted(silent.items()):
            known = self._leases.get(lease)
            still = [stream for stream in known.open if stream in streams] if known and not known.is_apart else []
            if known is not None and still:
                for stream in still:
                    self._reported.setdefault(stream, set()).add(lease)
                found.append((lease, known.want, still))
        return found


def unknown_code(want: Want, silent: Iterable[Stream], waited: float) -> UnknownCodeError:
    """Return what to tell whoever wants something that the exchange does not send."""
    codes = tuple(dict.fromkeys(split(stream)[1].partition("@")[0] for stream in silent))
    level = f" with level={want.level}" if want.level else ""
    text = (
        f"the exchange sends no {want.type} for {', '.join(codes)}{level} ({waited:g} s without a snapshot): unknown "
        "or delisted code, or a price level that the market does not have; the subscription stays and starts if it "
        "appears"
    )
    return UnknownCodeError(text, codes=codes)
