"""Private data on the bus: encrypted, so that only machines with the exchange's same secret key can read it.

AES-256-GCM of `cryptography`. The key is derived from the secret key for each log and each stream (HKDF, RFC 5869); the
nonce is the entry's id, which is never used twice in a stream: terms are not, and sequences count.
"""

import importlib
import os
from typing import Any, Final

from websocket_v6.protocol.errors import ConfigError, RemoteProtocolError
from websocket_v6.protocol.secret import Secret

from .ids import EntryId

__all__ = ["Seal", "account_of", "check_sealing"]

_SALT: Final = b"websocket-v6 fleet"
_NONCE: Final = 12  # bytes


def _library(name: str) -> Any:
    try:
        return importlib.import_module(f"cryptography.{name}")
    except ImportError:
        raise ConfigError("private data is encrypted with cryptography: pip install 'websocket-v6[fleet]'") from None


def check_sealing() -> None:
    """Check that it can be done here.

    Raises:
        ConfigError: if there is no `cryptography`.
    """
    _library("hazmat.primitives.ciphers.aead")


def _derived(secret: str, what: str) -> bytes:
    hashes, hkdf = _library("hazmat.primitives.hashes"), _library("hazmat.primitives.kdf.hkdf")
    made = hkdf.HKDF(algorithm=hashes.SHA256(), length=32, salt=_SALT, info=what.encode()).derive(secret.encode())
    return bytes(made)


def account_of(secret: str) -> str:
    """Return what tells the fleet of one account from those of others, and says nothing of its key."""
    return _derived(secret, "account").hex()


class Seal:
    """Of one stream of one log, or of what else is named by `key`."""

    def __init__(self, secret: Secret, log: str, key: str) -> None:
        self._key = key
        self._cipher = _library("hazmat.primitives.ciphers.aead").AESGCM(_derived(secret.reveal(), f"{log} {key}"))

    def close(self, id_: EntryId, field: str, body: bytes) -> bytes:
        """Encrypt an entry."""
        return bytes(self._cipher.encrypt(_nonce(id_), field.encode() + body, self._about(str(id_))))

    def open(self, id_: EntryId, data: bytes) -> tuple[str, bytes]:
        """Return the field and the body of an entry.

        Raises:
            RemoteProtocolError: if it was made with another key, or changed.
        """
        plain = self._opened(_nonce(id_), data, str(id_))
        return plain[:1].decode("latin-1"), plain[1:]

    def close_value(self, body: bytes) -> bytes:
        """Encrypt what is written over and over under one name."""
        nonce = os.urandom(_NONCE)
        return nonce + bytes(self._cipher.encrypt(nonce, body, self._about("")))

    def open_value(self, data: bytes) -> bytes:
        """Decrypt what `close_value` made.

        Raises:
            RemoteProtocolError: if it was made with another key, or changed.
        """
        return self._opened(data[:_NONCE], data[_NONCE:], "")

    def _about(self, id_: str) -> bytes:
        return f"{self._key} {id_}".encode()

    def _opened(self, nonce: bytes, data: bytes, id_: str) -> bytes:
        try:
            return bytes(self._cipher.decrypt(nonce, data, self._about(id_)))
        except (_library("exceptions").InvalidTag, ValueError):
            raise RemoteProtocolError(f"{self._key} {id_} is not encrypted with this account's key".rstrip()) from None


def _nonce(id_: EntryId) -> bytes:
    return id_.term.to_bytes(7, "big") + id_.sequence.to_bytes(5, "big")
