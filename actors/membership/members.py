"""A process as the host: its door, and those that have come there."""

import logging
import os
import secrets
import sys
from collections.abc import Callable

from websocket_v6.actors.base import tell
from websocket_v6.actors.jwt import JudgeProof
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.server import (
    CloseMember,
    Confirm,
    Dismiss,
    Doubt,
    NameMember,
    SayToMember,
    ShareWith,
)
from websocket_v6.protocol.errors import RemoteProtocolError, TransportError
from websocket_v6.protocol.membership import steps, words
from websocket_v6.protocol.membership.host_entry import HostEntry
from websocket_v6.protocol.membership.shared_settings import together
from websocket_v6.protocol.outside_text import outside_text
from websocket_v6.protocol.secret import HiddenBytes

__all__ = ["Members", "program"]

logger = logging.getLogger(__name__)

KEY_BYTES = 32
CHALLENGE_BYTES = 32
MEMBER_BYTES = 16
BAD_WORD = 1002  # the close code for one that says what is no word
OPEN_TO_ALL: tuple[words.Endpoint, ...] = ("public",)
ALL: tuple[words.Endpoint, ...] = ("public", "private", "info")


class Member:
    """One that has come. `name` opens data sockets; `proof` is its last answer to `challenge`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.name = secrets.token_hex(MEMBER_BYTES)
        self.challenge = secrets.token_bytes(CHALLENGE_BYTES)
        self.proof: bytes | None = None
        self.settings: words.Settings | None = None  # until it has greeted
        self.components: words.Components | None = None  # as it said last

    @property
    def has_greeted(self) -> bool:
        """Whether it has said who it is."""
        return self.settings is not None


class Members:
    """The door of one process, `owner`'s, and its members. `settings` are those of the connections here.

    What a method returns is to be told to the machine.
    """

    def __init__(
        self, *, settings: words.Settings, stays: bool, jwt: Ref, owner: Ref, start_server: Callable[..., Ref]
    ) -> None:
        self.server: Ref | None = None
        self._settings = settings
        self._stays = stays
        self._jwt = jwt
        self._owner = owner
        self._start_server = start_server
        self._key = b""
        self._term = 0
        self._members: dict[int, Member] = {}

    def __len__(self) -> int:
        """Return how many have greeted."""
        return sum(one.has_greeted for one in self._members.values())

    @property
    def settings(self) -> words.Settings:
        """What all of them and this process want of the connections together."""
        return together(self._settings, (one.settings for one in self._members.values() if one.settings is not None))

    # --- the door

    def open(self, address: str, term: int) -> None:
        """Open a door; DoorOpened comes, or DoorFailed."""
        self._key, self._term = HiddenBytes(secrets.token_bytes(KEY_BYTES)), term
        self.server = self._start_server(address=address, key=self._key, term=term, owner=self._owner)

    def opened(self, server: Ref, address: str) -> steps.DoorOpen | None:
        """Take up that a door is open, if it is the one that is wanted."""
        return steps.DoorOpen(address, self._key, os.getpid()) if server == self.server else None

    def failed(self, server: Ref, reason: str) -> steps.DoorFailed | None:
        """Take up that a door is none."""
        if server != self.server:
            return None
        self.server = None
        self._members.clear()
        return steps.DoorFailed(TransportError(reason))

    def close(self, code: int, reason: str) -> Ref | None:
        """Send everybody away; return the server, which is to be stopped once it has said so."""
        server, self.server = self.server, None
        self._members.clear()
        tell(server, Dismiss(code, reason))
        return server

    def doubt(self) -> None:
        """Have nothing said there for now."""
        tell(self.server, Doubt())

    def confirm(self, term: int) -> None:
        """Have the door go on, with this term."""
        self._term = term
        tell(self.server, Confirm(term))

    # --- what members say

    def came(self, client: int, pid: int) -> None:
        """Take up that somebody has come, and may greet now."""
        if self.server is not None:
            self._members[client] = Member(pid)

    def gone(self, client: int) -> steps.MemberLeft | None:
        """Forget a member."""
        member = self._members.pop(client, None)
        return steps.MemberLeft(client) if member is not None and member.has_greeted else None

    def said(self, client: int, data: bytes) -> steps.Event | None:
        """Take up what a member said."""
        member = self._members.get(client)
        if member is None:
            return None
        try:
            word = words.decode_from_guest(data)
            if isinstance(word, words.Hello) == member.has_greeted:
                raise RemoteProtocolError(f"a guest said {type(word).__name__} when there was no place for it")
        except RemoteProtocolError as exc:
            logger.warning("process %d is cut off: %s", member.pid, exc)
            tell(self.server, CloseMember(client, BAD_WORD, "that is no word"))
            return self.gone(client)
        match word:
            case words.Hello():
                return self._greet(client, member, word)
            case words.Keys(proof):
                member.proof = proof
                self._judge(client, member)
            case words.LetMeHost():
                return steps.LetMeHost(client)
            case words.Components():
                member.components = word
            case words.Ready(offer, address, key):
                return steps.Ready(client, offer, address, key)
        return None

    def _greet(self, client: int, member: Member, hello: words.Hello) -> steps.MemberCame:
        member.settings = hello.settings
        member.pid = member.pid or hello.pid
        name = f"process {member.pid} ({outside_text(hello.program, 80)})" if hello.program else f"process {member.pid}"
        # Before it is welcomed, so that its first data socket is let in.
        tell(self.server, NameMember(client, member.name, name))
        tell(self.server, ShareWith(member.name, OPEN_TO_ALL))
        welcome = words.Welcome(os.getpid(), program(), self._stays, member.name, member.challenge, self._term)
        self._say(client, welcome)
        return steps.MemberCame(client, member.pid)

    # --- who may have what

    def _judge(self, client: int, member: Member) -> None:
        tell(self._jwt, JudgeProof(client, member.challenge, member.proof or b"", self._owner))

    def judged(self, client: int, *, has_same_keys: bool) -> None:
        """Let a member have what needs no keys, and all else only with the same ones."""
        member = self._members.get(client)
        if member is None or member.proof is None:
            return
        endpoints = ALL if has_same_keys else OPEN_TO_ALL
        tell(self.server, ShareWith(member.name, endpoints))
        self._say(client, words.Shared(endpoints, self.settings))

    def keys_changed(self) -> None:
        """Have all proofs judged anew, and nothing that needs keys shared before."""
        for client, member in self._members.items():
            if member.proof is not None:
                tell(self.server, ShareWith(member.name, OPEN_TO_ALL))
                self._judge(client, member)

    # --- what they are told

    def ask_components(self) -> None:
        """Ask all what their components are doing."""
        for client, member in self._members.items():
            if member.has_greeted:
                self._say(client, words.AskComponents())

    @property
    def components(self) -> dict[int, words.Components]:
        """What they said last, by process."""
        return {one.pid: one.components for one in self._members.values() if one.components is not None}

    def offer(self, client: int, offer: int) -> None:
        """Ask a member to be the host."""
        self._say(client, words.BeHost(offer))

    def moved(self, entry: HostEntry) -> None:
        """Send all to the new host."""
        for client, member in self._members.items():
            if member.has_greeted:
                self._say(client, words.Moved(entry.address, entry.key, entry.term))

    def _say(self, client: int, word: words.FromHost) -> None:
        tell(self.server, SayToMember(client, words.encode(word)))


def program() -> str:
    """Return what this program is called."""
    name = sys.argv[0] or sys.executable if sys.argv else ""
    return os.path.basename(name)[:200]  # noqa: PTH119
