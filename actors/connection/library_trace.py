"""Keeps headers out of websocket-client's own log: `websocket.enableTrace(True)` writes each handshake there in full.

Its request holds the token, or a proxy's password; its answer may repeat them. A filter of the logger itself sees a
record before any handler does, also those of loggers above.
"""

import logging
import re

__all__ = ["hide_headers"]

_SECRET_HEADER = re.compile(r"(?im)^((?:proxy-)?authorization|x-v6-[a-z]+|(?:set-)?cookie):.*$")
_TOKEN = re.compile(r"\beyJ[\w-]+\.[\w.-]*")


def hide_headers() -> None:
    """Have no header that may be secret in websocket-client's log; once is enough."""
    logging.getLogger("websocket").addFilter(_cleaned)


def _cleaned(record: logging.LogRecord) -> bool:
    record.msg, record.args = _TOKEN.sub("<cut>", _SECRET_HEADER.sub(r"\1: <cut>", record.getMessage())), ()
    return True
