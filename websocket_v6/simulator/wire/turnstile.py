"""Handshakes and calls to come: those that are to be refused, and a door that does not answer at all."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus

from ..market.wording import compact
from .replies import Reply

__all__ = ["Turnstile"]

_BODIES: Mapping[int, Mapping[str, object]] = {
    401: {"error": {"name": "jwt_verification", "message": "JWT 토큰 검증에 실패했습니다."}},
    418: {"error": {"name": 418, "message": "Too many requests, blocked for 10 seconds"}},
    429: {"error": {"name": 429, "message": "Too many requests"}},
}
_PAGES = {502, 503, 504}
# As common balancers write it; what stands in front of the exchange is not documented.
_PAGE = (
    "<html>\r\n<head><title>{status} {phrase}</title></head>\r\n"
    "<body>\r\n<center><h1>{status} {phrase}</h1></center>\r\n</body>\r\n</html>\r\n"
)


class Turnstile:
    """Planned refusals are used up in their order."""

    def __init__(self) -> None:
        self._refusals: list[tuple[Reply, str | None, int | None]] = []  # answer, endpoint, times left
        self._answering = asyncio.Event()
        self._answering.set()

    def refuse(
        self,
        status: int = 429,
        times: int | None = 1,
        body: str | Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        endpoint: str | None = None,
    ) -> None:
        """Plan to refuse the next `times` handshakes (REST: endpoint "rest" or a path); `None` is until `accept`."""
        pairs = tuple((headers or {}).items())
        if body is None and status in _PAGES:
            # It comes from the balancer in front: not the exchange's form, and no JSON.
            phrase = HTTPStatus(status).phrase
            body = _PAGE.format(status=status, phrase=phrase)
            pairs = (("Content-Type", "text/html"), *pairs)
        elif body is None:
            body = _BODIES.get(status, {"error": {"name": status, "message": HTTPStatus(status).phrase}})
        text = body if isinstance(body, str) else compact(body)
        self._refusals.append((Reply(status, text.encode(), pairs), endpoint, times))

    def accept(self, endpoint: str | None = None) -> None:
        """Forget the refusals that are planned, all or those for `endpoint` alone."""
        self._refusals = [one for one in self._refusals if endpoint not in (None, one[1])]

    def next_refusal(self, endpoint: str, path: str = "") -> Reply | None:
        """Return what the handshake or call that is going on is answered with, if it is to be refused."""
        for at, (planned, only, times) in enumerate(self._refusals):
            if only not in {endpoint, path} and (only is not None or endpoint == "rest"):
                continue
            if times is not None:
                self._refusals[at : at + 1] = [(planned, only, times - 1)] if times > 1 else []
            return planned
        return None

    def stall(self) -> None:
        """Leave handshakes without an answer until `resume`."""
        self._answering.clear()

    def resume(self) -> None:
        self._answering.set()

    async def answering(self, unless: asyncio.Event) -> None:
        """Wait while handshakes are left without an answer, but not when `unless` is set."""
        if self._answering.is_set():
            return
        tasks = [asyncio.create_task(event.wait()) for event in (self._answering, unless)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
