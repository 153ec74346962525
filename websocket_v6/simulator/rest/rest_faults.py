"""What goes wrong with REST calls when it is told to: replicas that lag, lists that shrink, answers that never come."""

import asyncio
import json
from typing import Literal, get_args

__all__ = ["Harm", "RestFaults"]

Harm = Literal["empty", "half", "truncated", "hang", "cut"]
_BODIES = ("empty", "half", "truncated")


class RestFaults:
    """Planned faults by path are used up in their order."""

    def __init__(self, lag: float = 0.0) -> None:
        self.lag = lag
        self._planned: dict[str, list[tuple[Harm, int | None]]] = {}
        self._going_on = asyncio.Event()
        self._going_on.set()

    def delay(self, seconds: float) -> None:
        """Show in answers what was `seconds` ago, from now on."""
        self.lag = seconds

    def plan(self, path: str, harm: Harm, times: int | None = 1) -> None:
        """Spoil the next `times` answers of a path; `None` is until `mend`."""
        if harm not in get_args(Harm):
            raise ValueError(f"{harm!r} is no way to spoil an answer: choose one of {', '.join(get_args(Harm))}")
        self._planned.setdefault(path, []).append((harm, times))
        if harm == "hang":
            self._going_on.clear()

    def mend(self) -> None:
        """Forget what is planned, and let the calls that hang go on."""
        self._planned.clear()
        self._going_on.set()

    async def held_back(self, path: str) -> bool:
        """Wait while the call is to hang; return whether it is to be cut off without an answer."""
        harm = self._next(path, ("hang", "cut"))
        if harm == "hang":
            await self._going_on.wait()
        return harm == "cut"

    def spoil(self, path: str, body: bytes) -> bytes:
        """Return what is left of the body of a good answer."""
        harm = self._next(path, _BODIES)
        if harm == "truncated":
            return body[: len(body) // 2]
        if harm is None:
            return body
        rows = json.loads(body, parse_float=str, parse_int=str) if body[:1] == b"[" else None
        if not isinstance(rows, list):
            return b"{}"
        return b"[]" if harm == "empty" else _first(body, len(rows) // 2)

    def _next(self, path: str, kinds: tuple[str, ...]) -> Harm | None:
        planned = self._planned.get(path, [])
        for at, (harm, times) in enumerate(planned):
            if harm in kinds:
                if times is not None:
                    planned[at : at + 1] = [(harm, times - 1)] if times > 1 else []
                return harm
        return None


def _first(body: bytes, count: int) -> bytes:
    """Return the first rows of a JSON array, as they are written."""
    text = body.decode()
    decoder, at, ends = json.JSONDecoder(), 1, [1]
    for _ in range(count):
        _, at = decoder.raw_decode(text, at)
        ends.append(at)
        at += 1  # the comma
    return f"{text[: ends[-1]]}]".encode()
