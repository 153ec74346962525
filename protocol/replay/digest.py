"""What two replays are compared by: a hash of all that a subscription delivered, in order.

XXH3 of 128 bits, a tenth of what SHA-256 takes for a message. It tells apart what differs, and signs nothing.
"""

import importlib
from typing import Protocol

from websocket_v6.protocol.errors import ConfigError

__all__ = ["Digest", "new_digest"]


class Digest(Protocol):
    """A hash that is told of more and more."""

    def update(self, data: bytes, /) -> None:
        """Count `data`, behind what came before."""

    def hexdigest(self) -> str:
        """Return the hash of all so far."""


def new_digest() -> Digest:
    """Return one that has counted nothing.

    Raises:
        ConfigError: if there is no xxhash.
    """
    try:
        made: Digest = importlib.import_module("xxhash").xxh3_128()
    except ImportError:
        raise ConfigError("digests of a replay are made with xxhash: pip install 'websocket-v6[record]'") from None
    return made
