"""The page of a door: one file, and the state that it shows.

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


class Page:
    """Answers visits. `state` is the JSON that is shown at the moment."""

    def __init__(self) -> None:
        self.state = b"{}"
        self._html = b""
        self._hashes = ("", "")

    def answer(self, head: Head) -> bytes:
        """Return the response to a visit that the rules let in: its host is this door's."""
        if head.path == "/state.json":
            return refuse(200, self.state, SECURITY)
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


def _hash_of(html: bytes, tag: str) -> str:
    """Return what names the one script, or style, of a page to the browser."""
    (text,) = re.findall(rb"<%b>(.*?)</%b>" % (tag.encode(), tag.encode()), html, re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"
