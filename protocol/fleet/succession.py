"""How a title passes in order: who has it leads until the next one has everything, and nobody misses anything.

Who would leave says so in the title, and goes on. The first that asks has it promised, has the exchange send it all
that is wanted, and once it misses nothing takes the title, opens the logs and writes what they lack (`overlap.py`). All
that decides is the server's: a promise is a word in the title, which is taken by a comparison. So whoever dies, stands
still or comes late, another takes the title as ever; then a gap is told.

Two machines, as tables: `Leaver`, of who would leave, and `Heir`, of who would follow. Times are monotonic seconds.
"""

from enum import Enum
from typing import Final

from websocket_v6.protocol.errors import LocalProtocolError

__all__ = ["ASKING", "LASTING", "Do", "Heir", "HeirEvent", "HeirState", "Leaver", "LeaverEvent", "LeaverState"]

ASKING: Final = 2.0  # seconds that who would leave waits for another to ask: four looks of a machine that would lead
LASTING: Final = 6.0  # and for it to be ready


class Do(Enum):
    """What is to be done next."""

    NOTHING = "nothing"
    OFFER = "offer"  # say in the title that this machine would leave, and look who is there
    END_IN_ORDER = "end in order"  # this machine may go
    END = "end"  # and whoever follows will tell a gap
    CLAIM = "claim"  # ask for the title
    GATHER = "gather"  # look up what all want, have it wanted here, and keep what comes
    CONNECT = "connect"  # have connections of its own beside the log
    TAKE = "take"  # the title
    OPEN = "open"  # the logs, and read what they have by now
    LEAD = "lead"  # write what the logs lack, and then whatever comes
    ABANDON = "abandon"  # be as before


class LeaverState(Enum):
    """Where a leader stands that would leave."""

    STAYS = "stays"
    OFFERING = "offering"
    OFFERED = "offered"
    PROMISED = "promised"
    GONE = "gone"


class LeaverEvent(Enum):
    """What a leader that would leave hears."""

    LEAVE = "leave"
    ALONE = "alone"  # no other machine is there
    OTHERS = "others"  # some are
    CLAIMED = "claimed"  # one of them is to lead next
    LATE = "late"
    LOST = "lost"  # another machine leads
    FAILED = "failed"  # the server does not answer


_L, _LE = LeaverState, LeaverEvent
_WAITING = (_L.OFFERING, _L.OFFERED, _L.PROMISED)
LEAVER: Final = {
    (_L.STAYS, _LE.LEAVE): (_L.OFFERING, Do.OFFER),
    (_L.OFFERING, _LE.ALONE): (_L.GONE, Do.END_IN_ORDER),
    (_L.OFFERING, _LE.OTHERS): (_L.OFFERED, Do.NOTHING),
    (_L.OFFERED, _LE.CLAIMED): (_L.PROMISED, Do.NOTHING),
    (_L.PROMISED, _LE.CLAIMED): (_L.PROMISED, Do.NOTHING),
    (_L.OFFERING, _LE.CLAIMED): (_L.OFFERING, Do.NOTHING),
    **{(state, _LE.LOST): (_L.GONE, Do.END_IN_ORDER) for state in _WAITING},
    **{(state, event): (_L.GONE, Do.END) for state in _WAITING for event in (_LE.FAILED, _LE.LATE)},
    # Nothing that others say concerns who stays, and nothing matters to who may go.
    **{(_L.STAYS, event): (_L.STAYS, Do.NOTHING) for event in _LE if event is not _LE.LEAVE},
    **{(_L.GONE, event): (_L.GONE, Do.NOTHING) for event in _LE if event is not _LE.LEAVE},
    **{(state, _LE.LEAVE): (state, Do.NOTHING) for state in (*_WAITING, _L.GONE)},
    **{(state, event): (state, Do.NOTHING) for state in (_L.OFFERED, _L.PROMISED) for event in (_LE.ALONE, _LE.OTHERS)},
}


class Leaver:
    """Of one leader."""

    def __init__(self) -> None:
        self.state = LeaverState.STAYS
        self._asked_until = self._until = 0.0

    @property
    def is_waiting(self) -> bool:
        """Whether it stays only until another leads."""
        return self.state in _WAITING

    def handle(self, event: LeaverEvent, now: float) -> Do:
        """Take what happened; return what is to be done."""
        if event is LeaverEvent.LEAVE and self.state is LeaverState.STAYS:
            self._asked_until, self._until = now + ASKING, now + LASTING
        self.state, do = LEAVER[self.state, event]
        return do

    def due(self, now: float) -> Do:
        """See whether it has waited for long enough."""
        limit = self._until if self.state is LeaverState.PROMISED else self._asked_until
        return self.handle(LeaverEvent.LATE, now) if self.is_waiting and now >= limit else Do.NOTHING


class HeirState(Enum):
    """Where a machine stands that would lead next."""

    READS = "reads"
    CLAIMING = "claiming"
    GATHERING = "gathering"
    LISTENING = "listening"
    CONNECTING = "connecting"
    TAKING = "taking"
    OPENING = "opening"


class HeirEvent(Enum):
    """What such a machine hears."""

    OFFERED = "offered"  # who leads would leave, and nobody has asked yet
    PROMISED = "promised"
    DENIED = "denied"  # the title is another's, or was promised to another
    GATHERED = "gathered"  # what all want is wanted here
    HEARD = "heard"  # the log brings it
    WHOLE = "whole"  # and so do connections of its own, which miss nothing
    TAKEN = "taken"
    OPENED = "opened"
    OVER = "over"  # another machine leads, or nobody, or the server does not answer, or it takes too long


_H, _HE = HeirState, HeirEvent
_STEPS: Final = (
    (_H.READS, _HE.OFFERED, Do.CLAIM),
    (_H.CLAIMING, _HE.PROMISED, Do.GATHER),
    (_H.GATHERING, _HE.GATHERED, Do.NOTHING),
    (_H.LISTENING, _HE.HEARD, Do.CONNECT),
    (_H.CONNECTING, _HE.WHOLE, Do.TAKE),
    (_H.TAKING, _HE.TAKEN, Do.OPEN),
    (_H.OPENING, _HE.OPENED, Do.LEAD),
)
_ORDER = [state for state, _, _ in _STEPS]
_READY = (_HE.GATHERED, _HE.HEARD, _HE.WHOLE)  # may be said again, or before it matters
HEIR: Final = {
    **{(state, event): (state, Do.NOTHING) for state in _H for event in (_HE.OFFERED, *_READY)},
    **{(state, event): (_ORDER[(at + 1) % len(_ORDER)], do) for at, (state, event, do) in enumerate(_STEPS)},
    (_H.CLAIMING, _HE.DENIED): (_H.READS, Do.NOTHING),
    (_H.CLAIMING, _HE.OVER): (_H.READS, Do.NOTHING),
    (_H.READS, _HE.OVER): (_H.READS, Do.NOTHING),
    (_H.TAKING, _HE.DENIED): (_H.READS, Do.ABANDON),
    (_H.OPENING, _HE.DENIED): (_H.READS, Do.ABANDON),
    **{(state, _HE.OVER): (_H.READS, Do.ABANDON) for state in _ORDER[2:]},
    # What comes of a call that was given up meanwhile.
    **{(_H.READS, event): (_H.READS, Do.NOTHING) for event in (_HE.PROMISED, _HE.DENIED, _HE.TAKEN, _HE.OPENED)},
}


class Heir:
    """Of one machine that reads the log."""

    def __init__(self) -> None:
        self.state = HeirState.READS
        self._until = 0.0

    @property
    def is_preparing(self) -> bool:
        """Whether it has anything to give up."""
        return self.state not in (HeirState.READS, HeirState.CLAIMING)

    def handle(self, event: HeirEvent, now: float) -> Do:
        """Take what happened; return what is to be done.

        Raises:
            LocalProtocolError: if that cannot happen here.
        """
        if self.state is HeirState.READS and event is HeirEvent.OFFERED:
            self._until = now + LASTING
        try:
            self.state, do = HEIR[self.state, event]
        except KeyError:
            raise LocalProtocolError(f"{event.value} is no news to who is {self.state.value}") from None
        return do

    def due(self, now: float) -> Do:
        """See whether it takes too long: who would leave does not wait any more."""
        return (
            self.handle(HeirEvent.OVER, now) if self.state is not HeirState.READS and now >= self._until else Do.NOTHING
        )
