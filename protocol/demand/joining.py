"""When a source that opened beside others may take part.

It begins in the middle, perhaps ahead of the others, so what it brings is held. Once it has everything that is wanted,
the others are asked something: when one of them answers, it has brought all that was sent before, and is no longer
needed for that. This shows nothing while what serves is not known to be in force itself: it would be ahead of the one
that joins. Then the newcomer is asked again, after that.

One that is to be replaced and does not answer in time is ended first. It may hold back what the newcomer was too late
for: nobody can say that nothing is missing, so its end is told with a gap, and the newcomer takes part with that.
"""

from websocket_v6.protocol.delivery.commands import End, Join

from .asking import Asking
from .commands import Command, Serves
from .continuity import Continuity
from .deadlines import Deadline, Deadlines, Kind
from .source import Attachment, Question, Sources

__all__ = ["Joining"]

# A source that is to be replaced is not kept for what its successor does not bring within this time.
PATIENCE = 30.0
PROOF_PATIENCE = 3.0  # and not for its own last answer
UNANSWERED = "it was to be replaced, and did not answer"


class Joining:
    """Appends to `out` who joins, and has asked what must be known before."""

    def __init__(
        self, sources: Sources, continuity: Continuity, deadlines: Deadlines, asking: Asking, out: list[Command]
    ) -> None:
        self._sources = sources
        self._continuity = continuity
        self._deadlines = deadlines
        self._asking = asking
        self._out = out

    def begin(self, one: Attachment, now: float) -> None:
        """Note that an attachment is open beside others."""
        self._deadlines.set(Deadline(Kind.PATIENCE, one.number), now, PATIENCE)

    def check_served(self, deadline: Deadline) -> None:
        """Ask an attachment that is still not known to serve what it was asked last."""
        one = self._sources.attachment(deadline.attachment)
        if one is not None and one.requests == deadline.number and not one.coverage.is_whole:
            self._asking.ask_source(one)

    def settled(self, one: Attachment, now: float, now_ns: int) -> None:
        """See whether an attachment has all that is wanted now; if so, have the others show that they caught up."""
        is_waiting = self._continuity.awaits(one.number) and one.whole_at_ns is None
        if not is_waiting or not one.coverage.is_whole or one.is_early or one.is_rechecked:
            return
        serving = self._serving(one)
        if not all(self._sources.is_in_force(other) for other in serving):
            one.is_early = True
            return
        one.whole_at_ns = now_ns
        for other in serving:
            self._asking.ask_source(other, proves=one.number)
        self._deadlines.set(Deadline(Kind.PROOF, one.number), now, PROOF_PATIENCE)

    def review(self) -> None:
        """Ask those again that had everything too early, if what serves is known to be in force now."""
        for one in self._sources.open():
            if one.is_early and all(self._sources.is_in_force(other) for other in self._serving(one)):
                one.is_early, one.is_rechecked = False, True
                self._asking.ask_source(one, is_recheck=True)

    def _serving(self, one: Attachment) -> list[Attachment]:
        return [other for other in self._sources.others(one) if not self._continuity.awaits(other.number)]

    def answered(self, one: Attachment, question: Question, now: float, now_ns: int) -> None:
        """Take an answer into account."""
        if question.is_recheck:
            one.is_rechecked = False
        self.settled(one, now, now_ns)
        if question.proves is not None:
            self.join(question.proves, now_ns)

    def unproven(self, number: int, now_ns: int) -> None:
        """Let an attachment take part though the others have not shown that they caught up, if it still waits."""
        one = self._sources.attachment(number)
        if one is None or not self._continuity.awaits(number):
            return
        old = [other for other in self._serving(one) if other.source.number in one.source.traits.heir_of]
        if not old:
            self.join(number, now_ns)
        self._out.extend(End(other.number, UNANSWERED) for other in old)

    def join(self, number: int, now_ns: int) -> None:
        """Let an attachment take part, if it is still there and waits for that."""
        one = self._sources.attachment(number)
        if one is None or not self._continuity.awaits(number):
            return
        # Not since now: the answer that brought us here may have been the last that the other one says.
        self._continuity.serves(number, one.whole_at_ns or now_ns)
        self.takes_part(one)

    def takes_part(self, one: Attachment) -> None:
        """Have what an attachment brings delivered from now on, and what was held of it."""
        self._deadlines.cancel(Deadline(Kind.PATIENCE, one.number))
        self._deadlines.cancel(Deadline(Kind.PROOF, one.number))
        one.is_early = one.is_rechecked = False
        if one.is_held:
            one.is_held = False
            self._out.extend(Join(number) for number in one.parts.numbers)
        self._out.append(Serves(one.source.number, is_refused=False))
        # Whoever was to show that it caught up with another newcomer may be done with now, and never be asked.
        for other in self._sources.others(one):
            if self._continuity.awaits(other.number) and other.whole_at_ns is not None:
                self._asking.ask_source(one, proves=other.number)
