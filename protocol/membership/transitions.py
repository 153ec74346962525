"""The life of a process among the others as a table: what is done about each event in each state.

Its entries are the names of methods of `MembershipMachine`, which say what the next state is; those up to the title are
in `guesting.py`, those with it in `hosting.py`.
"""

from enum import Enum

from .steps import (
    Announced,
    Attached,
    BeHost,
    Checked,
    ClockJumped,
    DoorFailed,
    DoorOpen,
    Due,
    FolderFailed,
    HostGone,
    Leave,
    LetMeHost,
    LockFree,
    LockTaken,
    Looked,
    MemberCame,
    MemberHeard,
    MemberLeft,
    MemberSilent,
    Moved,
    NotAnnounced,
    NotAttached,
    Ready,
    Released,
)

__all__ = ["HOSTING", "TABLE", "State"]


class State(Enum):
    """What a process is about, among the others."""

    LOOKING = "looking"  # for a host, or for the lock: with that it looks once more, and then opens a door
    ATTACHING = "attaching"  # to a host
    OPENING = "opening"  # it has the lock, and opens a door to be the host
    GUEST = "guest"
    DOUBTING = "doubting"  # a guest that hears nothing: it tries another socket for proof
    MOVING = "moving"  # a guest on its way to another host
    OFFERED = "offered"  # a guest that was asked to be the host
    TAKING = "taking"  # it has the title, and waits for the lock
    HOST = "host"
    OFFERING = "offering"  # a host that has asked a guest to be the host
    LEAVING = "leaving"  # the same, since it is about to end
    PASSED = "passed"  # it has passed its title and serves those that have not gone yet, then ends
    ALONE = "alone"  # it shares with nobody, for good
    DONE = "done"


HOSTING = frozenset((State.TAKING, State.HOST, State.OFFERING, State.LEAVING))  # they have the title

_N = "nothing"
_X = "impossible"  # a bug of ours
# fmt: off
_ROWS: dict[type, tuple[str, ...]] = {
    #              LOOKING            ATTACHING          OPENING            GUEST              DOUBTING
    #              MOVING             OFFERED            TAKING             HOST               OFFERING
    #              LEAVING            PASSED             ALONE              DONE
    Looked:       ("looked",          "verify",          _X,                "look_around",     "verify_proof",
                   "verify",          "look_up",         _X,                _X,                _X,
                   _X,                "reclaim",         _X,                _X),
    LockFree:     ("claim",           _X,                _X,                _X,                _X,
                   _X,                "got_lock",        "got_title",       _X,                _X,
                   _X,                "got_lock",        _X,                _X),
    LockTaken:    ("look_again",      _X,                _X,                _X,                _X,
                   _X,                "ask_files",       "wait_for_lock",   _X,                _X,
                   _X,                _N,                _X,                _X),
    FolderFailed: ("alone",           _X,                _X,                _X,                _X,
                   _X,                "ask_files",       "retry_lock",      _X,                _X,
                   _X,                _N,                _X,                _X),
    Checked:      (_X,                _X,                _X,                _X,                _X,
                   _X,                _X,                "checked_taking",  "checked",         "checked",
                   "checked",         _X,                _X,                _X),
    Announced:    (_X,                _X,                "succeed",         _X,                _X,
                   _X,                "succeed",         "succeed",         "confirm",         "announced",
                   "announced",       "go_on",           _X,                _X),
    NotAnnounced: (_X,                _X,                "outrun",          _X,                _X,
                   _X,                "outrun",          "lost_lock",       "check_again",     "check_again",
                   "check_again",     "give_back",       _X,                _X),
    DoorOpen:     (_X,                _X,                "announce",        _X,                _X,
                   _X,                "ready",           _X,                _X,                _X,
                   _X,                _X,                _X,                _X),
    DoorFailed:   ("no_door",         "no_door",         "cannot_open",     "no_door",         "no_door",
                   "no_door",         "decline",         "lost_door",       "lost_door",       "lost_door",
                   "lost_door",       "done",            _N,                _N),
    MemberCame:   ("came",            "came",            "came",            "came",            "came",
                   "came",            "came",            "came",            "came",            "came",
                   "came",            "came",            _N,                _N),
    MemberLeft:   ("left",            "left",            "left",            "left",            "left",
                   "left",            "left",            "left",            "left",            "offer_left",
                   "offer_left",      "passed_left",     _N,                _N),
    LetMeHost:    (_N,                _N,                _N,                _N,                _N,
                   _N,                _N,                _N,                "offer_to",        _N,
                   _N,                _N,                _N,                _N),
    Ready:        (_N,                _N,                _N,                _N,                _N,
                   _N,                _N,                _N,                _N,                "pass_on",
                   "pass_on",         _N,                _N,                _N),
    Attached:     (_N,                "attached",        _N,                _N,                "attached",
                   "attached",        _N,                _N,                _N,                _N,
                   _N,                _N,                _N,                _N),
    NotAttached:  (_N,                "not_attached",    _N,                _N,                "judge",
                   "not_attached",    _N,                _N,                _N,                _N,
                   _N,                _N,                _N,                _N),
    HostGone:     ("lost_rest",       "lost_old",        "lost_old",        "lost_host",       "lost_silent",
                   "lost_old",        "lost_offerer",    "lost_old",        "lost_old",        "lost_old",
                   "lost_old",        "lost_old",        "lost_old",        _N),
    MemberSilent: (_N,                _N,                _N,                "doubt",           _N,
                   _N,                _N,                _N,                _N,                _N,
                   _N,                _N,                _N,                _N),
    MemberHeard:  (_N,                _N,                _N,                _N,                "trust",
                   _N,                _N,                _N,                _N,                _N,
                   _N,                _N,                _N,                _N),
    Moved:        ("follow",          _N,                _N,                "follow",          "follow",
                   "follow",          "passed_on",       _N,                _N,                _N,
                   _N,                _N,                _N,                _N),
    BeHost:       (_N,                _N,                _N,                "accept",          "accept",
                   _N,                "accept_again",    _N,                _N,                _N,
                   _N,                _N,                _N,                _N),
    Released:     ("released",        "released",        "released",        "released",        "released",
                   "released",        "released",        _N,                "released",        "released",
                   "released",        "released",        "released",        _N),
    Leave:        ("quit",            "quit",            "quit",            "quit",            "quit",
                   "quit",            "quit",            "leave_soon",      "leave",           "leave",
                   _N,                _N,                "done",            "answer"),
    Due:          ("look",            "attach",          "cannot_open",     "ask",             _X,
                   "attach",          "ask_files",       "retry_lock",      _X,                "overdue",
                   "overdue",         _X,                _X,                _X),
    ClockJumped:  ("forget",          "forget",          "forget",          "wake",            "wake",
                   "forget",          "wake",            "wake_host",       "wake_host",       "wake_host",
                   "wake_host",       "done",            _N,                _N),
}
# fmt: on
TABLE: dict[tuple[State, type], str] = {
    (state, event): name for event, row in _ROWS.items() for state, name in zip(State, row, strict=True)
}
