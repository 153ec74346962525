"""The way through the door of another machine's host: its token, the subprotocol, and a proof where keys are asked for.

No token of the exchange's goes there: it would open the account to whoever stands at the address by now.
"""

from collections.abc import Mapping

import pykka

from websocket_v6.actors.base import ask
from websocket_v6.actors.jwt import GetDoorToken, GetProof, Proof
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.connection.door import CHALLENGE, OTHER_KEYS, PROOF, SUBPROTOCOLS
from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.secret import HiddenText, Secret
from websocket_v6.protocol.websocket.client_handshake import Answer

__all__ = ["RemoteHeaders", "challenge_of", "remedy", "remote_headers"]

ASK_TIMEOUT = 5.0
MAX_CHALLENGE = 128  # hexadecimal digits
# What helps if the door answers so.
_REMEDIES = {
    401: "check the token (WEBSOCKET_V6_TOKEN)",
    403: "it does not let this machine in",
    404: "its URL ends with /websocket/v1",
    421: "it is not known by this name: give it with --host there",
    426: "it speaks no version of what this one does: bring both up to date",
    429: "too many connects from this address; it is tried again",
    503: "it serves nobody now, or has too many clients; it is tried again",
}


class RemoteHeaders(Message):
    """What a handshake says beside its own headers, and the generation of the keys that are shown with it, or 0."""

    headers: dict[str, str]
    keys: int


def remote_headers(jwt: Ref, challenge: str = "") -> RemoteHeaders:
    """Return the headers with the door's token; with a `challenge`, also what answers that.

    Raises:
        TransportError: if the keys cannot be asked.
    """
    headers, keys = {"Sec-WebSocket-Protocol": ", ".join(SUBPROTOCOLS)}, 0
    try:
        token: Secret = ask(jwt, GetDoorToken(), ASK_TIMEOUT)
        headers["Authorization"] = HiddenText(f"Bearer {token.reveal()}")
        if challenge:
            made: Proof = ask(jwt, GetProof(bytes.fromhex(challenge)), ASK_TIMEOUT)
            headers |= {CHALLENGE: challenge, PROOF: HiddenText(made.proof.hex())}
            keys = made.generation
    except (pykka.ActorDeadError, pykka.Timeout):
        raise TransportError("no token for the door: the holder of the keys is being restarted") from None
    return RemoteHeaders(headers, keys)


def challenge_of(refusal: Answer) -> str:
    """Return what a door asks to be answered before it lets anybody in to private data; empty if it does not."""
    challenge = refusal.headers.get(CHALLENGE.lower(), "")
    is_good = len(challenge) <= MAX_CHALLENGE and len(challenge) % 2 == 0 and set(challenge) <= set("0123456789abcdef")
    return challenge if refusal.status == 401 and is_good else ""


def remedy(status: int, headers: Mapping[str, str]) -> str | None:
    """Return what helps if a door refused with this status; `None` if nothing is known."""
    if status == 403 and OTHER_KEYS.lower() in headers:
        return "its keys are others than those here, or there are none here: it shares private data with its own alone"
    return _REMEDIES.get(status)
