"""protocol/dialing/proxies.py: which proxy, for which place, and that its password shows nowhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.dialing.place import place_of
from websocket_v6.protocol.dialing.proxies import (
    DIRECT,
    Proxy,
    ProxyError,
    parse_proxy,
    proxy_for,
    without_password,
)

EXCHANGE = place_of("wss://api.upbit.com/websocket/v1")


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://proxy:3128", Proxy("http", "proxy", 3128)),
        ("http://proxy/", Proxy("http", "proxy", 80)),
        ("proxy:3128", Proxy("http", "proxy", 3128)),
        ("socks5://10.0.0.1", Proxy("socks5", "10.0.0.1", 1080)),
        ("socks5h://me:p%40ss@[::1]:9", Proxy("socks5h", "::1", 9, "me", "p@ss")),
        ("HTTP://Me@Proxy:1", Proxy("http", "proxy", 1, "Me", "")),
    ],
)
def test_urls_of_proxies(url: str, proxy: Proxy) -> None:
    assert parse_proxy(url) == proxy


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://",
        "https://proxy:1",
        "carrier-pigeon://loft",
        "socks4://proxy",
        "http://proxy:x",
        "http://proxy:99999",
        "http://proxy:0",
        "http://proxy/path",
        "http://proxy?x",
        "http://pro xy",
        "http://pröxy",
        "http://proxy\n:1",
    ],
)
def test_no_urls_of_proxies(url: str) -> None:
    assert parse_proxy(url) is None


@given(st.text(max_size=60))
def test_any_text_is_a_proxy_or_none(url: str) -> None:
    proxy = parse_proxy(url)
    assert proxy is None or (proxy.host and 0 < proxy.port < 65536)


@pytest.mark.parametrize("url", ["http://me:hunter2@proxy:1", "http://:hunter2@proxy:1", "socks5://me:hunter2@h"])
def test_the_password_shows_nowhere(url: str) -> None:
    proxy = parse_proxy(url)
    assert proxy is not None
    assert proxy.password == "hunter2"
    for text in (repr(proxy), str(proxy), f"{proxy}", without_password(url)):
        assert "hunter2" not in text
        assert "me" not in text.replace("name", "")
        assert proxy.host in text


def test_a_url_without_a_password_is_shown_as_it_is_and_one_that_is_none_not_at_all() -> None:
    assert without_password("http://proxy:1") == "http://proxy:1"
    assert without_password("direct") == "direct"
    assert without_password("gopher://me:hunter2@proxy") == "set"


# --- which one


@pytest.mark.parametrize(
    ("url", "environ", "host"),
    [
        ("wss://api.upbit.com", {}, None),
        ("wss://api.upbit.com", {"HTTPS_PROXY": "http://upper:1"}, "upper"),
        ("wss://api.upbit.com", {"https_proxy": "http://lower:1", "HTTPS_PROXY": "http://upper:1"}, "lower"),
        ("https://api.upbit.com", {"HTTPS_PROXY": "http://upper:1"}, "upper"),
        ("wss://api.upbit.com", {"ALL_PROXY": "socks5://all"}, "all"),
        ("wss://api.upbit.com", {"ALL_PROXY": "socks5://all", "HTTPS_PROXY": "https-proxy:1"}, "https-proxy"),
        ("wss://api.upbit.com", {"HTTPS_PROXY": "", "all_proxy": "socks5://all"}, "all"),
        ("wss://api.upbit.com", {"HTTP_PROXY": "http://plain:1"}, None),
        ("ws://10.0.0.5:8000", {"http_proxy": "http://plain:1", "HTTPS_PROXY": "http://upper:1"}, "plain"),
    ],
)
def test_the_environment_decides(url: str, environ: dict[str, str], host: str | None) -> None:
    proxy = proxy_for(place_of(url), None, environ)
    assert (proxy and proxy.host) == host


def test_what_is_configured_comes_first() -> None:
    environ = {"HTTPS_PROXY": "http://upper:1"}
    proxy = proxy_for(EXCHANGE, "socks5h://own:9", environ)
    assert proxy == Proxy("socks5h", "own", 9)
    assert proxy_for(EXCHANGE, DIRECT, environ) is None


@pytest.mark.parametrize("url", ["ws://127.0.0.1:1", "ws://localhost:1", "ws://[::1]:1", "http://x.localhost"])
def test_no_proxy_leads_to_this_machine(url: str) -> None:
    environ = {"HTTPS_PROXY": "http://upper:1", "http_proxy": "http://plain:1", "ALL_PROXY": "http://all:1"}
    assert proxy_for(place_of(url), None, environ) is None
    assert proxy_for(place_of(url), "http://own:1", environ) is None


@pytest.mark.parametrize(
    "no_proxy",
    [
        "*",
        "api.upbit.com",
        "API.UPBIT.COM",
        ".upbit.com",
        "*.upbit.com",
        "upbit.com",
        "other.com, upbit.com",
        "api.upbit.com:443",
    ],
)
@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_exceptions(no_proxy: str, name: str) -> None:
    environ = {"HTTPS_PROXY": "http://upper:1", name: no_proxy}
    assert proxy_for(EXCHANGE, None, environ) is None
    assert proxy_for(EXCHANGE, "http://own:1", environ) is None


@pytest.mark.parametrize("no_proxy", ["", ",", "bit.com", "api.upbit.com:80", "10.0.0.0/8", ".", "com.upbit", "::1"])
def test_no_exceptions(no_proxy: str) -> None:
    assert proxy_for(EXCHANGE, "http://own:1", {"NO_PROXY": no_proxy}) is not None


@pytest.mark.parametrize(
    ("url", "is_direct"),
    [("ws://10.1.2.3:1", True), ("ws://11.1.2.3:1", False), ("ws://[fd00::1]:1", True), ("ws://[fe00::1]:1", False)],
)
def test_networks_are_excepted(url: str, is_direct: bool) -> None:
    environ = {"NO_PROXY": "10.0.0.0/8,[fd00::]/8,fd00::/8", "ALL_PROXY": "http://all:1"}
    assert (proxy_for(place_of(url), None, environ) is None) is is_direct


def test_a_variable_that_names_none_is_named_and_its_value_is_not() -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        with pytest.raises(ProxyError, match=rf"^{name} names no proxy") as caught:
            proxy_for(EXCHANGE, None, {name: "pigeon://me:hunter2@loft"})
        assert "hunter2" not in str(caught.value)
