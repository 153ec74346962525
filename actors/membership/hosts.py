"""A process as a guest: its member sockets. One is in use; others are on the way there, or on their way out."""

import logging
import os

from websocket_v6.actors.base import tell
from websocket_v6.actors.jwt import Prove
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.connection.door import Door
from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.exchange.wants import without_account
from websocket_v6.protocol.membership import steps, words
from websocket_v6.protocol.membership.host_entry import HostEntry
from websocket_v6.protocol.membership.patience import Patience, Verdict
from websocket_v6.protocol.membership.shared_settings import not_obeyed
from websocket_v6.protocol.message import Message

from .member_socket import HANDSHAKE, MemberEnded, MemberSocket
from .members import program
from .place import Survey, no_survey

__all__ = ["LOOK", "Counted", "Hosts"]

logger = logging.getLogger(__name__)

PROOF = 5.0  # seconds for a new socket to be answered by a host that is in doubt
SILENCE = 10.0  # seconds without a word until a host is in doubt
SHARE = 2.0  # seconds for a host to say what it shares; until then it is asked nothing that needs keys
LOOK = 1.0  # seconds between two looks at the clock: after more of them this process stood still itself


class Counted(Message):
    """What the components of this process are doing; the host at the other end of a socket has asked."""

    number: int
    word: words.Components


class Attempt:
    """A member socket, and what is known of the host there."""

    def __init__(self, entry: HostEntry, socket: MemberSocket) -> None:
        self.entry = entry
        self.socket = socket
        self.welcome: words.Welcome | None = None
        self.patience: Patience | None = None  # from the welcome on
        self.is_doubted = False
        self.shared: tuple[str, ...] | None = None  # until the host has said it
        self.share_by = 0.0
        self.unanswered = 0  # challenges that this process answers, and the host has not said what follows from it

    @property
    def door(self) -> Door:
        """The way through the host's door, for data."""
        member = self.welcome.member if self.welcome is not None else ""
        return Door(self.entry.address, self.entry.key, self.entry.term, member, self.entry.pid)


class Hosts:
    """The member sockets of one process, `owner`'s. `settings` are what it would ask of connections of its own.

    `survey` looks at what its components are doing; the owner is told Counted, and says that to the host. What a method
    returns is to be told to the machine.
    """

    def __init__(self, *, settings: words.Settings, jwt: Ref, owner: Ref, survey: Survey = no_survey) -> None:
        self._survey = survey
        self._settings = settings
        self._jwt = jwt
        self._owner = owner
        self._attempts: dict[int, Attempt] = {}
        self._dead: set[int] = set()  # attempts whose threads were dead at the last look
        self._has_told = ""

    def attach(self, number: int, entry: HostEntry, *, is_probe: bool) -> steps.NotAttached | None:
        """Open a member socket, unless there is no thread or descriptor for it."""
        hello = words.Hello(program(), os.getpid(), self._settings)
        door = Door(entry.address, entry.key, entry.term, pid=entry.pid)
        timeout = PROOF if is_probe else HANDSHAKE
        try:
            socket = MemberSocket(number=number, door=door, hello=hello, owner=self._owner, timeout=timeout)
            socket.start()
        except (OSError, RuntimeError, MemoryError) as exc:
            return steps.NotAttached(number, TransportError(f"there is no way to the host, process {entry.pid}: {exc}"))
        self._attempts[number] = Attempt(entry, socket)
        return None

    def detach(self, number: int) -> None:
        """Close a member socket, of which nothing more is told."""
        attempt = self._attempts.pop(number, None)
        if attempt is not None:
            attempt.socket.close()

    def close(self) -> None:
        """Close all of them."""
        for number in list(self._attempts):
            self.detach(number)

    def say(self, number: int, word: words.FromGuest) -> None:
        """Say this to a host."""
        attempt = self._attempts.get(number)
        if attempt is not None:
            attempt.socket.say(word)

    def place(self, number: int | None) -> tuple[Door | None, tuple[str, ...]]:
        """Return the door at the other end of a socket, and what may be had there."""
        attempt = self._attempts.get(number or 0)
        if attempt is None or attempt.welcome is None:
            return None, ()
        return attempt.door, attempt.shared or ("public",)

    def by_door(self, door: Door) -> int | None:
        """Return the socket that belongs to a door."""
        return next((number for number, one in self._attempts.items() if one.door == door), None)

    # --- what is told of them

    def opened(self, number: int, welcome: words.Welcome, now: float) -> None:
        """Take up that a host has welcomed this process: it is asked for what it shares first."""
        attempt = self._attempts.get(number)
        if attempt is not None:
            attempt.welcome = welcome
            attempt.patience = Patience(SILENCE, LOOK, now)
            attempt.share_by = now + SHARE
            self._prove(attempt)

    def proved(self, challenge: bytes, proof: bytes) -> None:
        """Answer a host's challenge."""
        for attempt in self._attempts.values():
            if attempt.welcome is not None and attempt.welcome.challenge == challenge:
                attempt.socket.say(words.Keys(proof))

    def keys_changed(self) -> None:
        """Answer all challenges anew; what hosts shared of the account was for other keys."""
        for attempt in self._attempts.values():
            if attempt.welcome is not None:
                attempt.shared = None if attempt.shared is None else without_account(attempt.shared)
                self._prove(attempt)

    def _prove(self, attempt: Attempt) -> None:
        if attempt.welcome is not None:
            attempt.unanswered += 1
            tell(self._jwt, Prove(attempt.welcome.challenge, self._owner))

    def heard(self, number: int, word: words.FromHost) -> steps.Event | None:
        """Take up what a host said; that it shares other endpoints is for the owner to ask."""
        attempt = self._attempts.get(number)
        if attempt is None or attempt.welcome is None:
            return None
        match word:
            case words.Shared(endpoints, settings):
                attempt.unanswered = max(0, attempt.unanswered - 1)
                # With answers under way, this one is to keys from before.
                shared = without_account(endpoints) if attempt.unanswered else endpoints
                is_first, attempt.shared = attempt.shared is None, shared
                self._tell_of(attempt, settings)
                return steps.Attached(number, attempt.welcome.stays) if is_first else None
            case words.Moved(address, key, term):
                return steps.Moved(number, address, key, term)
            case words.BeHost(offer):
                return steps.BeHost(number, offer)
            case words.AskComponents():
                self._survey(False, lambda found: tell(self._owner, Counted(number, found)))
        return None

    def _tell_of(self, attempt: Attempt, settings: words.Settings) -> None:
        text = not_obeyed(self._settings, settings)
        if text and text != self._has_told:
            logger.warning("as a guest of process %d: %s", attempt.entry.pid, text)
        self._has_told = text

    def ended(self, end: MemberEnded) -> steps.Event | None:
        """Take up that a socket is none."""
        attempt = self._attempts.pop(end.number, None)
        if attempt is None:
            return None
        if attempt.shared is None:
            return steps.NotAttached(end.number, end.error, end.is_gone, end.is_hung, end.is_final)
        return steps.HostGone(end.number, end.error, end.is_final)

    def _ended_without_a_word(self) -> list[steps.Event]:
        """Take up which threads are dead; who has said so is heard before the second look."""
        dead = {number for number, one in self._attempts.items() if not one.socket.is_alive()}
        found, self._dead = dead & self._dead, dead
        error = TransportError("the thread of a member socket ended without a word")
        events = [self.ended(MemberEnded(number, error)) for number in found]
        return [event for event in events if event is not None]

    def look(self, now: float) -> list[steps.Event]:
        """Return which hosts say nothing, or something again."""
        events = self._ended_without_a_word()
        for number, attempt in self._attempts.items():
            if attempt.welcome is None or attempt.patience is None:
                continue
            heard_at = attempt.socket.heard_at
            was_silent = attempt.patience.look(now, heard_at) is Verdict.SILENT
            if was_silent:
                attempt.is_doubted = True
                attempt.patience.begin(now)
                events.append(steps.MemberSilent(number))
            elif attempt.is_doubted and heard_at is not None and now - heard_at < SILENCE:
                attempt.is_doubted = False
                events.append(steps.MemberHeard(number))
            if attempt.shared is None and now >= attempt.share_by:
                attempt.shared = ("public",)
                events.append(steps.Attached(number, attempt.welcome.stays))
        return events
