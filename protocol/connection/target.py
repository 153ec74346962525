"""Where a connection leads, and what differs there: the one place that knows exchange from door."""

from typing import NamedTuple

__all__ = ["Target"]


class Target(NamedTuple):
    """What a connection connects to. No `if is_door` elsewhere: what behaves differently reads its flag here."""

    url: str
    is_paced: bool = True  # the exchange's limits on connects hold
    retries: bool = True  # a failure is tried again there; else the owner says where to go next
    stalls: bool = True  # a silence that is too long is a fault
    ages: bool = True  # it is renewed at `Config.max_age`
    compresses: bool = True  # permessage-deflate is offered, if the configuration allows it
    needs_keys: bool = False  # a token goes with the handshake
