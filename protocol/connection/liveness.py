"""Whether the peer of an open connection is there, and brings what it used to.

A peer is judged only while it is heard: while the transport reads, and this process runs. After a pause of our own
(asleep, stopped, no credit to read with) what the peer sent may still lie in the socket, so nothing is judged, all
deadlines begin anew and a ping goes out. Any byte that comes after a ping is life.
"""

import math
from collections.abc import Callable

from websocket_v6.protocol.message import Message

from .stall import StallMemory, StallWatch, Suspicion
from .steps import Action, Sample, SendPing, SendQuestion

__all__ = ["Liveness"]

LOOKS = 4  # at the connection's silence, for each ping
QUIET_LOOKS = 3  # the shortest silence that can be suspicious
# Seconds until a verdict: who was stopped until now may be asked before what lies in the socket has been read.
CONFIRM = 0.25
NEVER = math.inf


class Overdue(Message):
    """What a peer has failed to do. `is_stalled`: it lives, and brings nothing any more."""

    reason: str
    is_stalled: bool


class Liveness:
    """Watches one open connection after the other. Times are monotonic seconds, durations seconds.

    `name` is the connection's, in words; `new_ticket` makes up tickets for questions.
    """

    def __init__(
        self,
        name: str,
        ping_interval: float,
        ping_timeout: float,
        new_ticket: Callable[[], str],
        memory: StallMemory | None = None,
    ) -> None:
        self._name = name
        self._interval = ping_interval
        self._timeout = ping_timeout
        self._new_ticket = new_ticket
        self.look_every = ping_interval / LOOKS
        self._stall = StallWatch(QUIET_LOOKS * self.look_every, memory)
        self._ping = self._look = NEVER
        self._pinged_at = NEVER  # when the oldest ping was sent that nothing has come after
        self._ticket = ""  # of the question that is not answered yet
        self._asked_at = NEVER
        self._confirm_at = -NEVER  # when an answer that is overdue is looked for once more

    @property
    def memory(self) -> StallMemory:
        """What is known of the source's silences."""
        return self._stall.memory

    @property
    def deadlines(self) -> dict[str, float]:
        """When there is something to do; NEVER where there is not."""
        return {
            "ping": self._ping,
            "pong": max(self._pinged_at + self._timeout, self._confirm_at),
            "answer": max(self._asked_at + self._timeout, self._confirm_at),
            "look": self._look,
        }

    def begin(self, now: float) -> None:
        """Watch a new connection."""
        self._ping = now + self._interval
        self._look = now + self.look_every
        self._pinged_at = NEVER
        self._confirm_at = -NEVER
        self._forget_question()
        self._stall.begin(now)

    def hear(self, sample: Sample) -> bool:
        """Note what has come; return whether a ping was answered."""
        if sample.data_at > self._asked_at:
            self._forget_question()
        is_alive = sample.bytes_at > self._pinged_at
        if is_alive:
            self._pinged_at = NEVER
        return is_alive

    def answered(self, ticket: str) -> None:
        """Note that a question was answered, maybe another's."""
        if ticket == self._ticket:
            self._forget_question()

    def is_heard(self, sample: Sample) -> bool:
        """Whether the transport has been reading for as long as something is waited for."""
        return sample.reading_since is not None and sample.reading_since <= min(self._pinged_at, self._asked_at)

    def begin_anew(self, sample: Sample, now: float) -> list[Action]:
        """Let everything that is waited for begin now, for until now nothing was heard."""
        self._stall.begin(now)
        self._confirm_at = -NEVER
        if self._ticket:
            self._asked_at = now
        self._pinged_at = NEVER
        return [] if sample.reading_since is None else self._send_ping(now)

    def overdue(self, now: float) -> Overdue | None:
        """Return what the peer has failed to do; None if it has not."""
        if now < min(self._pinged_at, self._asked_at) + self._timeout:
            self._confirm_at = -NEVER
        elif self._confirm_at == -NEVER:
            self._confirm_at = now + CONFIRM
        elif now >= self._confirm_at:
            if now >= self._pinged_at + self._timeout:
                return Overdue(f"no answer to a ping on the {self._name} for {self._timeout:g} s", is_stalled=False)
            return Overdue(f"the {self._name} is stalled: no data any more, and no answer to a question", True)
        return None

    def ping(self, sample: Sample, now: float) -> list[Action]:
        """Send the next ping, if it is time."""
        if now < self._ping:
            return []
        if sample.reading_since is not None:
            return self._send_ping(now)
        # Its answer would not be heard; but the exchange hangs up on who says nothing.
        self._ping = now + self._interval
        return [SendPing()]

    def look(self, sample: Sample, now: float) -> Suspicion:
        """Look at the source's silence, if it is time."""
        if now < self._look:
            return Suspicion.NONE
        self._look = now + self.look_every
        return self._stall.look(now, sample.data_at)

    def ask(self, now: float) -> list[Action]:
        """Ask the exchange something: a market may be quiet."""
        self._ticket = self._new_ticket()
        self._asked_at = now
        return [SendQuestion(self._ticket)]

    def _send_ping(self, now: float) -> list[Action]:
        self._ping = now + self._interval
        self._pinged_at = min(self._pinged_at, now)
        return [SendPing()]

    def _forget_question(self) -> None:
        self._ticket = ""
        self._asked_at = NEVER
