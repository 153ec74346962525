"""Which of a name's addresses is tried when: "Happy Eyeballs", so that a dead IPv6 route costs a quarter second.

`getaddrinfo` has sorted the addresses (RFC 6724) and answers for both families at once, so what RFC 8305 says of
asking for them (section 3) does not come up.

Source: RFC 8305, sections 4 (sorting) and 5 (attempts).
"""

import itertools
from collections.abc import Iterable
from typing import Any

from websocket_v6.protocol.limits import ADDRESSES
from websocket_v6.protocol.message import Message

__all__ = ["DELAY", "Address", "Race", "in_turn"]

DELAY = 0.25  # seconds for one attempt before the next begins beside it: "Connection Attempt Delay"


class Address(Message):
    """One address of a name: the family, and what `socket.connect` takes."""

    family: int
    address: Any


def in_turn(addresses: Iterable[Address]) -> list[Address]:
    """Return `addresses` in the order to try: the families take turns, the first one's first, none twice.

    There are 16 at most: whoever answers for the name may list any number.
    """
    families: dict[int, list[Address]] = {}
    for one in dict.fromkeys(addresses):
        families.setdefault(one.family, []).append(one)
    turns = itertools.zip_longest(*families.values())
    return [one for turn in turns for one in turn if one is not None][:ADDRESSES]


class Race:
    """Says when which attempt begins. Times are monotonic seconds, passed in by the caller."""

    def __init__(self, addresses: Iterable[Address], now: float) -> None:
        self._waiting = in_turn(addresses)
        self._next_at = now

    @property
    def next_at(self) -> float | None:
        """When the next attempt begins, if those under way have not succeeded; `None` once all have begun."""
        return self._next_at if self._waiting else None

    def begin(self, now: float) -> Address | None:
        """Return the address whose time has come, as begun; `None` if there is none."""
        if not self._waiting or now < self._next_at:
            return None
        self._next_at = now + DELAY
        return self._waiting.pop(0)

    def failed(self, now: float) -> None:
        """Note that an attempt has failed: the next one waits no longer."""
        self._next_at = min(self._next_at, now)
