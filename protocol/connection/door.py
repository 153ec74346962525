"""A door: where one process serves another, and how each of them knows that the other is who it should be.

The host's file holds a random key, which only the user's processes can read. Who comes to a door shows that it has the
key, and so does who answers: nobody else is served, and nobody else is believed. The key itself never crosses.
"""

import hashlib
import hmac
from collections.abc import Mapping
from enum import Enum
from typing import Literal

from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.outside_text import outside_text, printable

__all__ = [
    "AUTH",
    "CHALLENGE",
    "MEMBER",
    "MEMBER_PATH",
    "NONCE",
    "OTHER_KEYS",
    "PROOF",
    "STATE_PATH",
    "SUBPROTOCOLS",
    "TERM",
    "Door",
    "DoorError",
    "DoorProblem",
    "auth",
    "check_answer",
    "is_known",
    "offer",
]

# The headers of a handshake at a door, as they are written and, in small letters, as they are read.
NONCE, AUTH, TERM, MEMBER = "X-V6-Nonce", "X-V6-Auth", "X-V6-Term", "X-V6-Member"
CHALLENGE, PROOF = "X-V6-Challenge", "X-V6-Proof"  # at a door on the network, for what needs keys
OTHER_KEYS = "X-V6-Other-Keys"  # of a 403: the door serves this endpoint to those that have its own keys
SUBPROTOCOLS = ("v6.2",)  # that are spoken here, the best first
MEMBER_PATH = "/websocket-v6"  # of the member socket; data sockets have the exchange's own paths
STATE_PATH = "/websocket-v6/state"  # of who only looks: each message asks for the host's state
NONCE_LENGTH = 32  # of hexadecimal digits
_HEX = frozenset("0123456789abcdef")


class Door(Message):
    """The door of a host. `member` is the name under which data sockets are opened there, empty before it is given."""

    address: str  # a path of the file system, or "127.0.0.1:port"
    key: bytes
    term: int  # which title it is of
    member: str = ""
    pid: int = 0


class DoorProblem(Enum):
    """Why a door did not open."""

    GONE = "gone"  # nobody is there, or whoever was hung up
    SILENT = "silent"  # somebody is there, and did not answer in time
    STRANGER = "stranger"  # whoever answered has not the key, or another title
    VERSION = "version"  # no version of what is said here is common
    REFUSED = "refused"  # not now, or not this


class DoorError(TransportError):
    """A door did not open. `status` is that of its answer, 0 without one; `is_other_keys`: for others' keys it does."""

    def __init__(
        self,
        text: str,
        problem: DoorProblem = DoorProblem.REFUSED,
        *,
        status: int = 0,
        is_other_keys: bool = False,
    ) -> None:
        super().__init__(text)
        self.problem = problem
        self.status = status
        self.is_other_keys = is_other_keys


def auth(key: bytes, who: Literal["guest", "host"], nonce: str) -> str:
    """Return what shows that `who` has the key, hexadecimal."""
    return hmac.new(key, f"{who} {nonce}".encode(), hashlib.sha256).hexdigest()


def offer(door: Door, nonce: str) -> dict[str, str]:
    """Return the headers of a guest's handshake. `nonce` is 32 random hexadecimal digits, used once."""
    headers = {NONCE: nonce, AUTH: auth(door.key, "guest", nonce)}
    return headers | {MEMBER: door.member} if door.member else headers


def is_known(key: bytes, headers: Mapping[str, str]) -> bool:
    """Whether who sent these headers, their names in small letters, has the key; `auth(key, "host", nonce)` answers."""
    nonce, given = headers.get(NONCE.lower(), ""), headers.get(AUTH.lower(), "")
    is_nonce = len(nonce) == NONCE_LENGTH and _HEX.issuperset(nonce)
    return is_nonce and hmac.compare_digest(auth(key, "guest", nonce).encode(), given.encode("utf-8", "replace"))


def check_answer(door: Door, nonce: str, headers: Mapping[str, str]) -> None:
    """Check the headers, with names in small letters, of an answer that opened `door`.

    Raises:
        DoorError: if it is not the host that was looked for.
    """
    given = headers.get(AUTH.lower(), "")
    if not hmac.compare_digest(auth(door.key, "host", nonce).encode(), given.encode("utf-8", "replace")):
        raise DoorError(
            f"whoever answers at {printable(door.address)} does not know the host's key", DoorProblem.STRANGER
        )
    term = headers.get(TERM.lower(), "")
    if term != str(door.term):
        where, said = printable(door.address), outside_text(term, 20)
        text = f"the host at {where} is of term {said!r}, and was said to be of {door.term}"
        raise DoorError(text, DoorProblem.STRANGER)
    if headers.get("sec-websocket-protocol") not in SUBPROTOCOLS:
        raise DoorError(
            f"the host at {printable(door.address)} named no version of what is said here", DoorProblem.VERSION
        )
