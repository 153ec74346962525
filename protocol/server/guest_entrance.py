"""Who may come in at the door of a host: processes of the user that hold its key, each to what it may have.

A *member* is another process, known by its member socket; it may then open data sockets under the name it was given.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from websocket_v6.protocol.connection import door
from websocket_v6.protocol.connection.target import DOOR_PATHS
from websocket_v6.protocol.exchange.wants import open_as
from websocket_v6.protocol.websocket.server_handshake import BadRequest, Head, accept, refuse, upgrade

__all__ = ["Entered", "Refusal", "enter"]

_ENDPOINTS = {path: endpoint for endpoint, path in DOOR_PATHS.items()}


class Entered(NamedTuple):
    """A handshake that is good: send `response`. `endpoint` is that of a data socket; "": it is a member socket.

    `looks`: it is neither, and asks for nothing but the host's state.
    """

    endpoint: str
    member: str
    response: bytes
    looks: bool = False


class Refusal(NamedTuple):
    """A handshake that is not: send `response` and close. `reason` is for the log."""

    reason: str
    response: bytes


def enter(head: Head, *, key: bytes, term: int, shared: Mapping[str, Collection[str]]) -> Entered | Refusal:
    """Judge a handshake. `shared` has the endpoints that each member may have, by its name."""
    if not door.is_known(key, head.headers):
        return Refusal("it does not know the key", refuse(403))
    try:
        accepted = upgrade(head)
    except BadRequest as exc:
        return Refusal(exc.reason, refuse(exc.status, headers=exc.headers))
    offered = [one.strip(" \t") for one in head.headers.get("sec-websocket-protocol", "").split(",")]
    subprotocol = next((one for one in door.SUBPROTOCOLS if one in offered), None)
    if subprotocol is None:
        spoken = {"Sec-WebSocket-Protocol": ", ".join(door.SUBPROTOCOLS)}
        return Refusal(f"it speaks {', '.join(offered) or 'no version'!s:.60}", refuse(426, headers=spoken))
    headers = {
        door.AUTH: door.auth(key, "host", head.headers[door.NONCE.lower()]),
        door.TERM: str(term),
    }
    response = accept(accepted, subprotocol=subprotocol, extensions=None, headers=headers)
    if head.path == door.MEMBER_PATH:
        return Entered("", "", response)
    if head.path == door.STATE_PATH:
        return Entered("", "", response, looks=True)
    endpoint, member = _ENDPOINTS.get(head.path), head.headers.get(door.MEMBER.lower(), "")
    if endpoint is None:
        return Refusal(f"there is nothing at {head.path:.60}", refuse(404))
    if member not in shared:
        return Refusal("it is no member", refuse(403))
    if open_as(endpoint) not in shared[member]:
        return Refusal(f"its keys are others: no {endpoint} data", refuse(403, headers={door.OTHER_KEYS: "1"}))
    return Entered(endpoint, member, response)
