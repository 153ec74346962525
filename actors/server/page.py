"""The page of a door: one file, and the state that it shows.

No script of another origin gets at it: the rules of the door hold for it too, and it says so to the browser.
"""

from importlib import resources

from websocket_v6.protocol.websocket.server_handshake import Head, refuse

__all__ = ["Page"]

SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Page:
    """Answers visits. `state` is the JSON that is shown at the moment."""

    def __init__(self) -> None:
        self.state = b"{}"

    def answer(self, head: Head) -> bytes | None:
        """Return the response to a visit, `None` if it is none to the page."""
        if head.path == "/":
            html = (resources.files("websocket_v6") / "page.html").read_bytes()
            return refuse(200, html, SECURITY, "text/html; charset=utf-8")
        if head.path == "/state.json":
            return refuse(200, self.state, SECURITY)
        return None
