"""How a guest shows that it has the same account's keys as its host: by a keyed hash of a challenge, used once.

What crosses is good for nothing else: no token that the exchange would take, and nothing that a stranger could try keys
against without the challenge.
"""

import hashlib
import hmac

__all__ = ["CHALLENGE_BYTES", "is_proven", "prove"]

CHALLENGE_BYTES = 32
_PURPOSE = b"websocket-v6 door"


def prove(secret_key: str | None, challenge: bytes) -> bytes:
    """Return the answer to `challenge`; empty without a key."""
    if not secret_key:
        return b""
    return hmac.digest(hmac.digest(secret_key.encode(), _PURPOSE, hashlib.sha256), challenge, hashlib.sha256)


def is_proven(own: bytes, given: bytes) -> bool:
    """Whether both are answers to one challenge with the same key."""
    return bool(own) and hmac.compare_digest(own, given)
