"""Keys, and tokens for the private endpoints: a JWT with the access key and a nonce that is never used twice.

Source: Upbit WebSocket reference, "Authentication": HMAC with the secret key as raw text, HS512 recommended, HS256
accepted; the payload is access key and nonce and nothing else, but for the hash of a REST call's query; a token is
checked when the connection is made.
"""

import functools
import hashlib
import hmac
from typing import TYPE_CHECKING, NoReturn, TypeGuard

from websocket_v6.protocol.errors import ConfigError
from websocket_v6.protocol.secret import HiddenBytes, Secret

if TYPE_CHECKING:
    import jwt

__all__ = ["KEY_FORM", "Keys", "is_key", "make_proof", "make_token"]

KEY_FORM = "the key as the exchange shows it: printable ASCII without spaces"


def is_key(value: object) -> TypeGuard[str]:
    """Whether `value` can be one of the exchange's keys."""
    return isinstance(value, str) and value.isascii() and value.isprintable() and value != "" and " " not in value


class Keys:
    """An account's pair of keys, which shows itself to nobody by itself and does not leave its process.

    Raises:
        ConfigError: if one of them cannot be a key.
    """

    __slots__ = ("access_key", "secret_key")

    def __init__(self, access_key: str, secret_key: str) -> None:
        for name, value in (("access_key", access_key), ("secret_key", secret_key)):
            if not is_key(value):
                # These hold the keys, and tracebacks are sometimes printed with all local variables.
                del access_key, secret_key, value
                raise ConfigError(f"{name} is not accepted: give {KEY_FORM}")
        self.access_key = access_key
        self.secret_key = secret_key

    def __repr__(self) -> str:
        return "Keys(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("keys do not leave their process")


def make_token(keys: Keys, nonce: str, algorithm: str, query: str = "") -> Secret:
    """Sign a token, for the header of one attempt. `nonce` is a fresh random UUID; `algorithm` is HS512 or HS256.

    A REST call's token also signs its `query` as it is before it is encoded: the hash is of just these characters.
    """
    hashed = {"query_hash": hashlib.sha512(query.encode()).hexdigest(), "query_hash_alg": "SHA512"} if query else {}
    import json  # late, as jwt: public data needs no token

    # No local of this frame has the key as it is: a dump of all stacks would show it.
    payload = HiddenBytes(
        json.dumps({"access_key": keys.access_key, "nonce": nonce, **hashed}, separators=(",", ":")).encode()
    )
    return Secret(_signer().encode(payload, HiddenBytes(keys.secret_key.encode()), algorithm))


def make_proof(keys: Keys | None, challenge: bytes) -> HiddenBytes:
    """Return what shows who made the challenge that the keys here are the same as there; nothing without keys.

    It opens nothing at the exchange, and nothing anywhere for another challenge.
    """
    if keys is None:
        return HiddenBytes()
    own = hmac.digest(keys.secret_key.encode(), b"websocket-v6 door", "sha256")
    return HiddenBytes(hmac.digest(own, challenge, "sha256"))


@functools.cache
def _signer() -> "jwt.PyJWS":
    # Imported when first needed: a quarter of all import time, and public data needs no token.
    import jwt
    from jwt.algorithms import HMACAlgorithm

    class RawHmac(HMACAlgorithm):
        """HMAC with any key. PyJWT's own refuses what looks like a PEM or JWK, and says so with the key at hand."""

        def prepare_key(self, key: str | bytes) -> bytes:
            return key.encode() if isinstance(key, str) else key

        def check_key_length(self, key: bytes) -> None:  # noqa: ARG002
            # The exchange's secrets are 40 characters, RFC 7518 wants 64 for HS512: a warning would help nobody.
            return None

    signer = jwt.PyJWS(algorithms=[])
    signer.register_algorithm("HS512", RawHmac(RawHmac.SHA512))
    signer.register_algorithm("HS256", RawHmac(RawHmac.SHA256))
    return signer
