"""The times of an endpoint between which something may be missing: how each begins and ends, and what is told of it.

When that is the case is `continuity.py`. The gap before an epoch ends with the opening of what serves it; what is sent
between that and the moment in which the first request is in force is in no gap.
"""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from msgspec.structs import astuple

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.delivery.commands import Admit, End, Forget, HoldTrades, Missed, Turn
from websocket_v6.protocol.errors import TransportError, WebSocketV6Error

from .asking import Asking
from .attachment_parts import Parts
from .commands import Command, Report, Serves, Tell
from .continuity import Continuity
from .deadlines import Deadlines
from .joining import Joining
from .lease import Leases
from .silence import Silence
from .source import Attachment, Source, Sources, What

__all__ = ["Epochs", "KnownGap"]

REMEMBERED_GAPS = 16


class KnownGap(NamedTuple):
    """A time in which something may have been missed, as it was told. Unix nanoseconds."""

    endpoint: str
    epoch: int  # that began after it
    started_ns: int
    ended_ns: int | None  # None: it lasts
    reason: str


class Epochs:
    """Appends to `out` what the router and the components must know when attachments come and go."""

    def __init__(
        self,
        name: str,
        config: Config,
        leases: Leases,
        sources: Sources,
        continuity: Continuity,
        deadlines: Deadlines,
        silence: Silence,
        asking: Asking,
        joining: Joining,
        out: list[Command],
    ) -> None:
        self.opened_at_ns = 0  # when this epoch began
        # Since when others may have missed something, whom this process serves from now on. It is none of its own gaps.
        self.others_since_ns: int | None = None
        self._gaps: deque[KnownGap] = deque(maxlen=REMEMBERED_GAPS)
        self._lost_at: float | None = None  # since when nothing is served, if anything was; monotonic
        self._told = ""  # the last state that all were told
        self._lost_for = ""  # why, when that was last the case
        self._trouble: tuple[str, What] | None = None  # "lost" or "refused", and why, while it goes on
        self._name = name
        self._config = config
        self._leases = leases
        self._sources = sources
        self._continuity = continuity
        self._deadlines = deadlines
        self._silence = silence
        self._asking = asking
        self._joining = joining
        self._out = out

    @property
    def gaps(self) -> tuple[KnownGap, ...]:
        """The last gaps, oldest first; also one that lasts."""
        started_ns = self._continuity.gap_started_ns
        if started_ns is None or self._continuity.is_served:
            return tuple(self._gaps)
        return (*self._gaps, KnownGap(self._name, self._continuity.epoch + 1, started_ns, None, self._lost_for))

    # --- attachments come

    def opened(
        self, source: Source, parts: Parts, at_ns: int, now: float, *, backfills: bool, ago: float = 0.0
    ) -> Attachment:
        """Admit an attachment, open since so many seconds `ago`: an epoch begins with it, or it waits beside others."""
        is_first = not self._sources.is_open
        one = self._sources.opened(source, parts, is_held=not is_first, backfills=backfills)
        # What it brings from before now was not missed.
        outage = 0.0 if self._lost_at is None else max(0.0, now - self._lost_at - max(0.0, ago))
        self._continuity.opened(one.number, at_ns, outage_ns=int(outage * 1e9))
        if is_first:
            if self._told == "open":  # it was closed, and whoever should have said so is gone
                self.tell("closed", at_ns, epoch=self._continuity.epoch - 1)
            self._begin(at_ns)
            self._tell_open(at_ns)
            self._out.append(Serves(source.number, is_refused=False))
        else:
            self._joining.begin(one, now)
        self._out.extend(Admit(number, self._continuity.epoch, one.is_held) for number in parts.numbers)
        return one

    def _begin(self, at_ns: int) -> None:
        """Say that something may be missing before what comes now, and have trades that were missed waited for."""
        self.opened_at_ns = at_ns
        epoch, started_ns = self._continuity.epoch, self._continuity.gap_started_ns
        self._out.append(Turn(self._name, epoch))
        missed_ns = self.others_since_ns if started_ns is None else started_ns
        self.others_since_ns = None
        backfills = all(one.backfills for one in self._sources.open())
        if self._config.backfill and self._name == "public" and missed_ns is not None and not backfills:
            self._out.append(HoldTrades(epoch, min(missed_ns, at_ns), at_ns, self._config.backfill_timeout))
        if self._name == "private":
            is_guest = all(one.source.traits.names_guilty for one in self._sources.open())
            self._out.append(Missed(epoch, started_ns, self._config.backfill_timeout, is_guest))

    def _tell_open(self, at_ns: int) -> None:
        started_ns = self._continuity.gap_started_ns
        if started_ns is not None:
            self._gaps.append(KnownGap(self._name, self._continuity.epoch, started_ns, at_ns, self._lost_for))
        self.tell("open", at_ns)
        self._continuity.gap_told()

    # --- and go

    def ended(
        self, one: Attachment, whole_ns: int, at_ns: int, reason: str, error: WebSocketV6Error | None, now: float
    ) -> None:
        """Note that an attachment is over, and what is missing if others go on; that nothing serves is for the caller.

        All of it from before `whole_ns` was delivered.
        """
        epoch = self._continuity.epoch
        whole = self._sources.covering(one, self._leases.union)
        gap = self._continuity.lost(one.number, whole_ns, at_ns, whole)
        self.down([one], reason or "lost")
        self._lost_at = None if self._continuity.is_served else now
        if gap is not None:
            # Another one goes on, but it has not brought everything since this one fell silent.
            self._continuity.gap_started_ns = gap.started_ns
            self.tell("lost", at_ns, reason, error, epoch=epoch)
            self._begin(gap.ended_ns)
            for other in self._sources.open():
                if not self._continuity.awaits(other.number):
                    self._joining.takes_part(other)
            self._tell_open(gap.ended_ns)
        self._joining.review()

    def closed(self, reason: str) -> None:
        """End all attachments: nothing is wanted of them any more, so nothing can be missed."""
        self._continuity.closed()
        self._out.extend(End(one.number, reason) for one in self._sources.open())
        self.down(self._sources.open(), reason)

    def down(self, attachments: Iterable[Attachment], reason: str) -> None:
        """Forget attachments, and have what they owe done by others."""
        for one in attachments:
            asked = one.coverage.asked
            for other in self._sources.others(one):
                other.coverage.inherit(one.coverage)
            self._asking.lost(one)
            self._sources.ended(one)
            self._deadlines.cancel_all(one.number)
            self._silence.ended(one)
            self._asking.retire(stream for stream in asked if stream not in self._leases.union)
            if not self._sources.is_open:
                self._asking.deny(TransportError(f"the {self._name} connection is not there to be asked: {reason}"))
                self._out.append(Forget(self._name))
                self._silence.expect_all()

    # --- telling

    def tell(
        self,
        state: str,
        at_ns: int,
        reason: str = "",
        error: WebSocketV6Error | None = None,
        retry_in: float | None = None,
        *,
        epoch: int | None = None,
        lease: int | None = None,
    ) -> None:
        """Tell all that want something of the endpoint, or the owner of one lease, what happened to it."""
        epoch = self._continuity.epoch if epoch is None else epoch
        started_ns = self._continuity.gap_started_ns
        if started_ns is not None:
            started_ns = min(started_ns, at_ns)  # the clock may have been set back since
        self._out.append(Tell(state, epoch, at_ns, started_ns, reason, error, lease, retry_in))
        if state == "lost" and self._told in ("open", ""):  # what comes after that are vain attempts
            self._lost_for = reason or str(error or "")
        if lease is None:
            self._told = state
            if state != "connecting":  # an attempt, and the trouble is not over
                self._trouble = (state, What(at_ns, reason, error)) if state in ("lost", "refused") else None

    def tell_newcomer(self, lease: int) -> None:
        """Tell the owner of a new lease how it stands, if that is known."""
        if self._sources.is_open:
            self.tell("open", self.opened_at_ns, lease=lease)
        elif self._trouble is not None:
            state, what = self._trouble
            self.tell(state, *astuple(what), lease=lease)
            if state == "refused" and what.error is not None:
                self._out.append(Report(lease, what.error, is_final=False))

    def noted(self, source: Source, state: str, what: What) -> None:
        """Tell what happened to a source that is not open; that its keys are refused, only once it matters."""
        if state != "connecting":
            source.refusal = None
        if state == "refused":
            self._out.append(Serves(source.number, is_refused=True))
            source.refusal = what
        if self._sources.is_open or state == self._told == "closed":
            return  # another one serves, and nobody need know yet; or all know
        if state == "refused":
            self.tell_refusals()
        else:
            self.tell(state, *astuple(what))

    def tell_refusals(self) -> None:
        """Tell of the sources whose keys were refused, and each lease that it is not served for that."""
        for source in self._sources:
            what, source.refusal = source.refusal, None
            if what is not None:
                self.tell("refused", *astuple(what))
            if what is not None and what.error is not None:
                self._out.extend(Report(lease, what.error, is_final=False) for lease, _ in self._leases)
