"""What is said of a part of the engine that failed: to the log, with its traceback once; then one line each time."""

import logging

from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.limits import REASON_CHARACTERS
from websocket_v6.protocol.outside_text import outside_text
from websocket_v6.protocol.shortages import remedy
from websocket_v6.protocol.supervision.steps import Failed, Tell

__all__ = ["Death", "Hang", "failed_event", "log_trouble"]

logger = logging.getLogger(__name__)


class Death(Exception):  # noqa: N818 - what is said in place of an error that nobody has seen
    """A thread has ended without a word."""

    def __init__(self) -> None:
        super().__init__("its thread ended without a word")


class Hang(Exception):  # noqa: N818
    """A thread does not go on. `stack` is where it was, a text like a traceback's."""

    def __init__(self, seconds: float, stack: str) -> None:
        super().__init__(f"it has been at one message for {seconds:.0f} s")
        self.stack = stack


def failed_event(part: str, error: BaseException) -> Failed:
    """Return what the restarts are told of an error."""
    helps = remedy(error)
    if isinstance(error, WebSocketV6Error):  # in words of ours, which say what to do
        return Failed(
            part, outside_text(error, REASON_CHARACTERS), _kind(error), helps or "it is tried until that is mended"
        )
    return Failed(part, outside_text(repr(error), REASON_CHARACTERS), _kind(error), helps)


def log_trouble(told: Tell, error: BaseException) -> None:
    """Log a failure; what is new with where it happened."""
    trouble = told.trouble
    if trouble.remedy:
        logger.warning("%s", trouble)
    elif told.is_new and isinstance(error, Hang):
        logger.error("%s\nIt hangs in:\n%s", trouble, error.stack)
    else:
        logger.error("%s", trouble, exc_info=error if told.is_new else None)


def _kind(error: BaseException) -> str:
    """Return what two failures through the same bug have in common: the type, and the line that raised it."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    where = f"{last.tb_frame.f_code.co_filename}:{last.tb_lineno}" if last is not None else ""
    return f"{type(error).__name__} {where}"
