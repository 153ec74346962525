"""What one connection's machine leaves to the next."""

import math

from websocket_v6.protocol.message import Message

from .stall import StallMemory

__all__ = ["ConnectionInheritance"]


class ConnectionInheritance(Message):
    """What a successor begins with, so that it neither hammers nor suspects anew."""

    failures: int = 0  # in a row, of the backoff
    refusals: int = 0  # in a row, of the keys
    keys: int = 0  # the newest generation that is known
    wait_until: float = -math.inf  # monotonic seconds: no attempt before
    stall: StallMemory = StallMemory()
    was_open: bool = False  # the next opening is a reconnect
