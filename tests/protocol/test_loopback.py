"""Which hosts are this machine."""

import pytest

from websocket_v6.protocol.loopback import is_loopback


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost", "LocalHost.", "a.localhost"]
)
def test_what_stays_on_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "10.0.0.1", "::", "fe80::1", "api.upbit.com", "localhost.example", "notlocalhost", "::ffff:10.0.0.1"]
)
def test_what_does_not(host: str) -> None:
    assert not is_loopback(host)
