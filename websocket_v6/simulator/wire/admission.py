"""Whether a WebSocket upgrade is let in: the path, the limits, the token.

Source: Upbit WebSocket reference, "Endpoints", "Rate limits", "HTTP-level refusals of the handshake".
"""

from typing import NamedTuple

from websockets.datastructures import Headers

from ..account.keyring import AccessKey, AuthRefusal
from .clients import Clients
from .gate import Verdict
from .house import House
from .replies import Reply, error_reply, quota_reply

__all__ = ["Admission", "admit"]

_PATHS = {"/websocket/v1": "public", "/websocket/v1/private": "private", "/websocket/v1/info": "info"}
_SECRET_HEADERS = {"authorization", "cookie"}


class Admission(NamedTuple):
    """An upgrade that is let in; `refused`: only to be told INVALID_AUTH."""

    endpoint: str
    key: str | None
    headers: tuple[tuple[str, str], ...]  # for the answer
    seen: dict[str, str]  # what the client sent, without secrets
    refused: bool = False


def admit(house: House, clients: Clients, path: str, headers: Headers, ip: str) -> Admission | Reply:
    """Decide about one upgrade request and count it."""
    endpoint = _PATHS.get(path.partition("?")[0].rstrip("/"))
    if endpoint is None:
        return error_reply(404, 404, "no such endpoint")
    planned = house.turnstile.next_refusal(endpoint)
    if planned is not None:
        return planned
    verdict = _quota(house, headers, ip, endpoint)
    if verdict.status != 101:
        return quota_reply(verdict, "group=websocket; min=300", retry_after=house.answers.retry_after)
    seen = {name.lower(): value for name, value in headers.raw_items() if name.lower() not in _SECRET_HEADERS}
    # Measured on successful upgrades; `min` is 60 times the limit and means nothing any more.
    granted = (("remaining-req", f"group=websocket; min=300; sec={max(verdict.left, 0)}"), ("limit-by-ip", "Yes"))
    if endpoint == "public":
        most = house.limits.public_connections
        if most is not None and clients.count("public", ip) >= most:
            status = house.limits.connections_status
            return error_reply(status, status, "Too many connections")
        return Admission(endpoint, None, granted, seen)
    try:
        key = _authenticate(house, clients, headers.get("Authorization"))
    except AuthRefusal as error:
        if house.answers.auth_refusal == "http":
            return error_reply(error.status, error.name, error.text(house.region))
        return Admission(endpoint, None, granted, seen, refused=house.answers.auth_refusal == "on_open")
    return Admission(endpoint, key.access_key, granted, seen)


def _quota(house: House, headers: Headers, ip: str, endpoint: str) -> Verdict:
    now, limits = house.clock.now(), house.limits
    if "Origin" in headers:
        return house.gate.admit(f"origin {ip}", now, limit=limits.origin_per_10s, seconds=10.0)
    token = headers.get("Authorization")
    # With a token the key is counted, whatever the endpoint; without one the address.
    who = house.keys.owner(token) if token else None
    if who is None and endpoint != "public":
        who = "unknown key"
    return house.gate.admit(f"connect {who or ip}", now, limit=limits.connects_per_second)


def _authenticate(house: House, clients: Clients, authorization: str | None) -> AccessKey:
    """Return the key that a private or info connection belongs to.

    Raises:
        AuthRefusal: if the token is not taken.
    """
    key = house.keys.check(authorization, house.answers, house.clock.now())
    most = house.limits.private_connections
    if most is not None and len(clients.of(key.access_key)) >= most:
        raise AuthRefusal("too_many_connections", house.limits.connections_status)
    return key
