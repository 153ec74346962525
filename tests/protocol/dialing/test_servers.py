import msgspec
import pytest

from websocket_v6.protocol.dialing.servers import Servers, parse_servers
from websocket_v6.protocol.secret import Secret

PLAIN = Servers("single", (("host", 6379),), "")


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        ("valkey://host", PLAIN),
        ("redis://host:7000/3", msgspec.structs.replace(PLAIN, places=(("host", 7000),), db=3)),
        ("rediss://host", msgspec.structs.replace(PLAIN, is_tls=True)),
        ("valkey://[::1]:7000", msgspec.structs.replace(PLAIN, places=(("::1", 7000),))),
        (
            "valkeys://host?ca=/a.pem&cert=/b.pem&key=/c.pem",
            msgspec.structs.replace(PLAIN, is_tls=True, ca="/a.pem", cert="/b.pem", key="/c.pem"),
        ),
        ("valkey://bot:p%40ss@host", msgspec.structs.replace(PLAIN, username="bot", password=Secret("p@ss"))),
        ("valkey://:secret@host", msgspec.structs.replace(PLAIN, password=Secret("secret"))),
        ("valkey+unix:///tmp/v.sock", Servers("unix", (), "", path="/tmp/v.sock")),  # noqa: S108
        ("valkey+unix:///tmp/v.sock?db=2", Servers("unix", (), "", path="/tmp/v.sock", db=2)),  # noqa: S108
        (
            "valkey+sentinel://a,b:5000/main/1",
            Servers("sentinel", (("a", 26379), ("b", 5000)), "", master="main", db=1),
        ),
        ("redis+cluster://a:1,b:2", Servers("cluster", (("a", 1), ("b", 2)), "")),
    ],
)
def test_what_a_url_says(url: str, servers: Servers) -> None:
    found = parse_servers(url)
    assert found is not None
    assert msgspec.structs.replace(found, shown="") == servers
    assert "ss@" not in found.shown
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host:6379",
        "http://host",
        "valkey://",
        "valkey://host/x",
        "valkey://host/0/1",
        "valkey://a,b",
        "valkey://host:port",
        "valkey://host?ca=/a.pem",
        "valkeys://host?x=1",
        "valkey://host#x",
        "valkey://ho st",
        "valkey+unix://host/path",
        "valkey+unix:///path?db=x",
        "valkey+sentinel://host",
        "valkey+cluster://host/1",
        "valkey+what://host",
    ],
)
def test_what_is_none_is_refused(url: str) -> None:
    assert parse_servers(url) is None
