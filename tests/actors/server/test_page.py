"""actors/server/page.py: the page, its state, and what the browser is told to keep away."""

import base64
import hashlib
import re
from importlib import resources

import pytest

from websocket_v6.actors.server.page import STALE, Page
from websocket_v6.protocol.websocket.server_handshake import Head

NOW = 1_000.0
UNAVAILABLE = "503 Service Unavailable"
HTML = (resources.files("websocket_v6") / "page.html").read_text(encoding="utf-8")


def answer(
    path: str, page: Page | None = None, now: float = NOW, status: str = "200 OK"
) -> tuple[dict[str, str], bytes]:
    response = (page or Page(NOW)).answer(Head("GET", path, "", {"host": "localhost:8080"}), now)
    head, _, body = response.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    assert first == f"HTTP/1.1 {status}"
    return dict(line.split(": ", 1) for line in lines), body


def test_the_page_is_the_file() -> None:
    headers, body = answer("/")
    assert body.decode("utf-8") == HTML
    assert headers["Content-Type"] == "text/html; charset=utf-8"


def test_the_state_is_what_was_shown_last() -> None:
    page = Page(NOW)
    assert answer("/state.json", page)[1] == b"{}"
    page.show(b'{"pid": 1}', None, "", NOW)
    headers, body = answer("/state.json", page)
    assert body == b'{"pid": 1}'
    assert headers["Content-Type"] == "application/json"


def test_metrics_are_what_was_shown_last() -> None:
    page = Page(NOW)
    page.show(b"{}", b"up 1\n", "", NOW)
    headers, body = answer("/metrics", page)
    assert body == b"up 1\n"
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_without_the_extra_it_says_what_to_install() -> None:
    headers, body = answer("/metrics", status="501 Not Implemented")
    assert b"pip install 'websocket-v6[metrics]'" in body
    assert headers["Content-Type"].startswith("text/plain")


def test_it_lives_while_its_state_is_fresh() -> None:
    page = Page(NOW)
    assert answer("/healthz", page)[1] == b"ok\n"
    assert b"hangs" in answer("/healthz", page, NOW + STALE + 1, UNAVAILABLE)[1]
    page.show(b"{}", None, "public: no connection", NOW + STALE + 1)
    assert answer("/healthz", page, NOW + 2 * STALE)[1] == b"ok\n"


def test_it_is_ready_once_nothing_is_in_the_way() -> None:
    page = Page(NOW)
    assert b"starting" in answer("/readyz", page, NOW, UNAVAILABLE)[1]
    page.show(b"{}", None, "public: no connection", NOW)
    assert answer("/readyz", page, NOW, UNAVAILABLE)[1] == b"public: no connection\n"
    page.show(b"{}", None, "", NOW)
    assert answer("/readyz", page)[1] == b"ok\n"
    assert b"hangs" in answer("/readyz", page, NOW + STALE + 1, UNAVAILABLE)[1]


@pytest.mark.parametrize("path", ["/", "/state.json", "/healthz"])
def test_none_is_for_other_pages_to_read_or_keep(path: str) -> None:
    headers, _ = answer(path)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert not any(name.lower().startswith("access-control") for name in headers)


def test_no_script_and_no_style_but_its_own_is_run() -> None:
    policy = dict(part.strip().partition(" ")[::2] for part in answer("/")[0]["Content-Security-Policy"].split(";"))
    for tag in ("script", "style"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", HTML, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert policy[f"{tag}-src"] == f"'sha256-{digest}'"
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self' ws://localhost:8080 wss://localhost:8080"
    assert policy["frame-ancestors"] == "'none'"


def test_the_page_stands_alone() -> None:
    """No request to anybody, nothing inline that its policy forbids, and no way for a text to become markup."""
    assert not re.findall(r"(?:src|href|action)=\"(?!data:)", HTML)
    assert not re.findall(r"\b(?:https?:)?//(?!www\.w3\.org/2000/svg)\w+\.\w", HTML.replace("// ", ""))
    assert not re.findall(r"\s(?:style|on\w+)=\"", HTML)
    for way in (
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "document.write",
        "eval(",
        "Function(",
        "srcdoc",
        "DOMParser",
    ):
        assert way not in HTML
