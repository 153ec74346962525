"""The way through the door of another machine's host: its token, the subprotocol, and a proof where keys are asked for.

No token of the exchange's goes there: it would open the account to whoever stands at the address by now.
"""

from collections.abc import Mapping

import pykka
import websocket

from websocket_v6.actors.base import ask
from websocket_v6.actors.jwt import GetDoorToken, GetProof
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.connection.door import CHALLENGE, PROOF, SUBPROTOCOLS
from websocket_v6.protocol.errors import TransportError

__all__ = ["challenge_of", "remote_headers"]

ASK_TIMEOUT = 5.0
MAX_CHALLENGE = 128  # hexadecimal digits


def remote_headers(jwt: Ref, challenge: str = "") -> dict[str, str]:
    """Return what the handshake says beside its own headers; with a `challenge`, what answers that.

    Raises:
        TransportError: if the keys cannot be asked.
    """
    headers = {"Sec-WebSocket-Protocol": ", ".join(SUBPROTOCOLS)}
    try:
        headers["Authorization"] = f"Bearer {ask(jwt, GetDoorToken(), ASK_TIMEOUT).reveal()}"
        if challenge:
            proof: bytes = ask(jwt, GetProof(bytes.fromhex(challenge)), ASK_TIMEOUT)
            headers |= {CHALLENGE: challenge, PROOF: proof.hex()}
    except (pykka.ActorDeadError, pykka.Timeout):
        raise TransportError("no token for the door: the holder of the keys is being restarted") from None
    return headers


def challenge_of(refusal: websocket.WebSocketBadStatusException) -> str:
    """Return what a door asks to be answered before it lets anybody in to private data; empty if it does not."""
    headers: Mapping[str, str] = refusal.resp_headers or {}
    challenge = headers.get(CHALLENGE.lower(), "")
    is_good = len(challenge) <= MAX_CHALLENGE and len(challenge) % 2 == 0 and set(challenge) <= set("0123456789abcdef")
    return challenge if refusal.status_code == 401 and is_good else ""
