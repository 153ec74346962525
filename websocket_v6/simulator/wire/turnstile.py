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
        if body is None:
            body = _BODIES.get(status, {"error": {"name": status, "message": HTTPStatus(status).phrase}})
        text = body if isinstance(body, str) else compact(body)
        pairs = tuple((headers or {}).items())
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
