"""The keys an exchange knows and the check of the token a client connects with.

Source: Upbit WebSocket reference, "Authentication" and "HTTP-level refusals of the handshake".
"""

import binascii
import json
from collections.abc import Collection
from dataclasses import dataclass, field
from hashlib import sha512
from time import time

from jwt.algorithms import HMACAlgorithm
from jwt.utils import base64url_decode

from ..answers import Answers

__all__ = ["ALL_PERMISSIONS", "AccessKey", "AuthRefusal", "Keyring"]

_HASHES = {
    "HS256": HMACAlgorithm.SHA256,
    "HS384": HMACAlgorithm.SHA384,
    "HS512": HMACAlgorithm.SHA512,
}
_NEEDED = {"myOrder": "orders", "myAsset": "assets"}  # by message type
ALL_PERMISSIONS = frozenset({*_NEEDED.values(), "trade"})
# What a key that nobody said anything about is good for: a year, as the exchange's.
_YEAR = 365 * 86_400.0
# By name: Korean and English words.
_WORDS = {
    "no_authorization_token": ("인증 토큰이 필요합니다.", "An authorization token is needed."),
    "jwt_verification": ("JWT 토큰 검증에 실패했습니다.", "Failed to verify the JWT."),
    "invalid_access_key": ("잘못된 엑세스 키입니다.", "The access key is invalid."),
    "invalid_query_payload": ("JWT 페이로드가 올바르지 않습니다.", "The JWT payload is invalid."),
    "nonce_used": ("이미 요청한 nonce값이 다시 사용되었습니다.", "The nonce has been used."),
    "expired_access_key": ("API 키가 만료되었습니다.", "This key has expired."),
    "no_authorization_ip": ("허용되지 않은 IP 주소입니다.", "This is not a verified IP."),
    "out_of_scope": ("권한이 부족합니다.", "Out of scope."),
    "too_many_connections": ("연결 수가 제한을 초과했습니다.", "Too many connections."),
}


@dataclass
class AccessKey:
    """One API key."""

    access_key: str
    secret_key: str = field(repr=False)
    permissions: frozenset[str] = ALL_PERMISSIONS
    expired: bool = False
    ip_allowed: bool = True
    expire_at: float = field(default_factory=lambda: time() + _YEAR)  # seconds since 1970; what REST tells of it


class AuthRefusal(Exception):  # noqa: N818  # it is an answer, not a fault of ours
    """A token the exchange does not take; `name` is its word for it."""

    def __init__(self, name: str, status: int = 401) -> None:
        super().__init__(name)
        self.name = name
        self.status = status

    def text(self, region: str) -> str:
        """Return the message in the words of the region."""
        return _WORDS[self.name][region != "kr"]


_CLAIMS = {"access_key", "nonce", "query_hash", "query_hash_alg"}


class Keyring:
    """The keys by their access key, and the nonces that were used."""

    def __init__(self) -> None:
        self._keys: dict[str, AccessKey] = {}
        self._nonces: set[tuple[str, str]] = set()

    def add(self, key: AccessKey) -> None:
        self._keys[key.access_key] = key

    def remove(self, access_key: str) -> None:
        self._known(access_key)
        del self._keys[access_key]

    def expire(self, access_key: str) -> None:
        self._known(access_key).expired = True

    def allow_ip(self, access_key: str, allowed: bool) -> None:
        """Put the address of its clients on the allow list of a key, or take it off."""
        self._known(access_key).ip_allowed = allowed

    def of(self, access_key: str) -> AccessKey:
        return self._known(access_key)

    def is_good(self, access_key: str) -> bool:
        """Whether a new handshake with the key would be let in."""
        key = self._keys.get(access_key)
        return key is not None and not key.expired and key.ip_allowed

    def permits(self, access_key: str, type_: str) -> bool:
        """Whether the key may have messages of a type; one that was revoked has no permission left."""
        needed = _NEEDED.get(type_)
        key = self._keys.get(access_key)
        return needed is None or (key is not None and needed in key.permissions)

    def owner(self, authorization: str) -> str | None:
        """Return the access key that a header names, if it is known here; nothing is checked."""
        try:
            _, payload, _ = _decode(authorization.partition(" ")[2])
        except AuthRefusal:
            return None
        name = str(payload.get("access_key"))
        return name if name in self._keys else None

    def check(
        self,
        authorization: str | None,
        answers: Answers,
        now: float,
        *,
        query: Collection[str] | None = None,
    ) -> AccessKey:
        """Return the key whose token the header carries.

        `query`: how a REST call's parameters may be written where their hash is made, nothing if it has none; `None`
        for a handshake.

        Raises:
            AuthRefusal: if the exchange would not let it in.
        """
        if not authorization:
            raise AuthRefusal("no_authorization_token")
        scheme, _, token = authorization.partition(" ")
        if scheme != "Bearer" or not token:
            raise AuthRefusal("no_authorization_token")
        header, payload, signature = _decode(token)
        key = self._keys.get(str(payload.get("access_key")))
        if key is None and query is not None:
            raise AuthRefusal("invalid_access_key")
        hash_ = _HASHES.get(str(header.get("alg")))
        if key is None or hash_ is None or (header.get("alg") == "HS384" and not answers.hs384_accepted):
            raise AuthRefusal("jwt_verification")
        # The secret counts as raw text; it is not base64, though it looks it.
        signed = token.rpartition(".")[0].encode()
        if not HMACAlgorithm(hash_).verify(signed, key.secret_key.encode(), signature):
            raise AuthRefusal("jwt_verification")
        self._check_claims(key, payload, answers, now)
        if query:
            _check_hash(payload, query)
        return key

    def _known(self, access_key: str) -> AccessKey:
        if access_key not in self._keys:
            raise ValueError(f"no key {access_key!r} is known: add_key() makes one")
        return self._keys[access_key]

    def _check_claims(self, key: AccessKey, payload: dict[str, object], answers: Answers, now: float) -> None:
        nonce = payload.get("nonce")
        if not isinstance(nonce, str) or not nonce:
            raise AuthRefusal("invalid_query_payload")
        if answers.nonce_checked and (key.access_key, nonce) in self._nonces:
            raise AuthRefusal("nonce_used")
        self._nonces.add((key.access_key, nonce))
        if answers.extra_claims_refused and not set(payload) <= _CLAIMS:
            raise AuthRefusal("invalid_query_payload")
        expiry = payload.get("exp")
        if answers.token_expiry_checked and isinstance(expiry, int | float) and expiry < now:
            raise AuthRefusal("jwt_verification")
        if key.expired:
            raise AuthRefusal("expired_access_key")
        if not key.ip_allowed:
            raise AuthRefusal("no_authorization_ip")


def _check_hash(payload: dict[str, object], query: Collection[str]) -> None:
    hashes = {sha512(text.encode()).hexdigest() for text in query}
    if payload.get("query_hash") not in hashes or payload.get("query_hash_alg", "SHA512") != "SHA512":
        raise AuthRefusal("invalid_query_payload")


def _decode(token: str) -> tuple[dict[str, object], dict[str, object], bytes]:
    try:
        header, payload, signature = (base64url_decode(part) for part in token.split("."))
        parts = json.loads(header), json.loads(payload)
    except (ValueError, binascii.Error) as exc:
        raise AuthRefusal("jwt_verification") from exc
    if not all(isinstance(part, dict) for part in parts):
        raise AuthRefusal("invalid_query_payload")
    return *parts, signature
