"""What users give, checked at once: a mistake is told where it is made, not by whatever it breaks later."""

import inspect
import math
import sys
from collections.abc import Callable
from typing import Any

from .protocol.errors import LocalProtocolError

__all__ = ["caller", "check_callable", "check_count", "check_flag", "check_seconds"]


def check_flag(name: str, value: object) -> bool:
    """Return `value` if it is True or False: a word would count as True, "no" as well.

    Raises:
        LocalProtocolError: if it is anything else.
    """
    if not isinstance(value, bool):
        raise LocalProtocolError(f"{name}={value!r:.60} makes no sense: give True or False")
    return value


def check_count(name: str, value: object) -> int:
    """Return how many there may be.

    Raises:
        LocalProtocolError: if it is no whole number, or less than one.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise LocalProtocolError(f"{name}={value!r:.60} makes no sense: give a whole number, such as 100")
    return value


def check_seconds(name: str, value: object) -> float:
    """Return a time to wait, in seconds.

    Raises:
        LocalProtocolError: if it is no number, or negative.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
    if not is_number or value < 0:  # type: ignore[operator]
        raise LocalProtocolError(f"{name}={value!r:.60} makes no sense: give seconds, such as 5.0")
    return float(value)  # type: ignore[arg-type]


def check_callable(name: str, value: object, *, awaits: bool = False) -> Callable[[Any], object]:
    """Return what is to be called with one argument, if it can be.

    Raises:
        LocalProtocolError: if it cannot, or if calling it would run nothing, as with `async def` unless it `awaits`.
    """
    if not callable(value):
        raise LocalProtocolError(f"{name}={value!r:.60} cannot be called: give a function of one argument")
    called = value if inspect.isroutine(value) else getattr(value, "__call__", value)  # noqa: B004 - an object's own
    if not awaits and (inspect.iscoroutinefunction(value) or inspect.iscoroutinefunction(called)):
        raise LocalProtocolError(
            f"{name}={value!r:.60} would never run: here callbacks are plain functions, called in the component's own "
            "thread; in an asyncio program use websocket_v6.aio, which awaits them"
        )
    for is_lazy in (inspect.isasyncgenfunction, inspect.isgeneratorfunction):
        if is_lazy(value) or is_lazy(called):
            raise LocalProtocolError(f"{name}={value!r:.60} would never run: it yields, and callbacks have no reader")
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):  # some of those in C have none
        return value
    try:
        signature.bind(None)
    except TypeError as exc:
        raise LocalProtocolError(f"{name}={value!r:.60} is called with one argument: {exc}") from None
    return value


def caller() -> str:
    """Return the place in the program that is outside of this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(f"{__package__}."):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
