"""What is said on a member socket: between a host and each process that uses its connections.

Every word is one msgpack array that begins with its name, in one binary message. Nothing of a peer is believed:
whatever is not exactly a word of this module is refused here. Which version of it is spoken, the handshake settles;
that the other side is there, pings and pongs show.

A guest greets (`Hello`) and is welcomed, or sent away (`Goodbye`). Everything else may come at any time after that.
"""

from collections.abc import Callable
from typing import Annotated, Literal, TypeAlias, TypeVar

import msgspec

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.outside_text import outside_text
from websocket_v6.protocol.secret import HiddenBytes

from .shared_settings import Settings

__all__ = [
    "MAX_WORD",
    "MOST_ROWS",
    "AskComponents",
    "BeHost",
    "ComponentRow",
    "Components",
    "Endpoint",
    "FromGuest",
    "FromHost",
    "Goodbye",
    "Hello",
    "Keys",
    "LetMeHost",
    "Moved",
    "Ready",
    "Settings",
    "Shared",
    "Welcome",
    "decode_from_guest",
    "decode_from_host",
    "encode",
]

MAX_WORD = 16 * 1024  # bytes
MOST_ROWS = 32  # of components, so that they fit into a word

Endpoint: TypeAlias = Literal["public", "private", "info"]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Line: TypeAlias = Annotated[str, msgspec.Meta(max_length=1024)]
Hidden: TypeAlias = Annotated[bytes, msgspec.Meta(max_length=64)]  # shown to nobody but who it is for


def _hide(word: msgspec.Struct, name: str) -> None:
    msgspec.structs.force_setattr(word, name, HiddenBytes(getattr(word, name)))


# --- a guest says


class Hello(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="hello"):
    """Here I am, and this I would ask of connections of my own."""

    program: Line
    pid: Count
    settings: Settings


class Keys(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="keys"):
    """This is my answer to your challenge (`make_proof`); empty if I have no keys. Answered with `Shared`."""

    proof: Hidden

    def __post_init__(self) -> None:
        """Hide it."""
        _hide(self, "proof")


class LetMeHost(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="let_me_host"):
    """I am here to be the host (`websocket-v6 serve`): offer me the title."""


class Ready(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="ready"):
    """I listen there, as you asked me to with this offer."""

    offer: Count
    address: Line
    key: Hidden

    def __post_init__(self) -> None:
        """Hide the key."""
        _hide(self, "key")


class ComponentRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One subscription of a component. `queued` and the others count events, `lag` is seconds, of the last event."""

    component: Annotated[str, msgspec.Meta(max_length=60)]
    type: Annotated[str, msgspec.Meta(max_length=40)]
    symbols: Count  # 0: all of them
    delivered: Count
    dropped: Count
    queued: Count
    lag: float


class Components(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="components"):
    """These are my subscriptions, those with the most events; and how many there are besides."""

    rows: Annotated[tuple[ComponentRow, ...], msgspec.Meta(max_length=MOST_ROWS)]
    left_out: Count


# --- a host says


class Welcome(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="welcome"):
    """You are served. `member` is the name for data sockets; `stays`: I hand over to nobody as long as I live."""

    pid: Count
    program: Line
    stays: bool
    member: Line
    challenge: Hidden
    term: Count

    def __post_init__(self) -> None:
        """Hide the challenge."""
        _hide(self, "challenge")


class Shared(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="shared"):
    """The endpoints that you may have of me, from now on. `settings` are those of my connections."""

    endpoints: Annotated[tuple[Endpoint, ...], msgspec.Meta(max_length=3)]
    settings: Settings


class Moved(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="moved"):
    """The host is there now: go over to it. With your own address: be it."""

    address: Line
    key: Hidden
    term: Count

    def __post_init__(self) -> None:
        """Hide the key."""
        _hide(self, "key")


class BeHost(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="be_host"):
    """I offer you the title: listen, and say `Ready`."""

    offer: Count


class AskComponents(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="ask_components"):
    """Somebody looks: what are your components doing? Answered with `Components`."""


class Goodbye(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="goodbye"):
    """I do not serve you (any more), and why. `retry`: another attempt may be answered otherwise."""

    reason: Line
    retry: bool


FromGuest: TypeAlias = Hello | Keys | LetMeHost | Ready | Components
FromHost: TypeAlias = Welcome | Shared | Moved | BeHost | AskComponents | Goodbye

T = TypeVar("T")

_encode = msgspec.msgpack.Encoder(enc_hook=bytes).encode  # what is hidden is for who is at the other end
_from_guest: Callable[[bytes], FromGuest] = msgspec.msgpack.Decoder(FromGuest).decode
_from_host: Callable[[bytes], FromHost] = msgspec.msgpack.Decoder(FromHost).decode
# What decoding of outside bytes may raise.
_MALFORMED = (msgspec.MsgspecError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError)


def encode(word: FromGuest | FromHost) -> HiddenBytes:
    """Return the bytes of one word."""
    return HiddenBytes(_encode(word))


def decode_from_guest(data: bytes) -> FromGuest:
    """Read what a guest said.

    Raises:
        RemoteProtocolError: if it is anything else.
    """
    return _decode("a guest", _from_guest, data)


def decode_from_host(data: bytes) -> FromHost:
    """Read what a host said.

    Raises:
        RemoteProtocolError: if it is anything else.
    """
    return _decode("the host", _from_host, data)


def _decode(who: str, decode: Callable[[bytes], T], data: bytes) -> T:
    if len(data) > MAX_WORD:
        raise RemoteProtocolError(f"{who} said {len(data)} bytes at once, and no word is so long")
    try:
        return decode(data)
    except _MALFORMED as exc:
        text = f"{who} said what is no word: {len(data)} bytes that begin {data[:16]!r}: {outside_text(exc)}"
        raise RemoteProtocolError(text) from None
