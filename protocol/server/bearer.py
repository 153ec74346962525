"""Whether a plain client may have private data: the token that it would show the exchange, checked as there.

The token says an access key and a nonce and is signed with the secret key as raw text, by HS512 or HS256. Three steps,
for the keys are where they are and nobody waits for them: `read_token` says what is claimed, `is_signed` is asked of
the holder of the keys, who says yes or no and signs nothing for others, and `Bearer.judge` lets each token in once. A
nonce that was used is refused while it is remembered; the exchange's tokens have no end.

Source: Upbit WebSocket reference, "Authentication", "HTTP-level refusals of the handshake", whose names these are; it
has no texts for them, these are ours.
"""

import binascii
import hmac
from base64 import urlsafe_b64decode
from typing import Any, Literal, NamedTuple

import msgspec

from websocket_v6.protocol.exchange.tokens import Keys

__all__ = ["Bearer", "Refusal", "Token", "error_body", "is_signed", "read_token"]

Algorithm = Literal["HS256", "HS512"]
_HASHES: dict[Algorithm, str] = {"HS256": "sha256", "HS512": "sha512"}
MAX_TOKEN = 4096  # characters: one of the exchange's has 250
MAX_NONCE = 256
REMEMBERED = 10_000  # nonces
REMEMBERED_FOR = 600.0  # seconds

_TEXTS = {
    "no_authorization_token": "인증 토큰이 존재하지 않습니다.",
    "jwt_verification": "JWT 토큰을 확인할 수 없습니다.",
    "invalid_query_payload": "JWT 토큰의 페이로드가 올바르지 않습니다.",
    "nonce_used": "이미 사용된 nonce 입니다.",
}
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_MALFORMED = (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError, binascii.Error)


class Refusal(NamedTuple):
    """How an upgrade is refused: an HTTP status, and a body in JSON."""

    status: int
    body: bytes


class Token(NamedTuple):
    """What a client's token claims; nothing of it is believed yet."""

    access_key: str
    nonce: str
    algorithm: Algorithm
    signed: bytes  # what the signature is of
    signature: bytes

    def __repr__(self) -> str:
        return "Token(...)"


class Bearer:
    """Lets in the tokens of one account, each of them once. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._nonces: dict[str, float] = {}  # and when each was used, oldest first

    def judge(self, token: Token, now: float, *, is_signed: bool) -> Refusal | None:
        """Return `None` if the token is the account's and was not used yet; else how to refuse it."""
        if not is_signed:
            return _refusal("jwt_verification")
        return None if self._is_new(token.nonce, now) else _refusal("nonce_used")

    def forgive(self, nonce: str) -> None:
        """Let a token in once more: whoever is closed for a gap is told to come again, and some have only this one."""
        self._nonces.pop(nonce, None)

    def _is_new(self, nonce: str, now: float) -> bool:
        """Note that a nonce is used. Only what was signed gets here: nobody else can make it forget one."""
        while self._nonces and self._nonces[next(iter(self._nonces))] <= now - REMEMBERED_FOR:
            del self._nonces[next(iter(self._nonces))]
        if nonce in self._nonces:
            return False
        if len(self._nonces) >= REMEMBERED:
            del self._nonces[next(iter(self._nonces))]
        self._nonces[nonce] = now
        return True


def read_token(authorization: str | None) -> Token | Refusal:
    """Return what the value of an Authorization header claims, or how to refuse it. Never raises."""
    scheme, _, text = (authorization or "").strip().partition(" ")
    text = text.strip()
    if scheme.lower() != "bearer" or not text:
        return _refusal("no_authorization_token")
    parts = text.split(".")
    if len(text) > MAX_TOKEN or len(parts) != 3 or not text.isascii():
        return _refusal("jwt_verification")
    try:
        header, payload, signature = _decode(_base64(parts[0])), _decode(_base64(parts[1])), _base64(parts[2])
    except _MALFORMED:
        return _refusal("jwt_verification")
    algorithm = next((known for known in _HASHES if known == header.get("alg")), None)
    if algorithm is None or "crit" in header:  # RFC 7515, 4.1.11: what is critical must be understood
        return _refusal("jwt_verification")
    access_key, nonce = payload.get("access_key"), payload.get("nonce")
    if (
        not isinstance(access_key, str)
        or not isinstance(nonce, str)
        or not access_key
        or not 0 < len(nonce) <= MAX_NONCE
    ):
        return _refusal("invalid_query_payload")
    return Token(access_key, nonce, algorithm, f"{parts[0]}.{parts[1]}".encode(), signature)


def is_signed(token: Token, keys: Keys | None) -> bool:
    """Whether a token is of these keys: for whoever holds them. Both are compared in a time that tells nothing."""
    if keys is None:
        return False
    signature = hmac.new(keys.secret_key.encode(), token.signed, _HASHES[token.algorithm]).digest()
    is_key = hmac.compare_digest(keys.access_key.encode(), token.access_key.encode("utf-8", "surrogatepass"))
    return hmac.compare_digest(signature, token.signature) and is_key


def error_body(name: str | int, text: str) -> bytes:
    """Return the body of an HTTP error in the exchange's form."""
    return msgspec.json.encode({"error": {"name": name, "message": text}})


def _refusal(name: str) -> Refusal:
    return Refusal(401, error_body(name, _TEXTS[name]))


def _base64(text: str) -> bytes:
    """Decode base64url without padding (RFC 7515, 2); what is no letter of it is an error, not ignored."""
    if not text.replace("-", "A").replace("_", "A").isalnum():
        raise ValueError("not base64url")
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
