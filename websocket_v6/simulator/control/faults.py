"""What goes wrong, when it is told to: connections cut, stalled or fed with nonsense, handshakes refused."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus

from ..market.wording import compact
from ..wire.client import Session
from ..wire.refusals import RequestError
from ..wire.replies import Reply

__all__ = ["Faults"]

_BODIES: Mapping[int, Mapping[str, object]] = {
    401: {"error": {"name": "jwt_verification", "message": "JWT 토큰 검증에 실패했습니다."}},
    418: {"error": {"name": 418, "message": "Too many requests, blocked for 10 seconds"}},
    429: {"error": {"name": 429, "message": "Too many requests"}},
}


class Faults:
    """Acts on the open connections of an exchange; planned refusals of handshakes are used up in their order."""

    def __init__(self, open_sessions: Callable[[str | None], Iterable[Session]], region: str) -> None:
        self._open_sessions = open_sessions
        self._region = region
        self._refusals: list[tuple[Reply, str | None, int | None]] = []  # answer, endpoint, times left
        self._answering = asyncio.Event()
        self._answering.set()

    # Connections that are open.

    def drop(self, endpoint: str | None = None, connection_id: int | None = None) -> int:
        return self._each(endpoint, connection_id, lambda session: session.outbox.abort())

    def close(
        self, code: int = 1000, reason: str = "", endpoint: str | None = None, connection_id: int | None = None
    ) -> int:
        return self._each(endpoint, connection_id, lambda session: session.outbox.close(code, reason))

    def stall(
        self,
        *,
        data: bool = True,
        pongs: bool = False,
        handshakes: bool = False,
        endpoint: str | None = None,
        connection_id: int | None = None,
    ) -> int:
        if handshakes:
            self._answering.clear()
        return self._each(endpoint, connection_id, lambda session: session.stall(data=data, pongs=pongs))

    def resume(self) -> None:
        self._answering.set()
        self._each(None, None, lambda session: session.stall(data=False, pongs=False))

    def send_raw(
        self,
        data: bytes | str,
        binary: bool | None = None,
        endpoint: str | None = None,
        connection_id: int | None = None,
    ) -> int:
        if binary is True and isinstance(data, str):
            data = data.encode()
        elif binary is False and isinstance(data, bytes):
            data = data.decode("utf-8", "surrogateescape")
        return self._each(endpoint, connection_id, lambda session: session.raw(data))

    def send_error(
        self,
        name: str,
        text: str | None = None,
        close: bool = True,
        endpoint: str | None = None,
        connection_id: int | None = None,
    ) -> int:
        message = RequestError(name).text(self._region) if text is None else text
        return self._each(endpoint, connection_id, lambda session: session.error(name, message, close=close))

    def _each(self, endpoint: str | None, connection_id: int | None, act: Callable[[Session], None]) -> int:
        chosen = [session for session in self._open_sessions(endpoint) if connection_id in (None, session.id)]
        for session in chosen:
            act(session)
        return len(chosen)

    # Connections to come.

    def refuse(
        self,
        status: int = 429,
        times: int | None = 1,
        body: str | Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        endpoint: str | None = None,
    ) -> None:
        """Plan to refuse the next `times` handshakes (REST calls: endpoint "rest"); `None` is until `accept`."""
        if body is None:
            body = _BODIES.get(status, {"error": {"name": status, "message": HTTPStatus(status).phrase}})
        text = body if isinstance(body, str) else compact(body)
        pairs = tuple((headers or {}).items())
        self._refusals.append((Reply(status, text.encode(), pairs), endpoint, times))

    def accept(self, endpoint: str | None = None) -> None:
        """Forget the refusals that are planned, all or those for `endpoint` alone."""
        self._refusals = [one for one in self._refusals if endpoint not in (None, one[1])]

    def next_refusal(self, endpoint: str) -> Reply | None:
        """Return what the handshake or call that is going on is answered with, if it is to be refused."""
        for at, (planned, only, times) in enumerate(self._refusals):
            if only != endpoint and (only is not None or endpoint == "rest"):
                continue
            if times is not None:
                self._refusals[at : at + 1] = [(planned, only, times - 1)] if times > 1 else []
            return planned
        return None

    async def handshakes_answered(self, unless: asyncio.Event) -> None:
        """Wait while handshakes are left without an answer, but not when `unless` is set."""
        if self._answering.is_set():
            return
        tasks = [asyncio.create_task(event.wait()) for event in (self._answering, unless)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
