"""Whether a WebSocket upgrade is let in: the path, the limits, the token.

Source: Upbit WebSocket reference, "Endpoints", "Rate limits", "HTTP-level refusals of the handshake".
"""

from typing import NamedTuple

from websockets.datastructures import Headers

from ..account.keyring import AuthRefusal
from ..control.exchange import Exchange
from .limits import Verdict
from .replies import Reply, error_reply

__all__ = ["Admission", "admit", "quota_reply"]

_PATHS = {"/websocket/v1": "public", "/websocket/v1/private": "private", "/websocket/v1/info": "info"}
_SECRET_HEADERS = {"authorization", "cookie"}


class Admission(NamedTuple):
    """An upgrade that is let in; `refused`: only to be told INVALID_AUTH."""

    endpoint: str
    key: str | None
    headers: tuple[tuple[str, str], ...]  # for the answer
    seen: dict[str, str]  # what the client sent, without secrets
    refused: bool = False


def admit(exchange: Exchange, path: str, headers: Headers, ip: str) -> Admission | Reply:
    """Decide about one upgrade request and count it."""
    endpoint = _PATHS.get(path.partition("?")[0].rstrip("/"))
    if endpoint is None:
        return error_reply(404, 404, "no such endpoint")
    planned = exchange.faults.next_refusal(endpoint)
    if planned is not None:
        return planned
    verdict = _quota(exchange, headers, ip, endpoint)
    if verdict.status != 101:
        return quota_reply(verdict)
    seen = {name.lower(): value for name, value in headers.raw_items() if name.lower() not in _SECRET_HEADERS}
    # Measured on successful upgrades; `min` is 60 times the limit and means nothing any more.
    granted = (("remaining-req", f"group=websocket; min=300; sec={max(verdict.left, 0)}"), ("limit-by-ip", "Yes"))
    if endpoint == "public":
        return Admission(endpoint, None, granted, seen)
    try:
        key = exchange.authenticate(headers.get("Authorization"))
    except AuthRefusal as error:
        if exchange.answers.auth_refusal == "http":
            return error_reply(error.status, error.name, error.message)
        return Admission(endpoint, None, granted, seen, refused=exchange.answers.auth_refusal == "on_open")
    return Admission(endpoint, key.access_key, granted, seen)


def _quota(exchange: Exchange, headers: Headers, ip: str, endpoint: str) -> Verdict:
    now, limits = exchange.clock.now(), exchange.limits
    if "Origin" in headers:
        return exchange.gate.admit(f"origin {ip}", now, limit=limits.origin_per_10s, seconds=10.0)
    token = headers.get("Authorization")
    # With a token the key is counted, whatever the endpoint; without one the address.
    who = exchange.keys.owner(token) if token else None
    if who is None and endpoint != "public":
        who = "unknown key"
    return exchange.gate.admit(f"connect {who or ip}", now, limit=limits.connects_per_second)


def quota_reply(verdict: Verdict) -> Reply:
    """Answer 429, or 418 with the time of the block."""
    if verdict.status == 429:
        return error_reply(429, 429, "Too many requests", (("Remaining-Req", "group=websocket; min=300; sec=0"),))
    seconds = int(verdict.blocked_for) + 1
    message = f"Too many requests, blocked for {seconds} seconds"
    return error_reply(418, 418, message, (("Retry-After", str(seconds)),))
