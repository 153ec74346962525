"""websocket-client's own log, with tracing on: nothing secret goes to any handler."""

import io
import logging
from collections.abc import Iterator

import pytest
import websocket

from websocket_v6.actors.connection import opening  # noqa: F401 - what connects hides headers
from websocket_v6.actors.connection.library_trace import hide_headers

TOKEN = "eyJhbGciOiJIUzUxMiJ9.eyJhY2Nlc3Nfa2V5IjoiQSJ9.c2lnbmF0dXJl"


@pytest.fixture
def trace() -> Iterator[io.StringIO]:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    websocket.enableTrace(True, handler=handler, level="DEBUG")
    logging.getLogger().addHandler(handler)
    yield out
    logging.getLogger().removeHandler(handler)
    websocket.enableTrace(False)


def test_headers_are_hidden_from_all_handlers(trace: io.StringIO) -> None:
    hide_headers()
    hide_headers()
    lines = [
        "GET / HTTP/1.1",
        f"Authorization: Bearer {TOKEN}",
        "proxy-authorization: Basic dTpw",
        "X-V6-Auth: 0f0f",
        "A: b",
    ]
    logger = logging.getLogger("websocket")
    logger.debug("\r\n".join(lines))
    logger.debug("HTTP/1.1 401 %s", TOKEN)
    told = trace.getvalue()
    for secret in ("eyJ", "dTpw", "0f0f"):
        assert secret not in told
    assert "A: b" in told
    assert "Authorization: <cut>" in told
