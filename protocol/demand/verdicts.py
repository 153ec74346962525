"""What the end of a time means: whose decision it is, once all that lay before is delivered.

A deadline is taken out of the heap when its time has come, and a mark is sent through the router. The verdict is passed
when the mark is back: what the source had sent by then has been seen, and would have made the deadline void.
"""

from .asking import Asking
from .commands import Command
from .deadlines import Deadline, Kind
from .joining import Joining
from .silence import Silence
from .source import Sources
from .trials import Trials

__all__ = ["Verdicts"]


class Verdicts:
    """Has each decision made by the part that set the deadline; appends to `out` what is found of silence."""

    def __init__(
        self,
        sources: Sources,
        silence: Silence,
        asking: Asking,
        joining: Joining,
        trials: Trials,
        out: list[Command],
    ) -> None:
        self._sources = sources
        self._silence = silence
        self._asking = asking
        self._joining = joining
        self._trials = trials
        self._out = out

    def passed(self, deadline: Deadline, now: float, now_ns: int) -> bool:
        """Pass the verdict on what `deadline` was set for; return whether what is to be asked for has changed."""
        one = self._sources.attachment(deadline.attachment)
        match deadline.kind:
            case Kind.CHECK_SERVED:
                self._joining.check_served(deadline)
            case Kind.PROVEN:
                return one is not None and self._trials.proven(one, deadline.number)
            case Kind.ANSWERED:
                self._asking.give_up(one)
            case Kind.SILENT:
                self._asking.take_anyway(self._silence.waits_for(deadline.number))
                self._out.extend(self._silence.verdict(one, deadline.number, now))
            case Kind.ROOMY:
                self._asking.resize(one)
            case Kind.PROOF:
                self._joining.unproven(deadline.attachment, now_ns)
            case _:  # PATIENCE
                self._joining.join(deadline.attachment, now_ns)
        return False
