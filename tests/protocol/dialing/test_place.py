"""protocol/dialing/place.py: where URLs lead, and what is this machine."""

import pytest

from websocket_v6.protocol.dialing.place import Place, place_of


@pytest.mark.parametrize(
    ("url", "place", "authority"),
    [
        (
            "wss://api.upbit.com/websocket/v1",
            Place("api.upbit.com", 443, True, "/websocket/v1"),
            "api.upbit.com",
        ),
        ("ws://127.0.0.1:9001", Place("127.0.0.1", 9001, False, "/"), "127.0.0.1:9001"),
        ("ws://[::1]:80/x", Place("::1", 80, False, "/x"), "[::1]"),
        ("https://[::1]:80/x", Place("::1", 80, True, "/x"), "[::1]:80"),
        ("http://HOST/", Place("host", 80, False, "/"), "host"),
    ],
)
def test_urls(url: str, place: Place, authority: str) -> None:
    assert place_of(url) == place
    assert place_of(url).authority == authority


def test_a_place_is_shown_with_its_port() -> None:
    assert str(place_of("wss://api.upbit.com")) == "api.upbit.com:443"
    assert str(place_of("ws://[::1]:7")) == "[::1]:7"


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://host/", "ws://", "ws:///x", "ws://host:99999", "ws://host:x"])
def test_no_urls(url: str) -> None:
    with pytest.raises(ValueError):
        place_of(url)
