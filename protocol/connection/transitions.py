"""The life of one connection as a table: what is done about each event in each state.

Its entries are the names of methods of `ConnectionMachine` (machine.py), which say what the next state is.
"""

from enum import Enum

from .steps import (
    Answered,
    Due,
    Ended,
    Failed,
    Finish,
    NewKeys,
    Opened,
    PartLost,
    Said,
    Suspected,
    TurnGiven,
    Unwanted,
    Wanted,
)

__all__ = ["TABLE", "State"]


class State(Enum):
    """Where a connection stands. What runs while it is open are deadlines, not states."""

    IDLE = "idle"  # nobody wants the endpoint
    WAITING = "waiting"  # lost or not reached; the next attempt has its time
    QUEUED = "queued"  # that time has come, and the turn among all connections of the process is awaited
    REFUSED = "refused"  # the keys are not accepted: wait for others, try again rarely
    CONNECTING = "connecting"
    OPEN = "open"
    CLOSING = "closing"  # the transport is told to end, and nobody wants another
    REOPENING = "reopening"  # the transport is told to end, and there will be another
    FINISHING = "finishing"  # the transport is told to end, and that is the end of all
    DONE = "done"


_N = "nothing"
_X = "impossible"  # a bug of ours
# fmt: off
_ROWS: dict[type, tuple[str, ...]] = {
    #          IDLE         WAITING         QUEUED          REFUSED
    #          CONNECTING   OPEN            CLOSING         REOPENING       FINISHING   DONE
    Wanted:    ("start",    _N,             _N,             _N,
                _N,         "keep",         "want_again",   _N,             _N,         _N),
    Unwanted:  (_N,         "closed",       "closed",       "closed",
                "give_up",  "linger",       _N,             "want_no_more", _N,         _N),
    TurnGiven: (_N,         _N,             "await_turn",   _N,
                _N,         _N,             _N,             _N,             _N,         _N),
    Opened:    (_X,         _X,             _X,             _X,
                "opened",   _X,             "too_late",     "too_late",     "too_late", _N),
    Failed:    (_X,         _X,             _X,             _X,
                "gone",     _X,             "closed",       "gone",         "done",     _N),
    PartLost:  (_X,         _X,             _X,             _X,
                _X,         "part_lost",    _N,             _N,             _N,         _N),
    # A transport that a bug of ours ends while it connects says Ended, too.
    Ended:     (_X,         _X,             _X,             _X,
                "gone",     "gone",         "closed",       "gone",         "done",     _N),
    Due:       (_N,         "take_turn",    "use_turn",     "take_turn",
                "timeout",  "meet",         "abandon",      "abandon",      "abandon",  _N),
    Answered:  (_N,         _N,             _N,             _N,
                _N,         "answered",     _N,             _N,             _N,         _N),
    Said:      (_N,         _N,             _N,             _N,
                _N,         "said",         _N,             _N,             _N,         _N),
    Suspected: (_N,         _N,             _N,             _N,
                _N,         "suspected",    _N,             _N,             _N,         _N),
    NewKeys:   ("learn",    "learn",        "learn",        "try_keys",
                "learn",    "renew_keys",   "learn",        "learn",        _N,         _N),
    Finish:    ("done",     "done",         "done",         "done",
                "finish",   "finish",       "finish_too",   "finish_too",   _N,         _N),
}
# fmt: on
TABLE: dict[tuple[State, type], str] = {
    (state, event): name for event, row in _ROWS.items() for state, name in zip(State, row, strict=True)
}
