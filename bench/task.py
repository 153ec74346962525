"""What a contender is given, and what several of them have in common."""

import importlib
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from .messages import Messages
from .meter import Meter

__all__ = ["Task", "dict_reader", "peer"]

TICKET = "bench"


class Task(NamedTuple):
    """One run: what is to be read where, and who is told."""

    url: str
    messages: Messages
    meter: Meter
    ready: Callable[[], None]  # everything is set up: let the messages come

    def request(self) -> str:
        """Return the exchange's request for all of it."""
        types = [{"type": type_, "codes": self.messages.codes} for type_ in self.messages.types]
        return json.dumps([{"ticket": TICKET}, *types, {"format": "SIMPLE" if self.messages.is_short else "DEFAULT"}])


def dict_reader(task: Task) -> Callable[[Any], None]:
    """Return what a user would write to read one parsed message."""
    took = task.meter.took
    if task.messages.is_short:
        type_, code, price, units, ask = "ty", "cd", "tp", "obu", "ap"
    else:
        type_, code, price, units, ask = "type", "code", "trade_price", "orderbook_units", "ask_price"

    def read_flat(message: Any) -> None:
        took(message[code], message[price])

    def read_book(message: Any) -> None:
        took(message[code], message[units][0][ask])

    def read_any(message: Any) -> None:
        if message[type_] == "orderbook":
            read_book(message)
        else:
            read_flat(message)

    if len(task.messages.types) > 1:
        return read_any
    return read_book if task.messages.types == ["orderbook"] else read_flat


def peer(name: str) -> Any:
    """Import a package that may not be here when types are checked."""
    return importlib.import_module(name)
