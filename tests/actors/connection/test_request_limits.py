import pytest

from websocket_v6.actors.connection import request_limits
from websocket_v6.actors.connection.request_limits import request_limit_of
from websocket_v6.protocol.connection.request_sizes import LARGE_REQUEST


def test_what_is_learned_of_a_host_is_known_to_all_its_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_limits, "_limits", {})
    request_limit_of("ws://one/public").not_taken(40_000)
    assert request_limit_of("ws://one/private").bytes < 40_000
    assert request_limit_of("ws://two/public").bytes == LARGE_REQUEST
