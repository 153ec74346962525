"""What happens to the parts of an engine, and what is to be told of it: the events and actions of `restarts.py`."""

from enum import Enum
from typing import TypeAlias

from websocket_v6.protocol.message import Message

__all__ = ["Due", "Event", "Failed", "Gone", "Started", "State", "Stopped", "Tell", "Trouble"]


class State(Enum):
    """How one part stands."""

    ABSENT = "absent"  # it is not there, and may be started
    RUNNING = "running"
    WAITING = "waiting"  # it failed, and is not to be started yet


class Started(Message):
    """The part runs."""

    part: str


class Failed(Message):
    """The part ended by itself, or could not be started; `error` in words, `kind` the same without what varies.

    `remedy` says what helps; without one it is a bug of ours.
    """

    part: str
    error: str
    kind: str = ""
    remedy: str = ""


class Stopped(Message):
    """The part was stopped, since what it leans on is no more: it may be started again whenever that is there."""

    part: str


class Gone(Message):
    """Nobody needs the part any more."""

    part: str


class Due(Message):
    """Time has passed. `was_away`: this process stood still meanwhile, so nothing of it ran either."""

    was_away: bool = False


Event: TypeAlias = Started | Failed | Stopped | Gone | Due


class Trouble(Message):
    """A part that has failed, and has not run well since.

    `times` counts failures in a row. `wait` is how long it is waited until it is started again, from the failure on;
    `due` when that is (seconds of the caller's clock), `None` once it runs.
    """

    part: str
    times: int
    error: str
    remedy: str
    wait: float
    due: float | None

    def __str__(self) -> str:
        often = f" ({self.times} times in a row)" if self.times > 1 else ""
        when = f"in {self.wait:.1f} s" if self.wait else "at once"
        helps = self.remedy or "this is a bug, please report it"
        return f"the engine's {self.part} failed{often}: {self.error}; it is started again {when}; {helps}"


class Tell(Message):
    """Say what has happened, and when it is tried again. `is_new`: nothing like it was told before."""

    trouble: Trouble
    is_new: bool
