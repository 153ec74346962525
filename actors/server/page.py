"""What a door shows to whoever looks: its page and the page's state; metrics; and, for whoever watches over it, whether
it lives and whether it is ready.

No script of another origin gets at it: the rules of the door hold for it too, and it says so to the browser. Of scripts
and styles only the page's own is run, known by its hash.

Source: Content Security Policy Level 3, 6.7 (hashes).
"""

import base64
import hashlib
import re
from importlib import resources

from websocket_v6.protocol.websocket.server_handshake import Head, refuse

__all__ = ["Page"]

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
METRICS = "text/plain; version=0.0.4; charset=utf-8"  # Prometheus documentation, "Exposition formats"
STALE = 15.0  # seconds without a new state, which comes each second, after which this host is stuck
NO_METRICS = b"there are no metrics: pip install 'websocket-v6[metrics]' where this host runs, and start it again\n"


class Page:
    """Answers visits. Times are monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._state = b"{}"
        self._metrics: bytes | None = None
        self._unready = "it is starting"
        self._shown_at = now
        self._html = b""
        self._hashes = ("", "")

    def show(self, state: bytes, metrics: bytes | None, unready: str, now: float) -> None:
        """Show this from now on: JSON, metrics as text if there are any, and what keeps the host from being ready."""
        self._state, self._metrics, self._unready, self._shown_at = state, metrics, unready, now

    def answer(self, head: Head, now: float) -> bytes:
        """Return the response to a visit that the rules let in: its host is this door's."""
        match head.path:
            case "/state.json":
                return refuse(200, self._state, SECURITY)
            case "/metrics":
                if self._metrics is None:
                    return refuse(501, NO_METRICS, SECURITY, TEXT)
                return refuse(200, self._metrics, SECURITY, METRICS)
            case "/healthz":
                return _verdict(self._stuck(now))
            case "/readyz":
                return _verdict(self._stuck(now) or self._unready)
            case _:
                return self._page(head)

    def _stuck(self, now: float) -> str:
        silent = now - self._shown_at
        return f"its state is {silent:.0f} s old: the process hangs, or was stopped" if silent > STALE else ""

    def _page(self, head: Head) -> bytes:
        if not self._html:
            self._html = (resources.files("websocket_v6") / "page.html").read_bytes()
            self._hashes = _hash_of(self._html, "script"), _hash_of(self._html, "style")
        return refuse(200, self._html, SECURITY | {"Content-Security-Policy": self._policy(head)}, HTML)

    def _policy(self, head: Head) -> str:
        script, style = self._hashes
        host = head.headers.get("host", "")
        # For some browsers 'self' is http alone.
        return (
            f"default-src 'none'; script-src {script}; style-src {style}; connect-src 'self' ws://{host} wss://{host}; "
            "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )


def _verdict(problem: str) -> bytes:
    return refuse(503 if problem else 200, (problem or "ok").encode() + b"\n", SECURITY, TEXT)


def _hash_of(html: bytes, tag: str) -> str:
    """Return what names the one script, or style, of a page to the browser."""
    (text,) = re.findall(rb"<%b>(.*?)</%b>" % (tag.encode(), tag.encode()), html, re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"
